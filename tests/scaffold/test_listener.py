"""A script that listens is recognised by the call that does, however its object was made; its port is read there."""

import pytest

from hatch_aleph.scaffold.applications import clear_choice, find_applications
from hatch_aleph.scaffold.frameworks import FRAMEWORKS
from hatch_aleph.scaffold.listener import find_listener
from hatch_aleph.scaffold.ports import Port
from hatch_aleph.scaffold.servers import SERVERS
from hatch_aleph.scaffold.syntax import Module

MAIN = "\nif __name__ == '__main__':\n    main()\n"
SCRIPTS = {
    "Tornado's first page": (
        (
            "import asyncio, tornado\nimport tornado.web\ndef make_app():\n    return tornado.web.Application([])\n"
            "async def main():\n    app = make_app()\n    app.listen(8888)\n    await asyncio.Event().wait()\n"
            "if __name__ == '__main__':\n    asyncio.run(main())"
        ),
        (7, "Tornado", 8888),
    ),
    "Tornado, a class of one's own behind a server": (
        "from tornado.options import options\nfrom tornado.web import Application as A\n"
        "from tornado.httpserver import HTTPServer\nclass Chat(A): ...\n"
        "def main():\n    server = HTTPServer(Chat())\n    server.bind(9000)\n    server.start()" + MAIN,
        (8, "Tornado", 9000),
    ),
    "Tornado, a port of its options": (
        (
            "import tornado.web\nfrom tornado.options import options\nclass Chat(tornado.web.Application): ...\n"
            "Chat().listen(options.port)"
        ),
        (4, "Tornado", None),
    ),
    "asyncio": (
        (
            "import asyncio\nasync def main():\n    server = await asyncio.start_server(print, '0.0.0.0', 8080)\n"
            "asyncio.run(main())"
        ),
        (3, None, 8080),
    ),
    "asyncio's loop": (
        "import asyncio\nloop = asyncio.get_event_loop()\nloop.create_task(loop.create_server(object, port=7000))",
        (3, None, 7000),
    ),
    "a socket": (
        "import socket\nPORT = 5000\ns = socket.socket(socket.AF_INET)\ns.bind(('', PORT))\ns.listen(5)",
        (5, None, 5000),
    ),
    "a socket of an object": (
        (
            "from socket import *\nclass Server:\n    def __init__(self):\n        self.sock = socket(AF_INET)\n"
            "        self.sock.bind(('', 1234))\n        self.sock.listen()\nServer()"
        ),
        (6, None, 1234),
    ),
    "what a runner is given": (
        "import trio\nasync def main():\n    await trio.serve_tcp(print, 8080)\ntrio.run(main)",
        (3, "trio", 8080),
    ),
    "a socket in a block": ("import socket\nwith socket.create_server(('', 81)) as s:\n    s.accept()", (2, None, 81)),
    "http.server, by a class with threads": (
        (
            "import http.server, socketserver\nclass S(socketserver.ThreadingMixIn, http.server.HTTPServer): ...\n"
            "S(('', 8080), None).serve_forever()"
        ),
        (3, None, 8080),
    ),
    "socketserver": ("import socketserver\nsocketserver.TCPServer(('', 9999), None).serve_forever()", (2, None, 9999)),
    "aiohttp": ("from aiohttp import web\nweb.run_app(make(), port=3000)", (2, "aiohttp", 3000)),
    "aiohttp, by a runner": (
        "from aiohttp import web\nasync def main():\n    site = web.TCPSite(object(), 'localhost')" + MAIN,
        (3, "aiohttp", 8080),
    ),
    "wsgiref": (
        "from wsgiref import simple_server as s\ns.make_server('', 6543, None).serve_forever()",
        (2, None, 6543),
    ),
    "gevent": ("from gevent.pywsgi import WSGIServer\nWSGIServer(':8000', None).serve_forever()", (2, "gevent", 8000)),
    "granian": ("import granian\ngranian.Granian('main:app', address='::').serve()", (2, "granian", 8000)),
    "hypercorn": (
        (
            "import asyncio\nfrom hypercorn.asyncio import serve\nfrom hypercorn.config import Config\n"
            "asyncio.run(serve(app, Config()))"
        ),
        (4, "hypercorn", None),
    ),
    "uvicorn": (
        (
            "import uvicorn\nfrom elsewhere import app\nconfig = uvicorn.Config(app, port=5001)\n"
            "server = uvicorn.Server(config)\nserver.run()"
        ),
        (5, "uvicorn", 5001),
    ),
    "twisted": (
        "from twisted.internet import reactor\nreactor.listenTCP(8080, None)\nreactor.run()",
        (2, "twisted", 8080),
    ),
    "gradio": ("import gradio as gr\nwith gr.Blocks() as demo:\n    pass\ndemo.launch()", (4, "Gradio", 7860)),
    "http.server, as its documentation runs it": (
        (
            "from http.server import BaseHTTPRequestHandler, HTTPServer\n"
            "def run(server_class=HTTPServer, handler_class=BaseHTTPRequestHandler, *, port=8001):\n"
            "    httpd = server_class(('', port), handler_class)\n    httpd.serve_forever()\nrun()"
        ),
        (3, None, 8001),
    ),
    "a parameter that is named as a variable": (
        (
            "import socketserver\nPORT = 8002\ndef f(socketserver=None, PORT=None): ...\n"
            "socketserver.TCPServer(('', PORT), None).serve_forever()"
        ),
        (4, None, 8002),
    ),
    "a mixin behind": (
        (
            "from http.server import HTTPServer\nfrom socketserver import ThreadingMixIn\n"
            "class Server(HTTPServer, ThreadingMixIn): ...\nServer(('', 8003), None).serve_forever()"
        ),
        (4, None, 8003),
    ),
    "an end by the code of main": (
        (
            "import socketserver\ndef main():\n    socketserver.TCPServer(('', 8004), None).serve_forever()\n"
            "raise SystemExit(main())"
        ),
        (3, None, 8004),
    ),
    "main within try": (
        (
            "import socketserver\ndef main():\n    socketserver.TCPServer(('', 8005), None).serve_forever()\n"
            "try:\n    main()\nexcept KeyboardInterrupt:\n    pass"
        ),
        (3, None, 8005),
    ),
    "twisted, by a description": (
        (
            "from twisted.internet import endpoints, reactor\n"
            "endpoints.serverFromString(reactor, 'tcp:8006:interface=127.0.0.1').listen(None)\nreactor.run()"
        ),
        (2, "twisted", 8006),
    ),
    "a socket with a path": (
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('/tmp/socket1')\ns.listen()",
        (4, None, None),
    ),
    "an address without a port": (
        "import gevent.server\ngevent.server.StreamServer('127.0.0.1', None).serve_forever()",
        (2, "gevent", None),
    ),
}
SERVE = "\nimport http.server\nhttp.server.HTTPServer(('', %s), None).serve_forever()"
ARGPARSE = "import argparse\np = argparse.ArgumentParser()\np.add_argument(%s)\nargs = p.parse_args()"
# How a script can be told its port, and the command that tells it.
TOLD = {
    "a variable": ("import os" + SERVE % "int(os.environ.get('PORT', 80))", "python3 main.py"),
    "a variable, by key": ("import os" + SERVE % "int(os.environ['PORT'])", "python3 main.py"),
    "a variable, or else": ("from os import getenv" + SERVE % "int(getenv('PORT') or 80)", "python3 main.py"),
    "a variable of another name": (
        "import os\nAPI_PORT = int(os.environ.get('API_PORT', '5000'))" + SERVE % "API_PORT",
        "env API_PORT=$PORT python3 main.py",
    ),
    "a variable, by environs": (
        "from environs import Env\nenv = Env()" + SERVE % "env.int('PORT', default=80)",
        "python3 main.py",
    ),
    "a variable, by decouple": (
        "from decouple import config" + SERVE % "config('HTTP_PORT', cast=int, default=80)",
        "env HTTP_PORT=$PORT python3 main.py",
    ),
    "an option": (
        ARGPARSE % "'-p', '--http-port', type=int" + SERVE % "args.http_port",
        "python3 main.py --http-port=$PORT",
    ),
    "an option with a place": (
        ARGPARSE % "'--listen', dest='port', default=80" + SERVE % "args.port",
        "python3 main.py --listen=$PORT",
    ),
    "a short option": (ARGPARSE % "'-p', dest='port'" + SERVE % "args.port", "python3 main.py -p $PORT"),
    "an option whose default is a variable": (
        "import os\n" + ARGPARSE % "'--port', default=os.getenv('PORT', 80)" + SERVE % "args.port",
        "python3 main.py",
    ),
    "an option whose default is the port": (
        ARGPARSE % "'--port', default=8080" + SERVE % "args.port",
        "python3 main.py",
    ),
    "an argument": (ARGPARSE % "'port', nargs='?', default=8000" + SERVE % "args.port", "python3 main.py $PORT"),
    "an argument by hand": (
        "import sys" + SERVE % "int(sys.argv[1]) if len(sys.argv) > 1 else 8000",
        "python3 main.py $PORT",
    ),
    "an option of click": (
        (
            "import click, socket\n@click.command()\n@click.option('--port', default=5000)\ndef main(port):\n"
            "    socket.create_server(('', port))\nmain()"
        ),
        "python3 main.py --port=$PORT",
    ),
    "an option of typer": (
        (
            "import typer, socket\ndef main(port: int = typer.Option(5000, '--port')):\n"
            "    socket.create_server(('', port))\nif __name__ == '__main__':\n    typer.run(main)"
        ),
        "python3 main.py --port=$PORT",
    ),
    "an option of tornado": (
        (
            "import tornado.web\nfrom tornado.options import define, options\ndefine('port', default=8888, type=int)\n"
            "tornado.web.Application().listen(options.port)"
        ),
        "python3 main.py --port=$PORT",
    ),
    "what a function is given": (
        ARGPARSE % "'--port', type=int, default=8000" + "\nimport socket\ndef serve(where, n=1):\n"
        "    socket.create_server((where, n))\nserve('', n=args.port)",
        "python3 main.py --port=$PORT",
    ),
    "what an object is given": (
        (
            "import os, socket\nclass Site:\n    def __init__(self, at, number):\n        self.number = number\n"
            "    def run(self):\n        socket.create_server(('', self.number))\nSite(0, os.environ['PORT']).run()\n"
            "if __name__ == '__main__': pass"
        ),
        "python3 main.py",
    ),
    "what a function returns": (
        "import os, socket\ndef port():\n    return int(os.environ.get('PORT', 1))\nsocket.create_server(('', port()))",
        "python3 main.py",
    ),
    "a table of arguments": (
        (
            ARGPARSE % "'--port', default=8000"
            + "\nimport uvicorn\ngiven = dict(host='::', port=args.port)\nuvicorn.run(make(), **given)"
        ),
        "python3 main.py --port=$PORT",
    ),
    "a table, as it stands": (
        "import os, uvicorn\nuvicorn.run(make(), **{'port': os.environ['PORT']})",
        "python3 main.py",
    ),
    "a variable, or else, by its error": (
        "import os\ntry:\n    n = int(os.environ['PORT'])\nexcept KeyError:\n    n = 8000" + SERVE % "n",
        "python3 main.py",
    ),
    "the usual variable before another": (
        "import os" + SERVE % "os.environ['DEV_PORT'] if os.environ.get('DEV') else os.environ['PORT']",
        "python3 main.py",
    ),
    "an argument by hand, or else": (
        "import sys\nif sys.argv[1:]:\n    n = int(sys.argv[1])\nelse:\n    n = 8000" + SERVE % "n",
        "python3 main.py $PORT",
    ),
    "an option, or else, under its own name": (
        (
            "import click, socket\n@click.command()\n@click.option('--port')\ndef main(port):\n"
            "    port = port or 8000\n    socket.create_server(('', int(port)))\nmain()"
        ),
        "python3 main.py --port=$PORT",
    ),
    "a text": (
        (
            "import os, gevent.server\nport = os.environ['PORT']\n"
            "gevent.server.StreamServer(f'0.0.0.0:{port}', None).serve_forever()"
        ),
        "python3 main.py",
    ),
}
# What looks like a way to tell a port and is none: each with the port that is said instead, None where none is seen.
NOT_GUESSED = {
    "a port of the usual number in one case": ("import os" + SERVE % "8080 if os.environ.get('DEBUG') else 80", 80),
    "a table that is read from a file": ("import yaml\nc = yaml.load('')" + SERVE % "c.get('PORT', 81)", 81),
    "a function that may read anything": ("import net" + SERVE % "net.free_port('SERVICE')", None),
    "an argument of another function": (
        (
            "import socket\ndef web(port):\n    socket.create_server(('', port))\ndef cache(port): ...\n"
            "cache(8080)\nweb(82)"
        ),
        82,
    ),
    "a name of another function": (
        "import socket\nport = 83\ndef f():\n    port = 8080\nsocket.create_server(('', port))",
        83,
    ),
    "a name that a function changes": (
        ("import socket\nport = 8080\ndef f():\n    global port\n    port = 84\nf()\nsocket.create_server(('', port))"),
        84,
    ),
    "an option for something else": (
        ARGPARSE % "'--port', help='of the database'" + "\nport = 85" + SERVE % "port",
        85,
    ),
    "an option that is an address": (
        ARGPARSE % "'--listen', default=':86'" + "\nimport waitress\nwaitress.serve(make(), listen=args.listen)",
        86,
    ),
    "an address in place of the usual port": ("import waitress\nwaitress.serve(make(), listen='*:87')", 87),
    "a socket in place of the usual port": ("from aiohttp import web\nweb.run_app(make(), path='/run/a')", None),
    "what is given is not seen": ("import waitress, yaml\nc = yaml.load('')\nwaitress.serve(make(), **c)", None),
}
SILENT = {
    "a function that is registered": (
        "import socket, plugins\ndef start():\n    socket.create_server(('', 80))\nplugins.register(start)"
    ),
    "a client": "import socket\ns = socket.socket()\ns.connect(('example.org', 80))",
    "a socket of datagrams": "import socket\ns = socket.socket()\ns.bind(('', 53))",
    "others' listen": "events.listen(80)\nqueue = []\nqueue.listen(80)",
    "what only could": "import socket\ndef start():\n    socket.create_server(('', 80))",
    "a method that nobody calls": "import socket\nclass S:\n    def run(self):\n        socket.create_server(('', 80))",
    "names that lead to themselves": "import socket\ns = s.next\nf = f()\ns.listen()\nf.listen()",
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_what_listens_and_where(case, tmp_path):
    source, (line, framework, port) = SCRIPTS[case]
    found = find_listener(Module.parse("main", source.encode(), package=False, known={}))
    assert (found.line, found.framework and found.framework.name) == (line, framework)
    assert (found.port and found.port.number) == port
    (tmp_path / "main.py").write_text(source)
    choice = clear_choice(find_applications(tmp_path))
    assert (choice.entrypoint, choice.executable) == ("python3 main.py", True)
    if framework == "Gradio":
        assert "websockets" in choice.note
    else:
        assert (choice.note is not None) == (port != 8080)
        what = "a port that is not seen there" if port is None else f"port {port}"
        assert port == 8080 or f"listens on {what}, and a program is asked on the one that PORT names" in choice.note


@pytest.mark.parametrize("case", TOLD)
def test_a_script_is_told_its_port_as_it_takes_it(case, tmp_path):
    source, command = TOLD[case]
    (tmp_path / "main.py").write_text(source)
    choice = clear_choice(find_applications(tmp_path))
    assert (choice.entrypoint, choice.note) == (command, None)


@pytest.mark.parametrize("case", NOT_GUESSED)
def test_no_port_is_guessed_in_silence(case, tmp_path):
    source, port = NOT_GUESSED[case]
    (tmp_path / "main.py").write_text(source)
    choice = clear_choice(find_applications(tmp_path))
    assert choice.entrypoint == "python3 main.py"
    assert f"listens on {f'port {port},' if port else 'a port that is not seen there'}" in choice.note


def test_what_a_module_imports_is_no_option_of_another(tmp_path):
    (tmp_path / "main.py").write_text("from settings import port" + SERVE % "port")
    (tmp_path / "load.py").write_text(ARGPARSE % "'--port', help='of what is tested'")
    choice = clear_choice(find_applications(tmp_path))
    assert choice.entrypoint == "python3 main.py"
    assert "a port that is not seen there" in choice.note


def test_a_table_of_one_s_own_is_no_environment(tmp_path):
    (tmp_path / "main.py").write_text("CONFIG = {'PORT': 5000}" + SERVE % "CONFIG.get('PORT', 5000)")
    choice = clear_choice(find_applications(tmp_path))
    assert choice.entrypoint == "python3 main.py"
    assert "listens on port 5000" in choice.note


@pytest.mark.parametrize("case", SILENT)
def test_what_does_not(case, tmp_path):
    (tmp_path / "main.py").write_text(SILENT[case])
    assert not find_applications(tmp_path)


def test_what_another_module_makes_is_known(tmp_path):
    (tmp_path / "web.py").write_text("import tornado.web\ndef make():\n    return tornado.web.Application()")
    (tmp_path / "main.py").write_text("import web\nif __name__ == '__main__':\n    web.make().listen(8080)")
    (found,) = find_applications(tmp_path)
    assert (found.entrypoint, found.framework, found.line, found.note) == ("python3 main.py", "Tornado", 3, None)


def test_a_module_that_imports_from_its_package_is_run_by_its_name(tmp_path):
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    for name in ("__init__", "core"):
        (package / f"{name}.py").write_text("")
    (package / "__main__.py").write_text("from . import core\nimport socket\nsocket.create_server(('', 8080))")
    (found,) = find_applications(tmp_path)
    assert (found.entrypoint, found.file) == ("python3 -m pkg", "src/pkg/__main__.py")


@pytest.mark.parametrize("name", [name for name, server in SERVERS.items() if server.hosts])
def test_what_a_server_serves_comes_before_it(name, tmp_path):
    (tmp_path / "main.py").write_text(f"import {name.partition('.')[0]}\n{name}('odd:thing')")
    (tmp_path / "odd.py").write_text("from flask import Flask\nthing = Flask('x')")
    assert clear_choice(find_applications(tmp_path)).entrypoint == "odd:thing"


@pytest.mark.parametrize("name", [name for name, server in SERVERS.items() if server.listens])
def test_the_table_s_calls_are_found_with_their_port(name):
    server, top = SERVERS[name], name.partition(".")[0]
    arguments = [f"{server.keyword}=4711"]
    arguments += [f"{'a, ' * server.position}4711"] if server.position is not None else []
    for each in arguments:
        module = Module.parse("main", f"import {top}\n{name}({each})".encode(), package=False, known={})
        assert find_listener(module).port == Port(2, 4711)
    assert name not in FRAMEWORKS
