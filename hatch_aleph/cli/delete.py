"""``hatch-aleph delete``."""

from __future__ import annotations

from typing import Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.program_options import OTHER_PROJECT, life_options, tell


@click.command(epilog="Example: hatch-aleph delete ITEM_HASH --reason 'no longer used'")
@with_context("project", "node", "account", "host", "owner", "state", "dry", "yes")
@item_hash_argument(required=False)
@click.option("--reason", default="User deletion", show_default=True, help="Said to everybody.")
@click.option("--keep-code/--no-keep-code", default=False, help="Keep the code; it goes on costing.")
@click.option("--missing-ok", is_flag=True, help="End with 0 when what is named, or the project, is not live.")
@OTHER_PROJECT
@click.option("--wait", is_flag=True, help="Wait until no host runs it any more, up to four minutes.")
@life_options()
def delete(
    context: Context,
    *,
    item_hash: str | None,
    reason: str,
    keep_code: bool,
    missing_ok: bool,
    other_project: bool,
    wait: bool,
    print_message: bool,
    verbose: bool,
) -> None:
    """Delete a program, and then its code, unless another program of the owner uses it.

    Without ITEM_HASH all that is deployed of the project (and profile) is deleted: programs, code, packages. In a
    project, a program of another one, or of none and called otherwise, is deleted with --other-project alone.
    """
    from hatch_aleph.deploy.health import Health
    from hatch_aleph.programs.removal import delete as forget
    from hatch_aleph.programs.removal import delete_deployment

    def ask(what: str, hashes: tuple[str, ...]) -> None:
        context.ask(f"All that is deployed of it:\n{what}", otherwise="Nothing was deleted.", hashes=hashes)

    options: dict[str, Any] = {"keep_code": keep_code, "reason": reason, "missing_ok": missing_ok, "locate": wait}
    with context.client() as client:
        if item_hash is None:
            deployment = context.deployment(client)
            session = context.session(client, deployment)
            done = delete_deployment(deployment, session, confirm=ask, others=other_project, **options)
        else:
            program = context.program(client, item_hash)
            session = context.program_session(client)
            done = forget(session, program, meant=context.project_at_hand, others=other_project, **options)
        if wait:
            programs = [each for each in done.program.split(", ") if each]
            seen = [
                Health().await_end(session.hosts, each, session.observer, done.hosts.get(each)) for each in programs
            ]
            if not all(seen):
                context.output.notice(
                    "No host is named, so its end was waited for, not seen: --host-url URL looks there."
                )
        fields = {
            "item_hash": done.program,
            "deleted_volumes": list(done.volumes),
            "kept_volumes": list(done.kept),
        }
        lines = [done.program]
        if not done.program and not done.volumes:
            lines = [f"Program {item_hash} was not live." if item_hash else "Nothing of this project was live."]
        elif verbose:
            lines = [f"Program {done.program} is deleted."]
            if not wait:
                context.output.notice("A host may go on answering for up to three minutes; --wait waits for its end.")
            lines.extend(f"Its volume {ref} is deleted, with all its contents." for ref in done.volumes)
            lines.extend(f"Its volume {ref} is kept: another program uses it." for ref in done.kept)
        tell(context, client, fields, lines, done.messages if print_message else None)
