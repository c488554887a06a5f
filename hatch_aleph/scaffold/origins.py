"""What the names of a module were made by: ``app.listen`` is ``tornado.web.Application.listen``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatch_aleph.scaffold.syntax import Module

_STEPS = 20  # from a name to what made it; `x = x.y` would go on
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_Place = tuple[ast.AST | None, str]  # the function in which a name is bound, if it is one


class Origins:
    """The names of a module, each with what it holds: the last that is assigned, else an argument, else a default.

    Args:
        module: The module.
    """

    def __init__(self, module: Module) -> None:
        self._names = module.names
        self._held: dict[str, ast.expr] = {}
        nodes = list(ast.walk(module.tree))
        for node in nodes:
            for name, value in _bindings(node):
                self._held[name] = value
        self._scopes = dict(_scopes(module.tree, None))
        moved = {(self._scopes[node], name) for node in nodes if isinstance(node, ast.Global) for name in node.names}
        self._assigned: dict[_Place, list[ast.expr]] = {}
        for node in nodes:
            for name, value in _bindings(node):
                place = (self._scopes[node], name)
                self._assigned.setdefault((None, name) if place in moved else place, []).append(value)
        self._given: dict[_Place, list[ast.expr]] = {}
        self._default: dict[_Place, list[ast.expr]] = {}
        for known, triples in ((self._given, _arguments(nodes)), (self._default, _defaults(nodes))):
            for function, name, value in triples:
                known.setdefault((function, name), []).append(value)
                if name not in self._names and ast.unparse(value) != name:
                    self._held.setdefault(name, value)

    def held(self, name: str) -> ast.expr | None:
        """Return the expression that a name, or a dotted one, holds."""
        return self._held.get(name)

    def may_hold(self, node: ast.Name) -> tuple[list[ast.expr], bool]:
        """Return all that a name may hold where it stands, and whether that is the default of a parameter alone."""
        scope = self._scopes.get(node)
        while True:
            place = (scope, node.id)
            values = [each for each in self._assigned.get(place, ()) if node not in ast.walk(each)]
            values += self._given.get(place, ())
            taken = isinstance(scope, _FUNCTIONS) and node.id in _parameters(scope)
            if values or taken or scope is None:
                return values or self._default.get(place, []), taken and not values
            scope = self._scopes[scope]

    def is_imported(self, node: ast.expr) -> bool:
        """Tell whether an expression is a name that another module has."""
        return isinstance(node, ast.Name) and node.id in self._names

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


def _scopes(node: ast.AST, scope: ast.AST | None) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """Yield all below a node, each with the function in which it stands."""
    for child in ast.iter_child_nodes(node):
        yield child, scope
        yield from _scopes(child, child if isinstance(child, _FUNCTIONS) else scope)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[str]:
    arguments = function.args
    return [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _arguments(nodes: Sequence[ast.AST]) -> Iterator[tuple[ast.AST, str, ast.expr]]:
    """Yield what the functions and classes of a module are given for their parameters, where it calls them."""
    taken: dict[str, tuple[ast.AST, list[str]]] = {}
    for node in nodes:
        body = node.body if isinstance(node, ast.ClassDef) else []
        made = [each for each in body if getattr(each, "name", "") == "__init__"]
        for each in (*made, *([] if made else [node])):
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names = [one.arg for one in (*each.args.posonlyargs, *each.args.args)]
                taken[getattr(node, "name", "")] = each, names[1:] if each is not node else names
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in taken:
            function, names = taken[node.func.id]
            pairs = [*zip(names, node.args, strict=False), *((each.arg, each.value) for each in node.keywords)]
            yield from ((function, name, value) for name, value in pairs if name)


def _defaults(nodes: Sequence[ast.AST]) -> Iterator[tuple[ast.AST, str, ast.expr]]:
    """Yield what parameters are when a call does not say: ``def run(server=HTTPServer, port=8000)``."""
    for function in nodes:
        if not isinstance(function, _FUNCTIONS):
            continue
        node = function.args
        positional = [*node.posonlyargs, *node.args]
        values = [*([None] * (len(positional) - len(node.defaults))), *node.defaults, *node.kw_defaults]
        for each, value in zip([*positional, *node.kwonlyargs], values, strict=True):
            if value is not None:
                yield function, each.arg, value
