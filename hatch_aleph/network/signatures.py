"""Signatures of messages, as the network checks them: by chain, over chain, sender, type and item hash, a line each.

Sources: aleph-im/pyaleph, ``src/aleph/chains/{common,evm,solana,signature_verifier}.py``. Chains that no account of
the SDK signs with (the X-chain of AVAX, Cosmos, NULS, Polkadot, Tezos) are not verified here: nothing of theirs is
believed. Accounts for AVAX or BASE sign as ``ETH``.

The curve's own library is used: eth_keys takes a quarter of a second to import, eth_account a third
(benchmarks/trust.py).
"""

from __future__ import annotations

import itertools
import json

from hatch_aleph.itemhash import from_base58

# fmt: off
EVM_CHAINS = frozenset({
    "ARB", "BASE", "BLAST", "BOB", "BSC", "CYBER", "ETH", "ETHERLINK", "FRAX", "HYPE", "INK", "LENS", "LINEA", "LISK",
    "METIS", "MODE", "NEO", "OP", "POL", "SONIC", "UNICHAIN", "WLD", "ZORA",
})
# fmt: on
SOLANA_CHAINS = frozenset({"SOL", "ES"})
_hashed = itertools.count()
_FEW = 12  # digests of a process for which the library's import would take longer
_RATE = 136  # bytes of a block; with 1600 bits of state, 256 bits come out
_LANE = (1 << 64) - 1
_SIGNATURE_SIZE = 65
_LEGACY, _WITH_CHAIN_ID = 27, 35


def is_signed(chain: str, sender: str, type_: str, item_hash: str, signature: str | None) -> bool:
    """Tell whether a sender signed a message."""
    if not signature:
        return False
    signed = f"{chain}\n{sender}\n{type_}\n{item_hash}".encode("utf-8", "replace")
    try:
        if chain in EVM_CHAINS:
            return ethereum_signer(signed, signature) == sender.lower()
        return chain in SOLANA_CHAINS and _is_signed_on_solana(signed, sender, signature)
    except ImportError:
        raise
    except Exception:  # noqa: BLE001 - whatever the libraries raise on hostile input, it is no signature
        return False


def ethereum_address(public_key: bytes) -> str:
    """Return the address of an uncompressed public key.

    Args:
        public_key: 64 bytes, without the format's prefix.
    """
    return _with_checksum(keccak_256(public_key).hex()[-40:])


def as_published(address: str) -> str | None:
    """Return an address as messages carry it, which nodes compare letter by letter; None for a mistyped one.

    An Ethereum address carries a checksum in its letters' case (EIP-55); one of small or of capital letters alone says
    nothing of it and gets it.
    """
    digits = address.removeprefix("0x")
    if digits == address:
        return address
    published = _with_checksum(digits.lower())
    return published if digits in (digits.lower(), digits.upper(), published[2:]) else None


def _with_checksum(digits: str) -> str:
    checksum = keccak_256(digits.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(nibble, 16) >= 8 else letter  # noqa: PLR2004 - half of a nibble
        for letter, nibble in zip(digits, checksum, strict=False)
    )


def ethereum_signer(signed: bytes, signature: str) -> str:
    """Return the address, in lower case, that signed a text as wallets do (EIP-191)."""
    from coincurve import PublicKey

    r_s_v = bytes.fromhex(signature.removeprefix("0x").removeprefix("0X"))
    v = r_s_v[-1]
    parity = v if v < _LEGACY else v - _LEGACY if v < _WITH_CHAIN_ID else (v - _WITH_CHAIN_ID) % 2
    if len(r_s_v) != _SIGNATURE_SIZE or parity > 1:
        raise ValueError("no signature")
    key = PublicKey.from_signature_and_message(r_s_v[:-1] + bytes([parity]), _text_digest(signed), hasher=None)
    return f"0x{_keccak(key.format(compressed=False)[1:]).hex()[-40:]}"


def sign_ethereum(secret: bytes, text: bytes) -> bytes:
    """Return the signature of a text as wallets make it (EIP-191); byte for byte that of eth_account."""
    from coincurve import PrivateKey

    r_s_v = PrivateKey(secret).sign_recoverable(_text_digest(text), hasher=None)
    return r_s_v[:-1] + bytes([r_s_v[-1] + _LEGACY])


def _text_digest(text: bytes) -> bytes:
    return _keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)


def _keccak(data: bytes) -> bytes:
    if next(_hashed) < _FEW:
        return keccak_256(data)
    from Crypto.Hash import keccak

    return bytes(keccak.new(digest_bits=256, data=data).digest())


def _is_signed_on_solana(signed: bytes, sender: str, signature: str) -> bool:
    from nacl.signing import VerifyKey

    parts = json.loads(signature)
    if parts.get("version", 1) != 1 or parts["publicKey"] != sender:
        return False
    VerifyKey(from_base58(sender)).verify(signed, from_base58(parts["signature"]))
    return True


def keccak_256(data: bytes) -> bytes:
    """Return the Keccak-256 digest of some bytes, for the few of a small command.

    pycryptodome's takes a hundredth of the time, and its import that of fifty of these. Source: the Keccak reference,
    version 3.0 (Ethereum's variant: SHA-3 as it was before NIST changed its padding).
    """
    padded = bytearray(data + b"\x01")
    padded += bytes(-len(padded) % _RATE)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> None:
    """Keccak-f[1600]: theta, rho with pi, chi, iota, as the reference names its steps."""
    constant = 1
    for _ in range(24):
        columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        for x in range(5):
            mixed = columns[x - 1] ^ _rotated(columns[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                state[y + x] ^= mixed
        x, y, moved = 1, 0, state[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            moved, state[x + 5 * y] = state[x + 5 * y], _rotated(moved, (step + 1) * (step + 2) // 2 % 64)
        for y in range(0, 25, 5):
            row = state[y : y + 5]
            for x in range(5):
                state[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for bit in range(7):
            constant = (constant << 1) ^ (0x171 if constant & 0x80 else 0)
            state[0] ^= (constant >> 1 & 1) << ((1 << bit) - 1)


def _rotated(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _LANE
