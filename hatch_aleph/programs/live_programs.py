"""Live programs: one with all that it is made of, or the list of an address."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.answers import LIVE, MACHINES, V_PROGRAM
from hatch_aleph.network.money import cost_text, figure
from hatch_aleph.network.urls import Hosts, program_urls
from hatch_aleph.squashfs.pool import in_background

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hatch_aleph.deploy.history import Release
    from hatch_aleph.deploy.state import Program, Version, Volume
    from hatch_aleph.deploy.status import Unused
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
        from hatch_aleph.deploy.state import refs_of

        return frozenset().union(*(refs_of(other.content) for other in self.others))


def look_up(client: NodeClient, item_hash: str) -> LiveProgram:
    """Return a live program with its volumes and its neighbours.

    Raises:
        PlanError: There is no such live program.
    """
    from hatch_aleph.deploy.state import find_program, program_of, refs_of, volumes_of

    message = find_program(client, item_hash)
    owner = message.owner
    stores = list(_stores(client, owner, refs_of(message.content)))
    volumes, _ = volumes_of(stores)
    machines = client.messages(types=MACHINES, owners=(owner,), statuses=LIVE)
    others = (program_of(each) for each in machines if each.item_hash != item_hash and each.owner == owner)
    return LiveProgram(
        program=program_of(message),
        owner=owner,
        sender=message.sender,
        channel=message.channel,
        volumes=volumes,
        others=tuple(sorted(others, key=lambda program: program.time, reverse=True)),
    )


def present_releases(client: NodeClient, owner: str, programs: Sequence[Program]) -> dict[str, Release]:
    """Return the release that each program has now, by its item hash; those that no deployment made have none.

    The node is asked for all at once, and its messages are not verified: they are only shown, as in every list.
    """
    from hatch_aleph.deploy.history import releases
    from hatch_aleph.deploy.state import State, refs_of, volumes_of

    refs = {program.item_hash: refs_of(program.content) for program in programs}
    volumes, _ = volumes_of(_stores(client, owner, frozenset().union(*refs.values()), verify=False))
    states = {
        item_hash: State(owner, "", volumes={ref: volumes[ref] for ref in named if ref in volumes})
        for item_hash, named in refs.items()
    }
    return {item_hash: found[0] for item_hash, state in states.items() if (found := releases(state))}


def _stores(client: NodeClient, owner: str, named: frozenset[str], *, verify: bool = True) -> Iterable[NetworkMessage]:
    """Yield the owner's STORE messages among some item hashes, and the amends of them."""
    if not named:
        return
    found = {
        message.item_hash: message
        for message in client.messages(
            types=("STORE",), owners=(owner,), hashes=sorted(named), statuses=LIVE, verify=verify
        )
    }
    refs = sorted(found)
    amends = client.messages(types=("STORE",), owners=(owner,), refs=refs, statuses=LIVE, verify=verify) if refs else ()
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
        urls: Where it answers; empty when that was not asked for, and of a verifiable program.
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

    @property
    def deployment(self) -> str:
        """The project, and profile, that it belongs to; empty for a program without a project."""
        from hatch_aleph.deploy.state import PREFIX

        metadata = self.message.content.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        own = (tag.partition(":")[2] for tag in tags or () if isinstance(tag, str) and tag.startswith(f"{PREFIX}:"))
        return next(own, "")

    @property
    def verifiable(self) -> bool:
        """Whether it is a V-PROGRAM, which confidential hosts run and no command of ours changes."""
        return self.message.type == V_PROGRAM

    @property
    def unpaid(self) -> bool:
        """Whether it is being removed for want of credits."""
        return self.message.status.value == "removing"

    @property
    def cost_text(self) -> str:
        """What it costs, as people read it."""
        return "unknown" if self.price is None else cost_text([self.price])

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, the message's content included."""
        message = self.message
        price = self.price
        return {
            "item_hash": message.item_hash,
            "type": message.type,
            "name": self.name,
            "status": message.status.value,
            "sender": message.sender,
            "channel": message.channel,
            "time": message.content_time,
            "superseded_by": self.superseded_by,
            "price": price
            and {"payment_type": price.payment_type, "per_day": figure(price.per_day), "held": figure(price.held)},
            "urls": list(self.urls),
            "content": message.content,
        }


