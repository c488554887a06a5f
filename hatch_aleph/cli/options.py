"""Options that many commands share, under one name and with one meaning everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hatch_aleph.cli.output import Output
from hatch_aleph.errors import UsageError
from hatch_aleph.network.nodes import DEFAULT_NODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.project import Project

Function = TypeVar("Function", bound="Callable[..., Any]")


@dataclass(frozen=True)
class Common:
    """What the shared options say; loads what they name."""

    output: Output
    project_folder: Path = Path()
    profile: str | None = None
    nodes: tuple[str, ...] = DEFAULT_NODES
    private_key: str | None = None
    private_key_file: Path | None = None
    chain: str | None = None
    ledger: bool = False
    yes: bool = False

    def project(self) -> Project:
        """Read the project."""
        from hatch_aleph.project import load_project

        return load_project(self.project_folder)

    def account(self, chain: str = "ETH") -> Account:
        """Load the account to sign with."""
        from hatch_aleph.network.accounts import load_account

        if self.private_key and self.private_key_file:
            raise UsageError("--private-key and --private-key-file exclude each other")
        return load_account(
            private_key=self.private_key,
            private_key_file=self.private_key_file,
            chain=self.chain or chain,
            ledger=self.ledger,
        )

    def client(self) -> NodeClient:
        """Make a client of the chosen nodes."""
        from hatch_aleph.network.client import NodeClient

        return NodeClient(self.nodes, notice=self.output.notice)


_JSON = click.option("--json/--no-json", "as_json", default=False, help="Print one JSON object a line, for machines.")
_PROJECT = (
    click.option(
        "--project",
        "project_folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(),
        help="Folder of pyproject.toml. [default: .]",
    ),
    click.option("--profile", metavar="NAME", help="Named variation of the settings: staging, pr-12 ..."),
)
_NODE = (
    click.option(
        "--node",
        "nodes",
        metavar="URL",
        multiple=True,
        envvar="ALEPH_API_HOST",
        default=DEFAULT_NODES,
        show_default=True,
        help="Node to talk to; several are tried in turn. Also ALEPH_API_HOST.",
    ),
)
_ACCOUNT = (
    click.option(
        "--private-key",
        metavar="KEY",
        help="Private key itself; visible to other users of this machine, prefer a file or `-` for standard input.",
    ),
    click.option(
        "--private-key-file",
        type=click.Path(path_type=Path),
        help="File of the private key. Also ALEPH_PRIVATE_KEY_FILE.",
    ),
    click.option("--ledger", is_flag=True, help="Sign on the first Ethereum account of a Ledger that is plugged in."),
    click.option(
        "--chain",
        type=click.Choice(["ETH", "AVAX", "BASE", "SOL"], case_sensitive=False),
        help="Chain of the account. [default: ETH]",
    ),
)
_YES = (click.option("--yes", "-y", is_flag=True, help="Answer yes to every question."),)


def common(
    *, project: bool = False, node: bool = False, account: bool = False, yes: bool = False
) -> Callable[[Function], Function]:
    """Add groups of shared options to a command; its first argument is then a :class:`Common`."""
    options = [
        *(_PROJECT if project else ()),
        *(_NODE if node else ()),
        *(_ACCOUNT if account else ()),
        *(_YES if yes else ()),
        _JSON,
    ]
    names = {
        *(("project_folder", "profile") if project else ()),
        *(("nodes",) if node else ()),
        *(("private_key", "private_key_file", "chain", "ledger") if account else ()),
        *(("yes",) if yes else ()),
    }

    def decorate(function: Function) -> Function:
        import functools

        @functools.wraps(function)
        def wrapper(*, as_json: bool, **values: Any) -> Any:
            shared = {name: values.pop(name) for name in list(values) if name in names}
            return function(Common(output=Output(as_json=as_json), **shared), **values)

        decorated: Any = wrapper
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate
