"""Addresses: balances, files, permissions, and the faucet.

Sources: ``web/controllers/accounts.py`` and ``authorizations.py`` in aleph-im/pyaleph.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from aleph_message.models import Chain  # noqa: TC002 - pydantic reads it
from pydantic import BaseModel, ConfigDict, Field

from hatch_aleph.local.node.api.support import answer, body_of, node_of, query_of, unprocessable
from hatch_aleph.local.node.database import Query
from hatch_aleph.local.node.list_pages import CommaSeparated, Pages
from hatch_aleph.local.node.times import to_iso, to_seconds
from hatch_aleph.network.signatures import as_published

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from hatch_aleph.local.node.embedded_node import Node

# Of Ethereum, or of one of the other chains: what is mistyped would be given to nobody.
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{40}|(?!0x)[0-9A-Za-z]{26,90}")
_FAUCET_LIMIT = 10**18
_FILES = "pins JOIN files ON files.hash = pins.file_hash WHERE kind = 'message' AND owner = ?"


class FileQuery(Pages):
    """What can be asked of a list of files."""

    sort_order: Literal["1", "-1"] = "-1"
    file_hash: str | None = None


class GrantQuery(Pages):
    """What can be asked of permissions."""

    model_config = ConfigDict(populate_by_name=True)

    pagination: int = Field(default=20, ge=1, le=500)
    grantee: str | None = None
    granter: str | None = None
    channels: CommaSeparated[str] | None = None
    types: CommaSeparated[str] | None = None
    post_types: CommaSeparated[str] | None = Field(default=None, alias="postTypes")
    chains: CommaSeparated[str] | None = None
    aggregate_keys: CommaSeparated[str] | None = Field(default=None, alias="aggregateKeys")

    def covers(self, grant: dict[str, Any]) -> bool:
        """Tell whether a grant allows what is asked for; what it does not restrict it allows."""
        restricted = {name: grant.get(name) for name in ("channels", "types", "post_types", "aggregate_keys")}
        restricted["chains"] = [grant["chain"]] if grant.get("chain") else None
        wanted = ((allowed, getattr(self, name)) for name, allowed in restricted.items())
        return all(not allowed or not asked or set(allowed) & set(asked) for allowed, asked in wanted)


class BalanceQuery(BaseModel):
    """What can be asked of a balance."""

    chain: Chain | None = None
    include_credit_details: bool = False


def _balance(node: Node, address: str, chain: str | None = None) -> dict[str, Any]:
    accounts = node.state.balances
    tokens = accounts.tokens(address, chain)
    return {
        "address": address,
        "balance": float(sum(tokens.values(), Decimal(0))),
        "details": {} if chain else {name: float(amount) for name, amount in tokens.items()},
        "locked_amount": float(accounts.spent(address, "hold")),
        "credit_balance": accounts.credits(address),
        "credit_balance_details": None,
    }


async def get_balance(request: web.Request) -> web.Response:
    """Tell tokens, held tokens and credits of an address."""
    query, address = query_of(request, BalanceQuery), request.match_info["address"]
    balance = _balance(node_of(request), address, query.chain)
    if query.include_credit_details:
        balance["credit_balance_details"] = [{"expiration_date": None, "amount": balance["credit_balance"]}]
    return answer(balance)


async def post_faucet(request: web.Request) -> web.Response:
    """Add credits and tokens to an address, or take them with a minus; answers its new balance."""
    body, node = await body_of(request), node_of(request)
    address, credit_amount, tokens = body.get("address"), body.get("credits", 0), body.get("tokens", 0)
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise unprocessable("'address': expected an address: 0x and 40 hexadecimal digits, or another chain's")
    address = as_published(address)
    if address is None:
        raise unprocessable("'address': it is mistyped: its capitals are a checksum")
    if isinstance(credit_amount, bool) or not isinstance(credit_amount, int) or abs(credit_amount) > _FAUCET_LIMIT:
        raise unprocessable("'credits': expected a whole number")
    if isinstance(tokens, bool) or not isinstance(tokens, int | float) or not abs(tokens) <= _FAUCET_LIMIT:
        raise unprocessable("'tokens': expected a number")
    with node.state.database.transaction():
        node.state.balances.give(address, credit_amount, Decimal(str(tokens)), node.now())
        node.state.balances.settle(node.now())
    return answer(_balance(node, address))


async def get_files(request: web.Request) -> web.Response:
    """List the files an address stores."""
    asked, address = query_of(request, FileQuery), request.match_info["address"]
    database = node_of(request).state.database
    query = Query(database, "(SELECT pins.*, files.size FROM pins JOIN files ON files.hash = pins.file_hash)")
    query.add("kind = 'message'")
    query.add("owner = ?", address)
    [total] = database.all(f"SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM {_FILES}", (address,))  # noqa: S608 - our own
    if asked.file_hash is not None:
        query.add("file_hash = ?", asked.file_hash)
    moment = to_iso if asked.cursor is None else to_seconds
    page = asked.part_of(
        "files",
        query,
        keys={"t": "created", "h": "item_hash"},
        shown=lambda row: _file(row, moment),
        total=total["files"],
    )
    page.pop("pagination_item", None)
    if not page["files"]:
        raise web.HTTPNotFound
    return answer({"address": address, "total_size": total["bytes"], **page})


def _file(row: sqlite3.Row, moment: Callable[[int], Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in ("file_hash", "size", "item_hash")}
    return {**kept, "type": "file", "created": moment(row["created"])}


async def get_granted(request: web.Request) -> web.Response:
    """List whom an address lets act for it."""
    query, address = query_of(request, GrantQuery), request.match_info["address"]
    grants = _grants(node_of(request), address)
    return _answer_grants({key: grants[key] for key in grants if query.grantee in (None, key)}, query, address)


async def get_received(request: web.Request) -> web.Response:
    """List which addresses let this one act for them."""
    query, address, node = query_of(request, GrantQuery), request.match_info["address"], node_of(request)
    received = {}
    for owner in node.state.aggregates.owners("security"):
        entries = _grants(node, owner).get(address)
        if entries and query.granter in (None, owner):
            received[owner] = entries
    return _answer_grants(received, query, address)


def _grants(node: Node, owner: str) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    entries = node.state.aggregates.get(owner, "security").get("authorizations", [])
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("address"), str) and entry["address"]:
            grant = {key: value for key, value in entry.items() if key != "address"}
            grouped.setdefault(entry["address"], []).append(grant)
    return grouped


def _answer_grants(grants: dict[str, list[dict[str, Any]]], query: GrantQuery, address: str) -> web.Response:
    kept = {who: [each for each in found if query.covers(each)] for who, found in grants.items()}
    grants = {who: found for who, found in kept.items() if found}
    who = list(grants)[query.offset : query.offset + query.pagination]
    page = query.by_page("authorizations", [], len(grants))
    return answer({**page, "authorizations": {key: grants[key] for key in who}, "address": address})
