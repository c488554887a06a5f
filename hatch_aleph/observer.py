"""Whoever is told how far long work is: a line that moves on a terminal, plain lines in a pipe, JSON events."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Receives the steps of a build or a deployment, possibly from several threads; several may run at once."""

    def step(self, name: str, **facts: object) -> None:
        """A step begins, such as ``resolve``, ``fetch``, ``pack``, ``upload``, ``publish``, ``wait``, ``health``."""

    def progress(self, name: str, done: int, total: int) -> None:
        """So much of a step is done: bytes of ``fetch`` and ``upload``, files of ``pack``."""

    def heard(self, name: str, text: str) -> None:
        """A step that waits has seen this last: an answer, a reason."""

    def done(self, name: str, **facts: object) -> None:
        """A step has ended well."""


class Silent:
    """Tells nobody."""

    def step(self, name: str, **facts: object) -> None:
        """Say nothing."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Say nothing."""

    def heard(self, name: str, text: str) -> None:
        """Say nothing."""

    def done(self, name: str, **facts: object) -> None:
        """Say nothing."""
