"""What a deployment was: its releases, read from the contents that are still pinned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError
from hatch_aleph.origin import COMMIT, MACHINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_aleph.deploy.state import Program, State, Version, Volume

_SHORTEST_PREFIX = 6
# Keys of an amend's notes: what made it, and the file that it left; of every content: the number of its release.
KIND, LEFT = "kind", "left"
NUMBER = "release"
_LARGEST_NUMBER = 10**6
Kind = Literal["deploy", "rollback", "put back", "failed"]


@dataclass(frozen=True)
class Release:
    """What ran from one moment to the next.

    Attributes:
        number: 1 for the first, and so on: it stays when earlier ones are pruned.
        time: Since when, in seconds since 1970.
        version: Version of the project, as the code says it.
        contents: The version of each volume, by role.
        kind: ``deploy``; ``rollback`` by request; ``put back`` after one that did not answer, which is ``failed``.
        changed: Roles whose content is another than in the release before.
    """

    number: int
    time: float
    version: str | None
    contents: Mapping[str, Version]
    kind: Kind = "deploy"
    changed: tuple[str, ...] = ()

    @property
    def commit(self) -> str | None:
        """The commit that its code was built from, as its messages say."""
        return self._noted(COMMIT, self.contents.get("code"))

    @property
    def machine(self) -> str | None:
        """What the machine is called that published it last, as its messages say."""
        return self._noted(MACHINE, max(self.contents.values(), key=lambda version: version.time, default=None))

    @staticmethod
    def _noted(name: str, version: Version | None) -> str | None:
        said = version.notes.get(name) if version else None
        return said if isinstance(said, str) else None

    @property
    def left(self) -> frozenset[str]:
        """The files that were left for this release, by request or because they failed."""
        return frozenset(str(version.notes[LEFT]) for version in self.contents.values() if LEFT in version.notes)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        told = ("number", "time", "version", "kind", "changed", "commit", "machine")
        contents = {role: asdict(version) for role, version in self.contents.items()}
        return {**{name: getattr(self, name) for name in told}, "contents": contents}

    def matches(self, wanted: str) -> bool:
        """Tell whether a project version or the beginning of a hash names this release."""
        hashes = [each for version in self.contents.values() for each in (version.item_hash, version.file_hash)]
        hashes += [str(version.notes.get("sha256") or "") for version in self.contents.values()]
        by_hash = len(wanted) >= _SHORTEST_PREFIX and any(each.startswith(wanted) for each in hashes)
        return wanted == self.version or by_hash


def live_volumes(state: State, program: Program) -> dict[str, Volume]:
    """Return the volumes of a program that this tool made, by role."""
    named = [program.ref("code", "")] + [volume.get("ref") for volume in program.content.get("volumes") or ()]
    volumes = (state.volumes[ref] for ref in named if ref in state.volumes)
    return {volume.role: volume for volume in volumes if volume.role is not None}


def releases(state: State) -> tuple[Release, ...]:
    """Return the releases that could run again, the present one first.

    A deployment publishes code last, so each content of the code, with the other volumes that were the newest then, is
    a release; and so is each content of another volume that was published for code that stayed.
    """
    by_role: dict[str, list[Version]] = {}
    for volume in state.volumes.values():
        if volume.role is not None:
            by_role.setdefault(volume.role, []).extend(volume.versions)
    code = by_role.get("code", [])
    others = (version for role, versions in by_role.items() if role != "code" for version in versions)
    moments = sorted(
        {each.time for each in (*code, *(other for other in others if _is_alone(other, code)))}, reverse=True
    )
    newest = max((version.time for versions in by_role.values() for version in versions), default=0.0)
    noted = {version.time: version.notes.get(NUMBER) for versions in by_role.values() for version in versions}
    numbers = _numbers([noted[moment] for moment in reversed(moments)])[::-1]
    if moments:
        # Packages without new code: no build leaves that, but whoever amends by hand does.
        moments[0] = max(moments[0], newest)
    found: list[Release] = []
    for number, moment in zip(numbers, moments, strict=True):
        contents = {
            role: max((version for version in versions if version.time <= moment), key=lambda each: each.time)
            for role, versions in by_role.items()
            if any(version.time <= moment for version in versions)
        }
        said = contents["code"].notes.get("version") if "code" in contents else None
        # What is put back marks what failed, which came right before it.
        failed = bool(found) and found[-1].kind == "put back" and found[-1].left & _files(contents)
        kind = "failed" if failed else _kind(contents)
        found.append(Release(number, moment, str(said) if said is not None else None, contents, kind))
    return tuple(
        replace(release, changed=_changed(release, before))
        for release, before in zip(found, (*found[1:], None)[: len(found)], strict=True)
    )


def _numbers(noted: Iterable[object]) -> list[int]:
    """Return the numbers of releases, oldest first: as noted, unless one before has it already."""
    numbers: list[int] = []
    for said in noted:
        following = numbers[-1] + 1 if numbers else 1
        numbers.append(said if isinstance(said, int) and following < said < _LARGEST_NUMBER else following)
    return numbers


def next_number(state: State) -> int:
    """Return the number of the release that is published next."""
    return max((release.number for release in releases(state)), default=0) + 1


def _changed(release: Release, before: Release | None) -> tuple[str, ...]:
    was = before.contents if before else {}
    roles = (
        role for role, each in release.contents.items() if role not in was or was[role].file_hash != each.file_hash
    )
    return tuple(sorted(roles))


def _is_alone(version: Version, code: Sequence[Version]) -> bool:
    """Tell whether a content was published for the code that was there already."""
    before = max((each for each in code if each.time <= version.time), key=lambda each: each.time, default=None)
    return before is not None and version.notes.get("code") == before.notes.get("sha256")


def _kind(contents: Mapping[str, Version]) -> Kind:
    last = max(contents.values(), key=lambda version: version.time, default=None)
    said = last.notes.get(KIND) if last else None
    return said if said in ("rollback", "put back") else "deploy"


def find_release(found: Sequence[Release], wanted: str | None) -> Release:
    """Return the release that is meant: the last before the present that answered, unless another is named.

    Without a name it is neither one that failed nor one that a roll-back has just left.

    Raises:
        PlanError: There is none, or several that the word could mean.
    """
    hint = f"{typed('history')} lists what is still pinned."
    if wanted is None:
        avoided = _avoided(found)
        present = _files(found[0].contents) if found else frozenset()
        other = [each for each in found[1:] if _files(each.contents) != present and not avoided & _files(each.contents)]
        if not other:
            raise PlanError("There is no earlier content that answered to go back to.", hint=hint)
        return other[0]
    matching = [release for release in found if wanted == str(release.number)]
    matching = matching or [release for release in found if release.matches(wanted)]
    distinct = {_files(release.contents) for release in matching}
    if not matching:
        raise PlanError(f"No release is called {wanted}", hint=hint)
    if len(distinct) > 1:
        numbers = ", ".join(str(release.number) for release in matching)
        raise PlanError(f"{wanted} could be any of the releases {numbers}", hint=f"Name it by its number. {hint}")
    return matching[0]


def _avoided(found: Sequence[Release]) -> frozenset[str]:
    """Return the files of releases that failed, and of those that the latest roll-backs in a row have left."""
    files: set[str] = set()
    back = True
    for newer, release in zip((None, *found), found, strict=False):
        back = back and release.kind == "rollback"
        if back:
            files |= release.left
        if release.kind == "failed" and newer is not None:
            files |= newer.left
    return frozenset(files)


def _files(contents: Mapping[str, Version]) -> frozenset[str]:
    return frozenset(version.file_hash for version in contents.values())
