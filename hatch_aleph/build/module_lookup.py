"""Names in a tree of files: the module and the attribute of an entry point, and what other systems take for one."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from hatch_aleph.settings.entry_points import parse_entrypoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.squashfs import Entry

# What makes names that reading the source does not show.
_DYNAMIC = frozenset({"__getattr__", "exec", "globals", "locals", "setattr", "vars"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def holds_module(paths: Iterable[str], module: str) -> bool:
    """Tell whether one of some paths is a module: source, package, bytecode or extension."""
    path = module.replace(".", "/")
    plain = {f"{path}.py", f"{path}.pyc", f"{path}/__init__.py"}
    return any(each in plain or (each.startswith(f"{path}.") and each.endswith(".so")) for each in paths)


def case_clashes(paths: Iterable[str]) -> str:
    """Return the first pair of names, files or folders, that differ in case alone and how many more; "" for none."""
    seen: dict[str, str] = {}
    clashes = dict[str, str]()
    for path in paths:
        end = len(path)
        while end > 0 and seen.get(path[:end].lower()) != path[:end]:
            name = path[:end]
            other = seen.setdefault(name.lower(), name)
            if other != name and other.rpartition("/")[0] == name.rpartition("/")[0]:
                clashes[name] = other
            end = path.rfind("/", 0, end)
    more = f" and {len(clashes) - 1} more" if len(clashes) > 1 else ""
    return next((f"{other} and {name}{more}" for name, other in clashes.items()), "")


def nearest_module(paths: Iterable[str], module: str) -> tuple[str | None, list[str]]:
    """Return the module whose name is nearest to one that is missing, and all that are there."""
    modules = sorted(
        {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths if path.endswith(".py")}
    )
    return next(iter(difflib.get_close_matches(module, modules, n=1)), None), modules


def missing_attribute(entries: Iterable[Entry], entrypoint: str) -> str | None:
    """Return what is wrong with an entry point's attribute, as far as the module's source shows; None if nothing is."""
    files = {entry.path: entry for entry in entries if entry.kind == "file"}
    named = parse_entrypoint(entrypoint)
    path = named.module.replace(".", "/")
    source = files.get(f"{path}.py") or files.get(f"{path}/__init__.py")
    names = defined_names(source.read()) if source else None
    attribute = named.attribute.partition(".")[0]
    if names is None or attribute in names or holds_module(files, f"{named.module}.{attribute}"):
        return None
    near = difflib.get_close_matches(attribute, names, n=1)
    return f"the module `{named.module}` has no `{attribute}`" + (f"; did you mean `{near[0]}`?" if near else "")


def defined_names(source: bytes) -> frozenset[str] | None:
    """Return the names that a module defines at its top, or None when its source does not show them all."""
    try:
        nodes = list(_at_the_top(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the compiler tells what is wrong with it
        return None
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            names |= _DYNAMIC & {node.id}
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and node.attr == "modules":  # sys.modules[__name__] = ...
            names.add("globals")
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.Global, ast.MatchAs, ast.MatchStar)):
            names.update(node.names if isinstance(node, ast.Global) else filter(None, [node.name]))
    return None if names & {*_DYNAMIC, "*"} else frozenset(names)


def _at_the_top(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported, and of functions only what they declare global."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _SCOPES):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Global))
            if not isinstance(node, ast.Lambda):
                waiting.extend(node.decorator_list)
        else:
            waiting.extend(ast.iter_child_nodes(node))
