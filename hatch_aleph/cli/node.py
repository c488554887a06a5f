"""``hatch-aleph node`` and ``faucet``: the network on this machine."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from hatch_aleph.cli.context import Context, own_folder, with_context
from hatch_aleph.cli.value_types import FOLDER, as_node
from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_NODES
from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.text import without_credentials

if TYPE_CHECKING:
    from hatch_aleph.cli.output import Output

DEFAULT_PORT = 4021
DEFAULT_FOLDER = Path(".aleph") / "network"


@click.group(invoke_without_command=True, epilog="Example: hatch-aleph node --port 4021 --folder .aleph/network")
@with_context()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 takes a free one."
)
@click.option(
    "--folder",
    type=FOLDER,
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where messages, files and volumes are kept.",
)
@click.option(
    "--from",
    "source",
    metavar="URL|NAME",
    type=as_node,
    help="Run only a host here, for the programs of another node, which is where you deploy to.",
)
@click.option(
    "--as-real",
    is_flag=True,
    help="Let node and host be as slow as the network's, with what fails meanwhile.",
)
@click.option(
    "--release",
    type=click.Choice(["0.10.2", "0.10.3"]),
    default="0.10.3",
    show_default=True,
    help="Release of the network's node to play.",
)
@click.option("--pace", type=float, default=1.0, hidden=True, help="Factor on the times of --as-real.")
def node(
    context: Context, *, port: int, folder: Path, source: str | None, as_real: bool, release: str, pace: float
) -> None:
    """Run the network on this machine, on 127.0.0.1: a node that stores and checks, and a host that runs programs.

    Programs answer at /vm/ITEM_HASH/ and at BASE32.localhost:PORT. The page at / shows what is there. The commands
    below name other nodes, for --node NAME.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from hatch_aleph.cli.server_end import run_server, stop_on_signals
    from hatch_aleph.local.host import Limits
    from hatch_aleph.local.node import Lateness
    from hatch_aleph.local.serve import serve_network
    from hatch_aleph.network.local_nodes import noted

    own_folder(folder)
    limits = Limits.as_real(pace) if as_real else Limits()
    lateness = Lateness(unseen=pace, pending=pace) if as_real else None
    token = secrets.token_urlsafe(16)
    known = contextlib.ExitStack()

    def ready(url: str) -> None:
        if source is None:
            known.enter_context(noted(urlsplit(url).port or 0))
        stop_on_signals()
        _ready(context.output, url, token, source)

    try:
        with known:
            run_server(
                context.output,
                serve_network(
                    folder,
                    port,
                    source=source,
                    limits=limits,
                    lateness=lateness,
                    release=release,
                    notice=context.output.notice,
                    page_token=token,
                    ready=ready,
                ),
            )
    except OSError as error:
        raise NetworkError(
            error.strerror or str(error), where=f"127.0.0.1:{port}", hint="Choose another port: --port N"
        ) from error


def _ready(output: Output, url: str, token: str, source: str | None) -> None:
    output.rest()
    output.event("ready", url=url, page=f"{url}/#{token}")
    if output.as_json:
        return
    text = f"The network runs at {url} (Ctrl-C ends it)\nDeploy to it: --node local\nIts page: {url}/#{token}"
    if source is not None:
        shown = without_credentials(source)
        text = (
            f"A host for the programs of {shown} runs at {url} (Ctrl-C ends it)\n"
            f"Deploy to that node, and ask this host: --node {shown} --host-url {url}"
        )
    output.say(text, err=True, fold=False)


@node.command(epilog="Example: hatch-aleph node add staging https://node.example.org")
@with_context()
@click.argument("name")
@click.argument("url")
def add(context: Context, *, name: str, url: str) -> None:
    """Call the node at URL by NAME from now on; its URL carries no password."""
    from hatch_aleph.network.nodes import checked
    from hatch_aleph.preferences import checked_name, load_preferences

    address = checked(url)
    if without_credentials(address) != address:
        raise UsageError("The URL holds a user name or password, and names are kept in the clear")
    known = load_preferences()
    replace(known, nodes={**known.nodes, checked_name(name): address}).save()
    context.output.result({"name": name, "url": address}, f"{name} is {address}: --node {name}")


@node.command(epilog="Example: hatch-aleph node use staging")
@with_context()
@click.argument("name")
def use(context: Context, *, name: str) -> None:
    """Talk to the node NAME from now on, wherever none is named; `-` chooses the network's own again.

    `local` is the node that runs on this machine; while none does, commands say so and ask nobody.
    """
    from hatch_aleph.preferences import LOCAL, load_preferences

    known = load_preferences()
    if name not in ("-", LOCAL, *known.nodes):
        raise UsageError(f"No node has the name {name}", hint=f"There are: {', '.join([*known.nodes, LOCAL])}.")
    replace(known, node=None if name == "-" else name).save()
    url = known.nodes.get(name) or ("the local node" if name == LOCAL else ", ".join(DEFAULT_NODES))
    context.output.result({"name": None if name == "-" else name, "url": url}, f"Commands talk to {url} from now on.")


@node.command("list", epilog="Example: hatch-aleph node list")
@with_context()
def list_nodes(context: Context) -> None:
    """List the nodes that you have named; a star marks the one that is taken when none is named."""
    from hatch_aleph.network.local_nodes import running_node
    from hatch_aleph.preferences import LOCAL, load_preferences

    known = load_preferences()
    local = None if LOCAL in known.nodes else running_node()
    lines = [f"{'*' if name == known.node else ' '} {name}  {url}" for name, url in sorted(known.nodes.items())]
    if LOCAL not in known.nodes:
        lines.append(f"{'*' if known.node == LOCAL else ' '} {LOCAL}  {local or 'not running'}")
    if known.node is None:
        lines.append(f"* (the network)  {', '.join(DEFAULT_NODES)}")
    context.output.result({"nodes": dict(known.nodes), "local": local, "chosen": known.node}, "\n".join(lines))


@node.command(epilog="Example: hatch-aleph node remove staging")
@with_context()
@click.argument("name")
def remove(context: Context, *, name: str) -> None:
    """Forget the name NAME."""
    from hatch_aleph.preferences import load_preferences, without

    known = load_preferences()
    nodes = without(known.nodes, name, "node", f"There are: {', '.join(known.nodes) or 'none'}.")
    replace(known, nodes=nodes, node=None if known.node == name else known.node).save()
    context.output.result({"name": name}, f"{name} names no node any more.")


@click.command(epilog="Example: hatch-aleph faucet 0x1234... --node http://127.0.0.1:4021")
@with_context("whose", "node", "account", "dry")
@click.option("--credits", "credit", type=click.IntRange(0), default=1_000_000_000, show_default=True)
@click.option("--tokens", type=click.FloatRange(0), default=0, show_default=True)
def faucet(context: Context, *, credit: int, tokens: float) -> None:
    """Give credits and tokens of a local node to ADDRESS, or to your own account."""
    if context.nodes == DEFAULT_NODES:
        known = f"One runs at {context.local_node}: add --node local." if context.local_node else ""
        raise UsageError(
            "Only a local node has a faucet, and none was named.", hint=known or f"Start one: {typed('node')}."
        )
    address = context.owner()
    context.end_dry_run(f"Give {address} {credit:,} credits and {tokens:g} tokens of {context.nodes[0]}")
    balance = context.client().faucet(address, credit=credit, tokens=tokens)
    from hatch_aleph.network.money import amount, with_credits

    held, tokens = (float(balance.get(key) or 0) for key in ("credit_balance", "balance"))
    context.output.result(balance, f"{address} has {with_credits(held)} and {amount(tokens, 'hold')}")
