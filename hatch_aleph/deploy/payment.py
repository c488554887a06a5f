"""What a deployment costs, whether it can be paid, and what the network takes away for want of payment."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.errors import NetworkError, PlanError, RejectedError
from hatch_aleph.itemhash import UNSIGNED
from hatch_aleph.network.http import is_here
from hatch_aleph.network.money import amount, days_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hatch_aleph.artifact import FileHashes, Manifest
    from hatch_aleph.deploy.plan import Cost, Plan
    from hatch_aleph.deploy.state import State, Version, Volume
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.messages import Engine
    from hatch_aleph.network.money import Price
# aleph-im/pyaleph, src/aleph/services/cost.py: from this moment on only credits pay.
CREDIT_ONLY_SINCE = dt.datetime(2027, 1, 1, tzinfo=dt.timezone.utc).timestamp()


def cost_of(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> Cost | None:
    """Return the cost before and after a plan, or None when the node tells no prices.

    Everything under the tag is counted, also earlier contents that are kept for ``rollback``.
    """
    try:
        return _cost(client, plan, manifest, state)
    except (NetworkError, RejectedError):
        # A plan without prices is still a plan; the network itself checks balances when it matters.
        return None


def _cost(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> Cost | None:
    versions = [version.item_hash for volume in state.volumes.values() for version in volume.versions]
    live = [program.item_hash for program in state.programs]
    prices = client.prices_of(plan.owner, [*live, *versions])
    programs = {item_hash: prices[item_hash] for item_hash in live}
    stores = {item_hash: prices[item_hash] for item_hash in versions}
    added = _added(client, plan, manifest)
    if added is None:
        return None
    leaving = {item_hash for item_hash in plan.forget if item_hash in programs}
    staying = [price for item_hash, price in programs.items() if item_hash not in leaving] + [*stores.values(), *added]
    kept = [price for item_hash, price in stores.items() if item_hash not in _needed(plan, state)]
    from hatch_aleph.deploy.plan import Cost

    payment_type = manifest.settings.payment.type
    balance = client.balance(plan.owner)
    has = balance.credits if payment_type == "credit" else balance.free
    now, after = _daily([*programs.values(), *stores.values()]), _daily(staying)
    spending = client.spending(plan.owner) if payment_type == "credit" else None
    elsewhere = None if spending is None else max(spending - now, Decimal(0))
    everything = after + (elsewhere or 0)
    return Cost(
        payment_type=payment_type,
        now=float(now),
        after=float(after),
        held_now=float(sum((price.held for price in [*programs.values(), *stores.values()]), Decimal(0))),
        held_after=float(sum((price.held for price in staying), Decimal(0))),
        kept=float(_daily(kept)),
        balance=float(has),
        days=float(has / everything) if everything else None,
        elsewhere=None if elsewhere is None else float(elsewhere),
        peak=float(now + _daily(added) + (elsewhere or 0)),
    )


def _added(client: NodeClient, plan: Plan, manifest: Manifest) -> list[Price] | None:
    """Return the prices of what is new, or None when the node gives no estimate."""
    from hatch_aleph.deploy.comparison import program_content

    payment = manifest.settings.payment.to_message()
    added = []
    for step in plan.images:
        if step.sends:
            content = _store(plan.owner, step.file_hash, payment, step.engine)
            added.append(client.estimate(content, "STORE", {step.file_hash: step.size}))
    if plan.program.action != "unchanged":
        # The network does not know the new volumes yet: each stands in by its role, with its size told beside.
        refs = {step.role: step.ref or step.sha256 for step in plan.images}
        content = program_content(manifest, refs, owner=plan.owner, tag=plan.tag, time=0.0)
        sizes = {refs[step.role]: step.size for step in plan.images}
        added.append(client.estimate(content, "PROGRAM", sizes))
    return None if None in added else [price for price in added if price is not None]


def _needed(plan: Plan, state: State) -> frozenset[str]:
    # Originals stay as long as a program names them; of the amends only the newest is what runs.
    needed = set()
    for step in plan.images:
        volume = state.volumes.get(step.ref or "")
        if volume:
            needed |= {volume.ref, *([] if step.sends else [volume.current.item_hash])}
    return frozenset(needed)


def _daily(prices: Iterable[Price]) -> Decimal:
    return sum((price.per_day for price in prices), Decimal(0))


def top_up(node: str, address: str) -> str:
    """Return how an address comes by credits at a node: the faucet of a local one, else by buying them."""
    if is_here(node):
        return f"Give it credits: {typed('faucet', address, '--node', node)}."
    return f"Buy credits for {address} in the network's web console, https://app.aleph.cloud."


def being_removed(state: State) -> str | None:
    """Tell which parts of a deployment are about to be taken away; None when all of it is paid for."""
    parts = [f"the program {program.item_hash}" for program in state.programs if program.status == "removing"]
    parts += [
        f"the {volume.role or 'other'} volume {volume.ref}"
        for volume in state.volumes.values()
        if volume.current.status == "removing"
    ]
    if not parts:
        return None
    return (
        f"{' and '.join(parts)} {'is' if len(parts) == 1 else 'are'} being removed: {state.owner} has less than a day "
        "costs of all that it pays for. Top up, and it comes back by itself; about a day later it is gone for good"
    )


def soon_unpaid(node: str, owner: str, daily: float, balance: float | None) -> str | None:
    """Tell that the network is about to take everything away; None while the balance lasts for two days and more.

    It does so when the balance is below a day's cost of all that an owner pays for: there is a day left to act in.

    Args:
        node: Where to top up.
        owner: Who pays.
        daily: A day of everything, in credits.
        balance: Credits that are left.
    """
    if balance is None or not daily or balance >= 2 * daily:
        return None
    return (
        f"The balance of {amount(balance, 'credit')} lasts {days_text(balance / daily)} for all that {owner} pays for; "
        f"below a day's cost, {amount(daily, 'credit')}, the network takes it away. {top_up(node, owner)}"
    )


def was_removed(client: NodeClient, owner: str) -> str | None:
    """Tell that programs of an owner were taken away; None when none was, or the node keeps no such list.

    What is left of a removed message carries no tags, so these may be programs of other projects.
    """
    removed = []
    with contextlib.suppress(NetworkError):  # only a remark: no reason to fail
        removed = list(client.messages(types=("PROGRAM",), owners=(owner,), statuses=("removed",)))
    if not removed:
        return None
    last = removed[0]
    published = dt.datetime.fromtimestamp(last.time, dt.timezone.utc)
    return (
        f"of {owner}'s programs {len(removed)} had to go for want of payment, the last of them {last.item_hash}, "
        f"published on {published:%Y-%m-%d}. What is to run again needs a top-up and another deployment, and gets a "
        "new item hash"
    )


def check_acceptable(plan: Plan, manifest: Manifest, *, now: float) -> None:
    """Refuse what the network is known to refuse, before anything is uploaded.

    Raises:
        PlanError: A way of paying that is no longer accepted, or a balance that does not do.
    """
    if not plan.has_changes:
        return
    kind, persistent = manifest.settings.payment.type, manifest.program_settings.persistent
    if kind != "credit" and (persistent or now >= CREDIT_ONLY_SINCE):
        what = "persistent programs" if now < CREDIT_ONLY_SINCE else "programs and files"
        raise PlanError(
            f"The network takes no payment by `{kind}` for {what} any more (code 202)",
            where="tool.aleph.payment.type",
            hint='Say `payment = { type = "credit" }` and buy credits for the paying address.',
        )
    if plan.cost and plan.publishes and not plan.cost.affordable:
        cost = plan.cost
        needed = cost.held_after - cost.held_now if kind == "hold" else cost.day_needed
        day = " for a day of all that it pays for then" if kind == "credit" else ""
        raise PlanError(
            f"Insufficient balance: {amount(needed, kind)} needed{day}, "
            f"{amount(cost.balance or 0, kind)} available (code {6 if kind == 'credit' else 5}).",
            where=plan.owner,
            hint=f"{top_up(plan.node, plan.owner)} Or ask for less: compute-units, internet, prune.",
        )


def check_paid(state: State) -> None:
    """Refuse to call a deployment unchanged and done while it is being taken away.

    Raises:
        PlanError: It is.
    """
    text = being_removed(state)
    if text:
        raise PlanError(text, where=state.tag, hint="Nothing was sent, since nothing has changed.")


def _store(payer: str, file_hash: str, payment: Mapping[str, Any] | None, engine: Engine = "storage") -> dict[str, Any]:
    """Return the content of a STORE message whose price is asked for."""
    from hatch_aleph.network.messages import store_content

    return store_content(payer, file_hash, engine, time=0.0, payment=payment)


def check_affordable_file(
    client: NodeClient, payer: str, file: FileHashes, payment: Mapping[str, Any] | None
) -> Decimal | None:
    """Return what a day of a file costs that is yet to be published, in credits; None without an estimate.

    Raises:
        RejectedError: There is not enough for a day of it and of all that the owner pays for.
    """
    store = _store(payer, file.sha256, payment)
    return _affordable(client, payer, [client.estimate(store, "STORE", {file.sha256: file.size})])


def check_affordable_contents(
    client: NodeClient, payer: str, contents: Sequence[Version], payment: Mapping[str, Any] | None
) -> Decimal | None:
    """Return what a day of contents costs that are to be published once more, in credits; None without an estimate.

    Raises:
        RejectedError: There is not enough for a day of them and of all that the owner pays for.
    """
    if not contents:
        return Decimal(0)
    estimates = []
    for each in contents:
        sizes = {} if each.size is None else {each.file_hash: each.size}
        store = _store(payer, each.file_hash, payment, each.engine)  # type: ignore[arg-type] # as it was accepted
        estimates.append(client.estimate(store, "STORE", sizes))
    return _affordable(client, payer, estimates)


def paid_for(client: NodeClient, owner: str, volume: Volume) -> Decimal | None:
    """Return what a day of all contents of a volume costs, in credits; None when the node does not tell."""
    try:
        prices = client.prices_of(owner, [version.item_hash for version in volume.versions])
    except (NetworkError, RejectedError):
        return None  # told as unknown: what there is costs nothing more
    return _daily(prices.values())


def check_affordable(client: NodeClient, content: Mapping[str, Any], code: FileHashes | None = None) -> Decimal | None:
    """Return what a program and the code that is yet to be published cost in a day, in credits.

    None when the node gives no estimate: the network itself judges then.

    The network wants a day of *everything* that the owner pays for, also of what is to be forgotten afterwards.

    Raises:
        RejectedError: There is not enough for that.
    """
    sizes = {} if code is None else {UNSIGNED: code.size}
    priced = {**content, "code": {**content["code"], "ref": content["code"].get("ref") or UNSIGNED}, "time": 0.0}
    estimates = [client.estimate(priced, "PROGRAM", sizes)]
    payer = str(content["address"])
    if code is not None:
        store = _store(payer, code.sha256, content.get("payment"))
        estimates.append(client.estimate(store, "STORE", {code.sha256: code.size}))
    return _affordable(client, payer, estimates)


def _affordable(client: NodeClient, payer: str, estimates: Sequence[Price | None]) -> Decimal | None:
    prices = [price for price in estimates if price is not None]
    if len(prices) < len(estimates):
        return None
    needed = _daily(prices)
    credits = client.balance(payer).credits  # noqa: A001 - the network's word
    spending = client.spending(payer) or Decimal(0)
    if credits < needed + spending:
        rest = f" and {amount(spending, 'credit')} for all else that it pays for" if spending else ""
        raise RejectedError(
            f"Insufficient balance: {amount(needed, 'credit')} needed for a day of it{rest}, "
            f"{amount(credits, 'credit')} available.",
            where=payer,
            hint=top_up(client.nodes[0], payer),
            code=6,
        )
    return needed
