"""From a project to its artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.artifact import SUFFIX, Artifact
from hatch_aleph.errors import ImageError, SettingsError
from hatch_aleph.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.build.packages import Published
    from hatch_aleph.project import Project


def build_artifact(
    project: Project,
    destination: Path,
    *,
    profile: str | None = None,
    metadata: Any = None,
    notice: Callable[[str], None] = lambda _: None,
    locked: bool = False,
    offline: bool = False,
    published: Published | None = None,
) -> Artifact:
    """Build the packages image, the code image and the manifest.

    The manifest is written last, so a build that fails leaves no artifact that looks finished.

    Args:
        project: What to build.
        destination: Folder for the files, usually ``dist``.
        profile: Name of the profile to lay over the settings.
        metadata: hatchling's metadata when hatchling is calling.
        notice: Told what the user should know, a line each.
        locked: Fail when the lock is stale.
        offline: Use caches alone.
        published: Fetches the packages image of the same inputs, if there is one.

    Raises:
        HatchAlephError: Of the kind that fits; nothing half-written is left.
    """
    from hatch_aleph.build.unchanged import State

    state = State.take(project, destination, profile=profile, ways=(locked, offline, metadata is None))
    earlier = state.recall()
    if earlier is not None:
        return earlier
    told: list[str] = []

    def noticed(text: str) -> None:
        told.append(text)
        notice(text)

    from hatch_aleph.build.aside import Aside
    from hatch_aleph.build.bytecode import find_interpreter
    from hatch_aleph.build.code import build_code
    from hatch_aleph.build.entrypoint import holds_module
    from hatch_aleph.build.manifest import check_program, write_manifest
    from hatch_aleph.build.packages import build_packages

    _register_runtimes()
    settings = project.settings(profile)
    runtime = runtimes.find(settings.runtime, settings.python)
    if runtime is None:  # checked with the settings
        raise SettingsError(f"unknown runtime {settings.runtime}")
    interpreter = find_interpreter(runtime, state.cache, noticed, offline=offline) if settings.bytecode else None
    stem = project.stem if profile is None else f"{project.stem}-{profile}"
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError.unwritable(destination, error) from error
    # Resolving mostly waits, and so does building a wheel: they wait together.
    aside = Aside(
        lambda: build_packages(
            project,
            settings,
            runtime,
            destination,
            stem=stem,
            interpreter=interpreter,
            notice=noticed,
            locked=locked,
            offline=offline,
            published=published,
        )
    )

    def packages_inputs() -> str:
        image = aside.result().image
        return image.inputs if image else ""

    def vendored(module: str) -> bool:
        from hatch_aleph.squashfs import list_image

        image = aside.result().image
        return image is not None and holds_module((each.path for each in list_image(destination / image.file)), module)

    cautions: list[str] = []
    try:
        check_program(project, settings, runtime)
        code = build_code(
            project,
            settings,
            runtime,
            destination,
            stem=stem,
            packages_inputs=packages_inputs,
            vendored=vendored,
            interpreter=interpreter,
            metadata=metadata,
            caution=_both(cautions.append, noticed),
        )
    finally:  # what is wrong with the dependencies is told first, and nothing runs on behind a failure
        packages = aside.result()
    images = (code, packages.image) if packages.image else (code,)
    manifest = write_manifest(
        project,
        settings,
        runtime,
        images=images,
        distributions=packages.distributions,
        warnings=(*packages.warnings, *cautions),
    )
    path = destination / f"{stem}{SUFFIX}"
    try:
        write_atomic(path, manifest.to_json())
    except OSError as error:
        raise ImageError.unwritable(path, error) from error
    artifact = Artifact(path, manifest)
    if not told:  # what was said is to be said again
        state.keep(artifact, until=packages.until)
    return artifact


def _both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    def tell(text: str) -> None:
        first(text)
        second(text)

    return tell


def _register_runtimes() -> None:
    """Make the runtimes of plugins known, before settings are checked."""
    from hatch_aleph.hookspecs import hooks

    for given in hooks().aleph_runtimes():
        for each in given:
            runtimes.register(each)
