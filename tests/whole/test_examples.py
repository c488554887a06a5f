"""The examples are built, deployed and asked, as their guides say."""

import json
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

pytestmark = [pytest.mark.index, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[2] / "examples"


def ask(url, body=None, kind="application/json"):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind} if body else {})
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
    assert folders == {"fastapi_statistics", "django_guestbook", "flask_pages", "node_server"}


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
