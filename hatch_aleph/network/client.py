"""A client of the network's nodes: publish, follow, find, price.

Synchronous, and built on one rule: what happened to a message is what a later GET says, never what a POST answered
(nodes answer 202 ``pending`` to a message that they processed long ago).
"""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_NODES
from hatch_aleph.errors import NetworkError, RejectedError, UsageError
from hatch_aleph.itemhash import ITEM_HASH
from hatch_aleph.squashfs.pool import in_background
from hatch_aleph.text import without_user_parts
from hatch_aleph.waiting import Backoff, Waiter

from . import transfer
from .answers import (
    NETWORK_OWNER,
    Limits,
    MessageStatus,
    NetworkMessage,
    as_status,
    read_runtimes,
)
from .authenticity import MessageVerifier
from .fields import MalformedAnswerError, as_decimal, as_list, as_mapping, as_text
from .money import Balance, CreditChange, Price, Pricing, amount, estimation_message, spending_of
from .nodes import PATIENT_ROUNDS, ROUNDS, Nodes
from .search import Filters, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from .http import Reply
    from .messages import MessageType, SignedMessage
    from .transport import Client

T = TypeVar("T")

_COSTS_A_PAGE = 1000
_MOST_PAGES = 100  # of prices
_PRICED_ALONE = 6
_LOST_SECONDS = 30.0
_POLLS = Backoff(first=0.02, longest=3.0, growth=2)  # most messages are processed at once
_PUBLISHED = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY})


