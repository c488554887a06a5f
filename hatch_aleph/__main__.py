"""``hatch-aleph`` and ``python -m hatch_aleph``."""

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Looking for garbage among what a command imports, and again when it ends, takes a tenth of a small build.
    gc.set_threshold(10_000)

    from hatch_aleph.cli import run

    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
