"""Uploads and downloads: streamed, bounded in memory, checked by hash."""

from __future__ import annotations

import json
import os
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import ArtifactError, RejectedError
from hatch_aleph.text import without_credentials

from .answers import MessageStatus
from .files import Verifier, Watched
from .reading import MalformedAnswerError, UnhelpfulNodeError, as_mapping
from .rejections import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .messages import SignedMessage
    from .reply import Reply
    from .transport import Transport

# A node hashes, pins and counts a large file before it answers.
_SECONDS_TO_ANSWER = 600.0
_SECONDS_OF_STALL = 60.0
_UPLOAD_ROUNDS = 3


class PaymentRequiredError(Exception):
    """A 402, which carries no figures; ``plain`` is what it says without them."""

    def __init__(self, plain: RejectedError) -> None:
        super().__init__(plain.message)
        self.plain = plain


def upload(
    http: Transport, message: SignedMessage, file: Path, progress: Callable[[int], None] | None
) -> MessageStatus:
    """Send a file and its STORE message; see :meth:`.client.NodeClient.upload`."""
    import httpx

    content = message.content
    metadata = json.dumps({"message": message.to_json(), "sync": False})
    timeout = httpx.Timeout(connect=10, write=_SECONDS_OF_STALL, read=_SECONDS_TO_ANSWER, pool=10)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ArtifactError(f"The file cannot be read: {error.strerror}", where=str(file)) from None
    with stream:
        parts = [
            ("metadata", (None, metadata, "application/json")),
            ("file", (file.name, Watched(stream, progress), "application/octet-stream")),
        ]
        return http.ask(
            "POST",
            f"/api/v0/{content['item_type']}/add_file",
            lambda reply: _judge(reply, message, file),
            rounds=_UPLOAD_ROUNDS,
            files=parts,
            timeout=timeout,
        )


def _judge(reply: Reply, message: SignedMessage, file: Path) -> MessageStatus:
    """Judge an upload by its HTTP status: the body says ``success`` even when the message was rejected."""
    if reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        if as_mapping(reply.json()).get("hash") != message.content["item_hash"]:
            raise MalformedAnswerError("it confirms another file")
        return MessageStatus.PROCESSED if reply.status == HTTPStatus.OK else MessageStatus.PENDING
    if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY and _is_success(reply):
        return MessageStatus.REJECTED
    raise _refusal(reply, message, file)


def _is_success(reply: Reply) -> bool:
    try:
        return as_mapping(reply.json()).get("status") == "success"
    except MalformedAnswerError:
        return False


def _refusal(reply: Reply, message: SignedMessage, file: Path) -> Exception:
    if not reply.is_refusal:
        return reply.unhelpful()
    where = f"{without_credentials(reply.node)}: {file.name}"
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


def download(http: Transport, file_hash: str, destination: Path, progress: Callable[[int], None] | None) -> None:
    """Fetch a file; see :meth:`.client.NodeClient.download`."""

    def consume(reply: Reply, chunks: Iterator[bytes]) -> None:
        if reply.status == HTTPStatus.NOT_FOUND:
            raise UnhelpfulNodeError(f"has no file {file_hash}")
        if reply.status != HTTPStatus.OK:
            raise reply.unhelpful()
        verifier, arrived = Verifier(file_hash), 0
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        for chunk in chunks:
            verifier.update(chunk)
            _write_all(descriptor, chunk)
            arrived += len(chunk)
            if progress:
                progress(arrived)
        if not verifier.check():
            raise MalformedAnswerError("it sends other bytes than those of the hash")

    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    except OSError as error:
        raise ArtifactError(f"The file cannot be written: {error.strerror}", where=str(destination)) from None
    try:
        try:
            http.fetch(f"/api/v0/storage/raw/{file_hash}", consume)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        Path(name).replace(destination)
    except OSError as error:
        raise ArtifactError(f"The file cannot be written: {error.strerror}", where=str(destination)) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
