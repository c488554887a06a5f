from __future__ import annotations

import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from hatch_aleph import interpreters
from hatch_aleph.errors import HatchAlephError, ImageError, ProjectError
from hatch_aleph.programs.creation import checked
from hatch_aleph.programs.program_code import prepare_code
from hatch_aleph.settings.entry_points import is_command
from hatch_aleph.squashfs import list_image, scan, write_image
from tests.programs.rig import write_app

if TYPE_CHECKING:
    from pathlib import Path


def prepare(path: Path, entrypoint: str = "main:app", **table):
    notices: list[str] = []
    settings = checked(
        {"entrypoint": entrypoint, "interface": "executable" if is_command(entrypoint) else "auto", **table}
    )
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    return prepare_code(path, settings, out, notice=notices.append), notices


def names(image: Path) -> list[str]:
    """Return the files of an image, but for their bytecode."""
    return [each.path for each in list_image(image) if each.kind != "directory" and not each.path.endswith(".pyc")]


def test_a_folder_is_packed_with_the_adapter(app):
    code, notices = prepare(app(**{"data/table.csv": "1"}))
    packed = names(code.file)
    assert (code.encoding, code.adapter, notices) == ("squashfs", True, [])
    assert {"main.py", "data/table.csv", "aleph_entry/__init__.py", "aleph_entry/_settings.py"} <= set(packed)
    assert code.hashes.size == code.file.stat().st_size


def test_the_guest_finds_its_bytecode(app):
    if interpreters.find("3.11") is None:
        pytest.skip("needs CPython 3.11, the runtime's")
    code, _ = prepare(app())
    found = {member.path for member in list_image(code.file)}
    assert {"__pycache__/main.cpython-311.opt-2.pyc", "aleph_entry/__pycache__/aleph_entry.cpython-311.bundle"} <= found


def test_without_the_adapter_nothing_is_added(app):
    code, _ = prepare(app(), adapter=False)
    assert (names(code.file), code.adapter) == (["main.py"], False)


def test_what_the_guest_will_not_do_is_told(app):
    _, notices = prepare(app(**{"chat.py": "@app.websocket('/chat')\nasync def chat(socket): ...\n"}))
    assert notices == ["the network's hosts carry no websockets, which chat.py would serve"]


def test_the_same_folder_gives_the_same_image(app):
    first, _ = prepare(app())
    second, _ = prepare(app())
    assert first.hashes == second.hashes


def test_what_serves_development_is_left_out_and_told(app):
    folder = app(
        **{
            ".git/config": "",
            "__pycache__/main.cpython-311.pyc": "",
            "env of mine/pyvenv.cfg": "",
            "env of mine/lib/thing.py": "",
            "pkg/__pycache__/x.pyc": "",
            "pkg/x.py": "",
        }
    )
    code, notices = prepare(folder, adapter=False)
    assert names(code.file) == ["main.py", "pkg/x.py"]
    assert notices[:1] == ["Left out: .git, __pycache__, env of mine, pkg/__pycache__"]


@pytest.mark.parametrize("name", [".env", ".env.production", "keys/server.pem", "id_ed25519", ".netrc"])
def test_secrets_stop_it_unless_allowed_by_name(app, name):
    folder = app(**{name: "x"})
    with pytest.raises(ProjectError, match="public for ever") as caught:
        prepare(folder)
    assert name in caught.value.message
    code, _ = prepare(folder, secrets={"allow": [name]})
    assert name in names(code.file)


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside.txt", "static/../../outside.txt"])
def test_a_link_that_leads_out_of_the_folder_stops_it_unless_allowed_by_name(app, target):
    folder = app(**{"static/a.css": "x"})
    (folder.parent / "outside.txt").write_text("mine")
    (folder / "link").symlink_to(target)
    (folder / "inside").symlink_to("static/a.css")
    with pytest.raises(ProjectError, match="Links lead out of the folder: link") as caught:
        prepare(folder)
    assert "--allow-link" in str(caught.value)
    code, _ = prepare(folder, **{"allow-links": ["li*"]})
    assert {"link", "inside"} <= set(names(code.file))


