"""Addresses of owners and of hosts, checked where the command line takes them; what is refused is never repeated."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import click

from hatch_aleph.settings.parse import PATTERNS

_OWNER = re.compile(PATTERNS["address"][1])


class OwnerType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click alone
    """The address of an account."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address.

        Raises:
            click.UsageError: It is none; it may be a key, so it is not repeated.
        """
        from hatch_aleph.network.keys import is_like_key

        text = str(value).strip()
        if _OWNER.fullmatch(text):
            return text
        what = "This is a private key, not an address" if is_like_key(text) else "This is no address"
        return self.fail(f"{what}. Give 0x and 40 hexadecimal digits, or a Solana address.", param, ctx)


class HostUrlType(click.ParamType):  # type: ignore[type-arg] # as above
    """The URL of a host; it is shown as the program's, so it carries no password."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL without a trailing slash.

        Raises:
            click.UsageError: It has a user part.
            UsageError: It is no URL of a host.
        """
        from hatch_aleph.network.nodes import checked

        text = str(value).strip()
        if "://" not in text:
            return self.fail("This is no URL of a host. Give one such as https://crn.example.org", param, ctx)
        url = checked(text, "host")
        if "@" in urlsplit(url).netloc:
            return self.fail("The URL of a host is shown, so it cannot hold a user name or password.", param, ctx)
        return url
