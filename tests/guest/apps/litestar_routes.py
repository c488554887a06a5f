from pathlib import Path
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.response import File, Redirect, Stream


@get("/hello", media_type=MediaType.TEXT, sync_to_thread=False)
def hello(name: str = "world") -> str:
    return f"hello {name}"


@post("/echo", status_code=200)
async def echo(request: Request) -> Response[bytes]:
    return Response(await request.body(), media_type="application/octet-stream")


@post("/json")
async def json(data: dict[str, Any]) -> dict[str, Any]:
    return {"got": data}


@get("/items/{name:str}", media_type=MediaType.TEXT)
async def item(name: str) -> str:
    return name


@get("/url")
async def url(request: Request) -> list[Any]:
    return [str(request.url), sorted(request.query_params.multi_items())]


@get("/stream", media_type="text/plain")
async def stream() -> Stream:
    async def parts():
        for number in range(200):
            yield f"{number}," * 100

    return Stream(parts())


@get("/file")
async def file() -> File:
    return File(Path(__file__).with_name("data.bin"), filename="data.bin")


@get("/redirect")
async def redirect() -> Redirect:
    return Redirect("/hello")


@get("/boom")
async def boom() -> None:
    raise RuntimeError("a secret")


@get("/empty", status_code=204)
async def empty() -> None:
    return None


app = Litestar([hello, echo, json, item, url, stream, file, redirect, boom, empty], debug=False)
