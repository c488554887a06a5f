"""A plan as text: tables for people, Markdown for the page of a CI job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_aleph.cli.output import Output
    from hatch_aleph.deploy.plan import Cost, ImageStep, Plan

_MONTH = 30


def show_plan(output: Output, plan: Plan) -> None:
    """Print a plan for people; on stderr's side of things only its warnings."""
    if output.as_json:
        return
    output.table(f"{plan.project} {plan.version} → {plan.tag} of {plan.owner}", _COLUMNS, _rows(plan))
    if plan.program.changes:
        rows = [(change.path, _value(change.before), _value(change.after)) for change in plan.program.changes]
        output.table("Fields of the program", ("field", "now", "after"), rows)
    if plan.cost:
        output.table("Cost", ("", "a day", "in 30 days"), _cost_rows(plan.cost))
    for warning in (*plan.warnings, *plan.dangers):
        output.notice(f"Warning: {warning}")


_COLUMNS = ("what", "action", "size", "to upload")


def _rows(plan: Plan) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (step.role, _action(step), f"{step.size / 1e6:.2f} MB", _upload(step)) for step in plan.images
    ]
    program = plan.program.action + (f" {plan.program.item_hash[:10]}…" if plan.program.item_hash else "")
    rows.append(("program", program, "", ""))
    rows += [("program", f"forget {item_hash}, once the other one answers", "", "") for item_hash in plan.forget]
    rows += [("domain", f"attach {domain}", "", "") for domain in plan.domains]
    return rows


def _action(step: ImageStep) -> str:
    return f"{step.action} {step.ref[:10]}…" if step.ref else step.action


def _upload(step: ImageStep) -> str:
    if step.upload:
        return f"{step.size / 1e6:.2f} MB to {step.engine}"
    return "nothing: the node has it" if step.sends else "nothing"


def _cost_rows(cost: Cost) -> list[tuple[str, str, str]]:
    unit = "credits" if cost.payment_type == "credit" else "ALEPH"
    if cost.payment_type == "hold":
        rows = [
            (f"now, {unit} held", f"{cost.held_now:.2f}", ""),
            (f"after, {unit} held", f"{cost.held_after:.2f}", ""),
        ]
    else:
        rows = [
            (f"now, {unit}", f"{cost.now:,.2f}", f"{cost.now * _MONTH:,.2f}"),
            (f"after, {unit}", f"{cost.after:,.2f}", f"{cost.after * _MONTH:,.2f}"),
        ]
    if cost.balance is not None:
        lasts = f"lasts {cost.days:,.0f} days" if cost.days is not None else ""
        rows.append((f"balance, {unit}", f"{cost.balance:,.2f}", lasts))
    return rows


def _value(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plan_markdown(plan: Plan) -> str:
    """Return a plan for the summary page of a CI job."""
    lines = [
        f"### {plan.project} {plan.version} → `{plan.tag}`",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in _rows(plan)]
    lines += [f"- `{each.path}`: {_value(each.before)} → {_value(each.after)}" for each in plan.program.changes]
    if plan.cost:
        lines += ["", "| cost | a day | in 30 days |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in _cost_rows(plan.cost)]
    lines += ["", *(f"> {warning}" for warning in (*plan.warnings, *plan.dangers))]
    return "\n".join(lines).rstrip() + "\n"
