"""Volumes of paths: what is packed, what is taken as it is, what is refused."""

import pytest

from hatch_aleph.build import build_artifact
from hatch_aleph.errors import ImageError, ProjectError, SettingsError
from hatch_aleph.project import load_project
from hatch_aleph.squashfs import list_image, scan, write_image

VOLUME = '\n[[tool.aleph.volumes.immutable]]\npath = "{path}"\nmount = "/opt/model"\n'


@pytest.fixture
def build(make_project, tmp_path):
    root = make_project()
    plain = (root / "pyproject.toml").read_text("utf-8").replace("[tool.aleph]", "[tool.aleph]\nbytecode = false")
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "weights.bin").write_bytes(b"\0" * 5000)
    (model / "sub" / "labels.txt").write_text("a\n", "utf-8")

    def build(path="../model", more=""):
        settings = plain.replace("[tool.aleph]\n", f"[tool.aleph]\n{more}")
        (root / "pyproject.toml").write_text(settings + VOLUME.format(path=path), "utf-8")
        return build_artifact(load_project(root), tmp_path / "dist")

    build.model, build.root = model, root
    return build


def paths(artifact):
    image = artifact.manifest.image("volume:/opt/model")
    assert image.mount == "/opt/model"
    return sorted(each.path for each in list_image(artifact.file(image)) if each.kind != "directory")


def test_a_path_that_only_a_link_leads_out_is_refused_unless_it_is_allowed(build):
    root = build.root
    (root / "data").symlink_to(build.model)
    with pytest.raises(ProjectError, match="A link leads out of the project, and what it leads to") as caught:
        build("data")
    assert f"data -> {build.model}" in str(caught.value)
    assert 'allow-links = ["data"]' in str(caught.value)
    assert paths(build("data", more='allow-links = ["data"]\n')) == ["sub/labels.txt", "weights.bin"]


def test_a_folder_is_packed_without_what_development_leaves(build):
    for junk in (".git/HEAD", "__pycache__/x.pyc", ".DS_Store"):
        (build.model / junk).parent.mkdir(exist_ok=True)
        (build.model / junk).write_text("x", "utf-8")
    artifact = build()
    assert paths(artifact) == ["sub/labels.txt", "weights.bin"]
    assert [image.role for image in artifact.manifest.images] == ["code", "volume:/opt/model"]
    assert artifact.manifest.program["volumes"] == []
    artifact.verify()


def test_one_file_is_a_volume_of_one_file(build):
    assert paths(build("../model/weights.bin")) == ["weights.bin"]


def test_an_image_is_taken_as_it_is(build, tmp_path):
    write_image(scan(build.model), tmp_path / "model.squashfs")
    artifact = build("../model.squashfs")
    image = artifact.manifest.image("volume:/opt/model")
    assert artifact.file(image).read_bytes() == (tmp_path / "model.squashfs").read_bytes()
    assert image.inputs == image.sha256


def test_equal_content_is_an_equal_image_and_a_change_is_seen(build):
    first = build()
    again = build()
    assert again == first
    (build.model / "weights.bin").write_bytes(b"\1" * 5000)
    changed = build()
    role = "volume:/opt/model"
    assert changed.manifest.image("code") == first.manifest.image("code")
    assert changed.manifest.image(role).inputs != first.manifest.image(role).inputs
    (build.model / "weights.bin").write_bytes(b"\0" * 5000)
    assert build().manifest.image(role) == first.manifest.image(role)


def test_a_volume_that_is_no_longer_asked_for_leaves_no_file(build, tmp_path):
    build()
    root = next(tmp_path.glob("**/pyproject.toml")).parent
    text = (root / "pyproject.toml").read_text("utf-8")
    (root / "pyproject.toml").write_text(text[: text.index("\n[[tool.aleph.volumes")], "utf-8")
    build_artifact(load_project(root), tmp_path / "dist")
    assert not list((tmp_path / "dist").glob("*volume*"))


def test_what_is_refused(build, tmp_path):
    with pytest.raises(SettingsError, match=r"the path '../nothing' leads to no file or folder"):
        build("../nothing")
    with pytest.raises(SettingsError, match="where builds go"):
        build("..")
    (build.model / "out").symlink_to("../project")
    with pytest.raises(ProjectError, match=r"Links lead out of the volume, .*: out"):
        build()
    (build.model / "out").unlink()
    (build.model / "id_rsa").write_text("x", "utf-8")
    with pytest.raises(ProjectError, match="id_rsa"):
        build()
    (tmp_path / "broken.squashfs").write_bytes(b"hsqs" + b"\0" * 200)
    with pytest.raises(ImageError):
        build("../broken.squashfs")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('ref = "' + "a" * 64 + '"', "volumes.immutable[0]: expected either ref, of a volume on the network, or path"),
        ("use-latest = false", "volumes.immutable[0].use-latest: a volume that is published from a path follows"),
    ],
)
def test_keys_that_exclude_each_other(build, line, said):
    with pytest.raises(SettingsError) as caught:
        build(f'../model"\n{line}\n#')
    assert said in caught.value.message
