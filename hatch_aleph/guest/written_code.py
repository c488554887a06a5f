"""Code that the standard library writes while an app is imported, from text: little of it needs compiling.

``dataclasses`` writes the methods of each class; the build has compiled them from the sources of packages
(``hatch_aleph/build/dataclass_methods.py``) and put them beside the modules. ``typing`` compiles annotations that are
strings, most of them many times.
"""

from __future__ import annotations

import contextlib
import marshal
import sys
from typing import TYPE_CHECKING, Any

from .packed_modules import beside_modules

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def looked_up() -> Iterator[None]:
    """Compile no text twice: the two modules' own ``exec`` and ``compile`` look it up first, until the app is there."""
    beside: dict[str, bytes] = {}
    compiled: dict[Any, Any] = {}

    def compile_once(text: Any, name: str, mode: str) -> Any:
        code = compiled.get((text, mode))
        if code is None:
            code = compiled[text, mode] = compile(text, name, mode, dont_inherit=True)
        return code

    def execute(text: Any, *namespaces: Any) -> None:
        packed = beside.get(text)
        code = compile(text, "<string>", "exec", dont_inherit=True) if packed is None else marshal.loads(packed)  # noqa: S302
        exec(code, *namespaces)  # noqa: S102 - in place of exec

    changed: list[tuple[dict[str, Any], str, Any]] = []
    for module, name, function in (("dataclasses", "exec", execute), ("typing", "compile", compile_once)):
        if module in sys.modules and name not in vars(sys.modules[module]):
            changed.append((vars(sys.modules[module]), name, function))
            vars(sys.modules[module])[name] = function
    beside_modules.append(beside)
    try:
        yield
    finally:
        beside_modules[:] = [each for each in beside_modules if each is not beside]  # equal ones are others' own
        for names, name, function in changed:
            if names.get(name) is function:  # else the app has put its own there
                del names[name]
