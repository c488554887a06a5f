"""The key that signs, in whatever way it is written: what encodes it is taken off layer by layer.

Eight of its bytes in a row are enough: nothing else holds these by chance, and a key in two parts is found by either.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import marshal
import re
import string
import struct
from typing import TYPE_CHECKING

from hatch_aleph.itemhash import BASE58, in_base, to_base58
from hatch_aleph.secrets.layers import Budget, Layer, as_bytes, numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 8
_BETWEEN = 5  # bytes that lists in binary forms, and tables of numbers, may have between two of a key's
_FEWEST = 5  # numbers of a list
_WORDS = 6  # of a recovery phrase: as many bits
_MAX_DEPTH = 4
_SEPARATORS = b" \t\r\n\"'\\"
_OF_ONE_BYTE = ("latin-1", "cp1252", "cp437", "mac-roman")
_LOWER = bytes(range(256)).lower()
_NO_HEX = bytes(each for each in range(256) if each not in b"0123456789abcdefABCDEF")
_NO_WORD = bytes(each for each in range(256) if each not in b"%b0OIl+/-_" % BASE58.encode())
# Of how large numbers are kept in parts: BN.js, other libraries of curves, Python's own, decimal ones.
_LIMBS = (1 << 26, 1 << 28, 1 << 29, 1 << 30, 1 << 51, 1 << 52, 10**7, 10**9)
_NO_BITS = bytes(each for each in range(256) if each not in b"01")
_STANDARD_64 = bytes.maketrans(b"-_", b"+/")
_NO_LETTERS = bytes(each if each in b"abcdefghijklmnopqrstuvwxyz" else 32 for each in _LOWER)
_36 = string.digits + string.ascii_lowercase
# Of whole numbers: base 36, 62 both ways, 58 as Ripple and Flickr write it; Bitcoin's is ``BASE58``.
_ALPHABETS = (
    _36,
    _36.upper(),
    string.digits + string.ascii_letters,
    string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz",
    "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ",
)
_Z85 = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)


class KeyForms:
    """What tells one private key, in bytes and in texts.

    Args:
        secret: The key's bytes.
        public: Those that Solana's files hold behind them, if the key has such.
        phrase: The words that the key was made from, if they are known.

    Attributes:
        searched: What identifies files in which it was looked for already, so that none is searched twice.
    """

    __slots__ = (
        "_ascii", "_bits", "_digits", "_forward", "_grouped", "_in_85", "_in_others", "_numbers", "_phrase", "_pieces",
        "_scattered", "_texts", "_whole", "searched",
    )  # fmt: skip

    def __init__(self, secret: bytes, public: bytes = b"", phrase: str = "") -> None:
        self.searched: set[tuple[object, ...]] = set()
        both = (secret, secret[::-1])
        self._whole = both
        self._pieces = tuple(piece for each in both for piece in _pieces(each))
        self._ascii = tuple(each for each in self._pieces or self._whole if each.isascii())
        self._scattered = tuple(_scattered(piece) for piece in self._pieces)
        swapped = [_swapped(each, size) for each in _pieces(secret) for size in (2, 4)]
        digits = [each.hex().encode() for each in (*self._pieces, *swapped)]
        self._digits = tuple({*digits, *(each[::-1] for each in digits)})
        self._numbers = tuple({form for piece in self._pieces for form in _lists(piece)})
        self._grouped = tuple(_in_words(secret)) if self._pieces else ()
        self._bits = tuple(bits for piece in self._pieces for bits in _bits(piece))
        self._in_85 = tuple({form.translate(None, _SEPARATORS) for form in _in_85(secret)} if self._pieces else ())
        self._forward = tuple(_pieces(secret))
        self._in_others = tuple(_in_others(secret, self._forward))
        value = int.from_bytes(secret, "big")
        written = [to_base58(each) for each in (secret, secret + public, *_for_import(secret))]
        written += [in_base(value, each) for each in (*_ALPHABETS, string.digits)]
        if self._pieces:  # of a small number it is a constant that many know
            written.append(in_base((1 << 8 * len(secret)) - value, string.digits))  # as a negative number
        texts = [text.encode() for text in written if len(text) >= len(secret)]  # a small number is no key
        self._texts = (*texts, *(text[::-1] for text in (*texts[:1], b"%d" % value) if len(text) >= len(secret)))
        if self._pieces:
            self._numbers += tuple(_in_limbs(value))
        words = phrase.lower().split()
        self._phrase = tuple(
            b" " + " ".join(words[at : at + _WORDS]).encode() + b" " for at in range(0, len(words) - _WORDS + 1, 3)
        )

    def __repr__(self) -> str:
        return "<forms of a private key>"

    def occur_in(self, data: bytes, *, unpack: bool = True) -> bool:
        """Tell whether the key stands in some bytes, be they text, an image or anything else.

        Args:
            data: The bytes.
            unpack: Look into what is compressed in them as well.
        """
        return self._within(Layer(data), 0, Budget() if unpack else Budget(0))

    def stand_plainly_in(self, data: bytes) -> bool:
        """Tell whether the key stands in some bytes as such, in hexadecimal digits, in base58 or as a list of numbers.

        Several times as fast as :meth:`occur_in`: for what others have published before.
        """
        if any(each in data for each in (*(self._pieces or self._whole), *self._texts[:2])):
            return True
        digits = data.replace(b"0x", b"").translate(_LOWER, _NO_HEX)
        if any(each in digits for each in self._digits):
            return True
        numbers = numbers_in(data)
        if len(numbers) < _PIECE:
            return False
        listed = as_bytes(numbers)
        return any(each in listed for each in self._pieces or self._whole)

    def _within(self, layer: Layer, depth: int, budget: Budget) -> bool:
        data = layer.data
        if data.isascii():
            stands = any(each in data for each in self._ascii)
        else:
            stands = any(form.search(data) for form in self._scattered) if self._pieces else self._whole[0] in data
            stands = stands or any(each in data for each in self._in_others)
        if stands or self._is_written(layer):
            return True
        if layer.dense and any(each in layer.dense for each in self._forward):
            return True
        return depth < _MAX_DEPTH and any(self._within(inner, depth + 1, budget) for inner in layer.inner(budget))

    def _is_written(self, layer: Layer) -> bool:
        """Tell whether digits, in whatever base and with whatever between them, or letters of an 85 write it."""
        text = layer.text
        if len(text) < _PIECE:
            return False
        digits = text.replace(b"0x", b"").translate(_LOWER, _NO_HEX)
        if any(each in digits for each in self._digits):
            return True
        bits = text.replace(b"0b", b"").translate(None, _NO_BITS)
        if any(each in bits for each in self._bits):
            return True
        if len(layer.numbers) >= _FEWEST:
            listed = b" " + b" ".join(layer.numbers) + b" "
            if any(form in listed for form in self._numbers):
                return True
        joined = b"".join(layer.runs) + b" " + b"".join(layer.numbers)
        if any(each in joined for each in self._texts):
            return True
        joined = text.translate(None, _SEPARATORS)
        if any(each in joined for each in self._in_85):
            return True
        joined = text.translate(_STANDARD_64, _NO_WORD)
        if any(each in joined for each in self._grouped):
            return True
        if not self._phrase:
            return False
        words = b" " + b" ".join(text.translate(_NO_LETTERS).split()) + b" "
        return any(each in words for each in self._phrase)


def _pieces(secret: bytes) -> Iterator[bytes]:
    """Yield the parts of a key that no chance repeats: not those of a key made up for a test, as all zeros."""
    for at in range(0, len(secret) - _PIECE + 1, _PIECE):
        piece = secret[at : at + _PIECE]
        steps = {(after - before) % 256 for before, after in itertools.pairwise(piece)}
        if len(set(piece)) > _PIECE // 2 and not steps <= {0, 1, 255}:
            yield piece


def _scattered(piece: bytes) -> re.Pattern[bytes]:
    """Return what finds some bytes with few between: codes of a list's kind, numbers of a table's other columns."""
    between = b"[\\0-\\xff]{0,%d}?" % _BETWEEN
    return re.compile(between.join(re.escape(piece[at : at + 1]) for at in range(len(piece))))


def _in_others(secret: bytes, pieces: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield what compilers, machines of the other order of bytes, and texts of one letter a byte make of a key."""
    if pieces:
        yield marshal.dumps(int.from_bytes(secret, "big"))[5:]  # in bytecode: behind its kind and its length
    for piece in pieces:
        yield _swapped(piece, 4)
        for codec in _OF_ONE_BYTE:
            with contextlib.suppress(UnicodeDecodeError):
                if not piece.isascii():
                    yield piece.decode(codec).encode()


