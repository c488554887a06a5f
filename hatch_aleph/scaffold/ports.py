"""The port on which a script listens, and how a command line tells it another: followed from the call that listens."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.settings.rules import EXECUTABLE_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.scaffold.origins import Origins

# By name: how a command line gives it, its default, and its line.
Options = dict[str, tuple[str, "ast.expr | None", int]]

_STEPS = 20  # from a name to what made it; `x = x.y` would go on
_MOST = 0xFFFF
_NUMBER = re.compile(r"(?:\A:?|[^:]:)(\d{1,5})(?=:\D|\Z)")  # not what ends the path of a socket, or an address
# Packages whose functions and objects read variables of the environment.
_READERS = frozenset({"decouple", "environ", "environs", "envparse", "os", "prettyconf", "starlette"})
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class Port:
    """Where a script listens.

    Attributes:
        line: Where the source says so.
        number: The port that it names, if it names one.
        command: How the script's command becomes one that is told another port: ``{} --port=$PORT``; None where nothing
            but an edit tells it.
    """

    line: int
    number: int | None = None
    command: str | None = None


class Ports:
    """The expressions of a module that end in a port.

    Args:
        tree: Its syntax.
        origins: What its names were made by.
        others: The options that other modules of the project declare, for what is not seen in this one.
    """

    def __init__(self, tree: ast.Module, origins: Origins, others: Options) -> None:
        self._origins = origins
        self._options = options_of(tree)
        self._others = others

    def find(self, node: ast.expr | None, steps: int = _STEPS) -> Port | None:
        """Return the port that an expression comes to: a number, an option, a variable of the environment."""
        if node is None or not steps:
            return None
        if isinstance(node, ast.Constant):
            number = _NUMBER.search(str(node.value))
            return Port(node.lineno, int(number[1])) if number and 0 < int(number[1]) <= _MOST else None
        if (variable := self._variable(node)) is not None:
            others = list(ast.iter_child_nodes(node))[2:]
            default = next((each for each in others if isinstance(each, (ast.expr, ast.keyword))), None)
            number_of = self.find(default.value if isinstance(default, ast.keyword) else default, steps - 1)
            command = "{}" if variable == "PORT" else f"env {variable}=$PORT {{}}"
            return Port(node.lineno, number_of.number if number_of else None, command)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._named(node, steps)
        if isinstance(node, ast.Subscript) and self._origins.of(node.value) == "sys.argv":
            return Port(node.lineno, None, "{} $PORT") if ast.unparse(node.slice) == "1" else None
        return self._of_several(self._parts(node), steps - 1)

    def _of_several(self, nodes: Iterable[ast.expr], steps: int) -> Port | None:
        """Return what expressions come to of which any may hold: what can be told, else what is not right by itself."""
        found = [port for each in nodes if (port := self.find(each, steps))]
        told = [each for each in found if each.command]
        return min(told, key=lambda each: each.command != "{}", default=None) or min(
            found, key=lambda each: each.number == EXECUTABLE_PORT, default=None
        )

    def _named(self, node: ast.Name | ast.Attribute, steps: int) -> Port | None:
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if isinstance(node, ast.Name):
            values, only_default = self._origins.may_hold(node)
            if values and not (only_default and name in self._options):
                return self._of_several(values, steps - 1)
            if self._origins.is_imported(node):
                return None
        if name in self._options:
            told, default, line = self._options[name]
            found = self.find(default, steps - 1)
            if isinstance(default, ast.Constant) and ":" in str(default.value):
                return found  # an address, not a port alone
            return found if found and found.command else Port(line, found.number if found else None, told)
        held = self._origins.held(ast.unparse(node))
        if held is None and name in self._others:
            return Port(node.lineno, None, self._others[name][0])
        return self.find(held or self._origins.held(name), steps - 1)

    def _variable(self, node: ast.expr) -> str | None:
        """Return the variable of the environment that an expression reads: by Python itself, or by a package."""
        if isinstance(node, ast.Subscript):
            key: ast.expr | None = node.slice if self._origins.of(node.value) == "os.environ" else None
        elif isinstance(node, ast.Call) and node.args and self._origins.of(node.func).partition(".")[0] in _READERS:
            key = node.args[0]
        else:
            return None
        named = isinstance(key, ast.Constant) and isinstance(key.value, str) and _VARIABLE.fullmatch(key.value)
        return named[0] if named else None

    def _parts(self, node: ast.expr) -> Iterator[ast.expr]:
        """Yield the expressions that decide what one comes to: `int(x)`, `a or b`, `a if b else c`, `f"{a}:{b}"`."""
        if isinstance(node, ast.Call):
            held = self._origins.held(ast.unparse(node.func))  # a function of the module, by what it returns
            yield from [held] if held is not None else [*node.args, *(each.value for each in node.keywords)]
        elif isinstance(node, ast.Tuple):
            yield from node.elts[1:]
        elif isinstance(node, ast.IfExp):
            yield from (node.body, node.orelse)
        elif isinstance(node, ast.BinOp):
            yield from (node.right,) if isinstance(node.op, ast.Mod) else ()
        elif isinstance(node, (ast.BoolOp, ast.JoinedStr)):
            yield from node.values
        elif isinstance(node, (ast.FormattedValue, ast.NamedExpr, ast.Await)):
            yield node.value


def options_of(tree: ast.Module) -> Options:
    """Return the options that a module declares."""
    options: Options = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (names := list(_option_names(node))):
            default = next((each.value for each in node.keywords if each.arg == "default"), None)
            for name in names:
                options.setdefault(name.lstrip("-").replace("-", "_"), (_told(names), default, node.lineno))
    return options


def _option_names(node: ast.Call) -> Iterator[str]:
    """Yield the names that a call gives to an option or argument of the command line."""
    texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    texts += [
        each.value.value
        for each in node.keywords
        if each.arg == "dest" and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
    ]
    function = ast.unparse(node.func).rpartition(".")[2]
    if function == "define":  # of tornado.options
        yield from (f"--{each}" for each in texts[:1])
    elif function in {"add_argument", "argument"} or any(re.fullmatch(r"--?[A-Za-z][\w-]*", each) for each in texts):
        yield from (each for each in texts if re.fullmatch(r"[\w-]+", each))


def _told(names: list[str]) -> str:
    long = next((each for each in names if each.startswith("--")), None)
    short = next((each for each in names if each.startswith("-")), None)
    return f"{{}} {long}=$PORT" if long else f"{{}} {short} $PORT" if short else "{} $PORT"
