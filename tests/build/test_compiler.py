"""Bytecode by other interpreters' workers: right, and the same whatever was compiled before."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph import interpreters
from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.compile_worker import WITH_WRITTEN
from hatch_aleph.build.compiler import Compiler
from hatch_aleph.errors import HatchAlephError
from hatch_aleph.interpreters import Interpreter
from hatch_aleph.runtimes import DEBIAN_12

RUNNING = Interpreter(Path(sys.executable), sys.version.split()[0])


def sources(count: int = 60) -> dict[str, bytes]:
    """Return real modules of the standard library, which have all that marshal can hold."""
    folder = Path(importlib.util.__file__ or "").parents[1]
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.py"))[:count]}


# What has no hash but its address, and letters that are a name in one module and a text in another.
SETS = """
def among(x):
    return x in {None, ..., "", "foo", (None, "a"), -0.0, b"x", 1e999 - 1e999, -(1e999 - 1e999)}, x in {"foo", None, ""}
"""
SHARED = {"sets": SETS, "name": "é = 1\n", "text": "x = 'é', f'é{1}ü'\n", "class": "class ü: ñ = 'é'\n"}


@pytest.mark.parametrize("minor", ["", "3.9", "3.10"])
def test_the_same_bytes_in_any_order_by_any_number_of_workers(minor: str) -> None:
    interpreter = interpreters.find(minor) if minor else RUNNING
    if interpreter is None:
        pytest.skip(f"there is no CPython {minor} here")
    files = {name: text.encode() for name, text in SHARED.items()} | ({} if minor else sources())
    results = []
    for workers in (1, 3, 1, 1) if minor else (1, 3):
        names = list(files)
        random.Random(2 * len(results)).shuffle(names)  # noqa: S311 - the same each time
        with Compiler(interpreter, workers) as compiler:
            batch = compiler.submit([f"/opt/{name}" for name in names], [files[name] for name in names])
            results.append(dict(zip(names, batch.wait(), strict=True)))
    assert all(result == results[0] for result in results)
    assert all(results[0].values())
    look = "import marshal, sys; print(marshal.loads(sys.stdin.buffer.read()[16:]).co_consts[0].co_consts)"
    command = [str(interpreter.path), "-c", look]
    done = subprocess.run(command, check=True, capture_output=True, input=results[0]["sets"])
    assert done.stdout.count(b"frozenset({") == 2
    assert sorted(done.stdout.partition(b"frozenset({")[2].partition(b"})")[0].split(b", ")) == sorted(
        [b"None", b"Ellipsis", b"''", b"'foo'", b"(None", b"'a')", b"-0.0", b"b'x'", b"nan", b"nan"]
    )


def test_paths_and_bytes_and_what_does_not_compile(tmp_path: Path) -> None:
    file = tmp_path / "näme with space.py"
    file.write_text("x = 'é'\n", "utf-8")
    latin = "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")
    broken: list[bytes] = [b"print 'two'\n", b"x = (\n", b"\0", b"\xff\xfe", b"(" * 500]
    with Compiler(RUNNING) as compiler:
        good = compiler.submit(["/a.py", "/b.py", "/c.py"], [file, file.read_bytes(), latin]).wait()
        bad = compiler.submit([f"/{number}.py" for number in range(len(broken))], broken).wait()
        missing = compiler.submit(["/m.py"], [tmp_path / "missing.py"]).wait()
        empty = compiler.submit([], []).wait()
    assert all(good)
    assert bad == [b""] * len(broken)
    assert (missing, empty) == ([b""], [])


@pytest.mark.parametrize(("level", "printed"), [(0, "asserted doc\n"), (2, "ran None\n")])
@pytest.mark.parametrize("minor", ["3.9", "3.11"])
def test_another_minor_version_reads_it(minor: str, level: int, printed: str, tmp_path: Path) -> None:
    """Under ``-OO``, which says where bytecode is looked for, docstrings and asserts are there or not as compiled."""
    found = interpreters.find(minor)
    if found is None:
        pytest.skip(f"there is no CPython {minor} here")
    tag = f"cpython-{minor.replace('.', '')}.opt-2"
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "mod.py").write_text(
        "'doc'\ntry:\n    assert False\n    print('ran', __doc__)\n"
        "except AssertionError:\n    print('asserted', __doc__)\n"
    )
    with Compiler(found) as compiler:
        pyc = compiler.submit(["/opt/mod.py"], [tmp_path / "mod.py"], [level]).wait()[0]
    (tmp_path / f"__pycache__/mod.{tag}.pyc").write_bytes(pyc)
    (tmp_path / "mod.py").write_text("1/0\n")
    done = subprocess.run(
        [str(found.path), "-OO", "-c", "import mod"], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == printed


@pytest.mark.parametrize("minor", ["3.9", "3.11"])
def test_what_dataclasses_write_is_made_by_the_runtimes_own_python(minor: str) -> None:
    found = interpreters.find(minor)
    if found is None:
        pytest.skip(f"there is no CPython {minor} here")
    source = b"import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n"
    with Compiler(found) as compiler:
        names, sources = ["/opt/a.py", "/opt/b.py", "/opt/c.py"], [source, b"# no dataclass\n", source]
        with_, without, only_code = compiler.submit(names, sources, [WITH_WRITTEN, WITH_WRITTEN, 0]).wait()
    look = """
