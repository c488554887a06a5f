"""What makes a script listen, found in its syntax: the call, however its object was made, and the port."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.scaffold.frameworks import FRAMEWORKS, Framework
from hatch_aleph.scaffold.servers import SERVERS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.scaffold.syntax import Module

_PACKAGES = {name.partition(".")[0]: framework for name, framework in FRAMEWORKS.items() if framework.listens}
_STEPS = 20  # from a name to what made it; `x = x.y` would go on
_MOST = 0xFFFF
_PORT = re.compile(r"(?:\A:?|[^:]:)(\d{1,5})(?=:\D|\Z)")  # not what ends the path of a socket, or an address
# How what listens by itself is started, where another module of the project has made it.
_STARTS = frozenset({"launch", "listen", "run", "start"})
_RUNNERS = frozenset({"run", "run_sync", "run_until_complete"})  # of what they are given


@dataclass(frozen=True)
class Listener:
    """The call that makes a script listen.

    Attributes:
        line: Where it stands.
        framework: What it is a part of, where that is known.
        hosts: Whether it serves an application of WSGI or ASGI.
        port: Where it listens, if the source says so, and the line that does.
    """

    line: int
    framework: Framework | None
    hosts: bool
    port: tuple[int, int] | None


def find_listener(module: Module) -> Listener | None:
    """Return what makes a script listen, if it is one that does."""
    origins = _Origins(module)
    calls = [
        (node, dotted, server)
        for tree in _started(module)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (server := origins.server(dotted := origins.of(node.func)))
    ]
    listening = next(((node, dotted, server) for node, dotted, server in calls if server.listens), None)
    if listening is None:
        return None
    call, dotted, server = listening
    ports = ((node, origins.port(node, server)) for node, _, server in calls)
    port = next(((number, node.lineno) for node, number in ports if number is not None), None)
    return Listener(call.lineno, origins.framework(dotted), server.hosts, port)


class _Origins:
    """What the names of a module were made by: ``app.listen`` is ``tornado.web.Application.listen``."""

    def __init__(self, module: Module) -> None:
        self._names = module.names
        self._kinds = {**FRAMEWORKS, **module.known}
        self._held: dict[str, ast.expr] = {}
        nodes = list(ast.walk(module.tree))
        for node in nodes:
            for name, value in _bindings(node):
                self._held[name] = value
        for name, value in (each for node in nodes if isinstance(node, ast.arguments) for each in _defaults(node)):
            if name not in self._names:
                self._held.setdefault(name, value)

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

    def server(self, dotted: str) -> Server | None:
        """Return the server that a call of this name is."""
        framework = self.framework(dotted)
        started = framework is not None and framework.listens and dotted.rpartition(".")[2] in _STARTS
        return SERVERS.get(dotted) or (Server(0) if started else None)

    def framework(self, dotted: str) -> Framework | None:
        """Return what a call is a part of: what its object is made with, else a package that is not Python's own."""
        top = dotted.partition(".")[0]
        return self._kinds.get(dotted.rpartition(".")[0]) or (
            None if top in sys.stdlib_module_names or dotted not in SERVERS else _PACKAGES.get(top, Framework(top))
        )

    def port(self, call: ast.Call, server: Server) -> int | None:
        """Return the port that a call names, None where only the run shows it."""
        at = server.position
        named = next((each.value for each in call.keywords if each.arg == server.keyword), None)
        value = named or (call.args[at] if at is not None and at < len(call.args) else None)
        if value is None:
            return server.default
        value = self._value(value)
        if isinstance(value, ast.Tuple) and len(value.elts) > 1:
            value = self._value(value.elts[1])
        number = _PORT.search(str(value.value)) if isinstance(value, ast.Constant) else None
        return int(number[1]) if number and 0 < int(number[1]) <= _MOST else None

    def _value(self, node: ast.expr) -> ast.expr:
        for _ in range(_STEPS):
            if not isinstance(node, (ast.Name, ast.Attribute)) or (held := self._held.get(ast.unparse(node))) is None:
                break
            node = held
        return node


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


def _defaults(node: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Yield what parameters are when a call does not say: ``def run(server=HTTPServer, port=8000)``."""
    positional = [*node.posonlyargs, *node.args]
    values = [*([None] * (len(positional) - len(node.defaults))), *node.defaults, *node.kw_defaults]
    for each, value in zip([*positional, *node.kwonlyargs], values, strict=True):
        if value is not None:
            yield each.arg, value


def _started(module: Module) -> list[ast.AST]:
    """Return what runs when the module is run as a script: all where something calls into it, else its statements."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = module.tree.body
    own = {each.name for each in body if isinstance(each, functions)}
    statements = [node for each in body if not isinstance(each, functions) for node in ast.walk(each)]
    bare = [
        node
        for each in statements
        if isinstance(each, (ast.Expr, ast.Raise))
        for node in ast.walk(each)
        if isinstance(node, ast.Call)
    ]
    # `main()`, `raise SystemExit(main())`, and `trio.run(main)`; not `register(main)`.
    begun = [node.func for node in bare]
    begun += [arg for node in bare if ast.unparse(node.func).rpartition(".")[2] in _RUNNERS for arg in node.args]
    if module.is_script or any(isinstance(each, ast.Name) and each.id in own for each in begun):
        return [module.tree]
    return [each for each in body if not isinstance(each, functions)]
