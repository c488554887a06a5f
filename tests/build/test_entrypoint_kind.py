"""A build refuses what its source shows to be no app, and names the way out; what it cannot see it lets pass."""

import pytest

from hatch_aleph.build.entrypoint_kind import no_app
from hatch_aleph.squashfs import Entry


def said(source: str) -> str | None:
    return no_app([Entry("main.py", "file", 0o644, source.encode())], "main:app")


@pytest.mark.parametrize(
    ("source", "way_out"),
    [
        ("import tornado.web\napp = tornado.web.Application([])", "executable"),
        ("from tornado.web import Application as A\napp = A([])", "executable"),
        ("from aiohttp import web\napp = web.Application()", "executable"),
        ("from robyn import Robyn\napp: Robyn = Robyn(__file__)", "executable"),
        ("import click\n@click.command()\n@click.option('--x')\ndef app(x): ...", "executable"),
        ("from click import group\n@group\ndef app(): ...", "executable"),
        ("import gradio as gr\nwith gr.Blocks() as app:\n    gr.Textbox()", "mount_gradio_app"),
        ("import gradio as gr\napp = gr.Interface(fn=f)", "mount_gradio_app"),
        ("from fastmcp import FastMCP\napp = FastMCP('x')", "http_app()"),
        ("from mcp.server.fastmcp import FastMCP\napp = FastMCP('x')", "streamable_http_app()"),
        ("from celery import Celery\napp = Celery()", "persistent"),
        ("async def app(request): ...", "scope, receive and send"),
        ("def app(a, b, c, d): ...", "environ and start_response"),
        ("def app(*, key): ...", "main.py, line 1: it is a function that must be given `key`"),
        ("def app(a, b, c, d=1, *, key): ...", "plain values in the entry point, `app(..., ..., ..., key=...)`"),
        ("\nasync def app(): ...", "main.py, line 2: it is a coroutine function, which nothing awaits"),
    ],
)
def test_what_is_no_app_is_refused_with_the_way_out(source, way_out):
    assert way_out in (said(source) or "")


@pytest.mark.parametrize(
    "source",
    [
        "import dash\napp = dash.Dash(__name__)",  # an object that the adapter calls as WSGI
        "def app(): ...",
        "def app(environ, start_response): ...",
        "def app(scope): ...",
        "async def app(scope, receive, send, extra=None): ...",
        "async def app(*args): ...",
        "def app(*args, **kwargs): ...",
        "@decorated\nasync def app(request): ...",
        "import click\n@as_a_server\n@click.command()\ndef app(): ...",
        "from other import Application\napp = Application()",
        "async def app(): ...\nfrom other import *",
        "import gradio\nwith gradio.Blocks() as demo, other() as app: ...",
        "from tornado.web import Application\nif x:\n    app = Application()\nelse:\n    app = other",
        "from tornado.web import Application\napp = Application()\napp = wrapped(app)",
        "from .tornado.web import Application\napp = Application()",
        "from fastmcp import FastMCP\nmcp = FastMCP('x')\napp = mcp.http_app()",
        "from tornado.web import Application\n# app = Application()\nfrom x import app",
        "app = (",
    ],
)
def test_what_may_be_one_passes(source):
    assert said(source) is None
