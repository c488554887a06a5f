"""Measure the secret scan: what it finds, what it refuses of web projects, how fast it is (``nox -s secrets``).

The projects are sixty of the index, pinned with their hashes in projects.pylock.toml (`uv pip compile` wrote it); their
sources are fetched, never run. `-- detect-secrets` compares with the scanner used before, on a tenth of the text.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import tempfile
import time
import urllib.request
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.secrets import find_in_file
from hatch_aleph.secrets.own_key import KeyForms
from tests.secrets.invent import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECTS = Path(__file__).with_name("projects.pylock.toml")
LEAST_RECALL = 0.95
MOST_REFUSED = 0.01
TEXT = 17_000_000


def recall(seeds: range) -> tuple[int, Counter[str]]:
    """Return the number of files with an invented secret, and what was missed."""
    count, missed = 0, Counter[str]()
    for seed in seeds:
        for form, way, path, data in corpus(seed):
            count += 1
            if not any(find_in_file(path, io.BytesIO(data))):
                missed[f"{form}, {way}"] += 1
    return count, missed


def sources() -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of the projects' source distributions."""
    packages = tomllib.loads(PROJECTS.read_text("utf-8"))["packages"]
    with ThreadPoolExecutor(4) as pool:
        for name, data in pool.map(_fetched, packages):
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for item in archive:
                    if item.isfile():
                        yield f"{name}: {item.name}", archive.extractfile(item).read()


def _fetched(package: dict) -> tuple[str, bytes]:
    sdist = package["sdist"]
    kept = Path(tempfile.gettempdir()) / "hatch-aleph-secrets" / sdist["url"].rpartition("/")[2]
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        with urllib.request.urlopen(sdist["url"]) as response:
            kept.write_bytes(response.read())
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != sdist["hashes"]["sha256"]:
        raise SystemExit(f"{kept} is not what was locked")
    return package["name"], data


def main() -> int:
    """Measure, print, and return 1 when a figure falls short."""
    seeds = range(1, 6)
    count, missed = recall(seeds)
    found = 1 - missed.total() / count
    print(f"recall: {found:.1%} of {count} invented secrets ({count // len(seeds) // 4} forms in four ways)")
    for what, times in missed.most_common(10):
        print(f"  missed {times} of {len(seeds)}: {what}")

    files = list(sources())
    refused = {path: findings for path, data in files if (findings := list(find_in_file(path, io.BytesIO(data))))}
    share = len(refused) / len(files)
    print(f"refused: {share:.2%} of {len(files)} files of sixty web projects")
    for kind, times in Counter(findings[0].kind for findings in refused.values()).most_common(10):
        print(f"  {times} files: {kind}")

    texts = [(path, data) for path, data in files if b"\0" not in data and len(data) < 400_000]
    step = max(1, sum(len(data) for _, data in texts) // TEXT)
    chosen = texts[::step]
    own = KeyForms(os.urandom(32))
    started = time.process_time()
    for path, data in chosen:
        list(find_in_file(path, io.BytesIO(data), own))
    size = sum(len(data) for _, data in chosen)
    seconds = (time.process_time() - started) * TEXT / size
    started = time.process_time()
    for _, data in chosen:
        zlib.compress(data)
    peer = (time.process_time() - started) * TEXT / size
    print(f"speed: {seconds:.2f} s of one processor for 16 MiB of text, the key that signs included")
    print(f"  {seconds / peer:.1f} times as long as zlib takes to compress as much: {peer:.2f} s in the same run")
    if "detect-secrets" in sys.argv:
        print(f"detect-secrets: {_by_detect_secrets(chosen[::10]) * TEXT:.1f} s for as much")
    return int(found < LEAST_RECALL or share > MOST_REFUSED)


def _by_detect_secrets(files: list[tuple[str, bytes]]) -> float:
    """Return the seconds that detect-secrets takes for a byte."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    with tempfile.TemporaryDirectory() as folder, default_settings():
        started = time.process_time()
        for number, (path, data) in enumerate(files):
            file = Path(folder) / f"{number}{Path(path).suffix}"
            file.write_bytes(data)
            list(scan_file(str(file)))
        return (time.process_time() - started) / sum(len(data) for _, data in files)


if __name__ == "__main__":
    sys.exit(main())
