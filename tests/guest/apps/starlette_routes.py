from pathlib import Path

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


class Hello(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse(f"hello {request.query_params.get('name', 'world')}")


async def echo(request):
    parts = [part async for part in request.stream()]
    return StreamingResponse(iter(parts), media_type="application/octet-stream")


async def json(request):
    return JSONResponse({"got": await request.json()})


def item(request):
    return PlainTextResponse(request.path_params["name"])


async def url(request):
    return JSONResponse([str(request.url), str(request.url_for("item", name="x")), request.query_params.multi_items()])


async def stream(request):
    def parts():
        for number in range(200):
            yield f"{number}," * 100

    return StreamingResponse(parts(), media_type="text/plain")


async def file(request):
    return FileResponse(Path(__file__).with_name("data.bin"), filename="data.bin")


async def cookies(request):
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


async def boom(request):
    raise RuntimeError("a secret")


app = Starlette(
    routes=[
        Route("/hello", Hello),
        Route("/echo", echo, methods=["POST"]),
        Route("/json", json, methods=["POST"]),
        Route("/items/{name:path}", item, name="item"),
        Route("/url", url),
        Route("/stream", stream),
        Route("/file", file),
        Route("/redirect", lambda request: RedirectResponse("/hello")),
        Route("/cookies", cookies),
        Route("/boom", boom),
        Route("/empty", lambda request: Response(status_code=204)),
        Mount("/static", StaticFiles(directory=Path(__file__).parent)),
    ]
)
