"""The page: one HTML file that needs nothing else, in light and dark, to read and to print."""

from __future__ import annotations

import datetime as dt
import html
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from hatch_aleph.local.host import by_package
from hatch_aleph.network.money import amount, days_text
from hatch_aleph.observer import MIB, size_text
from hatch_aleph.report.icicle import icicle
from hatch_aleph.report.treemap import KEYS, boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch_aleph.build.sizes import Sizes
    from hatch_aleph.deploy.history import Release
    from hatch_aleph.local.host import ImportCost
    from hatch_aleph.report.timeline import Timeline

_STORAGE, _IPFS = 100 * MIB, 1024 * MIB  # what nodes take by default, as the packages' build knows them
_PACKAGES_SHOWN = 15


@dataclass(frozen=True)
class Component:
    """One vendored distribution."""

    name: str
    version: str
    licence: str
    sha256: str


@dataclass(frozen=True)
class Money:
    """What the deployment costs: credits a day, and the balance that pays for all that the owner has."""

    day: float
    balance: float
    owner_day: float

    @property
    def days(self) -> float | None:
        """How long the balance lasts; None without end."""
        return self.balance / self.owner_day if self.owner_day > 0 else None

    def end(self, now: float) -> dt.date | None:
        """Return the day on which the balance ends; None when that is no day of this calendar."""
        if self.days is None or self.days > 36_500:  # noqa: PLR2004 - a hundred years
            return None
        return (dt.datetime.fromtimestamp(now, dt.timezone.utc) + dt.timedelta(days=self.days)).date()


