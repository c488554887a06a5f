from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float = 1.5


@app.api_route("/hello", methods=["GET", "HEAD"], response_class=PlainTextResponse)
async def hello(name: str = "world"):
    return f"hello {name}"


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.post("/json")
async def json(item: Item):
    return {"got": item, "twice": item.price * 2}


@app.get("/items/{name}", response_class=PlainTextResponse)
def item(name: str):
    return name


@app.get("/url")
async def url(request: Request):
    return {"url": str(request.url), "path": request.url.path, "query": request.query_params.multi_items()}


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(200):
            yield f"{number}," * 100

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/events")
async def events():
    def parts():
        for number in range(5):
            yield f"data: {number}\n\n"

    return StreamingResponse(parts(), media_type="text/event-stream")


@app.get("/file")
async def file():
    return FileResponse(Path(__file__).with_name("data.bin"))


@app.get("/redirect")
async def redirect():
    return RedirectResponse("/hello?name=again")


@app.get("/cookies")
async def cookies(response: Response):
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return {}


@app.get("/boom")
async def boom():
    raise RuntimeError("a secret")


@app.get("/empty", status_code=204)
async def empty():
    return None
