"""Uploads and downloads: streamed, bounded in memory, checked by hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from hatch_aleph.errors import ArtifactError, NetworkError, RejectedError
from hatch_aleph.files import atomic_file
from hatch_aleph.itemhash import FILE_HASH

from .answers import MessageStatus
from .fields import MalformedAnswerError, UnhelpfulNodeError, as_mapping
from .http import Timeouts
from .nodes import PATIENT_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .answers import Limits
    from .http import Reply
    from .messages import SignedMessage
    from .nodes import Nodes

# A node hashes, pins and counts a large file before it answers.
_SECONDS_TO_ANSWER = 600.0
_SECONDS_OF_STALL = 60.0
# The limit counts the whole request: the file, the signed message and the parts' headers.
_ENVELOPE = 256 * 1024
# A file whose size nobody has promised is cut here.
MAX_FILE = 4 * 1024**3
_SHA256_LENGTH = 64


class PaymentRequiredError(Exception):
    """A 402, which carries no figures; ``plain`` is what it says without them."""

    def __init__(self, plain: RejectedError) -> None:
        super().__init__(plain.message)
        self.plain = plain


def upload(nodes: Nodes, message: SignedMessage, file: Path, progress: Callable[[int], None] | None) -> MessageStatus:
    """Send a file and its STORE message; see :meth:`.client.NodeClient.upload`."""
    content = message.content
    metadata = json.dumps({"message": message.to_json(), "sync": False})
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ArtifactError(f"The file cannot be read: {error.strerror}", where=str(file)) from None
    with stream:
        parts = [
            ("metadata", (None, metadata, "application/json")),
            ("file", (file.name, Watched(stream, progress), "application/octet-stream")),
        ]
        return nodes.ask(
            "POST",
            f"/api/v0/{content['item_type']}/add_file",
            lambda reply: _judge(reply, message, file),
            rounds=PATIENT_ROUNDS,
            files=parts,
            timeout=Timeouts(read=_SECONDS_TO_ANSWER, write=_SECONDS_OF_STALL),
        )


def _judge(reply: Reply, message: SignedMessage, file: Path) -> MessageStatus:
    """Judge an upload by its HTTP status: the body says ``success`` even when the message was rejected."""
    if reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        if as_mapping(reply.json()).get("hash") != message.content["item_hash"]:
            raise MalformedAnswerError("it confirms another file")
        return MessageStatus.PROCESSED if reply.status == HTTPStatus.OK else MessageStatus.PENDING
    told = reply.json_or_none() if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY else None
    if isinstance(told, dict) and told.get("status") == "success":
        return MessageStatus.REJECTED
    raise _refusal(reply, message, file)


def _refusal(reply: Reply, message: SignedMessage, file: Path) -> Exception:
    if not reply.is_refusal:
        return reply.unhelpful()
    from .rejections import explain

    where = f"{reply.server}: {file.name}"
    if reply.status == HTTPStatus.PAYMENT_REQUIRED:
        by_credit = (message.content.get("payment") or {}).get("type") == "credit"
        code = 6 if by_credit else 5
        meaning = explain(code)
        return PaymentRequiredError(RejectedError(meaning.text, where=where, hint=meaning.hint, code=code))
    if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RejectedError(
            f"The file is too large for the node: {reply.text}",
            where=where,
            hint="Vendor fewer or smaller packages, or choose another `--node`.",
        )
    if reply.status == HTTPStatus.FORBIDDEN and "disabled" in reply.text:
        return RejectedError(
            f"The node does not take such files: {reply.text}", where=where, hint="Choose another `--node`."
        )
    if reply.status == HTTPStatus.FORBIDDEN:
        meaning = explain(1)
        return RejectedError(meaning.text, where=where, hint=meaning.hint, code=1)
    hint = None
    if "hash does not match" in reply.text:
        hint = "The file has changed since it was hashed and signed: build and deploy again."
    return RejectedError(f"The node refuses the file: HTTP {reply.status} {reply.text}", where=where, hint=hint)


def download(
    nodes: Nodes, file_hash: str, destination: Path, progress: Callable[[int], None] | None, size: int | None = None
) -> None:
    """Fetch a file; see :meth:`.client.NodeClient.download`."""
    limit = MAX_FILE if size is None else size
    HashCheck(file_hash)  # what is no hash is not asked for

    def consume(reply: Reply, pieces: Iterator[bytes], stream: BinaryIO) -> None:
        if reply.status == HTTPStatus.NOT_FOUND:
            raise UnhelpfulNodeError(f"has no file {file_hash}")
        if reply.status != HTTPStatus.OK:
            raise reply.unhelpful()
        check, arrived = HashCheck(file_hash), 0
        stream.seek(0)
        stream.truncate()
        for piece in pieces:
            arrived += len(piece)
            if arrived > limit:
                raise UnhelpfulNodeError(f"sends more than the {limit:,} bytes that the file {file_hash} has")
            check.update(piece)
            stream.write(piece)
            if progress:
                progress(arrived)
        if not check.holds():
            raise MalformedAnswerError("it sends other bytes than those of the hash")

    try:
        with atomic_file(destination, durable=True) as stream:
            nodes.fetch(f"/api/v0/storage/raw/{file_hash}", lambda reply, pieces: consume(reply, pieces, stream))
    except OSError as error:
        raise ArtifactError(f"The file cannot be written: {error.strerror}", where=str(destination)) from None


def choose_engine(size: int, limits: Limits) -> Literal["storage", "ipfs"]:
    """Return the engine that takes a file of this size on a node of these limits.

    Raises:
        RejectedError: No engine does.
    """
    if size + _ENVELOPE <= limits.storage:
        return "storage"
    if size <= limits.ipfs:
        return "ipfs"
    largest = max(limits.storage, limits.ipfs)
    raise RejectedError(
        f"The file has {size:,} bytes, the node takes at most {largest:,}",
        hint="Vendor fewer or smaller packages, split the data into several volumes, or choose another `--node`.",
    )


class HashCheck:
    """Tells whether bytes that arrive are those of a hash.

    Args:
        file_hash: sha256, hexadecimal, or a CID.

    Raises:
        NetworkError: It is neither.
    """

    def __init__(self, file_hash: str) -> None:
        self._expected = file_hash
        self._hasher = _hasher(file_hash)

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hasher.update(data)

    def holds(self) -> bool:
        """Tell whether all bytes together are the expected ones."""
        of_all = self._hasher.hexdigest if len(self._expected) == _SHA256_LENGTH else self._hasher.finalize
        return bool(of_all() == self._expected)


def _hasher(file_hash: str) -> Any:
    from hatch_aleph.cid import CidHasher

    if FILE_HASH.fullmatch(file_hash):
        with contextlib.suppress(ValueError):
            return hashlib.sha256() if len(file_hash) == _SHA256_LENGTH else CidHasher.for_expected(file_hash)
    raise NetworkError("That is no hash of a file: neither sha256 nor a CID", where=file_hash)


class Watched:
    """A file that is being read, which reports how far; the HTTP client reads it piece by piece.

    Retries read it anew: progress then starts again, so that it never claims more than was sent.
    """

    def __init__(self, stream: BinaryIO, progress: Callable[[int], None] | None) -> None:
        self._stream = stream
        self._progress = progress
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        """Read, and report how many bytes were read in all."""
        data = self._stream.read(size)
        self._sent += len(data)
        if self._progress and data:
            self._progress(self._sent)
        return data

    def fileno(self) -> int:
        """Return the descriptor, from which the client learns the size."""
        return self._stream.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as at the start of a request."""
        self._sent = self._stream.seek(offset, whence)
        return self._sent

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()
