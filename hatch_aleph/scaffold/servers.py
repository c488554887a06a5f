"""The calls by which a process begins to listen, and where the port stands in each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A call that listens, or says on which port.

    The argument is a number, a text with a number at its end (``0.0.0.0:8000``), or an address with it in second place.

    Attributes:
        position: Of the argument with the port, counted from 0; None where only its name says it.
        keyword: The argument's name.
        default: The port without that argument, if there is one.
        hosts: Whether it serves an application of WSGI or ASGI, which runs better without it.
        listens: Whether it listens by itself; a socket is bound first.
    """

    position: int | None = None
    keyword: str = "port"
    default: int | None = None
    hosts: bool = False
    listens: bool = True


_ADDRESS = Server(0, "server_address")
_AFTER_HOST = Server(1)
_LOOP = Server(2)

# By dotted name; a method stands under the class or function that makes its object.
SERVERS: dict[str, Server] = {
    "aiohttp.web.TCPSite": Server(2, default=8080),
    "aiohttp.web.run_app": Server(default=8080),
    "anyio.create_tcp_listener": Server(keyword="local_port"),
    "asyncio.get_event_loop.create_server": _LOOP,
    "asyncio.get_running_loop.create_server": _LOOP,
    "asyncio.new_event_loop.create_server": _LOOP,
    "asyncio.start_server": _LOOP,
    "bjoern.run": Server(2, hosts=True),
    "bottle.run": Server(3, default=8080),
    "cheroot.wsgi.Server": Server(0, "bind_addr", hosts=True),
    "cherrypy.quickstart": Server(default=8080),
    "daphne.server.Server": Server(hosts=True),
    "eventlet.listen": Server(0, "addr"),
    "gevent.pywsgi.WSGIServer": Server(0, "listener", hosts=True),
    "gevent.server.StreamServer": Server(0, "listener"),
    "gradio.Blocks.launch": Server(keyword="server_port", default=7860),
    "gradio.Interface.launch": Server(keyword="server_port", default=7860),
    "granian.Granian": Server(2, default=8000, hosts=True),
    "granian.server.Granian": Server(2, default=8000, hosts=True),
    "gunicorn.app.base.BaseApplication.run": Server(hosts=True),
    "http.server.HTTPServer": _ADDRESS,
    "http.server.ThreadingHTTPServer": _ADDRESS,
    "http.server.test": Server(3, default=8000),
    "hypercorn.asyncio.serve": Server(hosts=True),
    "hypercorn.run.run": Server(hosts=True),
    "hypercorn.trio.serve": Server(hosts=True),
    "microdot.Microdot.run": Server(1, default=5000),
    "microdot.Microdot.start_server": Server(1, default=5000),
    "nicegui.ui.run": Server(default=8080),
    "robyn.Robyn.start": Server(1, default=8080),
    "socket.create_server": Server(0, "address"),
    "socket.socket.bind": Server(0, "address", listens=False),
    "socket.socket.listen": Server(),
    "socketserver.ForkingTCPServer": _ADDRESS,
    "socketserver.TCPServer": _ADDRESS,
    "socketserver.ThreadingTCPServer": _ADDRESS,
    "tornado.httpserver.HTTPServer.bind": Server(0, listens=False),
    "tornado.httpserver.HTTPServer.listen": Server(0),
    "tornado.httpserver.HTTPServer.start": Server(),
    "tornado.tcpserver.TCPServer.listen": Server(0),
    "tornado.web.Application.listen": Server(0),
    "trio.open_tcp_listeners": Server(0),
    "trio.serve_tcp": _AFTER_HOST,
    "twisted.internet.endpoints.serverFromString": Server(1, "description"),
    "twisted.internet.reactor.listenTCP": Server(0),
    "uvicorn.Config": Server(default=8000, hosts=True, listens=False),
    "uvicorn.Server.run": Server(hosts=True),
    "uvicorn.Server.serve": Server(hosts=True),
    "uvicorn.run": Server(default=8000, hosts=True),
    "waitress.create_server": Server(default=8080, hosts=True),
    "waitress.serve": Server(default=8080, hosts=True),
    "werkzeug.serving.make_server": Server(1, hosts=True),
    "werkzeug.serving.run_simple": Server(1, hosts=True),
    "wsgiref.simple_server.WSGIServer": Server(0, "server_address", hosts=True),
    "wsgiref.simple_server.make_server": Server(1, hosts=True),
    "xmlrpc.server.SimpleXMLRPCServer": Server(0, "addr"),
}
