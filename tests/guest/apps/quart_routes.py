from pathlib import Path

from quart import Quart, Response, redirect, request, send_file

app = Quart(__name__)


@app.get("/hello")
async def hello():
    return f"hello {request.args.get('name', 'world')}"


@app.post("/echo")
async def echo():
    return Response(await request.get_data(), mimetype="application/octet-stream")


@app.post("/json")
async def json():
    return {"got": await request.get_json()}


@app.get("/items/<path:name>")
async def item(name):
    return name


@app.get("/url")
async def url():
    return {"url": request.url, "query": request.args.to_dict(flat=False)}


@app.get("/stream")
async def stream():
    async def parts():
        for number in range(200):
            yield f"{number}," * 100

    return parts(), {"content-type": "text/plain"}


@app.get("/file")
async def file():
    return await send_file(Path(__file__).with_name("data.bin"))


@app.get("/redirect")
async def redirected():
    return redirect("/hello")


@app.get("/cookies")
async def cookies():
    response = Response("")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/boom")
async def boom():
    raise RuntimeError("a secret")


@app.get("/empty")
async def empty():
    return "", 204
