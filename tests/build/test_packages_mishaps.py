"""Kills and full disks: no half image, one message, and the next build is as good as the first."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import Cache
from hatch_aleph.build.packages.lock import write_lock
from hatch_aleph.errors import HatchAlephError, ImageError
from hatch_aleph.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.build.conftest import Index, Workshop

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hatch_aleph.runtimes import Runtime
from tests.build.conftest import RUNNING, Workshop
runtime = Runtime("test", "0" * 64, RUNNING, (2, 36), preloaded={"idna": ""})
Workshop(Path(sys.argv[1]), runtime).build(Path(sys.argv[1]))
"""


def test_a_killed_build_leaves_no_half_of_anything(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    noise = random.Random(1)  # noqa: S311 - the same each time
    for number in range(8):
        name = f"part{number}"
        index.add(name, files={f"{name}/m{each}.bin": noise.randbytes(40_000) for each in range(40)})
    root = workshop.project(", ".join(f'"part{number}"' for number in range(8)))
    workshop.build(workshop.project(", ".join(f'"part{number}"' for number in range(8)), name="other"))
    whole = next((tmp_path / "other/dist").glob("*.squashfs")).read_bytes()
    Cache.default().clear()
    for share in (0.3, 0.5, 0.7, 0.9):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(root), str(REPOSITORY)])
        time.sleep(share)
        process.kill()
        process.wait()
        finished = list((root / "dist").glob("[!.]*.squashfs"))
        assert all(file.read_bytes() == whole for file in finished)
    workshop.build(root)
    assert next((root / "dist").glob("[!.]*.squashfs")).read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_is_no_failure_of_what_it_ends(index: Index, workshop: Workshop) -> None:
    """Ctrl-C reaches uv as well, whose end then is none of its own; nothing half is left."""
    asked, answer = threading.Event(), threading.Event()

    def page(_name: str) -> None:
        asked.set()
        answer.wait(60)

    index.page = page  # type: ignore[method-assign] # of this test's index alone
    root = workshop.project('"alpha"')
    (root / "main.py").write_text("app = None\n")
    command = [sys.executable, "-m", "hatch_aleph", "build", "--project", str(root)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert asked.wait(60)
        time.sleep(0.3)  # until the code is built, and the build waits for uv alone
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        answer.set()
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not list(root.glob("dist/*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_waits_for_nothing(index: Index, workshop: Workshop) -> None:
    """Here it comes to the build alone, while uv goes on; packing, too, may take long."""
    asked, answer = threading.Event(), threading.Event()

    def page(_name: str) -> None:
        asked.set()
        answer.wait(60)

    index.page = page  # type: ignore[method-assign] # of this test's index alone
    root = workshop.project('"alpha"')
    (root / "main.py").write_text("app = None\n")
    command = [sys.executable, "-m", "hatch_aleph", "build", "--project", str(root)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert asked.wait(60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130
        assert _gone(process.pid)  # nor does uv go on
    finally:
        answer.set()
        process.kill()
    assert not list(root.glob("dist/*"))


def _gone(group: int) -> bool:
    """Wait until no process of a group is left."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.root
def test_a_full_disk_under_the_image(index: Index, workshop: Workshop, small_disk: Callable[[str, int], Path]) -> None:
    index.add("alpha", files={"alpha/noise.bin": os.urandom(900_000)})
    root = workshop.project('"alpha"')
    dist = small_disk("project/dist", 500)
    with pytest.raises(ImageError) as caught:
        workshop.build(root)
    assert "No space left" in str(caught.value)
    assert not list(dist.iterdir())


@pytest.mark.root
def test_a_full_disk_under_the_cache(
    index: Index, workshop: Workshop, tmp_path: Path, small_disk: Callable[[str, int], Path]
) -> None:
    index.add("alpha", files={"alpha/noise.bin": os.urandom(900_000)})
    root = workshop.project('"alpha"')
    cache = Cache(small_disk("small", 500) / "cache")
    without = workshop.build(root, cache=cache).image
    told = next(each for each in workshop.notices if "No space left" in each)
    assert str(cache.root) in told
    assert not list(cache.root.glob("wheels/*/*"))
    assert not list(cache.root.glob("tmp/*"))
    assert without == workshop.build(root, out="other").image
    assert len(workshop.notices) == 1


@pytest.mark.root
def test_a_cache_that_fills_up_while_it_is_written(
    index: Index, workshop: Workshop, tmp_path: Path, small_disk: Callable[[str, int], Path]
) -> None:
    """What fits in is kept, what does not is told with its path, and the image is the same."""
    names = [f"part{number}" for number in range(4)]
    for name in names:
        index.add(name, files={f"{name}/noise.bin": random.Random(name).randbytes(200_000)})  # noqa: S311 - the same
    root = workshop.project(", ".join(f'"{name}"' for name in names))
    whole = workshop.build(root, out="other").image
    cache = Cache(small_disk("small", 1200) / "cache")
    assert workshop.build(root, cache=cache).image == whole
    assert [str(cache.root) in each for each in workshop.notices] == [True]
    assert len(list(cache.root.glob("wheels/*/*.segment"))) in range(1, 4)


@pytest.mark.root
def test_a_full_disk_under_the_cache_of_uv(
    index: Index, workshop: Workshop, small_disk: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha", files={"alpha/noise.bin": random.Random(1).randbytes(900_000)})  # noqa: S311 - the same
    whole = workshop.build(workshop.project('"alpha"', name="other")).image
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(workshop.folder / "second"))
    full = small_disk("small", 500)
    monkeypatch.setenv("UV_CACHE_DIR", str(full / "uv"))
    assert workshop.build(workshop.project('"alpha"')).image == whole
    assert [str(full) in each for each in workshop.notices] == [True]
    locked = write_lock(load_project(workshop.folder / "project"), None, notice=workshop.notices.append)
    assert locked.added == ("alpha 1.0",)


@pytest.mark.root
def test_no_room_anywhere(
    index: Index, workshop: Workshop, small_disk: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha", files={"alpha/noise.bin": os.urandom(900_000)})
    root = workshop.project('"alpha"')
    full = small_disk("small", 500)
    monkeypatch.setattr("tempfile.tempdir", str(full))
    with pytest.raises(HatchAlephError) as caught:
        workshop.build(root, cache=Cache(full / "cache"))
    assert "No space left" in str(caught.value)
    assert "HATCH_ALEPH_CACHE" in str(caught.value)
    assert not list(root.glob("dist/*.squashfs"))
    monkeypatch.undo()
    assert not list(full.glob("hatch-aleph-*"))
