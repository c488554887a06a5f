"""What makes a script listen, found in its syntax: the call, however its object was made, and the port."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.scaffold.frameworks import FRAMEWORKS, Framework
from hatch_aleph.scaffold.origins import Origins
from hatch_aleph.scaffold.ports import Port, Ports
from hatch_aleph.scaffold.servers import SERVERS, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.scaffold.ports import Options
    from hatch_aleph.scaffold.syntax import Module

_PACKAGES = {name.partition(".")[0]: framework for name, framework in FRAMEWORKS.items() if framework.listens}
# How what listens by itself is started, where another module of the project has made it.
_STARTS = frozenset({"launch", "listen", "run", "start"})
# Keywords that say where to listen in place of a port: an address, a socket, a file; and a table that is not seen.
_ELSEWHERE = frozenset({"**", "bind", "fd", "listen", "path", "sock", "socket", "sockets", "uds", "unix_socket"})
_RUNNERS = frozenset({"run", "run_sync", "run_until_complete"})  # of what they are given


@dataclass(frozen=True)
class Listener:
    """The call that makes a script listen.

    Attributes:
        line: Where it stands.
        framework: What it is a part of, where that is known.
        hosts: Whether it serves an application of WSGI or ASGI.
        port: Where it listens, if the source says so.
    """

    line: int
    framework: Framework | None
    hosts: bool
    port: Port | None


def find_listener(module: Module, *, started: bool = False, options: Options | None = None) -> Listener | None:
    """Return what makes a script listen, if it is one that does.

    Args:
        module: The script.
        started: Whether something else of the project starts what its functions do.
        options: Those that other modules of the project declare.
    """
    calls = _Calls(module, options or {})
    found = calls.find([module.tree] if started else _started(module))
    listening = next(((node, dotted, server) for node, dotted, server in found if server.listens), None)
    if listening is None:
        return None
    call, dotted, server = listening
    port = next((port for node, _, server in found if (port := calls.port(node, server))), None)
    return Listener(call.lineno, calls.framework(dotted), server.hosts, port)


class _Calls:
    """What the calls of a module are."""

    def __init__(self, module: Module, options: Options) -> None:
        self._kinds = {**FRAMEWORKS, **module.known}
        self._origins = Origins(module)
        self._ports = Ports(module.tree, self._origins, options)

    def find(self, trees: Iterable[ast.AST]) -> list[tuple[ast.Call, str, Server]]:
        """Return the calls that listen, or say where, each with its dotted name."""
        return [
            (node, dotted, server)
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and (server := self._server(dotted := self._origins.of(node.func)))
        ]

    def _server(self, dotted: str) -> Server | None:
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

    def port(self, call: ast.Call, server: Server) -> Port | None:
        """Return the port that a call names, None where only the run shows it."""
        at = server.position
        keywords = dict(self._keywords(call))
        value = keywords.get(server.keyword) or (call.args[at] if at is not None and at < len(call.args) else None)
        if value is None:
            elsewhere = [each for name, each in keywords.items() if name in _ELSEWHERE]
            elsewhere += [each for each in call.args if isinstance(each, ast.Starred)]
            if elsewhere or not server.default:
                return self._ports.find(next(iter(elsewhere), None))
            return Port(call.lineno, server.default)
        return self._ports.find(value)

    def _keywords(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Yield the keywords of a call, and of a table that it is given: ``run(app, **dict(port=8000))``."""
        for each in call.keywords:
            if each.arg:
                yield each.arg, each.value
                continue
            held = self._origins.held(ast.unparse(each.value)) or each.value
            if isinstance(held, ast.Call) and ast.unparse(held.func) == "dict":
                yield from ((one.arg, one.value) for one in held.keywords if one.arg)
            elif isinstance(held, ast.Dict):
                pairs = zip(held.keys, held.values, strict=True)
                yield from ((str(key.value), value) for key, value in pairs if isinstance(key, ast.Constant))
            else:
                yield "**", each.value


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
