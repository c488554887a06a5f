import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse

LOG = []


@asynccontextmanager
async def lifespan(app):
    await asyncio.sleep(0.01)
    yield {"value": "from the lifespan"}


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=100)
app.add_middleware(CORSMiddleware, allow_origins=["*"])


class Trouble(Exception):
    pass


@app.exception_handler(Trouble)
async def on_trouble(request, error):
    return JSONResponse({"trouble": str(error)}, status_code=418)


@app.middleware("http")
async def stamp(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-stamp"] = "1"
    return response


async def dependency():
    yield "depended"


@app.get("/state")
async def state(request: Request, value: Annotated[str, Depends(dependency)]):
    return {"state": request.state.value, "dependency": value}


@app.get("/big")
async def big():
    return {"text": "plain " * 2000}


@app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(LOG.append, "done")
    return "accepted"


@app.get("/log")
async def log():
    return LOG


@app.post("/form")
async def form(name: Annotated[str, Form()], age: Annotated[int, Form()] = 3):
    return {"name": name, "age": age}


@app.get("/headers")
async def headers(request: Request):
    return {key: value for key, value in request.headers.items() if key.startswith("x-")}


@app.get("/error")
async def error():
    raise HTTPException(409, "a conflict", headers={"x-why": "because"})


@app.get("/trouble")
async def trouble():
    raise Trouble("handled")
