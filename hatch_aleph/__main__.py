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
    except ImportError as error:  # the base install is what a build of a wheel needs, and no more
        from hatch_aleph.errors import InstallationError

        incomplete = InstallationError.from_import(error)
        if incomplete is None:
            raise
        sys.stderr.write(f"Error: {incomplete.with_help}\n")
        return incomplete.exit_code
    withdraw_key()
    code = run(sys.argv[1:])
    gc.freeze()
    return code


if __name__ == "__main__":
    main()
