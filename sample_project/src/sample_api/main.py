"""A FastAPI service with a lifespan, a query, a POST, a stream, a static file and a compiled dependency."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel

STATIC = Path(__file__).parent / "static"


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, sqlite3.Connection]]:
    """Open a database while the program runs."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE visits (name TEXT PRIMARY KEY, count INTEGER)")
    yield {"database": database}
    database.close()


app = FastAPI(title="Sample API", lifespan=lifespan)


class Numbers(BaseModel):
    values: list[float]


@app.get("/")
async def index() -> dict[str, str]:
    return {"message": "Hello from a program"}


@app.get("/greet")
async def greet(name: str = "world", *, loud: bool = False) -> dict[str, str]:
    text = f"Hello, {name}!"
    return {"greeting": text.upper() if loud else text}


@app.post("/visits/{name}", status_code=201)
async def visit(name: str, request: Request) -> dict[str, int | str]:
    database: sqlite3.Connection = request.state.database
    database.execute(
        "INSERT INTO visits VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1",
        (name,),
    )
    (count,) = database.execute("SELECT count FROM visits WHERE name = ?", (name,)).fetchone()
    return {"name": name, "count": count}


@app.post("/statistics")
async def statistics(numbers: Numbers) -> dict[str, float]:
    if not numbers.values:
        raise HTTPException(422, "no numbers")
    values = np.array(numbers.values)
    return {"mean": float(values.mean()), "deviation": float(values.std())}


@app.get("/countdown")
async def countdown(start: int = 3) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(start, 0, -1):
            yield f"{number}\n"
            await asyncio.sleep(0.01)
        yield "lift-off\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/table.csv")
async def table() -> FileResponse:
    return FileResponse(STATIC / "table.csv", media_type="text/csv")
