"""A group of entries becomes stored bytes: blocks in the files' order, tails gathered in fragment blocks.

A group is packed by itself: equal content is stored once within it, and its last fragment block is closed with it. So
its bytes are the same wherever they come to lie, which is what makes segments exact.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

from .blocks import Packed, Piece, Source, Worker
from .contents import NOWHERE, Contents, FileData, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .entries import Entry
    from .pool import Job, Pool

PIECE = 1 << 20  # bytes of one job: small against memory, large against what a job costs
_MAX_FILES = 64  # in one job
_AHEAD = 3  # jobs under way for each thread


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


class Packer:
    """Packs one group.

    Args:
        pool: Threads whose state is a ``Worker`` for the same block size.
        sink: Where the bytes go.
        block_size: Bytes of a block.
        progress: Called with the number of bytes read since the last call.
    """

    def __init__(
        self, pool: Pool[Worker], sink: Sink, block_size: int, progress: Callable[[int], None] | None = None
    ) -> None:
        self._pool = pool
        self._sink = sink
        self._block_size = block_size
        self._progress = progress
        self._position = 0
        self._fragments: list[tuple[int, int]] = []
        self._waiting: deque[_Blocks | _Fragment] = deque()
        self._tails: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._open = bytearray()
        self._open_number = 0

    def pack(self, entries: Iterable[Entry], first: Sequence[str] = ()) -> Contents:
        """Store the content of the entries' files and return where it is.

        Args:
            entries: In any order: files are stored by path.
            first: Paths of files that are to lie before all others, in this order.

        Raises:
            SquashfsError: A file cannot be read, or changed meanwhile.
        """
        ordered = sorted(entries, key=_path)
        nodes = [Node(entry.path, entry.kind, entry.mode, entry.target) for entry in ordered]
        rank = {path: number for number, path in enumerate(first)}
        files = [(node, entry) for node, entry in zip(nodes, ordered, strict=True) if entry.kind == "file"]
        if rank:
            files.sort(key=lambda pair: rank.get(pair[0].path, len(rank)))
        sources = [Source.of(entry.path, entry.source) for _, entry in files]
        originals = self._originals(sources)
        datas = [FileData(source.size) for source in sources]
        for (node, _), original in zip(files, originals, strict=True):
            node.data = datas[original]
        self._store(sources, datas, {index for index, original in enumerate(originals) if index == original})
        return Contents(nodes, self._fragments, self._position)

    def _originals(self, sources: Sequence[Source]) -> list[int]:
        """Return for each file the first one with the same content; those below a block are left to their tails."""
        sizes = Counter(source.size for source in sources)
        jobs = {
            index: self._pool.submit(_digest(source))
            for index, source in enumerate(sources)
            if source.size >= self._block_size and sizes[source.size] > 1
        }
        known: dict[tuple[int, bytes], int] = {}
        return [
            known.setdefault((source.size, jobs[index].result()), index) if index in jobs else index
            for index, source in enumerate(sources)
        ]

    def _store(self, sources: Sequence[Source], datas: Sequence[FileData], chosen: set[int]) -> None:
        running: deque[Job[list[Packed]]] = deque()
        for pieces in _jobs(sources, chosen, max(PIECE, self._block_size)):
            if len(running) >= _AHEAD * self._pool.workers:
                self._take(running.popleft().result(), datas)
            running.append(self._pool.submit(_pack(pieces)))
        while running:
            self._take(running.popleft().result(), datas)
        if self._open:
            self._close_fragment()
        self._write(wait=True)

    def _take(self, packed: list[Packed], datas: Sequence[FileData]) -> None:
        """Place what a job brought; its blocks are written as soon as all that lies before them is."""
        for piece in packed:
            data = datas[piece.index]
            data.blocks += piece.sizes
            data.sparse += self._block_size * piece.sizes.count(0)
            if piece.stored:
                self._waiting.append(_Blocks(data, piece.stored))
            if piece.tail:
                self._place_tail(piece, data)
        if self._progress is not None:
            self._progress(sum(len(piece.tail) + self._block_size * len(piece.sizes) for piece in packed))
        self._write(wait=False)

    def _place_tail(self, piece: Packed, data: FileData) -> None:
        key = (len(piece.tail), piece.digest)
        place = self._tails.get(key)
        if place is None:
            if len(self._open) + len(piece.tail) > self._block_size:
                self._close_fragment()
            place = self._tails[key] = (self._open_number, len(self._open))
            self._open += piece.tail
        data.fragment, data.offset = place

    def _close_fragment(self) -> None:
        block = bytes(self._open)
        self._open.clear()
        self._open_number += 1
        self._waiting.append(_Fragment(self._pool.submit(lambda worker: worker.block(block))))

    def _write(self, *, wait: bool) -> None:
        """Write what is ready, in order; a thread that lags is waited for only when much waits for it."""
        while self._waiting:
            item = self._waiting[0]
            if isinstance(item, _Blocks):
                if item.data.start == NOWHERE:
                    item.data.start = self._position
                for block in item.stored:
                    self._sink.write(block)
                    self._position += len(block)
            elif wait or item.job.done or len(self._waiting) > _MAX_FILES:
                block, size = item.job.result()
                self._fragments.append((self._position, size))
                self._sink.write(block)
                self._position += len(block)
            else:
                return
            self._waiting.popleft()


class _Blocks:
    __slots__ = ("data", "stored")

    def __init__(self, data: FileData, stored: list[bytes]) -> None:
        self.data = data
        self.stored = stored


class _Fragment:
    __slots__ = ("job",)

    def __init__(self, job: Job[tuple[bytes, int]]) -> None:
        self.job = job


def _path(entry: Entry) -> str:
    return entry.path


def _digest(source: Source) -> Callable[[Worker], bytes]:
    return lambda worker: worker.digest(source)


def _pack(pieces: list[Piece]) -> Callable[[Worker], list[Packed]]:
    return lambda worker: worker.pack(pieces)


def _jobs(sources: Sequence[Source], chosen: set[int], piece_size: int) -> Iterator[list[Piece]]:
    """Cut the files into jobs of about ``piece_size`` bytes: many small files, or a piece of a large one."""
    pieces: list[Piece] = []
    total = 0
    for index, source in enumerate(sources):
        if index not in chosen:
            continue
        for start in range(0, source.size, piece_size):
            length = min(piece_size, source.size - start)
            if pieces and (total + length > piece_size or len(pieces) >= _MAX_FILES):
                yield pieces
                pieces, total = [], 0
            pieces.append(Piece(index, source, start, length))
            total += length
    if pieces:
        yield pieces
