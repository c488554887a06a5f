"""What some bytes hold once an encoding is taken off: each is found by its alphabet or its first bytes, wherever it is.

Every function is linear in what it is given, and gives no more than a few times as much; who calls it bounds the depth.
"""

from __future__ import annotations

import binascii
import bz2
import contextlib
import itertools
import lzma
import re
import struct
import unicodedata
import zlib
from typing import TYPE_CHECKING, Any

from hatch_aleph.itemhash import BASE58, from_base58
from hatch_aleph.secrets.archives import FAULTS, MAX_BYTES, OVERLAP, PIECE
from hatch_aleph.secrets.runs import WORD, Letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RUN = Letters(WORD + b"+/", 16)
_RUN58 = re.compile(rf"(?<![{BASE58}])[{BASE58}]{{40,160}}(?![{BASE58}])".encode())
_RUN16 = re.compile(rb"[0-9a-fA-F]{48,}")
_RUN32 = re.compile(rb"[A-Z2-7]{26,}|[a-z2-7]{26,}")
_RUN32_HEX = re.compile(rb"[0-9A-V]{26,}|[0-9a-v]{26,}")
_DIGITS_16 = b"0123456789abcdefABCDEF"
_DIGITS_32 = b"0123456789abcdefghijklmnopqrstuv"
_TO_32 = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz234567ABCDEFGHIJKLMNOPQRSTUVWXYZ", _DIGITS_32 + _DIGITS_32[:26])
# Alphabets of base 32 beside the usual two: of wallets (bech32), Crockford's, and z-base-32.
_OTHER_32 = tuple(
    bytes.maketrans(letters + letters.upper(), _DIGITS_32 + _DIGITS_32)
    for letters in (
        b"qpzry9x8gf2tvdw0s3jn54khce6mua7l", b"0123456789abcdefghjkmnpqrstvwxyz", b"ybndrfg8ejkmcpqxot1uwisza345h769"
    )
)  # fmt: skip
_RUN36 = re.compile(rb"[0-9a-z]{26,}|[0-9A-Z]{26,}")
_IN_32 = re.compile(rb"[0-9a-v]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LITERAL = re.compile(
    rb"0(?:[xX]([0-9a-fA-F_]{1,80})|[bB]([01_]{1,300})|[oO]([0-7_]{1,120}))(?:[uUiIlLnN]{1,3}(?:8|16|32|64)?)?(?![0-9A-Za-z])"
)
_BASES = ((16, 4), (2, 1), (8, 3))
_SMALL = 6
_BETWEEN = b"\xff\0\xff"
_ALL_BUT_DIGITS = bytes(each if each in b"0123456789" else 32 for each in range(256))
_BYTES = {form % value: bytes([value]) for value in range(256) for form in (b"%d", b"%02d", b"%03d")}
# A longer number is none of a key's parts, and to read one takes time that grows with its square.
_LONGEST_NUMBER = 320
_TEXT = Letters(b"\t\r\n" + bytes(range(32, 127)), 12)
_SHORTEST_32 = 26  # digits of base 32 of sixteen bytes; other codes but base64 need more
# Of each way to escape: what must be there, and what it writes: a byte in hexadecimal, octal or decimal digits.
_ESCAPES: tuple[tuple[bytes, re.Pattern[bytes]], ...] = (
    (
        b"\\",
        re.compile(
            rb"\\(?:(?:x|u00|u[dD][cC]|U000000)(?P<x>[0-9a-fA-F]{2})|u\{0*(?P<y>[0-9a-fA-F]{1,2})\}|(?P<o>[0-7]{1,3})"
            rb"|(?P<c>[abtnvfr\"'\\]))"
        ),
    ),
    (b"%", re.compile(rb"%(?P<x>[0-9a-fA-F]{2})")),
    (b"=", re.compile(rb"=(?:(?P<x>[0-9A-F]{2})|\r?\n)")),
    (b"&#", re.compile(rb"&#(?:[xX]0*(?P<x>[0-9a-fA-F]{1,2})|0*(?P<d>[0-9]{1,3}));?")),
)
_SHORT = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
# A line of uuencoded bytes: how many they are, four letters of each three, and a sum that some add.
_UUENCODED = re.compile(rb"\n([#-M][ -`]{12,61})(?=\r?\n)")
_FRACTION = re.compile(rb"-?[0-9]\.[0-9]+(?:[eE][-+][0-9]+)?")
_PLACES = re.compile(rb"\.[0-9]{3}")
_SCALES = ((1, 0), (255, 0), (256, 0), (127.5, 127.5), (128, 128))
_FEW, _GAP = 8, 32
_MARKS = 256
_DEFLATED = 8
_NEAR, _STEP, _LARGE_STEP = 1 << 10, 1 << 6, 1 << 16
_SILENT = 1 << 12
_MEMORY = 1 << 27
# The first bytes of zlib (as its library, PNG and Acrobat write them), gzip, bzip2, xz, lzma, Zstandard and zip.
# Two bytes are met by chance, and those of Acrobat in any program: these count where a document says what follows.
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_OF_DOCUMENTS = (b"stream\r\n", b"stream\n")
_COMPRESSED = (
    *((mark, 0, "zlib") for mark in _ZLIB),
    *((mark, len(mark), "zlib") for mark in _OF_DOCUMENTS),
    (b"\x1f\x8b\x08", 0, "gzip"),
    (b"BZh", 0, "bz2"),
    (b"\xfd7zXZ\0", 0, "xz"),
    (b"\x5d\0\0", 0, "lzma"),
    (b"\x28\xb5\x2f\xfd", 0, "zstd"),
    (b"PK\3\4", 0, "zip"),
    (b"7z\xbc\xaf\x27\x1c", 32, "lzma1"),
    (b"7z\xbc\xaf\x27\x1c", 32, "lzma2"),
)
# A 7z says at its end how it is packed: as it does unless it is told otherwise.
_RAW = {"lzma1": lzma.FILTER_LZMA1, "lzma2": lzma.FILTER_LZMA2}
_ZIP_HEAD = struct.Struct("<8xH16xHH")  # of a member: how it is packed, how long its name and its extra field are


