"""What goes into the code image, read back by an independent reader."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest
from PySquashfsImage import SquashFsImage

from hatch_aleph.build import build_artifact, code_image
from hatch_aleph.build.cache import Cache
from hatch_aleph.build.code import build_code
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import PackagesResult
from hatch_aleph.errors import ImageError, ProjectError, SettingsError
from hatch_aleph.interpreters import Interpreter
from hatch_aleph.programs.creation import checked
from hatch_aleph.project import load_project
from hatch_aleph.runtimes import DEBIAN_12
from hatch_aleph.squashfs import Entry


def build(root: Path, destination: Path, **options):
    destination.mkdir(exist_ok=True)
    context = BuildContext(load_project(root), destination)
    image = build_code(context, destination, None, lambda: Packages(options.get("vendored", lambda _: False)))
    options.get("warnings", []).extend(context.warnings)
    return image


class Packages(PackagesResult):
    """No packages image, and yet modules in it."""

    def __init__(self, vendored):
        super().__init__(None)
        object.__setattr__(self, "holds", vendored)


def content(image: Path) -> dict[str, bytes]:
    with SquashFsImage.from_file(str(image)) as reader:
        return {entry.path.lstrip("/"): entry.read_bytes() for entry in reader if entry.is_file}


def names(image: Path) -> set[str]:
    return {
        name
        for name in content(image)
        if not name.startswith(("aleph_entry/", "my_api-1.0.dist-info/")) and not name.endswith(".pyc")
    }


PACKAGE = """
    [project]
    name = "my-api"
    version = "1.0"
    scripts.my-api = "my_api.main:run"
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"
    [tool.aleph]
    entrypoint = "my_api.main:app"
"""


def test_a_src_layout_as_its_wheel_would_install_it(make_project, tmp_path):
    root = make_project(
        {
            "pyproject.toml": PACKAGE,
            "src/my_api/__init__.py": "",
            "src/my_api/main.py": "app = None",
            "src/my_api/data.txt": "data",
            "tests/test_it.py": "",
        }
    )
    image = build(root, tmp_path / "dist")
    files = content(tmp_path / "dist" / image.file)
    assert names(tmp_path / "dist" / image.file) == {"my_api/__init__.py", "my_api/main.py", "my_api/data.txt"}
    assert b"my_api.main:run" in files["my_api-1.0.dist-info/entry_points.txt"]
    assert b"PACKAGES = ''" in files["aleph_entry/_settings.py"]


def test_a_plain_main_needs_no_package(make_project, tmp_path):
    root = make_project(
        {
            "helper.py": "",
            "parts/__init__.py": "",
            "parts/one.py": "",
            "noxfile.py": "",
            ".env": "KEY=1",
            "notes.txt": "",
            "tests/__init__.py": "",
        }
    )
    image = build(root, tmp_path / "dist")
    assert names(tmp_path / "dist" / image.file) == {"main.py", "helper.py", "parts/__init__.py", "parts/one.py"}
    assert "my_api-1.0.dist-info/METADATA" in content(tmp_path / "dist" / image.file)


def test_a_plain_main_without_a_build_backend(make_project, tmp_path):
    root = make_project(
        {"pyproject.toml": '[project]\nname = "my-api"\nversion = "1.0"\n[tool.aleph]\nentrypoint = "main:app"\n'}
    )
    image = build(root, tmp_path / "dist")
    assert names(tmp_path / "dist" / image.file) == {"main.py"}


def test_the_target_selects_more_files(make_project, tmp_path):
    root = make_project(
        {
            "pyproject.toml": PACKAGE
            + """
    [tool.hatch.build.targets.aleph]
    include = ["/templates"]
    exclude = ["*.tmp"]
    [tool.hatch.build.targets.aleph.force-include]
    "LICENSE.txt" = "legal/LICENSE"
