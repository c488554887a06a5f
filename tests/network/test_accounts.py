from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import base58
import pytest
from aleph.sdk.chains.ethereum import ETHAccount, get_fallback_account
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from nacl.signing import SigningKey, VerifyKey

from hatch_aleph.errors import AccountError
from hatch_aleph.network import keys
from hatch_aleph.network.accounts import create_account, load_account

SECRET = bytes(range(1, 33))
ADDRESS = EthAccount.from_key(SECRET).address
UNSIGNED = {"chain": "ETH", "type": "STORE", "item_hash": "ab" * 32, "time": 1.0}


def signed_text(message: dict[str, object]) -> str:
    """What nodes verify: the four fields, one a line."""
    return "\n".join(str(message[key]) for key in ("chain", "sender", "type", "item_hash"))


@pytest.mark.parametrize("content", [SECRET, SECRET.hex().encode(), b"0x" + SECRET.hex().upper().encode() + b"\n"])
def test_ethereum_key_in_every_form(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    account = load_account(private_key_file=file, environ={})
    assert (account.chain, account.address) == ("ETH", ADDRESS)


@pytest.mark.parametrize("chain", ["ETH", "AVAX", "BASE", "base"])
def test_evm_signatures_recover_to_the_sender(chain: str) -> None:
    account = load_account(private_key=SECRET.hex(), chain=chain, environ={})
    message = account.sign({**UNSIGNED, "chain": account.chain})
    recovered = EthAccount.recover_message(encode_defunct(text=signed_text(message)), signature=message["signature"])
    assert recovered == message["sender"] == ADDRESS


def test_a_key_signs_as_the_sdks_account_does() -> None:
    account, theirs = load_account(private_key=SECRET.hex(), environ={}), ETHAccount(SECRET)
    assert account.sign(dict(UNSIGNED)) == asyncio.run(theirs.sign_message(dict(UNSIGNED)))
    assert account.sign_bytes(b"some text") == asyncio.run(theirs.sign_raw(b"some text"))


@pytest.mark.parametrize("form", ["raw", "hex", "base58", "base58 pair", "json"])
def test_solana_key_in_every_form_signs(tmp_path: Path, form: str) -> None:
    pair = SECRET + bytes(SigningKey(SECRET).verify_key)
    file = tmp_path / "key"
    file.write_bytes(
        {
            "raw": SECRET,
            "hex": SECRET.hex().encode(),
            "base58": base58.b58encode(SECRET),
            "base58 pair": base58.b58encode(pair) + b"\n",
            "json": json.dumps(list(pair)).encode(),
        }[form]
    )
    account = load_account(private_key_file=file, chain="SOL", environ={})
    message = account.sign({**UNSIGNED, "chain": "SOL"})
    signature = json.loads(message["signature"])
    assert signature["publicKey"] == account.address == base58.b58encode(pair[32:]).decode()
    key = VerifyKey(base58.b58decode(signature["publicKey"]))
    key.verify(signed_text(message).encode(), base58.b58decode(signature["signature"]))


def test_order_of_sources(tmp_path: Path) -> None:
    keys = {name: bytes([number]) * 31 + b"\xff" for number, name in enumerate("abcde", start=1)}
    addresses = {name: EthAccount.from_key(key).address for name, key in keys.items()}
    for name in "ad":
        (tmp_path / name).write_bytes(keys[name])
    default = tmp_path / "home" / "private-keys" / "ethereum.key"
    default.parent.mkdir(parents=True)
    default.write_bytes(keys["e"])
    environ = {
        "ALEPH_PRIVATE_KEY_FILE": str(tmp_path / "d"),
        "ALEPH_PRIVATE_KEY": keys["c"].hex(),
        "ALEPH_CONFIG_HOME": str(tmp_path / "home"),
    }
    assert load_account(private_key_file=tmp_path / "a", environ=environ).address == addresses["a"]
    assert load_account(private_key=keys["b"].hex(), environ=environ).address == addresses["b"]
    assert load_account(environ=environ).address == addresses["d"]
    del environ["ALEPH_PRIVATE_KEY_FILE"]
    assert load_account(environ=environ).address == addresses["c"]
    del environ["ALEPH_PRIVATE_KEY"]
    assert load_account(environ=environ).address == addresses["e"]


def test_key_from_standard_input() -> None:
    stdin = io.BytesIO(SECRET.hex().encode() + b"\n")
    assert load_account(private_key_file=Path("-"), stdin=stdin, environ={}).address == ADDRESS


def test_missing_key_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="hatch-aleph account create"):
        load_account(environ={"ALEPH_CONFIG_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"secretsecretsecretsecretsecretse", b"0x1234", SECRET[:31], SECRET * 2, b"\xff" * 32]
)
def test_what_is_no_key_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(AccountError) as caught:
        load_account(private_key_file=file, environ={})
    text = str(caught.value)
    assert str(file) in text
    assert content.hex() not in text or not content
    assert "secretsecret" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_unknown_chain_and_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="SOL"):
        load_account(private_key=SECRET.hex(), chain="DOGE", environ={})
    with pytest.raises(AccountError, match="No such file"):
        load_account(private_key_file=tmp_path / "none", environ={})


