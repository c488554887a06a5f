"""Live programs: one with all that it is made of, or the list of an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.state import LIVE, Program, Volume, find_program, program_of, refs_of, volumes_of
from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.urls import Hosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.money import Price


@dataclass(frozen=True)
class LiveProgram:
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


def look_up(client: NodeClient, item_hash: str) -> LiveProgram:
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
    return LiveProgram(
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


@dataclass(frozen=True)
class Listed:
    """A program.

    Attributes:
        message: Its message, with status.
        price: What it costs; None when the node does not say.
        superseded_by: Item hash of a program of the same owner that says to replace it.
        urls: Where it answers.
    """

    message: NetworkMessage
    price: Price | None
    superseded_by: str | None
    urls: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in its metadata."""
        metadata = self.message.content.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, the message's content included."""
        message = self.message
        price = self.price
        return {
            "item_hash": message.item_hash,
            "name": self.name,
            "status": message.status.value,
            "sender": message.sender,
            "channel": message.channel,
            "time": message.content_time,
            "superseded_by": self.superseded_by,
            "price": price
            and {"payment_type": price.payment_type, "per_day": str(price.per_day), "held": str(price.held)},
            "urls": list(self.urls),
            "content": message.content,
        }


def list_programs(client: NodeClient, address: str) -> tuple[Listed, ...]:
    """Return the live programs of an address, newest first; those that are being removed for want of credits too."""
    found = [
        message
        for message in client.messages(types=("PROGRAM",), owners=(address,), statuses=LIVE, verify=False)
        if message.owner == address
    ]
    # Anybody's message may say to replace this one; only the owner's counts.
    replaced = {message.content.get("replaces"): message.item_hash for message in reversed(found)}
    found.sort(key=lambda message: message.content_time, reverse=True)
    hosts = Hosts(client.nodes[0])
    prices = client.prices(address) if found else {}
    return tuple(
        Listed(
            message,
            prices.get(message.item_hash) or _price(client, message.item_hash),
            replaced.get(message.item_hash),
            hosts.urls(message.item_hash),
        )
        for message in found
    )


def _price(client: NodeClient, item_hash: str) -> Price | None:
    try:
        return client.price(item_hash)
    except (NetworkError, RejectedError):  # a node without prices is no reason to list nothing
        return None
