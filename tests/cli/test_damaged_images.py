"""An artifact from elsewhere whose images are none, under hashes that are right: each command says so."""

from __future__ import annotations

import io
import json
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from hatch_aleph.squashfs import Entry, write_image
from tests.deploy.rig import make_artifact

MAIN = b"async def app(scope, receive, send): ...\n"
PYPROJECT = '[project]\nname = "shop"\nversion = "1.0"\n[tool.aleph]\nentrypoint = "main:app"\n'


def zipped() -> bytes:
    archive = io.BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as written:
        written.writestr("main.py", MAIN)
    return archive.getvalue()


def of_another_method(archive: bytes) -> bytes:
    return archive.replace(b"\x08\0", b"\x63\0")


def without_its_directory(archive: bytes) -> bytes:
    return archive.replace(b"PK\1\2", b"PK\1\3")


DAMAGED = {
    "no image": ("code", "squashfs", lambda _: b"abc" * 1000),
    "an image's beginning": ("code", "squashfs", lambda image: image[:150]),
    "packages that are no image": ("packages", "squashfs", lambda _: bytes(5000)),
    "no archive": ("code", "zip", lambda _: b"zz"),
    "an archive without its directory": ("code", "zip", lambda _: without_its_directory(zipped())),
    "an archive of another method": ("code", "zip", lambda _: of_another_method(zipped())),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_it_is_said_and_nothing_is_sent(cli, tmp_path, name):
    role, encoding, damage = DAMAGED[name]
    write_image([Entry("main.py", "file", source=MAIN)], tmp_path / "image")
    good = (tmp_path / "image").read_bytes()
    images = {"code": good, "packages": good, role: damage(good)}
    artifact = make_artifact(tmp_path / "dist", **images)
    manifest = json.loads(artifact.path.read_text("utf-8"))
    manifest["images"][0]["encoding"] = encoding
    artifact.path.write_text(json.dumps(manifest), "utf-8")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    given = ("--project", tmp_path, "--dist", tmp_path / "dist", "--no-build")
    before = cli.sent
    error = cli.json("deploy", *given, "--yes", "--no-smoke").error
    assert (error["exit_code"], "cannot be read" in error["message"]) == (7, True), error
    assert cli("plan", *given).code == 0  # which reads nothing but the manifest
    assert cli.sent == before
