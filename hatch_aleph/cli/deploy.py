"""``hatch-aleph deploy`` and ``plan``."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.deploying import (
    Choice,
    account_of,
    address_option,
    artifact_options,
    host_option,
    plan_keyless,
    state_folder,
    state_option,
    write_summary,
)
from hatch_aleph.cli.options import Common, common
from hatch_aleph.cli.output import confirm
from hatch_aleph.cli.plan_text import plan_markdown, show_plan
from hatch_aleph.cli.steps import Steps
from hatch_aleph.errors import HatchAlephError

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact
    from hatch_aleph.deploy.plan import Plan

# As Terraform users know it; an error is 1 whatever its kind.
EXIT_CHANGES = 2

_DETAILED = click.option(
    "--detailed-exitcode", is_flag=True, help="End with 0 when there is nothing to do, 2 when there is, 1 on an error."
)


@click.command(epilog="Example: hatch-aleph plan --profile staging --out plan.json --detailed-exitcode")
@common(project=True, node=True, account=True)
@artifact_options
@host_option
@address_option
@_DETAILED
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for `deploy --plan FILE`.")
def plan(
    shared: Common,
    *,
    host_url: str | None,
    address: str | None,
    detailed_exitcode: bool,
    out: Path | None,
    **choice: Any,
) -> int:
    """Show what a deployment would change and cost. Sends nothing, needs no key."""
    return _plan(shared, Choice(**choice), host_url, address, detailed=detailed_exitcode, out=out)


def _plan(
    shared: Common, choice: Choice, host: str | None, address: str | None, *, detailed: bool, out: Path | None = None
) -> int:
    try:
        with shared.client() as client:
            artifact = choice.artifact(shared, client, address=address)
            planned, _ = plan_keyless(shared, artifact, client, address=address, host=host)
        show_plan(shared.output, planned)
        write_summary(plan_markdown(planned))
        if out is not None:
            planned.save(out)
    except HatchAlephError as error:
        if not detailed:
            raise
        shared.output.failure(error)
        return 1
    text = _summary_line(planned)
    shared.output.result({"plan": planned.to_json(), "changes": planned.has_changes}, text)
    return EXIT_CHANGES if detailed and planned.has_changes else 0


def _summary_line(plan: Plan) -> str:
    if not plan.has_changes:
        return f"Nothing to do: {plan.program.item_hash} is what the project says."
    return f"{plan.upload_bytes / 1e6:.2f} MB to upload; the program: {plan.program.action}."


@click.command(epilog="Example: hatch-aleph deploy --profile production --yes")
@common(project=True, node=True, account=True, yes=True)
@artifact_options
@host_option
@state_option
@address_option
@_DETAILED
@click.option(
    "--plan",
    "reviewed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Apply a plan that `plan --out FILE` wrote, if it is still true.",
)
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--no-smoke", is_flag=True, help="Publish without trying the program here first.")
@click.option("--no-rollback", is_flag=True, help="Keep what was published even if it does not answer.")
@click.option("--no-secret-scan", is_flag=True, help="Publish without looking for secrets in it.")
@click.option("--allow-data-loss", is_flag=True, help="Replace a program whose persistent volumes are lost by it.")
def deploy(
    shared: Common,
    *,
    host_url: str | None,
    state_folder: Path | None,
    address: str | None,
    detailed_exitcode: bool,
    reviewed: Path | None,
    dry_run: bool,
    no_smoke: bool,
    no_rollback: bool,
    no_secret_scan: bool,
    allow_data_loss: bool,
    **choice: Any,
) -> int:
    """Build what changed, publish it, wait until the program answers.

    Shows the plan and its cost first, and asks. A second run with nothing changed sends nothing; a run that was cut off
    is finished by the next one.
    """
    if dry_run:
        return _plan(shared, Choice(**choice), host_url, address, detailed=detailed_exitcode)
    from hatch_aleph.deploy.apply import Options
    from hatch_aleph.deploy.plan import reviewed_checksum

    options = Options(
        confirm=lambda plan: _confirmed(shared, plan, reviewed=reviewed is not None),
        inspect=None if no_secret_scan else _scan,
        smoke=None if no_smoke else partial(_smoke, shared),
        reviewed=reviewed_checksum(reviewed) if reviewed else None,
        rollback=not no_rollback,
        allow_data_loss=allow_data_loss,
    )
    return run_deployment(shared, Choice(**choice), host_url, state_folder, options)


def run_deployment(shared: Common, choice: Choice, host: str | None, folder: Path | None, options: Any) -> int:
    """Deploy an artifact and tell what came of it."""
    from hatch_aleph.deploy.apply import Deployer
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.network.domains import required_records

    steps = Steps(shared.output)
    with shared.client() as client, contextlib.closing(steps):
        artifact = choice.artifact(shared, client)
        account = account_of(shared, artifact)
        deployer = Deployer(
            target=Deployment.of(artifact.manifest, client, account.address, host),
            account=account,
            folder=state_folder(shared, folder),
            options=options,
            observer=steps,
        )
        try:
            outcome = deployer.deploy(artifact)
        except KeyboardInterrupt:
            shared.output.notice("What was sent is kept in the journal: the same command goes on from there.")
            raise
    changed = bool(outcome.sent)
    lines = [*outcome.urls, "" if changed else "Nothing has changed, so nothing was sent."]
    records = [record for domain in outcome.plan.domains for record in required_records(domain, outcome.plan.owner)]
    if records:
        lines.append("DNS records that the domains need (`domain check` looks for them):")
        lines += [f"  {record.name} {record.type} {record.value}" for record in records]
    write_summary("".join(f"\n**{url}**\n" for url in outcome.urls[:1]))
    shared.output.result(
        {
            "item_hash": outcome.item_hash,
            "urls": list(outcome.urls),
            "changed": changed,
            "dns": [asdict(record) for record in records],
            "messages": [{"type": type_, "item_hash": item_hash} for type_, item_hash in outcome.sent],
            "plan": outcome.plan.to_json(),
        },
        "\n".join(lines).strip(),
    )
    return 0


def _confirmed(shared: Common, plan: Plan, *, reviewed: bool) -> bool:
    if shared.output.as_json:
        shared.output.event("plan", **plan.to_json())
    show_plan(shared.output, plan)
    write_summary(plan_markdown(plan))
    confirm("Publish this?", yes=shared.yes or reviewed)
    return True


def _scan(artifact: Artifact) -> None:
    from hatch_aleph.deploy.secrets import check_secrets

    check_secrets(artifact)


def _smoke(shared: Common, artifact: Artifact) -> None:
    from hatch_aleph.cli.smoke import smoke_test

    smoke_test(artifact, notice=shared.output.notice)
