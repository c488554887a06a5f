"""Text of others made safe to show: nothing a terminal obeys, and nothing that opens a door.

Addresses are cut by what may be seen, never by what is known to be secret: a token stands in the user part with one
index, in the path or a signed query with the next.
"""

from __future__ import annotations

import re

# The image format imports nothing of ours, so the one function that both need lives there.
from hatch_aleph.squashfs.errors import printable

__all__ = ["normalize", "printable", "public_address", "without_credentials", "without_user_parts"]

# The paths of these say what is asked for, never who asks.
_PUBLIC = re.compile(
    r"(?:(?:test\.)?pypi\.org|(?:test-)?files\.pythonhosted\.org|download(?:-r2)?\.pytorch\.org|pypi\.nvidia\.com"
    r"|github\.com|codeload\.github\.com|gitlab\.com|codeberg\.org|bitbucket\.org|(?:.+\.)?aleph\.(?:im|sh|cloud)"
    r"|localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*://)([^\s"<>`]*)')
_PARTS = re.compile(r"(?:[^/?#]*@)?(\[[0-9A-Fa-f:.]+\](?::\d+)?|[\w.-]+(?::\d+)?)?([^?#]*)")
_DISTRIBUTION = re.compile(r"[\w.+!-]+(?:\.whl|\.tar\.gz|\.zip)(?:\.metadata)?")
_USER_PART = re.compile(r"(?<=://)[^/@\s]+@")
# What a sentence puts behind an address.
_CLOSING = ".,;:!)]}'*"


def normalize(name: str) -> str:
    """Return the name of a project or distribution in the one spelling of all that mean the same (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_credentials(text: str) -> str:
    """Return a text with each address cut to what anybody may see.

    Of an index, forge or node that is public the path stays; of any other its scheme, its host and the name of a
    distribution. User parts, queries and fragments never stay.
    """
    return _ADDRESS.sub(lambda match: match[1] + _cut(match[2]), text)


def public_address(address: str) -> str | None:
    """Return a public index's or forge's address as anybody may read it, None for what lies elsewhere."""
    match = _ADDRESS.fullmatch(address)
    host, path = _parts(match[2]) if match else ("", "")
    return f"{match[1]}{host}{path}" if match and _PUBLIC.fullmatch(host) else None


def without_user_parts(text: str) -> str:
    """Return a text whose addresses still lead where they did, without the user names and passwords in them."""
    return _USER_PART.sub("", text)


def _cut(address: str) -> str:
    bare = address.rstrip(_CLOSING)
    host, path = _parts(bare)
    if path.strip("/") and not _PUBLIC.fullmatch(host):
        name = path.rpartition("/")[2]
        path = f"/…/{name}" if _DISTRIBUTION.fullmatch(name) else "/…"
    return host + path + address[len(bare) :]


def _parts(address: str) -> tuple[str, str]:
    match = _PARTS.match(address)
    return (match[1] or "", match[2]) if match else ("", "")
