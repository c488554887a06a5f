"""The manifest is the whole interface: it survives a round trip and guards its images."""

import dataclasses
import hashlib
import json
from pathlib import Path

import jsonschema
import pytest

from hatch_aleph.artifact import Artifact, Distribution, Image, Manifest, hash_file, remove_artifacts
from hatch_aleph.errors import ArtifactError
from hatch_aleph.files import write_atomic
from hatch_aleph.runtimes import DEFAULT
from hatch_aleph.settings import PublishSettings
from hatch_aleph.settings.schema import object_schema

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "schema" / "manifest.json").read_text("utf-8"))


@pytest.fixture
def artifact(tmp_path):
    (tmp_path / "x-1-code.squashfs").write_bytes(b"image")
    hashes = hash_file(tmp_path / "x-1-code.squashfs")
    manifest = Manifest(
        project={"name": "x", "version": "1"},
        profile=None,
        program={},
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


def test_the_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


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
