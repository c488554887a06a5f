"""Make the pictures of the documentation from the real tool: `nox -s pictures`.

Each command runs in a terminal of 100 or 70 columns, against a network that this script starts; what it shows becomes
an SVG. The page of that network and the report are photographed by a browser, wide and narrow, light and dark.

No two runs take the same times or sign the same hashes. So each picture carries a digest of what it shows without them,
and is replaced by another one only where that differs: two runs leave the same bytes, a change of ours another picture.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import zlib
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 100
_API, _REPORT = ROOT / "hatch_aleph" / "local" / "node" / "api", ROOT / "hatch_aleph" / "report"
# What lays out what is shown: a change there makes pictures anew.
_SOURCES = {
    "terminal": [ROOT / "hatch_aleph" / "cli" / name for name in ("tables.py", "output.py", "plan_text.py")],
    "page": [_API / "page.html", _API / "page.css", _API / "page.js"],
    "report": [_REPORT / "page.css", _REPORT / "document.py", _REPORT / "icicle.py", _REPORT / "treemap.py"],
}
# rich's own template loads its font from the network; these pictures need nothing else.
TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<metadata>SHOWN</metadata>
<style>{styles} text {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}</style>
<defs>{lines}<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}"
height="{terminal_height}"/></clipPath></defs>
<rect width="{width}" height="{height}" rx="8" fill="#1b1f24"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""
# What is another in each run, and lines that are there only if something took long, or that are sorted by how long.
_VOLATILE = re.compile(
    r"""^.*:[ ][\d.]+[ ]m?s$
    | ^[ ]*Time:[ ].*(?:\n(?![ ]*Next).*)?$
    | ^[ ]*\S+[ ]+[\d.]+[ ]ms\b.*$ | ^.*[ ][\d.]+[ ]+█+$
    | 0x\w{40} | \b(?=\w*\d)[0-9a-z]{8,}…?      # addresses, hashes and names made of them
    | [\d.,:]+ | \b(?:m?s|min|[KM]?i?B)\b      # figures and their units
    | just[ ]now | (?:second|minute)s?[ ]ago
    | [█░]+""",
    re.MULTILINE | re.VERBOSE,
)
_SEEN = "h1, h2, h3, th, summary, label, [role=tab], [role=status], td.wide"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAIN = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello(name: str = "world") -> dict[str, str]:
    return {"%s": name}
"""


def main() -> None:
    """Run the tutorial's way and keep what it shows."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-pictures-") as name:
        folder = Path(name) / "shop"
        folder.mkdir()
        environment = {**os.environ, "ALEPH_PRIVATE_KEY_FILE": f"{name}/account.key", "TERM": "xterm-256color"}
        environment.pop("UV_PYTHON", None)  # nox's own
        network = subprocess.Popen(
            [sys.executable, "-m", "hatch_aleph", "node", "--port", "0", "--folder", f"{name}/network", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            ready = next(json.loads(line) for line in network.stdout or () if '"ready"' in line)
            url = ready["url"]
            environment["ALEPH_API_HOST"] = url
            (folder / "requirements.txt").write_text("fastapi\n")
            (folder / "main.py").write_text(MAIN % "hello")
            picture("init", ["init"], folder, environment, url)
            for command in (["account", "create"], ["faucet"], ["deploy", "--yes"]):
                in_terminal(command, folder, environment)
            (folder / "main.py").write_text(MAIN % "good morning")
            picture("deploy", ["deploy", "--yes"], folder, environment, url)
            picture("status", ["status"], folder, environment, url)
            picture("history", ["history"], folder, environment, url)
            (folder / "main.py").write_text(MAIN % "good evening")
            picture("list", ["list", "--check"], folder, environment, url)
            picture("report", ["report"], folder, environment, url)
            picture("diff-70", ["diff"], folder, environment, url, columns=70, codes=(1,))
            picture("deploy-70", ["deploy", "--yes"], folder, environment, url, columns=70)
            in_terminal(["report", "--html", "report.html"], folder, environment)
            photographs(ready["page"], folder / "report.html")
        finally:
            network.terminate()
            network.wait(30)


def photographs(page: str, report: Path) -> None:
    """Keep how the network's page and the report look: at 1280 and 390 pixels, in both colour schemes."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for name, address in (("page", page), ("report", report.as_uri())):
            for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
                metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                browser.get(address)
                if name == "page":
                    browser.implicitly_wait(20)
                    browser.find_element("css selector", "#programs button").click()
                    browser.find_element("css selector", "#view table, #view p")
                    browser.execute_script("scrollTo(0, 0)")
                seen = browser.execute_script(
                    "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent).join('\\n')",
                    _SEEN,
                )
                photograph = browser.get_screenshot_as_png()
                keep(f"{name}-{width}-{scheme}.png", with_note(photograph, digest := digest_of(seen, name)), digest)
    finally:
        browser.quit()


def picture(
    name: str,
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    url: str,
    *,
    columns: int = COLUMNS,
    codes: tuple[int, ...] = (0,),
) -> None:
    """Run a command and keep what it shows; ports and folders are written as in the tutorial."""
    shown = in_terminal(command, folder, environment, columns, codes).replace(url.rpartition(":")[2], "4021")
    # A bar writes over its own line: the last state of each line stays.
    lines = [re.sub(r"\x1b\[\d*[A-HJKSTl]|\x1b\[\?\d+[hl]", "", line.rsplit("\r", 1)[-1]) for line in shown.split("\n")]
    text = f"$ hatch-aleph {' '.join(command)}\n" + "\n".join(lines).strip()
    digest = digest_of(text + TEMPLATE + str(columns), "terminal")
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text))
        svg = console.export_svg(title="", code_format=TEMPLATE.replace("SHOWN", digest), unique_id=name)
    keep(f"{name}.svg", svg.encode(), digest)


def digest_of(text: str, kind: str) -> str:
    """Return a digest of a text without what is another in each run, whatever its order, and of what lays it out."""
    words = sorted(set(_VOLATILE.sub(" ", re.sub(r"\x1b\[[\d;]*m", "", text)).split()))
    sources = [each.read_text("utf-8") for each in _SOURCES[kind]]
    return hashlib.sha256("\0".join([*words, *sources]).encode()).hexdigest()


def keep(name: str, picture: bytes, digest: str) -> None:
    """Write a picture, unless the one that is there shows the same."""
    file = PICTURES / name
    same = file.exists() and digest.encode() in file.read_bytes()
    if not same:
        file.write_bytes(picture)
    print(f"{name}: {'as it was' if same else f'{len(picture) / 1024:.0f} KiB'}")


def with_note(png: bytes, note: str) -> bytes:
    """Return a PNG with a note in a chunk of text behind its header (https://www.w3.org/TR/png-3/#11tEXt)."""
    end = len(_SIGNATURE) + 25  # the header is a chunk of 13 bytes, with length, type and checksum
    chunk = b"tEXtComment\0" + note.encode()
    return png[:end] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[end:]


def in_terminal(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    columns: int = COLUMNS,
    codes: tuple[int, ...] = (0,),
) -> str:
    """Run a command of ours in a terminal and return all that it writes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [shutil.which("hatch-aleph") or "hatch-aleph", *command],
        cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    written = bytearray()
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        written += data
    os.close(master)
    if process.wait() not in codes:
        sys.exit(f"{command} failed:\n{written.decode(errors='replace')}")
    return written.decode(errors="replace").replace("\r\n", "\n")


if __name__ == "__main__":
    main()
