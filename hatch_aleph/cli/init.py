"""``hatch-aleph init``: make a folder of source a project that deploys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.value_types import PathType
from hatch_aleph.commands import typed
from hatch_aleph.errors import ProjectError, UsageError
from hatch_aleph.scaffold.workflows import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.scaffold.applications import Application

_SHOWN = 9  # a choice is one digit


@click.command(epilog="Example: hatch-aleph init --entrypoint my_api.main:app --ci github")
@with_context("yes")
@click.argument("folder", type=PathType(exists=True, file_okay=False), default=Path())
@click.option("--entrypoint", metavar="ENTRYPOINT", help="What runs, when it is not to be looked for in the source.")
@click.option(
    "--name", metavar="NAME", help="Name of a project that has none yet. [default: package.json's or the folder's]"
)
@click.option("--hatch/--no-hatch", default=False, help="Also add the lines that give `hatch run aleph:deploy`.")
@click.option(
    "--ci",
    "services",
    type=click.Choice(get_args(Service)),
    multiple=True,
    help="Also write a workflow for this service.",
)
@click.option(
    "--install", metavar="REQUIREMENT", help="What installs this tool in CI. [default: as it is installed here]"
)
@click.option("--try", "try_it", is_flag=True, help="Then deploy to a network on this machine, and leave it running.")
@click.option("--no-smoke", is_flag=True, help="With --try: deploy there without trying the program first.")
def init(
    context: Context,
    *,
    folder: Path,
    entrypoint: str | None,
    name: str | None,
    hatch: bool,
    services: tuple[Service, ...],
    install: str | None,
    try_it: bool,
    no_smoke: bool,
) -> int:
    """Write what a deployment of FOLDER needs into its pyproject.toml.

    The application is found by reading the source; none of it is run. When a folder below alone has one, as in a
    repository with `backend` and `frontend`, that folder is meant. Dependencies of requirements.txt or Pipfile are
    taken over where there is no [project] table. What stands in pyproject.toml stays; a second run changes nothing.
    """
    from hatch_aleph.files import write_atomic
    from hatch_aleph.scaffold.pyproject import add_preview_profile, add_tables, open_pyproject

    if no_smoke and not try_it:
        raise UsageError("--no-smoke has no effect without --try")
    root = folder.resolve() if entrypoint else _project_folder(context, folder.resolve())
    edit = open_pyproject(root)
    application = _application(context, root, edit.entrypoint, entrypoint)
    add_tables(edit, application, name=name, hatch=hatch)
    if services:
        add_preview_profile(edit)
    files: dict[Path, str | bytes] = {edit.file: edit.content} if edit.done else {}
    for service in services:
        files.update(_workflow_file(root, service, install, edit.done))
    try:
        for file, content in files.items():
            write_atomic(file, content)
    except OSError as error:
        raise ProjectError(f"The file cannot be written: {error.strerror}", where=str(error.filename)) from error
    notes = [*edit.notes, *([application.note] if application.note else [])]
    fields = {
        "entrypoint": application.entrypoint,
        "framework": application.framework,
        "file": application.file,
        "done": edit.done,
        "notes": notes,
        "written": [str(file) for file in files],
    }
    context.output.result(fields, _told(application, edit.done, notes, try_it=try_it))
    if try_it:
        from hatch_aleph.cli.trial import run_trial

        return run_trial(context, root, options=("--no-smoke",) if no_smoke else ())
    return 0


def _told(application: Application, done: Sequence[str], notes: Sequence[str], *, try_it: bool) -> str:
    lines = (
        [f"{application.framework}: {application.entrypoint} ({application.file}:{application.line})"]
        if application.file
        else []
    )
    lines += [f"  + {each}" for each in done] or ["  Everything is there already."]
    lines += [f"  Note: {each}" for each in notes]
    if not try_it:
        lines.append(
            f"Next: {typed('init --try')} runs it on a network on this machine; {typed('plan')} shows its cost."
        )
    return "\n".join(lines)


def _project_folder(context: Context, root: Path) -> Path:
    """Return the folder that is meant: the one named, or the one below it that alone has an application.

    Raises:
        ProjectError: Several folders below have one, or it is not confirmed that the one is meant.
    """
    from hatch_aleph.cli.questions import can_ask, confirm
    from hatch_aleph.scaffold.applications import find_applications, projects_below
    from hatch_aleph.scaffold.pyproject import open_pyproject

    if open_pyproject(root).entrypoint or find_applications(root):
        return root
    below = {folder: found[0] for folder in projects_below(root) if (found := find_applications(folder))}
    if not below:
        return root  # which says that there is none
    listed = [f"  {typed('init', folder.name)}  {each.framework}: {each.entrypoint}" for folder, each in below.items()]
    asked = context.yes or (can_ask() and not context.output.as_json)
    if len(below) == 1 and asked:
        ((folder, application),) = below.items()
        where = f"{folder.name}/ has the application ({application.framework}: {application.entrypoint})."
        confirm(context.output, f"{where} Is that folder meant?", yes=context.yes, otherwise="Nothing was written.")
        context.output.notice(where)
        return folder
    hint = "\n".join(["These folders have one:", *listed])
    raise ProjectError("No application is found right here", where=str(root), hint=hint)


def _application(context: Context, root: Path, written: str | None, named: str | None) -> Application:
    """Return what runs: as it is named, as it is written already, else as it is found.

    Raises:
        UsageError: Several are as likely, and there is nobody to ask.
        ProjectError: None is found.
    """
    from hatch_aleph.cli.questions import ask, can_ask
    from hatch_aleph.scaffold.applications import Application, clear_choice, find_applications
    from hatch_aleph.scaffold.pyproject import declared_scripts

    if written and named and written != named:
        raise UsageError(
            f"[tool.aleph] already has the entry point {written!r}", hint="Change it there; init keeps what stands."
        )
    if named or written:
        text = str(named or written)
        return Application(text, "", "", 0, executable=":" not in text.split(" ", 1)[0])
    found = find_applications(root)
    choice = clear_choice(found)
    if choice is not None:
        return choice
    if not found:
        hint = "Name what runs: --entrypoint MODULE:ATTRIBUTE, or a command that listens on $PORT."
        if scripts := declared_scripts(root):
            hint += (
                f"\nThe project brings {', '.join(scripts)}: where one of them serves HTTP, "
                f"that is --entrypoint '{scripts[0]} ... $PORT' with its own options."
            )
        raise ProjectError("No application is found in the source", where=str(root), hint=hint)
    listed = [
        f"  {number}  {each.entrypoint}  ({each.framework}, {each.file}:{each.line})"
        for number, each in enumerate(found[:_SHOWN], 1)
    ]
    if context.yes or context.output.as_json or not can_ask():
        raise UsageError(
            "\n".join(["Several applications may be meant:", *listed]), hint="Name one: --entrypoint MODULE:ATTRIBUTE."
        )
    context.output.notice("\n".join(["Several applications are found:", *listed]))
    number = ask(context.output, "Which one runs?", type=click.IntRange(1, len(listed)), default=1)
    return found[int(number) - 1]


def _workflow_file(root: Path, service: Service, install: str | None, done: list[str]) -> dict[Path, str]:
    from hatch_aleph.scaffold.workflows import FILES, own_requirement, workflow

    file = root / FILES[service]
    text = workflow(service, install or own_requirement())
    if file.exists():
        if file.read_text("utf-8", errors="replace") != text:
            raise UsageError(
                "There is a workflow already", where=str(file), hint="Move it away to have a new one written."
            )
        return {}
    done.append(FILES[service])
    return {file: text}
