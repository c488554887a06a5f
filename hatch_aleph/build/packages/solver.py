"""What uv is asked for a project: its dependencies for the runtime, or certain versions of certain distributions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.build.packages.inputs import direct
from hatch_aleph.build.packages.other_locks import read_pins, read_requirements
from hatch_aleph.build.packages.pylock import parse
from hatch_aleph.errors import DependencyError
from hatch_aleph.files import scratch_folder
from hatch_aleph.project import has_fields
from hatch_aleph.scaffold.requirements import joined_lines
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatch_aleph.build.packages.inputs import Inputs
    from hatch_aleph.errors import HatchAlephError
    from hatch_aleph.project import Project
    from hatch_aleph.settings import Settings
    from hatch_aleph.uv import Outcome, Uv


_OTHER_PYTHON = re.compile(r"does not satisfy Python|requested Python version")
_SEARCHED = re.compile(r"^DEBUG Searching for a compatible version of ([\w.-]+)", re.MULTILINE)
_CONTINUED = re.compile(r"\\\r?\n\s*(?!--hash)\S")  # pip joins all such lines, uv those alone that end in hashes


@dataclass(frozen=True)
class Solver:
    """Asks uv; every answer is the text of a pylock.toml for the runtime.

    Attributes:
        project: Whose dependencies.
        settings: Name extras, groups and what may be built.
        uv: Resolves.
        suspects: Names of distributions that uv passed something over in; what was made of them meanwhile counts for
            nothing.
    """

    project: Project
    settings: Settings
    uv: Uv
    suspects: set[str] = field(default_factory=set, compare=False)

    def compile(self, inputs: Inputs, options: Sequence[str] = ()) -> str:
        """Resolve the project's own dependencies.

        Raises:
            DependencyError: When there is no solution, or no index in reach.
        """
        arguments, text = self._question(inputs)
        return self._wheels_first([*arguments, *options], str(inputs.file), text)

    def guess(self, inputs: Inputs) -> Outcome | None:
        """Resolve with what uv has, which takes no time; None when it has too little."""
        arguments, text = self._question(inputs)
        outcome = self._run(replace(self.uv, offline=True, verbose=True), [*arguments, *self._wheels()], text)
        return outcome if outcome.code == 0 else None

    def pinned(self, requirements: Iterable[str] | Path, where: str) -> str:
        """Find the files of certain versions, whose dependencies are not followed.

        Args:
            requirements: A requirements file, or the lines of one.
            where: What to name in errors.

        Raises:
            DependencyError: When the indexes do not have one of them.
        """
        if isinstance(requirements, Path):
            return self._wheels_first(["pip", "compile", str(requirements), "--no-deps"], where)
        return self._wheels_first(["pip", "compile", "-", "--no-deps"], where, "\n".join(requirements))

    def export(self, lock: Path, *options: str) -> Outcome:
        """Let uv turn its own lock, which may be that of a workspace above, into a pylock.toml for all platforms."""
        above = lock.parent != self.project.root
        member = ["--project", str(lock.parent), "--package", self.project.name] if above else []
        return self.uv.run([
            "export", "--format", "pylock.toml", "--no-emit-project", "--no-default-groups", "--no-header",
            "--no-editable", *self.uv.python, *member, *options,
            *(f"--extra={name}" for name in self.settings.extras),
            *(f"--group={name}" for name in self.settings.groups),
        ])  # fmt: skip

    def built(self) -> set[str]:
        """Return what the project itself takes from folders and repositories: it can only be built."""
        from packaging.requirements import Requirement

        sources: dict[str, Any] = self.project.pyproject.get("tool", {}).get("uv", {}).get("sources", {})
        wanted = map(Requirement, direct(self.project, self.settings))
        names = [each.name for each in wanted if each.url and not _is_wheel(each.url)]
        for name, source in sources.items():
            options = source if isinstance(source, list) else [source]
            places = [
                each.get("path") or each.get("url") or each.get("git") or each.get("workspace") for each in options
            ]
            if any(place and not _is_wheel(str(place)) for place in places):
                names.append(name)
        return {normalize(name) for name in names}

    def _question(self, inputs: Inputs) -> tuple[list[str], str | None]:
        """Return what uv is to resolve: arguments, and what it reads from its standard input."""
        if inputs.stand_in and inputs.stand_in.name == "Pipfile.lock":
            return ["pip", "compile", "-"], "\n".join(read_pins(inputs.stand_in, refuse=False).lines)
        if inputs.stand_in:
            text = inputs.stand_in.read_text("utf-8-sig", "replace")
            early = ["--prerelease=allow"] if "--pre" in read_requirements(inputs.stand_in).options else []
            if _CONTINUED.search(text):
                return ["pip", "compile", "-", *early], "\n".join(line for _, line in joined_lines(text))
            return ["pip", "compile", str(inputs.stand_in), *early], None
        dynamic = set(self.project.pyproject.get("project", {}).get("dynamic", ()))
        groups = [f"--group={name}" for name in self.settings.groups]
        if (
            "project" not in self.project.pyproject
            or dynamic & {"dependencies", "optional-dependencies"}
            or has_fields(self.project.pyproject)
        ):
            # The metadata is known already; uv would ask the backend once more.
            wanted = [*self.project.dependencies]
            for extra in self.settings.extras:
                wanted += self.project.extras[extra]
            return ["pip", "compile", "-", *groups], "\n".join(wanted)
        extras = [f"--extra={name}" for name in self.settings.extras]
        return ["pip", "compile", "pyproject.toml", *extras, *groups], None

    def _wheels_first(self, arguments: list[str], where: str, text: str | None = None) -> str:
        """Resolve with wheels alone, and only if that fails with the sources that may be built."""
        arguments = [*arguments, *self._wheels()]
        outcome = self._run(self.uv, arguments, text)
        if outcome.code and self.settings.allow_source:
            sources = [f"--no-binary={name}" for name in self.settings.allow_source]
            outcome = self._run(self.uv, [*arguments, *sources], text)
        if outcome.code:
            raise self._failure(outcome, arguments, where, text)
        return outcome.stdout

    def _failure(self, outcome: Outcome, arguments: list[str], where: str, text: str | None) -> HatchAlephError:
        """Return the error; uv names one distribution that the runtime cannot have, this names all and the way out."""
        from hatch_aleph.build.packages.alternatives import hint, unusable

        error = outcome.error(where)
        no_wheel: list[str] = []
        other_python: list[str] = []
        with scratch_folder() as folder:
            excluded = folder / "excluded.txt"
            while found := unusable("\n".join(outcome.lines), {*no_wheel, *other_python}):
                no_wheel += found.no_wheel
                other_python += found.other_python
                excluded.write_text("".join(f"{name}\n" for name in (*no_wheel, *other_python)), "utf-8")
                outcome = self._run(self.uv, [*arguments, f"--excludes={excluded}"], text)
        if len(no_wheel) > 1:
            error = DependencyError(f"{error.message}\nAll without a usable wheel: {', '.join(no_wheel)}", where=where)
        if no_wheel or other_python:
            newest = self._newest([*other_python, *no_wheel])
            error.hint = hint(self.project.root, self.uv.runtime, newest, no_wheel, other_python)
        elif _OTHER_PYTHON.search(error.message):
            python, name = self.uv.runtime.python, self.uv.runtime.name
            error.hint = f"Programs run on Python {python} (runtime {name}): choose versions that do."
        return error

    def _newest(self, names: Sequence[str]) -> dict[str, str]:
        """Return the newest versions that the runtime takes as wheels, with what they require; some may have none."""
        outcome = self.uv.run(["pip", "compile", "-", *self._wheels()], text="\n".join(names))
        if outcome.code and len(names) > 1:
            return {name: version for each in names for name, version in self._newest([each]).items()}
        packages = parse(outcome.stdout).get("packages", []) if outcome.code == 0 else []
        versions = {normalize(each["name"]): each.get("version") for each in packages}
        return {name: version for name in names if (version := versions.get(name))}

    def _run(self, uv: Uv, arguments: list[str], text: str | None) -> Outcome:
        outcome = uv.run(arguments, text=text)
        if outcome.unsafe or outcome.lost:
            self._forget(outcome)
        return outcome

    def _forget(self, outcome: Outcome) -> None:
        """Let uv forget the wheels that it passed something over in: they are judged where they are installed."""
        from packaging.requirements import Requirement

        names = list(outcome.lost)
        if outcome.unsafe and outcome.code == 0:  # whose they are is not told
            names = [each["name"] for each in parse(outcome.stdout).get("packages", [])]
        elif outcome.unsafe:
            names += [Requirement(each).name for each in direct(self.project, self.settings)]
            names += _SEARCHED.findall(outcome.stderr)
        self.suspects.update(map(normalize, names))
        self.uv.run(["cache", "clean", *sorted(self.suspects)])

    def _wheels(self) -> list[str]:
        """Return the options for a lock for the runtime, of wheels and of what can only be built."""
        return [
            "--format=pylock.toml", "--no-header", *self.uv.python, *self.uv.target,
            "--only-binary=:all:", *(f"--no-binary={name}" for name in sorted(self.built())),
        ]  # fmt: skip


def _is_wheel(place: str) -> bool:
    return place.partition("#")[0].partition("?")[0].endswith(".whl")
