"""What can be known before anything is sent: what the network would refuse, and what the user should know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.payment import being_removed, was_removed
from hatch_aleph.errors import PlanError
from hatch_aleph.itemhash import UNSIGNED
from hatch_aleph.network.authenticity import SECURITY, permits
from hatch_aleph.network.messages import check_content
from hatch_aleph.network.money import amount
from hatch_aleph.settings.rules import HOST_MEMORY, HOST_VCPUS, system_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatch_aleph.artifact import Artifact, Manifest
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.deploy.state import State
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.plugins import Plugins

# The largest difference of clocks that is let pass, in seconds: a signed time decides which amend is the newest and
# which rules of payment hold, and no node checks it.
MAX_CLOCK_OFFSET = 120.0
HARD_STOP = (
    "The program is persistent: its machine is killed without `halt`, and it is away for about half a minute, until "
    "the scheduler has started it again"
)
EVENTS = (
    "Every host that saw the program's publication runs it for each message, so it is handled once a host; a host that "
    "was started again since never does: see the guide on messages"
)


def warnings_of(client: NodeClient, plan: Plan, manifest: Manifest, state: State) -> tuple[str, ...]:
    """Return every warning of a plan; the manifest's own come first."""
    unpaid = being_removed(state) if state.programs else was_removed(client, plan.owner)
    told = (
        *_of_plan(plan, manifest, state),
        *_of_earlier_code(plan, state),
        *([EVENTS] if manifest.program_settings.subscriptions and plan.publishes else []),
        *_of_resources(manifest),
        *_of_runtime(client, manifest, state),
    )
    return (*manifest.warnings, *told, *([unpaid] if unpaid else []))


def _of_plan(plan: Plan, manifest: Manifest, state: State) -> Iterator[str]:
    variables = manifest.program_settings.variables
    if variables and (plan.program.action != "unchanged"):
        yield f"environment variables are public for ever: {', '.join(sorted(variables))}"
    if plan.in_place:
        yield "The update is in place: a running program is stopped once, and starts with the new content"
        if sum(step.action == "amend" for step in plan.images) > 1:
            yield "For a few seconds the host may meet new code with old packages: the program then answers 503"
        if manifest.program_settings.persistent:
            yield HARD_STOP
    if plan.program.action == "replace":
        yield _of_replacement(plan, manifest)
    for step in plan.images:
        if step.action == "amend" and step.ref in state.used_elsewhere:
            yield f"another program of {plan.owner} also uses this {step.role} volume ({step.ref}) and changes with it"
    if len(state.programs) > 1:
        kept = plan.program.item_hash if plan.program.action == "unchanged" else "the new one"
        yield (
            f"{len(state.programs)} programs carry this tag (two machines deployed at once, or a run was cut off): "
            f"{kept} is kept, and once it answers {', '.join(plan.forget)} is forgotten, "
            f"and {typed('prune')} frees the rest"
        )
    if plan.cost and plan.cost.kept:
        kept = amount(plan.cost.kept, plan.cost.payment_type)
        kept_for = f"kept for {typed('rollback')}; {typed('prune')} forgets them"
        yield f"{kept} a day of the cost is for earlier contents, {kept_for}"


def _of_earlier_code(plan: Plan, state: State) -> Iterator[str]:
    """Tell of an old checkout, where another machine has deployed since."""
    step = plan.image("code")
    volume = state.volumes.get(step.ref or "") if step and step.action == "amend" else None
    for earlier in volume.versions[1:] if step and volume else ():
        if step and earlier.file_hash == step.file_hash:
            when = dt.datetime.fromtimestamp(earlier.time, dt.timezone.utc)
            yield f"The code is that of an earlier release, of {when:%Y-%m-%d %H:%M:%S} UTC: what is live is newer"
            return


def _of_replacement(plan: Plan, manifest: Manifest) -> str:
    if not manifest.settings.domains:
        return "the program gets a new item hash, and so a new URL; the old one is gone once the new one answers"
    domains, seconds = ", ".join(manifest.settings.domains), f"{plan.drain_seconds:g}"
    return (
        f"The program gets a new item hash. Once it answers, {domains} moves to it, and {seconds} s later the old "
        "one is forgotten with its URL"
    )


def _of_resources(manifest: Manifest) -> Iterator[str]:
    vcpus, memory = manifest.program_settings.resources
    if memory > HOST_MEMORY or vcpus > HOST_VCPUS:
        yield (
            f"It asks for {memory} MiB and {vcpus} virtual CPUs: a host answers 503 to a program of more than "
            f"{HOST_MEMORY} MiB or {HOST_VCPUS} virtual CPUs, unless its operator has given more"
        )


