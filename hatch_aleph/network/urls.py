"""Where a program answers: its URLs, on the network's own hosts or at a host that is named."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlsplit

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|.*\.localhost")


def base32_name(item_hash: str) -> str:
    """Return the item hash as a host name's label: base32, lower case, no padding."""
    return base64.b32encode(bytes.fromhex(item_hash)).decode().rstrip("=").lower()


def program_urls(item_hash: str, *, node: str, host: str | None = None) -> tuple[str, ...]:
    """Return the URLs at which a program answers, the one to show first.

    Args:
        item_hash: Of the PROGRAM message.
        node: URL of the node; one on this machine has its host beside it.
        host: URL of a host to use in place of the network's own.
    """
    split = urlsplit(node)
    if host is None and _LOOPBACK.fullmatch(split.hostname or ""):
        host = node
    if host is not None:
        return (f"{host.rstrip('/')}/vm/{item_hash}",)
    return (f"https://{base32_name(item_hash)}.aleph.sh", f"https://aleph.sh/vm/{item_hash}")
