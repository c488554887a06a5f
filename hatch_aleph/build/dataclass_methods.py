"""The methods that ``dataclasses`` will write for the classes of a module, compiled beforehand.

``dataclass`` makes the text of ``__init__``, ``__eq__`` and so on from a class's fields and compiles it at every start:
a tenth of what importing FastAPI takes. The text depends on names and flags alone, which the source shows. So this
module, which the compiler's workers run in the runtime's own Python, lets that Python's ``dataclasses`` treat stand-ins
with the same fields and keeps what it compiles, by its text. The guest's adapter looks a text up before it compiles it
(``hatch_aleph/guest/written_code.py``): where a stand-in was not like its class, nothing is found.

Nothing of the source is executed. Standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import marshal
import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

_DECORATOR = re.compile(r"\s*@(\w+\.)*dataclass\b")
_KINDS: dict[str, Any] = {
    "ClassVar": ClassVar,
    "InitVar": dataclasses.InitVar(object),
    "KW_ONLY": getattr(dataclasses, "KW_ONLY", object),
}
# What dataclass() looks at beside fields: it writes no method that the class has, and calls __post_init__.
_METHODS = frozenset(
    f"__{name}__" for name in ("init", "post_init", "repr", "eq", "lt", "le", "gt", "ge", "hash", "setattr", "delattr")
)
_FIELD_FLAGS = frozenset(("init", "repr", "hash", "compare", "kw_only"))
_NO_TEXT = frozenset(("slots", "weakref_slot"))  # options without a part in what is written
_PLAIN = 2  # marshal's format without references
# Bounds, far above what people write: sources can be made that would take hours, or memory without end.
_LONGEST = 1 << 16  # characters of a class; a tree as deep as a longer one can be ends Pythons before 3.11
_TIMES = 3  # what is looked at in all, of the source: classes are within classes, or within texts
_MOST_FIELDS = 5000  # and bases of all classes, inherited ones too


def written_for(source: bytes) -> dict[str, bytes]:
    """Return what ``dataclasses`` will compile while a module is imported: the code of each text, marshalled.

    Args:
        source: Of the module; it compiles.
    """
    written: dict[str, bytes] = {}

    def compile_and_keep(text: str, *namespaces: Any) -> None:
        code = compile(text, "<string>", "exec", dont_inherit=True, optimize=2)  # as the guest would, under -OO
        written[text] = marshal.dumps(code, _PLAIN)
        exec(code, *namespaces)  # noqa: S102 - definitions of functions, of names that are identifiers

    known: dict[str, type] = {}
    left = _MOST_FIELDS
    dataclasses.exec = compile_and_keep  # type: ignore[attr-defined]
    try:
        for node in _classes(source):
            for decorator in node.decorator_list:
                if _name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "dataclass":
                    left -= _weight(node, known)
                    if left >= 0:
                        with contextlib.suppress(Exception):  # no class that dataclasses take: its own would fail too
                            known[node.name] = _stand_in(node, decorator, known)
                    break
    finally:
        del dataclasses.exec  # type: ignore[attr-defined]
    return written


def _classes(source: bytes) -> Iterator[ast.ClassDef]:
    """Yield the classes that have such a decorator, in their order.

    Trees of whole modules take as long as compiling them; so each class is cut out by its indentation. Where that is
    wrong, as after a text of several lines that begin further to the left, the class is not understood.
    """
    lines = source.decode("utf-8", "replace").split("\n")
    left = _TIMES * len(source)
    for number, line in enumerate(lines):
        if left > 0 and _DECORATOR.match(line):
            indentation, in_class = _indentation(line), False
            end = number + 1
            while end < len(lines):
                if lines[end].strip() and _indentation(lines[end]) <= indentation:
                    if in_class and not lines[end].lstrip().startswith(("#", ")")):
                        break
                    in_class = in_class or lines[end].lstrip().startswith("class ")
                end += 1
            block = "\n".join(["if True:" if indentation else "", *lines[number:end]])
            left -= len(block)
            if len(block) > _LONGEST:
                continue
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                yield from [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ClassDef)][:1]


def _weight(node: ast.ClassDef, known: dict[str, type]) -> int:
    bases = [known[_name(base)] for base in node.bases if _name(base) in known]
    return len(node.body) + sum(len(base.__mro__) + len(dataclasses.fields(base)) for base in bases)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _stand_in(node: ast.ClassDef, decorator: ast.expr, known: dict[str, type]) -> type:
    annotations: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__annotations__": annotations}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotations[statement.target.id] = _KINDS.get(_outermost(statement.annotation), object)
            if statement.value is not None:
                namespace[statement.target.id] = _default(statement.value)
        elif isinstance(statement, ast.FunctionDef) and statement.name in _METHODS:
            namespace[statement.name] = lambda *_: None
    options = {name: value for name, value in _constants(decorator).items() if name not in _NO_TEXT}
    bases = tuple(known[_name(base)] for base in node.bases if _name(base) in known)
    return dataclasses.dataclass(**options)(type(node.name, bases, namespace))


def _default(value: ast.expr) -> Any:
    if not isinstance(value, ast.Call) or _name(value.func) != "field":
        return object()
    flags = {name: given for name, given in _constants(value).items() if name in _FIELD_FLAGS}
    given = {keyword.arg for keyword in value.keywords}
    if "default" in given:
        flags["default"] = object()
    if "default_factory" in given:
        flags["default_factory"] = object
    return dataclasses.field(**flags)


def _constants(call: ast.expr) -> dict[str, Any]:
    """Return the keyword arguments that are constants."""
    keywords = call.keywords if isinstance(call, ast.Call) else []
    return {
        keyword.arg: keyword.value.value
        for keyword in keywords
        if keyword.arg is not None and isinstance(keyword.value, ast.Constant)
    }


def _outermost(annotation: ast.expr) -> str:
    """Return ``ClassVar`` for ``typing.ClassVar[int]``, also when that is written as a string."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return ""
    return _name(annotation.value if isinstance(annotation, ast.Subscript) else annotation)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
