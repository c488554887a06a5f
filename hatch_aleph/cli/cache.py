"""``hatch-aleph cache``: what builds left for later ones."""

from __future__ import annotations

from dataclasses import asdict

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.observer import size_text

DAYS = 30.0


@click.group(epilog="Example: hatch-aleph cache prune --days 7")
def cache() -> None:
    """Show, prune and clear what builds keep for later ones; HATCH_ALEPH_CACHE moves it."""


@cache.command(epilog="Example: hatch-aleph cache show")
@with_context()
def show(context: Context) -> None:
    """Tell where the cache is and what it takes."""
    from hatch_aleph.build.cache import Cache

    found = Cache.default()
    usages = found.usage()
    rows = [(each.kind, f"{each.entries:,}", size_text(each.size)) for each in usages]
    context.output.table(str(found.root), ("kind", "files", "size"), rows)
    context.output.result({"folder": str(found.root), "kinds": [asdict(each) for each in usages]})


@cache.command(epilog="Example: hatch-aleph cache prune --days 7")
@with_context()
@click.option("--days", type=click.FloatRange(min=0), default=DAYS, show_default=True, help="Age since the last use.")
def prune(context: Context, *, days: float) -> None:
    """Remove what was not used for some time, and what killed builds left."""
    from hatch_aleph.build.cache import Cache

    freed = Cache.default().prune(days)
    context.output.result({"freed": freed}, f"{size_text(freed)} freed")


@cache.command(epilog="Example: hatch-aleph cache clear")
@with_context()
def clear(context: Context) -> None:
    """Remove all of it; the next build makes it anew."""
    from hatch_aleph.build.cache import Cache

    freed = Cache.default().clear()
    context.output.result({"freed": freed}, f"{size_text(freed)} freed")
