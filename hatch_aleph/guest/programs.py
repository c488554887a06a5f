"""What the adapter can run: one small protocol, and the program that only says why it does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .request_cycle import RequestCycle


class Program(Protocol):
    """An app behind one calling convention."""

    async def start(self) -> None:
        """Run the app's start-up; raise if it fails."""

    async def stop(self) -> None:
        """Run the app's shutdown."""

    async def answer(self, cycle: RequestCycle) -> None:
        """Answer one HTTP request; may go on after the answer is complete."""

    async def event(self, body: Any) -> Any:
        """Take one message that the program is subscribed to; None if the app does not know such events."""


class Unavailable:
    """Answers every request with 503 and the reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def start(self) -> None:
        """Do nothing: there is no app."""

    async def stop(self) -> None:
        """Do nothing: there is no app."""

    async def answer(self, cycle: RequestCycle) -> None:
        """Answer 503 and ask to come back."""
        cycle.refuse(503, self._reason, [(b"retry-after", b"10")])

    async def event(self, body: Any) -> Any:  # noqa: ARG002 - the protocol's
        """Tell the reason."""
        return {"type": "aleph.message.response", "error": self._reason}
