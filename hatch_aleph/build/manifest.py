"""The manifest of a build: the program's message content as far as a build can know it.

The network's own models judge the content when it is about to be published; what settings may say never goes beyond
them, which a test proves, so a build needs no models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph import __version__
from hatch_aleph.artifact import Distribution, Image, Manifest
from hatch_aleph.settings.program_message import program_content

if TYPE_CHECKING:
    from hatch_aleph.build.context import BuildContext


def write_manifest(
    context: BuildContext, images: tuple[Image, ...], distributions: tuple[Distribution, ...]
) -> Manifest:
    """Put a manifest together; the first image is the code's."""
    project, settings, runtime = context.project, context.settings, context.runtime
    return Manifest(
        project={"name": project.name, "version": project.version},
        profile=settings.profile,
        program=program_content(settings, runtime, name=project.name, encoding=images[0].encoding),
        images=images,
        distributions=tuple(sorted(distributions, key=lambda each: each.name)),
        runtime=runtime,
        tool={"name": "hatch-aleph", "version": __version__},
        settings=settings.publishing,
        warnings=tuple(context.warnings),
    )
