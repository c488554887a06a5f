"""Balances, what is spent on live messages, and what happens to those that are no longer paid.

Sources: aleph-im/pyaleph, ``src/aleph/services/cost_validation.py`` and ``src/aleph/jobs/cron/*balance_job.py``.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, StrictInt

from hatch_aleph.local.node.costs import AMOUNTS, Cost, column_of, floor18
from hatch_aleph.local.node.limits import CREDIT_FOR_ALL_SINCE, MIB, MIN_STORE_MIB, REMOVING_SECONDS
from hatch_aleph.local.node.rejection import Code, RejectedMessageError
from hatch_aleph.local.node.times import DAY, HOUR

if TYPE_CHECKING:
    import sqlite3

    from hatch_aleph.local.node.database import Database
    from hatch_aleph.local.node.file_pins import FilePins

FAUCET_CHAIN = "ETH"


class CreditShare(BaseModel):
    """What one address gets of a transfer; ``expiration`` in milliseconds since 1970, if any."""

    address: str = Field(pattern=r"\S")
    amount: StrictInt = Field(gt=0)
    expiration: int | None = None


class Balances:
    """Who has what, and who pays for what."""

    def __init__(self, database: Database, pins: FilePins) -> None:
        self._db = database
        self._pins = pins

    def tokens(self, address: str, chain: str | None = None) -> dict[str, Decimal]:
        """Tell the tokens of an address by chain."""
        rows = self._db.all("SELECT chain, balance FROM balances WHERE address = ? ORDER BY chain", (address,))
        return {row["chain"]: Decimal(row["balance"]) for row in rows if chain in (None, row["chain"])}

    def credits(self, address: str) -> int:
        """Tell the credits of an address."""
        return max(0, int(self._db.value("SELECT amount FROM credit_totals WHERE address = ?", address) or 0))

    def spent(self, address: str, payment: str) -> Decimal:
        """Sum what the live messages of an address cost: tokens held, or credits (tokens) per second."""
        total = self._db.one("SELECT * FROM cost_totals WHERE owner = ? AND payment_type = ?", address, payment)
        return Decimal(0) if total is None else floor18(Decimal(total[column_of(payment)]))

    def require(self, address: str, cost: Decimal, payment: str) -> None:
        """Check that an address can pay ``cost`` on top of what it spends: a whole day of it when paid by credit.

        Raises:
            RejectedMessageError: It cannot (5 for tokens, 6 for credits).
        """
        if payment == "credit":
            have, need = self.credits(address), (self.spent(address, payment) + cost) * DAY
            if have < need:
                error = {"required_credits": str(need), "account_credits": str(have), "min_runtime_days": 1}
                raise RejectedMessageError(Code.CREDIT_INSUFFICIENT, error)
            return
        tokens = sum(self.tokens(address).values(), Decimal(0))
        required = self.spent(address, payment) + cost
        if tokens < required:
            error = {"required_balance": str(required), "account_balance": str(tokens)}
            raise RejectedMessageError(Code.BALANCE_INSUFFICIENT, error)

    def charge(self, owner: str, item_hash: str, payment: str, costs: list[Cost]) -> None:
        """Write down what a processed message costs from now on."""
        for cost in costs:
            amounts = {name: getattr(cost, name) for name in AMOUNTS}
            texts = {name: str(amount) for name, amount in amounts.items()}
            parts = {"item_hash": item_hash, "type": cost.type, "name": cost.name, "ref": cost.ref}
            self._db.insert("costs", owner=owner, payment_type=payment, **parts, **texts)
            self._add_to_total(owner, payment, amounts)

    def release(self, item_hash: str) -> None:
        """Forget what an ended message has cost."""
        for row in self._db.all("SELECT * FROM costs WHERE item_hash = ?", (item_hash,)):
            self._add_to_total(row["owner"], row["payment_type"], {name: -Decimal(row[name]) for name in AMOUNTS})
        self._db.run("DELETE FROM costs WHERE item_hash = ?", item_hash)

    def _add_to_total(self, owner: str, payment: str, amounts: dict[str, Decimal]) -> None:
        total = self._db.one("SELECT * FROM cost_totals WHERE owner = ? AND payment_type = ?", owner, payment)
        sums = {name: str(amounts[name] + Decimal(total[name] if total else 0)) for name in AMOUNTS}
        self._db.put("cost_totals", "owner, payment_type", owner=owner, payment_type=payment, **sums)

    def sum_up(self) -> None:
        """Make the totals of a folder that was written without them."""
        if self._db.value("SELECT value FROM facts WHERE name = 'totals'"):
            return
        self._db.run("DELETE FROM cost_totals")
        for row in self._db.all("SELECT * FROM costs"):
            self._add_to_total(row["owner"], row["payment_type"], {name: Decimal(row[name]) for name in AMOUNTS})
        self._db.run(
            "INSERT OR REPLACE INTO credit_totals SELECT address, sum(amount) FROM credit_history GROUP BY address"
        )
        self._db.insert("facts", name="totals", value="1")

    def give(self, address: str, credit_amount: int, token_amount: Decimal, now: int) -> None:
        """Add to (or, below zero, take from) an address what the faucet was asked for."""
        if credit_amount:
            self._enter(address, credit_amount, "faucet", now)
        if token_amount:
            balance = max(self.tokens(address).get(FAUCET_CHAIN, Decimal(0)) + token_amount, Decimal(0))
            self._db.put("balances", "address, chain", address=address, chain=FAUCET_CHAIN, balance=str(balance))

    def bill(self, now: int) -> None:
        """Take the credits of every whole hour since the last bill, one entry for each message."""
        last = self._db.value("SELECT value FROM facts WHERE name = 'billed'")
        hours = 0 if last is None else (now - int(last)) // (HOUR * 10**6)
        if last is None or hours > 0:
            billed = now if last is None else int(last) + hours * HOUR * 10**6
            self._db.put("facts", "name", name="billed", value=str(billed))
        if hours <= 0:
            return
        due: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in self._db.all("SELECT * FROM costs WHERE payment_type = 'credit' ORDER BY id"):
            due[row["owner"], row["item_hash"]] += Decimal(row["credit"]) * HOUR * hours
        for (owner, item_hash), amount in due.items():
            taken = min(int(amount), self.credits(owner))
            if taken:
                self._enter(owner, -taken, "credit_expense", now, origin=item_hash)

    def settle(self, now: int) -> None:
        """Suspend what addresses can no longer pay, resume what they can.

        Messages are looked at in the order they came. A STORE of up to 25 MiB stays, unless it is from 2027 or later.
        """
        for payment in ("credit", "hold"):
            for row in self._db.all("SELECT DISTINCT owner FROM costs WHERE payment_type = ?", (payment,)):
                self._settle_owner(row["owner"], payment, now)

    def _settle_owner(self, owner: str, payment: str, now: int) -> None:
        left = Decimal(self.credits(owner)) if payment == "credit" else sum(self.tokens(owner).values(), Decimal(0))
        rows = self._db.all("SELECT * FROM costs WHERE owner = ? AND payment_type = ? ORDER BY id", (owner, payment))
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            costs[row["item_hash"]] += Decimal(row[column_of(payment)])
        for item_hash, cost in costs.items():
            needed = cost * DAY if payment == "credit" else cost
            paid = left >= needed
            left = max(Decimal(0), left - needed)
            message = self._db.one("SELECT * FROM messages WHERE item_hash = ?", item_hash)
            if message is None:
                continue
            if not paid and message["status"] == "processed" and not self._is_tolerated(message):
                self._set_status(message, "removing", now)
            elif paid and message["status"] == "removing":
                self._set_status(message, "processed", now)

    def _is_tolerated(self, message: sqlite3.Row) -> bool:
        if message["type"] != "STORE" or message["time"] >= CREDIT_FOR_ALL_SINCE * 10**6:
            return False
        size = self._pins.size(message["content_item_hash"])
        return size is not None and size <= MIN_STORE_MIB * MIB

    def _set_status(self, message: sqlite3.Row, status: str, now: int) -> None:
        item_hash = message["item_hash"]
        self._db.run("UPDATE messages SET status = ? WHERE item_hash = ?", status, item_hash)
        self._db.run("UPDATE statuses SET status = ? WHERE item_hash = ?", status, item_hash)
        name = f"removing:{item_hash}"
        if status == "removing":
            until = now + REMOVING_SECONDS * 10**6
            self._db.put("facts", "name", name=name, value=str(until))
            self._pins.suspend(item_hash, until)
        else:
            self._db.run("DELETE FROM facts WHERE name = ?", name)
            self._pins.resume(item_hash)

    def _enter(self, address: str, amount: int, method: str, now: int, **more: Any) -> None:
        entry = {"origin": None, "credit_ref": secrets.token_hex(32), "credit_index": 0, **more}
        self._db.insert("credit_history", address=address, amount=amount, payment_method=method, time=now, **entry)
        self._db.run(
            "INSERT INTO credit_totals (address, amount) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET amount = amount + excluded.amount",
            address,
            amount,
        )

    def transfer(self, sender: str, shares: list[CreditShare], item_hash: str, now: int) -> None:
        """Move credits from one address to others (update_credit_balances_transfer).

        Raises:
            RejectedMessageError: To itself, or more than it has.
        """
        if any(share.address == sender for share in shares):
            text = f"Self-transfer not allowed: sender and recipient are both {sender}"
            raise RejectedMessageError(Code.INVALID_FORMAT, text)
        required, available = sum(share.amount for share in shares), self.credits(sender)
        if available < required:
            text = f"Insufficient credit balance for transfer. Required: {required}, Available: {available}"
            raise RejectedMessageError(Code.INVALID_FORMAT, text)
        for index, share in enumerate(shares):
            entry = {"credit_ref": item_hash, "provider": "ALEPH"}
            received = {
                "origin": sender,
                "credit_index": 2 * index,
                "expiration": (share.expiration or 0) * 1000 or None,
            }
            sent = {"origin": share.address, "credit_index": 2 * index + 1}
            self._enter(share.address, share.amount, "credit_transfer", now, **entry, **received)
            self._enter(sender, -share.amount, "credit_transfer", now, **entry, **sent)

    def consumed(self, item_hashes: list[str]) -> dict[str, int]:
        """Sum the credits that each message has cost so far."""
        rows = self._db.all(
            "SELECT origin, sum(-amount) AS taken FROM credit_history WHERE payment_method = 'credit_expense'"
            " AND origin IN (SELECT value FROM json_each(?)) GROUP BY origin",
            (json.dumps(item_hashes),),
        )
        return {row["origin"]: int(row["taken"]) for row in rows}
