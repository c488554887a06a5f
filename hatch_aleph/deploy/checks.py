"""What the user should know before publishing, and what the network would refuse anyway."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.unpaid import being_removed, was_removed
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.artifact import Artifact, Manifest
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.deploy.state import State
    from hatch_aleph.network.client import NodeClient

# aleph-im/pyaleph, src/aleph/services/cost.py: from this moment on only credits pay.
CREDIT_ONLY_SINCE = dt.datetime(2027, 1, 1, tzinfo=dt.timezone.utc).timestamp()
# The largest difference of clocks that is let pass, in seconds: a signed time decides which amend is the newest and
# which rules of payment hold, and no node checks it.
MAX_CLOCK_OFFSET = 120.0


def warnings_of(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> tuple[str, ...]:
    """Return every warning of a plan; the manifest's own come first."""
    unpaid = being_removed(state) if state.programs else was_removed(client, plan.owner)
    told = (*_of_plan(plan, manifest, state), *_of_runtime(client, manifest, state))
    return (*manifest.warnings, *told, *([unpaid] if unpaid else []))


def _of_plan(plan: Plan, manifest: Manifest, state: State) -> Iterator[str]:
    variables = manifest.program.get("variables")
    if variables and (plan.program.action != "unchanged"):
        yield f"environment variables are public for ever: {', '.join(sorted(variables))}"
    if plan.in_place:
        yield (
            "the update is in place: for a few seconds the host may meet new code with old packages (it answers 503), "
            "and a running program is stopped once"
        )
    if plan.program.action == "replace":
        yield "the program gets a new item hash, and so a new URL; the old one is gone once the new one answers"
    for step in plan.images:
        if step.action == "amend" and step.ref in state.used_elsewhere:
            yield f"another program of {plan.owner} also uses this {step.role} volume ({step.ref}) and changes with it"
    if len(state.programs) > 1:
        kept = plan.program.item_hash if plan.program.action == "unchanged" else "the new one"
        yield (
            f"{len(state.programs)} programs carry this tag (two machines deployed at once, or a run was cut off): "
            f"{kept} is kept, and once it answers {', '.join(plan.forget)} is forgotten, and `prune` frees the rest"
        )
    if plan.cost and plan.cost.kept:
        yield (
            f"{plan.cost.kept:.2f} of the cost a day is for earlier contents, kept for `rollback`; `prune` forgets them"
        )


def _of_runtime(client: NodeClient, manifest: Manifest, state: State) -> Iterator[str]:
    ref = dict(manifest.program.get("runtime") or {}).get("ref")
    if not ref or not state.programs:
        return
    since = state.programs[0].time
    for amend in client.messages(types=("STORE",), refs=(ref,)):
        if amend.content_time > since:
            when = dt.datetime.fromtimestamp(amend.content_time, dt.timezone.utc)
            yield f"the runtime {ref} was replaced on {when:%Y-%m-%d}, after this program was published"
            return


def check_acceptable(plan: Plan, manifest: Manifest, *, now: float) -> None:
    """Refuse what the network is known to refuse, before anything is uploaded.

    Raises:
        PlanError: A way of paying that is no longer accepted, or a balance that does not do.
    """
    if not plan.has_changes:
        return
    payment: dict[str, Any] = dict(manifest.settings.get("payment") or {})
    kind = payment.get("type") or "hold"
    persistent = bool(dict(manifest.program.get("on") or {}).get("persistent"))
    if kind != "credit" and (persistent or now >= CREDIT_ONLY_SINCE):
        what = "persistent programs" if now < CREDIT_ONLY_SINCE else "programs and files"
        raise PlanError(
            f"the network takes no payment by `{kind}` for {what} any more (code 202)",
            where="tool.aleph.payment.type",
            hint='Say `payment = { type = "credit" }` and buy credits for the paying address.',
        )
    if plan.cost and plan.publishes and not plan.cost.affordable:
        cost = plan.cost
        needed = cost.held_after - cost.held_now if kind == "hold" else cost.after
        unit = "credits for a day of it" if kind == "credit" else "ALEPH"
        raise PlanError(
            f"the balance does not do: {needed:.2f} {unit} are needed, {cost.balance or 0:.2f} are there "
            f"(code {6 if kind == 'credit' else 5})",
            where=plan.owner,
            hint=f"Top up {plan.owner}, or ask for less (compute-units, internet, prune).",
        )


def check_paid(state: State) -> None:
    """Refuse to call a deployment unchanged and done while it is being taken away.

    Raises:
        PlanError: It is.
    """
    text = being_removed(state)
    if text:
        raise PlanError(text, where=state.tag, hint="Nothing was sent, since nothing has changed.")


def check_by_hooks(hooks: Any, artifact: Artifact, plan: Plan) -> None:
    """Let plugins look at a plan.

    Raises:
        PlanError: With every reason that they give.
    """
    given = hooks.aleph_check_plan(artifact=artifact, changes=plan.to_json())
    reasons = [str(reason) for lines in given for reason in lines or ()]
    if reasons:
        raise PlanError(
            "\n".join(reasons), where=plan.tag, hint="A plugin of this environment refuses the plan; nothing was sent."
        )


def check_clock(client: NodeClient) -> None:
    """Refuse to sign with a clock that differs from the node's.

    Raises:
        PlanError: By more than two minutes.
    """
    offset = client.clock_offset()
    if abs(offset) > MAX_CLOCK_OFFSET:
        direction = "behind" if offset > 0 else "ahead of"
        raise PlanError(
            f"this machine's clock is {abs(offset):.0f} s {direction} the node's",
            where=client.nodes[0],
            hint="The signed time decides which content is the newest and which rules apply. Set the clock, run again.",
        )