@pytest.mark.parametrize("chain", ["ETH", "SOL"])
def test_created_account_is_private_and_never_overwritten(tmp_path: Path, chain: str) -> None:
    file = tmp_path / "keys" / "new.key"
    account = create_account(file, chain)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_account(private_key_file=file, chain=chain, environ={}).address == account.address
    before = file.read_bytes()
    with pytest.raises(AccountError, match="never overwritten"):
        create_account(file, chain)
    assert file.read_bytes() == before
    assert len(before) == 32


def test_official_loader_reads_our_key(tmp_path: Path) -> None:
    account = create_account(tmp_path / "new.key")
    assert get_fallback_account(tmp_path / "new.key").get_address() == account.address


def test_key_is_in_no_representation() -> None:
    account = load_account(private_key=SECRET.hex(), environ={})
    assert repr(account) == f"<account ETH {ADDRESS}>"
    assert SECRET.hex() not in repr(account.__dict__)


def test_traceback_of_a_failing_signature_hides_the_key() -> None:
    program = (
        "from hatch_aleph.network.accounts import load_account\n"
        f"account = load_account(private_key='{SECRET.hex()}', environ={{}})\n"
        "class Broken:\n"
        "    async def sign_message(self, message):\n"
        f"        raise ValueError('{SECRET.hex()}')\n"
        "account._sdk_account = Broken()\n"
        "account.sign({})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "AccountError" in done.stderr
    assert SECRET.hex() not in done.stderr
    assert "ValueError" in done.stderr.splitlines()[-1]


def in_a_process_of_its_own(code: str, folder: Path, chain: str) -> str:
    sign = f"load_account(private_key='{SECRET.hex()}', chain={chain!r}, environ={{}}).sign({UNSIGNED})"
    program = f"from hatch_aleph.network.accounts import load_account\n{code}\n{sign}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return "".join(done.stderr.splitlines()[-2:])


def test_a_wrong_setting_of_the_sdk_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ALEPH_DEFAULT_CHAIN=secret-thing\n")
    told = in_a_process_of_its_own("", tmp_path, "SOL")
    assert "The SDK does not load" in told
    assert "`.env` in this folder" in told
    assert "secret-thing" not in told


@pytest.mark.parametrize(("missing", "chain"), [("aleph.sdk", "SOL"), ("coincurve", "ETH")])
def test_without_the_sdk(tmp_path: Path, missing: str, chain: str) -> None:
    told = in_a_process_of_its_own(f"import sys; sys.modules['{missing}'] = None", tmp_path, chain)
    assert "hatch-aleph[deploy]" in told


def test_an_ethereum_key_needs_no_sdk(tmp_path: Path) -> None:
    code = f"account = load_account(private_key='{SECRET.hex()}', environ={{}})\n"
    code += f"account.sign({UNSIGNED})\n"
    code += 'import sys; sys.exit(f\'{account.address} {bool({"aleph.sdk", "web3"} & set(sys.modules))}\')'
    assert in_a_process_of_its_own(code, tmp_path, "ETH").endswith(f"{ADDRESS} False")


# Whose key signs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, with the official command lines' folders in it."""
    for name in ("ALEPH_PRIVATE_KEY", "ALEPH_PRIVATE_KEY_FILE", "ALEPH_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def write_key(file: Path, number: int, mode: int = 0o600) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes([number]) * 32)
    file.chmod(mode)
    return load_account(private_key=file.read_bytes().hex()).address


def test_the_key_that_config_json_names_is_taken_as_the_sdk_does(home: Path) -> None:
    folder = home / ".aleph-im"
    default = write_key(folder / "private-keys" / "ethereum.key", 201)
    chosen = write_key(folder / "private-keys" / "work.key", 202)
    assert load_account().address == default
    config = {"path": str(folder / "private-keys" / "work.key"), "type": "internal", "chain": "ETH"}
    (folder / "config.json").write_text(json.dumps(config))
    assert load_account().address == chosen
    (folder / "config.json").write_text(json.dumps({**config, "chain": "SOL"}))
    said: list[str] = []
    assert load_account(notice=said.append).address == default
    (told,) = said  # another account than that tool's is none to sign with in silence
    assert default in told
    assert config["path"] in told
    assert "--chain SOL" in told
    (folder / "config.json").write_text("")
    assert load_account().address == default


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "\0"])
def test_a_config_json_that_cannot_be_read_stops_before_another_account_signs(home: Path, content: str) -> None:
    """As it stops the SDK: it may have named another key."""
    write_key(home / ".aleph-im" / "private-keys" / "ethereum.key", 205)
    (home / ".aleph-im" / "config.json").write_text(content)
    with pytest.raises(AccountError, match="cannot be read") as caught:
        load_account()
    assert caught.value.where == str(home / ".aleph-im" / "config.json")
    assert load_account(private_key="11" * 32).address


