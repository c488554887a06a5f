"""Which calling convention an app has, found by looking at it."""

from __future__ import annotations

import functools
import inspect
from typing import Any

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ASGI, _WSGI, _DOUBLE = 3, 2, 1


class NotAnApp(TypeError):  # noqa: N818 - reads as what happened, in the host's log
    """The entrypoint names something that cannot answer requests."""


def recognise(target: Any, declared: str) -> tuple[str, Any]:
    """Tell the interface of an app, calling it first if it is a factory.

    Args:
        target: What the entrypoint names: an app, or a function or class without required arguments that makes one.
        declared: The interface from the settings, ``auto`` to find out.

    Returns:
        ``asgi``, ``asgi2`` or ``wsgi``, and the app.

    Raises:
        NotAnApp: When it is neither.
    """
    if _is_factory(target):
        target = target()
        if inspect.iscoroutine(target):
            target.close()
            raise NotAnApp("the factory is a coroutine function; it must return the app itself")
    if not callable(target):
        message = f"the entrypoint is {type(target).__name__!r} object, not an app that can be called"
        raise NotAnApp(message)
    return (_guess(target) if declared == "auto" else declared), target


def _is_factory(target: Any) -> bool:
    required, most = _arguments(target)
    return required == 0 and most < _WSGI


def _guess(target: Any) -> str:
    if inspect.isclass(target):
        if hasattr(target, "__await__"):
            return "asgi"
    elif _is_async(target):
        return "asgi"
    required, most = _arguments(target)
    if required == _WSGI and most < _ASGI:
        return "wsgi"
    if required == _DOUBLE and most < _WSGI:
        return "asgi2"
    if required == 0 and most < _WSGI:
        message = f"{type(target).__module__}.{type(target).__qualname__} is neither an ASGI nor a WSGI app"
        raise NotAnApp(message)
    return "asgi"


def _is_async(target: Any) -> bool:
    while isinstance(target, functools.partial):
        target = target.func
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004 - the method is looked at, not asked for


def _arguments(target: Any) -> tuple[int, int]:
    """Count the positional arguments that a call needs and those that it takes."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return 0, _ASGI
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    required = sum(one.default is one.empty for one in positional)
    open_ended = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return required, _ASGI if open_ended else len(positional)