""",
            "my_api/__init__.py": "",
            "my_api/main.py": "app = None",
            "templates/index.html": "<p>",
            "templates/index.tmp": "",
            "LICENSE.txt": "MIT",
        }
    )
    image = build(root, tmp_path / "dist")
    assert names(tmp_path / "dist" / image.file) == {
        "my_api/__init__.py",
        "my_api/main.py",
        "templates/index.html",
        "legal/LICENSE",
    }


def test_the_same_project_in_another_folder_gives_the_same_bytes(make_project, tmp_path):
    first = build(make_project({"helper.py": "x = 1"}, name="one"), tmp_path / "a")
    other = make_project({"helper.py": "x = 1"}, name="two")
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    (other / "main.py").chmod(0o600)
    second = build(other, tmp_path / "b")
    assert first == second


def test_changed_code_changes_the_inputs(make_project, tmp_path):
    root = make_project()
    first = build(root, tmp_path / "a")
    (root / "main.py").write_text("app = 2", "utf-8")
    assert build(root, tmp_path / "a").inputs != first.inputs


def times(image: Path) -> set[int]:
    with SquashFsImage.from_file(str(image)) as reader:
        return {int(entry.time) for entry in reader if entry.is_file}


def test_a_change_of_content_alone_changes_the_files_times(make_project, tmp_path):
    root = make_project({"main.py": "app = 1"})
    first = times(tmp_path / "a" / build(root, tmp_path / "a").file)
    (root / "main.py").write_text("app = 2", "utf-8")
    second = times(tmp_path / "b" / build(root, tmp_path / "b").file)
    assert len(first) == len(second) == 1
    assert first != second


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        ("mian:app", "the project has no module `mian`; did you mean `main`?"),
        ("other.thing:app", "the project has no module `other.thing`"),
    ],
)
def test_an_entrypoint_that_names_no_module_of_the_project(make_project, tmp_path, entrypoint, expected):
    root = make_project()
    file = root / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace("main:app", entrypoint), "utf-8")
    with pytest.raises(SettingsError) as caught:
        build(root, tmp_path / "dist")
    assert expected in str(caught.value)
    assert not list((tmp_path / "dist").iterdir())


def test_an_entrypoint_in_a_dependency(make_project, tmp_path):
    root = make_project()
    file = root / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace("main:app", "datasette.app:app"), "utf-8")
    build(root, tmp_path / "dist", vendored=lambda module: module == "datasette.app")


def test_two_files_for_one_path(make_project, tmp_path):
    root = make_project(
        {
            "pyproject.toml": PACKAGE
            + '    [tool.hatch.build.targets.aleph.force-include]\n    "other.py" = "my_api/main.py"\n',
            "my_api/__init__.py": "",
            "my_api/main.py": "app = 1",
            "other.py": "app = 2",
        }
    )
    with pytest.raises(ProjectError, match=r"Two different files would both be my_api/main\.py"):
        build(root, tmp_path / "dist")


def test_a_bare_executable_is_a_zip(make_project, tmp_path):
    root = make_project({"run.sh": "#!/bin/sh\n"})
    file = root / "pyproject.toml"
    text = file.read_text("utf-8").replace(
        '"main:app"', '"run.sh"\ninterface = "executable"\nadapter = false\ninternet = true'
    )
    file.write_text(text, "utf-8")
    image = build(root, tmp_path / "dist")
    assert image.encoding == "zip"
    with zipfile.ZipFile(tmp_path / "dist" / image.file) as archive:
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755


def test_files_that_are_secrets_by_their_name_stop_the_build(make_project, tmp_path):
    root = make_project(
        {
            "pyproject.toml": PACKAGE + '    [tool.hatch.build.targets.aleph]\n    include = ["/conf"]\n',
            "my_api/__init__.py": "",
            "my_api/main.py": "app = None",
            "my_api/.env": "TOKEN=1",
            "conf/server.key": "",
            "conf/.env.example": "",
        }
    )
    with pytest.raises(ProjectError) as caught:
        build(root, tmp_path / "dist")
    assert "conf/server.key: secret by its name\n  my_api/.env: secret by its name" in str(caught.value)
    assert ".env.example" not in str(caught.value)

    file = root / "pyproject.toml"
    allow = '\n[tool.aleph.secrets]\nallow = ["conf/*.key", "my_api/.env"]\n'
    file.write_text(file.read_text("utf-8") + allow, "utf-8")
    image = build(root, tmp_path / "dist")
    assert {"conf/server.key", "my_api/.env"} <= names(tmp_path / "dist" / image.file)


def test_what_was_built_without_a_search_is_not_taken_for_searched(make_project, tmp_path):
    root = make_project({"pyproject.toml": PACKAGE, "my_api/main.py": "app = None", "my_api/.env": "TOKEN=1"})
    artifact = build_artifact(load_project(root), tmp_path / "dist", searched=False)
    assert "my_api/.env" in names(tmp_path / "dist" / artifact.manifest.images[0].file)
    assert not artifact.manifest.settings.secrets.allow
    with pytest.raises(ProjectError, match="secret by its name"):
        build_artifact(load_project(root), tmp_path / "dist")


@pytest.mark.parametrize(
    ("code", "extra", "expected"),
    [
        ('@app.websocket("/ws")\nasync def ws(socket): ...\n', "", ["carry no websockets, which main.py would serve"]),
        ('routes = [WebSocketRoute("/ws", ws)]', "", ["carry no websockets, which main.py would serve"]),
        ("app = None  # no websocket here", "", []),
        (
            "from aleph.sdk.vm.app import AlephApp\n@app.event(filters=[])\nasync def on(event): ...\n",
            "",
            ["no message starts the program, though main.py handles events"],
        ),
        (
            "from aleph.sdk.vm.app import AlephApp\n@app.event\nasync def on(event): ...\n",
            'subscriptions = [{ channel = "TEST" }]',
            [],
        ),
        ("app = None", "adapter = false", ["meets the guest's own calling convention"]),
    ],
)
def test_what_will_not_work_in_the_guest_is_told(make_project, tmp_path, code, extra, expected):
    root = make_project({"main.py": f"{code}\napp = None\n"})
    file = root / "pyproject.toml"
    file.write_text(file.read_text("utf-8") + extra + "\n", "utf-8")
    told: list[str] = []
    build(root, tmp_path / "dist", warnings=told)
    assert len(told) == len(expected)
    assert all(part in line for part, line in zip(expected, told, strict=True))


def test_a_bare_executable_too_large_for_the_host(make_project, tmp_path):
    root = make_project()
    (root / "server").write_bytes(os.urandom(10_000_001))
    file = root / "pyproject.toml"
    text = file.read_text("utf-8").replace(
        '"main:app"', '"server"\ninterface = "executable"\nadapter = false\ninternet = true'
    )
    file.write_text(text, "utf-8")
    with pytest.raises(ImageError, match="up to 10,000,000"):
        build(root, tmp_path / "dist")
    assert not list((tmp_path / "dist").iterdir())


@pytest.mark.parametrize("encoding", ["squashfs", "zip"])
def test_the_adapter_is_compiled_once_and_gives_the_same_image(tmp_path, monkeypatch, encoding):
    compiled = []
    compile_entries = code_image.compile_entries

    def noted(entries, *arguments):
        compiled.append({entry.path.split("/")[0] for entry in entries})
        return compile_entries(entries, *arguments)

    monkeypatch.setattr(code_image, "compile_entries", noted)
    images = []
    for name, cache in (("a", "kept"), ("b", "kept"), ("c", "another")):
        packed = code_image.pack_code(
            [Entry(path, "file", 0o644, b"app = 1") for path in ("a.py", "main.py")],
            checked({"name": "x", "entrypoint": "main:app"}),
            DEBIAN_12,
            tmp_path / name,
            where="",
            interpreter=Interpreter(Path(sys.executable), sys.version.split()[0]),
            cache=Cache(tmp_path / cache),
            encoding=encoding,
        )
        images.append((packed.inputs, packed.file.read_bytes()))
    assert images[0] == images[1] == images[2]
    assert compiled == [{"a.py", "main.py"}, {"aleph_entry"}, {"a.py", "main.py"}, {"a.py", "main.py"}, {"aleph_entry"}]
