"""What a deployment costs now and will cost: asked of the node, which counts its own way."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hatch_aleph.deploy.content import program_content
from hatch_aleph.deploy.plan import Cost
from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.messages import store_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.deploy.state import State
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.money import Price


def cost_of(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> Cost | None:
    """Return the cost before and after a plan, or None when the node tells no prices.

    Everything under the tag is counted, also earlier contents that are kept for ``rollback``.
    """
    try:
        return _cost(client, plan, manifest, state)
    except (NetworkError, RejectedError):
        # A plan without prices is still a plan; the network itself checks balances when it matters.
        return None


def _cost(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> Cost:
    programs = {program.item_hash: client.price(program.item_hash) for program in state.programs}
    stores = {
        version.item_hash: client.price(version.item_hash)
        for volume in state.volumes.values()
        for version in volume.versions
    }
    added = _added(client, plan, manifest)
    leaving = {item_hash for item_hash in plan.forget if item_hash in programs}
    staying = [price for item_hash, price in programs.items() if item_hash not in leaving] + [*stores.values(), *added]
    kept = [price for item_hash, price in stores.items() if item_hash not in _needed(plan, state)]
    payment_type = str(dict(manifest.settings.get("payment") or {}).get("type") or "credit")
    balance = client.balance(plan.owner)
    has = balance.credits if payment_type == "credit" else balance.free
    after = _daily(staying)
    return Cost(
        payment_type=payment_type,
        now=float(_daily([*programs.values(), *stores.values()])),
        after=float(after),
        held_now=float(sum((price.held for price in [*programs.values(), *stores.values()]), Decimal(0))),
        held_after=float(sum((price.held for price in staying), Decimal(0))),
        kept=float(_daily(kept)),
        balance=float(has),
        days=float(has / after) if after else None,
    )


def _added(client: NodeClient, plan: Plan, manifest: Manifest) -> list[Price]:
    payment = manifest.settings.get("payment")
    added = []
    for step in plan.images:
        if step.sends:
            content = store_content(plan.owner, step.file_hash, step.engine, time=0.0, payment=payment)
            added.append(client.estimate(content, "STORE", {step.file_hash: step.size}))
    if plan.program.action != "unchanged":
        # The network does not know the new volumes yet: each stands in by its role, with its size told beside.
        refs = {step.role: step.ref or step.sha256 for step in plan.images}
        content = program_content(manifest, refs, owner=plan.owner, tag=plan.tag, time=0.0)
        sizes = {refs[step.role]: step.size for step in plan.images}
        added.append(client.estimate(content, "PROGRAM", sizes))
    return added


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
