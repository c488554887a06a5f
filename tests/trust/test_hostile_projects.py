"""Projects and wheels that mean harm: each is refused by one message that names the culprit, or does nothing.

Whatever is built or refused, nothing of them runs where it should not, nothing outside of the project changes or is
published, and the key that signs is in nobody's environment.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.cli import run
from hatch_aleph.errors import HatchAlephError
from tests.build.conftest import image_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index, Workshop

KEY = hashlib.sha256(b"hostile").hexdigest()
MINE = "what is mine and stays here"
LEAST = 20

# --- wheels ---------------------------------------------------------------------------------------------------------


def wheel(
    files: dict[str, str | bytes], *, record: bool = True, names: tuple[str, str] = ("alpha", "1.0")
) -> Callable[[Index], None]:
    """Return what puts a wheel of these files into the index; its zip entries are as they are given."""

    def add(index: Index) -> None:
        name, version = names
        info = "alpha-1.0.dist-info"
        content: dict[str, str | bytes] = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            **files,
        }
        rows = [_row(path, text) for path, text in content.items()] if record else []
        index.add("alpha")
        with zipfile.ZipFile(_file(index), "w", zipfile.ZIP_DEFLATED) as archive:
            for path, text in content.items():
                archive.writestr(path, text)
            archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")

    return add


def _row(path: str, text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f'"{path}",sha256={digest},{len(data)}\n'


def _file(index: Index) -> Path:
    return next(index.files.glob("alpha-*.whl"))


def linked(index: Index) -> None:
    """A member that unpackers would make a link."""
    wheel({"alpha.py": ""})(index)
    with zipfile.ZipFile(_file(index), "a") as archive:
        item = zipfile.ZipInfo("alpha_link.py")
        item.external_attr = (0o120777) << 16
        archive.writestr(item, "/etc/passwd")


def twice(index: Index) -> None:
    """A name with two contents: which of them is it."""
    wheel({"alpha.py": "x = 'as recorded'\n"})(index)
    with zipfile.ZipFile(_file(index), "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("alpha.py", "x = 'another'\n")


def no_archive(index: Index) -> None:
    wheel({})(index)
    _file(index).write_bytes(b"\0" * 5000)


def cut(index: Index) -> None:
    wheel({"alpha.py": "x = 1\n" * 5000})(index)
    _file(index).write_bytes(_file(index).read_bytes()[:-200])


ALPHA = "alpha-1.0.dist-info"
OF_ALPHA = "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n"
MARK = "import pathlib, os; pathlib.Path(os.environ['HATCH_ALEPH_CACHE']).with_name('ran').write_text('x')\n"
WHEELS: dict[str, Callable[[Index], None]] = {
    "a path that climbs": wheel({"alpha.py": "", "../../evil.py": "1/0"}),
    "an absolute path": wheel({"alpha.py": "", "/tmp/evil.py": "1/0"}),  # noqa: S108 - is never made
    "a path of Windows": wheel({"alpha.py": "", "..\\..\\evil.py": "1/0"}),
    "a member that is a link": linked,
    "a name with two contents": twice,
    "the image's own description": wheel({"alpha.py": "", ".aleph/inputs": "0" * 64}),
    "our adapter's name": wheel({"aleph_entry/__init__.py": "1/0"}),
    "code that starts with every interpreter": wheel(
        {"alpha.pth": MARK, "sitecustomize.py": MARK, "usercustomize.py": MARK}
    ),
    "bytecode in place of what is compiled": wheel(
        {"alpha.py": "x = 1\n", "__pycache__/alpha.cpython-311.opt-2.pyc": "evil"}
    ),
    "a script whose name climbs": wheel(
        {"alpha.py": "", "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\n../../evil = alpha:main\n"}
    ),
    "data that climbs": wheel({"alpha.py": "", "alpha-1.0.data/data/../../../../evil.py": "1/0"}),
    "another's name": wheel({"alpha.py": ""}, names=("certifi", "1.0")),
    "another version": wheel({"alpha.py": ""}, names=("alpha", "9.9")),
    "a terminal's sequences": wheel({"alpha.py": "", "alpha\x1b[2Jevil.py": "1/0"}),
    "a newline in a name": wheel({"alpha.py": "", "alpha\nevil.py": "1/0"}),
    "a name of 5,000 letters": wheel({"alpha.py": "", "a" * 5000 + "/evil.py": "1/0"}),
    "a name whose bytecode has none": wheel({"alpha.py": "", "n" * 252 + ".py": "x = 1\n"}),
    "no record": wheel({"alpha.py": "x = 1\n"}, record=False),
    "no archive": no_archive,
    "an archive that is cut": cut,
    "source that cannot be compiled": wheel({"alpha.py": "def (:\n", "deep.py": "(" * 3000 + ")" * 3000}),
    "entry points that are no text": wheel({"alpha.py": "", "alpha-1.0.dist-info/entry_points.txt": b"\xff\xfe[[[\n"}),
    "an entry point that is none": wheel(
        {"alpha.py": "", "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\nx = = b c\n"}
    ),
    "a METADATA of 30 MB": wheel({"alpha.py": "", f"{ALPHA}/METADATA": OF_ALPHA + "\n" + "x\n" * 15_000_000}),
    "a METADATA without end": wheel({"alpha.py": "", f"{ALPHA}/METADATA": OF_ALPHA + "X: y\n" * 500_000}),
    "folders in folders without end": wheel({"alpha.py": "", "d/" * 150 + "evil.py": "1/0"}),
    "a bomb": wheel({"alpha.py": "", "zeros.bin": bytes(1 << 26)}),
}


@pytest.mark.parametrize("name", WHEELS)
def test_a_wheel_is_refused_by_name_or_harmless(
    index: Index,
    workshop: Workshop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv("ALEPH_PRIVATE_KEY", KEY)
    WHEELS[name](index)
    root = workshop.project('"alpha"')
    found: dict[str, bytes] = {}
    try:
        result = workshop.build(root)
    except HatchAlephError as error:
        said = str(error)
        assert "alpha" in said or "certifi" in said
        assert "defect" not in said
        assert "Make room" not in said
        assert "\x1b" not in said
    else:
        assert result.image is not None
        (tmp_path / "unpacked").mkdir()
        found = image_files(root / "dist" / result.image.file, tmp_path / "unpacked" / "image")
        assert not any("\x1b" in warning for warning in (*result.warnings, *workshop.notices))
    assert found.get(".aleph/inputs", b"") != b"0" * 64
    assert b"evil" not in b"".join(data for path, data in found.items() if path.endswith(".pyc"))
    assert b"root:" not in b"".join(found.values())
    assert not (tmp_path / "ran").exists()
    outside = [path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(tmp_path / "unpacked")]
    assert [path for path in outside if "uv-cache" not in path.parts] == []
    assert KEY.encode() not in b"".join(found.values())


# --- projects -------------------------------------------------------------------------------------------------------

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "1.0"
[tool.aleph]
entrypoint = "main:app"
bytecode = false
"""
BACKEND = """
import base64, hashlib, os, zipfile
def row(path, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return "%s,sha256=%s,%d\\n" % (path, digest, len(text))
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "shop-1.0-py3-none-any.whl"
    files = {
        "main.py": "async def app(scope, receive, send): ...\\nSEEN = %r\\n" % dict(os.environ),
        "{extra}": "1/0",
        "shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n",
        "shop-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nTag: py3-none-any\\n",
    }
    files["shop-1.0.dist-info/RECORD"] = "".join(row(*each) for each in files.items())
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return {returned}
"""


