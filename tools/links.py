"""Check the links of the built documentation: `links.py SITE [LINKCHECK_OUTPUT]`.

Within the site every page, picture and anchor must exist. Of links to elsewhere, as Sphinx's link check has noted them
in output.json, none may be broken; what no network reaches is counted and named, for it was not checked.
"""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_UNREACHABLE = (
    "NameResolutionError",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ProxyError",
    "Network is unreachable",
)


class _Page(HTMLParser):
    """Collects what a page links to and what it can be linked to at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.anchors.add(value or "")
            elif name in ("href", "src", "data") and value:
                self.links.append(value)


def broken_inside(site: Path) -> list[str]:
    """Return each link of a site's pages that leads to no file, or to no anchor, of it."""
    pages = {path: _Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            missing = parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            if missing or not target.exists():
                broken.append(f"{path.relative_to(site)}: {link}")
    return broken


def broken_outside(output: Path) -> tuple[list[str], list[str]]:
    """Return the links that Sphinx found broken, and those that could not be tried."""
    broken, unreachable = [], []
    for line in output.read_text("utf-8").splitlines():
        link = json.loads(line)
        if link["status"] in ("broken", "timeout"):
            tried = not any(cause in link["info"] for cause in _UNREACHABLE)
            (broken if tried else unreachable).append(f"{link['filename']}:{link['lineno']}: {link['uri']}")
    return broken, unreachable


def main() -> int:
    """Tell what is broken."""
    broken = broken_inside(Path(sys.argv[1]).resolve())
    unreachable: list[str] = []
    if len(sys.argv) > 2:  # noqa: PLR2004 - the second is optional
        outside, unreachable = broken_outside(Path(sys.argv[2]))
        broken += outside
    if unreachable:
        print(
            f"Not checked, for the network does not reach them ({len(unreachable)}):", *sorted(unreachable), sep="\n  "
        )
    print("\n".join(["Broken:", *broken]) if broken else "No link that was checked is broken.")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