def test_an_example_of_an_environment_is_no_secret(app):
    code, _ = prepare(app(**{".env.example": "KEY="}), adapter=False)
    assert ".env.example" in names(code.file)


def test_an_entrypoint_that_is_not_there_names_what_is(app):
    with pytest.raises(ProjectError, match="no module 'man'") as caught:
        prepare(app(**{"pkg/__init__.py": "app = None\n"}), "man:app")
    assert caught.value.hint == "It holds: main.py, pkg"
    prepare(app(), "pkg:app")


def test_a_module_with_the_adapters_name_is_refused(app):
    with pytest.raises(ProjectError, match="aleph_entry"):
        prepare(app(**{"aleph_entry.py": ""}))


def test_an_executable_goes_with_the_adapter_in_an_image(app):
    folder = app(**{"run.sh": "#!/bin/sh\n"})
    code, _ = prepare(folder, "run.sh --port 8080")
    assert code.encoding == "squashfs"
    # A program of the runtime needs no file of ours.
    prepare(folder, "node server.js")
    with pytest.raises(ProjectError, match="no file 'bin/run'"):
        prepare(folder, "bin/run")


def test_a_bare_executable_goes_as_a_zip(app):
    folder = app(**{"run.sh": "#!/bin/sh\n"})
    (folder / "run.sh").chmod(0o755)
    code, _ = prepare(folder, "run.sh", adapter=False, internet=True)
    with zipfile.ZipFile(code.file) as archive:
        assert archive.namelist() == ["main.py", "run.sh"]
        assert archive.getinfo("run.sh").external_attr >> 16 & stat.S_IXUSR
    assert code.encoding == "zip"


def test_images_and_archives_come_as_they_are(app, tmp_path):
    image, archive = tmp_path / "app.squashfs", tmp_path / "named-otherwise.bin"
    write_image(scan(app()), image)
    with zipfile.ZipFile(archive, "w") as made:
        made.write(app() / "main.py", "main.py")
    for path, encoding in ((image, "squashfs"), (archive, "zip")):
        code, _ = prepare(path)
        assert (code.file, code.encoding, code.adapter) == (path, encoding, False)


def damaged_image(folder: Path, app: Path) -> Path:
    image = folder / "damaged.squashfs"
    write_image(scan(app), image)
    content = bytearray(image.read_bytes())
    content[96:140] = b"\xff" * 44
    image.write_bytes(content)
    return image


def damaged_zip(folder: Path, app: Path) -> Path:
    path = folder / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(app / "main.py", "main.py")
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    return path


def damaged_deflate(folder: Path, app: Path) -> Path:
    path = folder / "deflate.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(app / "main.py", "main.py")
    content = bytearray(path.read_bytes())
    content[37:47] = b"\xff" * 10  # behind the header of 30 bytes and the name
    path.write_bytes(content)
    return path


def climbing_zip(folder: Path, _app: Path) -> Path:
    path = folder / "climbing.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../main.py", "")
    return path


def cut_zip(folder: Path, app: Path) -> Path:
    path = damaged_zip(folder, app)
    path.write_bytes(path.read_bytes()[:-30])
    return path


def large_zip(folder: Path, _app: Path) -> Path:
    path = folder / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("main.py", b"#" * 10_000_001)
    return path


def text(folder: Path, _app: Path) -> Path:
    path = folder / "main.py"
    path.write_text("app = None")
    return path


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (damaged_image, ImageError, "damaged"),
        (damaged_zip, ImageError, "damaged"),
        (damaged_deflate, ImageError, "deflate.zip: The archive cannot be read"),
        (climbing_zip, ImageError, "outside of its tree"),
        (cut_zip, ImageError, "cannot be read"),
        (large_zip, ImageError, "up to 10,000,000"),
        (text, ProjectError, "Expected a folder, a squashfs image or a zip archive"),
        (lambda folder, _: folder / "nothing", ProjectError, "no such folder or file"),
    ],
    ids=["damaged image", "damaged zip", "damaged deflate", "climbing zip", "cut zip", "large zip", "text", "nothing"],
)
def test_what_cannot_run_is_refused(app, tmp_path, make, kind, told):
    path = make(tmp_path, app())
    with pytest.raises(HatchAlephError) as caught:
        prepare(path)
    assert isinstance(caught.value, kind)
    assert told in str(caught.value)