def replaced(old: str, new: str) -> Callable[[Path, Path], None]:
    def change(project: Path, _outside: Path) -> None:
        file = project / "pyproject.toml"
        assert old in file.read_text("utf-8")
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")

    return change


def backend(extra: str = "more.py", name: str = "shop", returned: str = "name") -> Callable[[Path, Path], None]:
    def change(project: Path, outside: Path) -> None:
        replaced('["hatchling"]', '[]\nbackend-path = ["."]')(project, outside)
        replaced("hatchling.build", "backend")(project, outside)
        text = BACKEND.replace("{extra}", extra).replace("{name}", name).replace("{returned}", returned)
        (project / "backend.py").write_text(text)

    return change


def hook(text: str, name: str = "hook.py") -> Callable[[Path, Path], None]:
    """Return what gives a project a hook of hatchling's, which runs beside this tool."""

    def change(project: Path, outside: Path) -> None:
        (project / name).write_text(text)
        replaced("[tool.aleph]", f'[tool.hatch.build.hooks.custom]\npath = "{name}"\n[tool.aleph]')(project, outside)

    return change


def version_by(text: str) -> Callable[[Path, Path], None]:
    """Return what lets a project's code say its version."""

    def change(project: Path, outside: Path) -> None:
        (project / "said.py").write_text(text)
        replaced('version = "1.0"', 'dynamic = ["version"]')(project, outside)
        table = '[tool.hatch.version]\nsource = "code"\npath = "said.py"\n[tool.aleph]'
        replaced("[tool.aleph]", table)(project, outside)

    return change


