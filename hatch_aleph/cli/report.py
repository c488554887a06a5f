"""``hatch-aleph report``: one page about a project as a program."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.output import moment, style
from hatch_aleph.cli.tables import terminal_width
from hatch_aleph.cli.value_types import FILE
from hatch_aleph.errors import ArtifactError, HatchAlephError
from hatch_aleph.network.money import amount
from hatch_aleph.observer import MIB, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.build.sizes import Sizes
    from hatch_aleph.cli.output import Output
    from hatch_aleph.local.host import ImportCost
    from hatch_aleph.report.document import Component, Money, Report

_STORAGE = 100 * MIB
_BAR = 30  # characters
_ROWS = 8
_YEAR, _SOON = 365, 7  # days


@click.command(epilog="Example: hatch-aleph report --html report.html")
@with_context("project", "named", "dist", "node", "account", "host", "owner", "state")
@click.option("--html", "page", type=FILE, help="Write the page to this file.")
@click.option("--no-network", is_flag=True, help="Leave out releases and cost, which a node knows.")
@click.option("--no-imports", is_flag=True, help="Leave out the cold start, for which the program is imported here.")
def report(context: Context, *, page: Path | None, no_network: bool, no_imports: bool) -> None:
    """Show what a start costs, what weighs what, what is in it, its releases and its cost, on one page.

    The page needs no network and no other file. Without --html the heaviest of each are shown here.
    """
    from hatch_aleph.artifact import Artifact
    from hatch_aleph.build.sizes import images_of, measured
    from hatch_aleph.files import write_atomic
    from hatch_aleph.local.host import by_package
    from hatch_aleph.report.document import Report, render

    artifact = context.built() or Artifact.find(context.dist_folder, context.profile)
    manifest = artifact.manifest
    images = [(image.name, measured(image)) for image in images_of(artifact.path)]
    imports = () if no_imports else _imports(context, artifact)
    made = Report(
        title=f"{manifest.project['name']} {manifest.project['version']}",
        facts=[("profile", manifest.profile)] if manifest.profile else [],
        images=images,
        imports=imports,
        components=_components(artifact),
        made=time.time(),
    )
    made = made if no_network else _with_deployment(context, artifact, made)
    made = replace(made, facts=[*made.facts, ("built by", f"hatch-aleph {manifest.tool['version']}")])
    if page is not None:
        try:
            write_atomic(page, render(made))
        except OSError as error:
            raise ArtifactError(f"The page cannot be written: {error.strerror}", where=str(page)) from error
    if not context.output.as_json and page is None:
        _bars(context.output, "Cold start", by_package(imports), "{:.2f} ms".format)
        for name, sizes in images:
            _show_sizes(context.output, name, sizes)
        _show_deployment(context.output, made)
    fields: dict[str, Any] = {
        "page": str(page) if page else None,
        "imports_ms": sum(cost.self_ms for cost in imports),
        "sizes": {name: sizes.image for name, sizes in images},
        "distributions": len(made.components),
        "timeline": asdict(made.timeline) if made.timeline else None,
        "releases": len(made.releases),
        "credits_a_day": made.money.day if made.money else None,
        "balance_ends": str(made.money.end(made.made)) if made.money and made.money.end(made.made) else None,
    }
    context.output.result(fields, str(page) if page else None)


def _imports(context: Context, artifact: Artifact) -> Sequence[ImportCost]:
    from hatch_aleph.cli.imports import measure

    try:
        return measure(context, artifact).costs
    except HatchAlephError as error:
        context.output.notice(f"The cold start is left out: {error.message}")
        return ()


def _with_deployment(context: Context, artifact: Artifact, report: Report) -> Report:
    """Add what the node, and this machine's record, tell of the deployment; what is not told is left out, and said."""
    from hatch_aleph.deploy.history import releases
    from hatch_aleph.deploy.status import read_status
    from hatch_aleph.report.document import Money
    from hatch_aleph.report.timeline import kept_timeline, timeline_of
    from hatch_aleph.settings import HealthCheck

    try:
        with context.client() as client:
            deployment = context.deployment(client, artifact)
            state = deployment.state()
            status = read_status(deployment, None, HealthCheck())
    except HatchAlephError as error:
        context.output.notice(f"Releases and cost are left out: {error.message}")
        return report
    facts = [("owner", status.owner), *([("program", status.item_hash)] if status.item_hash else [])]
    money = None
    if status.payment_type == "credit" and status.daily is not None and status.balance is not None:
        money = Money(status.daily, status.balance, max(status.spending or 0.0, status.daily))
    kept = kept_timeline(context.journals, deployment.owner, deployment.tag)
    timeline = timeline_of(state, kept)
    return replace(report, releases=releases(state), money=money, timeline=timeline, facts=[*report.facts, *facts])


