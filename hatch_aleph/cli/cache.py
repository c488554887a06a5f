"""``hatch-aleph cache``: what builds left for later ones."""

from __future__ import annotations

from dataclasses import asdict

import click

from hatch_aleph.cli.options import Common, common

DAYS = 30.0


@click.group(epilog="Example: hatch-aleph cache prune --days 7")
def cache() -> None:
    """Show, prune and clear what builds keep for later ones; HATCH_ALEPH_CACHE moves it."""


@cache.command(epilog="Example: hatch-aleph cache show")
@common()
def show(shared: Common) -> None:
    """Tell where the cache is and what it takes."""
    from hatch_aleph.build.cache import Cache

    found = Cache.default()
    usages = found.usage()
    lines = [f"{each.kind:12} {each.entries:6} files {each.size / 1e6:9.1f} MB" for each in usages]
    shared.output.result(
        {"folder": str(found.root), "kinds": [asdict(each) for each in usages]}, "\n".join([str(found.root), *lines])
    )


@cache.command(epilog="Example: hatch-aleph cache prune --days 7")
@common()
@click.option("--days", type=click.FloatRange(min=0), default=DAYS, show_default=True, help="Age since the last use.")
def prune(shared: Common, *, days: float) -> None:
    """Remove what was not used for some time, and what killed builds left."""
    from hatch_aleph.build.cache import Cache

    freed = Cache.default().prune(days)
    shared.output.result({"freed": freed}, f"{freed / 1e6:.1f} MB freed")


@cache.command(epilog="Example: hatch-aleph cache clear")
@common()
def clear(shared: Common) -> None:
    """Remove all of it; the next build makes it anew."""
    from hatch_aleph.build.cache import Cache

    freed = Cache.default().clear()
    shared.output.result({"freed": freed}, f"{freed / 1e6:.1f} MB freed")
