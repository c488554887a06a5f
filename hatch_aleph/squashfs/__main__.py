"""``python -m hatch_aleph.squashfs``: pack, list, unpack, verify."""

from __future__ import annotations

import gc
import os
import sys

from .errors import SquashfsError, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


USAGE = """\
usage: python -m hatch_aleph.squashfs COMMAND

Squashfs images from Python.

  pack TREE IMAGE       write a folder into an image
    --codec NAME        zstd (default), gzip or xz
    --level N           the codec's own; by default 6 for zstd, 9 for gzip, 6 for xz
    --block-size BYTES  4096 to 1048576 (default: 131072)
    --workers N         threads that compress (default: one for each processor)
    --hard-links        keep names of one file as hard links
    --sha256            print the digest of the image
  list IMAGE            print what an image holds
  unpack IMAGE FOLDER   write what it holds into a new or empty folder
  verify IMAGE          read all of an image and check it
"""
_PACK_VALUES: dict[str, Callable[[str], Any]] = {"codec": str, "level": int, "block_size": int, "workers": int}
_PACK_FLAGS = {"hard_links", "sha256"}


class _Misuse(Exception):  # noqa: N818 - a message for whoever types, like argparse's
    """The command line is not one of those in ``USAGE``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code, 1 after an error that is told in one line, 2 for a wrong command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if not given or {"-h", "--help"}.intersection(given):
            _say(USAGE[:-1])
            return 0 if given else 2
        _command(*given)
        sys.stdout.flush()
    except _Misuse as error:
        print(f"error: {error}\n\n{USAGE[:-1]}", file=sys.stderr)  # noqa: T201 - this is a command line
        return 2
    except SquashfsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command line
        return 1
    except BrokenPipeError:  # whoever reads has seen enough: `list ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _command(name: str, *given: str) -> None:
    """Run a command by its name; without argparse, which was a quarter of a start: 30 of 117 million instructions."""
    commands: dict[str, tuple[Callable[..., None], int]] = {
        "pack": (_pack, 2), "list": (_list, 1), "unpack": (_unpack, 2), "verify": (_verify, 1),
    }  # fmt: skip
    if name not in commands:
        raise _Misuse(f"there is no command {name!r}")
    run, count = commands[name]
    paths, options = _parse(given, has_options=run is _pack)
    if len(paths) != count:
        raise _Misuse(f"{name} takes {count} path{'s' * (count > 1)}, not {len(paths)}")
    run(*paths, **options)


def _parse(given: Sequence[str], *, has_options: bool) -> tuple[list[str], dict[str, Any]]:
    paths: list[str] = []
    options: dict[str, Any] = {}
    rest = iter(given)
    for word in rest:
        if not word.startswith("-"):
            paths.append(word)
            continue
        if word == "--":  # what follows are paths, whatever they begin with
            paths += rest
            break
        option, equals, value = word.partition("=")
        name = option[2:].replace("-", "_")
        if has_options and name in _PACK_FLAGS and not equals:
            options[name] = True
        elif has_options and name in _PACK_VALUES:
            try:
                options[name] = _PACK_VALUES[name](value if equals else next(rest))
            except (StopIteration, ValueError):
                raise _Misuse(f"{option} needs a value, as below") from None
        else:
            raise _Misuse(f"there is no option {option} here")
    return paths, options


def _pack(tree: str, image: str, *, hard_links: bool = False, sha256: bool = False, **options: Any) -> None:
    from .options import Options
    from .walking import walk
    from .writer import write_image

    nodes = walk(tree, hardlinks=hard_links)
    summary = write_image(nodes, image, Options(time=_source_date_epoch(), **options), sha256=sha256)
    _say(f"{image}: {summary.files} files, {summary.content:,} bytes in {summary.size:,}")
    if sha256:
        _say(summary.sha256)


def _list(image: str) -> None:
    from pathlib import Path

    from .reader import list_image

    letters = {"file": "-", "directory": "d", "symlink": "l", "hardlink": "h"}
    for member in list_image(Path(image)):
        target = f" -> {printable(member.target)}" if member.target is not None else ""
        _say(f"{letters[member.kind]} {member.mode:04o} {member.size:>12} {printable(member.path)}{target}")


def _unpack(image: str, folder: str) -> None:
    from pathlib import Path

    from .unpacking import unpack

    _say(f"{folder}: {unpack(Path(image), Path(folder))} names")


def _verify(image: str) -> None:
    from pathlib import Path

    from .checking import verify

    report = verify(Path(image))
    _say(f"{image}: whole; {report.members} names, {report.content:,} bytes in {report.size:,}")


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