@dataclass(frozen=True)
class Report:
    """What is known; what is absent has no section.

    Attributes:
        title: The project with its version.
        facts: Short lines below the title: (name, value).
        images: Name, role and sizes of each image.
        imports: What the cold start spends its time on, in the order in which imports ended.
        components: The bill of materials.
        timeline: Of the last deployment.
        releases: The present one first.
        money: Cost and balance.
        made: When the page was made, in seconds since 1970.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    images: Sequence[tuple[str, Sizes]] = ()
    imports: Sequence[ImportCost] = ()
    components: Sequence[Component] = ()
    timeline: Timeline | None = None
    releases: Sequence[Release] = ()
    money: Money | None = None
    made: float = 0.0


def render(report: Report) -> str:
    """Return the page."""
    facts = "".join(f"<span>{html.escape(name)}: <b>{html.escape(value)}</b></span>" for name, value in report.facts)
    parts = [
        f'<p class="facts">{facts}</p>',
        _section("Cold start", _cold_start, report.imports),
        _section("Sizes", _sizes, report.images),
        _section("The last deployment", _timeline, report.timeline),
        _section("Releases", _releases, report.releases),
        _section("Cost", _cost, report.money, report.made),
        _section("What is in it", _components, report.components),
    ]
    title = html.escape(report.title)
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>\n{style}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )


def _section(title: str, body: Callable[..., str], data: object, *more: object) -> str:
    return f"<h2>{title}</h2>{body(data, *more)}" if data else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """Return a table; cells are HTML already."""

    def cell(tag: str, number: int, text: str) -> str:
        return f"<{tag}{' class=n' if number in numbers else ''}>{text}</{tag}>"

    head = "".join(cell("th", number, text) for number, text in enumerate(columns))
    body = "".join(f"<tr>{''.join(cell('td', number, text) for number, text in enumerate(row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _bar(share: float, after: float = 0.0) -> str:
    """Return a bar of a share of its row; the share ``after`` is left free before it."""
    left, width = (f"{min(max(each, 0.0), 1.0):.1%}" for each in (after, share))
    return f'<div class="bar"><i style="margin-left:{left};width:{width}"></i></div>'


def _cold_start(costs: Sequence[ImportCost]) -> str:
    total = sum(cost.self_ms for cost in costs)
    ranked = by_package(costs)[:_PACKAGES_SHOWN]
    rows = [(html.escape(name), f"{spent:.1f}", _bar(spent / total if total else 0)) for name, spent in ranked]
    return (
        f"<p>{total:.0f} ms from the entry point to the application, on this machine. Each import stands below the one "
        f"that caused it.</p>{icicle(costs)}{_table(('package', 'ms', 'share'), rows, frozenset({1}))}"
    )


def _sizes(images: Sequence[tuple[str, Sizes]]) -> str:
    parts = []
    for name, sizes in sorted(images, key=lambda image: -image[1].image):
        savings = ", ".join(
            f"<code>{html.escape(rule)}</code> {size_text(saved)}" for rule, saved in sizes.savings().items() if saved
        )
        rows = [
            (
                f"{html.escape(owner)} {html.escape(sizes.owners.get(owner, ''))}",
                str(weight.files),
                size_text(weight.installed),
                size_text(weight.compressed),
                size_text(weight.bytecode),
            )
            for owner, weight in sizes.by_owner().items()
        ]
        parts.append(
            f"<h3>{html.escape(name)}</h3><p>{size_text(sizes.image)}, {len(sizes.files)} files."
            f"{f' Pruning would save: {savings}.' if savings else ''}</p>{_limits(sizes.image)}"
            f"{_map(sizes)}"
            + _table(("distribution", "files", "installed", "compressed", "bytecode"), rows, frozenset({1, 2, 3, 4}))
        )
    return "".join(parts)


def _limits(size: int) -> str:
    """Draw a size beside what nodes take, both limits marked, and say what shares it is."""
    at = f"{_STORAGE / _IPFS:.1%}"
    bar = _bar(size / _IPFS).replace("</div>", f'<b style="left:{at}"></b><b style="left:100%"></b></div>')
    return (
        f'{bar}<div class="ends"><span style="margin-left:{at}">{size / _STORAGE:.1%} of 100 MiB, node storage</span>'
        f"<span>{size / _IPFS:.1%} of 1 GiB, IPFS</span></div>"
    )


def _map(sizes: Sizes) -> str:
    """Draw an image that is large enough to be worth it."""
    if sizes.image < MIB:
        return ""
    keys = "".join(f'<span class="key" style="background:{colour}"></span>{kind}' for kind, colour in KEYS.items())
    return f'<p>{keys}</p><div class="map">{boxes(sizes)}</div>'


def _components(components: Sequence[Component]) -> str:
    rows = [
        (
            html.escape(each.name),
            html.escape(each.version),
            html.escape(each.licence) or '<span class="bad">not declared</span>',
            f"<code>{html.escape(each.sha256[:16])}</code>",
        )
        for each in components
    ]
    return _table(("distribution", "version", "licence", "SHA-256"), rows)


def _timeline(timeline: Timeline) -> str:
    begin = f"{dt.datetime.fromtimestamp(timeline.began, dt.timezone.utc):%Y-%m-%d %H:%M:%S}"
    if not timeline.is_seen:
        moments = [(html.escape(phase.name), f"{phase.start:.1f}") for phase in timeline.phases]
        return (
            f"<p>Begun {begin} UTC on another machine, or by an earlier run: what is known are the times that its "
            f"messages were signed.</p>{_table(('what', 'seconds after'), moments, frozenset({1}))}"
        )
    total = timeline.seconds or 1.0
    spans = [(phase, phase.seconds or 0.0) for phase in timeline.phases]
    rows = [
        (html.escape(phase.name), f"{seconds:.1f}", _bar(seconds / total, phase.start / total))
        for phase, seconds in spans
    ]
    table = _table(("phase", "seconds", "when"), rows, frozenset({1}))
    return f"<p>Begun {begin} UTC; {timeline.seconds:.1f} s in all.</p>{table}"


def _releases(releases: Sequence[Release]) -> str:
    rows = [
        (
            str(each.number),
            _moment(each.time),
            html.escape(each.version or ""),
            html.escape(each.kind) + (' <b class="good">live</b>' if each is releases[0] else ""),
            f"<code>{html.escape(each.contents['code'].digest[:16] if 'code' in each.contents else '')}</code>",
        )
        for each in releases
    ]
    return _table(("release", "since (UTC)", "version", "what", "code"), rows, frozenset({0}))


def _cost(money: Money, made: float) -> str:
    lines = [f"<p>{_dollars(money.day)} a day, {_dollars(money.day * 30)} in 30 days for this deployment.</p>"]
    if money.days is not None:
        end = money.end(made)
        css = "bad" if money.days < 7 else "good"  # noqa: PLR2004 - a week to act in
        lines.append(
            f"<p>The balance of {_dollars(money.balance)} pays {_dollars(money.owner_day)} a day "
            f'for all that the owner has. It ends <b class="{css}">in {days_text(money.days)}</b>'
            f"{f', on {end}' if end else ''}.</p>{_slope(money.days)}"
        )
    return "".join(lines)


def _dollars(value: float) -> str:
    return amount(value, "credit")


def _slope(days: float) -> str:
    """Return the balance over time: a straight line down to the day on which it ends."""
    shown = min(days, 365.0)
    left = 1 - shown / days if days else 0.0
    return (
        '<svg viewBox="0 0 1200 100" role="img" aria-label="The balance over time">'
        f'<polyline points="0,5 1200,{95 - 90 * left:.0f}" fill="none" stroke="var(--bar)" stroke-width="3"/>'
        '<line x1="0" y1="98" x2="1200" y2="98" stroke="var(--line)"/></svg>'
        f'<div class="ends"><span>today</span><span>in {shown:,.0f} days</span></div>'
    )


def _moment(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%d %H:%M}"
