"""``python -m hatch_aleph.squashfs``: pack, list, unpack, verify."""

from __future__ import annotations

import argparse
import functools
import gc
import os
import sys

from .errors import SquashfsError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code, 1 after an error that is told in one line."""
    parsed = _parser().parse_args(arguments)
    try:
        parsed.run(parsed)
        sys.stdout.flush()
    except SquashfsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command line
        return 1
    except BrokenPipeError:  # whoever reads has seen enough: `list ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    # To know the terminal's width, argparse would import shutil, and that every compressor there is.
    form = functools.partial(argparse.HelpFormatter, width=100)
    prog = "python -m hatch_aleph.squashfs"
    parser = argparse.ArgumentParser(prog=prog, description="Squashfs images from Python.", formatter_class=form)
    commands = parser.add_subparsers(prog=prog, required=True, metavar="COMMAND")
    pack = commands.add_parser("pack", help="write a folder into an image", formatter_class=form)
    pack.add_argument("tree")
    pack.add_argument("image")
    pack.add_argument("--codec", default="zstd", help="zstd (default), gzip or xz")
    pack.add_argument("--level", type=int, help="the codec's own; by default 8 for zstd, 9 for gzip, 6 for xz")
    pack.add_argument("--block-size", type=int, default=131072, help="bytes, 4096 to 1048576 (default: 131072)")
    pack.add_argument("--workers", type=int, help="threads that compress (default: one for each processor)")
    pack.add_argument("--hard-links", action="store_true", help="keep names of one file as hard links")
    pack.add_argument("--sha256", action="store_true", help="print the digest of the image")
    pack.set_defaults(run=_pack)
    for name, run, text in (
        ("list", _list, "print what an image holds"),
        ("verify", _verify, "read all of an image and check it"),
    ):
        command = commands.add_parser(name, help=text, formatter_class=form)
        command.add_argument("image")
        command.set_defaults(run=run)
    unpack = commands.add_parser("unpack", help="write what it holds into a new or empty folder", formatter_class=form)
    unpack.add_argument("image")
    unpack.add_argument("folder")
    unpack.set_defaults(run=_unpack)
    return parser


def _pack(arguments: argparse.Namespace) -> None:
    from .options import Options
    from .walking import walk
    from .writer import write_image

    options = Options(
        codec=arguments.codec,
        level=arguments.level,
        block_size=arguments.block_size,
        time=_source_date_epoch(),
        workers=arguments.workers,
    )
    nodes = walk(arguments.tree, hardlinks=arguments.hard_links)
    summary = write_image(nodes, arguments.image, options, sha256=arguments.sha256)
    _say(f"{arguments.image}: {summary.files} files, {summary.content:,} bytes in {summary.size:,}")
    if arguments.sha256:
        _say(summary.sha256)


def _list(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from .reader import list_image

    letters = {"file": "-", "directory": "d", "symlink": "l", "hardlink": "h"}
    for member in list_image(Path(arguments.image)):
        target = f" -> {printable(member.target)}" if member.target is not None else ""
        _say(f"{letters[member.kind]} {member.mode:04o} {member.size:>12} {printable(member.path)}{target}")


def _unpack(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from .unpacking import unpack

    _say(f"{arguments.folder}: {unpack(Path(arguments.image), Path(arguments.folder))} names")


def _verify(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from .checking import verify

    report = verify(Path(arguments.image))
    _say(f"{arguments.image}: whole; {report.members} names, {report.content:,} bytes in {report.size:,}")


def _source_date_epoch() -> int:
    """Return the time that everything is to have, https://reproducible-builds.org/specs/source-date-epoch/."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    try:
        return int(text)
    except ValueError:
        raise SquashfsError(f"SOURCE_DATE_EPOCH is {text!r}, which is no number of seconds") from None


def _say(text: str) -> None:
    print(text)  # noqa: T201 - this is a command line


def _run() -> None:
    """Run as a process of its own, which ends so soon that clearing up would only cost time."""
    gc.disable()
    code = main()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _run()
