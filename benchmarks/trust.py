"""What it costs to believe messages: a list of 5,000 programs, shown and verified, from a node on this machine.

Run it with ``python benchmarks/trust.py``; the ratio of the two counts, not the seconds.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))

from hatch_aleph.network.client import NodeClient
from tests.signing import Signer

COUNT, PAGE, RUNS = 5000, 200, 3


def make_handler(messages: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            body = json.dumps({"messages": messages[(page - 1) * PAGE : page * PAGE]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


def main() -> None:
    owner = Signer(7)
    content = {"code": {"ref": "ab" * 32}, "metadata": {"name": "x", "tags": ["t"]}, "variables": {"A": "b" * 500}}
    messages = [owner.message("PROGRAM", {**content, "time": float(COUNT - n)}) for n in range(COUNT)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(messages))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    best = {}
    with NodeClient([f"http://127.0.0.1:{server.server_port}"]) as client:
        for verify in (False, True) * RUNS:
            began = time.perf_counter()
            found = list(client.messages(types=("PROGRAM",), owners=(owner.address,), verify=verify))
            assert len(found) == COUNT
            best[verify] = min(best.get(verify, 1e9), time.perf_counter() - began)
    server.shutdown()
    print(f"{COUNT} programs: shown {best[False]:.2f} s, verified {best[True]:.2f} s")
    print(f"verifying: {(best[True] - best[False]) / COUNT * 1000:.2f} ms a message, x{best[True] / best[False]:.1f}")


if __name__ == "__main__":
    main()
