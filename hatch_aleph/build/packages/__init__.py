"""The packages image: a project's dependencies, right for the runtime, with ready bytecode, built once."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import DISTRIBUTION_SHAPE, IMAGE_SHAPE, Distribution, Image, lock_and_sbom_names
from hatch_aleph.build.bytecode import FORMAT as BYTECODE
from hatch_aleph.build.cache import Memory, key_of
from hatch_aleph.build.packages.result import PackagesResult
from hatch_aleph.shapes import NUMBER, TEXT, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.interpreters import Interpreter

__all__ = ["PackagesResult", "build_packages"]

FORMAT = 6  # raised whenever the same inputs give another image, or what is noted of a build has another form


_RESULT: Shape = {
    "image": IMAGE_SHAPE,
    "distributions": [DISTRIBUTION_SHAPE],
    "warnings": [TEXT],
    "until": NUMBER,
}


def build_packages(context: BuildContext, folder: Path, interpreter: Interpreter | None) -> PackagesResult:
    """Write the packages image, its lock and its bill of materials, unless the destination has them already.

    Args:
        context: The build.
        folder: Receives the files.
        interpreter: Makes the bytecode; None for none.

    Raises:
        SettingsError: For extras and groups that the project does not have.
        DependencyError: When a dependency cannot be resolved, fetched, verified or run.
        ImageError: When the image cannot be written, or is above the budget.
    """
    from hatch_aleph.build.packages.inputs import gather

    project, settings = context.project, context.settings
    inputs = gather(project, settings, context.runtime)
    if not inputs.any:
        return PackagesResult(None, warnings=inputs.unread)
    memory = Memory(context.cache, context.destination)
    key = key_of(
        FORMAT, inputs.digest, inputs.unread, str(project.root), context.stem,
        interpreter.identity if interpreter else [], settings.exclude, settings.prune, asdict(settings.compression),
        settings.budget_mib, settings.adapter, context.locked, settings.optimize, settings.interface,
        settings.packed_modules, BYTECODE,
    )  # fmt: skip
    earlier = memory.recall(key, _RESULT, forever=context.offline)
    if earlier is not None:
        return _result(earlier, context.destination)
    from hatch_aleph.build.packages.image import ImageBuild
    from hatch_aleph.build.packages.recipe import Recipe

    recipe = Recipe(settings, context.runtime, interpreter)
    result = ImageBuild(context, recipe, folder).build(inputs)
    if result.image is None:
        return result
    files = [folder / name for name in (result.image.file, *lock_and_sbom_names(context.stem))]
    memory.remember(key, asdict(result), files, until=result.until)
    return replace(result, file=files[0])


def _result(earlier: dict[str, Any], folder: Path) -> PackagesResult:
    """Return a remembered result."""
    image = Image(**earlier["image"])
    distributions = tuple(
        Distribution(each["name"], each["version"], tuple(each["hashes"])) for each in earlier["distributions"]
    )
    return PackagesResult(image, distributions, tuple(earlier["warnings"]), earlier["until"], folder / image.file)
