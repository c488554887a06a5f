"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import os

from .errors import SquashfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO


class Atomic:
    """A file beside ``final`` that moves there when the context ends well, and is removed when it does not.

    Raises:
        SquashfsError: It cannot be made or moved, or an ``OSError`` ended the context.
    """

    def __init__(self, final: str) -> None:
        folder, name = os.path.split(final)  # noqa: TID251 - without pathlib, see contents.py
        self._final = final
        self._part = os.path.join(folder, f".{name}.{os.getpid()}.part")  # noqa: TID251, PTH118 - likewise
        self._file: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        try:
            self._file = open(self._part, "w+b")  # noqa: PTH123 - likewise; closed by __exit__
        except OSError as error:
            raise self._told(error) from error
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None  # noqa: S101 - set by __enter__
        try:
            self._file.close()  # writes what is left: may find the disk full as well
            if error is None:
                os.replace(self._part, self._final)  # noqa: PTH105 - likewise
                return
        except OSError as late:
            error = error or late
        try:  # noqa: SIM105 - contextlib, too, costs its import
            os.unlink(self._part)  # noqa: PTH108 - likewise
        except OSError:
            pass
        if isinstance(error, OSError):
            raise self._told(error) from error

    def _told(self, error: OSError) -> SquashfsError:
        return SquashfsError(f"cannot be written: {error.strerror}", path=self._final)
