"""How a deployment is: what runs, since when, what it costs, whether it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.custom_domains import names_of
from hatch_aleph.deploy.health import listing_host
from hatch_aleph.deploy.history import live_volumes, releases
from hatch_aleph.deploy.payment import being_removed, soon_unpaid, was_removed
from hatch_aleph.deploy.state import refs_of
from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.money import figure, figures
from hatch_aleph.settings.program_message import adapter_remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.deploy.history import Release
    from hatch_aleph.deploy.state import State, Version, Volume
    from hatch_aleph.network.money import Price
    from hatch_aleph.settings.model import HealthCheck

NOT_WELL = "it does not answer as it should"  # begins the trouble that its own answer is


@dataclass(frozen=True)
class Content:
    """What a volume holds now."""

    role: str
    version: str | None
    sha256: str
    size: int | None
    since: float
    item_hash: str
    earlier: int


@dataclass(frozen=True)
class Unused:
    """A file of an owner that no program mounts: what it was, its contents, and what they cost in a day, in credits."""

    role: str
    ref: str
    since: float
    contents: tuple[str, ...]
    per_day: float | None


@dataclass(frozen=True)
class Status:
    """How a deployment is.

    Attributes:
        owner: Its owner.
        tag: Its tag.
        item_hash: Of the program; None when nothing is live.
        urls: Where it answers.
        since: When the program was published, in seconds since 1970.
        trouble: What is wrong, with what to do.
        contents: What its volumes hold.
        superseded: Older programs that are still live.
        kept: Older programs that are to be kept.
        domains: Custom domains that point at it.
        host: The one host that runs it, where one is known.
        running_since: When that host took it up, in its own words; None when it does not run there.
        persistent: Whether the scheduler is to run it.
        runs_persistent: Whether that host runs it so; None when it does not say.
        daily: Cost a day of all of it, in credits (or tokens, by the payment type).
        held: Tokens that are held for all of it.
        payment_type: ``credit``, ``superfluid`` or ``hold``.
        balance: Credits, or free tokens, of the owner.
        spending: A day of all that the owner pays for, in credits; None when the node does not tell.
        unused: Volumes of it that no program mounts.
        remark: What its owner should know of it; None when nothing.
        answered: HTTP status of its answer just now; None when it was not asked, or does not answer as it should.
        answer_seconds: How long that took.
        releases: How many releases there are to go back to, the present one included.
        release: The present one; None when its volumes are not this tool's.
    """

    owner: str
    tag: str
    item_hash: str | None = None
    urls: tuple[str, ...] = ()
    since: float | None = None
    trouble: tuple[str, ...] = ()
    contents: tuple[Content, ...] = ()
    superseded: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    host: str | None = None
    running_since: str | None = None
    persistent: bool = False
    runs_persistent: bool | None = None
    daily: float | None = None
    held: float | None = None
    payment_type: str | None = None
    balance: float | None = None
    spending: float | None = None
    unused: tuple[Unused, ...] = ()
    remark: str | None = None
    answered: int | None = None
    answer_seconds: float | None = None
    releases: int = 0
    release: Release | None = None

    @property
    def days(self) -> float | None:
        """How long the balance lasts for all that the owner pays for, as far as the node tells; what is held stays."""
        daily = 0.0 if self.payment_type == "hold" else max(self.spending or 0.0, self.daily or 0.0)
        return self.balance / daily if daily and self.balance is not None else None

    def to_json(self) -> dict[str, Any]:
        """Return the status as JSON data."""
        unused = [figures(asdict(each)) for each in self.unused]
        release = self.release and self.release.to_json()
        plain = figures(asdict(replace(self, release=None)))
        return {**plain, "unused": unused, "days": self.days and figure(self.days), "release": release}


def read_status(target: Deployment, health: Health | None, check: HealthCheck) -> Status:
    """Ask the network, and the program itself, how a deployment is.

    Args:
        target: The deployment.
        health: Asks the program once; None leaves that out.
        check: What counts as an answer.
    """
    state = target.state()
    if not state.programs:
        count = len(state.volumes)
        noun = "volume without a program is" if count == 1 else "volumes without a program are"
        left = f"{count} {noun} left: {typed('deploy')} takes what fits, {typed('prune')} forgets the rest"
        told = [left if count else None, was_removed(target.client, target.owner)]
        unused = _unused(state, _costs(target, state)[0])
        return Status(target.owner, target.tag, trouble=tuple(text for text in told if text), unused=unused)
    program = state.programs[0]
    volumes, found = live_volumes(state, program), releases(state)
    urls = target.hosts.urls(program.item_hash)
    trouble = [text for text in (being_removed(state),) if text]
    answer = None
    if health is not None and not trouble:
        code = volumes["code"].current.item_hash if "code" in volumes else None
        said = health.once(target.hosts, program.item_hash, check, code, persistent=program.persistent)
        if isinstance(said, str):
            trouble.append(f"{NOT_WELL}: {said}")
        else:
            answer = said
    if len(state.programs) > 1:
        trouble.append(
            f"{len(state.programs)} programs carry its tag: {typed('deploy')}, or {typed('prune')}, leaves one of them"
        )
    prices, balance, spending = _costs(target, state)
    payment_type = next((price.payment_type for price in prices.values()), None)
    daily = float(sum(price.per_day for price in prices.values())) if prices else None
    if not being_removed(state):
        lasting = soon_unpaid(target.node, target.owner, max(daily or 0.0, spending or 0.0), balance)
        trouble += [lasting] if lasting and payment_type == "credit" else []
    # As far as it is told without asking the program.
    host = listing_host(target.hosts, program.item_hash, persistent=program.persistent)
    execution = ((target.hosts.list_executions(host) if host else None) or {}).get(program.item_hash)
    return Status(
        answered=answer.status if answer else None,
        answer_seconds=answer.seconds if answer else None,
        releases=len(found),
        release=found[0] if found else None,
        owner=target.owner,
        tag=target.tag,
        item_hash=program.item_hash,
        urls=urls,
        since=program.time,
        trouble=tuple(trouble),
        contents=tuple(_content(role, volume.current, len(volume.amends)) for role, volume in sorted(volumes.items())),
        superseded=tuple(each.item_hash for each in state.programs[1:]),
        kept=tuple(each.item_hash for each in state.kept),
        domains=tuple(names_of(target.client, target.owner, [program.item_hash])),
        host=host,
        running_since=execution.began if execution and execution.running else None,
        persistent=program.persistent,
        runs_persistent=None if execution is None or execution.kind is None else execution.kind != "microvm",
        daily=daily,
        held=float(sum(price.held for price in prices.values())) if prices else None,
        payment_type=payment_type,
        balance=balance,
        spending=spending,
        unused=_unused(state, prices),
        remark=adapter_remark(program.content),
    )


def _costs(target: Deployment, state: State) -> tuple[dict[str, Price], float | None, float | None]:
    """Return the price of each message, the owner's balance, and a day of all that the owner pays for."""
    hashes = [program.item_hash for program in state.programs]
    hashes += [version.item_hash for volume in state.volumes.values() for version in volume.versions]
    try:
        prices = target.client.prices_of(target.owner, hashes)
        balance = target.client.balance(target.owner)
        spending = target.client.spending(target.owner)
    except (NetworkError, RejectedError):
        return {}, None, None
    by_credit = any(price.payment_type == "credit" for price in prices.values())
    has = balance.credits if by_credit else balance.free
    return prices, float(has), None if spending is None else float(spending)


