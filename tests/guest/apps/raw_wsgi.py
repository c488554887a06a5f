"""Asks for everything that PEP 3333 promises; answers what it got as JSON."""

import json
import threading
import time
from wsgiref.validate import validator

LOG = []


def describe(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    plain = {key: value for key, value in environ.items() if isinstance(value, str)}
    said = {
        "environ": plain,
        "body": body.decode("latin-1"),
        "rest": environ["wsgi.input"].read(1).decode("latin-1"),
        "version": environ["wsgi.version"],
        "flags": [bool(environ[f"wsgi.{name}"]) for name in ("multithread", "multiprocess", "run_once")],
        "wrapper": "wsgi.file_wrapper" in environ,
        "terminated": environ.get("wsgi.input_terminated"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


def valid(environ, start_response):
    return validator(simple)(environ, start_response)


def simple(environ, start_response):
    environ["wsgi.errors"].write("to the log\n")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"valid ", body]


def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(50):
        yield b"%d," % number


def writes(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written ")
    return [b"and returned"]


def wrapped_file(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


class Closing(list):
    def close(self):
        time.sleep(0.3)
        LOG.append("closed")


def closing(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Closing([b"ok"])


RELEASED, TOGETHER = threading.Event(), threading.Barrier(16)


class Held(list):
    def close(self):
        RELEASED.wait(20)
        LOG.append("held work")


def held(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Held([b"ok"])


def release(environ, start_response):
    RELEASED.set()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"released"]


def meets(environ, start_response):
    TOGETHER.wait(20)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"met"]


def log(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(LOG).encode()]


def raises(environ, start_response):
    raise ValueError("a secret")


def raises_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    raise ValueError("a secret")


def replaces(environ, start_response):
    import sys

    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise ValueError
    except ValueError:
        start_response("503 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"replaced"]


def endless(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        while True:
            time.sleep(0.05)
            yield b"x"
    finally:
        LOG.append("endless closed")


def no_start(environ, start_response):
    return [b"x"]


def starts_twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return [b"x"]


def replaces_late(environ, start_response):
    import sys

    start_response("200 OK", [])(b"begun")
    try:
        raise ValueError("a secret")
    except ValueError:
        start_response("503 Sorry", [], sys.exc_info())
    return [b"replaced"]


def gives_text(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def stops(environ, start_response):
    raise StopIteration


def exits(environ, start_response):
    raise SystemExit(3)


def waits(environ, start_response):
    time.sleep(0.3)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"waited"]


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("X-Why", "gone")])
    return [b"nothing here"]


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


HANDLERS = {
    f"/{function.__name__}": function
    for function in (
        valid,
        generator,
        writes,
        wrapped_file,
        closing,
        held,
        release,
        meets,
        log,
        raises,
        raises_late,
        replaces,
        endless,
        no_start,
        starts_twice,
        replaces_late,
        gives_text,
        stops,
        exits,
        waits,
        missing,
        empty,
    )
}


def app(environ, start_response):
    return HANDLERS.get(environ["PATH_INFO"], describe)(environ, start_response)
