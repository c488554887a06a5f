"""Files of wheels reach the image as they are, and odd wheels end in one message that names them."""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import Cache
from hatch_aleph.errors import DependencyError
from hatch_aleph.squashfs import list_image
from tests.build.conftest import RUNNING, image_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.build.conftest import Index, Workshop

BINARY = b"\x7fELF" + bytes(60) + b"#!/usr/bin/env python3\nusage: x\n" + bytes(range(256))


def built(workshop: Workshop, tmp_path: Path, dependencies: str = '"alpha"', **more: str) -> dict[str, bytes]:
    root = workshop.project(dependencies, **more)
    result = workshop.build(root)
    assert result.image is not None
    return image_files(root / "dist" / result.image.file, tmp_path / "unpacked")


def rewritten(wheel: Path, change: dict[str, bytes | None]) -> None:
    """Write a wheel again with other content; None leaves a file out."""
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**content, **change}.items():
            if data is not None:
                archive.writestr(name, data)


def test_only_what_the_format_allows_is_rewritten(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    scripts = {
        "program": BINARY,
        "placeholder": b"#!python\nprint(1)\n",
        "windowed": b"#!pythonw -u\nprint(2)\n",
        "environment": b"#!/usr/bin/env python3\nprint(3)\n",
        "shell": b"#!/bin/sh\nexec python3 -c '#!python'\n",
        "late": b"\n#!python\nprint(4)\n",
    }
    files: dict[str, str | bytes] = {f"alpha-1.0.data/scripts/{name}": data for name, data in scripts.items()}
    files |= {"alpha.py": "", "bin/own.py": "#!python\n", "alpha/data.bin": BINARY}
    index.add("alpha", files=files)
    found = built(workshop, tmp_path)
    guest = b"#!/usr/bin/python3\n"
    changed = {"placeholder": guest + b"print(1)\n", "windowed": guest + b"print(2)\n"}
    assert {name: found[f"bin/{name}"] for name in scripts} == {**scripts, **changed}
    assert (found["bin/own.py"], found["alpha/data.bin"]) == (b"#!python\n", BINARY)
    recorded = dict(line.split(",")[:2] for line in found["alpha-1.0.dist-info/RECORD"].decode().splitlines())
    for path, data in found.items():
        if path in recorded and not path.endswith("RECORD"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            assert recorded[path] == f"sha256={digest}", path


def test_an_interpreter_whose_path_is_not_in_its_shortest_form(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha", files={"alpha.py": "", "alpha-1.0.data/scripts/tool": "#!python\nprint(1)\n"})
    folder, name = sys.executable.rsplit("/", 1)
    monkeypatch.setattr(sys, "executable", f"{folder}/../{folder.rpartition('/')[2]}/{name}")
    found = built(workshop, tmp_path, aleph="bytecode = false\n")  # uv then gets the running interpreter
    assert found["bin/tool"] == b"#!/usr/bin/python3\nprint(1)\n"


def test_a_file_that_is_not_as_its_record_says(index: Index, workshop: Workshop) -> None:
    wheel = index.add("alpha", files={"alpha.py": "x = 1\n", "beta.py": "y = 1\n"})
    rewritten(wheel, {"alpha.py": b"x = 2\n"})
    for _ in range(2):  # nothing of it was kept as sound
        with pytest.raises(DependencyError, match=r"RECORD(.|\n)*alpha 1\.0: alpha\.py") as caught:
            workshop.build(workshop.project('"alpha"'))
        assert "beta.py" not in str(caught.value)
    assert caught.value.exit_code == 5


def a_folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


def an_empty_record(file: Path) -> None:  # as a machine that loses its power leaves it
    next(file.parent.glob("*/RECORD")).write_bytes(b"")


@pytest.mark.parametrize(
    "damage", [lambda file: file.write_text("x = 2\n"), Path.unlink, a_folder_instead, an_empty_record]
)
def test_a_damaged_cache_of_uv_is_passed_over(
    index: Index, workshop: Workshop, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    index.add("alpha", files={"alpha.py": "x = 1\n"})
    index.add("beta")
    workshop.build(workshop.project('"alpha", "beta"'))
    Cache.default().clear()
    (cached,) = (tmp_path / "uv-cache").rglob("alpha.py")
    damage(cached)  # a change happens to hard links of it in an environment
    with pytest.raises(DependencyError, match="build once without --offline"):
        workshop.build(workshop.project('"alpha", "beta"', name="offline"), offline=True)
    assert built(workshop, tmp_path, '"alpha", "beta"', name="again")["alpha.py"] == b"x = 1\n"


def test_only_our_names_of_pip_are_made(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    scripts = "[console_scripts]\npip = pip:main\npip3 = pip:main\n"
    index.add("pip", "99.0", files={"pip/__init__.py": "", "pip-99.0.dist-info/entry_points.txt": scripts})
    found = built(workshop, tmp_path, '"pip"')
    assert [path for path in found if path.startswith("bin/")] == ["bin/pip", "bin/pip3"]


@pytest.mark.parametrize("row", ["md5=1B2M2Y8AsgTpgAmY7PhCfg", "sha256=", "nonsense"])
def test_a_hash_that_proves_nothing(index: Index, workshop: Workshop, row: str) -> None:
    wheel = index.add("alpha", files={"alpha.py": ""})
    rewritten(wheel, {"alpha-1.0.dist-info/RECORD": f"alpha.py,{row},0\n".encode()})
    with pytest.raises(DependencyError, match=r"alpha 1\.0: alpha\.py"):
        workshop.build(workshop.project('"alpha"'))


def test_a_record_that_is_missing(index: Index, workshop: Workshop) -> None:
    rewritten(index.add("alpha"), {"alpha-1.0.dist-info/RECORD": None})
    with pytest.raises(DependencyError, match="alpha") as caught:
        workshop.build(workshop.project('"alpha"'))
    assert "RECORD" in str(caught.value)


def test_a_file_that_the_record_does_not_know_is_told(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    rewritten(index.add("alpha"), {"alpha/more.py": b"x = 1\n"})
    root = workshop.project('"alpha"')
    result = workshop.build(root)
    assert result.image is not None
    assert result.warnings == ("alpha 1.0: its RECORD has no hash of alpha/more.py",)
    assert image_files(root / "dist" / result.image.file, tmp_path / "unpacked")["alpha/more.py"] == b"x = 1\n"


def test_paths_that_lead_elsewhere(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    wheel = index.add("alpha", files={"alpha.py": "", "../../evil.py": "1/0", "/evil.py": "1/0"})
    record = b"alpha.py,,\n../../evil.py,,\n/evil.py,,\nalpha.py,,\n"
    rewritten(wheel, {"alpha-1.0.dist-info/RECORD": record})
    try:
        found = built(workshop, tmp_path)
    except DependencyError as error:  # as newer versions of uv have it, or as ours if an older one lets it through
        assert "alpha" in str(error)  # noqa: PT017 - either is right
    else:
        assert not [path for path in found if "evil" in path]
    assert not list(tmp_path.rglob("evil.py"))


@pytest.mark.parametrize(
    ("path", "listed", "local"),
    [("../evil.py", True, True), ("/evil.py", False, False), ("alpha/../../evil.py", True, False)],
)
def test_paths_that_uv_passes_over(
    index: Index, workshop: Workshop, tmp_path: Path, path: str, listed: bool, local: bool
) -> None:
    """At each build, though uv unpacks a wheel once and then forgets what it has not taken; wherever it comes from."""
    index.add("beta")
    wheel = index.add("alpha", files={"alpha.py": "", path: "1/0"})
    if not listed:
        rewritten(wheel, {"alpha-1.0.dist-info/RECORD": b"alpha.py,,\n"})
    place = f" @ {(tmp_path / 'index' / wheel.name).as_uri()}" if local else ""
    root = workshop.project(f'"alpha{place}", "beta"')
    for number in range(2):
        with pytest.raises(DependencyError, match="alpha") as caught:
            workshop.build(root, out=f"dist{number}")
        assert repr(path) in str(caught.value)
    assert not list(tmp_path.rglob("evil.py"))


def test_a_file_that_the_record_lists_and_the_wheel_lacks(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    record = b"alpha.py,,\nalpha/gone.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    rewritten(index.add("alpha", files={"alpha.py": ""}), {"alpha-1.0.dist-info/RECORD": record})
    wheel = index.add("beta", files={"beta.py": ""})
    rewritten(wheel, {"beta-1.0.dist-info/RECORD": record.replace(b"alpha", b"beta")})
    root = workshop.project(f'"alpha", "beta @ {wheel.as_uri()}"')
    for out in ("first", "second"):
        told = [each for each in workshop.build(root, out=out).warnings if "does not hold" in each]
        assert told == [
            f"{name} 1.0: its RECORD lists files that the wheel does not hold: {name}/gone.py"
            for name in ("alpha", "beta")
        ]


def test_a_record_that_lists_a_file_twice_and_is_signed_is_no_news(index: Index, workshop: Workshop) -> None:
    wheel = index.add("alpha", files={"alpha.py": "x = 1\n"})
    info = "alpha-1.0.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        record = archive.read(f"{info}/RECORD")
    twice = record.splitlines(keepends=True)[0] + record + f"{info}/RECORD.jws,,\n".encode()
    rewritten(wheel, {f"{info}/RECORD": twice, f"{info}/RECORD.jws": b"{}"})
    assert workshop.build(workshop.project('"alpha"')).warnings == ()


def test_files_that_only_an_image_may_have(index: Index, workshop: Workshop) -> None:
    index.add("alpha", files={".aleph/inputs": "0" * 64})
    with pytest.raises(DependencyError, match=r"\.aleph/inputs") as caught:
        workshop.build(workshop.project('"alpha"'))
    assert caught.value.where == "alpha-1.0"


def test_bytecode_of_others_never_runs(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    tag = f"cpython-{RUNNING.replace('.', '')}"
    caches = {f"alpha/__pycache__/__init__.{tag}{kind}.pyc": "evil" for kind in ("", ".opt-1", ".opt-2")}
    index.add("alpha", files={"alpha/__init__.py": "x = 1\n", **caches, "alpha/__pycache__/x.opt-2.pyc/y": "evil"})
    found = built(workshop, tmp_path, aleph="packed-modules = false\n")
    assert b"evil" not in b"".join(data for path, data in found.items() if path.endswith(".pyc"))
    assert f"alpha/__pycache__/__init__.{tag}.opt-2.pyc" in found


def test_a_file_where_another_has_a_folder(index: Index, workshop: Workshop) -> None:
    index.add("alpha", files={"shared": "a file"})
    index.add("beta", files={"shared/__init__.py": ""})
    with pytest.raises(Exception, match="shared") as caught:
        workshop.build(workshop.project('"alpha", "beta"'))
    assert getattr(caught.value, "exit_code", 0) in (5, 6)
    assert "Make room" not in str(caught.value)


def test_names_that_differ_in_case_alone(index: Index, workshop: Workshop) -> None:
    index.add("alpha", files={"alpha/A.txt": "1", "alpha/a.txt": "2"})
    try:
        warnings = workshop.build(workshop.project('"alpha"')).warnings
    except DependencyError as error:
        assert sys.platform != "linux"
        warnings = (str(error),)
    assert "alpha 1.0" in warnings[0]
    assert "alpha/a.txt" in warnings[0]


def test_an_address_with_credentials_in_the_metadata(index: Index, workshop: Workshop) -> None:
    secret = "beta @ https://joe:s3cret@files.example/beta-1.0-py3-none-any.whl; extra == 'more'"
    index.add("alpha", requires=(secret,), metadata="Provides-Extra: more\n")
    with pytest.raises(DependencyError, match="Requires-Dist") as caught:
        workshop.build(workshop.project('"alpha"'))
    assert "s3cret" not in str(caught.value)


def test_files_have_a_time_that_zip_archives_and_entity_tags_take(index: Index, workshop: Workshop) -> None:
    index.add("alpha", files={"alpha.py": "x = 1\n"})
    root = workshop.project('"alpha"')
    times = []
    for version in ("1.0", "2.0"):
        index.add("alpha", version, files={"alpha.py": f"x = {version}\n"})
        result = workshop.build(workshop.project(f'"alpha=={version}"'))
        assert result.image is not None
        times.append({member.time for member in list_image(root / "dist" / result.image.file)})
    assert [len(each) for each in times] == [1, 1]
    assert min(times[0] | times[1]) > 400_000_000  # after 1980, in all time zones
    assert times[0] != times[1]  # another content, another entity tag


def test_equal_files_of_two_are_no_news_and_others_one_line(index: Index, workshop: Workshop) -> None:
    same = {f"shared/{number}.py": "x = 1\n" for number in range(20)}
    index.add("alpha", files={**same, "a.py": "1\n", "b.py": "1\n"})  # type: ignore[arg-type]
    index.add("beta", files={**same, "a.py": "2\n", "b.py": "2\n"})  # type: ignore[arg-type]
    index.add("gamma", files={**same})  # type: ignore[arg-type]
    warnings = workshop.build(workshop.project('"alpha", "beta", "gamma"')).warnings
    assert warnings == ("alpha and beta both bring 2 files that differ, such as a.py; those of alpha are taken",)
    again = workshop.build(workshop.project('"alpha", "beta", "gamma"', name="again")).warnings
    assert again == warnings
