"""What messages cost (pyaleph's ``web/controllers/prices.py``)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aleph_message.models import PaymentType, StoreContent
from pydantic import BaseModel, Field

from hatch_aleph.local.node.api.support import answer, body_of, item_hash_of, node_of, query_of, unprocessable
from hatch_aleph.local.node.costs import AMOUNTS, Cost, floor18, payment_type, total
from hatch_aleph.local.node.database import Query
from hatch_aleph.local.node.envelope import check_content
from hatch_aleph.local.node.ledger import message_of, read_content
from hatch_aleph.local.node.limits import MIB
from hatch_aleph.local.node.list_pages import Pages
from hatch_aleph.network.fields import parse_json

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.embedded_node import Node

_PRICED = ("STORE", "PROGRAM", "INSTANCE", "V-PROGRAM")
_LARGEST_ESTIMATE_MIB = 2**40


class PriceQuery(BaseModel):
    """What can be asked of a price."""

    include_size: bool = False


async def get_price(request: web.Request) -> web.Response:
    """Tell what a message costs since it was processed."""
    item_hash, node = item_hash_of(request), node_of(request)
    status = node.processor.ledger.status(item_hash)
    if status in ("forgotten", "removed"):
        return _price_of_ended(node, item_hash, status)
    if status is None:
        raise web.HTTPNotFound(text=f"Message not found with hash: {item_hash}")
    if status == "rejected":
        raise web.HTTPNotFound(text=f"This message was rejected: {item_hash}")
    if status == "pending":
        # The network means to say 102 here, which no client takes for a final answer.
        raise web.HTTPNotFound(text=f"Message still pending: {item_hash}")
    row = node.state.database.one("SELECT * FROM messages WHERE item_hash = ?", item_hash)
    if row is None or row["type"] not in _PRICED:
        raise web.HTTPBadRequest(text=f"Message is not an executable or store message: {item_hash}")
    content = read_content(message_of(row)).parsed
    with_size = query_of(request, PriceQuery).include_size
    rows = node.state.database.all("SELECT * FROM costs WHERE item_hash = ? ORDER BY id", (item_hash,))
    return _answer_costs(content, [node.state.pricer.written(row, content if with_size else None) for row in rows])


def _price_of_ended(node: Node, item_hash: str, status: str) -> web.Response:
    """A forgotten file is still priced, by what was written down when it ended; programs are gone."""
    row = node.state.database.one("SELECT * FROM ended WHERE item_hash = ?", item_hash)
    if row is None or row["type"] != "STORE" or row["size"] is None or not node.release.ended:
        raise web.HTTPGone(text=f"This message has been {status}: {item_hash}")
    content = StoreContent.model_validate(
        {
            "address": row["owner"],
            "time": row["time"] / 10**6,
            "item_type": "storage",
            "item_hash": item_hash,
            "payment": {"type": row["payment_type"] or "hold"},
        }
    )
    return _answer_costs(content, node.state.pricer.costs(content, item_hash, {"file": row["size"] / MIB}))


async def post_estimate(request: web.Request) -> web.Response:
    """Tell what a message would cost; its files need not be published when their sizes are given."""
    raw = (await body_of(request)).get("message")
    if not isinstance(raw, dict) or not isinstance(raw.get("item_content"), str) or raw.get("type") not in _PRICED:
        raise unprocessable("InvalidMessageFormat")
    node = node_of(request)
    try:
        content, estimates = _read_estimate(raw["type"], parse_json(raw["item_content"]))
        costs = node.state.pricer.costs(content, str(raw.get("item_hash")), estimates)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise unprocessable("InvalidMessageFormat") from error
    return _answer_costs(content, costs)


def _read_estimate(message_type: str, content: dict[str, Any]) -> tuple[Any, dict[str, float]]:
    """Take the sizes out of the content, which the network's models would not let pass, and read the rest."""
    estimates: dict[str, float] = {}
    parts: dict[str, Any] = {"file": content} if message_type == "STORE" else {}
    if message_type == "PROGRAM":
        parts.update({role: content.get(role) for role in ("code", "runtime", "data")})
    parts.update({f"volumes/{index}": volume for index, volume in enumerate(content.get("volumes") or [])})
    for role, part in parts.items():
        size = part.pop("estimated_size_mib", None) if isinstance(part, dict) else None
        if size is not None:
            if isinstance(size, bool) or not isinstance(size, int | float) or not 0 <= size < _LARGEST_ESTIMATE_MIB:
                raise ValueError("estimated_size_mib is a number of MiB")
            estimates[role] = size
    if message_type in ("INSTANCE", "V-PROGRAM"):  # only what costs something must be there
        content = {**content, "time": content.get("time") or 0.0, "allow_amend": content.get("allow_amend", False)}
    return check_content(message_type, content), estimates


