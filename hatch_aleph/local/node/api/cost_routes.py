"""What messages cost (pyaleph's ``web/controllers/prices.py``)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from aleph_message.models import StoreContent
from pydantic import BaseModel

from hatch_aleph.local.node.api.support import answer, body_of, item_hash_of, node_of, query_of, unprocessable
from hatch_aleph.local.node.costs import Cost, floor18, payment_type, total
from hatch_aleph.local.node.ledger import message_of, read_content
from hatch_aleph.local.node.limits import MIB
from hatch_aleph.local.node.message import check_content, load_json

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node

_PRICED = ("STORE", "PROGRAM", "INSTANCE")
_LARGEST_ESTIMATE_MIB = 2**40


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
    costs = [
        Cost(
            type=cost["type"],
            name=cost["name"],
            ref=cost["ref"],
            hold=Decimal(cost["hold"]),
            stream=Decimal(cost["stream"]),
            credit=Decimal(cost["credit"]),
        )
        for cost in node.state.database.all("SELECT * FROM costs WHERE item_hash = ? ORDER BY id", (item_hash,))
    ]
    return _answer_costs(read_content(message_of(row)).parsed, costs)


def _price_of_ended(node: Node, item_hash: str, status: str) -> web.Response:
    """A forgotten file is still priced, by what was written down when it ended; programs are gone."""
    row = node.state.database.one("SELECT * FROM ended WHERE item_hash = ?", item_hash)
    if row is None or row["type"] != "STORE" or row["size"] is None:
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
        content, estimates = _read_estimate(raw["type"], load_json(raw["item_content"]))
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
    return check_content(message_type, content), estimates


def _answer_costs(content: Any, costs: list[Cost]) -> web.Response:
    payment = payment_type(content)
    required = total(costs, payment)
    return answer(
        {
            "required_tokens": float(required),
            "payment_type": payment,
            "cost": f"{required:.18f}",
            "detail": [
                {
                    "type": cost.type,
                    "name": cost.name,
                    "cost_hold": f"{cost.hold:.18f}",
                    "cost_stream": f"{cost.stream:.18f}",
                    "cost_credit": f"{cost.credit:.18f}",
                    "size_mib": cost.size_mib,
                }
                for cost in costs
            ],
            "charged_address": content.address,
        }
    )


class CostQuery(BaseModel):
    """What can be asked of costs."""

    address: str | None = None
    item_hash: str | None = None
    payment_type: Literal["hold", "superfluid", "credit"] = "credit"


async def get_costs(request: web.Request) -> web.Response:
    """Sum what live messages cost, of an address or of all."""
    query, node = query_of(request, CostQuery), node_of(request)
    rows = [
        row
        for row in node.state.database.all("SELECT * FROM costs WHERE payment_type = ?", (query.payment_type,))
        if query.address in (None, row["owner"]) and query.item_hash in (None, row["item_hash"])
    ]
    hashes = sorted({row["item_hash"] for row in rows})
    sums = {
        f"total_cost_{key}": f"{floor18(sum((Decimal(row[key]) for row in rows), Decimal(0))):.18f}"
        for key in ("hold", "stream", "credit")
    }
    consumed = node.state.balances.consumed(hashes)
    summary = {"total_consumed_credits": consumed, **sums, "resource_count": len(hashes)}
    pages = ("pagination_page", "pagination_total", "pagination_per_page", "pagination_item")
    return answer({"summary": summary, "filters": query.model_dump(), "resources": None, **dict.fromkeys(pages)})
