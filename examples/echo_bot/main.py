"""A bot that sends back what it is told. Its token is handed over when it runs: all that is published is public."""

import asyncio
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

API = os.environ.get("BOT_API", "https://api.telegram.org")
BOT_SHA256 = os.environ.get("BOT_SHA256", "")
# In the program the volume is there; on a developer's machine the project's own folder serves.
STATE = Path("/opt/state") if Path("/opt/state").is_dir() else Path(__file__).parent / "state"
POLL_SECONDS = 20
PAUSE_SECONDS = 5

token_came = asyncio.Event()
report = {"answered": 0, "problem": ""}


def read(name: str) -> str:
    """Return what was kept under a name, or nothing."""
    file = STATE / name
    return file.read_text() if file.exists() else ""


def keep(name: str, text: str) -> None:
    """Keep a text: whole or not at all, whatever happens meanwhile."""
    STATE.mkdir(exist_ok=True)
    file = STATE / f"{name}.new"
    file.touch(mode=0o600)
    file.write_text(text)
    file.replace(STATE / name)


async def answer_messages() -> None:
    """Ask for news and answer each message, until the program ends."""
    if not read("token"):
        await token_came.wait()
    async with httpx.AsyncClient(base_url=f"{API}/bot{read('token')}/", timeout=POLL_SECONDS + 10) as bot:
        while True:
            report["problem"] = await answer_news(bot)
            if report["problem"]:
                await asyncio.sleep(PAUSE_SECONDS)


async def answer_news(bot: httpx.AsyncClient) -> str:
    """Wait for news, answer each message, keep how far it has come; return what went wrong."""
    try:
        news = {"offset": read("offset") or "0", "timeout": str(POLL_SECONDS)}
        for update in (await bot.get("getUpdates", params=news)).raise_for_status().json()["result"]:
            if text := update.get("message", {}).get("text"):
                reply = {"chat_id": update["message"]["chat"]["id"], "text": text}
                (await bot.post("sendMessage", json=reply)).raise_for_status()
                report["answered"] += 1
            keep("offset", str(update["update_id"] + 1))
    except httpx.HTTPError as error:
        return type(error).__name__  # its text would hold the token
    return ""


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Work beside the requests for as long as the program runs."""
    task = asyncio.create_task(answer_messages())
    yield
    task.cancel()


async def status(_request: Request) -> Response:
    """Tell how it goes."""
    return JSONResponse({"has_token": bool(read("token")), **report})


async def take_token(request: Request) -> Response:
    """Take the token from whoever has it: only the right one has the hash that was published."""
    token = (await request.body()).decode(errors="replace").strip()
    if not hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), BOT_SHA256):
        return Response("This is not the bot's token.", 403)
    keep("token", token)
    token_came.set()
    return Response(status_code=204)


app = Starlette(routes=[Route("/", status), Route("/token", take_token, methods=["PUT"])], lifespan=lifespan)
