"""Custom domains: what the owner's ``domains`` aggregate says of them, and the DNS records that prove and route them.

The names and rules are those of aleph-im/aleph-sdk-python, src/aleph/sdk/domain.py, whose own module needs a resolver
and a list of public suffixes that the SDK does not install. DNS is asked over HTTPS: the standard library can ask for
neither CNAME nor TXT, and the answers come past the caches between here and the domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import NetworkError, UsageError

from .fields import MalformedAnswerError, as_list, as_mapping, shown
from .nodes import Nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .transport import Client

    # Asks DNS for the values of a name's records of type A, CNAME or TXT; none if there are none.
    Lookup = Callable[[str, str], tuple[str, ...]]

KEY = "domains"
PROXY = "program.public.aleph.sh"
RESOLVERS = ("https://cloudflare-dns.com/dns-query", "https://dns.google/resolve")

_TYPES = {"A": 1, "CNAME": 5, "TXT": 16}
_NOERROR, _NXDOMAIN = 0, 3
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{4,253}}$){_LABEL}(\.{_LABEL})+")


@dataclass(frozen=True)
class Record:
    """A DNS record to set.

    Attributes:
        domain: The custom domain that needs it.
        type: ``CNAME``, ``ALIAS`` (some providers say ANAME or flattened CNAME) or ``TXT``.
        name: Its full name.
        value: What it must hold.
        found: Whether DNS has it; None before it was looked for.
        instead: What DNS has in its place.
    """

    domain: str
    type: str
    name: str
    value: str
    found: bool | None = None
    instead: tuple[str, ...] = ()


def host_name(domain: str) -> str:
    """Return a domain as DNS knows it: lower case, without a final dot, international letters encoded.

    Raises:
        UsageError: It is no domain.
    """
    name = domain.strip().rstrip(".").lower()
    if not name.isascii():
        import idna  # as browsers encode; the standard library's codec makes strasse of straße, which is another domain

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except UnicodeError:
            name = ""
    if not _HOST.fullmatch(name):
        raise UsageError(f"{shown(domain)!r} is no domain", hint="Such as api.example.org, without https:// and path.")
    return name


def attached(aggregate: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the program's item hash by domain, of what the ``domains`` aggregate holds."""
    entries = aggregate if isinstance(aggregate, dict) else {}
    return {
        domain: entry["message_id"]
        for domain, entry in entries.items()
        if isinstance(entry, dict) and isinstance(entry.get("message_id"), str) and entry["message_id"]
    }


def detached(aggregate: Mapping[str, Any] | None) -> list[str]:
    """Return the domains that aleph-rs has detached: it keeps their entries, with nothing in them."""
    entries = aggregate if isinstance(aggregate, dict) else {}
    return sorted(name for name, entry in entries.items() if isinstance(entry, dict) and not entry.get("message_id"))


def changes(
    aggregate: Mapping[str, Any] | None, attach: Mapping[str, str], detach: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the content of the AGGREGATE message that points domains at programs; empty if all is as wanted.

    Args:
        aggregate: What the owner's aggregate holds.
        attach: Item hash of the program by domain.
        detach: Domains to take away.
    """
    present = attached(aggregate)
    wanted = {host_name(domain): item_hash for domain, item_hash in attach.items()}
    gone = {host_name(domain) for domain in detach} - set(wanted)
    return {
        # As the official command line writes it (aleph-im/aleph-client, src/aleph_client/commands/domain.py).
        **{
            domain: {"message_id": item_hash, "type": "program", "programType": "program"}
            for domain, item_hash in sorted(wanted.items())
            if present.get(domain) != item_hash
        },
        # An aggregate is merged: only null takes a key's value away.
        **{domain: None for domain in sorted(gone) if domain in present},
    }


def required_records(domain: str, owner: str) -> tuple[Record, ...]:
    """Return the records that route a domain to the network and prove its owner.

    Args:
        domain: The custom domain.
        owner: Address whose aggregate names it.
    """
    name = host_name(domain)
    # A zone's own name cannot hold a CNAME. Two labels are always one; of longer names that are, DNS providers tell.
    kind = "ALIAS" if name.count(".") == 1 else "CNAME"
    return (
        Record(name, kind, name, f"{name}.{PROXY}"),
        Record(name, "TXT", f"_control.{name}", owner),
    )


def check_records(records: Iterable[Record], lookup: Lookup) -> tuple[Record, ...]:
    """Return the records, each with whether DNS has it.

    Raises:
        NetworkError: DNS cannot be asked.
    """
    return tuple(_check(record, lookup) for record in records)


def _check(record: Record, lookup: Lookup) -> Record:
    if record.type == "TXT":
        values = lookup(record.name, "TXT")
        return replace(record, found=record.value.lower() in map(str.lower, values), instead=values)
    targets = lookup(record.name, "CNAME")
    if targets:
        return replace(record, found=targets == (record.value,), instead=targets)
    # ALIAS records, and CNAMEs that a provider flattens, show only the addresses of what they name.
    addresses = lookup(record.name, "A")
    same = bool(addresses) and set(addresses) <= set(lookup(record.value, "A"))
    return replace(record, found=same, instead=addresses)


class DnsOverHttps:
    """Asks public resolvers in turn, in their JSON form.

    Args:
        resolvers: Their URLs.
        client_factory: Makes the HTTP client.
    """

    def __init__(
        self, resolvers: Sequence[str] = RESOLVERS, *, client_factory: Callable[[], Client] | None = None
    ) -> None:
        self._resolvers = Nodes(resolvers, client_factory=client_factory, noun="resolver")

    def __call__(self, name: str, type_: str) -> tuple[str, ...]:
        """Return the values of a name's records; none if there are none.

        Raises:
            NetworkError: No resolver answers.
        """
        query = {"params": {"name": name, "type": type_}, "headers": {"Accept": "application/dns-json"}}
        try:
            return self._resolvers.ask(
                "GET", "", lambda reply: _values(reply.expected_json(), type_), rounds=1, **query
            )
        except NetworkError as error:
            raise NetworkError(f"DNS cannot be asked for {name}: {error.message}", hint=error.hint) from None


def _values(answer: Any, type_: str) -> tuple[str, ...]:
    status = as_mapping(answer).get("Status")
    if status not in (_NOERROR, _NXDOMAIN):
        raise MalformedAnswerError(f"DNS status {shown(status)}")
    records = [as_mapping(record) for record in as_list(answer.get("Answer") or [])]
    # A question for A also brings the CNAMEs on the way.
    data = [str(record.get("data", "")) for record in records if record.get("type") == _TYPES[type_]]
    return tuple(sorted(shown(_text(value) if type_ == "TXT" else value.rstrip(".").lower()) for value in data))


def _text(data: str) -> str:
    """Return a TXT record's text, which some resolvers quote, in pieces of 255 bytes."""
    pieces = re.findall(r'"((?:[^"\\]|\\.)*)"', data)
    return "".join(pieces) if pieces else data
