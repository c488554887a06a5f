"""What hosts do not carry, told by what a project depends on and declares: websockets, streams without end."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SOCKETS = "talk to the browser over websockets, which the network's hosts do not carry"
_POLLING = "works over HTTP polling alone, since the network's hosts carry no websockets"
_KERNELS = "talk to their kernels over websockets, which the network's hosts do not carry"
_GRPC = "serves HTTP/2, which the network's hosts do not carry; a client of gRPC works"
# Distributions that cannot do their work, or only part of it, behind a host. Only those that the project itself asks
# for: others bring them for what the program may not use.
_DISTRIBUTIONS = {
    "bokeh": f"pages of a Bokeh server {_SOCKETS}; documents that are rendered as files work",
    "chainlit": f"pages of Chainlit {_SOCKETS}",
    "channels": f"consumers of Channels {_SOCKETS}; the rest of the Django project works",
    "flask-socketio": f"Socket.IO {_POLLING}",
    "flask-sock": f"routes of flask-sock {_SOCKETS}",
    "flet": f"pages of Flet {_SOCKETS}",
    "grpcio": f"a gRPC server {_GRPC}",
    "grpclib": f"a gRPC server {_GRPC}",
    "jupyter-server": f"notebooks {_KERNELS}",
    "jupyterlab": f"notebooks {_KERNELS}",
    "marimo": f"pages of marimo {_SOCKETS}",
    "nicegui": f"pages of NiceGUI {_SOCKETS}",
    "notebook": f"notebooks {_KERNELS}",
    "panel": f"pages of a Panel server {_SOCKETS}; documents that are rendered as files work",
    "python-socketio": f"Socket.IO {_POLLING}",
    "reactpy": f"pages of ReactPy {_SOCKETS}",
    "reflex": f"pages of Reflex {_SOCKETS}",
    "shiny": f"pages of Shiny {_SOCKETS}",
    "solara": f"pages of Solara {_SOCKETS}",
    "streamlit": f"pages of Streamlit {_SOCKETS}; outside of a folder site-packages it takes itself for a "
    'source tree and refuses server.port, unless the variable STREAMLIT_GLOBAL_DEVELOPMENT_MODE is "false"',
}
_LIKELY = re.compile(rb"websocket|\bmcp\.server\b|\bsse_app\b|[\"']sse[\"']|\bgrpc\b", re.IGNORECASE)
_GRPC_SERVER = re.compile(rb"\.server\(|_to_server\(|\bgrpclib\.server\b")
# What opens a server of MCP's SDK to other names than localhost.
_ANY_HOST = re.compile(rb"\btransport_security\b|\bhost\s*=\s*(?![\"'](?:127\.|localhost|::1))")
# How frameworks declare what is served over a websocket: decorators and calls, classes.
_DECLARING = frozenset({
    "websocket", "websocket_route", "websocket_listener", "websocket_stream", "add_websocket_route",
    "add_api_websocket_route", "WebSocketRoute", "APIWebSocketRoute", "WebsocketRouteHandler", "WebsocketRouter",
    "WebSocketResponse", "on_websocket",
})  # fmt: skip
_CLASSES = frozenset({
    "WebSocketEndpoint", "WebsocketConsumer", "AsyncWebsocketConsumer", "JsonWebsocketConsumer",
    "AsyncJsonWebsocketConsumer", "WebSocketHandler", "WebsocketListener",
})  # fmt: skip


def host_limits(sources: Mapping[str, bytes], declared: Collection[str]) -> Iterator[str]:
    """Tell, a line each, what hosts will not carry.

    Args:
        sources: The project's modules, by path.
        declared: The distributions that the project itself depends on, normalised.
    """
    websockets, streams, local = [], [], []
    for path, text in sorted(sources.items()):
        if _LIKELY.search(text):  # reading all would take longer than most builds
            found = _declarations(text)
            websockets += [path] if found & {*_DECLARING, *_CLASSES} else []
            streams += [path] if "sse" in found else []
            local += [path] if "local" in found and not _ANY_HOST.search(text) else []
    if websockets:
        yield f"the network's hosts carry no websockets, which {', '.join(websockets)} would serve"
    if streams:
        yield (
            f"an answer is passed on when it is whole, so MCP over SSE does not work ({', '.join(streams)}): "
            "serve streamable HTTP"
        )
    if local:
        yield (
            "MCP's SDK answers to localhost alone, all else gets 421, and a program's name is made of its item hash: "
            f'{", ".join(local)} needs host="0.0.0.0" (of FastMCP, or of streamable_http_app from version 2 on) or '
            "transport_security"
        )
    grpc = any(b"grpc" in text and _GRPC_SERVER.search(text) for text in sources.values())
    for name in sorted(set(declared) & _DISTRIBUTIONS.keys()):
        if not name.startswith("grpc") or grpc:
            yield f"{name}: {_DISTRIBUTIONS[name]}"


def _declarations(source: bytes) -> set[str]:
    """Return the names by which a module declares what hosts do not carry; comments and texts declare nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the compiler tells what is wrong with it
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _last(node.func)
            values = [each.value for each in node.keywords if each.arg == "transport"]
            if name == "sse_app" or any(isinstance(each, ast.Constant) and each.value == "sse" for each in values):
                found.add("sse")
            found |= {name} & _DECLARING
            if name == "serve" and isinstance(node.func, ast.Attribute) and _last(node.func.value) == "websockets":
                found.add("websocket")
        elif isinstance(node, ast.ClassDef):
            found |= {_last(base) for base in node.bases} & _CLASSES
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("mcp.server."):
            found |= {"local" for each in node.names if each.name in ("FastMCP", "MCPServer")}
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("websockets."):
            found |= {"websocket" for each in node.names if each.name == "serve"}
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= {_last(each) for each in node.decorator_list} & _DECLARING
            found |= {node.name} & {"on_websocket"}
    return found


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
