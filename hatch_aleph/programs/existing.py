"""A program that is live, with what it is made of and what else needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.state import LIVE, Program, Volume, program_of, refs_of, volumes_of
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient


@dataclass(frozen=True)
class Existing:
    """A live program.

    Attributes:
        program: The program.
        owner: Whose it is.
        sender: Who signed it.
        channel: Its channel.
        volumes: The files of the owner's that it refers to, with their amends, by the original's item hash.
        others: Further live programs and instances of the owner, newest first.
    """

    program: Program
    owner: str
    sender: str
    channel: str
    volumes: Mapping[str, Volume]
    others: tuple[Program, ...]

    @property
    def content(self) -> Mapping[str, Any]:
        """The program's content."""
        return self.program.content

    @property
    def code(self) -> Volume | None:
        """The code's volume, if its original is the owner's and live."""
        return self.volumes.get(str(self.content["code"].get("ref")))

    @property
    def used_elsewhere(self) -> frozenset[str]:
        """Item hashes that other programs of the owner refer to."""
        return frozenset().union(*(refs_of(other.content) for other in self.others))


def find_program(client: NodeClient, item_hash: str) -> NetworkMessage:
    """Return a live program's message.

    Raises:
        PlanError: It is unknown, gone, not yet processed, or no program.
    """
    message = client.message(item_hash)
    if message is None:
        raise PlanError(
            "the network knows no such program",
            where=item_hash,
            hint="`hatch-aleph list` shows yours; `--node URL` asks another node.",
        )
    if not message.status.is_live:
        by = f" by {', '.join(message.forgotten_by)}" if message.forgotten_by else ""
        raise PlanError(f"the program is {message.status.value}{by}", where=item_hash)
    if message.type != "PROGRAM":
        raise PlanError(f"this is a {message.type}, not a program", where=item_hash)
    return message


def look_up(client: NodeClient, item_hash: str) -> Existing:
    """Return a live program with its volumes and its neighbours.

    Raises:
        PlanError: There is no such live program.
    """
    message = find_program(client, item_hash)
    owner = message.owner
    stores = list(_stores(client, owner, refs_of(message.content)))
    volumes, _ = volumes_of(stores)
    machines = client.messages(types=("PROGRAM", "INSTANCE"), owners=(owner,), statuses=LIVE)
    others = (program_of(each) for each in machines if each.item_hash != item_hash and each.owner == owner)
    return Existing(
        program=program_of(message),
        owner=owner,
        sender=message.sender,
        channel=message.channel,
        volumes=volumes,
        others=tuple(sorted(others, key=lambda program: program.time, reverse=True)),
    )


def _stores(client: NodeClient, owner: str, refs: frozenset[str]) -> Iterable[NetworkMessage]:
    """Yield the owner's STORE messages among some item hashes, and the amends of them."""
    if not refs:
        return
    found = {
        message.item_hash: message
        for message in client.messages(types=("STORE",), owners=(owner,), hashes=sorted(refs), statuses=LIVE)
    }
    amends = client.messages(types=("STORE",), owners=(owner,), refs=sorted(found), statuses=LIVE) if found else ()
    for message in (*found.values(), *amends):
        if message.owner == owner:
            yield message
