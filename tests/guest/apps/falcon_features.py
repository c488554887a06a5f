"""Falcon's ASGI side."""

import falcon
import falcon.asgi

LOG = []


class Startup:
    async def process_startup(self, scope, event):
        LOG.append("started")

    async def process_shutdown(self, scope, event):
        LOG.append("stopped")

    async def process_response(self, request, response, resource, succeeded):
        response.set_header("x-stamp", request.method)


class State:
    async def on_get(self, request, response):
        response.media = LOG[:1]


class Background:
    async def on_get(self, request, response):
        async def work():
            LOG.append("done")

        response.schedule(work)
        response.text = "accepted"


class Log:
    async def on_get(self, request, response):
        response.media = LOG


class Form:
    async def on_post(self, request, response):
        response.media = await request.get_media()


class Error:
    async def on_get(self, request, response):
        raise falcon.HTTPConflict(title="a conflict")


class Events:
    async def on_get(self, request, response):
        async def parts():
            for number in range(3):
                yield falcon.asgi.SSEvent(text=str(number))

        response.sse = parts()


class Stream:
    async def on_get(self, request, response):
        async def parts():
            for number in range(200):
                yield f"{number},".encode() * 100

        response.stream = parts()


class Echo:
    async def on_post(self, request, response):
        response.data = await request.stream.read()


app = falcon.asgi.App(middleware=[Startup()])
for path, resource in {
    "/state": State, "/background": Background, "/log": Log, "/form": Form, "/error": Error, "/events": Events,
    "/stream": Stream, "/echo": Echo,
}.items():  # fmt: skip
    app.add_route(path, resource())
