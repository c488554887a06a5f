"""``hatch-aleph account``: make, name, take over and show accounts."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, with_context
from hatch_aleph.cli.questions import ask, confirm
from hatch_aleph.cli.value_types import CHAIN, PATH
from hatch_aleph.commands import typed
from hatch_aleph.errors import AccountError, UsageError

if TYPE_CHECKING:
    from hatch_aleph.cli.output import Output
    from hatch_aleph.network.keys import Key

_CHAIN = click.option("--chain", type=CHAIN, help="[default: the key's, or ETH]")
_ENCRYPT = click.option("--encrypt", is_flag=True, help="Keep the key in a V3 keystore, which takes a password.")
_PASSWORD = click.option(
    "--password-file",
    type=PATH,
    envvar="ALEPH_PASSWORD_FILE",
    help="File of the password, which is asked for on a terminal. Also ALEPH_PASSWORD_FILE.",
)


@click.group()
def account() -> None:
    """Make, name, take over and show the accounts that sign."""


@account.command(epilog="Example: hatch-aleph account create work --encrypt")
@with_context()
@click.argument("name", required=False)
@click.option(
    "--private-key-file",
    "file",
    type=PATH,
    help="Where the new key is written. Also ALEPH_PRIVATE_KEY_FILE. [default: the official command line's place, or "
    "with NAME beside your other accounts]",
)
@_CHAIN
@_ENCRYPT
@_PASSWORD
def create(
    context: Context,
    *,
    name: str | None,
    file: Path | None,
    chain: str | None,
    encrypt: bool,
    password_file: Path | None,
) -> None:
    """Make a new key, readable by you alone; an existing file is never overwritten."""
    from hatch_aleph.network.accounts import create_account, default_key_file
    from hatch_aleph.network.keys import Key

    chain = (chain or "ETH").upper()
    if name is not None:
        if file is not None:
            raise UsageError("NAME and --private-key-file exclude each other")
        made_here = Key(os.urandom(32), "a new key", chain=chain)
        _keep(
            context, name, made_here, chain, password=_new_password(context.output, password_file) if encrypt else None
        )
        return
    if encrypt:
        raise UsageError("--encrypt needs a NAME for the account")
    named = os.environ.get("ALEPH_PRIVATE_KEY_FILE")
    file = file or (Path(named) if named else default_key_file(chain))
    made = create_account(file.expanduser(), chain)
    context.output.result(
        {"address": made.address, "chain": made.chain, "file": str(file)},
        f"{made.address}\nIts key is in {file}: keep a copy, nobody can restore it.",
    )


@account.command("import", epilog="Example: hatch-aleph account import work ~/id.json")
@with_context()
@click.argument("name")
@click.argument("file", type=PATH, required=False)
@click.option("--from-aleph", "other", metavar="NAME", help="Take over a keystore of aleph-rs, by its name there.")
@_CHAIN
@_ENCRYPT
@_PASSWORD
def import_account(
    context: Context,
    *,
    name: str,
    file: Path | None,
    other: str | None,
    chain: str | None,
    encrypt: bool,
    password_file: Path | None,
) -> None:
    """Take over the key in FILE (`-`: standard input), or one that is asked for, under a NAME.

    It may be raw, hexadecimal, a mnemonic, a V3 keystore, or one of Solana's: base58, or solana-keygen's file. A
    keystore stays encrypted under its own password.
    """
    from hatch_aleph.network.keys import FROM_STDIN, other_tools_keystore, parse_key, read_secret
    from hatch_aleph.network.keystores import is_keystore

    if other and file:
        raise UsageError("FILE and --from-aleph exclude each other")
    _check_free(name)
    file = other_tools_keystore(other) if other else file
    if file is None:
        if not sys.stdin.isatty():
            raise UsageError("There is no key", hint="Name its file, or `-` for standard input.")
        content = str(ask(context.output, "Private key or mnemonic", hide_input=True)).encode()
    else:
        content = read_secret(file, "the command line")
    where = "standard input" if file in (None, FROM_STDIN) else str(file)
    asked = replace(context, password_file=password_file).password
    said: list[str] = []

    def password(what: str) -> str:
        said.append(asked(what))
        return said[-1]

    key = parse_key(content, where, (chain or "ETH").upper(), password)
    if chain and key.chain and (chain.upper() == "SOL") != (key.chain == "SOL"):
        raise AccountError(f"This is a key of chain {key.chain}, not of {chain}", where=where)
    encrypted = is_keystore(content.decode("ascii", "replace").strip())
    if encrypt and not encrypted:
        said.append(_new_password(context.output, password_file))
    _keep(context, name, key, (chain or key.chain or "ETH").upper(), password=said[-1] if said else None)


@account.command("list", epilog="Example: hatch-aleph account list --json")
@with_context()
def list_accounts(context: Context) -> None:
    """List the accounts that you have named, and those of the official command lines; no key is read."""
    from hatch_aleph.network.keys import default_key_file, other_tools_accounts
    from hatch_aleph.preferences import load_preferences

    known = load_preferences()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "chain": each.chain,
            "address": each.address,
            "key": each.file,
            "signs": name == known.account,
        }
        for name, each in sorted(known.accounts.items())
    ]
    try:
        theirs, default = other_tools_accounts()
    except AccountError as error:
        theirs, default = [], None
        context.output.notice(f"{error.message}: {error.where}.")
    for each in theirs:
        key = "aleph-rs: keystore" if each["kind"] == "keystore" else f"aleph-rs: {each['kind'] or 'unknown'}"
        signs = f"{key}, with which `aleph` signs" if each["name"] == default else key
        rows.append({**{field: each[field] for field in ("name", "chain", "address")}, "key": signs, "signs": False})
    for chain in ("ETH", "SOL"):
        file = default_key_file(chain)
        if file.is_file():
            rows.append({"name": "", "chain": chain, "address": "", "key": str(file), "signs": known.account is None})
    cells = [
        (
            f"{'* ' if row['signs'] else '  '}{row['name'] or '(default)'}",
            row["chain"],
            row["address"] or "-",
            row["key"],
        )
        for row in rows
    ]
    context.output.table("", ("  name", "chain", "address", "key"), cells)
    context.output.result(
        {"accounts": rows}, None if rows else f"No accounts. Make one: {typed('account create NAME')}"
    )


@account.command(epilog="Example: hatch-aleph account use work")
@with_context()
@click.argument("name")
def use(context: Context, *, name: str) -> None:
    """Sign with the account NAME from now on, wherever no key is named; `-` chooses none."""
    from hatch_aleph.preferences import load_preferences

    known = load_preferences()
    if name != "-" and name not in known.accounts:
        raise AccountError(f"No account has the name {name}", hint=f"There are: {', '.join(known.accounts) or 'none'}.")
    chosen = None if name == "-" else name
    replace(known, account=chosen).save()
    text = f"{name} ({known.accounts[name].address}) signs from now on." if chosen else "The default key signs again."
    context.output.result({"account": chosen, "address": chosen and known.accounts[name].address}, text)


@account.command(epilog="Example: hatch-aleph account export work --to backup.json --encrypt")
@with_context()
@click.argument("name")
@click.option("--to", "file", type=PATH, help="New file that you alone can read.")
@_ENCRYPT
@_PASSWORD
def export(context: Context, *, name: str, file: Path | None, encrypt: bool, password_file: Path | None) -> None:
    """Write the key of NAME to a file, or show it on this terminal after a question; never into a pipe."""
    from hatch_aleph.network.keys import read_key
    from hatch_aleph.network.keystores import make_keystore, store_secret
    from hatch_aleph.preferences import load_preferences

    known = load_preferences().accounts
    if name not in known:
        raise AccountError(f"No account has the name {name}", hint=f"There are: {', '.join(known) or 'none'}.")
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not context.output.as_json
    if file is None and (encrypt or not at_terminal):
        raise UsageError("A key is shown on a terminal alone", hint="Name a new file: --to FILE")
    if file is None:
        question = f"Show the private key of {name} here? Whoever sees it can take all"
        confirm(context.output, question, yes=False, otherwise="It was not shown.")
    asked = replace(context, password_file=password_file).password
    key = read_key(Path(known[name].file), f"the account {name}", known[name].chain, asked)
    if file is None:
        context.output.say(_written(key, known[name].chain))
        return
    content = (
        make_keystore(key.secret, _new_password(context.output, password_file))
        if encrypt
        else _written(key, known[name].chain)
    )
    store_secret(file.expanduser(), content.encode() + b"\n" if isinstance(content, str) else content)
    context.output.result({"account": name, "file": str(file)}, f"The key of {name} is in {file}.")


@account.command(epilog="Example: hatch-aleph account show --json")
@with_context("account")
def show(context: Context) -> None:
    """Show the address of the account that signs; never its key."""
    shown = context.account()
    context.output.result({"address": shown.address, "chain": shown.chain}, f"{shown.address} ({shown.chain})")


@account.command(epilog="Example: hatch-aleph account balance 0x1234... --node http://127.0.0.1:4021")
@with_context("whose", "node", "account")
def balance(context: Context) -> None:
    """Show the credits and tokens of ADDRESS, or of your own account."""
    from hatch_aleph.network.money import amount, figures, with_credits

    address = context.owner()
    with context.client() as client:
        held = client.balance(address)
    tokens = f"{amount(held.tokens, 'hold')}, {amount(held.locked, 'hold')} of them held"
    context.output.result(
        {"address": address, **figures({name: float(each) for name, each in held._asdict().items()})},
        f"{address}\n  {with_credits(held.credits)}\n  {tokens}",
    )


def _check_free(name: str) -> None:
    from hatch_aleph.preferences import checked_name, load_preferences

    known = load_preferences()
    if checked_name(name) in known.accounts or name in known.addresses:
        raise UsageError(f"The name {name} is taken", hint=f"Choose another one; {typed('account list')} shows them.")


def _keep(context: Context, name: str, key: Key, chain: str, *, password: str | None) -> None:
    """Keep a key under a name, in a keystore if there is a password."""
    from hatch_aleph.network.accounts import account_from_key
    from hatch_aleph.network.keystores import make_keystore, store_secret
    from hatch_aleph.preferences import NamedAccount, load_preferences, preferences_folder

    _check_free(name)
    address = account_from_key(key, chain).address
    folder = preferences_folder() / "accounts"
    file = folder / f"{name}.json" if password is not None else folder / f"{name}.key"
    store_secret(file, make_keystore(key.secret, password) if password is not None else key.secret)
    known = load_preferences()
    replace(known, accounts={**known.accounts, name: NamedAccount(chain, address, str(file))}).save()
    fields: dict[str, Any] = {"name": name, "address": address, "chain": chain, "file": str(file)}
    told = f"{address}\nIts key is in {file}: keep a copy, nobody can restore it."
    context.output.result(fields, f"{told}\nSign with it: --account {name}, or {typed('account use', name)}.")


def _new_password(output: Output, file: Path | None) -> str:
    if file is not None:
        from hatch_aleph.network.keystores import read_password

        return read_password(file)
    if not sys.stdin.isatty():
        raise UsageError("--encrypt needs a password", hint="Give it by --password-file FILE.")
    return str(ask(output, "New password", hide_input=True, confirmation_prompt=True))


def _written(key: Key, chain: str) -> str:
    """Return a key as its wallets read it: hexadecimal, of Solana base58 of both halves."""
    if chain != "SOL":
        return f"0x{key.secret.hex()}"
    from nacl.signing import SigningKey

    from hatch_aleph.itemhash import to_base58

    return to_base58(key.secret + bytes(SigningKey(key.secret).verify_key))
