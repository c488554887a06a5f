"""PROGRAM, INSTANCE, V-PROGRAM: files are there, costs are paid (``handlers/content/{vm,vprogram}.py`` of pyaleph)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aleph_message.models import ProgramContent

from hatch_aleph.local.node.costs import payment_type, total
from hatch_aleph.local.node.limits import CREDIT_FOR_ALL_SINCE, CREDIT_FOR_PERSISTENT_SINCE, MIB, PAID_SINCE
from hatch_aleph.local.node.machine_files import file_refs, held_refs, sized_parents
from hatch_aleph.local.node.rejection import Code, RejectedMessageError, RetryMessageError
from hatch_aleph.local.node.rules import Rules

if TYPE_CHECKING:
    from hatch_aleph.local.node.costs import Cost
    from hatch_aleph.local.node.envelope import Message
    from hatch_aleph.local.node.machine_files import Machine


class MachineRules(Rules):
    """Rules of PROGRAM and INSTANCE messages."""

    def check(self, message: Message) -> None:
        """Every file must be known, copies must hold their parent, a replaced program must be there and allow it.

        As on the network, a replacement may itself be replaced, and by anybody.
        """
        content, pins = _content(message), self.state.pins
        missing = {needed.ref for needed in file_refs(content) if pins.file_of(needed) is None}
        if missing:
            raise RetryMessageError(Code.VM_VOLUME_NOT_FOUND, *sorted(missing))
        for name, size_mib, parent in sized_parents(content):
            found = pins.file_of(parent)
            if found is not None and size_mib * MIB < found[1]:
                details: dict[str, Any] = {
                    "volume_name": name,
                    "parent_ref": parent.ref,
                    "parent_file": found[0],
                    "parent_size": found[1],
                    "volume_size": size_mib * MIB,
                }
                raise RejectedMessageError(Code.VM_VOLUME_TOO_SMALL, details)
        if content.replaces is not None:
            replaced = self.state.database.one(
                "SELECT allow_amend FROM machines WHERE item_hash = ? AND type = 'PROGRAM'", content.replaces
            )
            if replaced is None:
                raise RetryMessageError(Code.VM_REF_NOT_FOUND, content.replaces)
            if not replaced["allow_amend"]:
                raise RejectedMessageError(Code.VM_AMEND_NOT_ALLOWED)

    def costs(self, message: Message) -> list[Cost]:
        """Check the way to pay for the message's date, and the balance."""
        content = _content(message)
        costs = self.state.pricer.costs(content, message.item_hash)
        persistent = not isinstance(content, ProgramContent) or bool(content.on.persistent)
        if not persistent and message.seconds < PAID_SINCE:
            return costs
        payment = payment_type(content)
        refused_since = CREDIT_FOR_PERSISTENT_SINCE if persistent else CREDIT_FOR_ALL_SINCE
        if payment != "credit" and message.seconds >= refused_since:
            raise RejectedMessageError(Code.INVALID_PAYMENT_METHOD)
        if payment != "superfluid":  # streams are not followed: on the network neither, at this point
            self.state.balances.require(content.address, total(costs, payment), payment)
        return costs

    def apply(self, message: Message, now: int) -> None:  # noqa: ARG002 - the signature of the other types
        """Remember the machine and the files it holds on to."""
        content, database = _content(message), self.state.database
        database.insert(
            "machines",
            item_hash=message.item_hash,
            owner=content.address,
            type=message.type,
            allow_amend=content.allow_amend,
        )
        for held in held_refs(content):
            database.insert("machine_refs", item_hash=message.item_hash, ref=held.ref)

    def forget(self, message: Message, now: int) -> None:  # noqa: ARG002 - as above
        """Let go of the machine and its files."""
        self.state.database.run("DELETE FROM machines WHERE item_hash = ?", message.item_hash)
        self.state.database.run("DELETE FROM machine_refs WHERE item_hash = ?", message.item_hash)


class VerifiableRules(MachineRules):
    """Rules of V-PROGRAM messages: their model allows credits alone and no amend; their files are not looked for."""

    def check(self, message: Message) -> None:
        """Refuse nothing: such a program may name files that are not there yet (``handlers/content/vprogram.py``)."""


def _content(message: Message) -> Machine:
    return cast("Machine", message.parsed)
