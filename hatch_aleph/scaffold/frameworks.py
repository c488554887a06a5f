"""What the usual frameworks call their applications, and how each of them runs in the guest."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from hatch_aleph.scaffold.servers import SERVERS


@dataclass(frozen=True)
class Framework:
    """One way of making an application.

    Attributes:
        name: As its authors write it.
        suffix: What follows the application's name in an entry point: ``.server`` for Dash.
        listens: Whether it must run as a process of its own that listens on a port.
        wsgi: Whether it is called by WSGI, which the guest speaks only by way of the adapter.
        note: What the user should know before deploying such an application.
    """

    name: str
    suffix: str = ""
    listens: bool = False
    wsgi: bool = False
    note: str | None = None


_SOCKETS = "{} talks over websockets, which programs on the network do not have: expect its pages to stay empty."

# Dotted name of the class or function whose result is the application.
FRAMEWORKS: dict[str, Framework] = {
    "fastapi.FastAPI": Framework("FastAPI"),
    "fastapi.applications.FastAPI": Framework("FastAPI"),
    "starlette.applications.Starlette": Framework("Starlette"),
    "litestar.Litestar": Framework("Litestar"),
    "litestar.app.Litestar": Framework("Litestar"),
    "flask.Flask": Framework("Flask", wsgi=True),
    "flask.app.Flask": Framework("Flask", wsgi=True),
    "apiflask.APIFlask": Framework("APIFlask", wsgi=True),
    "flask_openapi3.OpenAPI": Framework("flask-openapi3", wsgi=True),
    "connexion.AsyncApp": Framework("Connexion"),
    "connexion.FlaskApp": Framework("Connexion", wsgi=True),
    "quart.Quart": Framework("Quart"),
    "falcon.App": Framework("Falcon", wsgi=True),
    "falcon.API": Framework("Falcon", wsgi=True),
    "falcon.asgi.App": Framework("Falcon"),
    "bottle.Bottle": Framework("Bottle", wsgi=True),
    "bottle.default_app": Framework("Bottle", wsgi=True),
    "blacksheep.Application": Framework("BlackSheep"),
    "blacksheep.server.Application": Framework("BlackSheep"),
    "fasthtml.common.FastHTML": Framework("FastHTML"),
    "fasthtml.common.fast_app": Framework("FastHTML"),
    "django.core.wsgi.get_wsgi_application": Framework("Django", wsgi=True),
    "django.core.asgi.get_asgi_application": Framework("Django"),
    "dash.Dash": Framework("Dash", suffix=".server"),
    "fastmcp.FastMCP": Framework("FastMCP", suffix=".http_app()"),
    "aiohttp.web.Application": Framework("aiohttp", listens=True),
    "tornado.web.Application": Framework("Tornado", listens=True),
    "robyn.Robyn": Framework("Robyn", listens=True),
    "sanic.Sanic": Framework("Sanic"),
    "gradio.Interface": Framework("Gradio", listens=True, note=_SOCKETS.format("Gradio")),
    "gradio.Blocks": Framework("Gradio", listens=True, note=_SOCKETS.format("Gradio")),
}


# An application that no framework makes is a function of these arguments (PEP 3333, asgiref's specification).
PROTOCOLS: dict[str, Framework] = {
    "environ.start_response": Framework("WSGI", wsgi=True),
    "scope.receive.send": Framework("ASGI"),
}


def distribution_of(framework: str) -> str | None:
    """Return the distribution of the index that has a framework of this name; None when it is none of these."""
    if framework == "FastHTML":
        return "python-fasthtml"
    packages = {name.partition(".")[0] for name in SERVERS} - sys.stdlib_module_names
    return framework.lower() if framework in {*(each.name for each in FRAMEWORKS.values()), *packages} else None
