"""How a command line names a program: by item hash, its beginning, or a URL; checked before anything is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from hatch_aleph.commands import typed
from hatch_aleph.itemhash import FILE_HASH, ITEM_HASH, from_base32

if TYPE_CHECKING:
    from collections.abc import Callable

# The command that shows the item hashes of what can be named by the beginning of one.
LISTED_BY = {"program": "list", "volume": "volume list", "file": "file list", "message": "message list"}
_BEGINNING = re.compile(r"[0-9a-f]{8,63}")


class ItemHashType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click alone
    """An item hash, as it is, from a URL or from a host name.

    Args:
        what: A ``program``, ``volume``, ``file`` or ``message``, whose first eight digits or more will do: the command
            then completes them.
        takes_files: Whether the hash of a file's bytes, sha256 or a CID, will do as well.
    """

    name = "item hash"

    def __init__(self, what: str | None = None, *, takes_files: bool = False) -> None:
        self._what = what
        self._takes_files = takes_files

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the item hash.

        Raises:
            click.UsageError: It is none.
        """
        text = str(value).strip()
        found = text if self._takes_files and FILE_HASH.fullmatch(text) else item_hash_in(text)
        if found:
            self._refuse_key(found, param, ctx)
            return found
        beginning = beginning_in(text)
        if self._what and beginning:
            return beginning
        from hatch_aleph.network.keys import is_like_key

        shown = "This" if is_like_key(text) else repr(text)
        short = "the first eight or more of them, " if self._what else ""
        return self.fail(
            f"{shown} is no item hash. Give 64 hexadecimal digits, {short}a CID, or a URL of the program; "
            f"{typed(LISTED_BY[self._what or 'program'])} shows them.",
            param,
            ctx,
        )

    def _refuse_key(self, digits: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """Refuse the digits of the key that signs, which look like a hash and would go to a node in an address.

        Raises:
            click.UsageError: They are.
        """
        from hatch_aleph.network.keys import is_at_hand

        said = str((ctx.params.get("private_key") if ctx else None) or "").removeprefix("0x").lower()
        if digits == said or is_at_hand(digits):
            self.fail("This is a private key, not a hash; it is not repeated here and was sent to nobody", param, ctx)


class RuntimeType(ItemHashType):
    """A runtime: its item hash, or a name, which settings know: a wrong one is told with the names that are."""

    name = "runtime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is.

        Raises:
            click.UsageError: It is the key that signs.
        """
        text = str(value).strip()
        if found := item_hash_in(text.removeprefix("0x")):
            self._refuse_key(found, param, ctx)
        return text


def beginning_in(text: str) -> str | None:
    """Return the beginning of an item hash that a text is, in full or as tables cut it; None when it is none."""
    beginning = text.lower().rstrip(".…")
    return beginning if _BEGINNING.fullmatch(beginning) else None


def item_hash_in(text: str) -> str | None:
    """Return the item hash that a text is, or that a URL of a program carries; None when there is none."""
    if found := _of_name(text):
        return found
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        names = [*(parts.hostname or "").split(".")[:1], *parts.path.split("/")]
    except ValueError:  # brackets that hold no address
        return None
    return next((found for name in names if (found := _of_name(name))), None)


def _of_name(name: str) -> str | None:
    for text in (name, name.lower()):
        if ITEM_HASH.fullmatch(text):
            return text
    digits = name.rstrip("=")  # as base32 is padded elsewhere
    return from_base32(digits) if digits.isalnum() else None


def item_hash_argument(what: str = "program", *, required: bool = True) -> Callable[[Any], Any]:
    """Add the argument that names a program, or a volume, of the account."""
    return click.argument("item_hash", type=ItemHashType(what), metavar="ITEM_HASH", required=required)
