"""Options of the commands on programs: the names of the official command line, with the same meaning."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hatch_aleph.cli.item_hash_type import RuntimeType
from hatch_aleph.cli.value_types import as_host_url, as_machine, as_memory
from hatch_aleph.defaults import DEFAULT_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_aleph.cli.context import Context
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient

Function = TypeVar("Function", bound="Callable[..., Any]")

OTHER_PROJECT = click.option(
    "--other-project", is_flag=True, help="Accept that the name or tag of what is forgotten is not the project's."
)
ALLOW_SECRET = click.option(
    "--allow-secret",
    multiple=True,
    metavar="NAME",
    help="File, or variable, that only looks like a secret (globs). May be repeated.",
)
DOMAIN = click.option(
    "--domain", type=as_host_url, metavar="URL", help="Host that runs the program; a local node has its own."
)
SECRET_SCAN = click.option(
    "--secret-scan/--no-secret-scan", default=True, help="Look for secrets, or for the key that signs alone."
)

_VOLUMES = (
    click.option(
        "--persistent-volume",
        multiple=True,
        metavar="name=N,mount=M,size_mib=S",
        help="Volume kept by the host; a new item hash begins with an empty one. May be repeated.",
    ),
    click.option(
        "--ephemeral-volume",
        multiple=True,
        metavar="mount=M,size_mib=S",
        help="Volume that is gone when the program stops; hosts do not implement it, so it is refused.",
    ),
    click.option(
        "--immutable-volume",
        multiple=True,
        metavar="mount=M,ref=HASH[,use_latest=true]",
        help="Volume pinned on the network, read-only. May be repeated.",
    ),
)
_FIELDS = (
    click.option("--name", help="Name of the program."),
    click.option(
        "--runtime", type=RuntimeType(), metavar="HASH", help="Item hash, or name, of the runtime: see runtime-checker."
    ),
    click.option(
        "--compute-units", type=click.IntRange(1, 12), help="Compute units: 1 vCPU and 2048 MiB each. [default: 1]"
    ),
    click.option("--vcpus", type=int, help="Virtual CPUs."),
    click.option("--memory", type=as_memory, metavar="MIB", help="Memory in MiB, or such as 2GB."),
    click.option(
        "--size", type=as_machine, metavar="NvCPU-NGB", help="vCPUs and memory in one word, such as 1vcpu-2gb."
    ),
    click.option(
        "--oversized/--no-oversized", default=None, help="Allow more than hosts give: 8192 MiB, 32 virtual CPUs."
    ),
    click.option(
        "--timeout-seconds", type=float, metavar="SECONDS", help="Limit of one request, 1 to 3600. [default: 30]"
    ),
    click.option(
        "--internet/--no-internet", default=None, help="Give access to the internet; doubles the cost on demand."
    ),
    click.option(
        "--updatable/--no-updatable", default=None, help="Let more than the code change later, under a new item hash."
    ),
    click.option("--beta/--no-beta", default=False, help="Ask for message subscriptions."),
    click.option(
        "--subscriptions", metavar="JSON", help="Message subscriptions: a JSON list of filters, or @FILE with one."
    ),
    click.option("--persistent/--no-persistent", default=None, help="Run always, not on demand."),
    *_VOLUMES,
    click.option(
        "--env-vars", multiple=True, metavar="KEY=value,...", help="Environment variables. They are public for ever."
    ),
    ALLOW_SECRET,
    click.option(
        "--allow-link",
        multiple=True,
        metavar="NAME",
        help="Link in PATH that may lead out of it (globs). May be repeated.",
    ),
    SECRET_SCAN,
)


_PRINT = click.option("--print-message/--no-print-message", default=False, help="Print the messages that were sent.")
_VERBOSE = click.option(
    "--verbose/--no-verbose",
    default=True,
    help="Tell what was done; without it only the item hash. [default: verbose]",
)


def program_fields(function: Function) -> Function:
    """Add the options that say what a program is to be."""
    return _all(_FIELDS, function)


def life_options(*, message: bool = True) -> Callable[[Function], Function]:
    """Add the options of the official commands on a live program: --print-message, --verbose, --debug."""
    options: list[Callable[[Any], Any]] = [*([_PRINT] if message else []), _VERBOSE, debug_option]
    return lambda function: _all(options, function)


def debug_option(function: Function) -> Function:
    """Add ``--debug/--no-debug``: what the libraries log, on stderr. No log of theirs or ours has a key in it."""

    def switch(_context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s: %(message)s")

    option = click.option(
        "--debug/--no-debug", default=False, expose_value=False, is_eager=True, callback=switch, help="Log requests."
    )
    return option(function)


def _all(options: Sequence[Callable[[Any], Any]], function: Function) -> Function:
    decorated: Any = function
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


CHANNEL = click.option(
    "--channel", default=DEFAULT_CHANNEL, show_default=True, help="Channel of the messages on the network."
)


def table_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options say as a table like ``[tool.aleph]``; what was not given is absent."""
    from hatch_aleph.cli.program_values import parse_variables, parse_volume, resources

    table: dict[str, Any] = {
        name.replace("_", "-"): options[name]
        for name in ("name", "runtime", "oversized", "timeout_seconds", "internet", "updatable", "persistent")
        if options.get(name) is not None
    }
    table |= resources(options["compute_units"], options["vcpus"], options["memory"], options["size"])
    volumes = {
        kind: [parse_volume(text, f"--{kind}-volume") for text in options[f"{kind}_volume"]]
        for kind in ("immutable", "persistent", "ephemeral")
        if options[f"{kind}_volume"]
    }
    if volumes:
        table["volumes"] = volumes
    if options["env_vars"]:
        table["variables"] = parse_variables(options["env_vars"])
    if options["subscriptions"] is not None:
        table["subscriptions"] = read_subscriptions(options["subscriptions"])
    if options["allow_link"]:
        table["allow-links"] = list(options["allow_link"])
    if options["allow_secret"]:
        table["secrets"] = {"allow": list(options["allow_secret"])}
    return table


