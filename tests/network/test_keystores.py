"""Keys at rest: what wallets and the official command lines write is read, and what is written they read."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import base58
import pytest
from eth_account import Account as EthAccount
from nacl.signing import SigningKey

from hatch_aleph.errors import AccountError
from hatch_aleph.network.accounts import account_from_key, load_account
from hatch_aleph.network.keys import Key, parse_key
from hatch_aleph.network.keystores import ed25519_key, make_keystore, open_keystore, read_password, store_secret
from hatch_aleph.preferences import NamedAccount, Preferences

SECRET = bytes(range(1, 33))
ADDRESS = EthAccount.from_key(SECRET).address
# The mnemonic of the standard's own test vectors, with its well-known first account.
MNEMONIC = "test test test test test test test test test test test junk"
OF_MNEMONIC = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
# From the format's definition (ethereum.org, Web3 secret storage): PBKDF2, password "testpassword".
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keystores' keys quickly, as none outside of tests should."""
    encrypt = EthAccount.encrypt
    monkeypatch.setattr(EthAccount, "encrypt", lambda *given: encrypt(*given, kdf="pbkdf2", iterations=1))


def test_a_keystore_of_the_formats_definition() -> None:
    key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    assert open_keystore(json.dumps(PBKDF2), "testpassword", "here").hex() == key


def test_a_keystore_signs_for_its_password_alone(tmp_path: Path, light: None) -> None:
    file = tmp_path / "keystore.json"
    store_secret(file, make_keystore(SECRET, "open sesame"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    asked: list[str] = []
    account = load_account(private_key_file=file, environ={}, password=lambda what: asked.append(what) or "open sesame")
    assert (account.address, asked) == (ADDRESS, [str(file)])
    with pytest.raises(AccountError, match="the password is wrong") as caught:
        load_account(private_key_file=file, environ={}, password=lambda _: "other")
    assert "other" not in str(caught.value)
    assert EthAccount.decrypt(file.read_text("utf-8"), "open sesame") == SECRET


def test_a_mnemonic_is_its_first_account_and_never_repeated() -> None:
    assert load_account(private_key=MNEMONIC, environ={}).address == OF_MNEMONIC
    with pytest.raises(AccountError, match="checksum") as caught:
        load_account(private_key=MNEMONIC.replace("junk", "test"), environ={})
    assert "test test" not in str(caught.value)
    with pytest.raises(AccountError, match="file is expected"):
        load_account(private_key_file=Path(MNEMONIC), environ={})


def test_a_mnemonic_of_solana_is_the_account_that_wallets_show() -> None:
    words = "abandon " * 11 + "about"
    account = load_account(private_key=words, chain="SOL", environ={})
    assert (account.chain, account.address) == ("SOL", "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk")
    with pytest.raises(AccountError, match="checksum"):
        load_account(private_key="abandon " * 12, chain="SOL", environ={})


def test_solanas_keys_are_derived_as_the_standard_says() -> None:
    seed = bytes(range(16))  # test vector 1 of SLIP-10 for ed25519
    assert ed25519_key(seed, ()).hex() == "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7"
    assert ed25519_key(seed, (0,)).hex() == "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3"


def test_solanas_own_files_tell_their_chain(tmp_path: Path) -> None:
    pair = SECRET + bytes(SigningKey(SECRET).verify_key)
    for content in (json.dumps(list(pair)).encode(), base58.b58encode(pair)):
        file = tmp_path / "id.json"
        file.write_bytes(content)
        account = load_account(private_key_file=file, environ={}, any_chain=True)
        assert (account.chain, account.address) == ("SOL", base58.b58encode(pair[32:]).decode())
        with pytest.raises(AccountError, match="key of chain SOL, not of ETH"):
            load_account(private_key_file=file, environ={}, chain="ETH")
    with pytest.raises(AccountError, match="no private key in it"):
        parse_key(json.dumps([*pair[:-1], pair[-1] ^ 1]).encode(), "here", "SOL")


def test_a_named_account_is_known_before_its_key_is_opened(tmp_path: Path, light: None) -> None:
    file = tmp_path / "work.json"
    store_secret(file, make_keystore(SECRET, "right"))
    names = {"work": NamedAccount("ETH", ADDRESS, str(file)), "wrong": NamedAccount("ETH", OF_MNEMONIC, str(file))}
    Preferences(account="work", accounts=names).save()
    environ = {"ALEPH_CONFIG_HOME": str(tmp_path)}
    asked: list[str] = []
    account = load_account(environ=environ, password=lambda what: asked.append(what) or "right")
    assert (account.address, asked) == (ADDRESS, [])
    unsigned = {"chain": "ETH", "type": "STORE", "item_hash": "ab" * 32, "time": 1.0}
    assert account.sign(unsigned)["sender"] == ADDRESS
    assert account.sign(unsigned)["sender"] == ADDRESS
    assert len(asked) == 1
    other = load_account(name="wrong", environ=environ, any_chain=True, password=lambda _: "right")
    with pytest.raises(AccountError, match=f"The key is that of {ADDRESS}, and the account wrong is"):
        other.sign(unsigned)
    with pytest.raises(AccountError, match="is of chain ETH, not of SOL"):
        load_account(name="work", environ=environ, chain="SOL")
    with pytest.raises(AccountError, match="There are: work, wrong"):
        load_account(name="none", environ=environ)


def test_passwords_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\r\nsecond line\n")
    assert read_password(file) == "open sesame"
    file.write_text("\n")
    with pytest.raises(AccountError, match="no password"):
        read_password(file)
    with pytest.raises(AccountError, match="cannot be read"):
        read_password(tmp_path / "none")


def test_a_secret_that_is_cut_off_leaves_no_half_of_it(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\nfrom hatch_aleph.network import keystores\n"
        "os.fsync = lambda _: os._exit(9)\nkeystores.store_secret(pathlib.Path(sys.argv[1]), b'x' * 32)\n"
    )
    file = tmp_path / "keys" / "new.key"
    assert subprocess.run([sys.executable, "-c", program, str(file)], check=False).returncode == 9
    assert not file.exists()
    store_secret(file, SECRET)
    with pytest.raises(AccountError, match="never overwritten"):
        store_secret(file, b"y")
    assert file.read_bytes() == SECRET


def test_what_cannot_be_stored_is_said(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="The password is empty"):
        make_keystore(SECRET, "")
    (tmp_path / "file").touch()
    with pytest.raises(AccountError, match="The key cannot be written: Not a directory"):
        store_secret(tmp_path / "file" / "keys" / "new.key", SECRET)


def test_keys_stay_out_of_representations(light: None) -> None:
    key = parse_key(make_keystore(SECRET, "p"), "here", "ETH", lambda _: "p")
    assert (key.secret, key.chain) == (SECRET, "ETH")
    assert SECRET.hex() not in repr(key) + repr(account_from_key(Key(SECRET, "here"), "ETH").__dict__)