def list_programs(
    client: NodeClient, address: str, *, host: str | None = None, urls: bool = True
) -> Iterator[tuple[Listed, ...]]:
    """Yield the live programs of an address, verifiable and unpaid ones too, newest first.

    They come in batches, since an owner may have thousands: none is kept here, and the first few are there before the
    node has told all prices.

    Args:
        client: The node.
        address: The owner.
        host: URL of a host to use in place of the network's own.
        urls: Whether it matters where they answer, which the node is asked for.
    """
    # Asked for before all prices, which take a node as long as a hundred pages.
    messages = client.messages(types=("PROGRAM", V_PROGRAM), owners=(address,), statuses=LIVE, verify=False)
    found = (message for message in messages if message.owner == address)
    hosts = Hosts(client.nodes[0], host)
    prices = in_background(lambda: client.prices(address))
    known = in_background(lambda: hosts.known) if urls else prices
    # Anybody's message may say to replace this one; only the owner's counts, which is newer and so comes before it.
    replaced: dict[str, str] = {}

    def listed(message: NetworkMessage, prices: Mapping[str, Price]) -> Listed:
        if message.content.get("replaces"):
            replaced[str(message.content["replaces"])] = message.item_hash
        price = prices.get(message.item_hash) or _price(client, message.item_hash)
        answers_at = program_urls(message.item_hash, known.result()) if urls and message.type != V_PROGRAM else ()
        return Listed(message, price, replaced.get(message.item_hash), answers_at)

    batch = list(itertools.islice(found, _BATCH))
    if len(batch) == _BATCH and not prices.done:
        first = _priced_alone(client, batch[:_FIRST])
        yield tuple(listed(message, first) for message in batch[:_FIRST])
        batch = batch[_FIRST:]
    prices.result(), known.result()  # nobody is asked any more once the client is closed
    while batch:
        yield tuple(listed(message, prices.result()) for message in batch)
        batch = list(itertools.islice(found, _BATCH))


_BATCH = 200  # as many as a page of a node
_FIRST = 10  # of many programs are priced one by one


def _priced_alone(client: NodeClient, messages: Iterable[NetworkMessage]) -> Mapping[str, Price]:
    """Return the prices of some programs, asked for at once."""
    asked = {each.item_hash: in_background(partial(_price, client, each.item_hash)) for each in messages}
    return {item_hash: price for item_hash, job in asked.items() if (price := job.result())}


def _price(client: NodeClient, item_hash: str) -> Price | None:
    try:
        return client.price(item_hash, is_live=True)  # it is listed
    except (NetworkError, RejectedError):  # a node without prices is no reason to list nothing
        return None


@dataclass(frozen=True)
class Part:
    """What a program is made of beside its message: code, runtime, data or a volume.

    Attributes:
        role: ``code``, ``runtime``, ``data`` or the mount.
        ref: Item hash that the program names.
        owner: Whose it is; None when it is gone.
        since: Signed time of the content that the program gets.
        contents: All contents, newest first, as far as they are its owner's.
        follows: Whether the program gets later contents.
    """

    role: str
    ref: str
    owner: str | None
    since: float | None
    contents: tuple[Version, ...]
    follows: bool


def parts_of(client: NodeClient, program: Program) -> tuple[Part, ...]:
    """Return what a program is made of, each with its contents and their times."""
    content = program.content
    named = [(role, content.get(role)) for role in ("code", "runtime", "data")]
    named += [(str(volume.get("mount")), volume) for volume in content.get("volumes") or ()]
    return tuple(_part(client, role, each) for role, each in named if isinstance(each, dict) and each.get("ref"))


def _part(client: NodeClient, role: str, named: Mapping[str, Any]) -> Part:
    from hatch_aleph.deploy.state import volumes_of

    ref, follows = str(named["ref"]), bool(named.get("use_latest", role != "code"))
    original = client.message(ref, verify=False)  # as below: it is only shown
    if original is None or not original.status.is_live or original.type != "STORE":
        return Part(role, ref, None, None, (), follows)
    amends = client.messages(types=("STORE",), owners=(original.owner,), refs=(ref,), verify=False)
    volumes, _ = volumes_of([original, *(each for each in amends if each.owner == original.owner)])
    versions = volumes[ref].versions if ref in volumes else ()
    current = versions[0] if follows and versions else next((each for each in versions if each.item_hash == ref), None)
    return Part(role, ref, original.owner, current.time if current else None, versions, follows)


def unused_files(client: NodeClient, owner: str) -> tuple[Unused, ...]:
    """Return the files of an owner that no program or instance of the owner refers to, newest first."""
    from hatch_aleph.deploy.state import refs_of, volumes_of
    from hatch_aleph.deploy.status import unused_of

    machines = client.messages(types=MACHINES, owners=(owner,), statuses=LIVE, verify=False)
    used: frozenset[str] = frozenset().union(*(refs_of(message.content) for message in machines))
    stores = client.messages(types=("STORE",), owners=(owner,), statuses=LIVE, verify=False)
    volumes, _ = volumes_of(message for message in stores if message.owner == owner)
    return unused_of([volume for volume in volumes.values() if not volume.is_among(used)], client.prices(owner))
