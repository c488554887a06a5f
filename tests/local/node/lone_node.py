"""Run a node alone, without a host beside it: ``python lone_node.py --port N --folder DIR``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from hatch_aleph.local.node import Node, application_of, serve_application


def main() -> None:
    """Serve until Ctrl-C; the node's URL is the first line of the output."""
    parser = argparse.ArgumentParser(description="An Aleph node for this machine.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    options = parser.parse_args()

    def say(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_application(application_of(Node(options.folder)), options.port, say))


if __name__ == "__main__":
    main()