import dataclasses, marshal, sys
code, beside = marshal.loads(sys.stdin.buffer.read()[16:])
beside = marshal.loads(beside)
def find(text, *namespaces):
    exec(marshal.loads(beside[text]), *namespaces)
dataclasses.exec = find
found = {"__name__": "__main__"}
exec(code, found)
print(found["A"](2), found["A"]() == found["A"](1), code.co_filename)
"""
    command = [str(found.path), "-OO", "-c", look]
    done = subprocess.run(command, check=True, capture_output=True, input=with_)
    assert done.stdout == b"A(x=2) True /opt/a.py\n"
    assert {each[16] & 0x7F for each in (without, only_code)} == {ord("c")}  # code alone, in marshal's form


@pytest.mark.parametrize("minor", ["", "3.9"])
def test_what_would_take_hours_or_end_the_interpreter_has_its_code_all_the_same(minor: str) -> None:
    interpreter = interpreters.find(minor) if minor else RUNNING
    if interpreter is None:
        pytest.skip(f"there is no CPython {minor} here")
    decorated = "@dataclass\nclass C{}(C{}):\n    x{}: int\n"
    hostile = [
        "'''\n" + "@dataclass\n" * 5000 + "'''\n",
        "@dataclass\n" * 1000 + "class A:\n    x: int\n",
        "".join(decorated.format(number + 1, number, number) for number in range(1500)),
        "".join(f"@dataclass\nclass C{number + 1}(C{number}): ...\n" for number in range(1500)),
        "@dataclass\nclass A:\n" + "".join(f"    x{number}: int\n" for number in range(6000)),
        "'''\n@dataclass\nclass A:\n    x: a" + ".a" * 200_000 + "\n'''\n",
        "@dataclass\nclass A:\n    x: 'a" + ".a" * 200_000 + "'\n",
    ]
    with Compiler(interpreter) as compiler:
        names = [f"/opt/{number}.py" for number in range(len(hostile))]
        written = compiler.submit(names, [source.encode() for source in hostile], [WITH_WRITTEN] * len(names)).wait()
    assert all(0 < len(pyc) < 3_000_000 for pyc in written)


def test_an_interpreter_that_dies_is_an_error_not_a_hang() -> None:
    dead = Interpreter(Path(sys.executable).with_name("no-such-python"), "3.11.0")
    with Compiler(dead) as compiler:
        batch = compiler.submit(["/a.py", "/b.py"], [b"", b""])
        with pytest.raises(HatchAlephError, match="The interpreter that makes bytecode failed"):
            batch.wait()


def test_where_the_guest_looks() -> None:
    assert bytecode_path("a/b.py", DEBIAN_12) == "a/__pycache__/b.cpython-311.opt-2.pyc"
    assert bytecode_path("b.py", DEBIAN_12) == "__pycache__/b.cpython-311.opt-2.pyc"
