"""Published applications as they are on the package index, and what each is asked: see ``test_published``.

python -m tests.guest.published    prints the table of docs/guest.md
"""

# ruff: noqa: E501 - programs as text
from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """An application of the index.

    Attributes:
        entrypoint: As `[tool.aleph]` and gunicorn have it.
        needs: What is installed.
        server: Its own.
        kind: What it is, for the table.
        targets: What is asked.
        main: A `main.py` for those whose app must be made.
    """

    entrypoint: str
    needs: tuple[str, ...]
    server: str
    kind: str
    targets: tuple[str, ...] = ("/",)
    main: str = ""


PUBLISHED = [
    Published(
        "httpbin:app", ("httpbin",), "gunicorn", "Flask: an HTTP test service",
        ("/get?a=1&a=2", "/status/418", "/headers", "/base64/SGVsbG8=", "/redirect-to?url=/get", "/cookies/set?a=1", "/json"),
    ),
    Published(
        "main:app", ("prometheus-client",), "uvicorn", "metrics, ASGI", ("/missing",),
        "import prometheus_client as p\napp = p.make_asgi_app(p.CollectorRegistry())\n",
    ),
    Published("proxpi.server:app", ("proxpi",), "gunicorn", "Flask: a proxy of the package index", ("/health", "/static/x")),
    Published(
        "main:app", ("dash",), "gunicorn", "Dash 4: the object itself", ("/_dash-layout", "/_dash-dependencies"),
        "import dash\napp = dash.Dash(__name__)\napp.layout = dash.html.Div('hello')\n",
    ),
    Published(
        "main:app", ("strawberry-graphql[asgi]",), "uvicorn", "GraphQL", ("/?query={hello}", "/"),
        "import strawberry, strawberry.asgi\n@strawberry.type\nclass Query:\n    @strawberry.field\n"
        "    def hello(self) -> str:\n        'A docstring.'\n        return 'world'\n"
        "app = strawberry.asgi.GraphQL(strawberry.Schema(Query))\n",
    ),
    Published(
        "main:app", ("ariadne",), "uvicorn", "GraphQL, schema first", ("/",),
        "from ariadne import QueryType, make_executable_schema\nfrom ariadne.asgi import GraphQL\n"
        "app = GraphQL(make_executable_schema('type Query { a: Int }', QueryType()))\n",
    ),
    Published(
        "main:app", ("connexion[flask]",), "gunicorn", "Flask by way of Connexion's base", ("/x",),
        "import flask\napp = flask.Flask(__name__)\n@app.get('/x')\ndef x():\n    return {'a': [1]}\n",
    ),
    Published(
        "main:app", ("pyramid", "setuptools<81"), "gunicorn", "Pyramid", ("/hello/you", "/missing"),
        "from pyramid.config import Configurator\ndef hello(request):\n    return {'hello': request.matchdict['name']}\n"
        "with Configurator() as c:\n    c.add_route('h', '/hello/{name}')\n"
        "    c.add_view(hello, route_name='h', renderer='json')\n    app = c.make_wsgi_app()\n",
    ),
    Published(
        "main:app", ("cherrypy",), "gunicorn", "CherryPy", ("/", "/echo?a=b", "/missing"),
        "import cherrypy\ncherrypy.config.update({'environment': 'embedded'})\nclass Root:\n    @cherrypy.expose\n"
        "    def index(self):\n        return 'hello'\n    @cherrypy.expose\n    def echo(self, a):\n        return a\n"
        "app = cherrypy.Application(Root(), '')\n",
    ),
    Published(
        "main:app", ("web.py",), "gunicorn", "web.py", ("/a",),
        "import web\nurls = ('/(.*)', 'Hello')\nclass Hello:\n    def GET(self, name):\n        return 'Hello ' + name\n"
        "app = web.application(urls, {'Hello': Hello}).wsgifunc()\n",
    ),
    Published(
        "main:app", ("mcp<2",), "uvicorn", "an MCP server", ("/missing", "/mcp"),
        "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x', stateless_http=True)\n@mcp.tool()\n"
        "def add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\napp = mcp.streamable_http_app()\n",
    ),
    Published(
        "main:app", ("python-socketio",), "uvicorn", "socket.io over polling", ("/socket.io/?EIO=3", "/x"),
        "import socketio\napp = socketio.ASGIApp(socketio.AsyncServer(async_mode='asgi'))\n",
    ),
    Published(
        "main:app", ("sanic",), "uvicorn", "Sanic", ("/x",),
        "from sanic import Sanic, response\napp = Sanic('matrix')\n@app.get('/x')\nasync def x(request):\n"
        "    return response.json({'a': 1})\n",
    ),
    Published(
        "main:app", ("fastapi", "docopt", "ply"), "uvicorn", "docstrings and asserts: FastAPI, docopt", ("/openapi.json", "/d", "/a"),
        "'''Usage: x [--a]'''\nimport docopt, fastapi\napp = fastapi.FastAPI()\n@app.get('/d')\ndef d():\n"
        "    'Described.'\n    return docopt.docopt(__doc__, ['--a'])\n@app.get('/a')\ndef a():\n    assert False, 'no'\n",
    ),
    Published(
        "main:app", ("flask-restx",), "gunicorn", "Flask-RESTX with its schema", ("/swagger.json", "/h"),
        "import flask, flask_restx\napp = flask.Flask(__name__)\napi = flask_restx.Api(app)\n@api.route('/h')\n"
        "class H(flask_restx.Resource):\n    def get(self):\n        'Say it.'\n        return {'h': 1}\n",
    ),
    Published(
        "main:app", ("whitenoise", "falcon"), "gunicorn", "WhiteNoise before Falcon", ("/main.py", "/missing"),
        "import falcon, os, whitenoise\napp = whitenoise.WhiteNoise(falcon.App(), root=os.path.dirname(__file__))\n",
    ),
    Published(
        "main:app", ("flasgger", "setuptools<81"), "gunicorn", "Flask with a schema from docstrings", ("/apispec_1.json", "/h"),
        "import flask, flasgger\napp = flask.Flask(__name__)\nflasgger.Swagger(app)\n@app.get('/h')\ndef h():\n"
        "    '''Say it.\n    ---\n    responses:\n      200:\n        description: said\n    '''\n    return {'h': 1}\n",
    ),
    Published(
        "main:app", ("apiflask",), "gunicorn", "APIFlask", ("/openapi.json", "/h"),
        "import apiflask\napp = apiflask.APIFlask(__name__)\n@app.get('/h')\ndef h():\n    'Say it.'\n    return {'h': 1}\n",
    ),
    Published(
        "main:app", ("django-ninja",), "uvicorn", "Django Ninja, ASGI", ("/api/openapi.json", "/api/h?n=2", "/api/h"),
        "import django\nfrom django.conf import settings\nsettings.configure(ROOT_URLCONF='main', SECRET_KEY='x', "
        "ALLOWED_HOSTS=['*'], INSTALLED_APPS=[])\ndjango.setup()\nfrom ninja import NinjaAPI\napi = NinjaAPI()\n"
        "@api.get('/h')\ndef h(request, n: int):\n    'Say it.'\n    return n\nfrom django.urls import path\n"
        "urlpatterns = [path('api/', api.urls)]\nfrom django.core.asgi import get_asgi_application\n"
        "app = get_asgi_application()\n",
    ),
    Published(
        "main:app", ("microdot",), "uvicorn", "Microdot, ASGI", ("/h", "/missing"),
        "from microdot.asgi import Microdot\napp = Microdot()\n@app.get('/h')\nasync def h(request):\n    return 'h'\n",
    ),
    Published(
        "main:app", ("muffin",), "uvicorn", "Muffin", ("/h", "/missing"),
        "import muffin\napp = muffin.Application()\n@app.route('/h')\nasync def h(request):\n    return {'h': 1}\n",
    ),
    # Whole applications, with no more than the configuration that they ask for.
    Published(
        "main:app", ("radicale",), "gunicorn", "Radicale, a calendar server", ("/.web/", "/.well-known/caldav", "/missing"),
        "from radicale import config\nfrom radicale.app import Application\nconfiguration = config.load()\n"
        "configuration.update({'storage': {'filesystem_folder': '/tmp/radicale'}, 'auth': {'type': 'none'}}, 'main')\n"
        "app = Application(configuration)\n",
    ),
    Published(
        "main:app", ("pypiserver",), "gunicorn", "pypiserver, a package index", ("/", "/simple/", "/packages/", "/simple/missing/"),
        "import os, pypiserver\nos.makedirs('/tmp/index', exist_ok=True)\napp = pypiserver.app(roots=['/tmp/index'])\n",
    ),
    Published(
        "main:app", ("moto[server]",), "gunicorn", "moto, a stand-in of AWS", ("/moto-api/data.json",),
        "from moto.server import DomainDispatcherApplication, create_backend_app\n"
        "app = DomainDispatcherApplication(create_backend_app)\n",
    ),
    Published(
        "main:app", ("datasette", "setuptools<81"), "uvicorn", "Datasette, data as pages and JSON",
        ("/-/plugins.json", "/-/static/app.css"),
        "from datasette.app import Datasette\napp = Datasette(memory=True).app()\n",
    ),
    Published(
        "main:app", ("dulwich",), "gunicorn", "Dulwich, git over HTTP", ("/info/refs", "/HEAD", "/missing"),
        "from dulwich.repo import MemoryRepo\nfrom dulwich.server import DictBackend\nfrom dulwich.web import make_wsgi_chain\n"
        "app = make_wsgi_chain(DictBackend({'/': MemoryRepo()}))\n",
    ),
    Published(
        "main:app", ("kinto",), "gunicorn", "Kinto, a store of JSON", ("/v1/missing",),
        "from kinto import main\nmemory = {f'{name}_backend': f'kinto.core.{name}.memory' for name in ('storage', 'cache', 'permission')}\n"
        "app = main({}, None, **memory, userid_hmac_secret='x')\n",
    ),
    Published(
        "main:app", ("fava",), "gunicorn", "Fava, accounts of Beancount", ("/", "/missing"),
        "open('/tmp/x.beancount', 'w').write('option \"title\" \"x\"\\n')\n"
        "from fava.application import create_app\napp = create_app(['/tmp/x.beancount'])\n",
    ),
    Published(
        "main:app", ("ihatemoney",), "gunicorn", "I hate money, shared budgets", ("/login",),
        "import os\nopen('/tmp/ihm.cfg', 'w').write(\"SQLALCHEMY_DATABASE_URI = 'sqlite:////tmp/ihm.db'\\nSECRET_KEY = 'x'\\n\")\n"
        "os.environ['IHATEMONEY_SETTINGS_FILE_PATH'] = '/tmp/ihm.cfg'\nfrom ihatemoney.run import create_app\napp = create_app()\n",
    ),
    Published(
        "main:app", ("supysonic",), "gunicorn", "Supysonic, a music server", ("/rest/ping.view", "/missing"),
        "from supysonic.config import DefaultConfig\nfrom supysonic.web import create_application\nclass Config(DefaultConfig):\n"
        "    BASE = {**DefaultConfig.BASE, 'database_uri': 'sqlite:////tmp/s.db'}\n"
        "    WEBAPP = {**DefaultConfig.WEBAPP, 'cache_dir': '/tmp/supysonic'}\napp = create_application(Config())\n",
    ),
    Published("trytond.application:app", ("trytond",), "gunicorn", "Tryton, business software", ("/", "/missing")),
    Published(
        "main:app", ("isso", "setuptools<81"), "gunicorn", "Isso, comments below pages", ("/?uri=/a", "/latest", "/missing"),
        "from isso import config, make_app\nconf = config.load(config.default_file())\n"
        "conf.set('general', 'dbpath', '/tmp/isso.db')\nconf.set('general', 'host', 'http://localhost')\n"
        "app = make_app(conf, threading=True)\n",
    ),
    Published(
        "main:app", ("xandikos",), "gunicorn", "Xandikos, calendars in git", ("/", "/.well-known/caldav", "/missing"),
        "import os\nos.environ.update(XANDIKOSPATH='/tmp/xandikos', AUTOCREATE='empty')\nfrom xandikos.wsgi import app\n",
    ),
    Published(
        "main:app", ("ara[server]",), "gunicorn", "ARA, records of Ansible, on Django",
        ("/api/v1/playbooks", "/api/", "/missing"),
        "import os\nos.environ.update(ARA_BASE_DIR='/tmp/ara', DJANGO_SETTINGS_MODULE='ara.server.settings')\n"
        "from ara.server.wsgi import application as app\nfrom django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n",
    ),
    Published(
        "main:app", ("beets[web]",), "gunicorn", "beets, a library of music", ("/", "/stats", "/item/", "/missing"),
        "from beets import library\nfrom beetsplug.web import app\napp.config['lib'] = library.Library('/tmp/beets.db')\n",
    ),
    Published(
        "main:app", ("tensorboard", "setuptools<81"), "gunicorn", "TensorBoard",
        ("/", "/data/plugins_listing", "/data/runs", "/missing"),
        "import os\nos.makedirs('/tmp/tensorboard', exist_ok=True)\nfrom tensorboard import assets, default, program\n"
        "from tensorboard.backend.application import TensorBoardWSGIApp\n"
        "board = program.TensorBoard(default.get_plugins(), assets.get_default_assets_zip_provider())\n"
        "board.configure(logdir='/tmp/tensorboard', load_fast='false')\ndata = board._make_data_ingester().data_provider\n"
        "app = TensorBoardWSGIApp(board.flags, board.plugin_loaders, data, board.assets_zip_provider)\n",
    ),
    Published(
        "main:app", ("zope",), "gunicorn", "Zope", ("/",),
        "import os\nos.makedirs('/tmp/zope/etc', exist_ok=True)\nopen('/tmp/zope/etc/zope.conf', 'w').write('instancehome /tmp/zope\\n'\n"
        "    '<zodb_db main>\\n<mappingstorage>\\n</mappingstorage>\\nmount-point /\\n</zodb_db>\\n')\n"
        "from Zope2.Startup.run import make_wsgi_app\napp = make_wsgi_app({}, '/tmp/zope/etc/zope.conf')\n",
    ),
    Published(
        "main:app", ("wsgidav",), "gunicorn", "WsgiDAV, files over WebDAV", ("/:dir_browser/style.css",),
        "import os\nos.makedirs('/tmp/dav', exist_ok=True)\nfrom wsgidav.wsgidav_app import WsgiDAVApp\n"
        "app = WsgiDAVApp({'provider_mapping': {'/': '/tmp/dav'}, 'simple_dc': {'user_mapping': {'*': True}}})\n",
    ),
    Published(
        "main:app", ("bepasty",), "gunicorn", "bepasty, a paste bin", ("/+list", "/static/app/css/style.css", "/missing"),
        "import os\nos.makedirs('/tmp/bepasty', exist_ok=True)\nopen('/tmp/bepasty.conf', 'w').write(\"SECRET_KEY = 'x'\\n\"\n"
        "    \"STORAGE = 'filesystem'\\nSTORAGE_FILESYSTEM_DIRECTORY = '/tmp/bepasty'\\n\")\n"
        "os.environ['BEPASTY_CONFIG'] = '/tmp/bepasty.conf'\nfrom bepasty.app import create_app\napp = create_app()\n",
    ),
    Published(
        "titiler.application.main:app", ("titiler.application",), "uvicorn", "TiTiler, maps of rasters",
        ("/healthz", "/colorMaps/viridis", "/missing"),
    ),
    Published(
        "main:app", ("werkzeug",), "gunicorn", "Werkzeug, by its decorator", ("/?n=you",),
        "from werkzeug.wrappers import Request, Response\n@Request.application\ndef app(request):\n"
        "    return Response(f\"Hello {request.args['n']}\")\n",
    ),
    Published(
        "main:app", ("webob",), "gunicorn", "WebOb, by its decorator", ("/?n=you",),
        "from webob.dec import wsgify\n@wsgify\ndef app(request):\n    return f\"Hello {request.params['n']}\"\n",
    ),
    Published(
        "main:app", ("baize",), "uvicorn", "BaiZe, by its decorator", ("/?n=you",),
        "from baize.asgi import PlainTextResponse, Request, request_response\n@request_response\n"
        "async def app(request: Request):\n    return PlainTextResponse('Hello ' + request.query_params['n'])\n",
    ),
    Published(
        "main:app", ("a2wsgi",), "uvicorn", "WSGI behind a2wsgi", ("/",),
        "from a2wsgi import WSGIMiddleware\ndef wsgi(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'hello']\napp = WSGIMiddleware(wsgi)\n",
    ),
    Published(
        "main:app", ("fastapi", "sse-starlette"), "uvicorn", "server-sent events that end", ("/count", "/count?n=0"),
        "from fastapi import FastAPI\nfrom sse_starlette import EventSourceResponse\napp = FastAPI()\n@app.get('/count')\n"
        "async def count(n: int = 3):\n    async def events():\n        for i in range(n):\n"
        "            yield {'event': 'tick', 'id': str(i), 'data': str(i)}\n    return EventSourceResponse(events())\n",
    ),
    Published(
        "main:app", ("fastmcp",), "uvicorn", "FastMCP, streamable HTTP", ("/mcp", "/missing"),
        "from fastmcp import FastMCP\nmcp = FastMCP('x')\n@mcp.tool\ndef add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\n"
        "app = mcp.http_app(stateless_http=True, json_response=True)\n",
    ),
    Published(
        "main:app", ("django", "channels"), "uvicorn", "Django beside consumers of Channels", ("/", "/missing"),
        "import django\nfrom django.conf import settings\nsettings.configure(ROOT_URLCONF='main', SECRET_KEY='x', "
        "ALLOWED_HOSTS=['*'], INSTALLED_APPS=['channels'])\nfrom django.core.asgi import get_asgi_application\n"
        "http = get_asgi_application()\nfrom channels.generic.websocket import WebsocketConsumer\n"
        "from channels.routing import ProtocolTypeRouter, URLRouter\nfrom django.http import HttpResponse\n"
        "from django.urls import path\nurlpatterns = [path('', lambda request: HttpResponse('hello'))]\n"
        "app = ProtocolTypeRouter({'http': http, 'websocket': URLRouter([path('ws', WebsocketConsumer.as_asgi())])})\n",
    ),
    Published(
        "main:app", ("flask-sock",), "gunicorn", "Flask beside routes of flask-sock", ("/", "/echo", "/missing"),
        "import flask, flask_sock\napp = flask.Flask(__name__)\nsock = flask_sock.Sock(app)\n@app.get('/')\ndef index():\n"
        "    return 'hello'\n@sock.route('/echo')\ndef echo(ws):\n    ws.send(ws.receive())\n",
    ),
    Published(
        "main:app", ("nicegui",), "uvicorn", "FastAPI beside pages of NiceGUI", ("/api",),
        "from fastapi import FastAPI\nfrom nicegui import ui\napp = FastAPI()\n@app.get('/api')\ndef api():\n    return {'a': 1}\n"
        "ui.run_with(app, storage_secret='x')\n",
    ),
    Published(
        "main:app", ("shiny",), "uvicorn", "the page of Shiny", ("/", "/missing"),
        "from shiny import App, ui\napp = App(ui.page_fluid('hello'), lambda input, output, session: None)\n",
    ),
    Published(
        "main:app", ("python-fasthtml",), "uvicorn", "FastHTML", ("/", "/missing"),
        "from fasthtml.common import P, fast_app\napp, route = fast_app(secret_key='x')\n@route('/')\ndef get():\n    return P('hello')\n",
    ),
    Published(
        "main:app", ("sonora", "grpcio"), "uvicorn", "gRPC-Web", ("/missing",),
        "import grpc, sonora.asgi\nasync def say(request, context):\n    return request\n"
        "app = sonora.asgi.grpcASGI()\nhandlers = {'Say': grpc.unary_unary_rpc_method_handler(say)}\n"
        "app.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('x.Echo', handlers),))\n",
    ),
]  # fmt: skip


def table() -> str:
    """Return the table of the documentation."""
    rows = [
        f"| {each.kind} | {', '.join(each.needs) or 'Python'} | {each.server} | {len(each.targets)} |"
        for each in PUBLISHED
    ]
    return "\n".join(["| application | distributions | compared with | requests |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())  # noqa: T201 - its purpose
