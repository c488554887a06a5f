"""``hatch-aleph inspect --imports``: what a cold start spends its time on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from hatch_aleph.observer import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.cli.context import Context
    from hatch_aleph.local.host import Imports, Place, ProgramSpec


def measure(context: Context, artifact: Artifact) -> Imports:
    """Import the entry point in the local guest; return what its imports cost.

    Raises:
        GuestError: It cannot be imported, or is no Python.
    """
    from hatch_aleph.local.host import measure_imports

    with _placed(context, artifact) as (spec, place):
        return measure_imports(spec, place)


@contextlib.contextmanager
def _placed(context: Context, artifact: Artifact) -> Iterator[tuple[ProgramSpec, Place]]:
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.files import scratch_folder
    from hatch_aleph.local.host import built, place_here

    spec = asyncio.run(built(artifact))
    with scratch_folder() as volumes:
        yield spec, place_here(spec.python, cache=Cache.default().host, volumes=volumes, notice=context.output.notice)


def show_imports(context: Context, artifact: Artifact, rows: int | None) -> None:
    """Tell which packages and modules took how long, and how much was read of each package."""
    from hatch_aleph.local.host import by_package, measure_imports, unused_packages

    with _placed(context, artifact) as (spec, place):
        costs, reads = measure_imports(spec, place)
        unused = unused_packages(spec, place, costs)
    total = max((each.cumulative_ms for each in costs), default=0.0)
    packages = [(name, spent, *reads.get(name, (0, 0))) for name, spent in by_package(costs)]
    if not context.output.as_json:
        context.output.table(
            f"{spec.entrypoint}: {total:.0f} ms\n\nBy package",
            ("", "ms", "reads", "read"),
            [(name, f"{spent:.1f}", str(count), size_text(size)) for name, spent, count, size in packages[:rows]],
        )
        context.output.say()
        context.output.table(
            "By module, with what it imports first",
            ("", "ms", "of it alone"),
            [
                (each.module, f"{each.cumulative_ms:.1f}", f"{each.self_ms:.1f}")
                for each in sorted(costs, key=lambda each: -each.cumulative_ms)[:rows]
            ],
        )
        if unused:
            context.output.say()
            saved = ", ".join(f"{name} (up to {spent:.0f} ms)" for name, spent in unused)
            context.output.say(f"The answer to GET / does without {saved}.")
            context.output.say(
                f"lazy = {json.dumps([name for name, _ in unused])} in [tool.aleph] puts these imports off."
            )
    fields = {
        "total_ms": total,
        "packages": {name: spent for name, spent, _, _ in packages},
        "reads": {name: {"reads": count, "bytes": size} for name, (count, size) in reads.items()},
        "unused": dict(unused),
        "modules": [asdict(each) for each in costs],
    }
    context.output.result(fields, None)
