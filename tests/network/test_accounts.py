from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import base58
import pytest
from aleph.sdk.chains.ethereum import get_fallback_account
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from nacl.signing import SigningKey, VerifyKey

from hatch_aleph.errors import AccountError
from hatch_aleph.network import create_account, load_account

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
        "from hatch_aleph.network import load_account\n"
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


def in_a_process_of_its_own(code: str, folder: Path) -> str:
    sign = f"load_account(private_key='{SECRET.hex()}', environ={{}}).sign({UNSIGNED})"
    program = f"from hatch_aleph.network import load_account\n{code}\n{sign}"
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
    told = in_a_process_of_its_own("", tmp_path)
    assert "The SDK does not load" in told
    assert "`.env` in this folder" in told
    assert "secret-thing" not in told


@pytest.mark.parametrize("missing", ["aleph.sdk", "coincurve"])
def test_without_the_sdk(tmp_path: Path, missing: str) -> None:
    told = in_a_process_of_its_own(f"import sys; sys.modules['{missing}'] = None", tmp_path)
    assert "hatch-aleph[deploy]" in told


def test_the_address_needs_no_sdk(tmp_path: Path) -> None:
    code = f"address = load_account(private_key='{SECRET.hex()}', environ={{}}).address\n"
    code += "import sys; sys.exit(f'{address} {\"aleph.sdk\" in sys.modules}')"
    assert in_a_process_of_its_own(code, tmp_path).endswith(f"{ADDRESS} False")
