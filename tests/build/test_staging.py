"""Artifacts appear whole, from wherever a build runs, or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.sizes import images_of
from hatch_aleph.build.staging import Staging
from hatch_aleph.errors import ArtifactError, ImageError
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from pathlib import Path


def test_a_build_in_a_thread_finishes_as_any(tmp_path: Path) -> None:
    manifest = make_artifact(tmp_path / "made").manifest
    found: list[Path] = []

    def build() -> None:
        with Staging(tmp_path / "dist") as staging:
            for image in manifest.images:
                (staging.folder / image.file).write_bytes(b"")
            found.append(staging.finish("shop-1.0", manifest))

    thread = threading.Thread(target=build)
    thread.start()
    thread.join(20)
    assert found == [tmp_path / "dist" / "shop-1.0.aleph.json"]
    assert sorted(path.name for path in found[0].parent.iterdir()) == sorted(
        [found[0].name, *(image.file for image in manifest.images)]
    )


def test_a_destination_that_takes_nothing_is_named(tmp_path: Path) -> None:
    manifest = make_artifact(tmp_path / "made").manifest
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Not a directory"), Staging(tmp_path / "file" / "dist"):
        pass
    (tmp_path / "dist" / "shop-1.0.aleph.json").mkdir(parents=True)
    with pytest.raises(ImageError) as caught, Staging(tmp_path / "dist") as staging:
        staging.finish("shop-1.0", manifest)
    assert caught.value.where == str(tmp_path / "dist" / "shop-1.0.aleph.json")


def test_an_artifact_without_an_image_has_no_sizes(tmp_path: Path) -> None:
    artifact = make_artifact(tmp_path, packages=None)
    text = artifact.path.read_text("utf-8").replace('"encoding": "squashfs"', '"encoding": "zip"')
    artifact.path.write_text(text, "utf-8")
    with pytest.raises(ArtifactError, match="The artifact has no squashfs image"):
        images_of(artifact.path)
