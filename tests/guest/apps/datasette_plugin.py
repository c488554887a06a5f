"""Datasette with a plugin of its own, made by a factory, over a database in memory."""

from datasette import hookimpl
from datasette.app import Datasette
from datasette.plugins import pm
from datasette.utils.asgi import Response


class Plugin:
    @hookimpl
    def register_routes(self):
        return [("^/hello$", lambda request: Response.text("hello " + request.args.get("name", "world")))]

    @hookimpl
    def prepare_connection(self, conn):
        conn.create_function("shout", 1, str.upper)


def make():
    pm.register(Plugin(), name="ours")
    return Datasette(memory=True, secret="for tests").app()
