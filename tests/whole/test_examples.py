"""The examples are built, deployed and asked, as their guides say."""

import json
import queue
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.index, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[2] / "examples"


def ask(url, body=None, kind="application/json", method=None):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind} if body else {}, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read().decode()


@pytest.fixture
def deploy(network, tmp_path):
    def deployed(name, change=lambda _folder: None):
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("dist", ".aleph", "*.sqlite3"))
        change(folder)
        return network.json("deploy", "--project", str(folder), "--yes")["urls"][0].rstrip("/")

    return deployed


def test_each_example_is_tried_here():
    folders = {folder.name for folder in EXAMPLES.iterdir() if (folder / "pyproject.toml").exists()}
    assert folders == {"fastapi_statistics", "django_guestbook", "flask_pages", "node_server", "echo_bot"}


def test_fastapi(deploy):
    url = deploy("fastapi_statistics")
    described = json.loads(ask(f"{url}/statistics", b'{"values": [1, 2, 3, 4]}'))
    assert described == {"mean": 2.5, "deviation": pytest.approx(1.118, abs=0.001), "median": 2.5}
    assert json.loads(ask(f"{url}/openapi.json"))["paths"]["/statistics"]["post"]["description"] == "Describe a sample."


def test_django_keeps_what_was_written_over_an_update(deploy):
    url = deploy("django_guestbook")
    form = "application/x-www-form-urlencoded"
    assert "<li>Ada</li>" in ask(url + "/", urllib.parse.urlencode({"name": "Ada"}).encode(), form)

    def another_title(folder):
        page = folder / "entries" / "templates" / "entries" / "book.html"
        page.write_text(page.read_text().replace("Guest book", "Visitors"))

    assert deploy("django_guestbook", another_title) == url
    answer = ask(url + "/")
    assert "Visitors" in answer
    assert "<li>Ada</li>" in answer


def test_flask(deploy):
    url = deploy("flask_pages")
    assert "<h1>Pages</h1>" in ask(url + "/")
    assert "<h1>About</h1>" in ask(url + "/about")
    assert "sans-serif" in ask(url + "/static/style.css")


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here")
def test_node(deploy):
    url = deploy("node_server")
    assert json.loads(ask(url + "/a?b=1"))["path"] == "/a?b=1"


TOKEN = "123456:example"


class BotApi(BaseHTTPRequestHandler):
    """What a bot asks of Telegram's Bot API (https://core.telegram.org/bots/api): news until an offset, and replies."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        assert self.path.startswith(f"/bot{TOKEN}/getUpdates?")
        offset = int(urllib.parse.parse_qs(self.path.partition("?")[2])["offset"][0])
        with self.server.changed:
            self.server.changed.wait_for(lambda: self.server.ended or len(self.server.news) > offset, timeout=10)
            news = self.server.news[offset:]
        self._answer([{"update_id": offset + at, "message": message} for at, message in enumerate(news)])

    def do_POST(self):
        assert self.path == f"/bot{TOKEN}/sendMessage"
        self.server.replies.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer({})

    def _answer(self, result):
        body = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def bot_api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), BotApi)
    server.news, server.replies, server.changed, server.ended = [], queue.Queue(), threading.Condition(), False
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    with server.changed:
        server.ended = True
        server.changed.notify_all()
    server.shutdown()
    server.server_close()


def test_worker_goes_on_where_it_was(deploy, bot_api):
    def say(text):
        with bot_api.changed:
            bot_api.news.append({"chat": {"id": 7}, "text": text})
            bot_api.changed.notify_all()
        return bot_api.replies.get(timeout=60)

    def own_api(folder):
        file = folder / "pyproject.toml"
        own = f"http://127.0.0.1:{bot_api.server_port}"
        file.write_text(file.read_text("utf-8").replace("https://api.telegram.org", own), "utf-8")

    url = deploy("echo_bot", own_api)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(f"{url}/token", b"123456:guessed", method="PUT")
    assert json.loads(ask(url))["has_token"] is False
    ask(f"{url}/token", TOKEN.encode() + b"\n", method="PUT")
    # From here on nobody asks the program: it works by itself.
    assert say("hello") == {"chat_id": 7, "text": "hello"}
    assert say("hello again") == {"chat_id": 7, "text": "hello again"}

    def shouts(folder):
        file = folder / "main.py"
        file.write_text(file.read_text("utf-8").replace('"text": text}', '"text": text.upper()}'), "utf-8")

    # New code is another start: token and offset are kept, so nothing is handed over or answered twice.
    assert deploy("echo_bot", shouts) == url
    assert say("are you there")["text"] == "ARE YOU THERE"
    assert bot_api.replies.empty()