class Budget:
    """How many bytes may still be unpacked of one file."""

    def __init__(self, left: int = MAX_BYTES) -> None:
        self.left = left

    def take(self, data: bytes) -> bytes:
        """Return what of some data is within the bounds."""
        data = data[: self.left]
        self.left -= len(data)
        return data


class Layer:
    """Some bytes, and what of them is text.

    Attributes:
        data: The bytes.
        dense: All of them but zeros, where there are such: of numbers of two, four or eight bytes each, the bytes.
        text: All of them where they are a text, else their runs of printing letters, those of two bytes each as well.
        runs: The long words of the text, without what stands between them: quotes, breaks, plus signs, comments.
        numbers: The decimal numbers of the text, in their order.
    """

    __slots__ = ("data", "dense", "numbers", "runs", "text")

    def __init__(self, data: bytes, *, inner: bool = False) -> None:
        self.data = data
        self.dense = data.replace(b"\0", b"") if 0 in data else b""
        if 0 not in data and (data.isascii() or not inner):
            self.text = data
        else:
            texts = [data[start:end] for start, end in _TEXT.runs(data)]
            if self.dense:
                texts += [self.dense[start:end] for start, end in _TEXT.runs(self.dense)]
            self.text = b"\n".join(texts)
        self.runs = [self.text[start:end] for start, end in _RUN.runs(self.text)]
        self.numbers = numbers_in(self.text)

    def inner(self, budget: Budget) -> Iterator[Layer]:
        """Yield what is encoded or compressed in it."""
        for data in self._decoded(budget):
            yield Layer(data, inner=True)

    def _decoded(self, budget: Budget) -> Iterator[bytes]:
        if self.runs:
            yield from _block_codes(self.runs)
        if self.text:
            yield from _numbers(self.text, self.numbers)
            yield from _fractions(self.text)
            yield from _escapes(self.text)
            yield from _uuencoded(self.text)
        if not self.data.isascii():
            text = _as_text(self.data)
            yield from _unpacked(self.data, budget) if text is None else _in_ascii(text)


def numbers_in(text: bytes) -> list[bytes]:
    """Return the decimal numbers of a text, in their order."""
    return text.translate(_ALL_BUT_DIGITS, b"_").split()


def as_bytes(numbers: Iterable[bytes]) -> bytes:
    """Return decimal numbers as bytes, with something between them where there are others."""
    return b"".join(map(_BYTES.get, numbers, itertools.repeat(_BETWEEN)))


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except ValueError:
        return None


def _in_ascii(text: str) -> Iterator[bytes]:
    """Yield the lines of a text in which letters of another width or style stand for those of ASCII, as these."""
    for line in text.splitlines():
        if not line.isascii():
            # In short parts: marks on a letter are sorted in the square of their number.
            parts = (line[at : at + _MARKS] for at in range(0, len(line), _MARKS))
            normal = "".join(unicodedata.normalize("NFKC", part) for part in parts).encode("ascii", "ignore")
            if len(normal) - len(line.encode("ascii", "ignore")) >= _FEW:
                yield normal


