"""Where a file came from is not part of what the image is, and no address opens a door."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.artifact import lock_and_sbom_names
from hatch_aleph.build import build_artifact
from hatch_aleph.build.packages.lock import write_lock
from hatch_aleph.build.packages.provenance import of_an_index
from hatch_aleph.build.packages.pylock import project_table
from hatch_aleph.errors import DependencyError
from hatch_aleph.project import load_project
from hatch_aleph.uv import left_out
from tests.build.conftest import image_files, serve, write_wheel
from tests.build.test_packages_inputs import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.build.conftest import Index, Workshop


@pytest.fixture
def mirror(index: Index, tmp_path: Path) -> Iterator[Index]:
    """Another index over the same wheels."""
    with serve(index.files) as other:
        yield other


def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Forget all that earlier builds left."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / f"uv-{name}"))
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / f"cache-{name}"))


def leaks(*places: Path, words: tuple[str, ...]) -> list[Path]:
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    return [file for file in files if any(word.encode() in file.read_bytes() for word in words)]


def test_two_mirrors_one_image(
    index: Index, mirror: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha", requires=("beta",))
    index.add("beta")
    images = []
    for name, url, hashes in (("one", index.url, True), ("two", mirror.url, True), ("none", mirror.url, False)):
        fresh(tmp_path, monkeypatch, name)
        mirror.hashes = hashes
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        root = workshop.project('"alpha"', name=name, aleph=PYTHON)
        images.append(workshop.build(root).image)
        image_files(root / "dist/my_api-1.0-packages.squashfs", tmp_path / f"unpacked-{name}")
        assert not leaks(root / "dist", tmp_path / f"unpacked-{name}", words=("127.0.0.1",))
        write_lock(load_project(root), None)
        assert "127.0.0.1" not in (root / "pylock.toml").read_text()
        assert workshop.build(root, locked=True).image == images[-1]
    assert images[0] == images[1]
    assert images[0] == images[2]


def test_a_lock_without_addresses_is_installed_from_any_mirror(
    index: Index, mirror: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"', aleph=PYTHON)
    write_lock(load_project(root), None)
    first = workshop.build(root, locked=True)
    fresh(tmp_path, monkeypatch, "other")
    index.password = "now it is closed"
    monkeypatch.setenv("UV_DEFAULT_INDEX", mirror.url)
    index.add("alpha", "2.0")
    assert workshop.build(root, locked=True).image == first.image


SECRET = "s3cret-t0ken"


@pytest.mark.parametrize("place", ["user part", "path", "query"])
def test_credentials_in_the_address_of_an_index_reach_nothing(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    index.add("alpha")
    url = {
        "user part": index.url.replace("//", f"//joe:{SECRET}@"),
        "path": index.url.replace("/simple", f"/{SECRET}/simple"),
        "query": index.url,
    }[place]
    index.prefix = f"/{SECRET}" if place == "path" else ""
    index.query = f"X-Amz-Signature={SECRET}" if place == "query" else ""
    monkeypatch.setenv("UV_DEFAULT_INDEX", url)
    root = workshop.project('"alpha"', aleph=PYTHON)
    write_lock(load_project(root), None)
    for locked in (False, True):
        result = workshop.build(root, locked=locked)
        assert result.image is not None
        image_files(root / "dist" / result.image.file, tmp_path / f"unpacked-{locked}")
    assert not leaks(root, tmp_path / "unpacked-True", words=(SECRET,))
    assert not [line for line in workshop.notices if SECRET in line]
    (root / "pylock.toml").unlink()
    shutil.rmtree(tmp_path / "uv-cache")
    fresh(tmp_path, monkeypatch, "again")
    shutil.rmtree(index.files)
    index.files.mkdir()
    with pytest.raises(Exception, match="alpha") as caught:
        workshop.build(root)
    assert SECRET not in str(caught.value)


def test_an_index_that_wants_credentials_is_named(index: Index, workshop: Workshop) -> None:
    """uv itself says that the package was not found, and in a hint why."""
    index.add("alpha")
    index.password = SECRET
    with pytest.raises(DependencyError) as caught:
        workshop.build(workshop.project('"alpha"', aleph=PYTHON))
    assert f"{index.url}) could not be queried" in caught.value.message
    assert "401" in caught.value.message
    assert caught.value.hint is not None
    assert "UV_INDEX_<NAME>_USERNAME" in caught.value.hint


def test_a_direct_address_leaves_no_trace(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    wheel = index.add("alpha")
    address = index.url.removesuffix("/simple") + f"/files/{wheel.name}?token={SECRET}"
    root = workshop.project(f'"alpha @ {address}"', aleph=PYTHON)
    result = workshop.build(root)
    assert result.image is not None
    files = image_files(root / "dist" / result.image.file, tmp_path / "unpacked")
    assert "alpha-1.0.dist-info/direct_url.json" not in files
    assert not leaks(root / "dist", tmp_path / "unpacked", words=(SECRET, "127.0.0.1"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert digest in (root / "dist" / lock_and_sbom_names("my_api-1.0")[0]).read_text()
    write_lock(load_project(root), None)
    assert SECRET not in (root / "pylock.toml").read_text()


def test_variables_that_change_what_a_build_means_are_left_out(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "2.0", "3.0a1"):
        index.add("alpha", version)
    expected = workshop.build(workshop.project('"alpha"', name="plain")).image
    assert expected is not None
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("alpha==1.0\n")
    hostile = {
        "UV_RESOLUTION": "lowest", "UV_PRERELEASE": "allow", "UV_NO_GROUP": "main", "UV_REQUIRE_HASHES": "1",
        "UV_WORKING_DIR": str(tmp_path), "UV_PROJECT": str(tmp_path), "UV_CONSTRAINT": str(constraints),
        "UV_NO_BINARY": "1", "UV_COMPILE_BYTECODE": "1", "UV_PYTHON": "3.99", "UV_SYSTEM_PYTHON": "1",
        "UV_NO_INSTALLER_METADATA": "1", "UV_TORCH_BACKEND": "cpu", "UV_LOCKED": "1", "UV_FROZEN": "1",
        "PIP_NO_INDEX": "1", "PIP_CONSTRAINT": str(constraints), "PIP_REQUIRE_HASHES": "1", "PIP_TARGET": str(tmp_path),
    }  # fmt: skip
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / "cold"))
    assert workshop.build(workshop.project('"alpha"', name="hostile")).image == expected
    told: list[str] = []
    root = workshop.project()
    (root / "main.py").write_text("app = None\n")
    for _ in range(2):  # the second finds nothing to do
        build_artifact(load_project(root), tmp_path / "out", notice=told.append)
    named = [each for each in told if "Not passed on to uv" in each]
    quiet = {"UV_PROJECT", "UV_COMPILE_BYTECODE", "UV_SYSTEM_PYTHON", "PIP_TARGET"}  # for other commands of theirs
    assert [{name for name in hostile if re.search(rf"\b{name}\b", each)} for each in named] == [{*hostile} - quiet] * 2
    for name in hostile:
        monkeypatch.delenv(name)
    told.clear()
    build_artifact(load_project(root), tmp_path / "out", notice=told.append)
    assert not [each for each in told if "Not passed on" in each]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"UV_DEFAULT_INDEX": "https://a/simple", "UV_CACHE_DIR": "/c", "UV_INDEX_COMPANY_PASSWORD": "x"}, ()),
        ({"PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_PROGRESS": "1", "UV": "/bin/uv"}, ()),
        ({"PIP_INDEX_URL": "https://a/simple", "PIP_CERT": "/cert.pem", "PIP_CONSTRAINT": ""}, ()),
        ({"PIP_INDEX_URL": "https://a/simple", "UV_DEFAULT_INDEX": "https://a/simple"}, ()),
        ({"PIP_INDEX_URL": "https://a/simple", "UV_DEFAULT_INDEX": "https://b/simple"}, ("PIP_INDEX_URL",)),
        ({"UV_RESOLUTION": "lowest", "PIP_CONSTRAINT": "c"}, ("PIP_CONSTRAINT", "UV_RESOLUTION")),
        ({"UV_SOMETHING_NEW": "1"}, ("UV_SOMETHING_NEW",)),
    ],
)
def test_variables_that_are_left_out_are_named(variables: dict[str, str], named: tuple[str, ...]) -> None:
    line = left_out(variables)
    assert bool(line) == bool(named)
    assert [name for name in variables if name in line] == sorted(named, key=list(variables).index)
    assert all(value not in line for name, value in variables.items() if name in named and "://" in value)


def test_indexes_of_pip_count_where_uv_has_none(
    index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    assert [each.name for each in workshop.build(workshop.project('"alpha"')).distributions] == ["alpha"]
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    index.add("beta")
    assert [each.name for each in workshop.build(workshop.project('"beta"')).distributions] == ["beta"]


@pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX")
def test_wheels_in_a_folder_that_pip_knows(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.build.conftest import write_wheel

    write_wheel(tmp_path / "wheels", "gamma")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    root = workshop.project('"gamma"')
    result = workshop.build(root)
    assert [each.name for each in result.distributions] == ["gamma"]
    assert str(tmp_path) not in (root / "dist/pylock.my_api-1_0.toml").read_text()
    assert os.environ["PIP_FIND_LINKS"]


def test_requirements_of_what_is_vendored_name_no_path_of_a_private_host(
    index: Index, workshop: Workshop, tmp_path: Path
) -> None:
    """A token may stand there; those in a user part or a query stop the build."""
    public = "beta @ https://github.com/acme/beta/archive/v1.tar.gz ; extra == 'more'"
    private = "gamma @ https://code.example.net/t/0ur-t0ken-in-path/gamma-1.0.tar.gz ; extra == 'more'"
    index.add("alpha", requires=(public, private))
    image = workshop.build(workshop.project('"alpha"')).image
    assert image is not None
    files = image_files(workshop.folder / "project/dist" / image.file, tmp_path / "unpacked")
    metadata = files["alpha-1.0.dist-info/METADATA"]
    assert b"0ur-t0ken" not in b"".join(files.values())
    assert b"https://code.example.net/\xe2\x80\xa6/gamma-1.0.tar.gz" in metadata
    assert public.split(" ;", maxsplit=1)[0].encode() in metadata
    digest = base64.urlsafe_b64encode(hashlib.sha256(metadata).digest()).decode().rstrip("=")
    assert f"METADATA,sha256={digest},{len(metadata)}" in files["alpha-1.0.dist-info/RECORD"].decode()


LOCAL = {
    "find-links": '[tool.uv]\nfind-links = ["../wheels"]\n',
    "path": '[tool.uv.sources]\nmine = { path = "../wheels/mine-1.0-py3-none-any.whl" }\n',
}


@pytest.mark.parametrize("source", LOCAL)
def test_a_wheel_of_a_folder_of_this_machine_is_not_of_an_index(index: Index, workshop: Workshop, source: str) -> None:
    index.add("alpha")
    write_wheel(workshop.folder / "wheels", "mine")
    root = workshop.project('"alpha", "mine"', more=LOCAL[source])
    workshop.build(root)
    [image] = (root / "dist").glob("*-packages.squashfs")
    is_public = of_an_index(image)
    assert is_public("alpha/__init__.py")
    assert not is_public("mine/__init__.py")


@pytest.mark.parametrize("source", LOCAL)
@pytest.mark.parametrize("before", ["allowed", "index"])
def test_a_wheel_of_this_machine_is_searched_whoever_packed_it_before(
    index: Index, workshop: Workshop, source: str, before: str
) -> None:
    """Its hash alone names what is kept: an index's wheel, or one that another project allows, was not refused."""
    token = "ghp_" + "1a2b3c4d5e6f7g8h9i0jk1l2m3n4o5p6q7r8"
    wheel = write_wheel(workshop.folder / "wheels", "mine", files={"mine.py": f'TOKEN = "{token}"\n'})
    if before == "index":
        shutil.copy(wheel, index.files)
        workshop.build(workshop.project('"mine"', name="other"))
        (index.files / wheel.name).unlink()
    else:
        allow = '[tool.aleph.secrets]\nallow = ["mine.py"]\n'
        workshop.build(workshop.project('"mine"', name="other", aleph=allow, more=LOCAL[source]))
    with pytest.raises(DependencyError, match="GitHub token"):
        workshop.build(workshop.project('"mine"', more=LOCAL[source]))


def test_a_lock_names_the_public_index_without_who_asks_it(tmp_path: Path) -> None:
    wheel = {"url": "https://__token__:s3cret@files.pythonhosted.org/p/a-1-py3-none-any.whl?s3cret", "hashes": {}}
    table = {"name": "a", "index": "https://__token__:s3cret@pypi.org/simple?s3cret", "wheels": [wheel]}
    kept = project_table(table, tmp_path, tmp_path)
    assert kept["index"] == "https://pypi.org/simple"
    assert "s3cret" not in str(kept)
    assert "index" not in project_table({**table, "index": "https://s3cret.example.org/simple"}, tmp_path, tmp_path)