def test_an_executable_in_an_image_is_refused_since_it_never_starts(app, tmp_path):
    image = tmp_path / "app.squashfs"
    write_image(scan(app(**{"run.sh": ""})), image)
    with pytest.raises(ProjectError, match="never starts"):
        prepare(image, "run.sh")


def test_an_executable_in_an_archive_needs_internet(app, tmp_path):
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("run.sh", "#!/bin/sh\n")
    with pytest.raises(ProjectError, match="out of reach without internet"):
        prepare(archive, "run.sh")
    code, _ = prepare(archive, "run.sh", internet=True)
    assert code.encoding == "zip"


WSGI = {
    "Flask": "from flask import Flask\napp = Flask(__name__)\n",
    "a function": "def app(environ, start_response):\n    return [b'']\n",
    "Django": "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n",
    "imported": "from site_app.core import app\n",
}


@pytest.mark.parametrize("source", WSGI.values(), ids=WSGI)
@pytest.mark.parametrize("encoding", ["zip", "squashfs", "folder without adapter"])
def test_wsgi_without_the_adapter_is_refused(tmp_path, source, encoding):
    folder = write_app(
        tmp_path / "app", source=source, **{"site_app/core.py": WSGI["Flask"], "site_app/__init__.py": ""}
    )
    path = folder
    if encoding == "zip":
        path = tmp_path / "app.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.rglob("*.py"):
                archive.write(file, file.relative_to(folder))
    elif encoding == "squashfs":
        path = tmp_path / "app.squashfs"
        write_image(scan(folder), path)
    settings = checked({"entrypoint": "main:app", "name": "app", "adapter": False})
    with pytest.raises(ProjectError, match="is a WSGI application") as raised:
        prepare_code(path, settings, tmp_path, notice=print)
    assert "folder" in (raised.value.hint or "")


@pytest.mark.parametrize("beside", ["requirements.txt", "app/requirements.txt", "app/pyproject.toml"])
def test_dependencies_that_nobody_installs_are_said(tmp_path, beside):
    folder = write_app(tmp_path / "app")
    (tmp_path / beside).write_text('[project]\ndependencies = ["httpx"]\n', "utf-8")
    told: list[str] = []
    prepare_code(folder, checked({"entrypoint": "main:app", "name": "app"}), tmp_path, notice=told.append)
    assert beside.rpartition("/")[2] in next(line for line in told if "not installed" in line)


@pytest.mark.parametrize("encoding", ["folder", "zip", "squashfs"])
def test_events_and_names_are_looked_for_in_each_form(tmp_path, encoding):
    source = "from aleph.sdk.vm.app import AlephApp\napp = AlephApp()\n@app.event\nasync def on(event): ...\n"
    path = folder = write_app(tmp_path / "app", source=source)
    if encoding == "zip":
        path = tmp_path / "app.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(folder / "main.py", "main.py")
    elif encoding == "squashfs":
        path = tmp_path / "app.squashfs"
        write_image(scan(folder), path)
    told: list[str] = []
    table = {"entrypoint": "main:app", "name": "app"}
    prepare_code(path, checked(table), tmp_path, notice=told.append)
    assert [each for each in told if "no message starts the program" in each]
    told.clear()
    prepare_code(path, checked({**table, "subscriptions": [{"channel": "TEST"}]}), tmp_path, notice=told.append)
    assert not [each for each in told if "no message" in each]
    with pytest.raises(ProjectError, match="has no `application`"):
        prepare_code(path, checked({**table, "entrypoint": "main:application"}), tmp_path, notice=told.append)