def file_link(project: Path, outside: Path) -> None:
    (project / "settings.py").symlink_to(outside / "mine.py")


def readme_link(project: Path, outside: Path) -> None:
    outside.with_name("private.md").write_text("what stands in a private file that nobody should see\n")
    (project / "README.md").symlink_to(outside.with_name("private.md"))
    replaced('version = "1.0"', 'version = "1.0"\nreadme = "README.md"')(project, outside)


def folder_link(project: Path, outside: Path) -> None:
    (project / "shop").symlink_to(outside)
    (project / "main.py").write_text("import shop\napp = 1\n")


def package_link(project: Path, outside: Path) -> None:
    folder_link(project, outside)
    with (project / "pyproject.toml").open("a") as stream:
        stream.write('[tool.hatch.build.targets.wheel]\npackages = ["shop"]\n')


def loops(project: Path, _outside: Path) -> None:
    (project / "shop").mkdir()
    (project / "shop" / "again").symlink_to(project / "shop")
    (project / "self").symlink_to(project / "self")


def no_text(project: Path, _outside: Path) -> None:
    with open(os.fsencode(project) + b"/\xff\xfe.py", "wb") as file:  # noqa: PTH123 - a path that is no text
        file.write(b"x = 1\n")


def long_name(project: Path, _outside: Path) -> None:
    (project / f"{'n' * 252}.py").write_text("x = 1\n")
    replaced("bytecode = false", "bytecode = true")(project, _outside)


def pipe(project: Path, _outside: Path) -> None:
    os.mkfifo(project / "main.fifo")
    replaced('entrypoint = "main:app"', 'entrypoint = "main:app"\n[tool.hatch.build.targets.aleph]\ninclude = ["*"]')(
        project, project
    )


def planted_aleph(project: Path, outside: Path) -> None:
    (project / ".aleph").symlink_to(outside)


def volume_link(project: Path, outside: Path) -> None:
    (project / "data").symlink_to(outside)
    volume("data")(project, outside)


def volume(path: str, mount: str = "/opt/data") -> Callable[[Path, Path], None]:
    def change(project: Path, _outside: Path) -> None:
        with (project / "pyproject.toml").open("a") as stream:
            stream.write(f'[[tool.aleph.volumes.immutable]]\npath = "{path}"\nmount = "{mount}"\n')

    return change


