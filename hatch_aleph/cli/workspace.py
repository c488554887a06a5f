"""``deploy --all``: the projects of a workspace side by side, with one plan, one question and one report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.cli.image_changes import image_changes
from hatch_aleph.cli.output import Output
from hatch_aleph.cli.plan_text import show_plan, summary_line
from hatch_aleph.cli.questions import confirm
from hatch_aleph.errors import HatchAlephError, PlanError, ProjectError
from hatch_aleph.files import SELDOM_READ
from hatch_aleph.network.money import amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.cli.context import Context
    from hatch_aleph.cli.image_changes import ImageChanges
    from hatch_aleph.deploy.apply import Options, Outcome
    from hatch_aleph.deploy.plan import Plan

# Publishing waits for the network most of the time; what is tried here meanwhile takes a core each.
_AT_ONCE = 8


class _Named(Output):
    """The output of one project among others: each of its lines says whose it is."""

    def __init__(self, output: Output, name: str) -> None:
        super().__init__(as_json=output.as_json, beside=output)
        self._name = name

    def notice(self, text: str) -> None:
        """Tell something in passing."""
        if self.as_json:
            super().event("notice", project=self._name, text=text)
        else:
            super().notice(f"{self._name}: {text}")

    def event(self, name: str, **fields: Any) -> None:
        """Tell machines about a step."""
        super().event(name, **{"project": self._name, **fields})


@dataclass(frozen=True)
class _Member:
    """A project of the workspace, built: its name, its own context, what was built, what is to be done, also inside."""

    name: str
    context: Context
    artifact: Artifact
    plan: Plan
    inside: dict[str, ImageChanges]


def members_of(root: Path) -> list[Path]:
    """Return the folders of a workspace's projects that have ``[tool.aleph]``.

    Those of ``[tool.uv.workspace]`` if there is one, else the root and all folders up to two levels below it.

    Raises:
        ProjectError: There is none.
    """
    from hatch_aleph.project import read_pyproject

    workspace: dict[str, Any] = {}
    if (root / "pyproject.toml").is_file():
        workspace = read_pyproject(root).get("tool", {}).get("uv", {}).get("workspace") or {}
    patterns = workspace.get("members") or ["*", "*/*"]
    left_out = {folder for pattern in workspace.get("exclude") or () for folder in root.glob(pattern)}
    folders = {root, *(folder for pattern in patterns for folder in root.glob(pattern))} - left_out
    found = [
        folder
        for folder in sorted(folders)
        if (folder / "pyproject.toml").is_file()
        and not SELDOM_READ.intersection(folder.relative_to(root).parts)
        and "aleph" in read_pyproject(folder).get("tool", {})
    ]
    if not found:
        raise ProjectError("No project with [tool.aleph] is in this workspace.", where=str(root))
    return found


def deploy_all(context: Context, options: Options, *, dry_run: bool) -> int:
    """Deploy every project of a workspace; one that fails does not hold up the others.

    Args:
        context: Of the workspace's root.
        options: Of each deployment; what it confirms is asked once for all.
        dry_run: Only show the plan.

    Raises:
        PlanError: Two projects are the same deployment, or the balance does not do for all.
        HatchAlephError: A project cannot be built or planned: nothing was sent.
    """
    root = context.project_folder.resolve()
    folders = members_of(root)
    context.output.notice(f"Building {len(folders)} projects")
    context.output.doing(f"Building {len(folders)} projects")
    built = list(zip(folders, _build_all(context, folders), strict=True))
    members = _side_by_side(built, lambda each: _planned(context, root, *each))
    twice = [tag for tag, count in Counter(member.plan.tag for member in members).items() if count > 1]
    if twice:
        raise PlanError(f"Two projects of the workspace have the name of one: {', '.join(twice)}", where=str(root))
    _show(context, members)
    changing = [member for member in members if member.plan.has_changes]
    _check_balance(changing)
    if dry_run or not changing:
        text = "Nothing was sent." if changing else "Nothing has changed, so nothing was sent."
        context.output.result({"projects": [_fields(each, None) for each in members]}, text)
        return 0
    confirm(context.output, f"Publish {'this' if len(changing) == 1 else f'these {len(changing)}'}?", yes=context.yes)
    outcomes: dict[str, Outcome | HatchAlephError] = {}

    def publish(member: _Member) -> None:
        try:
            outcomes[member.name] = _deployed(member, options)
        except HatchAlephError as error:  # told with the others' outcomes
            outcomes[member.name] = error
            member.context.output.notice(f"Error: {error.message}")

    context.output.doing(f"Deploying {len(changing)} projects")
    _side_by_side(changing, publish)
    return _report(context, members, outcomes)


def _side_by_side(items: Sequence[Any], work: Callable[[Any], Any]) -> list[Any]:
    """Do some work for each item, several at once; the first failure ends it. Results stand in the items' order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _build_all(context: Context, folders: Sequence[Path]) -> list[Path | None]:
    """Build the projects, each in a process of its own, and return their manifests.

    Build backends change the folder and the environment of their process, so that none may share it.
    """
    if context.no_build:
        return [None] * len(folders)
    said = [*(["--profile", context.profile] if context.profile else []), *(["--locked"] if context.locked else [])]
    said += [*(["--offline"] if context.offline else []), *([] if context.searched else ["--no-secret-scan"])]

    def build(folder: Path) -> Path:
        command = [sys.executable, "-m", "hatch_aleph", "build", "--project", str(folder), "--json", *said]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        last = events[-1] if events else {}
        if done.returncode or last.get("event") != "result":
            raise ProjectError(
                f"The build fails: {last.get('message') or f'it ends with {done.returncode}'}",
                where=str(last.get("where") or folder),
                hint=last.get("hint"),
            )
        for event in (each for each in events[:-1] if each["event"] == "notice"):
            context.output.notice(f"{folder.name}: {event.get('text')}")
        context.output.notice(f"{folder.name}: built")
        return Path(last["manifest"])

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(build, folders))


