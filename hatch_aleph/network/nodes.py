"""Where the public network is reached, and what an address of a node looks like."""

from __future__ import annotations

from urllib.parse import urlsplit

from hatch_aleph.errors import UsageError
from hatch_aleph.text import printable, without_credentials

# The first is the default of the SDK and the official command line (aleph-im/aleph-sdk-python, src/aleph/sdk/conf.py),
# the second that of the network's TypeScript SDK.
DEFAULT_NODES = ("https://api2.aleph.im", "https://api3.aleph.im")


def checked(url: str) -> str:
    """Return the base URL of a node without a trailing slash; without a scheme it is https.

    Raises:
        UsageError: It is none.
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        shown = printable(without_credentials(url))
        raise UsageError(f"{shown!r} is no address of a node", hint=f"Such as {DEFAULT_NODES[0]}")
    return parts.geturl().rstrip("/")
