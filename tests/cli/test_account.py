"""Accounts by name, what others may do for them, and keys that nobody sees unasked."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account import Account as EthAccount
from nacl.signing import SigningKey

from hatch_aleph.errors import RejectedError
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import aggregate_content, sign_message
from tests.programs.rig import BARE_APP

SECRET = bytes(range(101, 133))
ADDRESS = EthAccount.from_key(SECRET).address


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    encrypt = EthAccount.encrypt
    monkeypatch.setattr(EthAccount, "encrypt", lambda *given: encrypt(*given, kdf="pbkdf2", iterations=1))
    monkeypatch.delenv("ALEPH_PASSWORD_FILE", raising=False)


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    return file


def test_take_over_choose_and_give_away(cli, tmp_path, password, monkeypatch):
    file = tmp_path / "key.hex"
    file.write_text(SECRET.hex())
    made = cli.json("account", "import", "work", file, "--encrypt", "--password-file", password).result
    kept = Path(made["file"])
    assert (made["address"], stat.S_IMODE(kept.stat().st_mode)) == (ADDRESS, 0o600)
    assert EthAccount.decrypt(kept.read_text("utf-8"), "open sesame") == SECRET
    assert cli.json("account", "import", "work", file).error["exit_code"] == 64

    monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE")
    assert cli("account", "use", "work").code == 0
    assert cli.json("account", "show").result["address"] == ADDRESS
    assert cli.json("account", "balance", "work").result["address"] == ADDRESS
    listed = cli.json("account", "list").result["accounts"]
    assert [(each["name"], each["signs"]) for each in listed if each["name"]] == [("work", True)]

    assert "on a terminal alone" in cli.json("account", "export", "work", "--password-file", password).error["message"]
    copy = tmp_path / "copy.hex"
    told = cli("account", "export", "work", "--password-file", password, "--to", copy)
    assert (told.code, copy.read_text().strip(), stat.S_IMODE(copy.stat().st_mode)) == (0, f"0x{SECRET.hex()}", 0o600)
    assert SECRET.hex() not in told.out + told.err
    assert cli.json("account", "export", "work", "--password-file", password, "--to", copy).error["exit_code"] == 8
    assert "is encrypted" in cli.json("account", "export", "work", "--to", tmp_path / "third").error["message"]


def test_every_form_is_taken_over_and_nothing_else(cli, tmp_path, password):
    pair = SECRET + bytes(SigningKey(SECRET).verify_key)
    forms = {
        "raw": SECRET,
        "words": b"test test test test test test test test test test test junk\n",
        "solana": json.dumps(list(pair)).encode(),
        "keystore": json.dumps(EthAccount.encrypt(SECRET, "open sesame")).encode(),
    }
    got = {}
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        got[name] = cli.json("account", "import", name, tmp_path / name, "--password-file", password).result
    assert (got["raw"]["address"], got["keystore"]["address"], got["solana"]["chain"]) == (ADDRESS, ADDRESS, "SOL")
    assert got["words"]["address"] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert Path(got["keystore"]["file"]).suffix == ".json"
    assert cli.json("account", "show", "--account", "solana").result["chain"] == "SOL"
    (tmp_path / "none").write_text("nothing of the kind")
    assert "nothing of the kind" not in json.dumps(cli.json("account", "import", "x", tmp_path / "none").error)
    assert "is a key of chain SOL" in cli.json("account", "import", "x", tmp_path / "solana", "--chain", "ETH").error[
        "message"
    ].replace("This ", "")


def test_a_new_account_with_a_name_signs(cli):
    made = cli.json("account", "create", "ci").result
    cli.network.faucet(made["address"], 10**9)
    done = cli.json("file", "upload", cli.app() / "main.py", "--account", "ci").result
    assert cli.network.get(f"/api/v0/messages/{done['item_hash']}")["message"]["sender"] == made["address"]
    assert "exclude each other" in cli.json("account", "show", "--account", "ci", "--ledger").error["message"]


def test_a_key_deploys_for_an_owner_within_its_bounds_and_not_outside(cli):
    owner = cli.account
    ci = cli.json("account", "create", "ci").result["address"]
    as_ci = ("--account", "ci", "--address", owner.address)
    assert cli.json("authorization", "add", "ci").error["exit_code"] == 64  # without bounds
    added = cli.json("authorization", "add", "ci", "--deploy").result
    assert added["entry"] == {
        "address": ci,
        "types": ["STORE", "PROGRAM", "FORGET", "AGGREGATE"],
        "aggregate_keys": ["domains"],
    }
    listed = cli.json("authorization", "list", "--address", owner.address).result["authorizations"]
    assert [each["address"] for each in listed] == [ci]

    made = cli.json("create", cli.app("for the owner"), "main:app", "--name", "x", "--no-smoke", *as_ci).result
    assert cli.network.content(made["item_hash"])["address"] == owner.address
    done = cli.json("update", made["item_hash"], cli.app("again"), "--no-smoke", "--no-health", *as_ci).result
    assert done["item_hash"] == made["item_hash"]
    assert cli.json("delete", made["item_hash"], *as_ci).code == 0

    # It may not permit itself more, nor act for somebody else.
    assert (
        "no permission to act for itself"
        in cli.json("authorization", "add", "ci", "--deploy", *as_ci[:2]).error["message"]
    )
    signer = load_account(name="ci", any_chain=True)
    grab = aggregate_content(owner.address, "security", {"authorizations": [{"address": ci}]}, time=time.time())
    message = sign_message(signer, "AGGREGATE", grab, channel="TEST", time=grab["time"])
    with NodeClient([cli.network.url]) as client:
        client.publish(message)
        with pytest.raises(RejectedError) as caught:
            client.wait(message.item_hash)
    assert caught.value.code == 2
    stranger = cli.network.new_account()
    refused = cli.json("file", "upload", cli.app() / "main.py", "--account", "ci", "--address", stranger.address).error
    assert (refused["exit_code"], "has not permitted" in refused["message"]) == (13, True)  # before anything is sent

    assert cli.json("authorization", "revoke", "ci").code == 0
    time.sleep(0.01)
    refused = cli.json("file", "upload", cli.app("late") / "main.py", *as_ci).error
    assert (refused["exit_code"], "has not permitted" in refused["message"]) == (13, True)
    assert cli.json("authorization", "revoke", "ci").error["message"].endswith(f"may not act for {owner.address}")


def test_a_project_is_deployed_for_an_owner_within_bounds(cli, make_project):
    owner = cli.account
    project = make_project({"main.py": textwrap.dedent(BARE_APP)})
    cli.json("account", "create", "ci")
    deploy = ("deploy", "--project", project, "--yes", "--no-smoke", "--account", "ci", "--address", owner.address)
    refused = cli.json(*deploy).error
    assert refused["exit_code"] == 13
    assert "has not permitted" in refused["message"]  # before anything is sent
    assert cli.sent == []
    cli.json("authorization", "add", "ci", "--deploy")
    done = cli.json(*deploy).result
    message = cli.network.get(f"/api/v0/messages/{done['item_hash']}")["message"]
    assert message["content"]["address"] == owner.address != message["sender"]


def test_bounds_of_one_type(cli):
    owner = cli.account
    cli.json("account", "create", "files")
    assert cli.json("authorization", "add", "files", "--type", "STORE").code == 0
    as_files = ("--account", "files", "--address", owner.address)
    stored = cli.json("file", "upload", cli.app() / "main.py", *as_files).result["item_hash"]
    refused = cli.json("create", cli.app(), "main:app", "--name", "x", "--no-smoke", *as_files).error
    assert (refused["exit_code"], "forget, PROGRAM messages" in refused["message"]) == (13, True)
    # Nodes let whoever may create a message forget it, without a permission for FORGET: which help and docs say.
    assert cli.json("message", "forget", stored, *as_files).code == 0
    theirs = cli.create("theirs")["item_hash"]
    refused = cli.json("message", "forget", theirs, *as_files).error
    assert (refused["exit_code"], "forget, PROGRAM messages" in refused["message"]) == (13, True)
    assert (
        "FORGET alone permits nothing" in cli.json("authorization", "add", "files", "--type", "FORGET").error["message"]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_key_is_shown_on_a_terminal_after_a_question_alone(cli, tmp_path, answer):
    import pty

    (tmp_path / "key.raw").write_bytes(SECRET)
    cli.json("account", "import", "work", tmp_path / "key.raw")
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "hatch_aleph", "account", "export", "work"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    with suppress(OSError):
        while read := os.read(master, 4096):
            if b"]:" in read and b"[y/N]" in shown + read:  # only what is typed after the question answers it
                os.write(master, f"{answer}\n".encode())
            shown += read
    code = process.wait(60)
    os.close(master)
    assert b"Show the private key of work here?" in shown
    assert (code, SECRET.hex().encode() in shown) == ((0, True) if answer == "y" else (130, False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "new", "--private-key-file", "k"), "NAME and --private-key-file exclude each other"),
        (("create", "--encrypt"), "--encrypt needs a NAME"),
        (("create", "new", "--encrypt"), "--encrypt needs a password"),
        (("import", "new", "k", "--from-aleph", "theirs"), "FILE and --from-aleph exclude each other"),
        (("import", "new"), "There is no key"),
        (("use", "nobody"), "No account has the name nobody"),
        (("export", "nobody"), "No account has the name nobody"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_makes_no_account(arguments, message, cli):
    assert message in cli.json("account", *arguments).error["message"]
    assert not [each for each in cli.json("account", "list").result["accounts"] if each["name"]]


def test_the_accounts_of_the_official_command_line_are_listed_and_taken_over(cli, tmp_path, password, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ALEPH_CONFIG_HOME", str(tmp_path / "sdk"))
    default = tmp_path / "sdk" / "private-keys" / "ethereum.key"
    default.parent.mkdir(parents=True)
    default.write_bytes(SECRET)
    keystore = tmp_path / "aleph" / "keystores" / "theirs.json"
    keystore.parent.mkdir(parents=True)
    keystore.write_text(json.dumps(EthAccount.encrypt(SECRET, "open sesame")))
    entry = '[[accounts]]\nname = "{}"\naddress = "0x1"\nchain = "ETH"\nkind = "{}"\n'
    text = 'default = "theirs"\n' + entry.format("theirs", "keystore") + entry.format("other", "local")
    (tmp_path / "aleph" / "accounts.toml").write_text(text)
    listed = cli.json("account", "list").result["accounts"]
    assert [(each["name"], each["key"]) for each in listed] == [
        ("theirs", "aleph-rs: keystore, with which `aleph` signs"),
        ("other", "aleph-rs: local"),
        ("", str(default)),
    ]
    taken = cli.json("account", "import", "mine", "--from-aleph", "theirs", "--password-file", password).result
    assert taken["address"] == ADDRESS
    assert cli("alias", "add", "mine", ADDRESS).code == 64  # a name stands for one address
    (tmp_path / "aleph" / "accounts.toml").write_text("accounts = 1")
    told = cli("account", "list")
    assert (told.code, "The accounts of `aleph` cannot be read" in told.err, "mine" in told.out) == (0, True, True)


def test_a_key_of_solana_is_exported_as_its_wallets_read_it(cli, tmp_path):
    cli.json("account", "create", "sol", "--chain", "SOL")
    cli.json("account", "export", "sol", "--to", tmp_path / "copy")
    again = cli.json("account", "import", "again", tmp_path / "copy", "--chain", "SOL").result
    assert again["address"] == cli.json("account", "show", "--account", "sol").result["address"]
