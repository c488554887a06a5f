"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextmanager
def atomic(final: str) -> Iterator[BinaryIO]:
    """Open a file beside ``final`` and move it there when the block ends well; else remove it.

    Raises:
        SquashfsError: It cannot be made or moved, or writing to it failed.
    """
    folder, name = os.path.split(final)  # noqa: TID251 - without pathlib, see contents.py
    part = os.path.join(folder, f".{name}.{os.getpid()}.part")  # noqa: TID251, PTH118 - likewise
    try:
        with open(part, "w+b") as file:  # noqa: PTH123 - likewise
            yield file
        os.replace(part, final)  # noqa: PTH105 - likewise
    except BaseException as error:
        with suppress(OSError):
            os.unlink(part)  # noqa: PTH108 - likewise
        if isinstance(error, OSError):
            raise SquashfsError(f"cannot be written: {error.strerror}", path=final) from error
        raise
