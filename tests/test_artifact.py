"""The manifest is the whole interface: it survives a round trip and guards its images."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from hatch_aleph.artifact import Artifact, Distribution, Image, Manifest, hash_file, remove_artifacts
from hatch_aleph.errors import ArtifactError
from hatch_aleph.files import write_atomic
from hatch_aleph.runtimes import DEFAULT
from hatch_aleph.settings import PublishSettings, Settings
from hatch_aleph.settings.program_message import program_content
from tools.settings_schema import object_schema

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "schema" / "manifest.json").read_text("utf-8"))


@pytest.fixture
def artifact(tmp_path):
    (tmp_path / "x-1-code.squashfs").write_bytes(b"image")
    hashes = hash_file(tmp_path / "x-1-code.squashfs")
    manifest = Manifest(
        project={"name": "x", "version": "1"},
        profile=None,
        program=program_content(Settings(entrypoint="x:app"), DEFAULT, name="x", encoding="squashfs"),
        images=(
            Image(
                "code", "x-1-code.squashfs", "/opt/code", "squashfs", hashes.sha256, hashes.cid, hashes.size, "a" * 64
            ),
        ),
        distributions=(Distribution("numpy", "2.0", ("sha256:" + "b" * 64,)),),
        runtime=DEFAULT,
        tool={"name": "hatch-aleph", "version": "1"},
    )
    write_atomic(tmp_path / "x-1.aleph.json", manifest.to_json())
    return Artifact(tmp_path / "x-1.aleph.json", manifest)


def test_round_trip(artifact):
    assert Artifact.load(artifact.path) == artifact
    assert Artifact.find(artifact.path.parent) == artifact
    artifact.verify()


def test_a_changed_image_is_refused(artifact):
    (artifact.path.parent / "x-1-code.squashfs").write_bytes(b"imagf")
    with pytest.raises(ArtifactError, match="changed since it was built"):
        artifact.verify()


def test_a_missing_image_is_refused(artifact):
    (artifact.path.parent / "x-1-code.squashfs").unlink()
    with pytest.raises(ArtifactError, match="No such file"):
        artifact.verify()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "images": 3}', '{"schema": 2, "images": 3}', "\0"]
)
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "x.aleph.json").write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match="Build it again"):
        Artifact.load(tmp_path / "x.aleph.json")


def test_an_image_outside_of_the_folder_is_refused(artifact, tmp_path):
    text = artifact.path.read_text("utf-8").replace("x-1-code.squashfs", "../x-1-code.squashfs")
    artifact.path.write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match="outside"):
        Artifact.load(artifact.path).verify()


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (["project"], 5, "project: expected a table"),
        (["project"], {"version": "1"}, "project.name: missing"),
        (["project", "name"], "", "project.name"),
        (["project", "name"], "a\x1b[31mb", "project.name"),
        (["project", "version"], "1\ud800", "project.version"),
        (["profile"], 5, "profile: expected a string or null, not 5"),
        (["images"], [], "images: none has the role code"),
        (["images", 0, "role"], "packages", "images: none has the role code"),
        (["images", 0, "file"], 5, r"images\[0\].file"),
        (["images", 0, "file"], "a\0b", r"images\[0\].file"),
        (["images", 0, "file"], "..", r"images\[0\].file"),
        (["images", 0, "size"], "5", r"images\[0\].size"),
        (["images", 0, "more"], 1, r"images\[0\].more"),
        (["program"], [], "program: expected a table"),
        (["program"], {}, "program.type: missing"),
        (["program", "resources", "memory"], float("nan"), "program.resources.memory"),
        (["program", "resources", "memory"], 10**400, "program.resources.memory"),
        (["program", "variables"], {"\ud800": "x"}, "program.variables"),
        (["program", "metadata"], 5, "program.metadata"),
        (["runtime", "glibc"], 5, "runtime.glibc"),
        (["distributions"], [5], r"distributions\[0\]"),
        (["warnings"], [1, 2], r"warnings\[0\]"),
        (["settings"], 5, "settings: expected a table"),
        (["schema"], [5], "schema"),
    ],
)
def test_a_manifest_that_says_what_none_can_is_refused_by_file_and_field(artifact, place, value, told):
    data = json.loads(artifact.path.read_text("utf-8"))
    inner = data
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    artifact.path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(ArtifactError, match=told) as caught:
        Artifact.load(artifact.path)
    assert caught.value.where == str(artifact.path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"hsqs\xff", b"[" * 100_000, b'{"schema":' * 100_000])
def test_what_is_no_text_of_a_manifest_is_refused(tmp_path, content):
    path = tmp_path / "one-1.0-code.squashfs"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a manifest"):
        Artifact.load(path)


def test_a_damaged_manifest_is_only_in_the_way_when_it_could_be_meant(artifact, tmp_path):
    (tmp_path / "a.aleph.json").write_bytes(b"\xff")
    assert Artifact.find(tmp_path) == artifact
    with pytest.raises(ArtifactError, match=r"a\.aleph\.json: This is not a manifest"):
        Artifact.find(tmp_path, "staging")


def test_a_size_that_is_not_the_manifests_is_refused(artifact):
    image = dataclasses.replace(artifact.manifest.images[0], size=3)
    changed = dataclasses.replace(artifact.manifest, images=(image,))
    with pytest.raises(ArtifactError, match="it has 5 bytes, not 3"):
        dataclasses.replace(artifact, manifest=changed).verify()


def test_no_artifact(tmp_path):
    with pytest.raises(ArtifactError, match="There is no artifact here"):
        Artifact.find(tmp_path)


def test_each_profile_has_its_own_artifact(artifact, tmp_path):
    staging = dataclasses.replace(artifact.manifest, profile="staging")
    write_atomic(tmp_path / "x-1-staging.aleph.json", staging.to_json())
    assert Artifact.find(tmp_path).manifest.profile is None
    assert Artifact.find(tmp_path, "staging").manifest.profile == "staging"
    with pytest.raises(ArtifactError, match="no artifact of profile production here"):
        Artifact.find(tmp_path, "production")


def test_hashes_of_a_file_of_many_blocks(tmp_path):
    file = tmp_path / "file"
    content = bytes(range(256)) * 4096 * 3
    file.write_bytes(content)
    hashes = hash_file(file)
    assert hashes.sha256 == hashlib.sha256(content).hexdigest()
    assert hashes.size == len(content)
    assert hashes.cid.startswith("Qm")


def test_cid_of_known_content(tmp_path):
    # The CID that every IPFS tutorial shows for `echo "hello world" | ipfs add`.
    (tmp_path / "hello").write_bytes(b"hello world\n")
    assert hash_file(tmp_path / "hello").cid == "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"


def test_remove_artifacts_leaves_what_is_not_ours(artifact, tmp_path):
    (tmp_path / "x-1.tar.gz").touch()
    remove_artifacts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x-1.tar.gz"]


@pytest.mark.parametrize("file", ['".."', '"."', '"../kept"', '"a\\u0000b"', "5", '"\\ud800"', '"folder"'])
def test_remove_artifacts_survives_edited_manifests(artifact, tmp_path, file):
    dist = tmp_path / "dist"
    (dist / "folder").mkdir(parents=True)
    (tmp_path / "kept").touch()
    (dist / "x.aleph.json").write_text(artifact.path.read_text().replace('"x-1-code.squashfs"', file))
    (dist / "kept").touch()
    (dist / "y.aleph.json").write_bytes(b"\xff" + b"[" * 100_000)
    remove_artifacts(dist)
    assert sorted(path.name for path in dist.iterdir()) == ["folder", "kept"]
    assert (tmp_path / "kept").exists()


def test_wrong_settings_are_named(artifact):
    data = json.loads(artifact.path.read_text("utf-8"))
    data["settings"]["payment"]["type"] = "gold"
    artifact.path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(ArtifactError, match=r"1 mistake in its settings\n  payment\.type: expected one of credit"):
        Artifact.load(artifact.path)


def test_the_published_schema_of_the_settings_is_the_models():
    assert SCHEMA["properties"]["settings"] == {
        "description": "What publishing needs beside the content.",
        **object_schema(PublishSettings),
    }
