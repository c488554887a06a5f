"""Look at the built documentation as readers do, in `nox -s site`: `look_at_site.py SITE [--pictures FOLDER]`.

Every page is opened in Chromium at 1280 and 390 pixels: nothing may be wider than the window, no picture may miss,
and code blocks must have their button. A search for a guide's subject must show that guide first.
"""

from __future__ import annotations

import argparse
import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WIDTHS = (1280, 390)
SEARCHES = {
    "django": "guides/django.html",
    "flask": "guides/flask.html",
    "fastapi": "guides/fastapi.html",
    "worker": "guides/worker.html",
    "rollback": "guides/rollback.html",
    "cost": "guides/cost.html",
    "subscribed messages": "guides/messages.html",
    "model": "guides/models.html",
    "domain": "guides/domains.html",
    "gitlab": "guides/ci.html",
    "private index": "guides/private-indexes.html",
    "debug": "guides/not-starting.html",
}
_LOOK = """
// Not innerWidth: it counts the scrollbar, and grows with what is too wide on a telephone.
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const missing = [...document.images].filter(each => !each.complete || !each.naturalWidth).map(each => each.src);
const blocks = document.querySelectorAll('article div.highlight pre').length;
return [wide, missing, blocks, document.querySelectorAll('button.copybtn').length];
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def main() -> int:
    """Look at each page, then search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    handler = functools.partial(_Quiet, directory=str(arguments.site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = _browser()
    try:
        problems = list(
            _problems(browser, f"http://127.0.0.1:{server.server_port}", arguments.site, arguments.pictures)
        )
    finally:
        browser.quit()
        server.shutdown()
    print("\n".join(problems) or "Every page fits, every picture is there, every search finds its guide first.")
    return bool(problems)


def _browser() -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium") or which("google-chrome") or ""
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox"):
        options.add_argument(argument)
    driver = which("chromedriver")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver) if driver else None)


def _problems(browser: Any, url: str, site: Path, pictures: Path | None) -> Any:
    pages = [page.relative_to(site).as_posix() for page in sorted(site.rglob("*.html"))]
    pages = [page for page in pages if not page.startswith("_") and page not in ("search.html", "genindex.html")]
    for width in WIDTHS:
        # A window cannot be as narrow as a telephone; what is shown in it can.
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}  # noqa: PLR2004
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        for page in pages:
            browser.get(f"{url}/{page}")
            wide, missing, blocks, buttons = browser.execute_script(_LOOK)
            if wide > 0:
                yield f"{page} at {width}: {wide} pixels too wide"
            if missing:
                yield f"{page}: missing {missing}"
            if blocks and not buttons:
                yield f"{page}: no copy buttons"
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
                browser.save_screenshot(str(pictures / f"{page.replace('/', '-').removesuffix('.html')}-{width}.png"))
    for words, wanted in SEARCHES.items():
        browser.get(f"{url}/search.html?q={words}")
        found = WebDriverWait(browser, 30).until(
            lambda browser: browser.find_elements(By.CSS_SELECTOR, "#search-results li a")
        )
        first = found[0].get_attribute("href").removeprefix(f"{url}/").partition("?")[0].partition("#")[0]
        if first != wanted:
            yield f"searching for {words!r} finds {first} before {wanted}"


if __name__ == "__main__":
    sys.exit(main())
