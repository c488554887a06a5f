from __future__ import annotations

import asyncio
import functools
import inspect
import itertools

import pytest

from hatch_aleph.guest.interfaces import NOT_APPS, NotAnApp, recognise


async def asgi(scope, receive, send): ...


def asgi_plain(scope, receive, send):
    return asgi(scope, receive, send)


def asgi_plain_of_hosts(scope, receive, send):
    """Says by its first argument what it is, so it is not called in vain."""
    raise KeyError(b"host")


def wsgi(environ, start_response): ...


def asgi2(scope):
    async def instance(receive, send): ...

    return instance


def asgi2_of_http(scope):
    """As Channels 2 has it: what it does not know it refuses."""
    raise ValueError(scope["type"])


def wrapper(*args, **kwargs):
    return asgi(*args[-3:], **kwargs)


def wsgi_wrapper(*args, **kwargs):
    return wsgi(*args, **kwargs)


def asgi2_wrapper(*args):
    return asgi2(*args)


async def async_wrapper(*args, **kwargs): ...


class Asgi:
    async def __call__(self, scope, receive, send): ...


class AsgiOptional:
    async def __call__(self, scope, receive=None, send=None): ...


class Wsgi:
    def __call__(self, environ, start_response): ...


def wsgi_with_options(environ, start_response, _publish=None, _module="Zope2"): ...


class WsgiPerRequest:
    def __init__(self, environ, start_response): ...

    def __iter__(self): ...


class Asgi2:
    def __init__(self, scope): ...

    async def __call__(self, receive, send): ...


class AsgiPerRequest:
    def __init__(self, scope, receive, send): ...

    def __await__(self): ...


class WsgiBehind:
    """As Dash has it."""

    def __call__(self, *args, **kwargs):
        return Wsgi()(*args, **kwargs)


class AsgiBehind:
    """Not called in vain: what it does not like is a scope."""

    def __call__(self, *args):
        assert args[0]["type"] == "http"
        return asgi(*args)


class SelfCalling:
    def __call__(self):
        return self


@functools.wraps(wsgi)
def wrapped(*args): ...


def of_a_request(function):
    """As Werkzeug's `Request.application` and WebOb's `wsgify` have it."""

    @functools.wraps(function)
    def application(*args):
        environ, start_response = args[-2:]
        return function(environ["REQUEST_METHOD"])(environ, start_response)

    return application


def of_a_view(view):
    """As BaiZe's `request_response` has it: a wrapper that names its own arguments, over a view with others."""

    @functools.wraps(view)
    async def application(scope, receive, send):
        return await view(scope)

    return application


def wsgi_of_a_view(view):
    @functools.wraps(view)
    def application(environ, start_response):
        return view(environ)

    return application


async def view(request): ...


@pytest.mark.parametrize(
    ("target", "interface"),
    [
        (asgi, "asgi"),
        (asgi_plain, "asgi"),
        (asgi_plain_of_hosts, "asgi"),
        (wsgi, "wsgi"),
        (asgi2, "asgi2"),
        (asgi2_of_http, "asgi2"),
        (wrapper, "asgi"),
        (async_wrapper, "asgi"),
        (wsgi_wrapper, "wsgi"),
        (asgi2_wrapper, "asgi2"),
        (WsgiBehind(), "wsgi"),
        (AsgiBehind(), "asgi"),
        (wrapped, "wsgi"),
        (Asgi(), "asgi"),
        (AsgiOptional(), "asgi"),
        (Wsgi(), "wsgi"),
        (wsgi_with_options, "wsgi"),
        (WsgiPerRequest, "wsgi"),
        (Asgi2, "asgi2"),
        (AsgiPerRequest, "asgi"),
        (functools.partial(asgi), "asgi"),
        (functools.partial(wrapper, 1), "asgi"),
        (Wsgi().__call__, "wsgi"),
        (of_a_request(lambda _request: wsgi), "wsgi"),
        (of_a_view(view), "asgi"),
        (wsgi_of_a_view(view), "wsgi"),
    ],
)
def test_the_convention_is_seen(target, interface):
    assert recognise(target, "auto") == (interface, target)


def test_a_task_that_an_app_returns_when_it_is_tried_never_begins():
    begun = []

    async def inner(scope, receive, send):
        begun.append(scope)

    def outer(*given):
        return asyncio.ensure_future(inner(*given))

    async def in_a_loop():
        assert recognise(outer, "auto") == ("asgi", outer)
        await asyncio.sleep(0)

    asyncio.run(in_a_loop())
    assert begun == []


