"""Falcon's WSGI side."""

from pathlib import Path

import falcon


class Hello:
    def on_get(self, request, response):
        response.text = f"hello {request.get_param('name') or 'world'}"
        response.content_type = "text/plain"

    on_head = on_get


class Echo:
    def on_post(self, request, response):
        response.data = request.bounded_stream.read()
        response.content_type = "application/octet-stream"


class Json:
    def on_post(self, request, response):
        response.media = {"got": request.media}


class Item:
    def on_get(self, request, response, name):
        response.text = name


class Url:
    def on_get(self, request, response):
        response.media = [request.url, request.relative_uri, request.params]


class Stream:
    def on_get(self, request, response):
        response.stream = (f"{number},".encode() * 100 for number in range(200))


class File:
    def on_get(self, request, response):
        path = Path(__file__).with_name("data.bin")
        response.set_stream(path.open("rb"), path.stat().st_size)


class Cookies:
    def on_get(self, request, response):
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")


class Boom:
    def on_get(self, request, response):
        raise RuntimeError("a secret")


class Redirect:
    def on_get(self, request, response):
        raise falcon.HTTPFound("/hello")


class Empty:
    def on_get(self, request, response):
        response.status = falcon.HTTP_204


app = falcon.App()
for path, resource in {
    "/hello": Hello, "/echo": Echo, "/json": Json, "/items/{name}": Item, "/url": Url, "/stream": Stream, "/file": File,
    "/cookies": Cookies, "/boom": Boom, "/redirect": Redirect, "/empty": Empty,
}.items():  # fmt: skip
    app.add_route(path, resource())
