"""Which calling convention an app has, found by looking at it and, where that does not tell, by trying."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ASGI, _WSGI, _DOUBLE = 3, 2, 1
_SCOPE = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
_REQUEST = {
    **_SCOPE, "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/",
    "query_string": b"", "root_path": "", "headers": [], "client": ("127.0.0.1", 0), "server": ("localhost", 80),
}  # fmt: skip
_TAKEN = ": those take scope, receive and send, or environ and start_response"
_SERVER = 'serves itself: interface = "executable" and a command that listens on $PORT'
# Classes whose objects can be called, or pass for factories, and answer no requests; and what does.
NOT_APPS = {
    "aiohttp.web_app.Application": _SERVER,
    "celery.app.base.Celery": 'is a worker: interface = "executable" with persistent = true',
    "click.core.Command": 'is a command line: interface = "executable", or name the app that it serves',
    "fastmcp.server.server.FastMCP": "has an app: name what its http_app() returns",
    "flask_socketio.SocketIO": "has an app: name the Flask object (over HTTP polling; hosts pass no websockets)",
    "gradio.blocks.Blocks": "has an app: name what gradio.mount_gradio_app(fastapi.FastAPI(), blocks, '/') returns",
    "mcp.server.fastmcp.server.FastMCP": "has an app: name what its streamable_http_app() returns",
    "mcp.server.mcpserver.server.MCPServer": "has an app: name what its streamable_http_app() returns",
    "robyn.BaseRobyn": _SERVER,
    "robyn.Robyn": _SERVER,
    "socketio.async_server.AsyncServer": "has an app: name socketio.ASGIApp(server)",
    "socketio.server.Server": "has an app: name socketio.WSGIApp(server)",
    "tornado.web.Application": _SERVER,
    "typer.main.Typer": 'is a command line: interface = "executable", or name the app that it serves',
}


class NotAnApp(TypeError):  # noqa: N818 - reads as what happened, in the host's log
    """The entrypoint names something that cannot answer requests."""


def recognise(target: Any, declared: str, name: str = "main:app") -> tuple[str, Any]:
    """Tell the interface of an app, calling it first if it is a factory.

    Args:
        target: What the entrypoint names: an app, or a function or class without required arguments that makes one.
        declared: The interface from the settings, ``auto`` to find out.
        name: The entrypoint.

    Returns:
        ``asgi``, ``asgi2`` or ``wsgi``, and the app.

    Raises:
        NotAnApp: When it is neither.
    """
    _refuse_known(target)
    gave = "was called, and gave" if name.endswith(")") else "is"
    if _is_factory(target):
        gave = "needs no arguments, so it was called as a factory, and returned"
        target = target()
        _refuse_known(target)
    if inspect.iscoroutine(target):
        target.close()
        message = f"the entrypoint {name!r} is a coroutine function, which nothing awaits here; let a plain function"
        raise NotAnApp(f"{message} return the app, and await in the app's lifespan or in asyncio.run()")
    found = f"the entrypoint {name!r} {gave} {_described(target)}"
    if not callable(target):
        way_out = ""
        if inspect.ismodule(target):
            way_out = f"; name what is in it: {target.__name__ + ':app'!r}"
        elif gave.endswith("returned"):
            way_out = "; let it return the app"
        raise NotAnApp(f"{found}, not an app that can be called{way_out}")
    try:
        return (_guess(target) if declared == "auto" else declared), target
    except NotAnApp as error:
        message = f"{found}, which is neither an ASGI nor a WSGI app{error}"
        if gave == "is" and (inspect.isclass(target) or (inspect.isroutine(target) and not _is_async(target))):
            message += f"; a factory gets plain values in the entrypoint, such as {name + '(True)'!r}"
        raise NotAnApp(message) from None


def _described(target: Any) -> str:
    """Say what something is, with how it is called where that can be seen."""
    if target is None:
        return "None"
    if inspect.ismodule(target):
        return f"the module {target.__name__!r}"
    routine = inspect.isroutine(target) or inspect.isclass(target)
    kind = "the class" if inspect.isclass(target) else "the function" if routine else "an object of"
    named = target if routine else type(target)
    if not callable(target):
        return f"a {named.__name__!r} object"
    try:
        arguments = str(inspect.signature(target))
    except (TypeError, ValueError):  # written in C, without a signature
        arguments = ""
    described = f"{kind} {getattr(named, '__qualname__', named)}"
    return f"{described}{arguments}" if routine or not arguments else f"{described}, called with {arguments}"


def _refuse_known(target: Any) -> None:
    for each in type(target).__mro__:
        name = f"{each.__module__}.{each.__qualname__}"
        if name in NOT_APPS:
            message = f"the entrypoint is a {name}, which is neither an ASGI nor a WSGI app; it {NOT_APPS[name]}"
            raise NotAnApp(message)
        if "__call__" in vars(each):  # an heir that has made itself an app
            return


def _is_factory(target: Any) -> bool:
    required, most, open_ended = _arguments(target)
    made_by = _unbound(target)
    makes = inspect.isclass(made_by) or (inspect.isroutine(made_by) and not inspect.iscoroutinefunction(made_by))
    return required == 0 and (most < _WSGI or (makes and not open_ended))


def _unbound(target: Any) -> Any:
    while isinstance(target, functools.partial):
        target = target.func
    return target


def _guess(target: Any) -> str:
    required, most, open_ended = _arguments(target)
    takes_three = required <= _ASGI <= most
    asynchronous = not inspect.isclass(target) and _is_async(target)
    if inspect.isclass(target) and hasattr(target, "__await__"):
        return "asgi"
    if asynchronous and (takes_three or _arguments(target, follow=False)[2]):
        return "asgi"
    if open_ended or (_passes_on(target) and not takes_three and required != _WSGI):
        return _try(target)
    if required == _WSGI and not asynchronous:  # a third that may be left out is an option of the app's own (Zope)
        return "wsgi"
    if required == _DOUBLE and most < _WSGI and not asynchronous and _gives_an_app(target):
        return "asgi2"
    if takes_three and not inspect.isclass(target) and (_says_scope(target) or _try(target) == "asgi"):
        return "asgi"
    raise NotAnApp(_TAKEN)


def _try(target: Any) -> str:
    """Call what takes any arguments as ASGI has it: what a WSGI app behind it says of their number tells the rest.

    An ASGI app returns something to await, at least of a request. What returns nothing at all is a WSGI app that found
    other arguments than it knows.
    """
    returned, surplus = _returned(target, _SCOPE)
    if surplus is None:
        returned, surplus = _returned(target, _REQUEST)
    if surplus in (None, _ASGI - _WSGI):
        return "wsgi"
    if surplus == _ASGI - _DOUBLE and _gives_an_app(target):
        return "asgi2"
    if surplus:
        raise NotAnApp(_TAKEN)
    if not inspect.isawaitable(returned):
        raise NotAnApp(f": called as one it returns {type(returned).__name__}")
    if inspect.iscoroutine(returned):
        returned.close()  # not a line of it has run
    elif hasattr(returned, "cancel"):
        returned.cancel()  # a task of the init's own loop, likewise
    return "asgi"


def _returned(target: Any, scope: dict[str, Any]) -> tuple[Any, int | None]:
    """Call as ASGI has it; give what that returns, and how many arguments were too many: None for another mistake."""
    try:
        return target(dict(scope), None, None), 0
    except TypeError as error:
        said = r"takes (\d+) positional arguments? but (\d+) were given|expected (\d+) arguments?, got (\d+)"
        match = re.search(said, f"{error}")
        return None, int(match[2] or match[4]) - int(match[1] or match[3]) if match else None
    except Exception:  # noqa: BLE001 - an app that dislikes the scope
        return None, None


def _passes_on(target: Any) -> bool:
    """Tell whether a function takes any arguments itself, whatever it says that it wraps."""
    code = getattr(target, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_VARARGS)


def _gives_an_app(target: Any) -> bool:
    """Tell whether a call with a scope gives something to be called with receive and send, and awaited."""
    if inspect.isclass(target):
        return _is_async(target) and _arguments(target.__call__)[0] == 1 + _WSGI
    try:
        made = target(dict(_SCOPE))
    except Exception:  # noqa: BLE001 - an app that dislikes the scope, or a factory that expected something else
        return _says_scope(target)
    return callable(made) and _is_async(made) and _arguments(made)[0] == _WSGI


def _says_scope(target: Any) -> bool:
    return "scope" in inspect.signature(target).parameters


def _is_async(target: Any) -> bool:
    target = _unbound(target)
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004 - the method is looked at, not asked for


def _arguments(target: Any, *, follow: bool = True) -> tuple[int, int, bool]:
    """Count the positional arguments that a call needs and those that it takes; tell whether it takes any number.

    Args:
        target: What would be called.
        follow: Ask of a wrapper that takes any what it says that it wraps; one that names its arguments knows best.
    """
    parameters = _parameters(target, follow_wrapped=False)
    if follow and (parameters is None or any(one.kind is one.VAR_POSITIONAL for one in parameters)):
        parameters = _parameters(target, follow_wrapped=True)
    if parameters is None:
        return 0, _ASGI, True
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    required = sum(one.default is one.empty for one in positional)
    open_ended = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return required, _ASGI if open_ended else len(positional), open_ended


def _parameters(target: Any, *, follow_wrapped: bool) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(target, follow_wrapped=follow_wrapped).parameters.values())
    except (TypeError, ValueError):  # written in C, without a signature
        return None
