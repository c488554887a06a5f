"""``hatch-aleph`` and ``python -m hatch_aleph``."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        code = _told_at_once() if sys.argv[1:] in (["--help"], ["-h"], ["--version"]) else _command()
    except OSError as error:  # not even an error can be written: the disk behind standard output is full, say
        sys.exit(f"Error: The output cannot be written: {error.strerror}")
    sys.exit(code)


def _told_at_once() -> int:
    """Answer without click, whose import takes longer than all the rest, and which the base install does not have."""
    from hatch_aleph.commands import overview, version

    sys.stdout.write(f"{version() if sys.argv[1] == '--version' else overview()}\n")
    sys.stdout.flush()
    return 0


def _command() -> int:
    import gc

    # Looking for garbage among what a command imports, and again when it ends, takes a tenth of a small build.
    gc.set_threshold(50_000)
    try:
        from hatch_aleph.cli import run
        from hatch_aleph.environment import withdraw_key
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __package__:
            raise
        from hatch_aleph.installation import requirement

        # The base install is what a build of a wheel needs, and no more.
        sys.exit(
            f"Error: The command line needs {error.name}, which is not installed.\n"
            f"Install `{requirement('[deploy]')}`, or with [cli] in place of [deploy] to build without a network."
        )
    withdraw_key()
    code = run(sys.argv[1:])
    gc.freeze()
    return code


if __name__ == "__main__":
    main()