class NodeClient:
    """Talks to the first of several nodes that answers.

    Args:
        urls: Base URLs of nodes, the preferred first.
        client_factory: Makes the HTTP client; for tests and special transports.
        sleep: Pauses, between retries and polls.
        clock: Seconds since 1970 on this machine.
        monotonic: A clock for deadlines.
        notice: Is told, in a sentence, what is being waited for or tried again.
    """

    def __init__(
        self,
        urls: Sequence[str] = DEFAULT_NODES,
        *,
        client_factory: Callable[[], Client] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._waiter = Waiter(sleep, monotonic)
        self._nodes = Nodes(urls, client_factory=client_factory, waiter=self._waiter, notice=notice)
        self._verifier = MessageVerifier(self._nodes)
        self._clock = clock

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes' addresses, without passwords."""
        return tuple(without_user_parts(node) for node in self._nodes.urls)

    def close(self) -> None:
        """Close all connections."""
        self._nodes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, read: Callable[[Any], T], **options: Any) -> T:
        """Return what ``read`` makes of the JSON at a path of the API; ``options`` are those of :meth:`.Nodes.ask`."""
        return self._nodes.ask("GET", f"/api/v0/{path}", lambda reply: read(reply.expected_json()), **options)

    def _find(self, path: str, read: Callable[[Any], T], *, unsupported: bool = False, **options: Any) -> T | None:
        """Do the same; None where the node knows no such thing or, if ``unsupported``, no such path in its release."""

        def judged(reply: Reply) -> T | None:
            is_absent = reply.is_unsupported if unsupported else reply.is_not_found
            return None if is_absent else read(reply.expected_json())

        return self._nodes.ask("GET", f"/api/v0/{path}", judged, **options)

    # Messages

    def publish(self, message: SignedMessage) -> MessageStatus:
        """Send a signed message. Sending it again is harmless.

        Returns:
            What the node said at once, usually ``pending``; :meth:`wait` tells the outcome. ``rejected`` too is only
            returned: :meth:`wait` raises it with its reason.

        Raises:
            RejectedError: The node does not understand the message; it keeps no record of it.
            NetworkError: No node took it.
        """

        def read(reply: Reply) -> MessageStatus:
            if reply.status in _PUBLISHED and reply.is_json:
                return as_status(as_mapping(reply.json()).get("message_status"))
            raise _refused(reply, f"{message.type} {message.item_hash}", code=0)

        # With sync a node would hold the answer back for up to 30 seconds for a message that it knows.
        body = {"sync": False, "message": message.to_json()}
        return self._nodes.ask("POST", "/api/v0/messages", read, rounds=PATIENT_ROUNDS, json=body)

    def upload(
        self, message: SignedMessage, file: Path, *, progress: Callable[[int], None] | None = None
    ) -> MessageStatus:
        """Send a file with its signed STORE message, streamed from disk.

        Args:
            message: Its content's ``item_type`` chooses the engine, its ``item_hash`` must be the file's.
            file: The file.
            progress: Is told how many bytes were sent in all.

        Returns:
            What the node said at once, as for :meth:`publish`.

        Raises:
            RejectedError: Too large, not paid for, wrongly signed, or not the file that the message names.
            NetworkError: No node took it.
        """
        try:
            return transfer.upload(self._nodes, message, file, progress)
        except transfer.PaymentRequiredError as error:
            raise self._unpaid(message, file.stat().st_size, error) from None

    def status(self, item_hash: str) -> MessageStatus | None:
        """Return where a message stands, or None if the node does not know it, as with what is no item hash."""
        if not ITEM_HASH.fullmatch(item_hash):
            return None
        return self._find(f"messages/{item_hash}/status", lambda data: as_status(as_mapping(data).get("status")))

    def message(self, item_hash: str, *, verify: bool = True, rounds: int = ROUNDS) -> NetworkMessage | None:
        """Return a message with its status and verified content, or None as for :meth:`status`.

        Args:
            item_hash: Of the message.
            verify: As for :meth:`messages`.
            rounds: How often each node is tried.
        """
        if not ITEM_HASH.fullmatch(item_hash):
            return None

        def read(data: Any) -> NetworkMessage:
            message = NetworkMessage.from_json(data, item_hash)
            return self._verifier.verified(message) if verify else message

        return self._find(f"messages/{item_hash}", read, rounds=rounds)

    def wait(
        self, item_hash: str, *, deadline: float = 120.0, lost: Callable[[], None] | None = None
    ) -> NetworkMessage:
        """Wait until a message has been processed; a node that restarts meanwhile is waited for.

        Args:
            item_hash: Of the message.
            deadline: Seconds to wait at most.
            lost: Sends the message again. It is called for each half a minute in which the node does not know it: the
                queue of new messages does not outlast a restart of the node's broker.

        Raises:
            RejectedError: It was rejected, or was forgotten or removed meanwhile.
            NetworkError: It is still pending, or unknown, at the deadline.
        """
        last: NetworkMessage | None = None
        known = self._waiter.monotonic()

        def look(_left: float) -> NetworkMessage | None:
            nonlocal last, known
            last = self.message(item_hash, rounds=PATIENT_ROUNDS)
            now = self._waiter.monotonic()
            if last is not None:
                known = now
            elif lost is not None and now - known >= _LOST_SECONDS:
                known = now
                lost()
            return None if last is None or last.status is MessageStatus.PENDING else last

        message = self._waiter.poll(look, deadline, _POLLS)
        from .rejections import settled, still_waiting

        if message is None:
            raise still_waiting(item_hash, last, deadline)
        return settled(message)

    def messages(
        self,
        *,
        types: Iterable[str] = (),
        owners: Iterable[str] = (),
        tags: Iterable[str] = (),
        statuses: Iterable[str] = ("processed",),
        refs: Iterable[str] = (),
        hashes: Iterable[str] = (),
        keys: Iterable[str] = (),
        channels: Iterable[str] = (),
        since: float = 0.0,
        newest_first: bool = True,
        verify: bool = True,
        strict: bool = True,
    ) -> Iterator[NetworkMessage]:
        """Find messages, page by page; filters are those of :class:`.search.Filters`.

        Args:
            types: Such as PROGRAM.
            owners: Addresses that the messages act for.
            tags: Any of these; none may hold a comma.
            statuses: Such as processed, removing. Each is asked for apart, since lists do not say statuses.
            refs: Item hashes that a STORE amends.
            hashes: Item hashes.
            keys: Of aggregates.
            channels: Names of channels.
            since: Seconds since 1970.
            newest_first: Order by the envelope's time.
            strict: As for :func:`.search.find`.
            verify: Believe nothing unsigned. What is only shown, or only keeps something from being forgotten, need not
                be verified: each signature takes its time.

        Raises:
            NetworkError: No node answers, or each shows messages that were not asked for or that nobody signed.
        """
        filters = Filters(
            types=tuple(types),
            owners=tuple(owners),
            tags=tuple(tags),
            refs=tuple(refs),
            hashes=tuple(hashes),
            keys=tuple(keys),
            channels=tuple(channels),
            since=since,
        )
        check = self._verifier.verified if verify else lambda message: message
        return find(self._nodes, filters, tuple(statuses), newest_first=newest_first, strict=strict, check=check)

    # Money

    def balance(self, address: str) -> Balance:
        """Return the tokens and credits of an address."""
        return self._get(f"addresses/{address}/balance", Balance.from_json)

    def spending(self, address: str) -> Decimal | None:
        """Return the credits a day of all that an address pays for; None from a node that does not tell."""
        query = {"address": address, "payment_type": "credit"}
        return self._find("costs", spending_of, unsupported=True, params=query)

    def prices(self, address: str) -> dict[str, Price]:
        """Return what each message costs that an address pays for by credit or by holding, a thousand a request.

        By item hash; empty from a node that keeps no such list.
        """
        held = in_background(lambda: self._listed_prices(address, "hold"))
        return {**self._listed_prices(address, "credit"), **held.result()}

    def _listed_prices(self, address: str, kind: str) -> dict[str, Price]:
        def read(data: Any) -> list[tuple[str, Price]]:
            listed = map(as_mapping, as_list(as_mapping(data).get("resources") or []))
            return [
                (as_text(each, "item_hash"), Price(str(each.get("payment_type") or kind), as_decimal(each.get(cost))))
                for each in listed
            ]

        cost = f"cost_{kind}"
        found: dict[str, Price] = {}
        query = {"address": address, "payment_type": kind, "include_details": 1, "pagination": _COSTS_A_PAGE}
        full = True
        while full:
            page = len(found) // _COSTS_A_PAGE + 1
            listed = self._find("costs", read, unsupported=True, params={**query, "page": page}) or []
            # A page that comes again ends it too, and so does a list without end, whose rest is asked for one by one.
            full = len(listed) == _COSTS_A_PAGE and listed[0][0] not in found and page < _MOST_PAGES
            found.update(listed)
        # heph shows all that an address pays for, whatever way of paying was asked for.
        return {item_hash: price for item_hash, price in found.items() if price.payment_type == kind}

    def pricing(self) -> Pricing:
        """Return the network's price list, which it publishes as an aggregate.

        This is the node's word; what is published is charged by the network's own.
        """

        def read(data: Any) -> Pricing:
            return Pricing.from_json(as_mapping(as_mapping(data).get("data")).get("pricing"))

        return self._get(f"aggregates/{NETWORK_OWNER}.json", read, params={"keys": "pricing"})

    def credit_history(self, address: str, *, limit: int) -> tuple[CreditChange, ...]:
        """Return the latest changes of an address's credits, the newest first; empty when there never was one."""

        def read(data: Any) -> tuple[CreditChange, ...]:
            return tuple(map(CreditChange.from_json, as_list(as_mapping(data).get("credit_history"))))

        query = {"pagination": limit, "page": 1}
        return self._find(f"addresses/{address}/credit_history", read, params=query) or ()

    def prices_of(self, address: str, hashes: Sequence[str]) -> dict[str, Price]:
        """Return what some messages cost that an address pays for: many at once where a request each would be more.

        Raises:
            RejectedError: One is not, or no longer, on the network.
        """
        listed = self.prices(address) if len(hashes) > _PRICED_ALONE else {}
        alone = {each: in_background(partial(self.price, each)) for each in hashes if each not in listed}
        return {each: listed.get(each) or alone[each].result() for each in hashes}

    def faucet(self, address: str, *, credit: int, tokens: float) -> dict[str, Any]:
        """Ask a local node for credits and tokens, and return the balance that it answers.

        Raises:
            UsageError: The node gives nothing away.
        """

        def read(reply: Reply) -> dict[str, Any]:
            if reply.status != HTTPStatus.OK:
                raise UsageError(
                    f"This node has no faucet (HTTP {reply.status})",
                    where=reply.server,
                    hint=f"Only {typed('node')} gives credits away; name it with `--node URL`.",
                )
            return dict(as_mapping(reply.json()))

        body = {"address": address, "credits": credit, "tokens": tokens}
        return self._nodes.ask("POST", "/faucet", read, rounds=1, json=body)

    def estimate(
        self, content: Mapping[str, Any], type_: MessageType = "PROGRAM", sizes: Mapping[str, int] | None = None
    ) -> Price | None:
        """Return what a message would cost, or None where the node gives no estimate.

        Without prices everything can still be published; the network itself checks the balance when it matters.

        Args:
            content: Its content, not signed.
            type_: PROGRAM or STORE.
            sizes: Bytes by file reference (or by file hash for a STORE), for what is not published yet; the network
                counts unknown files without a size as free.
        """
        message = estimation_message(content, type_, sizes or {}, self._clock())

        try:
            return self._nodes.ask(
                "POST",
                "/api/v0/price/estimate",
                lambda reply: Price.from_json(reply.expected_json()),
                rounds=2,
                json={"message": message},
            )
        except NetworkError:
            return None

    def price(self, item_hash: str, *, is_live: bool = False) -> Price:
        """Return what a published message costs; ``is_live`` spares the question whether it is there.

        Raises:
            RejectedError: It is not, or no longer, on the network.
        """
        status = None if is_live else self.status(item_hash)
        if not is_live and (status is None or not status.is_live):
            # Nodes answer 102 for pending messages, which HTTP clients take for a promise of more and wait.
            raise RejectedError(f"It has no price: it is {status.value if status else 'unknown'}", where=item_hash)
        return self._get(f"price/{item_hash}", Price.from_json)

    # Files

    def limits(self) -> Limits:
        """Return the largest files that the node takes; those of its default configuration if it does not say."""
        return self._find("storage/limits.json", Limits.from_json, unsupported=True) or Limits()

    def has_file(self, file_hash: str) -> bool:
        """Tell whether the node has a file: then its STORE message needs no upload."""

        def read(reply: Reply) -> bool:
            if reply.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
                return reply.status == HTTPStatus.OK
            raise reply.unhelpful()

        return self._nodes.ask("HEAD", f"/api/v0/storage/raw/{file_hash}", read)

    def newest_content(self, ref: str) -> NetworkMessage | None:
        """Return the STORE message that a ref leads to, or the newest amend of it by its owner; None if it is gone."""
        original = self.message(ref)
        if original is None or not original.status.is_live or original.type != "STORE":
            return None
        amends = self.messages(types=("STORE",), owners=(original.owner,), refs=(ref,))
        return max(amends, key=lambda amend: amend.content_time, default=original)

    def download(
        self,
        file_hash: str,
        destination: Path,
        progress: Callable[[int], None] | None = None,
        *,
        size: int | None = None,
    ) -> None:
        """Fetch a file, check that its bytes are those of its hash, and only then put it in place.

        Args:
            file_hash: sha256 or CID.
            destination: Where the file will be; what is there is replaced.
            progress: Is told how many bytes have arrived.
            size: Bytes that it has, where a message says so: a node that sends more is cut there.

        Raises:
            NetworkError: No node has it whole.
        """
        transfer.download(self._nodes, file_hash, destination, progress, size)

    # The network

    def aggregate(self, address: str, keys: Sequence[str]) -> dict[str, Any]:
        """Return what an address has said of itself under some keys; empty if nothing.

        It is put together from the signed messages, as nodes do it: the later one's keys win.
        """
        said = self.messages(types=("AGGREGATE",), owners=(address,), keys=keys)
        aggregates: dict[str, Any] = {}
        for message in sorted(said, key=lambda message: message.content_time):
            content = message.content.get("content")
            if isinstance(content, dict):  # the network takes no other
                aggregates.setdefault(message.content["key"], {}).update(content)
        return aggregates

    def runtimes(self) -> dict[str, str]:
        """Return the program runtimes that the network lists, by both aggregates that it publishes: hashes by name.

        This is the node's word alone, to choose from: what a runtime holds is seen in its image.
        """

        def read(data: Any) -> dict[str, str]:
            return read_runtimes(as_mapping(as_mapping(data).get("data")))

        query = {"keys": "runtimes,vm-images", "limit": "1000"}
        return self._find(f"aggregates/{NETWORK_OWNER}.json", read, params=query) or {}

    def clock_offset(self) -> float:
        """Return how many seconds the node's clock is ahead of this machine's.

        The signed time chooses payment rules and which amend is the newest, and no node checks it. Exact to a second.
        """
        import email.utils

        def read(reply: Reply) -> float:
            reply.expected_json()
            stamp = email.utils.parsedate_tz(reply.headers.get("date", ""))
            if stamp is None:
                raise MalformedAnswerError("HTTP without a date")
            age = reply.headers.get("age", "")
            told = email.utils.mktime_tz(stamp) + (int(age) if age.isdecimal() else 0)
            # The header cuts to whole seconds, on average half of one.
            return told + 0.5 - (self._clock() - (reply.ended - reply.started) / 2)

        return self._nodes.ask("GET", "/api/v0/version", read, headers={"Cache-Control": "no-cache"})

    def _unpaid(self, message: SignedMessage, size: int, error: transfer.PaymentRequiredError) -> RejectedError:
        """Tell a 402 with the figures that the node leaves out."""
        content = message.content
        payer = str(content.get("address"))
        try:
            price = self.estimate(content, "STORE", {str(content.get("item_hash")): size})
            balance = self.balance(payer)
        except NetworkError:
            return error.plain
        if price is None:
            return error.plain
        if price.payment_type == "credit":
            needed, has = amount(price.per_day, "credit"), amount(balance.credits, "credit")
            figures = f"a day of it costs {needed}, there is {has} for everything"
        else:
            figures = f"it needs {amount(price.cost, 'hold')} held, {amount(balance.free, 'hold')} are free"
        return RejectedError(
            f"{error.plain.message}: {figures}", where=payer, hint=error.plain.hint, code=error.plain.code
        )


def _refused(reply: Reply, subject: str, *, code: int) -> Exception:
    if not reply.is_refusal:
        return reply.unhelpful()
    from .rejections import explain

    meaning = explain(code)
    return RejectedError(
        f"{meaning.text}: HTTP {reply.status} {reply.text}".rstrip(),
        where=f"{reply.server}: {subject}",
        hint=meaning.hint,
        code=code,
    )
