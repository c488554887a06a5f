"""The project's wheel: compared with its RECORD, its requirements and the runtime before it becomes an image."""

from __future__ import annotations

import os
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.backend import BuiltWheel, build_here, build_isolated
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages.distribution import matches_record
from hatch_aleph.build.wheel import project_entries
from hatch_aleph.errors import ProjectError
from hatch_aleph.project import load_project
from tests.build.conftest import write_wheel
from tests.build.test_packages_sources import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_mock import MockerFixture


@pytest.fixture
def project(make_project: Callable[..., Path]) -> Callable[..., BuildContext]:
    def make(files: dict[str, str] | None = None) -> BuildContext:
        root = make_project(files or {})
        return BuildContext(load_project(root), root / "dist")

    return make


@pytest.fixture
def built(mocker: MockerFixture, project: Callable[..., BuildContext], tmp_path: Path) -> Callable[..., BuildContext]:
    """Let hatchling build a wheel of the test's own."""

    def build(**options: object) -> BuildContext:
        context = project()
        wheel = write_wheel(tmp_path / "built", "my_api", **options)  # type: ignore[arg-type]
        mocker.patch("hatch_aleph.build.wheel.build_here", return_value=BuiltWheel(wheel))
        mocker.patch("hatch_aleph.build.wheel.build_isolated", return_value=BuiltWheel(wheel))
        return context

    return build


def changed(wheel: Path, name: str, content: bytes | None) -> None:
    """Replace or remove a file of a wheel, whose RECORD stays."""
    with zipfile.ZipFile(wheel) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    files.pop(name)
    with zipfile.ZipFile(wheel, "w") as archive:
        for each, data in (files if content is None else {**files, name: content}).items():
            archive.writestr(each, data)


