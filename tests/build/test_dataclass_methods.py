"""What dataclasses will compile is foreseen from the source alone: compared with what the real classes make."""

from __future__ import annotations

import dataclasses
import marshal
import re
import sys
import types
from typing import Any

import pytest

from hatch_aleph.build.dataclass_methods import written_for

KINDS = """
from __future__ import annotations
import dataclasses, typing as t
from dataclasses import InitVar, dataclass, field
from typing import ClassVar
SLOTS = {}

@dataclass
class Plain:
    name: str
    size: int = 3
    tags: list = field(default_factory=list)
    hidden: str = field(default="", repr=False, compare=False)
    late: int = field(init=False)
    shared: ClassVar[int] = 1
    other: t.ClassVar = 2
    given: InitVar[int] = 0
    def __post_init__(self, given): self.late = given

@dataclasses.dataclass(order=True)
class Ordered(Plain):
    more: float = 0.0

@dataclasses.dataclass(frozen=True, **SLOTS)
class Frozen:
    more: float = 0.0

@dataclass(eq=False, repr=False)
class Bare: ...

@dataclass(unsafe_hash=True)
class Hashed:
    a: int
    b: int = field(default=1, hash=False)
    def __repr__(self): return "mine"

@dataclass(init=False)
class OwnInit:
    a: int
    def __init__(self): self.a = 1

try:
    import nothing_of_this_name
except ImportError:
    if t:
        @dataclass
        class Within:
            @dataclass(frozen=True)
            class Inner:
                x: "t.Any"
                def __eq__(self, other): return True
            y: Inner = None
"""
NEW_OPTIONS = """
import dataclasses as d
from dataclasses import KW_ONLY
@d.dataclass(slots=True, frozen=True)
class Slots:
    a: int
    b: int = 1
@d.dataclass(kw_only=True)
class Keywords:
    a: int = 1
    b: int = d.field()
@d.dataclass
class Partly:
    a: int
    _: KW_ONLY
    b: int = 1
    c: int = d.field(default=2, kw_only=False)
"""


def really_written(source: str) -> set[str]:
    """Return the texts that dataclasses compile while a module is executed."""
    texts = set()

    def note(text: str, *namespaces: Any) -> None:
        texts.add(text)
        exec(text, *namespaces)  # noqa: S102

    module = types.ModuleType("written_here")
    sys.modules["written_here"] = module  # dataclasses look up names of string annotations there
    dataclasses.exec = note  # type: ignore[attr-defined]
    try:
        exec(compile(source, "written_here.py", "exec", dont_inherit=True), vars(module))  # noqa: S102
    finally:
        del dataclasses.exec  # type: ignore[attr-defined]
        del sys.modules["written_here"]
    return texts


@pytest.mark.parametrize("source", [KINDS, NEW_OPTIONS])
def test_all_is_foreseen_and_compiled_as_python_does(source: str) -> None:
    texts = really_written(source)
    written = written_for(source.encode())
    assert len(texts) >= 3
    assert texts <= written.keys()
    for text in texts:
        code = marshal.loads(written[text])  # noqa: S302
        assert code == compile(text, "<string>", "exec", dont_inherit=True, optimize=2)
    assert "exec" not in vars(dataclasses)


def test_the_same_each_time_in_the_order_of_the_source() -> None:
    assert list(written_for(KINDS.encode()).items()) == list(written_for(KINDS.encode()).items())


@pytest.mark.parametrize(
    "source",
    [
        "dataclass = 1\n",
        "@dataclass\nclass Wrong:\n    a: int = 1\n    b: int\n",
        "@dataclass(frozen='no', nonsense=1, init=None)\nclass Wrong:\n    a: 'not (an annotation' = f()\n",
        "@dataclass(1, *x, **y)\nclass Wrong(base(), metaclass=M):\n    a.b: int = 1\n    c[1]: int\n    (d): int\n",
        "@dataclass\nclass Both:\n    a: int = field(default=1, default_factory=list)\n    b: int = field(init=2)\n",
        "@dataclass\nclass Odd:\n    __slots__: tuple = ()\n    __class__: int = 1\n    __dict__: int\n",
        "@dataclass\nclass A(A):\n    __hash__: int = 3\n@dataclass\nclass A(A, A):\n    x: int\n",
        "@a.dataclass().more\nclass No:\n    x: int\n",
        "# coding: latin-1\nx = 'é'\n@dataclass\nclass É:\n    é: int\n",
    ],
)
def test_what_cannot_be_told_is_passed_over_and_nothing_is_executed(source: str) -> None:
    encoded = source.encode("latin-1" if "latin" in source else "utf-8")
    for text in written_for(encoded):
        compile(text, "<string>", "exec")
    assert "exec" not in vars(dataclasses)


def test_a_base_of_elsewhere_is_not_guessed_at() -> None:
    source = (
        "from dataclasses import dataclass\nfrom {module} import Base\n@dataclass\nclass Mine(Base):\n    a: int = 1\n"
    )
    foreseen = written_for(source.format(module="other").encode())
    base = types.ModuleType("other_base")
    base.Base = dataclasses.make_dataclass("Base", [("first", int)])  # type: ignore[attr-defined]
    sys.modules["other_base"] = base
    try:
        really = really_written(source.format(module="other_base"))
    finally:
        del sys.modules["other_base"]
    assert really
    assert really.isdisjoint(foreseen)  # each text names the fields of both


def test_classes_are_cut_out_of_any_source() -> None:
    source = '''
class Plain:
    def method(self):
        @dataclass(
            frozen=True,
        )
        # a comment
        @total_ordering
        class Local(
            Base,
        ):
            x: int

    # to the left

            y: str = ")"
        return Local

    @dataclass
    class Second:
        """Text
that begins further to the left."""
        z: int
@dataclass
class Last: w: int'''
    texts = sorted((text for text in written_for(source.encode()) if "def __init__" in text), key=len)
    assert [re.findall(r"[(,](\w+):", text.partition("def __init__")[2].partition(")")[0]) for text in texts] == [
        ["w"],
        ["x", "y"],
    ]