def _of_runtime(client: NodeClient, manifest: Manifest, state: State) -> Iterator[str]:
    ref = manifest.program_settings.runtime
    if not ref or not state.programs:
        return
    since = state.programs[0].time
    for amend in client.messages(types=("STORE",), refs=(ref,)):
        if amend.content_time > since:
            when = dt.datetime.fromtimestamp(amend.content_time, dt.timezone.utc)
            yield f"the runtime {ref} was replaced on {when:%Y-%m-%d}, after this program was published"
            return


def check_by_plugins(plugins: Plugins, artifact: Artifact, plan: Plan) -> None:
    """Let plugins look at a plan.

    Raises:
        PlanError: With every reason that they give.
    """
    given = plugins.call("aleph_check_plan", artifact=artifact, changes=plan.to_json())
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
            f"This machine's clock is {abs(offset):.0f} s {direction} the node's",
            where=client.nodes[0],
            hint="The signed time decides which content is the newest and which rules apply. Set the clock, run again.",
        )


def check_permitted(
    client: NodeClient,
    account: Account,
    owner: str,
    types: Iterable[str],
    channel: str | None = None,
    *,
    key: str | None = None,
) -> None:
    """Refuse to publish for an owner who has not permitted the account to: the network would, after the upload.

    Whoever may publish a kind may forget any of that kind; the kind FORGET itself permits nothing
    (``check_permissions`` in ``src/aleph/handlers/content/forget.py``, aleph-im/pyaleph since 0.10.2).

    Args:
        client: The node.
        account: Who signs.
        owner: For whom.
        types: Of the messages, and of those that are to be forgotten.
        channel: Of the messages.
        key: Of the AGGREGATE among them.

    Raises:
        PlanError: A type of message is not permitted.
    """
    if owner.lower() == account.address.lower():
        return
    given = client.aggregate(owner, (SECURITY,)).get(SECURITY, {}).get("authorizations")
    entries = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    missing = [
        type_
        for type_ in types
        if not any(permits(each, account.address, account.chain, type_, channel, key=key) for each in entries)
    ]
    if missing:
        raise PlanError(
            f"{owner} has not permitted {account.address} to publish, or forget, {' and '.join(missing)} messages",
            where=f"channel {channel}" if channel else None,
            hint=f"The owner says so: {typed('authorization add', account.address, '--deploy')}.",
        )


def _check_refs(client: NodeClient, content: Mapping[str, Any]) -> None:
    """Check that code, runtime and volumes are there: without them the network retries for minutes, then refuses.

    Raises:
        PlanError: One is unknown, gone, no STORE message, or an amend where an original is needed.
    """
    named = [(role, content.get(role)) for role in ("code", "runtime", "data")]
    parts = [
        *((role, part) for role, part in named if part),
        *(("volume", each) for each in content.get("volumes") or ()),
    ]
    for role, part in parts:
        ref = part.get("ref")
        if ref in (None, UNSIGNED):
            continue
        message = client.message(ref, verify=False)  # whether the node knows it; what it holds is not used here
        if message is None or not message.status.is_live:
            state = "unknown to the network" if message is None else message.status.value
            raise PlanError(f"The {role} is {state}", where=ref, hint="Check its item hash, and `--node`.")
        if message.type != "STORE":
            raise PlanError(f"The {role} is a {message.type}, not a STORE message", where=ref)
        original = message.content.get("ref")
        # Of code that is an amend no node says anything: other tools publish such, and it runs.
        if role != "code" and part.get("use_latest", True) and original is not None:
            raise PlanError(f"The {role} is an amend", where=ref, hint=f"Name its original: {original}")


def check_content_of(client: NodeClient, plan: Plan, manifest: Manifest) -> dict[str, Any]:
    """Check what a plan would publish as its program, and return its content as far as it is known.

    Raises:
        RejectedError: The network would not understand it.
        PlanError: A runtime or volume that it names is not there.
    """
    from hatch_aleph.deploy.comparison import program_content  # which `create`, without a plan, does without

    refs = {step.role: step.ref or UNSIGNED for step in plan.images}
    content = program_content(manifest, refs, owner=plan.owner, tag=plan.tag)
    if plan.program.action != "unchanged":
        check_program(client, content)
    return content


def check_program(client: NodeClient, content: Mapping[str, Any]) -> None:
    """Check a program's content by the network's own model, its mounts and what it names, before it is published.

    Raises:
        RejectedError: The network would not understand it.
        PlanError: A volume hides a folder of the guest's own, as a program of another tool may say; or as
            :func:`_check_refs`.
    """
    code = {**content["code"], "ref": content["code"].get("ref") or UNSIGNED}
    check_content("PROGRAM", {**content, "code": code, "time": 0.0})
    for mount in (str(volume.get("mount")) for volume in content.get("volumes") or ()):
        reason = system_folder(mount)
        if reason:
            raise PlanError(f"The program cannot start: {reason}.", where=mount)
    _check_refs(client, content)
