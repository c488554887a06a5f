"""A Starlette app that asks another server with a session for each request, several at once."""

import asyncio
import os

import aiohttp
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def gather(request):
    async with aiohttp.ClientSession() as session:

        async def one(number):
            async with session.get(f"{os.environ['UPSTREAM']}/hello", params={"name": f"n {number}"}) as answer:
                return await answer.text()

        return JSONResponse(await asyncio.gather(*map(one, range(10))))


async def stream(request):
    async def parts():
        async with aiohttp.ClientSession() as session, session.get(f"{os.environ['UPSTREAM']}/chunks") as answer:
            async for part in answer.content.iter_chunked(1000):
                yield part

    return StreamingResponse(parts())


async def unreachable(request):
    async with aiohttp.ClientSession() as session:
        try:
            await session.get("http://127.0.0.1:9/")
        except aiohttp.ClientError as error:
            return JSONResponse({"error": type(error).__name__}, status_code=503)


app = Starlette(routes=[Route("/state", gather), Route("/stream", stream), Route("/error", unreachable)])
