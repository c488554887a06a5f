"""``hatch-aleph deploy`` and ``plan``."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import NOBODY, Context, with_context
from hatch_aleph.cli.output import moment
from hatch_aleph.cli.value_types import FILE
from hatch_aleph.commands import typed
from hatch_aleph.errors import HatchAlephError, PlanError, UsageError
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact, Manifest
    from hatch_aleph.cli.image_changes import ImageChanges
    from hatch_aleph.deploy.apply import Options, Outcome
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient

# As Terraform users know it; an error is 1 whatever its kind.
EXIT_CHANGES = 2

_DETAILED = click.option(
    "--detailed-exitcode", is_flag=True, help="End with 0 when there is nothing to do, 2 when there is, 1 on an error."
)


@click.command(epilog="Example: hatch-aleph plan --profile staging --out plan.json --detailed-exitcode")
@with_context("named", "project", "artifact", "node", "account", "host", "owner")
@_DETAILED
@click.option("--out", type=FILE, help="File for `deploy --plan FILE`.")
def plan(context: Context, *, detailed_exitcode: bool, out: Path | None) -> int:
    """Show what a deployment would change and cost. Sends nothing, needs no key.

    MANIFEST is the artifact of a build, such as dist/my_api-1.0.aleph.json; without it the project is built.
    """
    return _plan(context, detailed=detailed_exitcode, out=out)


def _plan(context: Context, *, detailed: bool, out: Path | None = None) -> int:
    try:
        with context.client() as client:
            artifact = context.artifact(client)
            context.output.doing("Comparing with what is live")
            deployment = context.deployment(client, artifact, keyless=True)
            planned = _with_refusal(deployment.plan(artifact.manifest), artifact.manifest)
            inside = _inside(client, artifact, planned)
        from hatch_aleph.cli.plan_text import plan_markdown, show_plan

        show_plan(context.output, planned, inside)
        write_summary(plan_markdown(planned, inside))
        if out is not None:
            planned.save(out)
    except HatchAlephError as error:
        if not detailed:
            raise
        context.output.failure(error)
        return 1
    contents = {role: asdict(each) for role, each in inside.items()}
    context.output.result({"plan": planned.to_json(), "contents": contents, "changes": planned.has_changes})
    return EXIT_CHANGES if detailed and planned.has_changes else 0


def _with_refusal(plan: Plan, manifest: Manifest) -> Plan:
    """Return a plan with a warning where `deploy` would refuse it for how it is paid; nobody's is not paid yet."""
    from hatch_aleph.deploy.payment import check_acceptable

    try:
        if plan.owner != NOBODY:
            check_acceptable(plan, manifest, now=time.time())
    except PlanError as error:
        return replace(plan, warnings=(*plan.warnings, f"{typed('deploy')} refuses this. {error.message}"))
    return plan


def _inside(client: NodeClient, artifact: Artifact, plan: Plan) -> dict[str, ImageChanges]:
    if not plan.publishes:
        return {}
    from hatch_aleph.cli.image_changes import image_changes

    return image_changes(client, artifact, plan)


