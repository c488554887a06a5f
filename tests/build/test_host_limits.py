"""What hosts do not carry is told at build, by what is declared; a comment declares nothing."""

import pytest

from hatch_aleph.build.host_limits import host_limits


def told(source: str = "", *declared: str) -> str:
    return "\n".join(host_limits({"main.py": source.encode()}, declared))


@pytest.mark.parametrize(
    "source",
    [
        "@app.websocket('/ws')\nasync def ws(socket): ...",
        "@router.websocket_route('/ws')\nasync def ws(socket): ...",
        "routes = [WebSocketRoute('/ws', ws)]",
        "app.add_api_websocket_route('/ws', ws)",
        "class Chat(WebSocketEndpoint): ...",
        "class Chat(generic.AsyncJsonWebsocketConsumer): ...",
        "@websocket('/ws')\nasync def ws(socket): ...",
        "class Chat(tornado.websocket.WebSocketHandler): ...",
        "class Chat:\n    async def on_websocket(self, req, ws): ...",
        "async def chat(request):\n    ws = web.WebSocketResponse()",
        "from websockets.asyncio.server import serve\nserver = serve(echo, '0.0.0.0', 8080)",
        "import websockets\nserver = websockets.serve(echo, '0.0.0.0', 8080)",
    ],
)
def test_websockets_in_each_frameworks_way(source):
    assert told(source) == "the network's hosts carry no websockets, which main.py would serve"


@pytest.mark.parametrize(
    "source",
    [
        "# @app.websocket('/ws')\napp = None",
        "'''Say @app.websocket('/ws'), or WebSocketRoute('/').'''",
        "import websockets  # a client",
        "from websockets.asyncio.client import connect\nother.serve(connect)",
        "def websocket(url): ...",
        "text = 'WebSocketEndpoint'\nkind = 'sse'",
        "@app.websocket(",
    ],
)
def test_no_false_alarm(source):
    assert told(source) == ""


def test_streams_of_mcp():
    for source in ("app = mcp.sse_app()", "mcp.run(transport='sse')"):
        assert "streamable HTTP" in told(source)
    assert told("mcp.run(transport='streamable-http')") == ""


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')", True),
        ("from mcp.server.mcpserver import MCPServer\napp = MCPServer('x').streamable_http_app()", True),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x', host='127.0.0.1')", True),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x', host='0.0.0.0')", False),
        ("from mcp.server import MCPServer\napp = MCPServer('x').streamable_http_app(host=HOST)", False),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.settings.transport_security = None", False),
        ("from fastmcp import FastMCP\napp = FastMCP('x').http_app()  # no mcp.server", False),
        ("from mcp.server.lowlevel import Server", False),
    ],
)
def test_a_server_of_mcp_that_answers_to_localhost_alone(source, refused):
    assert ("421" in told(source)) is refused


def test_what_the_project_itself_depends_on():
    assert told("", "streamlit", "numpy").startswith("streamlit: pages of Streamlit talk")
    assert "STREAMLIT_GLOBAL_DEVELOPMENT_MODE" in told("", "streamlit")
    assert "HTTP polling" in told("", "flask-socketio")
    assert "kernels" in told("", "jupyter-server")
    assert told("import grpc\nchannel = grpc.insecure_channel('x')", "grpcio") == ""
    assert "client of gRPC works" in told("import grpc\nserver = grpc.server(pool)", "grpcio")
    assert "client of gRPC works" in told("import x_pb2_grpc\nx_pb2_grpc.add_X_to_server(X(), server)", "grpcio")
    assert "client of gRPC works" in told("from grpclib.server import Server\nserver = Server([X()])", "grpclib")
    assert told("from grpclib.client import Channel", "grpclib") == ""
