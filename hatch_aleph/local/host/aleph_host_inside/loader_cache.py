"""The dynamic loader's cache of libraries, ``/etc/ld.so.cache``: a list without those that are not there.

Source: ``sysdeps/generic/dl-cache.h`` in glibc, whose format 1.1 all versions since 2.2 read.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MAGIC = b"glibc-ld.so.cache1.1"
_COUNT = struct.Struct("=I")
_HEADER_BYTES = 48
_ENTRY = struct.Struct("=iIIIQ")  # flags, name, path, OS version, capabilities; texts by their offset


def without_missing(cache: bytes, is_there: Callable[[bytes], bool]) -> bytes:
    """Return a cache without the libraries whose file is missing; as it is where it cannot be read.

    The order, which the loader searches by, stays, as do the texts: only the entries before them become fewer.

    Args:
        cache: The file's content.
        is_there: Tells whether there is a file at a path.
    """
    start = cache.find(_MAGIC)  # behind the list of another format, before glibc 2.32
    if start < 0:
        return cache
    whole = cache[start:]
    kept = []
    try:
        (count,) = _COUNT.unpack_from(whole, len(_MAGIC))
        entries = whole[_HEADER_BYTES : _HEADER_BYTES + count * _ENTRY.size]
        for fields in _ENTRY.iter_unpack(entries):
            path = whole[fields[2] : whole.index(b"\0", fields[2])]
            if is_there(path):
                kept.append(_ENTRY.pack(*fields))
    except (struct.error, ValueError):  # cut off or damaged, which the loader passes over as well
        return cache
    header = _MAGIC + _COUNT.pack(len(kept)) + whole[len(_MAGIC) + _COUNT.size : _HEADER_BYTES]
    fewer = b"".join(kept).ljust(len(entries), b"\0")  # what lies behind is found by its place in the file
    return cache[:start] + header + fewer + whole[_HEADER_BYTES + len(entries) :]
