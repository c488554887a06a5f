"""Owners, nodes, hosts and domains, checked where the command line takes them; no refusal repeats what may be a key."""

from __future__ import annotations

import re
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from hatch_aleph.commands import typed


class PathType(click.Path):
    """A file or a folder, there or to come: no pipe, no device, no loop of links, no name that no disk takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            click.UsageError: It is something else.
        """
        path = Path(super().convert(value, param, ctx))  # type: ignore[arg-type] # it is one already
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return path  # who reads or writes it says more
        except OSError as error:
            return self.fail(f"{str(path)[:200]!r}: {error.strerror}.", param, ctx)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return self.fail(f"{str(path)!r} is neither a file nor a folder.", param, ctx)
        return path


# A click.Path that does not look: it would refuse what does not exist before the other mistakes are seen.
PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
CONTENT = PathType()  # to be published
FOLDER = PathType(file_okay=False)
EXISTING_FILE = PathType(exists=True, dir_okay=False)
CHAIN = click.Choice(["ETH", "AVAX", "BASE", "SOL"], case_sensitive=False)


class TimeType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click alone
    """A moment: as far as it is said of 2026-11-28T10:30:00, in UTC unless it has an offset, or how long ago: 10m."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in UTC, as ISO 8601 without an offset.

        Raises:
            click.UsageError: It is none.
        """
        text = str(value).strip().replace(" ", "T").replace("Z", "+00:00")
        ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
        try:
            if ago:
                seconds = int(ago[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[ago[2]]
                moment = datetime.now(timezone.utc) - timedelta(seconds=seconds)
            else:
                moment = datetime.fromisoformat(text + "2000-01-01T00:00:00"[len(text) :])
            if moment.tzinfo:
                moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return self.fail(
                f"{value!r} is no time. Give such as 2026-11-28T10:30, in UTC, or 10m, 2h, 1d ago", param, ctx
            )
        return moment.isoformat()


class OwnerType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click alone
    """The address of an account, or the name that the user has given to one."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address.

        Raises:
            click.UsageError: It is none; it may be a key, so it is not repeated.
        """
        from hatch_aleph.settings.parse import PATTERNS

        text = str(value).strip()
        if re.fullmatch(PATTERNS["address"][1], text):
            from hatch_aleph.network.signatures import as_published

            return as_published(text) or self.fail(f"{text} is mistyped: its capitals are a checksum.", param, ctx)
        from hatch_aleph.network.keys import is_like_key
        from hatch_aleph.preferences import is_name, load_preferences

        if is_name(text):
            address = load_preferences().address(text)
            hint = f"{typed('alias list')} and {typed('account list')} show the names."
            return address or self.fail(f"No address has the name {text}. {hint}", param, ctx)
        what = "This is a private key, not an address" if is_like_key(text) else "This is no address"
        return self.fail(f"{what}. Give 0x and 40 hexadecimal digits, or a Solana address.", param, ctx)


class NodeType(click.ParamType):  # type: ignore[type-arg] # as above
    """The URL of a node, or the name that the user has given to one."""

    name = "node"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL.

        Raises:
            click.UsageError: No node has that name.
        """
        text = str(value).strip()
        if any(letter in text for letter in ".:/"):  # of a URL, or of a host's name
            return text
        from hatch_aleph.preferences import LOCAL, is_name, load_preferences

        if not is_name(text):
            return text
        nodes = load_preferences().nodes
        if text == LOCAL and text not in nodes:
            return local_node()
        known = f"There are: {', '.join(sorted(nodes))}." if nodes else "There is none yet."
        hint = f"{known} Name one: {typed('node add NAME URL')}; or give a URL with https://."
        return nodes.get(text) or self.fail(f"No node has the name {text}. {hint}", param, ctx)


def default_nodes(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nodes that are said, else the one that the user has chosen, else the network's."""
    if context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT:
        return value
    from hatch_aleph.preferences import LOCAL, load_preferences

    known = load_preferences()
    if known.node == LOCAL and LOCAL not in known.nodes:
        return (local_node(),)
    return (known.nodes[known.node],) if known.node and known.node in known.nodes else value


def local_node() -> str:
    """Return the URL of the node that runs on this machine.

    Raises:
        UsageError: None runs; the network is not taken in its place.
    """
    from hatch_aleph.errors import UsageError
    from hatch_aleph.network.local_nodes import running_node

    url = running_node()
    if url is None:
        raise UsageError(
            "No local node runs.", hint=f"Start one: {typed('node')}; {typed('node use -')} chooses the network's own."
        )
    return url


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


class MemoryType(click.ParamType):  # type: ignore[type-arg] # as above
    """A size in MiB, or with its unit."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return MiB.

        Raises:
            click.UsageError: It is no size.
        """
        from hatch_aleph.cli.program_values import mebibytes

        size = value if isinstance(value, int) else mebibytes(str(value))
        return size if size is not None else self.fail(f"{value!r} is no size. Give MiB, or such as 2GB", param, ctx)


class MachineType(click.ParamType):  # type: ignore[type-arg] # as above
    """What a machine has, as the living official command line names it."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return vCPUs and MiB.

        Raises:
            click.UsageError: It names no machine.
        """
        from hatch_aleph.cli.program_values import machine

        return machine(str(value)) or self.fail(f"{value!r} is no machine. Give one such as 1vcpu-2gb", param, ctx)


class DomainType(click.ParamType):  # type: ignore[type-arg] # as above
    """A custom domain, as DNS knows it."""

    name = "domain"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the domain in lower case, international letters encoded.

        Raises:
            click.UsageError: It is none.
        """
        from hatch_aleph.errors import UsageError
        from hatch_aleph.network.domains import host_name
        from hatch_aleph.network.keys import is_like_key

        text = str(value)
        try:
            return host_name(text)
        except UsageError as error:
            what = "This is no domain" if is_like_key(text) else error.message
            return self.fail(f"{what}. {error.hint}", param, ctx)
