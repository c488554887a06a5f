"""Applications are found in source as it is written; nothing of it runs."""

import pytest

from hatch_aleph.scaffold.applications import clear_choice, find_applications, projects_below


def project(folder, files):
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


MODULES = {
    "FastAPI": ("main.py", "from fastapi import FastAPI\napp = FastAPI()", "main:app"),
    "FastAPI, annotated": ("main.py", "import fastapi\nservice: fastapi.FastAPI = fastapi.FastAPI()", "main:service"),
    "FastAPI, a class of one's own": (
        "api.py",
        "from fastapi import FastAPI\nclass Own(FastAPI): ...\napi = Own()",
        "api:api",
    ),
    "Starlette": ("src/pkg/app.py", "from starlette.applications import Starlette as S\napp = S()", "pkg.app:app"),
    "Litestar": ("app.py", "from litestar import Litestar\napp = Litestar([])", "app:app"),
    "Flask": ("wsgi.py", "from flask import Flask\napplication = Flask(__name__)", "wsgi:application"),
    "Flask, a factory": (
        "pkg/__init__.py",
        "from flask import Flask\ndef create_app(config=None):\n    app = Flask(__name__)\n    return app",
        "pkg:create_app()",
    ),
    "Quart": ("app.py", "import quart\nif True:\n    app = quart.Quart('x')", "app:app"),
    "FastHTML": ("main.py", "from fasthtml.common import *\napp, rt = fast_app()", "main:app"),
    "Dash": ("app.py", "from dash import Dash\napp = Dash()", "app:app.server"),
    "FastMCP": ("server.py", "from fastmcp import FastMCP\nmcp = FastMCP('x')", "server:mcp.http_app()"),
    "Django": (
        "site/wsgi.py",
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()",
        "site.wsgi:application",
    ),
    "aiohttp": (
        "main.py",
        "from aiohttp import web\napp = web.Application()\nif __name__ == '__main__':\n    web.run_app(app)",
        "python3 main.py",
    ),
    "a script": (
        "serve.py",
        "import http.server\nif __name__ == '__main__':\n    http.server.HTTPServer(('', 8080), None).serve_forever()",
        "python3 serve.py",
    ),
    "a script without a guard": (
        "serve.py",
        "from wsgiref.simple_server import make_server\nwith make_server('', 80, None) as s:\n    s.serve_forever()",
        "python3 serve.py",
    ),
    "a script that calls its main": (
        "serve.py",
        "from http.server import *\ndef main():\n    HTTPServer(('', 8080), None).serve_forever()\nmain()",
        "python3 serve.py",
    ),
    "aiohttp, without a guard": (
        "bot.py",
        "from aiohttp import web\napp = web.Application()\nweb.run_app(app)",
        "python3 bot.py",
    ),
}


def test_a_module_that_only_could_listen_is_no_script(tmp_path):
    text = "import http.server\ndef start():\n    http.server.HTTPServer(('', 8080), None).serve_forever()"
    assert not find_applications(project(tmp_path, {"serving.py": text}))


@pytest.mark.parametrize("case", MODULES)
def test_an_application_is_found(case, tmp_path):
    name, text, entrypoint = MODULES[case]
    choice = clear_choice(find_applications(project(tmp_path, {name: text})))
    assert choice is not None
    assert (choice.entrypoint, choice.executable) == (entrypoint, entrypoint.startswith("python3"))


def test_package_json_names_the_command(tmp_path):
    project(tmp_path, {"package.json": '{"scripts": {"start": "node server.js"}}', "server.js": ""})
    found = clear_choice(find_applications(tmp_path))
    assert (found.entrypoint, found.executable) == ("node server.js", True)


def test_what_npm_would_have_to_start_is_not_taken_for_a_command(tmp_path):
    project(tmp_path, {"package.json": '{"scripts": {"start": "next start && node x"}}'})
    assert not find_applications(tmp_path)


def test_a_factory_is_not_meant_where_another_module_calls_it(tmp_path):
    factory = "from flask import Flask\ndef create_app(c=None):\n    return Flask(__name__)"
    call = "from pkg import create_app\napp = create_app()"
    project(tmp_path, {"pkg/__init__.py": factory, "site_app.py": call, "pkg/tasks.py": call})
    assert clear_choice(find_applications(tmp_path)).entrypoint == "site_app:app"


def test_the_application_that_a_package_hands_on_is_the_package_s_own(tmp_path):
    source = "from flask import Flask\napp = Flask(__name__)"
    project(tmp_path, {"pkg/__init__.py": "from .core import *", "pkg/core.py": source, "pkg/filters.py": source})
    assert clear_choice(find_applications(tmp_path)).entrypoint == "pkg.core:app"


def test_a_mounted_application_is_a_part_of_another(tmp_path):
    text = "from fastapi import FastAPI\napi = FastAPI()\napp = FastAPI()\napp.mount('/api', api)"
    project(tmp_path, {"main.py": text})
    assert clear_choice(find_applications(tmp_path)).entrypoint == "main:app"


