"""What can go wrong with an image, in a class of its own: this package imports nothing of its surroundings."""

from __future__ import annotations


class SquashfsError(Exception):
    """An image cannot be written or read.

    Args:
        message: What is wrong, one sentence without a trailing full stop.
        path: The file on disk, or the path inside the image, that it is about.
        hint: The next step that mends it.
    """

    def __init__(self, message: str, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        text = f"{printable(self.path)}: {self.message}" if self.path is not None else self.message
        return f"{text} ({self.hint})" if self.hint else text


# Spaces that Python counts as not printable; terminals obey none of them.
_SPACES = "\u00a0\u202f\u3000"


def printable(text: str, *, keep: str = "") -> str:
    """Return ``text`` so that no terminal obeys it: bytes that are no text and control characters stand escaped.

    Args:
        text: What somebody else wrote.
        keep: Control characters to leave as they are, such as line feeds.
    """
    if text.isprintable():
        return text
    try:  # noqa: SIM105 - importing contextlib costs a start what a hundred files do
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a half of a letter, as JSON can write it, is no byte
        pass
    kept = keep + _SPACES
    return "".join(letter if letter.isprintable() or letter in kept else ascii(letter)[1:-1] for letter in text)
