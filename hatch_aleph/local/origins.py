"""Names by which this machine's own servers are asked, and pages that may ask them.

A page of the web could otherwise reach a server on 127.0.0.1: by a name of its own that leads there (DNS rebinding;
hence the check of ``Host``), or by posting a form or opening a websocket across sites (hence that of ``Origin``).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LOCAL = re.compile(r"(?:127\.0\.0\.1|\[::1\]|(?:[A-Za-z0-9-]+\.)*localhost)(?::\d{1,5})?", re.IGNORECASE)
_OWN = re.compile(r"(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?", re.IGNORECASE)


def is_local(host: str) -> bool:
    """Tell whether a ``Host`` header names this machine: by its own names, or by one below ``localhost``."""
    return bool(_LOCAL.fullmatch(host))


def is_own(host: str) -> bool:
    """Tell whether a ``Host`` header names this machine itself, not a program that is served below ``localhost``."""
    return bool(_OWN.fullmatch(host))


def is_own_origin(origin: str) -> bool:
    """Tell whether an ``Origin`` header is that of a page of this machine, not of a program's page."""
    try:
        return is_own(urlsplit(origin).netloc)
    except ValueError:
        return False