def _lists(piece: bytes) -> Iterator[bytes]:
    """Yield how lists write some bytes, once all but digits is away: signed, octal, with zeros or without."""
    for form in (b"%o", b"%03o"):
        yield b" " + b" ".join(form % each for each in piece) + b" "
    yield b" " + b" ".join(b"%06o" % each for each in struct.unpack("<4H", piece)) + b" "  # as `od` without options
    yield b" " + b" ".join(b"%d" % min(each, 256 - each if each > 127 else each) for each in piece) + b" "
    for words in ("<4H", ">4H", "<2i", ">2i", "<q", ">q"):  # words of two bytes, signed ones of four and eight
        yield b" " + b" ".join(b"%d" % abs(each) for each in struct.unpack(words, piece)) + b" "


def _swapped(piece: bytes, size: int) -> bytes:
    """Return what `hexdump` and `od` write of some bytes: words of two or four, the lower byte first."""
    return b"".join(piece[at : at + size][::-1] for at in range(0, len(piece), size))


def _in_words(secret: bytes) -> Iterator[bytes]:
    """Yield codes of a key whose letters stand in groups, whatever is between: base64 wherever it begins, 32 and 58."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        yield text[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]
    yield base64.b32encode(secret).rstrip(b"=")[:-1]
    yield to_base58(secret).encode()


def _in_limbs(value: int) -> Iterator[bytes]:
    """Yield how lists write a number in parts of some size, the lowest first and last."""
    for base in _LIMBS:
        limbs, rest = [], value
        while rest:
            rest, limb = divmod(rest, base)
            limbs.append(b"%d" % limb)
        for order in (limbs, limbs[::-1]):
            yield b" " + b" ".join(order) + b" "


def _bits(piece: bytes) -> Iterator[bytes]:
    bits = b"".join(f"{each:08b}".encode() for each in piece)
    yield from (bits, bits[::-1])


def _in_85(data: bytes) -> Iterator[bytes]:
    """Yield what the codes of base 85 make of some bytes, wherever they begin, as far as nothing else decides it."""
    for before in range(4):
        whole = (before + len(data)) // 4 * 4
        padded = bytes([1]) * before + data
        inner = slice(5 if before else 0, None)
        standard = base64.b85encode(padded[:whole])[inner]
        yield from (standard, standard.translate(_Z85), base64.a85encode(padded[:whole])[inner])


def _for_import(secret: bytes) -> Iterator[bytes]:
    """Yield what wallets of Bitcoin's kind encode of a key, on both networks, for either form of its public key."""
    for network in (b"\x80", b"\xef"):
        for form in (b"", b"\1"):
            content = network + secret + form
            yield content + hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4]