def read_subscriptions(text: str) -> list[Any]:
    """Read message subscriptions, from a file after ``@``.

    Raises:
        UsageError: It is no JSON list of objects.
    """
    import json

    from hatch_aleph.errors import UsageError

    hint = 'Such as --subscriptions \'[{"sender": "0x...", "channel": "TEST"}]\''
    try:
        read = json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise UsageError(f"--subscriptions: {error.strerror}", where=text[1:]) from error
    except ValueError as error:
        raise UsageError(f"--subscriptions is no JSON: {error}", hint=hint) from error
    if not isinstance(read, list) or not all(isinstance(each, dict) for each in read):
        raise UsageError("--subscriptions: expected a JSON list of objects", hint=hint)
    return read


def tell(
    context: Context, client: NodeClient, fields: dict[str, Any], lines: Sequence[str], printed: Sequence[str] | None
) -> None:
    """Give the result of a command on a program, with the messages that are to be ``printed``; None prints none."""
    import json

    found = [message_fields(message) for message in map(client.message, printed or ()) if message is not None]
    texts = [json.dumps(message, indent=4, ensure_ascii=False) for message in found]
    fields |= {"messages": found} if printed is not None else {}
    context.output.result(fields, "\n".join([*texts, *lines]), fold=not found)


def message_fields(message: NetworkMessage) -> dict[str, Any]:
    """Return what a message says, and where it stands; what it leaves open is absent."""
    from dataclasses import asdict

    said = asdict(message).items()
    fields = {key: value for key, value in said if key != "envelope" and value not in (None, ())}
    return {**fields, "status": message.status.value}


def seen_at(context: Context) -> str:
    """Return what was seen of a program, before its URLs: it answers only where somebody has asked it."""
    return "was not asked; it is to answer at" if context.no_health else "answers at"


def alias(command: click.Command, old: str, new: str) -> click.Command:
    """Return a command under another name; only its example differs."""
    import copy

    twin = copy.copy(command)
    twin.name = new
    twin.epilog = (command.epilog or "").replace(f"hatch-aleph {old} ", f"hatch-aleph {new} ")
    return twin
