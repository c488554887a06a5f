"""Folders made once and kept in the cache: unpacked images, and the modules that the runtime has.

In the runtime these stand in ``/opt/aleph/libs`` and win over what a program vendors, those that its init has loaded
and FastAPI; setuptools is Debian's (``runtimes/aleph-debian-12-python/create_disk_image.sh`` in aleph-im/aleph-vm:
Debian's msgpack, and the aiohttp that aleph-sdk-python 2.0.5 pulled in when the image was made). Their versions float
with the image; the ones here are fixed, with their hashes, so that two machines show the same.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import GuestError
from hatch_aleph.files import atomic_folder, sha256_of
from hatch_aleph.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PINNED = Path(__file__).with_name("guest_modules.txt")


def preloaded_modules(python: Path, version: str, cache: Path) -> Path:
    """Return the folder with the preloaded modules for one interpreter, installing them when it is not there.

    Raises:
        GuestError: They cannot be installed, for instance without a network on the first use.
    """
    options = ("--only-binary", ":all:", "--require-hashes", "--requirements", str(_PINNED))
    return install_once(python, preloaded_folder(version, cache), (), options=options)


def preloaded_folder(version: str, cache: Path) -> Path:
    """Return where the preloaded modules for a Python minor version lie once they are installed."""
    key = hashlib.sha256(f"{version}\n{_PINNED.read_text('utf-8')}".encode()).hexdigest()[:16]
    return cache / "guest-libs" / f"{version}-{key}"


def install_once(
    python: Path,
    folder: Path,
    requirements: Sequence[str],
    *,
    options: Sequence[str] = (),
    own_files: Mapping[str, str] | None = None,
) -> Path:
    """Return a folder with exactly these requirements, without what they depend on; installed when it is not there.

    Args:
        python: The interpreter that will import them.
        folder: Where they go; its name must tell what they are.
        requirements: As uv takes them.
        options: Further options of ``uv pip install``.
        own_files: Texts to write beside them, by path.

    Raises:
        GuestError: They cannot be installed.
    """
    if folder.is_dir():
        return folder
    with atomic_folder(folder) as unfinished:
        _install(python, unfinished, requirements, options)
        for path, text in (own_files or {}).items():
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / path).write_text(text, "utf-8")
    return folder


def unpacked(image: Path, cache: Path) -> Path:
    """Return the folder with an image's tree, unpacking it when the cache has none of its hash.

    Raises:
        GuestError: The file is not there or is no image.
    """
    from hatch_aleph.squashfs import SquashfsError, unpack

    if not image.is_file():
        raise GuestError("The image is not there.", where=str(image))
    folder = cache / "trees" / sha256_of(image)
    if not folder.is_dir():
        with atomic_folder(folder) as unfinished:
            try:
                unpack(image, unfinished)
            except SquashfsError as error:
                raise GuestError(f"The image cannot be unpacked: {error}", where=str(image)) from error
    return folder


def _install(python: Path, folder: Path, requirements: Sequence[str], options: Sequence[str]) -> None:
    uv = Uv(folder.parent, interpreter=python)
    outcome = uv.run(["pip", "install", "--no-deps", *options, *uv.python, "--target", str(folder), *requirements])
    if outcome.code:
        raise GuestError(
            f"What programs need here cannot be installed: {outcome.reason}",
            where="local host",
            hint="The first run of a program on this machine needs the package index.",
        )
    compile_command = [str(python), "-OO", "-m", "compileall", "-q", str(folder)]
    subprocess.run(compile_command, capture_output=True, check=False)
