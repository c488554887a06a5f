"""What the names of a module were made by: ``app.listen`` is ``tornado.web.Application.listen``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatch_aleph.scaffold.syntax import Module

_STEPS = 20  # from a name to what made it; `x = x.y` would go on


class Origins:
    """The names of a module, each with what it holds: the last that is assigned, else an argument, else a default.

    Args:
        module: The module.
    """

    def __init__(self, module: Module) -> None:
        self._names = module.names
        self._imported = {each.partition(".")[0] for each in module.names.values()}
        self._held: dict[str, ast.expr] = {}
        nodes = list(ast.walk(module.tree))
        for node in nodes:
            for name, value in _bindings(node):
                self._held[name] = value
        for pairs in (_arguments(nodes), _defaults(nodes)):
            for name, value in pairs:
                if name not in self._names:
                    self._held.setdefault(name, value)

    def held(self, name: str) -> ast.expr | None:
        """Return the expression that a name, or a dotted one, holds."""
        return self._held.get(name)

    def is_imported(self, node: ast.expr) -> bool:
        """Tell whether an expression leads to what another module has."""
        return self.of(node).partition(".")[0] in self._imported

    def of(self, node: ast.expr, steps: int = _STEPS) -> str:
        """Return the dotted name of what an expression leads to; an object is named as what made it."""
        if not steps:
            return ""
        if isinstance(node, (ast.Call, ast.Await)):
            return self.of(node.func if isinstance(node, ast.Call) else node.value, steps - 1)
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return ""
        held = self._held.get(ast.unparse(node))
        if held is not None:
            return self.of(held, steps - 1)
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        before = self.of(node.value, steps - 1)
        return f"{before}.{node.attr}" if before else ""


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield what a statement gives names to: variables, a function by what it returns, a class by a base.

    The last that is no mixin, for these come first, as a rule.
    """
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, (ast.Name, ast.Attribute)):
                yield ast.unparse(target), node.value
    elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        yield node.optional_vars.id, node.context_expr
    elif isinstance(node, ast.ClassDef) and node.bases:
        yield (
            node.name,
            next((each for each in node.bases[::-1] if "mixin" not in ast.unparse(each).lower()), node.bases[-1]),
        )
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield node.name, inner.value


def _arguments(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what the functions and classes of a module are given for their parameters, where it calls them."""
    taken: dict[str, list[str]] = {}
    for node in nodes:
        body = node.body if isinstance(node, ast.ClassDef) else []
        made = [each for each in body if getattr(each, "name", "") == "__init__"]
        for each in (*made, *([] if made else [node])):
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names = [one.arg for one in (*each.args.posonlyargs, *each.args.args)]
                taken[getattr(node, "name", "")] = names[1:] if each is not node else names
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in taken:
            pairs = [
                *zip(taken[node.func.id], node.args, strict=False),
                *((each.arg, each.value) for each in node.keywords),
            ]
            yield from ((name, value) for name, value in pairs if name and ast.unparse(value) != name)


def _defaults(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what parameters are when a call does not say: ``def run(server=HTTPServer, port=8000)``."""
    for node in nodes:
        if not isinstance(node, ast.arguments):
            continue
        positional = [*node.posonlyargs, *node.args]
        values = [*([None] * (len(positional) - len(node.defaults))), *node.defaults, *node.kw_defaults]
        for each, value in zip([*positional, *node.kwonlyargs], values, strict=True):
            if value is not None:
                yield each.arg, value
