from pathlib import Path

from bottle import Bottle, HTTPResponse, redirect, request, response, static_file

app = Bottle()


@app.get("/hello")
def hello():
    response.content_type = "text/plain; charset=utf-8"
    return f"hello {request.query.getunicode('name', 'world')}"


@app.post("/echo")
def echo():
    response.content_type = "application/octet-stream"
    return request.body.read()


@app.post("/json")
def json():
    return {"got": request.json}


@app.get("/items/<name:path>")
def item(name):
    return name


@app.get("/url")
def url():
    return {"url": request.url, "query": dict(request.query)}


@app.get("/stream")
def stream():
    for number in range(200):
        yield f"{number}," * 100


@app.get("/file")
def file():
    return static_file("data.bin", root=str(Path(__file__).parent))


@app.get("/redirect")
def redirected():
    redirect("/hello")


@app.get("/cookies")
def cookies():
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return "ok"


@app.get("/boom")
def boom():
    raise RuntimeError("a secret")


@app.get("/empty")
def empty():
    return HTTPResponse(status=204)
