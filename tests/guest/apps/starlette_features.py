from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

LOG = []


@asynccontextmanager
async def lifespan(app):
    app.state.value = "from the lifespan"
    yield {"value": "state"}


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-stamp"] = request.method
        return response


async def state(request):
    return JSONResponse([request.app.state.value, request.state.value])


async def background(request):
    return PlainTextResponse("accepted", background=BackgroundTask(LOG.append, "done"))


async def form(request):
    async with request.form() as fields:
        return JSONResponse(dict(fields))


async def error(request):
    raise HTTPException(409, "a conflict")


async def websocket(socket):
    await socket.accept()


def make_app(greeting="made"):
    """Make the app; the entry point names this function."""
    inner = Starlette(routes=[Route("/inner", lambda request: PlainTextResponse(greeting + request.url.path))])
    return Starlette(
        lifespan=lifespan,
        middleware=[Middleware(Stamp), Middleware(GZipMiddleware, minimum_size=100)],
        routes=[
            Route("/state", state),
            Route("/big", lambda request: PlainTextResponse("plain " * 2000)),
            Route("/background", background),
            Route("/log", lambda request: JSONResponse(LOG)),
            Route("/form", form, methods=["POST"]),
            Route("/error", error),
            WebSocketRoute("/socket", websocket),
            Mount("/mounted", inner),
        ],
    )
