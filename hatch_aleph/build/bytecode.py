"""Ready bytecode for an image: ``__pycache__/NAME.cpython-311.opt-2.pyc`` beside each source.

The guest runs Python with ``-OO`` on read-only volumes (``runtimes/aleph-debian-12-python/init1.py`` in
aleph-im/aleph-vm), so it reads no other bytecode and can write none: without these files every cold start compiles
everything again. What is *in* such a file is the builder's choice: code compiled without optimization keeps docstrings
and asserts under ``-OO``, and imports as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph import interpreters
from hatch_aleph.squashfs import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.build.compiler import Batch, Compiler
    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime

FORMAT = 3  # raised whenever the same source gives other bytecode
PYC_HEADER = 16  # bytes before the code (PEP 552)
# Nothing imports these when a program runs; their bytecode would be a tenth of the image.
TEST_FOLDERS = frozenset(("test", "tests"))
_LONGEST_NAME = 255 - len("cpython-311.opt-2.pyc") + len("py")  # bytes; that of the bytecode must be one, too


def compile_entries(
    entries: Sequence[Entry],
    mount: str,
    runtime: Runtime,
    interpreter: Interpreter | None,
    level: Callable[[str], int] = lambda _: 0,
) -> list[Entry]:
    """Return the bytecode of an image's sources, as entries to be added.

    Args:
        entries: The image.
        mount: Where the guest mounts it: tracebacks show these paths.
        runtime: Whose minor version of Python it is for.
        interpreter: Of that version; None for no bytecode.
        level: Gives the optimization of a path, 0 or 2.

    Raises:
        HatchAlephError: When the interpreter breaks down.
    """
    if interpreter is None or not any(True for _ in sources_of(entries)):
        return []
    from hatch_aleph.build.compiler import Compiler

    with Compiler(interpreter) as compiler:
        return collect(entries, submit(compiler, entries, mount, level), runtime)


def find_interpreter(
    runtime: Runtime, cache: Cache, notice: Callable[[str], None], *, offline: bool = False
) -> Interpreter | None:
    """Return the interpreter that compiles for a runtime: one that is here, or one that uv brings.

    Args:
        runtime: Whose minor version of Python is needed.
        cache: Remembers what was found.
        notice: Told when one is brought, and what to do when there is none.
        offline: Let none be brought.
    """
    found = interpreters.find(runtime.python, memory=cache.interpreters)
    if found is not None:
        return found
    why = "--offline"
    if not offline:
        notice(f"There is no CPython {runtime.python} here to compile for the runtime; uv gets one.")
        why = interpreters.bring(runtime.python) or "what uv brought is not found"
        found = interpreters.find(runtime.python, memory=cache.interpreters)
    if found is None:
        notice(
            f"There is no CPython {runtime.python} ({why}), so the images carry no bytecode and start slowly. "
            f"Get one: uv python install {runtime.python}"
        )
    return found


def sources_of(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Yield the entries whose bytecode is worth having."""
    for entry in entries:
        if entry.kind == "file" and entry.path.endswith(".py"):
            *folders, name = entry.path.split("/")
            if TEST_FOLDERS.isdisjoint(folders) and len(name.encode("utf-8", "surrogateescape")) <= _LONGEST_NAME:
                yield entry


def submit(compiler: Compiler, entries: Iterable[Entry], mount: str, level: Callable[[str], int]) -> Batch:
    """Queue the sources among some entries."""
    sources = list(sources_of(entries))
    return compiler.submit(
        [f"{mount}/{entry.path}" for entry in sources],
        [entry.source for entry in sources if entry.source is not None],
        [level(entry.path) for entry in sources],
    )


def collect(entries: Iterable[Entry], batch: Batch, runtime: Runtime) -> list[Entry]:
    """Return the bytecode of a batch as entries; what did not compile (templates, other Pythons' code) has none."""
    return [
        Entry(bytecode_path(entry.path, runtime), "file", 0o644, content)
        for entry, content in zip(sources_of(entries), batch.wait(), strict=True)
        if content
    ]


def source_path(path: str) -> str:
    """Return the source of a bytecode file, which no RECORD names; any other path as it is."""
    folder, _, name = path.rpartition("/")
    if not path.endswith(".pyc") or folder.rpartition("/")[2] != "__pycache__":
        return path
    parent = folder.rpartition("/")[0]
    return f"{parent}/{name.partition('.')[0]}.py".lstrip("/")


def bytecode_path(path: str, runtime: Runtime) -> str:
    """Return where the guest looks for the bytecode of a source (PEP 3147, PEP 488)."""
    folder, _, name = path.rpartition("/")
    tag = f"cpython-{runtime.python.replace('.', '')}.opt-2"
    return f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc" if folder else f"__pycache__/{name[:-3]}.{tag}.pyc"
