"""What a plan changes inside the images: distributions by name and size, own files by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.build.image_contents import LARGEST_READ, Contents, contents_of, remembered
from hatch_aleph.commands import typed
from hatch_aleph.errors import NetworkError
from hatch_aleph.files import scratch_folder
from hatch_aleph.observer import size_text
from hatch_aleph.secrets.archives import FAULTS
from hatch_aleph.squashfs import SquashfsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.deploy.plan import ImageStep, Plan
    from hatch_aleph.network.client import NodeClient

_MOST = 8  # names in a line


@dataclass(frozen=True)
class ImageChanges:
    """What differs between two images, each as it is shown.

    Attributes:
        noun: What is counted: distributions or files.
        count: How many there will be; None where that takes too long to find out.
        added: What is new; of a first image its heaviest distributions.
        removed: What goes.
        changed: What stays under its name and is another.
        is_first: Whether there is nothing to compare with.
        is_known: Whether this machine could compare it with what is live.
    """

    noun: str
    count: int | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    is_first: bool = False
    is_known: bool = True

    @property
    def text(self) -> str:
        """The difference in one line."""
        if self.is_first:
            heaviest = f", heaviest {', '.join(self.added[:3])}" if self.added and self.noun == "distribution" else ""
            return f"{self._counted}{heaviest}"
        if not self.is_known:
            return f"{self._counted}: this machine does not know what changes, {typed('diff')} fetches what is live"
        kinds = {"added": self.added, "removed": self.removed, "changed": self.changed}
        told = ", ".join(f"{len(names)} {kind}" for kind, names in kinds.items() if names)
        marks = zip("+-~", kinds.values(), strict=True)
        names = [f"{mark} {name}" for mark, each in marks for name in each]
        more = f", and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
        listed = f": {', '.join(names[:_MOST])}{more}" if names else ""
        return f"{self._counted}, {told or 'none changed'}{listed}"

    @property
    def _counted(self) -> str:
        return f"{'' if self.count is None else f'{self.count:,} '}{self.noun}{'' if self.count == 1 else 's'}"


def image_changes(client: NodeClient, artifact: Artifact, plan: Plan) -> dict[str, ImageChanges]:
    """Return what changes inside each image that a plan publishes, by role; of a damaged one nothing.

    What is live is known where this machine has built or read it; else it is fetched if it is small.
    """
    found = {}
    for step in plan.images:
        file = artifact.file(next(image for image in artifact.manifest.images if image.role == step.role))
        if not step.sends or not file.exists():
            continue
        try:
            after = contents_of(file, step.role, step.sha256)
            before = _live(client, step) if step.before else Contents()
        except (SquashfsError, *FAULTS):  # what is damaged is told by what verifies it
            continue
        if after is not None and before is not None:
            found[step.role] = _compared(before, after, is_first=step.before is None)
        elif step.before:
            noun = "distribution" if step.role == "packages" else "file"
            count = len(after.distributions or after.files) if after else None
            found[step.role] = ImageChanges(noun, count, is_known=False)
    return found


def _live(client: NodeClient, step: ImageStep) -> Contents | None:
    before = str(step.before)
    known = remembered(before)
    if known is not None or step.size > LARGEST_READ or step.engine != "storage":
        return known
    with scratch_folder() as folder:
        try:
            client.download(before, folder / "live", size=LARGEST_READ)
        except NetworkError:  # large, or kept elsewhere; `diff` says so
            return None
        return contents_of(folder / "live", step.role, before)


def _compared(before: Contents, after: Contents, *, is_first: bool) -> ImageChanges:
    if after.distributions or before.distributions:
        old, new = before.distributions, after.distributions
        return ImageChanges(
            "distribution",
            len(new),
            tuple(f"{n} {new[n].version} {size_text(new[n].size)}" for n in _heaviest(after) if n not in old),
            tuple(f"{n} {old[n].version} {size_text(old[n].size)}" for n in _heaviest(before) if n not in new),
            tuple(
                f"{n} {old[n].version} → {new[n].version} {size_text(old[n].size)} → {size_text(new[n].size)}"
                for n in _heaviest(after)
                if n in old and (old[n].version != new[n].version or abs(old[n].size - new[n].size) >= 1)
            ),
            is_first,
        )
    files: tuple[Mapping[str, str], Mapping[str, str]] = (before.files, after.files)
    return ImageChanges(
        "file",
        len(after.files),
        tuple(sorted(set(files[1]) - set(files[0]))),
        tuple(sorted(set(files[0]) - set(files[1]))),
        tuple(sorted(path for path in files[1] if files[0].get(path, files[1][path]) != files[1][path])),
        is_first,
    )


def _heaviest(contents: Contents) -> list[str]:
    return sorted(contents.distributions, key=lambda name: (-contents.distributions[name].size, name))
