"""Files that are secrets by their name stop a build: all that is published is public, and for ever.

What is secret by its content is looked for before publishing, by a scanner that only the `deploy` extra brings.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hatch_aleph.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.squashfs import Entry

_NAMES = (
    ".env",
    ".env.*",
    ".envrc",
    ".git-credentials",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    "*.jks",
    "*.kdbx",
    "*.key",
    "*.keystore",
    "*.p12",
    "*.pem",
    "*.pfx",
    "*.ppk",
    "credentials.json",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
)
# Samples to be filled in are made to be shown.
_SAMPLES = ("*.example", "*.sample", "*.template", "*.dist")


def refuse_secret_files(
    entries: Iterable[Entry], allowed: Iterable[str], *, where: str, hint: str | None = None
) -> None:
    """Refuse files whose names say that they are secrets.

    Args:
        entries: What would go into the image.
        allowed: Globs of paths that the settings allow.
        where: The project, for the message.
        hint: How to allow one; by default, in the settings.

    Raises:
        ProjectError: With all of them.
    """
    patterns = tuple(allowed)
    found = [
        entry.path
        for entry in entries
        if entry.kind == "file"
        and _matches(PurePosixPath(entry.path).name, _NAMES)
        and not _matches(PurePosixPath(entry.path).name, _SAMPLES)
        and not _matches(entry.path, patterns)
    ]
    if found:
        raise ProjectError(
            "these files look like secrets, and all that is published is public for ever: " + ", ".join(sorted(found)),
            where=where,
            hint=hint
            or "Leave them out, or allow them by path:\n\n[tool.aleph.secrets]\nallow = "
            + str(sorted(found)).replace("'", '"'),
        )


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(text, pattern) for pattern in patterns)
