"""Keccak-256 for the few digests of a small command, such as the address of the own key.

pycryptodome's is a hundred times as fast, and takes as long to import as fifty of these; messages are hashed by it.
Source: the Keccak reference, version 3.0 (Ethereum's variant: SHA-3 as it was before NIST changed its padding).
"""

from __future__ import annotations

_RATE = 136  # bytes of a block; with 1600 bits of state, 256 bits come out
_LANE = (1 << 64) - 1


def keccak_256(data: bytes) -> bytes:
    """Return the digest of some bytes."""
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
