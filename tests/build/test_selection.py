"""What of a project's folder becomes code: nothing is left out, taken in or followed without a word."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.code import build_code
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import PackagesResult
from hatch_aleph.errors import ProjectError, SettingsError
from hatch_aleph.project import load_project
from hatch_aleph.settings.executable_command import Command, read_command
from hatch_aleph.squashfs import unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """
[project]
name = "my-api"
version = "1.0"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


class Vendored(PackagesResult):
    """A packages image with some modules."""

    def __init__(self, *modules: str) -> None:
        super().__init__(None)
        object.__setattr__(self, "holds", modules.__contains__)
        object.__setattr__(self, "has_command", lambda name: f"bin/{name}" in modules)


@pytest.fixture
def built(make_project: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[dict[str, bytes], list[str]]]:
    """Build code, and return its files (but metadata and adapter) and the warnings."""

    def build(
        files: dict[str, str], aleph: str = 'entrypoint = "main:app"', more: str = "", *,
        links: dict[str, str] | None = None, vendored: tuple[str, ...] = (),
    ) -> tuple[dict[str, bytes], list[str]]:  # fmt: skip
        root = make_project({"pyproject.toml": f"{HEAD}[tool.aleph]\n{aleph}\n{more}", **files})
        for path, target in (links or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        context = BuildContext(load_project(root), root / "dist")
        (root / "dist").mkdir()
        image = build_code(context, root / "dist", None, lambda: Vendored(*vendored))
        unpack(root / "dist" / image.file, tmp_path / "unpacked")
        found = {
            path.relative_to(tmp_path / "unpacked").as_posix(): path.read_bytes()
            for path in (tmp_path / "unpacked").rglob("*")
            if path.is_file()
        }
        return {
            path: data for path, data in found.items() if not path.startswith(("aleph_entry/", "my_api-1.0.dist-info/"))
        }, context.warnings

    return build


@pytest.mark.parametrize(("line", "expected"), [
    ("run.sh --port 8080", Command("run.sh")),
    ("", Command()),
    ("python3 x.py --port $PORT", Command("python3", file="x.py")),
    ("/usr/bin/python3.11 -u -X dev -W ignore app/x.py", Command("/usr/bin/python3.11", file="app/x.py")),
    ("python3 -m pkg", Command("python3", module="pkg")),
    ("python -c 'print()' main:app", Command("python")),
    ("python3 -m uvicorn main:app --host 0.0.0.0", Command("python3", module="uvicorn", application="main:app")),
    ("python3 -m uvicorn --app-dir src main:app", Command("python3", module="uvicorn")),
    ("uvicorn --factory 'shop.web:create' --port 8080", Command("uvicorn", application="shop.web:create")),
    ("gunicorn -k uvicorn.workers.UvicornWorker -b 0.0.0.0:8080 shop.wsgi:application",
     Command("gunicorn", application="shop.wsgi:application")),
    ('gunicorn "shop:create(1)"', Command("gunicorn", application="shop:create(1)")),
    ("hypercorn --bind :8080 main:app", Command("hypercorn", application="main:app")),
    ("granian --interface asgi main:app", Command("granian", application="main:app")),
    ("gunicorn -c python:conf --bind unix:x.sock main:été", Command("gunicorn", application="main:été")),
    ("node server.js", Command("node")),
])  # fmt: skip
def test_commands(line: str, expected: Command) -> None:
    assert read_command(line) == expected


EXECUTABLE = 'interface = "executable"\ninternet = true\nentrypoint = '


@pytest.mark.parametrize("command", [
    "python3 -m uvicorn main:app", "uvicorn main:app --port $PORT", "gunicorn main:app", "python3 main.py",
    "python3 -m main",
])  # fmt: skip
def test_what_a_command_names_travels(built: Callable[..., object], command: str) -> None:
    files, _ = built({"helper.py": ""}, f'{EXECUTABLE}"{command}"', vendored=("uvicorn",))
    assert {"main.py", "helper.py"} <= files.keys()


@pytest.mark.parametrize(("more", "found"), [
    ("", {"app/x.py", "app/y.py", "app/p/__init__.py", "app/p/z.py"}),
    ('[tool.hatch.build.targets.aleph]\ninclude = ["/app/x.py"]\n', {"app/x.py"}),  # the target has decided
])  # fmt: skip
def test_a_script_finds_the_modules_of_its_own_folder(built: Callable[..., object], more: str, found: set[str]) -> None:
    beside = {"app/x.py": "import y", "app/y.py": "", "app/p/__init__.py": "", "app/p/z.py": "", "app/data.csv": ""}
    files, _ = built(beside, f'{EXECUTABLE}"python3 ./app/x.py --port $PORT"', more)
    assert set(files) == found


@pytest.mark.parametrize(("command", "named"), [
    ("node server.js --config=conf/site.json", {"server.js", "conf/site.json"}),
    ("gunicorn -c gunicorn.conf.py main:app", {"gunicorn.conf.py", "main.py"}),
    ("uvicorn main:app --log-config conf/site.json", {"conf/site.json", "main.py"}),
    ("sh ./run.sh", {"run.sh"}),
])  # fmt: skip
def test_files_that_a_command_is_given_travel_too(
    built: Callable[..., tuple[dict[str, bytes], object]], command: str, named: set[str]
) -> None:
    files = dict.fromkeys(("server.js", "conf/site.json", "gunicorn.conf.py", "run.sh", "other.js"), "x = 1\n")
    found, _ = built(files, f'{EXECUTABLE}"{command}"', vendored=("uvicorn", "gunicorn"))
    assert named <= found.keys()
    assert not (files.keys() - named - {"gunicorn.conf.py"}) & found.keys()


@pytest.mark.parametrize(("command", "found"), [
    ("sanic main:app --port $PORT", {"main.py", "bot.py"}),
    ("celery --app=tasks worker", {"main.py", "bot.py", "tasks.py"}),
    ("arq bot.Settings", {"main.py", "bot.py"}),
    ("python3 -m aiohttp.web main:make", {"main.py", "bot.py"}),
    ("node main.js", {"main.js"}),
    ("python3 main.py", {"main.py", "bot.py"}),
    ("sh main.js --static data", {"main.js"}),
])  # fmt: skip
def test_modules_that_a_command_is_given_travel_too(
    built: Callable[..., tuple[dict[str, bytes], object]], command: str, found: set[str]
) -> None:
    files = dict.fromkeys(("bot.py", "tasks.py", "main.js", "data/a.csv"), "x = 1\n")
    files, _ = built(files, f'{EXECUTABLE}"{command}"', vendored=("aiohttp.web",))
    assert set(files) == found


def test_a_plain_module_may_have_the_name_of_what_serves_development(built: Callable[..., object]) -> None:
    files, _ = built({"tasks.py": "app = 1"}, 'entrypoint = "tasks:app"')
    assert set(files) == {"main.py", "tasks.py"}


@pytest.mark.parametrize(("command", "expected"), [
    ("python3 -m uvicorn mian:app", "the project has no module `mian`; did you mean `main`?"),
    ("python3 -m uvicorn main:nope", "the module `main` has no `nope`"),
    ("python3 -m hypercorn main:app", "the project has no module `hypercorn`"),
    ("python3 run.py", "the project has no file run.py"),
    ("python3 'x", "No closing quotation"),
])  # fmt: skip
def test_what_a_command_names_must_be_there(built: Callable[..., object], command: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected.replace("?", r"\?")):
        built({}, f'{EXECUTABLE}"{command}"', vendored=("uvicorn",))


def test_code_that_holds_nothing_of_the_project_is_refused(built: Callable[..., object]) -> None:
    with pytest.raises(ProjectError, match="hold nothing of the project"):
        built({}, f'{EXECUTABLE}"node server.js"')


def test_what_is_refused_for_holding_nothing_names_what_lies_there(built: Callable[..., object]) -> None:
    with pytest.raises(ProjectError) as caught:
        built({"index.html": ""}, f'{EXECUTABLE}"python3 -m http.server $PORT"')
    assert caught.value.hint
    assert caught.value.hint.startswith("Not in the image: index.html, main.py; what the program needs of it is ")
    assert caught.value.hint.endswith('include = ["/index.html", "/main.py"]')


@pytest.mark.parametrize(("command", "holds"), [
    ("python3 -m datasette", "datasette"), ("datasette serve --port $PORT", "bin/datasette"),
])  # fmt: skip
def test_a_vendored_program_needs_nothing_of_the_project(
    built: Callable[..., object], command: str, holds: str
) -> None:
    files, warnings = built({}, f'{EXECUTABLE}"{command}"', vendored=(holds,))
    assert not files
    assert warnings[0].startswith("not in the image: main.py")


def test_a_script_of_the_project_is_made_as_an_installer_makes_it(built: Callable[..., object]) -> None:
    files, _ = built(
        {"my_api/__init__.py": "def run(): ..."}, f'{EXECUTABLE}"serve"', '[project.scripts]\nserve = "my_api:run"\n'
    )
    assert files["bin/serve"].startswith(b"#!/usr/bin/python3\n")
    assert b"from my_api import run" in files["bin/serve"]


def test_folders_beside_a_plain_module_are_named(built: Callable[..., object]) -> None:
    files, warnings = built(
        {"templates/a.html": "", "static/b.css": "", "README.md": "", "tests/test_x.py": "", "data.csv": ""}
    )
    assert set(files) == {"main.py"}
    (warning,) = warnings
    assert warning.startswith("not in the image: data.csv, static/, templates/; ")
    assert 'include = ["/data.csv", "/static", "/templates"]' in warning


def test_what_else_serves_development_is_named_where_the_code_names_it(built: Callable[..., object]) -> None:
    source = "spec, readme = 'openapi.yaml', '/opt/code/README.md'\napp = 'noxfile.py docs.yml tests .env'\n"
    names = ("openapi.yaml", "README.md", "docs.yml", "noxfile.py", "tests/x", ".env")
    _, warnings = built({"main.py": source, **dict.fromkeys(names, "")})
    assert [each.partition(";")[0] for each in warnings] == ["not in the image: README.md, openapi.yaml"]


def test_what_is_published_as_a_volume_is_not_missed(built: Callable[..., object]) -> None:
    volume = '[[tool.aleph.volumes.immutable]]\nmount = "/opt/model"\npath = "{}"\n'
    more = volume.format("model") + volume.format("data/words").replace("/opt/model", "/opt/words")
    _, warnings = built({"model/a.bin": "", "data/words/a": "", "data/other": ""}, more=more)
    assert [each.partition(";")[0] for each in warnings] == ["not in the image: data/"]


def test_the_line_of_the_warning_takes_them_in(built: Callable[..., object]) -> None:
    more = '[tool.hatch.build.targets.aleph]\ninclude = ["/static", "/templates"]\n'
    files, warnings = built({"templates/a.html": "", "static/b.css": "", "other.txt": ""}, more=more)
    assert set(files) == {"main.py", "templates/a.html", "static/b.css"}
    assert not warnings


@pytest.mark.parametrize(("more", "names"), [
    ('artifacts = ["/logo.svg"]', {"logo.svg"}),
    ('force-include = { "logo.svg" = "art/logo.svg" }', {"art/logo.svg"}),
    ('include = ["*"]', {"logo.svg", "notes.txt", "pyproject.toml"}),
])  # fmt: skip
def test_only_what_is_named_is_taken_and_never_our_own_folder(
    built: Callable[..., object], more: str, names: set[str]
) -> None:
    files = {"logo.svg": "<svg/>", "notes.txt": "mine", ".aleph/volumes/db.sqlite": "rows"}
    found, _ = built(files, more=f"[tool.hatch.build.targets.aleph]\n{more}\n")
    assert set(found) == {"main.py", *names}


def test_an_ignored_folder_is_told_as_one(built: Callable[..., object]) -> None:
    more = '[tool.hatch.build.targets.aleph]\ninclude = ["/made"]\n'
    _, warnings = built({"made/a.css": "", ".gitignore": "made/\n"}, more=more)
    assert any("name it in `artifacts` too" in warning for warning in warnings)


def test_a_link_that_leads_to_itself_is_no_defect(built: Callable[..., object]) -> None:
    files, _ = built({}, links={"x": "x"})
    assert "main.py" in files


def test_files_beside_a_program_are_named(built: Callable[..., object]) -> None:
    files, warnings = built({"run.sh": "#!/bin/sh\nexec node server.js\n", "server.js": ""}, f'{EXECUTABLE}"run.sh"')
    assert set(files) == {"run.sh"}
    assert "not in the image: main.py, server.js; " in warnings[0]


def test_patterns_that_match_nothing_are_told(built: Callable[..., object]) -> None:
    more = '[tool.hatch.build.targets.aleph]\ninclude = ["/static", "/tempaltes"]\n'
    _, warnings = built({"templates/a.html": "", "static/b.css": ""}, more=more)
    assert warnings == ["tool.hatch.build.targets.aleph.include: '/tempaltes' matches no file"]


PACKAGE = {"my_api/__init__.py": "app = None"}
AS_PACKAGE = 'entrypoint = "my_api:app"\n'


@pytest.mark.parametrize(("links", "refused"), [
    ({"my_api/data.txt": "../../outside/secret.txt"}, "my_api/data.txt"),
    ({"my_api/data": "../../outside"}, "my_api/data"),
    ({"my_api/deep/er.txt": "/proc/self/../../etc/hostname"}, "my_api/deep/er.txt"),
    ({"my_api/chain.txt": "other.txt", "my_api/other.txt": "../../outside/secret.txt"}, "my_api/chain.txt"),
    ({"my_api/node_modules": "../../outside"}, "my_api/node_modules"),
    ({"LICENSE": "../outside/secret.txt"}, "LICENSE"),
    ({"README.md": "../outside/secret.txt"}, "README.md"),
    ({"my_api/inside.txt": "../shared.txt"}, ""),
    ({"tests/data.txt": "../../outside/secret.txt"}, ""),
])  # fmt: skip
def test_links_that_lead_out(built: Callable[..., object], tmp_path: Path, links: dict[str, str], refused: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text("secret")
    files = {**PACKAGE, "shared.txt": "shared"}
    if "README.md" in links:
        head = HEAD.replace("version", 'readme = "README.md"\nversion')
        files["pyproject.toml"] = f"{head}[tool.aleph]\n{AS_PACKAGE}"
    if not refused:
        assert built(files, AS_PACKAGE, links=links)
        return
    if refused.endswith("er.txt") and not os.path.isfile("/etc/hostname"):  # noqa: TID251, PTH113
        pytest.skip("no such file")
    with pytest.raises(ProjectError, match="Links lead out of the project") as caught:
        built(files, AS_PACKAGE, links=links)
    assert f"{refused} -> " in str(caught.value)


def test_links_are_allowed_by_path(built: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/shared.txt").write_text("shared")
    files, _ = built(
        PACKAGE, f'{AS_PACKAGE}allow-links = ["my_api/*"]', links={"my_api/x.txt": "../../outside/shared.txt"}
    )
    assert files["my_api/x.txt"] == b"shared"


@pytest.mark.parametrize(("table", "expected"), [
    ('include = "static"', "must be an array of strings"),
    ('force-include = { "nope.txt" = "x" }', "Forced include not found"),
])  # fmt: skip
def test_a_selection_that_is_wrong_is_one_message(built: Callable[..., object], table: str, expected: str) -> None:
    with pytest.raises(ProjectError, match=expected):
        built({}, more=f"[tool.hatch.build.targets.aleph]\n{table}\n")


def test_paths_that_are_not_there_are_told(built: Callable[..., object]) -> None:
    _, warnings = built({}, more='[tool.hatch.build.targets.aleph]\nonly-include = ["nope"]\n')
    assert warnings == ["tool.hatch.build.targets.aleph.only-include: there is no 'nope'"]


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders")
@pytest.mark.parametrize("where", ["my_api", "static", "."])
def test_pipes_are_named_and_not_waited_for(make_project: Callable[..., Path], where: str) -> None:
    more = '[tool.hatch.build.targets.aleph]\ninclude = ["/static"]\n'
    text = f"{HEAD}[tool.aleph]\n{AS_PACKAGE}{more}"
    root = make_project({"pyproject.toml": text, **PACKAGE, "static/a.css": ""})
    os.mkfifo(root / where / "pipe")
    context = BuildContext(load_project(root), root / "dist")
    (root / "dist").mkdir()
    if where == ".":
        assert build_code(context, root / "dist", None, Vendored)
        return
    with pytest.raises(ProjectError, match="no regular file"):
        build_code(context, root / "dist", None, Vendored)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
def test_a_name_that_no_wheel_can_hold(make_project: Callable[..., Path]) -> None:
    root = make_project({"pyproject.toml": f"{HEAD}[tool.aleph]\n{AS_PACKAGE}", **PACKAGE})
    with open(os.fsencode(root) + b"/my_api/caf\xe9.txt", "wb"):  # noqa: PTH123 - a name in bytes
        pass
    with pytest.raises(ProjectError, match=r"the name 'my_api/caf\\udce9\.txt' is not UTF-8"):
        build_code(BuildContext(load_project(root), root / "dist"), root, None, Vendored)