def _planned(context: Context, root: Path, folder: Path, manifest: Path | None) -> _Member:
    name = folder.relative_to(root).as_posix() if folder != root else folder.name
    own = replace(
        context,
        project_folder=folder,
        output=_Named(context.output, name),
        manifest=manifest,
        locked=False,
        offline=False,
    )
    with own.client() as client:
        artifact = own.artifact()
        plan = own.deployment(client, artifact).plan(artifact.manifest)
        inside = image_changes(client, artifact, plan) if plan.publishes else {}
    return _Member(name, own, artifact, plan, inside)


def _show(context: Context, members: Sequence[_Member]) -> None:
    for member in members:
        if context.output.as_json:
            member.context.output.event("plan", **member.plan.to_json())
        elif member.plan.has_changes:
            show_plan(member.context.output, member.plan, member.inside)
            context.output.say()
        else:
            context.output.say(f"{member.name}: {summary_line(member.plan)}")
    costs = [member.plan.cost for member in members if member.plan.cost]
    if costs and not context.output.as_json:
        now, after = sum(cost.now for cost in costs), sum(cost.after for cost in costs)
        kind = costs[0].payment_type
        changing = sum(member.plan.has_changes for member in members)
        difference = f"{'+' if after >= now else ''}{amount(after - now, kind)}"
        context.output.say(
            f"Together: {changing} of {len(members)} change; {amount(after, kind)} a day ({difference})."
        )


def _check_balance(members: Sequence[_Member]) -> None:
    """Refuse what would be paid for one by one, but not together; the network wants a day's cost of all."""
    by_owner: dict[str, list[_Member]] = {}
    for member in members:
        by_owner.setdefault(member.plan.owner, []).append(member)
    for owner, own in by_owner.items():
        costs = [each.plan.cost for each in own if each.plan.cost and each.plan.cost.payment_type == "credit"]
        balance = min((cost.balance for cost in costs if cost.balance is not None), default=None)
        paid = max((cost.now + (cost.elsewhere or 0) for cost in costs), default=0.0)
        needed = paid + sum(cost.added for cost in costs)
        if balance is not None and balance < needed:
            from hatch_aleph.deploy.payment import top_up

            raise PlanError(
                f"Insufficient balance: {amount(needed, 'credit')} needed for a day of all that it pays for then, "
                f"{amount(balance, 'credit')} available (code 6).",
                where=owner,
                hint=top_up(own[0].plan.node, owner),
            )


def _deployed(member: _Member, options: Options) -> Outcome:
    # What is published is what was shown: another plan by now is an error.
    bound = replace(options, confirm=lambda _plan: None, reviewed=member.plan.checksum)
    with member.context.client() as client:
        return member.context.deploy(client, member.artifact, bound)


def _report(context: Context, members: Sequence[_Member], outcomes: dict[str, Outcome | HatchAlephError]) -> int:
    rows = []
    for member in members:
        done = outcomes.get(member.name)
        if done is None:
            rows.append((member.name, "unchanged", str(member.plan.program.item_hash)))
        elif isinstance(done, HatchAlephError):
            rows.append((member.name, "failed", str(done)))
        else:
            rows.append((member.name, "deployed", done.urls[0]))
    context.output.table("", ("project", "outcome", ""), rows)
    failed = [done for done in outcomes.values() if isinstance(done, HatchAlephError)]
    fields = [_fields(member, outcomes.get(member.name)) for member in members]
    told = f"{len(outcomes) - len(failed)} deployed, {len(members) - len(outcomes)} unchanged, {len(failed)} failed."
    context.output.result({"projects": fields}, told)
    return failed[0].exit_code if failed else 0


def _fields(member: _Member, done: Outcome | HatchAlephError | None) -> dict[str, Any]:
    common = {"project": member.name, "tag": member.plan.tag, "plan": member.plan.to_json()}
    if done is None:
        return {**common, "changed": False, "item_hash": member.plan.program.item_hash}
    if isinstance(done, HatchAlephError):
        return {**common, "error": done.message, "hint": done.hint, "exit_code": done.exit_code}
    return {**common, "changed": bool(done.sent), "item_hash": done.item_hash, "urls": list(done.urls)}