async def post_instance_estimate(request: web.Request) -> web.Response:
    """Tell what an instance would cost, from its content alone."""
    try:
        content, estimates = _read_estimate("INSTANCE", await body_of(request))
        costs = node_of(request).state.pricer.costs(content, "estimate", estimates)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise unprocessable(str(error)) from error
    return _answer_costs(content, costs)


def _answer_costs(content: Any, costs: list[Cost]) -> web.Response:
    payment = payment_type(content)
    required = total(costs, payment)
    return answer(
        {
            "required_tokens": float(required),
            "payment_type": payment,
            "cost": f"{required:.18f}",
            "detail": [_detail(cost) for cost in costs],
            "charged_address": content.address,
        }
    )


def _detail(cost: Cost) -> dict[str, Any]:
    amounts = {f"cost_{name}": f"{getattr(cost, name):.18f}" for name in AMOUNTS}
    return {"type": cost.type, "name": cost.name, **amounts, "size_mib": cost.size_mib}


class CostQuery(Pages):
    """What can be asked of costs."""

    pagination: int = Field(default=100, ge=10, le=1000)
    include_details: int = Field(default=0, ge=0, le=2)
    include_size: bool = False

    address: str | None = None
    item_hash: str | None = None
    payment_type: PaymentType = PaymentType.credit


async def get_costs(request: web.Request) -> web.Response:
    """Sum what live messages cost, of an address or of all, and list them."""
    asked, node = query_of(request, CostQuery), node_of(request)
    if asked.include_details > 1 and not (asked.address or asked.item_hash):
        raise unprocessable(
            "include_details=2 requires at least one of 'address' or 'item_hash' filters to avoid fetching breakdowns"
            " for all resources"
        )
    query = Query(node.state.database, "costs")
    query.add("payment_type = ?", asked.payment_type.value)
    query.add_in("owner", [asked.address] if asked.address else None)
    query.add_in("item_hash", [asked.item_hash] if asked.item_hash else None)
    resources: dict[str, list[sqlite3.Row]] = {}
    for row in query.rows("item_hash, id"):
        resources.setdefault(row["item_hash"], []).append(row)
    consumed = node.state.balances.consumed(list(resources))
    every = [row for rows in resources.values() for row in rows]
    summary = {
        "total_consumed_credits": sum(consumed.values()),
        **_sums(every, "total_cost"),
        "resource_count": len(resources),
    }
    filters = {"address": asked.address, "item_hash": asked.item_hash, "payment_type": asked.payment_type.value}
    none = dict.fromkeys(("pagination_page", "pagination_total", "pagination_per_page", "pagination_item"))
    found: dict[str, Any] = {"summary": summary, "filters": filters, "resources": None, **none}
    if asked.include_details:
        shown = list(resources)[asked.offset : asked.offset + asked.pagination]
        listed = [_resource(node, resources[each], consumed.get(each, 0), asked) for each in shown]
        found.update(asked.by_page("resources", listed, len(resources)))
    return answer(found)


def _resource(node: Node, rows: list[sqlite3.Row], consumed: int, asked: CostQuery) -> dict[str, Any]:
    details = None
    if asked.include_details > 1:
        message = node.state.database.one("SELECT * FROM messages WHERE item_hash = ?", rows[0]["item_hash"])
        content = read_content(message_of(message)).parsed if asked.include_size and message else None
        details = [_detail(node.state.pricer.written(row, content)) for row in rows]
    kept = {name: rows[0][name] for name in ("item_hash", "owner", "payment_type")}
    return {**kept, "consumed_credits": consumed, **_sums(rows, "cost"), "detail": details}


def _sums(rows: list[sqlite3.Row], prefix: str) -> dict[str, str]:
    sums = {name: sum((Decimal(row[name]) for row in rows), Decimal(0)) for name in AMOUNTS}
    return {f"{prefix}_{name}": f"{floor18(amount):.18f}" for name, amount in sums.items()}
