"""``hatch-aleph node`` and ``faucet``: the network on this machine."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hatch_aleph.cli.context import Context, own_folder, with_context
from hatch_aleph.cli.value_types import OwnerType
from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from hatch_aleph.cli.output import Output

DEFAULT_PORT = 4021
DEFAULT_FOLDER = Path(".aleph") / "network"


@click.command(epilog="Example: hatch-aleph node --port 4021 --folder .aleph/network")
@with_context()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 takes a free one."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where messages, files and volumes are kept.",
)
@click.option("--from", "source", metavar="URL", help="Run only the host, with the programs of another node.")
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

    Programs answer at /vm/ITEM_HASH/ and at BASE32.localhost:PORT. The page at / shows what is there.
    """
    from hatch_aleph.local.host import Limits
    from hatch_aleph.local.node import Lateness
    from hatch_aleph.local.serve import serve_network

    own_folder(folder)
    limits = Limits.as_real(pace) if as_real else Limits()
    lateness = Lateness(unseen=pace, pending=pace) if as_real else None
    token = secrets.token_urlsafe(16)
    try:
        asyncio.run(
            serve_network(
                folder,
                port,
                source=source,
                limits=limits,
                lateness=lateness,
                release=release,
                notice=context.output.notice,
                page_token=token,
                ready=lambda url: _ready(context.output, url, token),
            )
        )
    except OSError as error:
        raise NetworkError(
            error.strerror or str(error), where=f"127.0.0.1:{port}", hint="Choose another port: --port N"
        ) from error


def _ready(output: Output, url: str, token: str) -> None:
    output.event("ready", url=url, page=f"{url}/#{token}")
    if not output.as_json:
        click.echo(
            f"The network runs at {url} (Ctrl-C ends it)\nDeploy to it: --node {url}\nIts page: {url}/#{token}",
            err=True,
        )


@click.command(epilog="Example: hatch-aleph faucet 0x1234... --node http://127.0.0.1:4021")
@with_context("node", "account")
@click.argument("address", required=False, type=OwnerType())
@click.option("--credits", "credit", type=click.IntRange(0), default=1_000_000_000, show_default=True)
@click.option("--tokens", type=click.FloatRange(0), default=0, show_default=True)
def faucet(context: Context, *, address: str | None, credit: int, tokens: float) -> None:
    """Give credits and tokens of a local node to ADDRESS, or to your own account."""
    address = address or context.account().address
    balance = context.client().faucet(address, credit=credit, tokens=tokens)
    from hatch_aleph.network.money import amount, with_credits

    held, tokens = (float(balance.get(key) or 0) for key in ("credit_balance", "balance"))
    context.output.result(balance, f"{address} has {with_credits(held)} and {amount(tokens, 'hold')}")
