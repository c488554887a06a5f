"""What a host tells the owner of a program: its logs, to requests that the owner's account has signed.

Source: ``src/aleph/vm/orchestrator/views/authentication.py`` and ``views/operator.py`` in aleph-im/aleph-vm. The
account signs a key that is made for the occasion and soon expires; that key signs the request: its method, path, time,
and the domain of the host, so that no other host can use it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hatch_aleph.errors import AccountError, NetworkError
from hatch_aleph.text import printable, without_credentials

from .fields import shown
from .http import Connections
from .nodes import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .accounts import Account
    from .http import Reply

_KEY_SECONDS = 600.0
_ALREADY_STOPPED = "Already stopped"
_SHOWN = 200  # characters
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404


@dataclass(frozen=True)
class LogLine:
    """One line that a program, or the guest's init, has printed.

    Attributes:
        time: When, as the host writes it.
        text: The line, without control characters.
        source: ``stdout`` or ``stderr``.
    """

    time: str
    text: str
    source: str


class HostClient:
    """Talks to one host.

    Args:
        url: Of the host; its name is the domain that requests are signed for.
        clock: Seconds since 1970; hosts accept two minutes of difference.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = checked(url, "host")
        self._domain = str(urlsplit(self._url).hostname)
        self._clock = clock

    def stop(self, item_hash: str, account: Account) -> bool:
        """Stop a program; the next request, or the scheduler, starts it again (aleph-im/aleph-vm, views/operator.py).

        Returns:
            Whether the host ran it.

        Raises:
            NetworkError: The host is out of reach, or does not stop it.
            AccountError: The host does not take the account for the owner's.
        """
        reply = self._ask("POST", f"/control/machine/{item_hash}/stop", account)
        # Any web server has a 404 and pages: a host names the program, or says that it is stopped already.
        ran = reply.status == _OK and item_hash in reply.text
        idle = (reply.status == _NOT_FOUND and item_hash in reply.text) or (
            reply.status == _OK and reply.text.startswith(_ALREADY_STOPPED)
        )
        if not ran and not idle:
            hint = "Name the host that runs the program: --domain URL" if reply.status in (_OK, _NOT_FOUND) else None
            raise NetworkError(
                f"The host does not stop the program: {_said(reply)[:_SHOWN]}", where=reply.server, hint=hint
            )
        return ran

    def _ask(self, method: str, path: str, account: Account) -> Reply:
        headers = signed_headers(account, method, path, self._domain, self._clock())
        reply = Connections().send(method, self._url + path, headers=headers)
        if reply.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise AccountError(
                f"The host does not take {account.address} for the owner's: {_said(reply)}",
                where=without_credentials(self._url),
                hint="Sign with the owner's key, name the host by its own domain, and check this machine's clock.",
            )
        return reply

    def logs(self, item_hash: str, account: Account) -> tuple[LogLine, ...]:
        """Return what a program has printed on this host, oldest first.

        Raises:
            NetworkError: The host is out of reach, or never ran the program.
            AccountError: The host does not take the account for the owner's.
        """
        reply = self._ask("GET", f"/control/machine/{item_hash}/logs", account)
        if reply.status == _NOT_FOUND:
            raise NetworkError(
                "The host knows no execution of this program",
                where=without_credentials(self._url),
                hint="Call the program there first; a host forgets what never started. Another one: --domain URL",
            )
        lines = reply.json_or_none()
        if reply.status != _OK or not isinstance(lines, list):
            raise NetworkError(f"The host does not give the logs: {_said(reply)}", where=reply.server)
        return tuple(_line(each) for each in lines if isinstance(each, dict))


def signed_headers(account: Account, method: str, path: str, domain: str, now: float) -> dict[str, str]:
    """Return the headers that authorise one request to a host.

    Args:
        account: The owner's.
        method: Of the request.
        path: Of the request, without query.
        domain: Name of the host.
        now: Seconds since 1970.
    """
    from jwcrypto import jwk
    from jwcrypto.jwa import JWA

    key = jwk.JWK.generate(kty="EC", crv="P-256")
    permission = {
        "pubkey": json.loads(key.export_public()),
        "alg": "ECDSA",
        "domain": domain,
        "address": account.address,
        "expires": _stamp(now + _KEY_SECONDS),
        "chain": account.chain,
    }
    permitted = json.dumps(permission).encode()
    # Hosts check what Ethereum wallets sign over the bytes, and what Solana wallets sign over their hexadecimal text.
    shown = permitted.hex().encode() if account.chain == "SOL" else permitted
    operation = json.dumps({"time": _stamp(now), "method": method, "path": path, "domain": domain}).encode()
    return {
        "X-SignedPubKey": json.dumps(
            {
                "sender": account.address,
                "payload": permitted.hex(),
                "signature": f"0x{account.sign_bytes(shown).hex()}",
                "content": {"domain": domain},
            }
        ),
        "X-SignedOperation": json.dumps(
            {"payload": operation.hex(), "signature": JWA.signing_alg("ES256").sign(key, operation).hex()}
        ),
    }


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat() + "Z"


def _said(reply: Reply) -> str:
    told = reply.json_or_none()
    reason = shown(str(told.get("error"))) if isinstance(told, dict) else reply.text
    return f"HTTP {reply.status} {reason}".rstrip()


def _line(entry: Mapping[str, Any]) -> LogLine:
    message = entry.get("MESSAGE")
    # The journal keeps lines that are no text as lists of bytes.
    if isinstance(message, list):
        message = bytes(byte & 0xFF for byte in message if isinstance(byte, int)).decode("utf-8", "replace")
    return LogLine(
        str(entry.get("__REALTIME_TIMESTAMP") or ""),
        printable(str(message or ""), keep="\t"),
        str(entry.get("file") or "stdout"),
    )
