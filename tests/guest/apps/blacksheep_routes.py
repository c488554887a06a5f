from blacksheep import Application, Content, Request, Response, StreamedContent, get, post, redirect, text
from blacksheep.cookies import Cookie

app = Application()


@get("/hello")
async def hello(name: str = "world"):
    return text(f"hello {name}")


@post("/echo")
async def echo(request: Request):
    return Response(200, content=Content(b"application/octet-stream", await request.read() or b""))


@post("/json")
async def json(request: Request):
    return {"got": await request.json()}


@get("/items/{name}")
async def item(name: str):
    return text(name)


@get("/url")
async def url(request: Request):
    return [request.url.value.decode(), {key: value for key, value in request.query.items()}]


@get("/stream")
async def stream():
    async def parts():
        for number in range(200):
            yield f"{number},".encode() * 100

    return Response(200, content=StreamedContent(b"text/plain", parts))


@get("/redirect")
async def redirected():
    return redirect("/hello")


@get("/cookies")
async def cookies():
    response = text("ok")
    response.set_cookie(Cookie("a", "1"))
    response.set_cookie(Cookie("b", "2"))
    return response


@get("/boom")
async def boom():
    raise RuntimeError("a secret")


@get("/empty")
async def empty():
    return Response(204)
