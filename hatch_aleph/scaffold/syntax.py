"""What one module's source says of applications: read as syntax, never imported."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.scaffold.frameworks import FRAMEWORKS, PROTOCOLS, Framework
from hatch_aleph.scaffold.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

USUAL_NAMES = ("app", "application", "api", "server")
# What adds routes to an application, and the functions that run when a script is started, never when it is imported.
_FILLERS = frozenset(
    {"add_api_route", "add_route", "add_routes", "add_url_rule", "blueprint", "include_router", "register_blueprint"}
)
_STARTERS = frozenset({"main", "run", "serve", "start"})
_FACTORY = re.compile(r"(create|make|get|build|init)_?\w*(app|application|api|server)")


@dataclass(frozen=True)
class Made:
    """An application in a module.

    Attributes:
        name: The variable, or the factory with its call.
        framework: What makes it.
        line: Where.
        likelihood: How usual such a name is for the application that is meant.
    """

    name: str
    framework: Framework
    line: int
    likelihood: float


@dataclass
class Module:
    """The syntax of a module, and what its names stand for.

    Attributes:
        name: Dotted, as it is imported.
        tree: Its syntax.
        known: Frameworks of the classes and factories of the project's other modules, by dotted name.
        names: What each imported name stands for, dotted.
        kinds: Framework of each class and factory that this module defines.
        stars: The modules of which everything is imported.
        called: Dotted names of the factories that make an application when the module is imported.
    """

    name: str
    tree: ast.Module
    known: Mapping[str, Framework] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, Framework] = field(default_factory=dict)
    stars: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, name: str, source: bytes, *, package: bool, known: Mapping[str, Framework]) -> Module | None:
        """Read a module, or return None when it is no Python of this version."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the user's escape sequences
                tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        module = cls(name, tree, known)
        module._read_imports(package=package)
        return module

    def _read_imports(self, *, package: bool) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    self.names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(node, package=package)
                for alias in node.names:
                    if alias.name != "*":
                        self.names[alias.asname or alias.name] = f"{source}.{alias.name}"
                        continue
                    self.stars.add(source)
                    for dotted in (*FRAMEWORKS, *SERVERS, *self.known):
                        if dotted.startswith(f"{source}."):
                            name = dotted[len(source) + 1 :].partition(".")[0]
                            self.names.setdefault(name, f"{source}.{name}")

    def _absolute(self, node: ast.ImportFrom, *, package: bool) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + package]
        return ".".join([*kept, *([node.module] if node.module else [])])

    @property
    def is_script(self) -> bool:
        """Whether it does something when it is run."""
        return any(_is_main_guard(node) for node in self.tree.body)

    @property
    def command(self) -> str | None:
        """How it is run by its name where it has to be: its imports are relative to its package."""
        relative = any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(self.tree))
        return f"python3 -m {self.name.removesuffix('.__main__')}" if relative else None

    def applications(self) -> Iterator[Made]:
        """Find the applications at module level, and the factories that need no argument."""
        mounted = self._mounted()
        factories: list[Made] = []
        for node in _at_import(self.tree.body):
            if isinstance(node, ast.ClassDef):
                base = next((kind for each in node.bases if (kind := self._framework(each))), None)
                if base:
                    self.kinds[node.name] = base
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                factories.extend(self._factory(node))
                protocol = PROTOCOLS.get(".".join(each.arg for each in node.args.args))
                if protocol and not node.name.startswith("_"):
                    factories.append(Made(node.name, protocol, node.lineno, 0.5 if node.name in USUAL_NAMES else -0.2))
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and (framework := self._made_by(node.value)):
                if isinstance(node.value, ast.Call):
                    dotted = self._dotted(node.value.func)
                    self.called.update((dotted, f"{self.name}.{dotted}"))
                for name in _targets(node):
                    usual = name in USUAL_NAMES
                    likelihood = 1.0 - 0.1 * USUAL_NAMES.index(name) if usual else 0.3
                    yield Made(name, framework, node.lineno, likelihood - 2 * (name in mounted))
        yield from factories

    def _factory(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Made]:
        local: dict[str, Framework] = {}
        gives: Framework | None = None
        for inner in ast.walk(node):
            if isinstance(inner, (ast.Assign, ast.AnnAssign)) and (framework := self._made_by(inner.value)):
                local.update(dict.fromkeys(_targets(inner), framework))
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                returned = (
                    local.get(inner.value.id) if isinstance(inner.value, ast.Name) else self._made_by(inner.value)
                )
                gives = gives or returned
        if gives is None:
            return
        self.kinds[node.name] = gives
        arguments = node.args
        needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
        needed += sum(default is None for default in arguments.kw_defaults)
        callable_ = not needed and isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if callable_ and not gives.listens and not gives.suffix:
            yield Made(f"{node.name}()", gives, node.lineno, 0.2 if _FACTORY.fullmatch(node.name) else -1)

    def _made_by(self, value: ast.expr | None) -> Framework | None:
        return self._framework(value.func) if isinstance(value, ast.Call) else None

    def _framework(self, node: ast.expr) -> Framework | None:
        dotted = self._dotted(node.value if isinstance(node, ast.Subscript) else node)
        return self.kinds.get(dotted) or FRAMEWORKS.get(dotted) or self.known.get(dotted)

    def _dotted(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.names.get(node.id, node.id))
        return ".".join(reversed(parts))

    def _mounted(self) -> frozenset[str]:
        """Return the names of applications that are part of another one."""
        return frozenset(
            argument.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "mount"
            for argument in (*node.args, *(keyword.value for keyword in node.keywords))
            if isinstance(argument, ast.Name)
        )

    def filled(self) -> dict[str, int]:
        """Return the modules whose applications get routes only where a program is started, each with the line."""
        found: dict[str, int] = {}
        for start in self.tree.body:
            function = isinstance(start, (ast.FunctionDef, ast.AsyncFunctionDef)) and start.name in _STARTERS
            if not function and not _is_main_guard(start):
                continue
            nodes = list(ast.walk(start))
            made: dict[str, str] = {}
            for node in nodes:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                    made.update(dict.fromkeys(_targets(node), self._dotted(node.value.func)))
            for node in nodes:
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr in _FILLERS and isinstance(node.func.value, ast.Name):
                    name = node.func.value.id
                    dotted = made.get(name) or self.names.get(name, "" if function else f"{self.name}.{name}")
                    found.setdefault(dotted.rpartition(".")[0], node.lineno)
        return found