@click.command(epilog="Example: hatch-aleph deploy --profile production --yes")
@with_context("named", "project", "artifact", "node", "account", "host", "owner", "state", "yes")
@_DETAILED
@click.option("--plan", "reviewed", type=FILE, help="Apply a plan that `plan --out FILE` wrote, if it is still true.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.option("--all", "everything", is_flag=True, help="Deploy every project of the workspace that --project names.")
@click.option("--no-smoke", is_flag=True, help="Publish without trying the program here first.")
@click.option("--no-rollback", is_flag=True, help="Keep what was published even if it does not answer.")
@click.option("--no-secret-scan", is_flag=True, help="Look for no secrets but the key that signs.")
@click.option("--take-domains", is_flag=True, help="Move domains here that lead to another program of yours.")
@click.option("--allow-data-loss", is_flag=True, help="Replace a program whose persistent volumes are lost by it.")
def deploy(
    context: Context,
    *,
    detailed_exitcode: bool,
    reviewed: Path | None,
    dry_run: bool,
    everything: bool,
    no_smoke: bool,
    no_rollback: bool,
    no_secret_scan: bool,
    take_domains: bool,
    allow_data_loss: bool,
) -> int:
    """Build what changed, publish it, wait until the program answers.

    Shows the plan and its cost first, and asks. A second run with nothing changed sends nothing; a run that was cut off
    is finished by the next one. MANIFEST is the artifact of a build, such as dist/my_api-1.0.aleph.json; without it the
    project is built. With --all, those of [tool.uv.workspace], or of the folders below, are deployed side by side.
    """
    if dry_run and reviewed:
        raise UsageError("--dry-run and --plan exclude each other: a reviewed plan is applied or left")
    if everything and (reviewed or context.manifest or context.dist or detailed_exitcode):
        raise UsageError("--all takes no MANIFEST, --plan, --dist or --detailed-exitcode: these mean one project")
    context = replace(context, searched=not no_secret_scan)
    if dry_run and not everything:
        return _plan(context, detailed=detailed_exitcode)
    from hatch_aleph.deploy.apply import Options
    from hatch_aleph.deploy.plan import reviewed_checksum

    options = Options(
        inspect=_scan if context.searched else None,
        smoke=None if no_smoke else partial(context.smoke, again=typed("serve")),
        reviewed=reviewed_checksum(reviewed) if reviewed else None,
        rollback=not no_rollback,
        take_domains=take_domains,
        allow_data_loss=allow_data_loss,
    )
    if everything:
        from hatch_aleph.cli.workspace import deploy_all

        return deploy_all(context, options, dry_run=dry_run)
    return run_deployment(context, options)


def run_deployment(context: Context, options: Options) -> int:
    """Deploy an artifact and tell what came of it."""
    with context.client() as client:
        artifact = context.artifact(client)
        options = replace(options, confirm=partial(_confirmed, context, client, artifact, options.reviewed))
        outcome = context.deploy(client, artifact, options)
    lines = [*outcome.urls, *_live(context, artifact, outcome)]
    records = []
    if outcome.plan.domains:
        from hatch_aleph.network.domains import required_records

        records = [each for domain in outcome.plan.domains for each in required_records(domain, outcome.plan.owner)]
    if records:
        lines.append("DNS records that the domains need (`domain check` looks for them):")
        lines += [f"  {record.name} {record.type} {record.value}" for record in records]
    write_summary("".join(f"\n**{url}**\n" for url in outcome.urls[:1]))
    context.output.result(
        {
            "item_hash": outcome.item_hash,
            "urls": list(outcome.urls),
            "changed": bool(outcome.sent),
            "release": outcome.release,
            "dns": [asdict(record) for record in records],
            "messages": [{"type": type_, "item_hash": item_hash} for type_, item_hash in outcome.sent],
            "plan": outcome.plan.to_json(),
        },
        "\n".join(lines).strip(),
    )
    return 0


def _live(context: Context, artifact: Artifact, outcome: Outcome) -> list[str]:
    """Return what is live now and where the time went, for people."""
    project = artifact.manifest.project
    name = printable(f"{project['name']} {project['version']}")
    if not outcome.sent:
        return ["Nothing has changed, so nothing was sent."]
    answer = f"answers {outcome.answer.status}" if outcome.answer else "is published"
    release = f" as release {outcome.release}" if outcome.release else ""
    lines = [f"{name} is live{release} and {answer}, since {moment(time.time())}."]
    spent = context.steps.spent_text()
    if spent:
        lines.append(f"Time: {spent}.")
    return [*lines, f"Next: {typed('status')}, {typed('logs')}, {typed('rollback')}"]


def _confirmed(context: Context, client: NodeClient, artifact: Artifact, reviewed: str | None, plan: Plan) -> None:
    from hatch_aleph.cli.plan_text import plan_markdown, show_plan
    from hatch_aleph.cli.questions import confirm

    inside = _inside(client, artifact, plan)
    if context.output.as_json:
        contents = {role: asdict(each) for role, each in inside.items()}
        context.output.event("plan", **plan.to_json(), contents=contents)
    show_plan(context.output, plan, inside)
    write_summary(plan_markdown(plan, inside))
    confirm(context.output, "Publish this?", yes=context.yes or reviewed is not None)


def _scan(artifact: Artifact, account: Account) -> None:
    from hatch_aleph.deploy.secrets import check_secrets

    check_secrets(artifact, account)


def write_summary(text: str) -> None:
    """Add to the page of a CI job, where there is one (GITHUB_STEP_SUMMARY, as GitHub, Gitea and Forgejo have it)."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