def test_factories_are_called():
    app = Wsgi()
    assert recognise(lambda: app, "auto") == ("wsgi", app)
    assert recognise(lambda _config=None: app, "auto") == ("wsgi", app)
    assert recognise(lambda _config=None, _debug=False, _more=(): app, "auto") == ("wsgi", app)
    assert recognise(functools.partial(lambda _env, _debug=False, _more=(): app, "prod"), "auto") == ("wsgi", app)
    assert recognise(lambda: app, "wsgi") == ("wsgi", app)
    assert recognise(Asgi, "auto")[0] == "asgi"


def test_what_is_said_is_not_guessed():
    assert recognise(wrapper, "wsgi") == ("wsgi", wrapper)


def plain(): ...


def handler(event):
    return {"got": event}


def five(a, b, c, d, e): ...


def anything(*args):
    return 42


async def async_factory(): ...


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


def needs(config):
    return asgi if config else wsgi


def needs_more(config, debug, cache):
    return asgi


def needs_attributes(config):
    return asgi if config.debug else wsgi


class Needs:
    def __init__(self, config): ...

    async def __call__(self, scope, receive, send): ...


class OfThree:
    def __init__(self, a, b, c): ...


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (needs, r"is the function needs\(config\)"),
        (needs_more, r"is the function needs_more\(config, debug, cache\)"),
        (needs_attributes, r"is the function needs_attributes\(config\)"),
        (decorated(needs), r"is the function needs\(config\)"),
        (functools.lru_cache(needs), r"the function needs\(config\)"),
        (Needs, r"is the class Needs\(config\)"),
        (OfThree, r"is the class OfThree\(a, b, c\)"),
    ],
)
def test_a_factory_that_needs_arguments_is_told_how_it_gets_them(target, found):
    with pytest.raises(NotAnApp, match=found) as caught:
        recognise(target, "auto", "main:make")
    assert "'main:make(True)'" in str(caught.value)


class Handler:
    async def __call__(self, request): ...


class Scoped:
    async def __call__(self, scope, receive): ...


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "'main:app' is None, not an app"),
        (inspect, "is the module 'inspect', not an app that can be called; name what is in it: 'inspect:app'"),
        ({}, "is a 'dict' object, not an app"),
        (lambda: None, "was called as a factory, and returned None, not an app that can be called; let it return the"),
        (async_factory, "is a coroutine function, which nothing awaits here; let a plain function return the app"),
        (Handler(), r"is an object of Handler, called with \(request\), which is neither"),
        (Scoped(), r"is an object of Scoped, called with \(scope, receive\), which is neither"),
        (lambda: needs, r"and returned the function needs\(config\), which is neither"),
    ],
)
def test_what_is_no_app_is_told_by_what_it_is(target, words):
    with pytest.raises(NotAnApp, match=words) as caught:
        recognise(target, "auto", "main:app")
    assert "(True)" not in str(caught.value)


@pytest.mark.parametrize("target", [async_factory, 3, SelfCalling(), plain, handler, five, anything, print])
def test_neither_is_refused(target):
    with pytest.raises(NotAnApp):
        recognise(target, "auto")


@pytest.mark.parametrize("name", NOT_APPS)
def test_what_is_known_to_be_no_app_is_refused_with_the_way_out(name):
    module, _, qualname = name.rpartition(".")
    made = type(qualname, (), {"__module__": module, "__call__": lambda self, *_, **__: self})
    heir = type("App", (made,), {"__module__": "main"})
    for target in (heir(), heir):
        for declared in ("auto", "asgi", "wsgi"):
            with pytest.raises(NotAnApp) as caught:
                recognise(target, declared)
            assert NOT_APPS[name] in str(caught.value)


def test_an_heir_of_such_a_class_that_can_be_called_as_an_app_is_one():
    made = type("FastMCP", (), {"__module__": "fastmcp.server.server"})
    app = type("App", (made, Asgi), {"__call__": Asgi.__call__})()
    assert recognise(app, "auto") == ("asgi", app)


def test_what_is_written_in_c_and_shows_no_arguments_is_tried():
    with pytest.raises(NotAnApp, match="called as one it returns chain"):
        recognise(itertools.chain, "auto")


def test_what_a_function_gave_that_was_no_app_is_told_of_it():
    with pytest.raises(
        NotAnApp, match="needs no arguments, so it was called as a factory, and returned a 'str' object"
    ):
        recognise(lambda name="you": f"hello {name}", "auto")
