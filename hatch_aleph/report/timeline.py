"""What the last deployment spent its time on: as this machine saw it, else as the signed times of its messages tell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from hatch_aleph.deploy.history import live_volumes
from hatch_aleph.deploy.journal import file_name
from hatch_aleph.files import make_own_folder, write_atomic
from hatch_aleph.shapes import TEXT, Kind, Shape, misfit

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.deploy.state import Program, State, Version

_MOST = 60  # phases; what is larger was not written here
_LARGEST = 64_000  # bytes
_TIME = Kind("seconds, before the year 5138", lambda value: type(value) in (int, float) and 0 <= value < 1e11)  # noqa: PLR2004 - the year
_SHAPE: Shape = {"began": _TIME, "item_hash": TEXT, "phases": [{"name": TEXT, "start": _TIME, "seconds": _TIME}]}


@dataclass(frozen=True)
class Phase:
    """A part of a deployment: when it began, counted from the deployment's beginning, and how long it took.

    Attributes:
        name: What was done.
        start: Seconds.
        seconds: None where only a moment is known.
    """

    name: str
    start: float
    seconds: float | None


@dataclass(frozen=True)
class Timeline:
    """A deployment in time.

    Attributes:
        began: Seconds since 1970.
        phases: In the order in which they began.
        item_hash: Of the program; a timeline of another program is not the last deployment's.
        is_seen: Whether this machine saw it; else the messages' signed times are all that is known.
    """

    began: float
    phases: tuple[Phase, ...]
    item_hash: str
    is_seen: bool = True

    @property
    def seconds(self) -> float:
        """From its beginning to its end."""
        return max((phase.start + (phase.seconds or 0.0) for phase in self.phases), default=0.0)

    @property
    def ended(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.began + self.seconds


def keep_timeline(folder: Path, owner: str, tag: str, timeline: Timeline) -> None:
    """Write the timeline of a deployment that has ended, in place of the one before.

    Raises:
        OSError: It cannot be written; nothing but the report needs it.
    """
    file = _file(folder, owner, tag)
    make_own_folder(file.parent)
    data = {"began": timeline.began, "item_hash": timeline.item_hash, "phases": [asdict(p) for p in timeline.phases]}
    write_atomic(file, json.dumps(data, indent=1) + "\n")


def kept_timeline(folder: Path, owner: str, tag: str) -> Timeline | None:
    """Return the timeline that this machine kept; None where there is none, or what lies there is none."""
    try:
        with _file(folder, owner, tag).open("rb") as stream:
            data = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if misfit(data, _SHAPE) or len(data["phases"]) > _MOST:
        return None
    phases = tuple(Phase(each["name"], each["start"], each["seconds"]) for each in data["phases"])
    return Timeline(data["began"], phases, data["item_hash"])


def timeline_of(state: State, kept: Timeline | None) -> Timeline | None:
    """Return the timeline of what is live: the kept one if it is of the last deployment, else the messages'.

    Args:
        state: What is live.
        kept: What this machine kept.
    """
    if not state.programs:
        return None
    program = state.programs[0]
    contents = {role: volume.current for role, volume in live_volumes(state, program).items()}
    newest = max([program.time, *(version.time for version in contents.values())])
    # Signed times are whole messages after the beginning and before the end of what this machine saw.
    if kept and kept.item_hash == program.item_hash and kept.began <= newest <= kept.ended + 1:
        return kept
    return _of_messages(program, contents)


def _of_messages(program: Program, contents: dict[str, Version]) -> Timeline:
    code = contents.get("code")
    digest = code.notes.get("sha256") if code else None
    # Contents name the code that they were published with; others are of earlier deployments.
    signed = [
        (version.time, f"{role} signed")
        for role, version in contents.items()
        if version is code or (digest and version.notes.get("code") == digest)
    ]
    if code is None or program.time >= code.time:
        signed.append((program.time, "program signed"))
    signed.sort()
    began = signed[0][0]
    phases = tuple(Phase(name, moment - began, None) for moment, name in signed)
    return Timeline(began, phases, program.item_hash, is_seen=False)


def _file(folder: Path, owner: str, tag: str) -> Path:
    return folder / "timeline" / file_name(owner, tag)
