"""A group of files becomes stored bytes: blocks in the files' order, tails gathered in fragment blocks.

A group is packed by itself: equal content is stored once within it, and its last fragment block is closed with it. So
its bytes are the same wherever they come to lie, which is what makes segments exact.
"""

from __future__ import annotations

from collections import Counter, deque
from operator import attrgetter

from .contents import NOWHERE, Contents, FileData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .blocks import Packed, Piece, Worker
    from .contents import Node
    from .pool import Job, Pool

BUFFER = 1 << 17  # bytes read at a time: what a processor's own cache holds
_PIECE = 1 << 19  # bytes of one job: large against what opening a file and handing over a result cost
_MAX_FILES = 64  # in one job
_AHEAD = 3  # jobs under way for each thread

_by_path = attrgetter("path")


class Packer:
    """Packs one group.

    Args:
        pool: Threads that work with the same block size.
        write: Takes the bytes, one piece after the other.
        block_size: Bytes of a block.
    """

    def __init__(self, pool: Pool, write: Callable[[bytes], object], block_size: int) -> None:
        self._pool = pool
        self._put = write
        self._block_size = block_size
        self._position = 0
        self._fragments: list[tuple[int, int]] = []
        self._waiting: deque[tuple[FileData, list[bytes]] | Job] = deque()
        self._tails: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._open: list[bytes] = []
        self._open_size = 0
        self._open_number = 0

    def pack(
        self,
        nodes: Iterable[Node],
        first: Sequence[str] = (),
        meanwhile: Callable[[Sequence[Node]], None] | None = None,
    ) -> Contents:
        """Store the content of the files among the nodes and return where it is.

        Args:
            nodes: In any order: files are stored by path.
            first: Paths of files that are to lie before all others, in this order.
            meanwhile: Called once, when the threads have enough to do; positions are not known yet.

        Raises:
            SquashfsError: A file cannot be read, or changed meanwhile.
        """
        ordered = sorted(nodes, key=_by_path)
        files = [node for node in ordered if node.kind == "file"]
        if first:
            rank = {path: number for number, path in enumerate(first)}
            files.sort(key=lambda node: rank.get(node.path, len(rank)))
        running: deque[Job] = deque()
        for job in self._jobs(self._distinct(files)):
            running.append(job)
            if len(running) > _AHEAD * self._pool.workers:
                if meanwhile is not None:
                    meanwhile(ordered)
                    meanwhile = None
                self._take(running.popleft().result(), files)
        if meanwhile is not None:
            meanwhile(ordered)
        while running:
            self._take(running.popleft().result(), files)
        if self._open:
            self._close_fragment()
        self._write(wait=True)
        return Contents(ordered, self._fragments, self._position)

    def _distinct(self, files: Sequence[Node]) -> Iterator[tuple[int, Node]]:
        """Give each file its data and yield those whose content did not come before.

        Files below a block are left to their tails, which are told apart by themselves.
        """
        sizes = Counter(node.size for node in files)
        jobs = {
            index: self._pool.submit(_digest(node))
            for index, node in enumerate(files)
            if node.size >= self._block_size and sizes[node.size] > 1
        }
        known: dict[tuple[int, bytes], FileData] = {}
        for index, node in enumerate(files):
            if index in jobs:
                key = (node.size, jobs[index].result())
                if key in known:
                    node.data = known[key]
                    continue
                known[key] = node.data = FileData(node.size)
            else:
                node.data = FileData(node.size)
            yield index, node

    def _jobs(self, files: Iterable[tuple[int, Node]]) -> Iterator[Job]:
        """Cut files into jobs of about one piece: many small files, or a part of a large one."""
        limit = max(_PIECE, self._block_size)
        distinct = list(files)
        tails = Counter(node.size % self._block_size for _, node in distinct)
        pieces: list[Piece] = []
        total = 0
        for index, node in distinct:
            twins = tails[node.size % self._block_size] > 1
            for start in range(0, node.size, limit):
                length = min(limit, node.size - start)
                if pieces and (total + length > limit or len(pieces) >= _MAX_FILES):
                    yield self._pool.submit(_pack(pieces))
                    pieces, total = [], 0
                pieces.append((node, index, start, length, twins and start + length == node.size))
                total += length
        if pieces:
            yield self._pool.submit(_pack(pieces))

    def _take(self, packed: list[Packed], files: Sequence[Node]) -> None:
        """Place what a job brought; its blocks are written as soon as all that lies before them is."""
        for index, stored, sizes, tail, digest in packed:
            data = files[index].data
            assert data is not None  # noqa: S101 - set by _distinct
            if sizes:
                data.blocks += sizes
                data.sparse += self._block_size * sizes.count(0)
                if stored:
                    self._waiting.append((data, stored))
            if tail:
                self._place_tail(data, tail, digest)
        self._write(wait=False)

    def _place_tail(self, data: FileData, tail: bytes, digest: bytes) -> None:
        key = (len(tail), digest)
        place = self._tails.get(key) if digest else None
        if place is None:
            if self._open_size + len(tail) > self._block_size:
                self._close_fragment()
            place = (self._open_number, self._open_size)
            self._open.append(tail)
            self._open_size += len(tail)
            if digest:
                self._tails[key] = place
        data.fragment, data.offset = place

    def _close_fragment(self) -> None:
        block = b"".join(self._open)
        self._open.clear()
        self._open_size = 0
        self._open_number += 1
        self._waiting.append(self._pool.submit(lambda worker: worker.block(block)))

    def _write(self, *, wait: bool) -> None:
        """Write what is ready, in order; a thread that lags is waited for only when much waits for it."""
        while self._waiting:
            item = self._waiting[0]
            if isinstance(item, tuple):
                data, stored = item
                if data.start == NOWHERE:
                    data.start = self._position
                for block in stored:
                    self._put(block)
                    self._position += len(block)
            elif wait or item.done or len(self._waiting) > _MAX_FILES:
                block, size = item.result()
                self._fragments.append((self._position, size))
                self._put(block)
                self._position += len(block)
            else:
                return
            self._waiting.popleft()


def _digest(node: Node) -> Callable[[Worker], bytes]:
    return lambda worker: worker.digest(node)


def _pack(pieces: list[Piece]) -> Callable[[Worker], list[Packed]]:
    return lambda worker: worker.pack(pieces)