def test_django_s_wsgi_is_taken_before_its_asgi(tmp_path):
    names = {"asgi": "asgi", "wsgi": "wsgi"}
    for name in names:
        text = f"from django.core.{name} import get_{name}_application as g\napplication = g()"
        project(tmp_path, {f"site/{name}.py": text, "site/__init__.py": ""})
    assert clear_choice(find_applications(tmp_path)).entrypoint == "site.wsgi:application"


def test_django_imports_from_the_folder_of_its_manage_py(tmp_path):
    text = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()"
    files = {"server/manage.py": "", "server/site/__init__.py": "", "server/site/wsgi.py": text, "requirements.txt": ""}
    assert clear_choice(find_applications(project(tmp_path, files))).entrypoint == "site.wsgi:application"


def test_a_manage_py_of_the_root_leaves_src_what_it_is(tmp_path):
    text = "from flask import Flask\napp = Flask('x')"
    found = find_applications(project(tmp_path, {"manage.py": "", "src/pkg/__init__.py": "", "src/pkg/app.py": text}))
    assert [each.entrypoint for each in found] == ["pkg.app:app"]


def test_two_that_are_as_likely_are_no_clear_choice(tmp_path):
    text = "from fastapi import FastAPI\napp = FastAPI()"
    found = find_applications(project(tmp_path, {"one.py": text, "two.py": text}))
    assert [each.entrypoint for each in found] == ["one:app", "two:app"]
    assert clear_choice(found) is None


def test_tests_environments_and_other_projects_are_passed_over(tmp_path):
    text = "from fastapi import FastAPI\napp = FastAPI()"
    files = ("tests/main.py", ".venv/lib/main.py", "own/bin/main.py", "node_modules/x/main.py", "backend/main.py")
    project(tmp_path, {**dict.fromkeys(files, text), "own/pyvenv.cfg": "", "backend/requirements.txt": ""})
    assert [each.entrypoint for each in find_applications(tmp_path)] == ["tests.main:app"]
    assert clear_choice(find_applications(project(tmp_path, {"app.py": text}))).entrypoint == "app:app"
    assert projects_below(tmp_path) == [tmp_path / "backend"]


def test_broken_source_is_passed_over(tmp_path):
    project(tmp_path, {"bad.py": "import fastapi\ndef (", "main.py": "from fastapi import FastAPI\napp = FastAPI()"})
    assert [each.entrypoint for each in find_applications(tmp_path)] == ["main:app"]


def test_nothing_is_imported(tmp_path):
    text = f"from fastapi import FastAPI\nopen({str(tmp_path / 'ran')!r}, 'w')\napp = FastAPI()"
    find_applications(project(tmp_path, {"main.py": text}))
    assert not (tmp_path / "ran").exists()


def test_a_library_that_can_listen_is_not_what_runs(tmp_path):
    serve = "from wsgiref.simple_server import make_server\nif __name__ == '__main__':\n    make_server('', 80, None)"
    packages = {"pkg/__init__.py": "", "pkg/vendored/__init__.py": ""}
    project(tmp_path, {**packages, "pkg/vendored/bottle.py": serve, "pyproject.toml": ""})
    assert not find_applications(tmp_path)
    project(tmp_path, {"pkg/server.py": serve})
    assert [each.entrypoint for each in find_applications(tmp_path)] == ["python3 pkg/server.py"]


@pytest.mark.parametrize(
    ("files", "where"),
    [
        (
            {
                "cps/__init__.py": "from flask import Flask\napp = Flask('x')\ndef create_app():\n    return app",
                "cps/main.py": "from flask import request\nfrom . import create_app\ndef main():\n"
                "    app = create_app()\n    from .web import web\n    app.register_blueprint(web)\n    app.run()",
            },
            "cps/main.py:6",
        ),
        (
            {
                "app.py": "from fastapi import FastAPI\napp = FastAPI()\nif __name__ == '__main__':\n"
                "    app.include_router(1)"
            },
            "app.py:4",
        ),
        (
            {"app.py": "from flask import Flask\napp = Flask('x')\napp.register_blueprint(1)\ndef main(): app.run()"},
            None,
        ),
        (
            {
                "app.py": "from flask import Flask\napp = Flask('x')\n"
                "def main(app): app.register_blueprint(1)\nmain(app)"
            },
            None,
        ),
        (
            {
                "app.py": "from flask import Flask\ndef create_app():\n    app = Flask('x')\n"
                "    app.register_blueprint(1)\n"
                "    return app\ndef main():\n    create_app().run()"
            },
            None,
        ),
    ],
)
def test_an_application_that_only_the_start_script_fills_is_said_to_be_empty(files, where, tmp_path):
    note = find_applications(project(tmp_path, files))[0].note
    assert note.startswith(f"{where} gives") if where else note is None
