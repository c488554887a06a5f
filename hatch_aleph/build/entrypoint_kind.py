"""What an entry point's object is, as far as its module's source shows: no app is refused before anything is built.

What the source does not show is judged in the guest, where the adapter tries it (``hatch_aleph/guest/interfaces.py``).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hatch_aleph.guest.interfaces import NOT_APPS
from hatch_aleph.settings.entry_points import parse_entrypoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.squashfs import Entry

# Names that programs import: what they make, by the class that the adapter knows.
_MADE = {
    "aiohttp.web.Application": "aiohttp.web_app.Application",
    "celery.Celery": "celery.app.base.Celery",
    "click.command": "click.core.Command",
    "click.group": "click.core.Command",
    "fastmcp.FastMCP": "fastmcp.server.server.FastMCP",
    "flask_socketio.SocketIO": "flask_socketio.SocketIO",
    "gradio.Blocks": "gradio.blocks.Blocks",
    "gradio.ChatInterface": "gradio.blocks.Blocks",
    "gradio.Interface": "gradio.blocks.Blocks",
    "gradio.TabbedInterface": "gradio.blocks.Blocks",
    "mcp.server.fastmcp.FastMCP": "mcp.server.fastmcp.server.FastMCP",
    "robyn.Robyn": "robyn.Robyn",
    "socketio.AsyncServer": "socketio.async_server.AsyncServer",
    "socketio.Server": "socketio.server.Server",
    "tornado.web.Application": "tornado.web.Application",
    "typer.Typer": "typer.main.Typer",
}
_ASGI = 3
_FRAMEWORK = (
    "a framework makes an app of functions (FastAPI, Flask), and a program that serves itself is "
    '`interface = "executable"`'
)


def no_app(entries: Iterable[Entry], entrypoint: str) -> str | None:
    """Return why an entry point can answer no requests, with the way out; None if nothing shows that.

    Args:
        entries: The files of the project.
        entrypoint: ``module:attribute``.
    """
    named = parse_entrypoint(entrypoint)
    if "." in named.attribute or "(" in entrypoint:
        return None
    path = named.module.replace(".", "/")
    sources = [each for each in entries if each.kind == "file" and each.path in (f"{path}.py", f"{path}/__init__.py")]
    try:
        tree = ast.parse(sources[0].read()) if len(sources) == 1 else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the compiler tells what is wrong with it
        return None
    definitions = [node for node in ast.walk(tree) if {named.attribute, "*"}.intersection(_bound(node))]
    if len(definitions) != 1 or definitions[0] not in tree.body:  # which one counts is decided at run time
        return None
    refused = _judge(definitions[0], named.attribute, _imports(tree))
    return f"{sources[0].path}, line {definitions[0].lineno}: {refused}" if refused else None


def _bound(node: ast.AST) -> list[str]:
    """Return the names that a node binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [each.asname or each.name for each in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [each for target in targets if target is not None for each in ast.walk(target)]
    names += [item.optional_vars for item in getattr(node, "items", ()) if item.optional_vars]
    return [each.id for each in names if isinstance(each, ast.Name)]


def _judge(node: ast.AST, name: str, imports: dict[str, str]) -> str | None:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if not node.decorator_list:
            return _no_app_function(node)
        made = _MADE.get(_called(node.decorator_list[0], imports))  # what others made is given to this one
        return _words(made) if made else None
    value = getattr(node, "value", None)
    if isinstance(node, ast.With):
        value = next((item.context_expr for item in node.items if getattr(item.optional_vars, "id", "") == name), None)
    made = _MADE.get(_called(value, imports)) if isinstance(value, ast.Call) else None
    return _words(made) if made else None


def _words(name: str) -> str:
    return f"it is a {name}, which is neither an ASGI nor a WSGI app; it {NOT_APPS[name]}"


def _no_app_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """Return why a function is neither an app nor makes one, by what it must be given."""
    positional = [*node.args.posonlyargs, *node.args.args]
    required = positional[: len(positional) - len(node.args.defaults)]
    named = [each for each, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is None]
    asynchronous = isinstance(node, ast.AsyncFunctionDef)
    most = _ASGI if node.args.vararg else len(positional)
    fits = len(required) <= _ASGI <= most if asynchronous else len(required) <= _ASGI
    if fits and not named:
        return None
    wanted = "an ASGI app takes scope, receive and send"
    if asynchronous and not required and not named:
        return f"it is a coroutine function, which nothing awaits: {wanted}, and a factory is a plain function"
    given = [f"`{each.arg}`" for each in (*required, *named)]
    if asynchronous:
        return f"it is a coroutine function that must be given {', '.join(given)}: {wanted}; {_FRAMEWORK}"
    call = f"{node.name}({', '.join(['...'] * len(required) + [f'{each.arg}=...' for each in named])})"
    return (
        f"it is a function that must be given {', '.join(given)}: {wanted}, a WSGI app environ and start_response, a "
        f"factory nothing; a factory gets plain values in the entry point, `{call}`, and {_FRAMEWORK}"
    )


def _called(node: ast.AST | None, imports: dict[str, str]) -> str:
    """Return the full name of what an expression calls, or is, as the imports have it."""
    if isinstance(node, ast.Call):
        node = node.func
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imports:
        return ""
    return ".".join([imports[node.id], *reversed(parts)])


def _imports(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                found[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)
    return found