def test_a_ledger_that_config_json_names_is_said(home: Path) -> None:
    write_key(home / ".aleph-im" / "private-keys" / "ethereum.key", 203)
    (home / ".aleph-im" / "config.json").write_text(json.dumps({"type": "hardware", "chain": "ETH", "address": "0xab"}))
    with pytest.raises(AccountError, match=r"names a Ledger \(0xab\)") as caught:
        load_account()
    assert "--ledger" in str(caught.value.hint)


def test_the_folder_follows_xdg_data_home(home: Path) -> None:
    address = write_key(home / "data" / ".aleph-im" / "private-keys" / "ethereum.key", 204)
    assert load_account(environ={"XDG_DATA_HOME": str(home / "data")}).address == address


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is another one elsewhere")
def test_another_account_of_aleph_rs_is_said_before_anything_is_signed(home: Path) -> None:
    ours = write_key(home / ".aleph-im" / "private-keys" / "ethereum.key", 205)
    manifest = home / "config" / "aleph" / "accounts.toml"
    manifest.parent.mkdir(parents=True)
    entry = '[[accounts]]\nname = "{}"\nchain = "ETH"\naddress = "{}"\nkind = "keystore"\n'
    manifest.write_text('default = "work"\n' + entry.format("work", "0xcd") + entry.format("mine", ours))
    told: list[str] = []
    load_account(notice=told.append)
    assert len(told) == 1
    assert f"Signing as {ours}" in told[0]
    assert "`aleph` signs as work (0xcd)" in told[0]
    manifest.write_text('default = "mine"\n' + entry.format("mine", ours))
    load_account(notice=told.append)
    assert len(told) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is another one elsewhere")
@pytest.mark.parametrize("text", [b"default = [", b"accounts = 3", b'accounts = ["x"]', b"\xff", None])
def test_accounts_of_aleph_rs_that_cannot_be_read_are_said_before_anything_is_signed(
    home: Path, text: bytes | None
) -> None:
    """Which account it signs with is unknown then; aleph-rs itself stops there."""
    ours = write_key(home / ".aleph-im" / "private-keys" / "ethereum.key", 205)
    manifest = home / "config" / "aleph" / "accounts.toml"
    manifest.parent.mkdir(parents=True)
    manifest.mkdir() if text is None else manifest.write_bytes(text)
    told: list[str] = []
    assert load_account(notice=told.append).address == ours
    (line,) = told
    assert f"Signing as {ours}" in line
    assert f"cannot be read: {manifest}" in line
    with pytest.raises(AccountError, match="cannot be read"):
        keys.other_tools_accounts()


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_that_others_can_read_is_a_warning(tmp_path: Path, mode: int, warned: bool) -> None:
    told: list[str] = []
    write_key(tmp_path / "key", 206, mode)
    load_account(private_key_file=tmp_path / "key", notice=told.append)
    assert [("can read the private key" in text, "chmod 600" in text) for text in told] == [(True, True)] * warned


def test_an_encrypted_keystore_is_named_as_one(tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    keystore.write_text(json.dumps({"version": 3, "address": "ab", "crypto": {"ciphertext": "00", "kdf": "scrypt"}}))
    with pytest.raises(AccountError, match="encrypted keystore") as caught:
        load_account(private_key_file=keystore)
    assert "--private-key-file -" in str(caught.value.hint)


@pytest.mark.parametrize("prefix", ["0x", "", "base58", "json"])
def test_a_key_in_place_of_its_file_is_not_repeated(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = {"base58": "4" * 88, "json": str(list(range(64)))}.get(prefix, prefix + "c0ffee" * 10 + "c0de")
    for attempt in (
        lambda: load_account(private_key_file=Path(text)),
        lambda: load_account(environ={"ALEPH_PRIVATE_KEY_FILE": text}),
        lambda: create_account(Path(text)),
    ):
        with pytest.raises(AccountError) as caught:
            attempt()
        assert "file is expected" in str(caught.value)
        assert text not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device without an end")
def test_of_a_file_without_an_end_little_is_read() -> None:
    with pytest.raises(AccountError, match="longer than 64 KiB"):
        load_account(private_key_file=Path("/dev/zero"))
