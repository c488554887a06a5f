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


# What follows reads one value each; click names the option whose value a BadParameter refuses.


def as_time(value: str) -> str:
    """Return a moment in UTC, as ISO 8601 without an offset.

    It is given as far as it is said of 2026-11-28T10:30:00, in UTC unless it has an offset, or as how long ago: 10m.

    Raises:
        click.BadParameter: It is none.
    """
    text = value.strip().replace(" ", "T").replace("Z", "+00:00")
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
        raise click.BadParameter(
            f"{value!r} is no time. Give such as 2026-11-28T10:30, in UTC, or 10m, 2h, 1d ago"
        ) from None
    return moment.isoformat()


def as_owner(value: str) -> str:
    """Return the address of an account, for which the name that the user has given to one will do.

    Raises:
        click.BadParameter: It is none; it may be a key, so it is not repeated.
    """
    from hatch_aleph.settings.parse import PATTERNS

    text = value.strip()
    if re.fullmatch(PATTERNS["address"][1], text):
        from hatch_aleph.network.signatures import as_published

        if address := as_published(text):
            return address
        raise click.BadParameter(f"{text} is mistyped: its capitals are a checksum.")
    from hatch_aleph.network.keys import is_like_key
    from hatch_aleph.preferences import is_name, load_preferences

    if is_name(text):
        if address := load_preferences().address(text):
            return address
        hint = f"{typed('alias list')} and {typed('account list')} show the names."
        raise click.BadParameter(f"No address has the name {text}. {hint}")
    what = "This is a private key, not an address" if is_like_key(text) else "This is no address"
    raise click.BadParameter(f"{what}. Give 0x and 40 hexadecimal digits, or a Solana address.")


def as_node(value: str) -> str:
    """Return the URL of a node, for which the name that the user has given to one will do.

    Raises:
        click.BadParameter: No node has that name.
    """
    text = value.strip()
    if any(letter in text for letter in ".:/"):  # of a URL, or of a host's name
        return text
    from hatch_aleph.preferences import LOCAL, is_name, load_preferences

    if not is_name(text):
        return text
    nodes = load_preferences().nodes
    if text == LOCAL and text not in nodes:
        return local_node()
    if text in nodes:
        return nodes[text]
    known = f"There are: {', '.join(sorted(nodes))}." if nodes else "There is none yet."
    hint = f"{known} Name one: {typed('node add NAME URL')}; or give a URL with https://."
    raise click.BadParameter(f"No node has the name {text}. {hint}")


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


def as_host_url(value: str) -> str:
    """Return the URL of a host without a trailing slash; it is shown as the program's, so it carries no password.

    Raises:
        click.BadParameter: It has no scheme, or a user part.
        UsageError: It is no URL of a host.
    """
    from hatch_aleph.network.nodes import checked

    text = value.strip()
    if "://" not in text:
        raise click.BadParameter("This is no URL of a host. Give one such as https://crn.example.org")
    url = checked(text, "host")
    if "@" in urlsplit(url).netloc:
        raise click.BadParameter("The URL of a host is shown, so it cannot hold a user name or password.")
    return url


def as_memory(value: str) -> int:
    """Return MiB, from a size in MiB or with its unit.

    Raises:
        click.BadParameter: It is no size.
    """
    from hatch_aleph.cli.program_values import mebibytes

    size = mebibytes(value)
    if size is None:
        raise click.BadParameter(f"{value!r} is no size. Give MiB, or such as 2GB")
    return size


def as_machine(value: str) -> tuple[int, int]:
    """Return vCPUs and MiB of a machine, as the living official command line names it.

    Raises:
        click.BadParameter: It names no machine.
    """
    from hatch_aleph.cli.program_values import machine

    if found := machine(value):
        return found
    raise click.BadParameter(f"{value!r} is no machine. Give one such as 1vcpu-2gb")


def as_domain(value: str) -> str:
    """Return a custom domain as DNS knows it: in lower case, international letters encoded.

    Raises:
        click.BadParameter: It is none.
    """
    from hatch_aleph.errors import UsageError
    from hatch_aleph.network.domains import host_name
    from hatch_aleph.network.keys import is_like_key

    try:
        return host_name(value)
    except UsageError as error:
        what = "This is no domain" if is_like_key(value) else error.message
        raise click.BadParameter(f"{what}. {error.hint}") from None