def wsgi_kind(sources: Mapping[str, bytes], entrypoint: str) -> str | None:
    """Return what makes an entry point a WSGI application, as far as its source shows: a framework, or its arguments.

    Args:
        sources: Python files by path.
        entrypoint: ``module:attribute``; what the module only imports is followed.
    """
    name, _, attribute = entrypoint.partition(":")
    followed: set[str] = set()
    while name not in followed:
        followed.add(name)
        path = name.replace(".", "/")
        package = f"{path}.py" not in sources
        source = sources.get(f"{path}/__init__.py" if package else f"{path}.py")
        module = Module.parse(name, source, package=package, known={}) if source is not None else None
        if module is None:
            return None
        made = next((each for each in module.applications() if each.name == attribute), None)
        if made is not None:
            return made.framework.name if made.framework.wsgi else None
        if any(isinstance(node, ast.FunctionDef) and node.name == attribute for node in _at_import(module.tree.body)):
            return _wsgi_function(module.tree, attribute)
        name, _, attribute = module.names.get(attribute, "").rpartition(".")
    return None


def _wsgi_function(tree: ast.Module, name: str) -> str | None:
    function = next(each for each in _at_import(tree.body) if isinstance(each, ast.FunctionDef) and each.name == name)
    arguments = function.args
    takes = len(arguments.posonlyargs) + len(arguments.args)
    return "a function of environ and start_response" if takes == _WSGI_ARGUMENTS and not arguments.vararg else None


_WSGI_ARGUMENTS = 2


def _targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        # FastHTML: `app, rt = fast_app()`
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
        if isinstance(first, ast.Name):
            yield first.id


def _at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported."""
    for node in body:
        if _is_main_guard(node):
            continue
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _at_import(node.body)
            for other in ("orelse", "finalbody"):
                yield from _at_import(getattr(node, other, []))
            for handler in getattr(node, "handlers", []):
                yield from _at_import(handler.body)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Constant) and each.value == "__main__" for each in ast.walk(node.test)
    )
