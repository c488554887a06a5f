"""Who is told what a deployment is doing; silent unless somebody listens."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Is told of a deployment's steps: a progress bar, plain lines, JSON events."""

    def step(self, name: str, **facts: object) -> None:
        """A step begins, such as ``resume``, ``scan``, ``smoke``, ``upload``, ``publish``, ``wait``, ``health``."""

    def progress(self, name: str, done: int, total: int) -> None:
        """So many of a step's bytes went up."""

    def done(self, name: str, **facts: object) -> None:
        """A step has ended well."""


class Silent:
    """Tells nobody."""

    def step(self, name: str, **facts: object) -> None:
        """Say nothing."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Say nothing."""

    def done(self, name: str, **facts: object) -> None:
        """Say nothing."""
