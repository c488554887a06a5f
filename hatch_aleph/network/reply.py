"""One answer of a node, and what its status means."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .reading import MalformedAnswerError, UnhelpfulNodeError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSALS = frozenset({400, 402, 403, 404, 410, 413, 422})


@dataclass(frozen=True)
class Reply:
    """A node's answer, read to its end.

    Attributes:
        node: Base URL of the node.
        status: HTTP status.
        headers: With keys in lower case.
        body: At most ``MAX_ANSWER`` bytes.
        started: When the request left, by the monotonic clock.
        ended: When the answer had arrived.
    """

    node: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    started: float = 0.0
    ended: float = 0.0

    @property
    def is_json(self) -> bool:
        """Whether the answer calls itself JSON."""
        return self.headers.get("content-type", "").startswith("application/json")

    @property
    def is_refusal(self) -> bool:
        """Whether the node itself says no: in plain text or JSON, unlike proxies and servers that are no nodes."""
        kind = self.headers.get("content-type", "").split(";")[0]
        return self.status in _REFUSALS and kind in ("text/plain", "application/json")

    @property
    def is_not_found(self) -> bool:
        """Whether the node itself does not know what was asked for."""
        return self.is_refusal and self.status == HTTPStatus.NOT_FOUND

    def expected_json(self) -> Any:
        """Return the JSON of an answer that must be there.

        Raises:
            MalformedAnswerError: It is not, or is no JSON.
        """
        if self.status != HTTPStatus.OK:
            raise self.unhelpful()
        return self.json()

    def unhelpful(self) -> UnhelpfulNodeError:
        """Return the error for a status that the API does not know here."""
        return UnhelpfulNodeError(f"answers HTTP {self.status} {self.text}".rstrip())

    @property
    def text(self) -> str:
        """The answer's text, fit for a terminal: nodes give their reasons as plain text."""
        return re.sub(r"^\d{3}: ", "", shown(self.body.decode("utf-8", "replace")))

    def json(self) -> Any:
        """Return the answer's JSON.

        Raises:
            MalformedAnswerError: It is none.
        """
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            raise MalformedAnswerError(f"HTTP {self.status} without JSON ({shown(kind)})") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
