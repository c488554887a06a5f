"""Why a message is not processed: the network's error codes and the shape of their details.

Codes and the split into *rejected for good* and *tried again* are those of aleph-im/pyaleph,
``src/aleph/types/message_status.py``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """The network's error codes of rejected messages."""

    INTERNAL_ERROR = -1
    INVALID_FORMAT = 0
    INVALID_SIGNATURE = 1
    PERMISSION_DENIED = 2
    CONTENT_UNAVAILABLE = 3
    FILE_UNAVAILABLE = 4
    BALANCE_INSUFFICIENT = 5
    CREDIT_INSUFFICIENT = 6
    POST_AMEND_TARGET_NOT_FOUND = 101
    POST_AMEND_AMEND = 102
    STORE_REF_NOT_FOUND = 200
    STORE_UPDATE_UPDATE = 201
    INVALID_PAYMENT_METHOD = 202
    VM_REF_NOT_FOUND = 300
    VM_VOLUME_NOT_FOUND = 301
    VM_AMEND_NOT_ALLOWED = 302
    VM_VOLUME_TOO_SMALL = 304
    FORGET_NO_TARGET = 500
    FORGET_TARGET_NOT_FOUND = 501
    FORGET_FORGET = 502
    FORGET_NOT_ALLOWED = 503


class NotProcessedError(Exception):
    """A message cannot be processed; subclasses say whether it ever will."""

    def __init__(self, code: Code, *errors: Any) -> None:
        super().__init__(code.name, *errors)
        self.code = code
        self.errors = errors

    @property
    def details(self) -> dict[str, Any] | None:
        """What a rejected message's ``details`` says: ``{"errors": [...]}``, or null."""
        return {"errors": list(self.errors)} if self.errors else None


class RejectedMessageError(NotProcessedError):
    """The message is wrong and stays so."""


class RetryMessageError(NotProcessedError):
    """Something the message needs is not there yet: it is tried again, then rejected with this code."""


class MalformedMessageError(Exception):
    """The request holds no message at all: refused by HTTP 422, nothing is kept."""
