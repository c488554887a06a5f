"""A plan as text: lines for people, Markdown for the page of a CI job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.network.money import amount
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from hatch_aleph.cli.output import Output
    from hatch_aleph.deploy.plan import Cost, ImageStep, Plan

_MONTH = 30
# What happens to a part, as people know it from other planning tools; the colour says how much is at stake.
_MARKS = {
    "unchanged": ("=", None),
    "reuse": ("=", "green"),
    "pin": ("+", "green"),
    "create": ("+", "green"),
    "amend": ("~", "yellow"),
    "replace": ("-/+", "red"),
    "forget": ("-", "red"),
    "attach": ("+", "green"),
}


def show_plan(output: Output, plan: Plan) -> None:
    """Print a plan for people; its warnings go to stderr."""
    if output.as_json:
        return
    output.say(f"{printable(f'{plan.project} {plan.version} → {plan.tag} of {plan.owner}')}\n")
    rows = _rows(plan)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for action, *cells in rows:
        mark, colour = _MARKS[action]
        texts = (printable(text).ljust(width) for text, width in zip((action, *cells[:-1]), widths, strict=False))
        order = [next(texts), *texts]
        line = f"{mark:>3} {order[1]}  {order[0]} {order[2]}  {cells[-1]}"
        output.say(click.style(line.rstrip(), fg=colour, bold=action == "replace"))
    for change in plan.program.changes:
        before, after = (printable(_value(value)) for value in (change.before, change.after))
        output.say(click.style(f"      {printable(change.path)}: {before} → {after}", fg="red"))
    output.say()
    for line in _cost_lines(plan.cost) if plan.cost else ("What it costs is unknown: the node does not tell.",):
        output.say(line)
    output.say(summary_line(plan))
    if plan.has_changes and plan.images:
        output.say(first_start_line(plan))
    for warning in plan.warnings:
        output.notice(click.style(f"Warning: {printable(warning)}", fg="yellow"))
    for danger in (*plan.taken, *plan.dangers):
        output.notice(click.style(f"Danger: {printable(danger)}", fg="red", bold=True))


def summary_line(plan: Plan) -> str:
    """Return the plan in one line."""
    if not plan.has_changes:
        return f"Nothing to do: {plan.program.item_hash} is what the project says."
    actions = [step.action for step in plan.images if step.sends] + [plan.program.action]
    counts = {
        "to create": sum(action in ("pin", "create") for action in actions),
        "to change": actions.count("amend"),
        "to replace": actions.count("replace"),
        "to forget": len(plan.forget),
        "domains to attach": len(plan.domains),
    }
    told = [f"{count} {words}" for words, count in counts.items() if count]
    return f"{', '.join(told)}; {plan.upload_bytes / 1e6:.2f} MB to upload."


def first_start_line(plan: Plan) -> str:
    """Return what a host fetches that runs the program for the first time: size is time there."""
    size = sum(step.size for step in plan.images)
    return f"A first start on a new host fetches {size / 1e6:.2f} MB: {size * 8 / 1e8:.1f} s at 100 Mbit/s."


def _rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return (action, what, which, upload) of each part; a replacement first."""
    rows: list[tuple[str, str, str, str]] = [
        (step.action, step.role, f"{step.ref[:10]}… {_size(step)}" if step.ref else _size(step), _upload(step))
        for step in plan.images
    ]
    program = (plan.program.action, "program", f"{plan.program.item_hash[:10]}…" if plan.program.item_hash else "", "")
    rows.insert(0 if plan.program.action == "replace" else len(rows), program)
    when = (
        f"{plan.drain_seconds:g} s after the domains have moved" if plan.drain_seconds else "once the other one answers"
    )
    rows += [("forget", "program", item_hash, when) for item_hash in plan.forget]
    rows += [("attach", "domain", domain, "") for domain in plan.domains]
    return rows


def _size(step: ImageStep) -> str:
    return f"{step.size / 1e6:.2f} MB"


def _upload(step: ImageStep) -> str:
    if step.upload:
        return f"to {step.engine}"
    return "the node has the bytes" if step.sends else ""


def _cost_lines(cost: Cost) -> list[str]:
    kind = cost.payment_type
    if kind == "hold":
        lines = [f"Held: {amount(cost.held_now, kind)} now, {amount(cost.held_after, kind)} after."]
    else:
        difference = cost.after - cost.now
        sign = "+" if difference >= 0 else ""
        month = f"{amount(cost.after * _MONTH, kind)} in {_MONTH} days ({sign}{amount(difference * _MONTH, kind)})"
        lines = [f"{amount(cost.after, kind)} a day, {month}."]
    if cost.balance is not None:
        whose = "this deployment alone" if cost.elsewhere is None else "all that the owner pays for"
        lasts = f" lasts {cost.days:,.0f} days for {whose}" if cost.days is not None else ""
        lines.append(f"The balance of {amount(cost.balance, kind)}{lasts}.")
    return lines


def _value(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plan_markdown(plan: Plan) -> str:
    """Return a plan for the summary page of a CI job."""
    lines = [f"### {plan.project} {plan.version} → `{plan.tag}`", "", "| | what | | |", "|---|---|---|---|"]
    lines += [
        f"| `{_MARKS[action][0]}` {action} | {what} | {which} | {more} |" for action, what, which, more in _rows(plan)
    ]
    lines += [f"- `{each.path}`: {_value(each.before)} → {_value(each.after)}" for each in plan.program.changes]
    lines += ["", *(_cost_lines(plan.cost) if plan.cost else ()), "", summary_line(plan)]
    lines += ["", first_start_line(plan)] if plan.has_changes and plan.images else []
    lines += ["", *(f"> {warning}" for warning in (*plan.warnings, *plan.dangers))]
    return "\n".join(lines).rstrip() + "\n"
