from blacksheep import Application, FromForm, Request, get, post, text
from blacksheep.exceptions import HTTPException
from blacksheep.server.compression import use_gzip_compression

LOG = []
app = Application()
use_gzip_compression(app)


class Person:
    def __init__(self, name: str, age: int = 3):
        self.name = name
        self.age = int(age)


@app.on_start
async def start(application):
    application.services.register(str, instance="from the start-up") if False else LOG.append("started")


@app.on_stop
async def stop(application):
    print("stopped", flush=True)


async def stamp(request, handler):
    response = await handler(request)
    response.add_header(b"x-stamp", request.method.encode())
    return response


app.middlewares.append(stamp)


@get("/state")
async def state():
    return LOG


@get("/big")
async def big():
    return text("plain " * 2000)


@post("/form")
async def form(data: FromForm[Person]):
    return {"name": data.value.name, "age": data.value.age}


@get("/headers")
async def headers(request: Request):
    return [[key.decode().lower(), value.decode()] for key, value in request.headers if key.lower().startswith(b"x-")]


@get("/error")
async def error():
    raise HTTPException(409, "a conflict")
