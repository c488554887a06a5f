"""From a folder of source to a program that answers."""

import os
import re
import subprocess
import sys
import urllib.request

import pytest

from hatch_aleph.cli import run
from hatch_aleph.errors import ProjectError
from tests.cli.terminal import Terminal

pty = pytest.importorskip("pty")

FASTAPI = (
    'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/")\ndef root():\n    return {"hello": "world"}\n'
)


def test_it_says_what_it_did(tmp_path, capsys):
    (tmp_path / "main.py").write_text(FASTAPI)
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    assert run(["init", str(tmp_path), "--ci", "github", "--install", "x==1"]) == 0
    told = capsys.readouterr().out
    for text in ("FastAPI: main:app (main.py:3)", "[project]", "[tool.aleph]", "aleph.yml", "requirements.txt"):
        assert text in told
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert run(["init", str(tmp_path), "--ci", "github", "--install", "x==1"]) == 0
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert "Everything is there already." in capsys.readouterr().out


def test_without_a_terminal_several_are_listed(tmp_path, capsys):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(FASTAPI)
    assert run(["init", str(tmp_path)]) == 64
    told = capsys.readouterr().err
    assert "one:app" in told
    assert "two:app" in told
    assert "--entrypoint" in told
    assert not (tmp_path / "pyproject.toml").exists()
    assert run(["init", str(tmp_path), "--entrypoint", "two:app"]) == 0


def test_the_one_folder_below_with_an_application_is_meant(tmp_path, capsys):
    for name in ("backend", "frontend"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text("")
    (tmp_path / "backend" / "main.py").write_text(FASTAPI)
    # Nobody is there to ask, and which folder is meant is no small thing.
    assert run(["init", str(tmp_path)]) == 4
    told = capsys.readouterr().err
    assert "init backend`  FastAPI: main:app" in told
    assert "frontend" not in told
    assert run(["init", str(tmp_path), "--yes"]) == 0
    assert 'entrypoint = "main:app"' in (tmp_path / "backend" / "pyproject.toml").read_text()
    assert not (tmp_path / "pyproject.toml").exists()


def test_several_folders_below_are_named(tmp_path, capsys):
    for name in ("api", "site"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("fastapi\n")
        (tmp_path / name / "main.py").write_text(FASTAPI)
    assert run(["init", str(tmp_path), "--yes"]) == 4
    told = capsys.readouterr().err
    assert "init api`" in told
    assert "init site`" in told


def test_a_folder_without_any_application_says_how_to_name_one(tmp_path, capsys):
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "pyproject.toml").write_text("")
    assert run(["init", str(tmp_path)]) == 4
    assert "--entrypoint" in capsys.readouterr().err


def test_the_commands_of_a_project_are_named_where_no_application_is_found(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\n[project.scripts]\nshop = "x:main"\n'
    )
    assert run(["init", str(tmp_path)]) == 4
    assert "--entrypoint 'shop ... $PORT'" in capsys.readouterr().err


def test_what_only_a_trial_heeds_is_refused_without_one(tmp_path, capsys):
    (tmp_path / "main.py").write_text(FASTAPI)
    assert run(["init", str(tmp_path), "--no-smoke"]) == 64
    assert "--try" in capsys.readouterr().err


def test_a_workflow_that_is_there_is_kept(tmp_path, capsys):
    (tmp_path / "main.py").write_text(FASTAPI)
    (tmp_path / ".gitlab-ci.yml").write_text("mine: {}\n")
    assert run(["init", str(tmp_path), "--ci", "gitlab", "--install", "x"]) == 64
    assert (tmp_path / ".gitlab-ci.yml").read_text() == "mine: {}\n"
    assert not (tmp_path / "pyproject.toml").exists()


def test_it_asks_on_a_terminal(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(FASTAPI)
    with Terminal([sys.executable, "-m", "hatch_aleph", "init"], tmp_path) as terminal:
        terminal.until("Which one runs")
        os.write(terminal.master, b"2\n")
        assert terminal.end() == 0
    assert 'entrypoint = "two:app"' in (tmp_path / "pyproject.toml").read_text()


DJANGO = {
    "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n',
    "site1/__init__.py": "",
    "site1/settings.py": "import os\nSECRET_KEY = os.urandom(16).hex()\n"
    'ALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "site1.urls"\n',
    "site1/urls.py": "from django.http import HttpResponse\nfrom django.urls import path\n"
    'urlpatterns = [path("", lambda request: HttpResponse("from Django"))]\n',
    "site1/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\napplication = get_wsgi_application()\n',
    "requirements.txt": "django\n",
}

# What startproject writes: a key that a network refuses, and hosts that only DEBUG answers.
STARTED = {
    **DJANGO,
    "site1/settings.py": 'SECRET_KEY = "django-insecure-!0+leqpf0=qa5$=9*1zv6=fxy%w&c7t9yd@_^lkikqhr-4y7b^"\n'
    'DEBUG = True\nALLOWED_HOSTS = []\nROOT_URLCONF = "site1.urls"\n',
}


FLASK = {
    "app.py": "from flask import Flask, render_template\napp = Flask(__name__)\n"
    '@app.route("/")\ndef index():\n    return render_template("index.html")\n',
    "templates/index.html": "from a template",
}


@pytest.mark.index
@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"main.py": FASTAPI, "requirements.txt": "fastapi\n"}, b'{"hello":"world"}'),
        (STARTED, b"from Django"),
        ({name: text for name, text in DJANGO.items() if name != "requirements.txt"}, b"from Django"),
        (FLASK, b"from a template"),
    ],
    ids=["FastAPI", "Django", "no requirements", "templates"],
)
def test_one_command_from_source_to_an_answer(files, answer, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with Terminal([sys.executable, "-m", "hatch_aleph", "init", "--try"], tmp_path) as terminal:
        shown = terminal.until("until Ctrl-C", seconds=240)
        exported = terminal.until("ALEPH_STATE_FOLDER=").split("export ", 1)[1]
        url = re.findall(r"http://127\.0\.0\.1:\d+/vm/[0-9a-f]{64}", shown)[-1]
        with urllib.request.urlopen(url + "/") as response:
            assert response.read() == answer
        page, token = re.search(r"requests and logs: (\S+/)#(\S+)", terminal.shown).groups()
        seen = urllib.request.Request(f"{page}local/programs.json", headers={"X-Page-Token": token})
        with urllib.request.urlopen(seen) as response:
            assert url.rpartition("/")[2] in response.read().decode()
        named = dict(each.split("=", 1) for each in exported.split() if each.startswith("ALEPH_"))
        named["ALEPH_STATE_FOLDER"] = str(tmp_path / ".aleph" / "trial")
        status = [sys.executable, "-m", "hatch_aleph", "status"]
        assert subprocess.run(status, cwd=tmp_path, env={**os.environ, **named}, check=False).returncode == 0
        told = "Here nobody else reads it; `hatch-aleph deploy` refuses it." in " ".join(terminal.shown.split())
        assert told == (files is STARTED)
        assert terminal.interrupt() == 0


def test_a_trial_that_fails_ends_with_the_code_of_its_deployment(tmp_path):
    (tmp_path / "main.py").write_text(FASTAPI)
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'nobody'\n")
    command = [sys.executable, "-m", "hatch_aleph", "init", "--yes", "--try"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == ProjectError.exit_code, ended.stderr
    assert sum(line.startswith("Error: ") for line in ended.stderr.splitlines()) == 1
    assert "The trial ends here. Mend it, then: `hatch-aleph init --try`" in ended.stderr