def _unused(state: State, prices: Mapping[str, Price]) -> tuple[Unused, ...]:
    named: frozenset[str] = frozenset().union(*(refs_of(program.content) for program in state.programs))
    left = [volume for volume in state.volumes.values() if volume.ref not in named]
    # Only then may another program of the owner's matter, of which there may be thousands.
    return unused_of([volume for volume in left if not volume.is_among(state.used_elsewhere)], prices) if left else ()


def unused_of(volumes: Iterable[Volume], prices: Mapping[str, Price]) -> tuple[Unused, ...]:
    """Return volumes that nothing uses, with what they cost."""
    found = []
    for volume in volumes:
        hashes = tuple(version.item_hash for version in volume.versions)
        known = [float(prices[item_hash].per_day) for item_hash in hashes if item_hash in prices]
        role = str(volume.original.notes.get("name") or volume.role or "file")
        found.append(Unused(role, volume.ref, volume.current.time, hashes, sum(known) if known else None))
    return tuple(sorted(found, key=lambda each: each.since, reverse=True))


def _content(role: str, version: Version, earlier: int) -> Content:
    said = version.notes.get("version")
    return Content(
        role=role,
        version=str(said) if said is not None else None,
        sha256=version.digest,
        size=version.size,
        since=version.time,
        item_hash=version.item_hash,
        earlier=earlier,
    )
