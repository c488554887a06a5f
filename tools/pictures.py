"""Make the pictures of the documentation from the real tool: `nox -s pictures`.

Each command runs in a terminal of 100 or 70 columns, against a network that this script starts; what it shows becomes
an SVG. The page of that network and the report are photographed by a browser, wide and narrow, light and dark.
"""

from __future__ import annotations

import fcntl
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
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 100
# rich's own template loads its font from the network; these pictures need nothing else.
TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>{styles} text {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }}</style>
<defs>{lines}<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}"
height="{terminal_height}"/></clipPath></defs>
<rect width="{width}" height="{height}" rx="8" fill="#1b1f24"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""
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
                browser.save_screenshot(str(PICTURES / f"{name}-{width}-{scheme}.png"))
                print(f"{name}-{width}-{scheme}.png")
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
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f"$ hatch-aleph {' '.join(command)}\n" + "\n".join(lines).strip()))
        svg = console.export_svg(title="", code_format=TEMPLATE, unique_id=name)
    (PICTURES / f"{name}.svg").write_text(svg, "utf-8")
    print(f"{name}.svg: {len(svg) // 1000} kB")


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
