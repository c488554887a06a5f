from pathlib import Path

from flask import Flask, Response, redirect, request, send_file

app = Flask(__name__)


@app.get("/hello")
def hello():
    return f"hello {request.args.get('name', 'world')}"


@app.post("/echo")
def echo():
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.post("/json")
def json():
    return {"got": request.get_json()}


@app.get("/items/<path:name>")
def item(name):
    return name


@app.get("/url")
def url():
    return {"url": request.url, "full": request.full_path, "query": request.args.to_dict(flat=False)}


@app.get("/stream")
def stream():
    return Response((f"{number}," * 100 for number in range(200)), mimetype="text/plain")


@app.get("/file")
def file():
    return send_file(Path(__file__).with_name("data.bin"))


@app.get("/redirect")
def redirected():
    return redirect("/hello?name=again")


@app.get("/cookies")
def cookies():
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/boom")
def boom():
    raise RuntimeError("a secret")


@app.get("/empty")
def empty():
    return "", 204
