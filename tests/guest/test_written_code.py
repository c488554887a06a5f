"""What the standard library compiles from text while an app is imported: looked up, and the same as compiled."""

from __future__ import annotations

import dataclasses
import marshal
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import hatch_aleph
from hatch_aleph.build.dataclass_methods import written_for
from hatch_aleph.guest.packed_modules import beside_modules
from hatch_aleph.guest.written_code import looked_up

SOURCE = """
from dataclasses import dataclass
@dataclass(order=True)
class Point:
    x: int
    y: "int" = 2
"""
# An auditor in the interpreter itself sees what is compiled from text, whoever asks for it.
ASK = f"""
import sys, dataclasses, marshal, typing
sys.path.insert(0, {str(Path(hatch_aleph.__file__).parents[1])!r})
from hatch_aleph.guest.packed_modules import beside_modules
from hatch_aleph.guest.written_code import looked_up
source = {SOURCE!r}
compiled = []
def audit(event, given):
    if event == "compile" and given[1] == "<string>":
        compiled.append(given[0])
sys.addaudithook(audit)
with looked_up():
    beside_modules[0].update(marshal.loads(bytes.fromhex(sys.argv[1])))
    found = {{"__name__": "__main__"}}
    exec(compile(source, "point.py", "exec"), found)
    for _ in range(3):
        typing.ForwardRef("dict[str, int]")
print(len(compiled), found["Point"](1) < found["Point"](1, 3), found["Point"](4))
"""


@pytest.mark.parametrize(("beside", "most"), [(True, 1), (False, 20)])
def test_nothing_is_compiled_that_lies_beside_its_module(beside: bool, most: int) -> None:
    packed = marshal.dumps(written_for(SOURCE.encode()) if beside else {}, 2).hex()
    done = subprocess.run([sys.executable, "-OO", "-c", ASK, packed], check=False, capture_output=True, text=True)
    count, *said = done.stdout.split()
    assert said == ["True", "Point(x=4,", "y=2)"], done.stderr
    assert 0 < int(count) <= most
    assert beside or int(count) > 1


def test_what_is_not_foreseen_is_compiled_as_python_does() -> None:
    plain = dataclasses.make_dataclass("Plain", [("a", int), ("b", "list", 1)])
    with looked_up():
        ours = dataclasses.make_dataclass("Plain", [("a", int), ("b", "list", 1)])
    assert ours.__init__.__code__ == plain.__init__.__code__
    assert ours.__init__.__code__.co_flags == plain.__init__.__code__.co_flags
    assert repr(ours(1)) == repr(plain(1))


def test_annotations_are_compiled_once_and_as_typing_does() -> None:
    plain = typing.ForwardRef("list[int] | None")
    with looked_up():
        one, other = typing.ForwardRef("list[int] | None"), typing.ForwardRef("list[int] | None")
        for wrong in ("x =", "(", "1 +"):
            with pytest.raises(SyntaxError):
                typing.ForwardRef(wrong)
    assert one == other == plain
    if hasattr(plain, "__forward_code__"):
        assert one.__forward_code__ is other.__forward_code__
        assert one.__forward_code__ == plain.__forward_code__
        assert one.__forward_code__.co_flags == plain.__forward_code__.co_flags


@pytest.mark.parametrize("error", [None, SystemExit("away")])
def test_the_modules_are_as_before_when_the_app_is_there(error: BaseException | None) -> None:
    before = dict(vars(dataclasses)), dict(vars(typing))
    try:
        with looked_up():
            assert "exec" in vars(dataclasses)
            assert beside_modules
            if error is not None:
                raise error
    except SystemExit:
        pass
    assert (dict(vars(dataclasses)), dict(vars(typing))) == before
    assert not beside_modules


def test_what_somebody_else_has_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(dataclasses, "exec", lambda text, *_: seen.append(text) or exec(text, *_), raising=False)  # noqa: S102
    with looked_up():
        dataclasses.make_dataclass("Seen", ["a"])
    assert seen
    assert "exec" in vars(dataclasses)


def test_what_the_app_itself_puts_there_stays() -> None:
    with looked_up():
        dataclasses.exec = exec  # type: ignore[attr-defined]
        outer = beside_modules[0]
        with looked_up():  # an equal one: each takes away its own
            pass
        assert beside_modules[0] is outer
    assert vars(dataclasses).pop("exec") is exec
    assert not beside_modules
