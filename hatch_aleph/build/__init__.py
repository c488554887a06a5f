"""From a project to its artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph import interpreters
from hatch_aleph.artifact import FILE, Artifact
from hatch_aleph.build.cache import Memory
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.fingerprint import fingerprint_of
from hatch_aleph.shapes import ANYTHING, TEXT, Shape
from hatch_aleph.uv import left_out

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.project import Project

_RESULT: Shape = {"manifest": FILE, "told": [TEXT], "python": TEXT, "interpreter": ANYTHING}


def build_artifact(project: Project, destination: Path, *, profile: str | None = None, **options: Any) -> Artifact:
    """Build the images of code, packages and volumes, and the manifest, unless they are there already.

    Everything is written apart and moved into place at the end, the manifest last: a build that fails or is cut off
    leaves what was there.

    Args:
        project: What to build.
        destination: Folder for the files, usually ``dist``.
        profile: Name of the profile to lay over the settings.
        **options: As :class:`BuildContext` has them: ``metadata``, ``locked``, ``offline``, ``searched``,
            ``published``, ``notice``, ``observer``.

    Raises:
        HatchAlephError: Of the kind that fits.
    """
    context = BuildContext(project, destination, profile, **options)
    ignored = left_out()
    if ignored:  # whatever an earlier build was told
        context.notice(ignored)
    context.observer.step("build")
    memory = Memory(context.cache, destination)
    key = fingerprint_of(context)
    earlier = memory.recall(key, _RESULT) if key else None
    if earlier is not None and _newest(context, earlier["python"]) == earlier["interpreter"]:
        for text in earlier["told"]:
            context.tell(text)
        artifact = Artifact.load(destination / earlier["manifest"])
        context.observer.done("build", unchanged=True)
        return artifact
    artifact = _build(context, memory, key)
    context.observer.done("build", unchanged=False)
    return artifact


def _newest(context: BuildContext, minor: str) -> list[Any]:
    """Return the identity of the interpreter that a build would use now, nothing for none."""
    found = interpreters.find(minor, memory=context.cache.interpreters) if minor else None
    return found.identity if found else []


def _build(context: BuildContext, memory: Memory, key: str | None) -> Artifact:
    from hatch_aleph.build.code import build_code
    from hatch_aleph.build.links import refuse_link_as_output
    from hatch_aleph.build.manifest import write_manifest
    from hatch_aleph.build.packages import build_packages
    from hatch_aleph.build.staging import Staging, file_names
    from hatch_aleph.build.volumes import build_volumes
    from hatch_aleph.squashfs.pool import in_background

    refuse_link_as_output(context.project.root, context.destination)
    context.observer.step("interpreter", python=context.runtime.python)
    interpreter = context.interpreter()
    context.observer.done("interpreter")
    with Staging(context.destination) as staging:
        # Resolving mostly waits, and so does building a wheel: they wait together.
        packages = in_background(lambda: build_packages(context, staging.folder, interpreter))
        try:
            code = build_code(context, staging.folder, interpreter, packages.result)
        except Exception:  # what is wrong with the dependencies comes first; an interrupt waits for nothing
            packages.result()
            raise
        vendored = packages.result()
        context.warn(*vendored.warnings)
        images = (code, *([vendored.image] if vendored.image else ()), *build_volumes(context, staging.folder))
        manifest = write_manifest(context, images, vendored.distributions)
        path = staging.finish(context.stem, manifest)
    artifact = Artifact(path, manifest)
    if key:
        python = context.runtime.python if context.settings.bytecode else ""
        used = interpreter.identity if interpreter else []
        result = {"manifest": path.name, "told": context.told, "python": python, "interpreter": used}
        files = [path, *(context.destination / name for name in file_names(context.stem, manifest))]
        memory.remember(key, result, files, until=vendored.until)
    return artifact
