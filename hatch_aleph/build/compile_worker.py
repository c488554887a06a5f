"""Compiles sources that are asked for on standard input: runs in the runtime's own Python, 3.9 or later, as a process.

It imports only what is built into every interpreter, until a source has dataclasses: no folder can shadow it.
A request is the lengths of a name, a path and a source, a byte of options (``hatch_aleph/build/compiler.py``), and
these three; the answer is a length and the content of a ``.pyc``, which is empty for what cannot be compiled.
"""

from __future__ import annotations

import _imp
import gc
import marshal
import sys
from _frozen_importlib_external import MAGIC_NUMBER as MAGIC

TYPE_CHECKING = False  # typing is not built in
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

# The byte of options: an optimization, and more that may be added to it.
OPTIMIZE = 3  # its bits
WITH_WRITTEN = 4  # the code of a pack, where that of what dataclasses write may lie beside a module's
HEAD = 13  # bytes
_CODE = type(compile("", "", "exec"))
# A letter is the same object everywhere, and marshal tells whether it has been some name: now each has.
_LETTERS = [sys.intern(chr(number)) for number in range(256)]
_SORTED = sys.version_info >= (3, 11)  # marshal itself writes sets in an order of its own
_SET = bytes(range(255, 239, -1))  # begins a list that stands for a set


def main() -> None:
    """Answer until the input ends."""
    del sys.path[0]  # where this file lies
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    gc.disable()  # compiling makes no cycles
    while len(head := read(HEAD)) == HEAD:
        name, path, source = (read(int.from_bytes(head[at : at + 4], "little")) for at in (0, 4, 8))
        try:
            if path:
                with open(path, "rb") as file:  # noqa: PTH123 - pathlib is not built in
                    source = file.read()
            answer = _pyc(source, name.decode("utf-8", "surrogateescape"), head[12])
        except Exception:  # noqa: BLE001 - templates, other Pythons' code: Python itself is asked again in the guest
            answer = b""
        write(len(answer).to_bytes(4, "little") + answer)
        sys.stdout.flush()


def _pyc(source: bytes, name: str, options: int) -> bytes:
    """Return a ``.pyc`` with a hash that is not checked (PEP 552): nothing of the source is read when it is loaded."""
    content: Any
    content, held = _reproducible(source, name, options & OPTIMIZE)
    if options & WITH_WRITTEN and b"dataclass" in source:  # importing dataclasses is not for nothing
        written = _written_for(source)
        if written:
            content = content, marshal.dumps(written, 2)
    hash_ = _imp.source_hash(int.from_bytes(MAGIC, "little"), source)
    marshalled = marshal.dumps(content, 4)
    held.clear()
    return MAGIC + (1).to_bytes(4, "little") + hash_ + (marshalled if _SORTED else _lists_to_sets(marshalled))


def _reproducible(source: bytes, name: str, optimize: int) -> tuple[CodeType, list[str]]:
    """Compile a source such that marshal always gives the same bytes, whatever the process has compiled before.

    marshal marks what has more than one reference, to write it once and refer to it: names, of which modules repeat
    most, load in two thirds of the time. But how many references a string has depends on what else this process knows,
    so each is held once more as long as the caller holds the list, and all are marked. A constant set is made anew, in
    another order perhaps, when one of its strings is known already: so all are made anew, in an order of their own.
    Source: ``intern_string_constants`` in CPython's ``Objects/codeobject.c``.
    """
    held: list[str] = []
    return _hold(compile(source, name, "exec", dont_inherit=True, optimize=optimize), held), held


def _hold(code: CodeType, held: list[str]) -> CodeType:
    """Collect all strings of a code object; return it with sets of its own."""
    held += code.co_names
    held += code.co_varnames
    held += code.co_freevars
    held += code.co_cellvars
    held += code.co_name, code.co_filename, getattr(code, "co_qualname", "")
    constants: list[Any] = []
    changed = False
    for each in code.co_consts:
        one = each
        if type(each) is str:
            held.append(each)
        elif type(each) is _CODE:
            one = _hold(each, held)
        elif type(each) is tuple or type(each) is frozenset:
            one = _hold_constants(each, held)
        changed = changed or one is not each
        constants.append(one)
    return code.replace(co_consts=tuple(constants)) if changed else code


def _hold_constants(value: Any, held: list[str]) -> Any:
    if type(value) is str:
        held.append(value)
    elif type(value) is tuple:
        members = [_hold_constants(each, held) for each in value]
        if any(one is not each for one, each in zip(members, value)):  # noqa: B905 - Python 3.9 has no strict
            return tuple(members)
    elif type(value) is frozenset:
        members = [_hold_constants(each, held) for each in value]
        if _SORTED:
            return frozenset(members)
        return [bytes(bytearray(_SET)), *sorted(members, key=lambda each: marshal.dumps(each, 2))]
    return value


def _lists_to_sets(written: bytes) -> bytes:
    """Put sets where such lists are; code has no lists of its own, and both have the same form in marshal."""
    first, *others = written.split(b"s" + len(_SET).to_bytes(4, "little") + _SET)
    parts = [first]
    for each in others:
        head = parts[-1][-5:]
        if head[:1] == b"[":  # else somebody writes what looks the same
            count = int.from_bytes(head[1:], "little") - 1
            parts[-1] = parts[-1][:-5] + b">" + count.to_bytes(4, "little")
        parts.append(each)
    return b"".join(parts)


_writer: Callable[[bytes], dict[str, bytes]] | None = None


def _written_for(source: bytes) -> dict[str, bytes]:
    """Return what dataclasses will write, by ``dataclass_methods.py``, which few processes need."""
    global _writer  # noqa: PLW0603 - one process, one of it
    if _writer is None:
        module: dict[str, Any] = {"__name__": "dataclass_methods"}
        with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - as above
            exec(file.read(), module)  # noqa: S102 - ours
        _writer = module["written_for"]
        gc.freeze()
    try:
        return _writer(source)
    finally:
        gc.collect()  # classes are cycles


if __name__ == "__main__":
    main()