def _show_deployment(output: Output, known: Report) -> None:
    """Show the last deployment, the newest releases, and how long the balance lasts."""
    from hatch_aleph.text import printable

    if known.timeline and known.timeline.is_seen:
        total = known.timeline.seconds or 1.0
        _title(output, f"Last deployment ({moment(known.timeline.began)}), s")
        width = max(len(phase.name) for phase in known.timeline.phases)
        for phase in known.timeline.phases:
            before, wide = (round(each / total * _BAR) for each in (phase.start, phase.seconds or 0.0))
            bar = " " * min(before, _BAR - 1) + "█" * max(wide, 1)
            output.say(f"  {printable(phase.name):{width}} {phase.seconds or 0.0:9.2f} {bar}")
    elif known.timeline:
        _title(output, "Last deployment, by its messages")
        for phase in known.timeline.phases:
            output.say(f"  {moment(known.timeline.began + phase.start)}  {printable(phase.name)}")
    if known.releases:
        _title(output, "Releases")
        for each in known.releases[:_ROWS]:
            live = style(" live", fg="green") if each is known.releases[0] else ""
            what = printable(f"{each.version or ''} {each.kind}")
            output.say(f"  {each.number:>3}  {moment(each.time)}  {what}{live}")
    if known.money:
        _show_balance(output, known.money, known.made)


def _show_balance(output: Output, money: Money, now: float) -> None:
    _title(output, "Cost")
    own, whole = (f"{amount(each, 'credit')} a day" for each in (money.day, money.owner_day))
    output.say(f"  {own} for this deployment, {whole} for all that the owner has")
    if money.days is None:
        return
    share = min(money.days / _YEAR, 1.0)
    end = money.end(now)
    colour = "red" if money.days < _SOON else "green"
    bar = style("█" * max(round(share * _BAR), 1), fg=colour) + "░" * (_BAR - max(round(share * _BAR), 1))
    when = f"ends on {end}" if end else "does not end"
    output.say(f"  {bar} {amount(money.balance, 'credit')} {when}, in {money.days:,.0f} days (bar: a year)")


def _components(artifact: Artifact) -> list[Component]:
    """Read the bill of materials beside the packages image; without it what the manifest says."""
    from hatch_aleph.artifact import SUFFIX, lock_and_sbom_names
    from hatch_aleph.report.document import Component

    _, name = lock_and_sbom_names(artifact.path.name.removesuffix(SUFFIX))
    try:
        listed = json.loads((artifact.path.parent / name).read_text("utf-8"))["components"]
        return [
            Component(
                str(each.get("name", "")),
                str(each.get("version", "")),
                ", ".join(
                    str(entry.get("expression") or entry.get("license", {}).get("name") or "")
                    for entry in each.get("licenses", ())
                ),
                str(next((digest["content"] for digest in each.get("hashes", ())), "")),
            )
            for each in listed
        ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # none, or not what we wrote
        return [
            Component(each.name, each.version, "", next(iter(each.hashes), "").removeprefix("sha256:"))
            for each in artifact.manifest.distributions
        ]


def _show_sizes(output: Output, name: str, sizes: Sizes) -> None:
    share = f"{sizes.image / _STORAGE:.1%} of the 100 MiB that nodes' own storage takes"
    weights = [(owner, weight.compressed) for owner, weight in sizes.by_owner().items()]
    _bars(output, f"{name}: {size_text(sizes.image)}, {share}", weights, size_text)
    saved = ", ".join(f"{rule} {size_text(each)}" for rule, each in sizes.savings().items() if each)
    if saved:
        output.say(f"  Pruning would save: {saved}")


def _bars(output: Output, title: str, values: Sequence[tuple[str, float]], told: Callable[[float], str]) -> None:
    from hatch_aleph.text import printable

    shown = [(printable(name), value) for name, value in values[:_ROWS] if value > 0]
    if not shown:
        return
    width = min(max(len(name) for name, _ in shown), terminal_width() - _BAR - 12)
    _title(output, title)
    for name, value in shown:
        bar = "█" * max(round(value / shown[0][1] * _BAR), 1)
        output.say(f"  {name[:width]:{width}} {told(value):>10} {bar}")


def _title(output: Output, text: str) -> None:
    output.say(style(f"\n{text}", bold=True))
