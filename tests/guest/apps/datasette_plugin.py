"""Datasette with this module as a plugin, made by a factory, over a database in memory."""

import sys

from datasette import hookimpl
from datasette.app import Datasette
from datasette.plugins import pm
from datasette.utils.asgi import Response


@hookimpl
def register_routes():
    return [("^/hello$", lambda request: Response.text("hello " + request.args.get("name", "world")))]


@hookimpl
def prepare_connection(conn):
    conn.create_function("shout", 1, str.upper)


def make():
    pm.register(sys.modules[__name__], name="ours")
    return Datasette(memory=True, secret="for tests").app()
