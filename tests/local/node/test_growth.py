"""The time that a message takes does not grow with what its owner has: work is counted, not seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.local.node import Node
from hatch_aleph.local.node.envelope import read_message
from tests.local.node.support import Account, store_message

if TYPE_CHECKING:
    import sqlite3


def steps_of(node: Node, message: dict) -> int:
    """Count SQLite's virtual machine steps, in hundreds, while a message is processed."""
    connection: sqlite3.Connection = node.state.database._connection
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection.set_progress_handler(count, 100)
    try:
        assert node.processor.submit(read_message(message), message).outcome == "processed"
    finally:
        connection.set_progress_handler(None, 0)
    return counted


def fill(node: Node, owner: Account, count: int, first: int) -> None:
    with node.state.database.transaction():
        for number in range(first, first + count):
            node.state.database.insert(
                "costs",
                owner=owner.address,
                item_hash=f"{number:064x}",
                type="STORAGE",
                name="STORAGE",
                ref=None,
                payment_type="credit",
                hold="1",
                stream="0",
                credit="0.000000000000000001",
            )
            node.state.balances.give(owner.address, 10**9, 0, node.now())


def test_a_message_costs_the_same_work_beside_ten_and_beside_five_thousand(tmp_path):
    node, owner = Node(tmp_path / "node"), Account("many")
    node.open()
    try:
        files = [f"file {number}".encode() for number in range(3)]
        for data in files:
            incoming = node.state.files.receive(10**6)
            incoming.write(data)
            incoming._file.close()
            incoming.hash = incoming._hasher.hexdigest()
            node.state.files.keep(incoming)
            node.state.pins.add_file(incoming.hash, len(data), node.now())
        fill(node, owner, 10, 0)
        few = [steps_of(node, store_message(owner, data)) for data in files[:2]][-1]
        fill(node, owner, 5_000, 10)
        many = steps_of(node, store_message(owner, files[2]))
    finally:
        node.state.database.close()
    assert many <= 2 * few + 10


def test_the_totals_are_those_of_the_parts_after_an_older_version_as_well(tmp_path, make_node):
    from decimal import Decimal

    node, owner = Node(tmp_path / "node"), Account("older")
    node.open()
    fill(node, owner, 20, 0)
    node.state.database.run("DELETE FROM facts WHERE name = 'totals'")
    node.state.database.run("DELETE FROM cost_totals")
    node.state.database.run("DELETE FROM credit_totals")
    node.state.database.close()
    node.open()
    try:
        assert node.state.balances.spent(owner.address, "credit") == Decimal("0.00000000000000002")
        assert node.state.balances.credits(owner.address) == 20 * 10**9
        node.state.balances.release(f"{3:064x}")
        assert node.state.balances.spent(owner.address, "credit") == Decimal("0.000000000000000019")
    finally:
        node.state.database.close()
