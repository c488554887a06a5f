"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SquashfsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextmanager
def atomic(final: Path) -> Iterator[BinaryIO]:
    """Open a file beside ``final`` and move it there when the block ends well; else remove it.

    Raises:
        SquashfsError: It cannot be made or moved, or writing to it failed.
    """
    final = Path(final)
    part = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        with part.open("w+b") as file:
            yield file
        part.replace(final)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SquashfsError(f"cannot be written: {error.strerror}", path=str(final)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