def _uuencoded(text: bytes) -> Iterator[bytes]:
    sized = [(line, 1 + (line[0] - 30) // 3 * 4) for line in _UUENCODED.findall(b"\n%b\n" % text)]
    lines = [line[:size] for line, size in sized if 0 <= len(line) - size <= 1]
    if lines:
        with contextlib.suppress(binascii.Error):
            yield b"".join(map(binascii.a2b_uu, lines))


def _fractions(text: bytes) -> Iterator[bytes]:
    """Yield numbers that were scaled, and those with exponents, as bytes."""
    if len(_PLACES.findall(text)) >= _FEW:
        numbers = [min(max(float(each), -1e9), 1e9) for each in _FRACTION.findall(text)]
        for scale, shift in _SCALES:
            yield bytes([min(max(round(each * scale + shift), 0), 255) for each in numbers])


def _block_codes(runs: list[bytes]) -> Iterator[bytes]:
    """Yield what long words are in base64 at each alignment, forwards and backwards, in base16, 32 and 58."""
    # Names are of small letters or of capitals; what encodes bytes has both. Each word begins a group of four letters.
    mixed = [run.translate(_STANDARD) for run in runs if not (run.islower() or run.isupper())]
    if mixed:
        decoded = []
        for words in (mixed, [word[::-1] for word in mixed]):
            joined = b"".join(word + b"A" * (-len(word) % 4) for word in words)
            decoded += [binascii.a2b_base64(joined[start : len(joined) - (4 - start) % 4]) for start in range(4)]
        yield _BETWEEN.join(decoded)
    short = b"\n".join(run for run in runs if len(run) >= _SHORTEST_32)
    decoded = [*map(_of_base16, _RUN16.findall(short)), *(from_base58(run.decode()) for run in _RUN58.findall(short))]
    alike = _RUN36.findall(short)  # letters of one case
    short = b"\n".join(alike)
    decoded += [data for run in _RUN32.findall(short) for data in _of_base32(run.translate(_TO_32))]
    # What has sixteen digits alone is a hash.
    decoded += [
        data for run in _RUN32_HEX.findall(short) if run.translate(None, _DIGITS_16) for data in _of_base32(run)
    ]
    for run in alike:
        # A wallet's form stands behind a name and the digit 1, which it does not have itself.
        if not run.isalpha() and run.translate(None, _DIGITS_16):
            for table, letters in zip(_OTHER_32, (run.rpartition(b"1")[2], run, run), strict=True):
                digits = letters.translate(table)
                if _IN_32.fullmatch(digits):
                    decoded += _of_base32(digits)
    if decoded:
        yield _BETWEEN.join(decoded)


def _of_base16(run: bytes) -> bytes:
    return binascii.unhexlify(run[: len(run) // 2 * 2])


def _of_base32(run: bytes) -> Iterator[bytes]:
    """Yield what digits of base 32 are, at whichever bit its bytes begin; of a long word, at its beginning."""
    number, size = int(run, 32), (len(run) * 5 + 7) // 8
    shifts = range(8) if len(run) < _NEAR else (len(run) * 5 % 8,)
    yield from ((number >> shift).to_bytes(size, "big") for shift in shifts)


def _numbers(text: bytes, decimal: list[bytes]) -> Iterator[bytes]:
    """Yield what numbers are as bytes, whatever their size and base: the first byte first, and last."""
    literals = [
        (int(digits.replace(b"_", b"") or b"0", base), len(digits) * bits // 8)
        for groups in _LITERAL.findall(text)
        for (base, bits), digits in zip(_BASES, groups, strict=True)
        if digits
    ]
    # What is no byte keeps those around it apart; the places of an object stand between its numbers.
    for numbers in (decimal, decimal[::2], decimal[1::2]):
        yield as_bytes(numbers)
    large = [(int(word), 0) for word in decimal if _SMALL < len(word) < _LONGEST_NUMBER]
    for found in (literals, large):
        if found:
            # A literal's digits tell how many bytes it has, but for single bytes without their zeros.
            pairs = [(value, max((value.bit_length() + 7) // 8, size, 1)) for value, size in found]
            yield _BETWEEN.join(
                (
                    b"".join(value.to_bytes(size, "big") for value, size in pairs),
                    b"".join(value.to_bytes(size, "little") for value, size in pairs),
                )
            )


def _escapes(text: bytes) -> Iterator[bytes]:
    """Yield the parts of a text in which many escapes stand close to each other, without these."""
    for mark, form in _ESCAPES:
        if text.count(mark) >= _FEW:
            parts = [form.sub(_unescaped, text[start:end]) for start, end in _close(form.finditer(text))]
            if parts:
                yield _BETWEEN.join(parts)


def _close(matches: Iterable[re.Match[bytes]]) -> Iterator[tuple[int, int]]:
    first = last = count = 0
    for match in matches:
        if count and match.start() - last <= _GAP:
            count += 1
        else:
            if count >= _FEW:
                yield max(0, first - _GAP), last + _GAP
            first, count = match.start(), 1
        last = match.end()
    if count >= _FEW:
        yield max(0, first - _GAP), last + _GAP


def _unescaped(match: re.Match[bytes]) -> bytes:
    for name, digits in match.groupdict().items():
        if digits is None:
            continue
        if name == "c":
            return _SHORT.get(digits, digits)
        value = int(digits, {"o": 8, "d": 10}.get(name, 16))
        return bytes([value]) if value < 256 else b" "
    return b""


def _unpacked(data: bytes, budget: Budget) -> Iterator[bytes]:
    """Yield what unpacks of some bytes, as far as it does: streams inside of pictures, documents, anything.

    It comes in pieces as a file does, so that what is looked through at once is as long whatever unpacks.
    """
    for mark, before, kind in _COMPRESSED:
        at = data.find(mark)
        while at >= 0 and budget.left > 0:
            yield from _in_pieces(_unpack(kind, memoryview(data)[at + before :], budget))
            at = data.find(mark, at + 1)


def _in_pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    held, new = b"", 0
    for part in parts:
        held, new = held + part, new + len(part)
        if new >= PIECE:
            yield held
            held, new = held[-OVERLAP:], 0
    if new:
        yield held


def _unpack(kind: str, data: memoryview, budget: Budget) -> Iterator[bytes]:
    """Yield what unpacks before the end, a damage or the limit, never much at once.

    A dictionary or window takes no more memory than was unpacked, whatever size its header announces.
    """
    if kind in ("zlib", "gzip"):
        return _inflated(zlib.decompressobj(31 if kind == "gzip" else 15), data, budget)
    if kind == "zip":
        method, *lengths = _ZIP_HEAD.unpack_from(bytes(data[: _ZIP_HEAD.size]).ljust(_ZIP_HEAD.size, b"\0"))
        if method != _DEFLATED:  # what is stored stands there as it is
            return iter(())
        return _inflated(zlib.decompressobj(-15), data[_ZIP_HEAD.size + sum(lengths) :], budget)
    reader: Any
    if kind == "zstd":
        reader, error = _zstd_reader()
        return _read(reader, data, budget, (*FAULTS, error))
    if kind in _RAW:
        reader = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": _RAW[kind], "dict_size": MAX_BYTES}])
    else:
        reader = bz2.BZ2Decompressor() if kind == "bz2" else lzma.LZMADecompressor(memlimit=_MEMORY)
    return _read(reader, data, budget, FAULTS)


def _read(reader: Any, data: memoryview, budget: Budget, damage: tuple[type[Exception], ...]) -> Iterator[bytes]:
    at, step = 0, 1  # what a step gives that meets a damage is lost
    while (at < len(data) or not reader.needs_input) and budget.left > 0 and not reader.eof:
        packed = data[at : at + step] if reader.needs_input else b""
        try:
            content = reader.decompress(packed, min(budget.left, PIECE))
        except damage:
            return
        yield budget.take(content)
        at += len(packed)
        step = 1 if at < _NEAR else _STEP if at < _LARGE_STEP else _LARGE_STEP


def _inflated(reader: Any, data: memoryview, budget: Budget) -> Iterator[bytes]:
    """Yield what deflate gives: steps double until one meets a damage, and what stands before that is found by halves.

    Where a gzip's name has no end nothing comes out, however much is read; a real one is short.
    """
    at, step, is_damaged, is_silent = 0, 1, False, True
    while step and at < len(data) and budget.left > 0 and not reader.eof and (at <= _SILENT or not is_silent):
        before = reader.copy()
        try:
            content = reader.decompress(data[at : at + step], min(budget.left, PIECE))
        except zlib.error:
            reader, is_damaged = before, True
        else:
            is_silent = is_silent and not content
            at = min(at + step, len(data)) - len(reader.unconsumed_tail)
            yield budget.take(content)
        step = step // 2 if is_damaged else min(step * 2, _LARGE_STEP)


def _zstd_reader() -> tuple[Any, type[Exception]]:
    from hatch_aleph.squashfs.codec import zstd_library

    zstd = zstd_library()
    longest = {zstd.DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1}
    return zstd.ZstdDecompressor(options=longest), zstd.ZstdError
