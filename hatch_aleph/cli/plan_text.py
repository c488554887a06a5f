"""A plan as text: lines for people, Markdown for the page of a CI job."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hatch_aleph.cli.output import style
from hatch_aleph.cli.tables import terminal_width
from hatch_aleph.network.money import amount, days_text
from hatch_aleph.observer import size_text
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.cli.image_changes import ImageChanges
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


def show_plan(output: Output, plan: Plan, inside: Mapping[str, ImageChanges] | None = None) -> None:
    """Print a plan for people; its warnings go to stderr.

    Args:
        output: Where to.
        plan: What is to be done.
        inside: What changes inside the images, by role.
    """
    if output.as_json:
        return
    output.say(f"{printable(f'{plan.project} {plan.version} → {plan.tag} of {plan.owner}')}\n")
    rows = _rows(plan)
    # What is forgotten or attached has its whole name, which is the last of its line: it moves nobody else's.
    parts = [row for row in rows if row[0] not in ("forget", "attach")]
    widths = [max(len(row[column]) for row in parts) for column in range(4)]
    for action, *cells in rows:
        mark, colour = _MARKS[action]
        texts = (printable(text).ljust(width) for text, width in zip((action, *cells[:-1]), widths, strict=False))
        order = [next(texts), *texts]
        line = f"{mark:>3} {order[1]}  {order[0]} {order[2]}  {cells[-1]}"
        output.say(style(line.rstrip(), fg=colour, bold=action == "replace" or None))
        for detail in _details(plan, action, cells[0], inside or {}):
            output.say(style(f"      {detail}", fg=colour))
    output.say()
    for line in _cost_lines(plan.cost) if plan.cost else ("What it costs is unknown: the node does not tell.",):
        output.say(line)
    output.say(summary_line(plan))
    if plan.has_changes and plan.images:
        output.say(first_start_line(plan))
    for warning in plan.warnings:
        output.notice(style(f"Warning: {printable(warning)}", fg="yellow"))
    for danger in (*plan.taken, *plan.dangers):
        output.notice(style(f"Danger: {printable(danger)}", fg="red", bold=True))


def _details(plan: Plan, action: str, what: str, inside: Mapping[str, ImageChanges]) -> list[str]:
    """Return what stands below a part: why a program is replaced, or what changes inside an image."""
    if what == "program" and action == "replace":
        values = ((change.path, _value(change.before), _value(change.after)) for change in plan.program.changes)
        return [printable(f"{path}: {before} → {after}") for path, before, after in values]
    return _folded(printable(inside[what].text)) if what in inside else []


def _folded(text: str) -> list[str]:
    """Return a text in lines that a terminal shows below their image; elsewhere in one."""
    import sys
    import textwrap

    if not sys.stdout.isatty():
        return [text]
    width = max(terminal_width() - 7, 30)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


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
    always = ("to change", "to replace")
    told = [f"{count} {words}" for words, count in counts.items() if count or words in always]
    return f"{', '.join(told)}, {size_text(plan.upload_bytes)} to upload."


def first_start_line(plan: Plan) -> str:
    """Return what a host fetches that runs the program for the first time: size is time there."""
    size = sum(step.size for step in plan.images)
    return f"A first start on a new host fetches {size_text(size)}: {size * 8 / 1e8:.1f} s at 100 Mbit/s."


def _rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return (action, what, which, upload) of each part; a replacement first."""
    rows: list[tuple[str, str, str, str]] = [
        (
            step.action,
            step.role,
            f"{step.ref[:10]}… {size_text(step.size)}" if step.ref else size_text(step.size),
            _upload(step),
        )
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
        before, after = (f"{amount(each * _MONTH, kind)}" for each in (cost.now, cost.after))
        month = f"{before} → {after} in {_MONTH} days ({sign}{amount(difference * _MONTH, kind)})"
        lines = [f"Cost: {month}, {amount(cost.after, kind)} a day."]
    if cost.balance is not None:
        whose = "this deployment alone" if cost.elsewhere is None else "all that the owner pays for"
        lasts = f" lasts {days_text(cost.days)} for {whose}" if cost.days is not None else ""
        balance = amount(cost.balance, kind)
        lines.append(f"The balance of {balance}{lasts}." if lasts else f"The balance: {balance}.")
    return lines


def _value(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plan_markdown(plan: Plan, inside: Mapping[str, ImageChanges] | None = None) -> str:
    """Return a plan for the summary page of a CI job; arguments are those of :func:`show_plan`."""
    lines = [f"### {plan.project} {plan.version} → `{plan.tag}`", "", "| | what | | |", "|---|---|---|---|"]
    lines += [
        f"| `{_MARKS[action][0]}` {action} | {what} | {which} | {more} |" for action, what, which, more in _rows(plan)
    ]
    lines += [f"- {role}: {_as_it_is(each.text)}" for role, each in (inside or {}).items()]
    lines += [
        f"- {_as_it_is(each.path)}: {_as_it_is(_value(each.before))} → {_as_it_is(_value(each.after))}"
        for each in plan.program.changes
    ]
    lines += ["", *(_cost_lines(plan.cost) if plan.cost else ()), "", summary_line(plan)]
    lines += ["", first_start_line(plan)] if plan.has_changes and plan.images else []
    lines += ["", *(f"> {printable(warning)}" for warning in (*plan.warnings, *plan.dangers))]
    return "\n".join(lines).rstrip() + "\n"


def _as_it_is(text: str) -> str:
    """Return names and values for Markdown, which shows what stands in a span of code without obeying it."""
    text = printable(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    gap = " " if "`" in text else ""
    return f"{fence}{gap}{text}{gap}{fence}"
