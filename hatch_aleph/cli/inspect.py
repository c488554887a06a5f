"""``hatch-aleph inspect``: what weighs what."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.artifact import SUFFIX
from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import FILE
from hatch_aleph.observer import size_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_aleph.build.sizes import Sizes, Weight

_ROWS = 15


@click.command(epilog="Example: hatch-aleph inspect dist --html sizes.html")
@with_context("named", "project")
@click.option("--html", "picture", type=FILE, help="Write a picture here.")
@click.option("--depth", type=click.IntRange(min=1), default=2, show_default=True, help="Depth of the folders.")
@click.option("--all", "everything", is_flag=True, help="List everything, not the heaviest alone.")
@click.option("--imports", is_flag=True, help="Tell what the entry point's import costs in the local guest instead.")
def inspect(context: Context, *, picture: Path | None, depth: int, everything: bool, imports: bool) -> None:
    """Tell what weighs what: by distribution, folder and kind; installed, compressed, bytecode.

    MANIFEST is the artifact of a build; an image, or a folder with one artifact, will do as well. [default: dist]
    """
    from hatch_aleph.build.sizes import images_of, measured
    from hatch_aleph.errors import ImageError

    rows = None if everything else _ROWS
    lying = replace(context, no_build=True)
    if imports:
        from hatch_aleph.cli.imports import show_imports

        show_imports(context, lying.artifact(), rows)
        return
    results: list[dict[str, Any]] = []
    measures: list[tuple[str, Sizes]] = []
    for image in images_of(_chosen(lying)):
        sizes = measured(image)
        results.append(_fields(image, sizes, depth))
        if not context.output.as_json:
            _show(context, image, sizes, depth, rows)
        measures.append((image.name, sizes))
    if picture is not None:
        from hatch_aleph.files import write_atomic
        from hatch_aleph.report.document import Report, render

        try:
            write_atomic(picture, render(Report(", ".join(name for name, _ in measures), (), images=measures)))
        except OSError as error:
            raise ImageError(error.strerror or "The picture cannot be written", where=str(picture)) from error
    context.output.result({"images": results}, str(picture) if picture else None)


def _chosen(context: Context) -> Path:
    named = context.manifest
    is_image = named is not None and named.is_file() and not named.name.endswith(SUFFIX)
    return named if named is not None and is_image else context.artifact().path


def _fields(image: Path, sizes: Sizes, depth: int) -> dict[str, Any]:
    def table(weights: Mapping[str, Weight]) -> dict[str, Any]:
        return {
            name: {**asdict(weight), "compressed": round(weight.compressed), "bytecode": round(weight.bytecode)}
            for name, weight in weights.items()
        }

    return {
        "file": str(image),
        "size": sizes.image,
        "installed": sum(file.installed for file in sizes.files),
        "distributions": table(sizes.by_owner()),
        "folders": table(sizes.by_folder(depth)),
        "kinds": table(sizes.by_kind()),
        "prunings": {name: round(saved) for name, saved in sizes.savings().items()},
    }


def _show(context: Context, image: Path, sizes: Sizes, depth: int, rows: int | None) -> None:
    installed = sum(file.installed for file in sizes.files)
    title = f"{image.name}: {size_text(sizes.image)}, {size_text(installed)} installed, {len(sizes.files)} files"
    for heading, weights in (
        (title + "\n\nBy distribution", sizes.by_owner()),
        ("By folder", sizes.by_folder(depth)),
        ("By kind", sizes.by_kind()),
    ):
        context.output.table(
            heading,
            ("", "files", "installed", "compressed", "bytecode"),
            [
                (
                    name,
                    str(weight.files),
                    size_text(weight.installed),
                    size_text(weight.compressed),
                    size_text(weight.bytecode),
                )
                for name, weight in list(weights.items())[:rows]
            ],
        )
        context.output.say()
    for name, saved in sizes.savings().items():
        if saved:
            context.output.say(f'prune = ["{name}"] would save up to {size_text(saved)}')
