"""Files that are secrets by their name, whatever is in them."""

from __future__ import annotations

import functools
import re
from fnmatch import translate

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
    "*.tfstate",
    "*.tfstate.backup",
    "credentials.json",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
)
# Samples to be filled in are made to be shown.
_SAMPLES = ("*.example", "*.sample", "*.template", "*.dist")
_PUBLIC = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN RSA PUBLIC KEY-----")


def is_secret_name(path: str) -> bool:
    """Tell whether a file's name says that it is a secret."""
    name = path.rpartition("/")[2]
    return _any_of(_NAMES).match(name) is not None and _any_of(_SAMPLES).match(name) is None


@functools.cache
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, globs)))


def is_public_pem(data: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a certificate or public key, and no private one follows."""
    return any(mark in data for mark in _PUBLIC) and b"PRIVATE KEY" not in data