def test_a_file_that_is_not_the_recorded_one_is_refused(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    context = built()
    changed(tmp_path / "built/my_api-1.0-py3-none-any.whl", "my_api/__init__.py", b"changed")
    with pytest.raises(ProjectError, match=r"RECORD has another hash for my_api/__init__\.py"):
        project_entries(context, tmp_path)


def test_a_wheel_without_record_is_refused(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    context = built()
    changed(tmp_path / "built/my_api-1.0-py3-none-any.whl", "my_api-1.0.dist-info/RECORD", None)
    with pytest.raises(ProjectError, match="no RECORD"):
        project_entries(context, tmp_path)


def test_paths_that_climb_out_are_refused(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no image may hold: '\.\./evil\.py'"):
        project_entries(built(files={"../evil.py": ""}), tmp_path)


@pytest.mark.parametrize(("tag", "fits"), [
    ("cp311-cp311-linux_x86_64", True),
    ("cp38-abi3-manylinux2014_x86_64", True),
    ("py3-none-linux_x86_64", True),
    ("cp313-cp313-linux_x86_64", False),
    ("cp311-cp311-macosx_11_0_arm64", False),
    ("cp311-cp311-manylinux_2_99_x86_64", False),
])  # fmt: skip
def test_the_wheel_must_be_for_the_runtime(
    built: Callable[..., BuildContext], tmp_path: Path, tag: str, fits: bool
) -> None:
    context = built(tag=tag)
    if fits:
        assert project_entries(context, tmp_path)
        return
    with pytest.raises(ProjectError, match=f"The project's wheel is for {tag}, and the runtime .* has CPython 3.11"):
        project_entries(context, tmp_path)


def test_requirements_that_differ_are_told(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    context = built(requires=("Flask >=2", 'idna ; extra == "x"'))
    project_entries(context, tmp_path)
    assert context.warnings == [
        "the wheel requires flask>=2, which project.dependencies does not name: it is not in the packages image"
    ]


def test_scripts_start_with_the_guests_interpreter(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    scripts = {"go": "#!python\nprint()\n", "options": "#!python -u\r\nprint()\n", "windowed": "#!pythonw\nprint()\n"}
    files = {f"my_api-1.0.data/scripts/{name}": text for name, text in scripts.items()}
    context = built(files={**files, "bin/kept": "#!python\n"})
    found = {each.path: each for each in project_entries(context, tmp_path)}
    assert {found[f"bin/{name}"].read() for name in scripts} == {b"#!/usr/bin/python3\nprint()\n"}
    assert found["bin/go"].mode == 0o755
    assert found["bin/kept"].read() == b"#!python\n"


def test_the_record_is_of_what_is_installed(built: Callable[..., BuildContext], tmp_path: Path) -> None:
    """Of what is moved or rewritten it would otherwise name other paths and hashes: of this machine's places, too."""
    files = {"my_api-1.0.data/scripts/go": "#!python\nprint()\n", "my_api-1.0.data/purelib/moved.py": "x = 1\n"}
    context = built(files=files, requires=("local @ file:///here/local",))
    found = {each.path: each for each in project_entries(context, tmp_path)}
    assert b"/here/" not in found["my_api-1.0.dist-info/METADATA"].read()
    rows = [row.split(",") for row in found["my_api-1.0.dist-info/RECORD"].read().decode().splitlines()]
    assert {path for path, *_ in rows} == set(found)
    for path, recorded, size in rows:
        content = found[path].read()
        if not path.endswith("/RECORD"):
            assert matches_record(content, recorded), path
            assert int(size or len(content)) == len(content)


def test_a_record_of_what_lies_as_in_the_wheel_is_the_wheels(
    built: Callable[..., BuildContext], tmp_path: Path
) -> None:
    context = built(files={"my_api/__init__.py": "x = 1\n"})
    found = {each.path: each for each in project_entries(context, tmp_path)}
    with zipfile.ZipFile(next((tmp_path / "built").glob("*.whl"))) as wheel:
        assert wheel.read("my_api-1.0.dist-info/RECORD") == found["my_api-1.0.dist-info/RECORD"].read()


def test_a_project_that_nothing_builds_has_metadata(project: Callable[..., BuildContext], tmp_path: Path) -> None:
    text = (
        '[project]\nname = "My.API"\nversion = "1.0"\ndependencies = ["idna"]\nrequires-python = ">=3.9"\n'
        '[tool.aleph]\nentrypoint = "main:app"\n'
    )
    (entry,) = project_entries(project({"pyproject.toml": text}), tmp_path)
    assert entry.path == "my_api-1.0.dist-info/METADATA"
    assert b"Name: My.API\nVersion: 1.0\nRequires-Python: >=3.9\nRequires-Dist: idna\n" in entry.read()


@pytest.mark.index
@pytest.mark.parametrize("package", [True, False])
def test_a_hatch_plugin_that_is_not_installed_here(
    project: Callable[..., BuildContext], tmp_path: Path, package: bool
) -> None:
    text = """
        [project]
        name = "my-api"
        dynamic = ["version"]
        dependencies = ["local @ {root:uri}/local"]
        [build-system]
        requires = ["hatchling", "hatch-nodejs-version"]
        build-backend = "hatchling.build"
        [tool.hatch.version]
        source = "nodejs"
        [tool.hatch.metadata]
        allow-direct-references = true
        [tool.aleph]
        entrypoint = "main:app"
    """
    files = {"pyproject.toml": text, "package.json": '{"name": "my-api", "version": "3.2.1"}'}
    if package:
        files["my_api/__init__.py"] = ""
    context = project(files)
    assert context.project.version == "3.2.1"
    assert context.project.dependencies[0].startswith("local@ file:///") or "local @ file:///" in str(
        context.project.dependencies
    )
    paths = {each.path for each in project_entries(context, tmp_path)}
    assert ("my_api/__init__.py" in paths) == package
    assert "my_api-3.2.1.dist-info/METADATA" in paths


@pytest.mark.index
def test_metadata_stands_where_the_backend_reads_it(make_project: Callable[..., Path]) -> None:
    root = make_project(
        {
            "pyproject.toml": '[tool.aleph]\nentrypoint = "main:app"\n',
            "setup.py": "from setuptools import setup\nsetup(name='old', version='0.9', install_requires=['idna>=3'],"
            " extras_require={'x': ['attrs']}, py_modules=['main'])\n",
        }
    )
    before = sorted(path.name for path in root.iterdir())
    found = load_project(root)
    assert (found.name, found.version, found.dependencies, found.extras["x"]) == (
        "old",
        "0.9",
        ("idna>=3",),
        ("attrs",),
    )
    assert sorted(path.name for path in root.iterdir()) == before
    assert found.wheel is not None
    assert found.wheel.pure


SETUPTOOLS = """
    [project]
    name = "my-api"
    version = "1.0"
    [build-system]
    requires = ["setuptools"]
    build-backend = "setuptools.build_meta"
    [tool.aleph]
    entrypoint = "{entrypoint}"
"""


@pytest.mark.index
@pytest.mark.skipif(sys.platform != "linux", reason="other systems' modules are refused")
def test_own_extensions_are_built_by_the_runtimes_python(project: Callable[..., BuildContext], tmp_path: Path) -> None:
    """Whatever Python the developer pins: a module of another one could not be imported in the guest."""
    setup = """
        from setuptools import Distribution, setup

        class WithExtensions(Distribution):
            def has_ext_modules(self):
                return True

        setup(py_modules=["main"], distclass=WithExtensions)
    """
    other = "3.13" if sys.version_info[:2] != (3, 13) else "3.12"
    context = project(
        {"pyproject.toml": SETUPTOOLS.format(entrypoint="main:app"), "setup.py": setup, ".python-version": f"{other}\n"}
    )
    found = {each.path: each for each in project_entries(context, tmp_path)}
    minor = context.runtime.python.replace(".", "")
    assert f"Tag: cp{minor}-cp{minor}-linux_x86_64" in found["my_api-1.0.dist-info/WHEEL"].read().decode()


@pytest.mark.index
@pytest.mark.parametrize("prefix", ["", "src/"])
def test_a_released_tree_has_the_files_that_its_release_lists(
    project: Callable[..., BuildContext], tmp_path: Path, prefix: str
) -> None:
    """Without the repository that listed them: setuptools-scm, pbr and others put the list beside the sources."""
    listed = f"{prefix}my_api.egg-info/SOURCES.txt"
    files = {f"{prefix}app/__init__.py": "app = None\n", f"{prefix}app/templates/page.html": "<p>\n"}
    context = project(
        {
            "pyproject.toml": SETUPTOOLS.format(entrypoint="app:app"),
            **files,
            listed: f"{prefix}app/templates/page.html\n",
        }
    )
    assert "app/templates/page.html" in {each.path for each in project_entries(context, tmp_path)}
    assert (context.project.root / listed).read_text() == f"{prefix}app/templates/page.html\n"  # as it was


@pytest.mark.index
@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_repository_around_the_project_is_there_for_its_backend(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    text = """
        [project]
        name = "my-api"
        dynamic = ["version"]
        [build-system]
        requires = ["setuptools", "setuptools-scm"]
        build-backend = "setuptools.build_meta"
        [tool.setuptools]
        py-modules = ["main"]
        [tool.setuptools_scm]
        root = ".."
        [tool.aleph]
        entrypoint = "main:app"
    """
    root = make_project({"pyproject.toml": text})
    for arguments in (["init"], ["add", "project"], ["commit", "-m", "first"], ["tag", "v3.1"]):
        git(root.parent, *arguments)
    os.mkfifo(root / "pipe")  # which none may wait for
    before = sorted(path.name for path in root.iterdir())
    context = BuildContext(load_project(root), root / "dist")
    assert context.project.version == "3.1"
    assert "main.py" in {each.path for each in project_entries(context, tmp_path)}
    assert sorted(path.name for path in root.iterdir()) == before


def test_a_byte_order_mark_is_named(make_project: Callable[..., Path]) -> None:
    root = make_project()
    file = root / "pyproject.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    with pytest.raises(ProjectError, match="byte order mark"):
        load_project(root)


@pytest.mark.index
def test_layouts_that_a_backend_does_not_guess(project: Callable[..., BuildContext], tmp_path: Path) -> None:
    text = (
        '[project]\nname = "my-api"\nversion = "1.0"\n[build-system]\nrequires = ["setuptools"]\n'
        'build-backend = "setuptools.build_meta"\n[tool.aleph]\nentrypoint = "app:app"\n'
    )
    files = {"app/__init__.py": "app = None\n", "other/__init__.py": ""}
    context = project({"pyproject.toml": text, **files})
    with pytest.raises(ProjectError, match="Multiple top-level packages") as caught:
        project_entries(context, tmp_path)
    assert 'packages = ["NAME"]' in (caught.value.hint or "")
    named = text + '[tool.setuptools]\npackages = ["app"]\n'
    (tmp_path / "second").mkdir()
    found = project_entries(project({"pyproject.toml": named, **files}), tmp_path / "second")
    assert "app/__init__.py" in {entry.path for entry in found}


def test_the_last_lines_of_a_backend_are_shown(project: Callable[..., BuildContext], tmp_path: Path) -> None:
    text = (
        '[project]\nname = "my-api"\nversion = "1.0"\n[build-system]\nrequires = ["setuptools"]\n'
        'build-backend = "setuptools.build_meta"\n[tool.aleph]\nentrypoint = "main:app"\n'
    )
    noise = "print('noise\\n' * 500)\nraise RuntimeError('the reason')\n"
    context = project({"pyproject.toml": text, "setup.py": noise})
    with pytest.raises(ProjectError, match="the reason") as caught:
        project_entries(context, tmp_path)
    assert "frozen importlib" not in caught.value.message  # nor any other frame, which tells of the backend's code
    assert ", line " not in caught.value.message
    assert f"uv build --wheel {context.project.root}" in (caught.value.hint or "")


def test_a_build_without_a_wheel_leaves_no_folder(
    make_project: Callable[..., Path], mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither one that hatchling cannot do here, nor one that is interrupted."""
    text = '[project]\nname = "my-api"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
    hook = 'build-backend = "hatchling.build"\n[tool.hatch.build.hooks.nobody-has-it]\n'
    root = make_project({"pyproject.toml": text + hook, "my_api/__init__.py": ""})
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert build_here(root) is None
    mocker.patch("hatch_aleph.backend.Uv.run", side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        build_isolated(root, load_project(root).pyproject)
    assert not list(folder.iterdir())


def test_what_a_build_imports_is_to_be_named(project: Callable[..., BuildContext]) -> None:
    text = '[build-system]\nrequires = ["setuptools"]\n[tool.aleph]\nentrypoint = "main:app"\n'
    with pytest.raises(ProjectError, match="build backend failed") as caught:
        project({"pyproject.toml": text, "setup.py": "import nothing_that_is_there\n"})
    assert 'requires = [..., "nothing_that_is_there"]' in (caught.value.hint or "")


def test_hooks_of_the_project_leave_no_bytecode_in_it(make_project, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # wherever these tests run
    hooks = """
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
        from hatchling.metadata.plugin.interface import MetadataHookInterface

        class Building(BuildHookInterface):
            pass

        class Describing(MetadataHookInterface):
            def update(self, metadata):
                metadata["version"] = "1.0"
    """
    root = make_project(
        {
            "pyproject.toml": """
                [project]
                name = "my-api"
                dynamic = ["version"]
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
                [tool.aleph]
                entrypoint = "main:app"
                [tool.hatch.metadata.hooks.custom]
                path = "describing.py"
                [tool.hatch.build.hooks.custom]
                path = "building.py"
            """,
            "main.py": "app = None\n",
            "describing.py": hooks.replace("class Building(BuildHookInterface):\n            pass\n", ""),
            "building.py": hooks,
        }
    )
    before = sorted(path.name for path in root.iterdir())
    context = BuildContext(load_project(root), root / "dist")
    assert context.project.version == "1.0"
    project_entries(context, tmp_path)
    assert sorted(path.name for path in root.iterdir()) == before
