from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from litestar import Litestar, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException
from litestar.params import Body

LOG = []


@dataclass
class Person:
    name: str
    age: int = 3


@asynccontextmanager
async def lifespan(app):
    app.state.value = "from the lifespan"
    yield


async def work():
    LOG.append("done")


@get("/state")
async def state(state: State) -> dict:
    return {"value": state.value}


@get("/big")
async def big() -> str:
    return "plain " * 2000


@get("/background")
async def background() -> Response[str]:
    return Response("accepted", background=BackgroundTask(work))


@get("/log")
async def log() -> list:
    return LOG


@post("/form")
async def form(data: Annotated[Person, Body(media_type=RequestEncodingType.URL_ENCODED)]) -> Person:
    return data


@get("/error")
async def error() -> None:
    raise ClientException("a conflict", status_code=409)


@get("/headers")
async def headers(request: Request) -> dict:
    return {key: value for key, value in request.headers.items() if key.startswith("x-")}


def create():
    """Make the app; the entry point names this function."""
    handlers = [state, big, background, log, form, error, headers]
    return Litestar(
        handlers, lifespan=[lifespan], compression_config=CompressionConfig(backend="gzip", minimum_size=100)
    )