# What is done to the project, and a part of the message, or "" where it is built and harmless.
PROJECTS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "a name that climbs": (replaced('name = "shop"', 'name = "../../evil"'), "project.name"),
    "a version that climbs": (replaced('version = "1.0"', 'version = "1/../../evil"'), "1/../../evil"),
    "a name of a terminal's sequences": (replaced('name = "shop"', 'name = "\\u001b[2Jevil"'), "project.name"),
    "an entrypoint that runs": (replaced("main:app", "main:__import__('os').system('id')"), "entrypoint"),
    "a link to a file outside": (file_link, "Links lead out of the project"),
    "a readme that is a link": (readme_link, "Links lead out of the project"),
    "a link to a folder outside that nothing names": (folder_link, ""),
    "a link to a folder outside as a package": (package_link, "Links lead out of the project"),
    "links that loop": (loops, ""),
    "a name that is no text": (no_text, ""),
    "a name whose bytecode has none": (long_name, ""),
    "a pipe": (pipe, "It is no regular file"),
    ".aleph that leads elsewhere": (planted_aleph, ""),
    "a volume that is a link": (volume_link, "A link leads out of the project"),
    "a mount that climbs": (volume("main.py", "/../../etc"), "mount"),
    "a mount over the code": (volume("main.py", "/opt/code/x"), "clashes with the code"),
    "a backend that tells its environment": (backend(), ""),
    "a hook that fails": (hook("raise KeyError('of the hook')"), "cannot be built: KeyError: 'of the hook'"),
    "a hook that ends the process": (hook("raise SystemExit(0)"), "cannot be built: SystemExit: 0"),
    "a hook that is no module": (hook("x = 1", name="hook.txt"), "cannot be built: AttributeError"),
    "a version that fails": (version_by("raise KeyError('of the version')"), "of the version"),
    "a version that ends the process": (version_by("raise SystemExit(0)"), "SystemExit: 0"),
    "a wheel whose path climbs": (backend(extra="../../evil.py"), "evil.py"),
    "a wheel with an absolute path": (backend(extra="/tmp/evil.py"), "evil.py"),  # noqa: S108 - is never made
    "a wheel elsewhere": (backend(returned='"../../../evil.whl"'), ""),
    "settings of another kind": (
        replaced('entrypoint = "main:app"', 'entrypoint = {a = "b"}'),
        "tool.aleph.entrypoint",
    ),
    "a domain that is a path": (replaced("bytecode", 'domains = ["../../evil"]\nbytecode'), "tool.aleph.domains[0]"),
    "an owner that is a key": (replaced("bytecode", f'address = "0x{KEY}"\nbytecode'), "tool.aleph.address"),
    "a table of a million levels": (replaced("bytecode", "x = " + "[" * 20000 + "\nbytecode"), "pyproject.toml"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_is_refused_by_name_or_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "mine.py").write_text(f"# {MINE}\n")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "main.py").write_text("async def app(scope, receive, send): ...\n")
    change, told = PROJECTS[name]
    change(project, outside)
    monkeypatch.setenv("ALEPH_PRIVATE_KEY", KEY)
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    code = run(["build", "--project", str(project), "--out", str(tmp_path / "dist")])
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert KEY not in said
    assert "\x1b" not in said
    assert "defect" not in said
    assert "Traceback" not in captured.out
    if told:
        assert 0 < code < 70
        assert told in said
        assert not (tmp_path / "dist").exists() or not list((tmp_path / "dist").glob("[!.]*"))
    else:
        assert code == 0, said
    published: dict[str, Any] = {}
    for number, image in enumerate(sorted((tmp_path / "dist").glob("*.squashfs"))):
        published |= image_files(image, tmp_path / f"image{number}")
    assert MINE.encode() not in b"".join(published.values())
    assert KEY.encode() not in b"".join(published.values())
    assert [path.name for path in outside.iterdir()] == ["mine.py"]
    assert not list(tmp_path.rglob("evil*"))


METADATA = """
dependencies = ["alpha @ {alpha}"]
readme = {text = "git clone https://reader:s3cret-in-words@code.example.net/shop.git", content-type = "text/plain"}
[project.urls]
Home = "https://reader:s3cret-in-urls@code.example.net/"
[project.optional-dependencies]
more = ["beta @ git+https://token:s3cret-of-git@code.example.net/beta.git"]
signed = ["gamma @ https://code.example.net/t/s3cret-in-path/gamma-1.0.tar.gz?signature=s3cret-in-query"]
[tool.hatch.metadata]
allow-direct-references = true
"""


@pytest.mark.parametrize("built", ["by its backend", "by none"])
def test_no_address_in_the_projects_own_metadata_lets_others_in(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], built: str
) -> None:
    wheel({"alpha.py": ""})(index)
    project = tmp_path / "project"
    project.mkdir()
    text = PYPROJECT.replace("[tool.aleph]", METADATA.replace("{alpha}", _file(index).as_uri()) + "[tool.aleph]")
    (project / "pyproject.toml").write_text(text if built == "by its backend" else text[text.index("[project]") :])
    (project / "main.py").write_text("async def app(scope, receive, send): ...\n")
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    assert run(["build", "--project", str(project)]) == 0
    said = capsys.readouterr()
    files = image_files(next((project / "dist").glob("*-code.squashfs")), tmp_path / "image")
    metadata = files["shop-1.0.dist-info/METADATA"].decode()
    assert "Requires-Dist: alpha @ file:///…/alpha-1.0-py3-none-any.whl" in metadata
    assert "s3cret" not in metadata + said.out + said.err
    assert str(tmp_path) not in metadata
    if built == "by its backend":
        assert "gamma @ https://code.example.net/…/gamma-1.0.tar.gz" in metadata
        assert "addresses with credentials" in said.err


def test_what_is_no_requirement_is_told_without_its_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    wrong = 'version = "1.0"\ndependencies = ["alpha @@ https://u:s3cret@code.example.net/"]'
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.replace('version = "1.0"', wrong))
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    assert run(["build", "--project", str(tmp_path)]) not in (0, 70)
    assert "s3cret" not in "".join(capsys.readouterr())


def test_there_are_wheels_and_projects_enough() -> None:
    assert len(WHEELS) >= LEAST
    assert len(PROJECTS) >= LEAST
