"""The page at `/`, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import shutil
import threading
import time
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.build.sizes import FileSize, Sizes
from hatch_aleph.deploy.history import Release
from hatch_aleph.deploy.state import Version
from hatch_aleph.errors import GuestError
from hatch_aleph.local.host.import_costs import ImportCost
from hatch_aleph.local.host.places import find_python
from hatch_aleph.local.serve import serve_network
from hatch_aleph.report.document import Component, Money, Report, render
from hatch_aleph.report.timeline import Phase, Timeline
from hatch_aleph.squashfs import Entry, scan, write_image
from tests.local.node.support import Account, Client, program_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.build.sizes import Kind
    from tests.local.node.support import RunningNode

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    tree = tmp_path / "tree"
    (tree / "pkg").mkdir(parents=True)
    (tree / "pkg" / "module.py").write_text("x = 1\n", "utf-8")
    write_image(scan(tree), tmp_path / "image.squashfs")
    return (tmp_path / "image.squashfs").read_bytes()


def listed(client: Client, item_hash: str) -> Any:
    file_hash = client.get(f"/api/v0/storage/by-ref/{item_hash}")["file_hash"]
    return client.http.get(f"/local/volumes/{file_hash}.json")


def test_the_content_of_an_image_is_listed(client: Client, rich: Account, image: bytes) -> None:
    entries = listed(client, client.store(rich, image)).json()["entries"]
    assert entries == [{"path": "pkg/module.py", "size": 6, "target": ""}]


def test_the_content_of_an_archive_is_listed(client: Client, rich: Account) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("main.py", "x")
    assert [entry["path"] for entry in listed(client, client.store(rich, archive.getvalue())).json()["entries"]] == [
        "main.py"
    ]


def test_other_bytes_have_no_content(client: Client, rich: Account, image: bytes) -> None:
    for data in (b"text", image[:200], b"hsqs" + bytes(96)):
        answer = listed(client, client.store(rich, data))
        assert answer.status_code == 422
        assert "Traceback" not in answer.text


def test_the_page_lets_only_its_own_script_run(client: Client) -> None:
    answer = client.http.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert len(answer.text) < 32_000  # with a panel for each program


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    if BROWSER is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path}/chrome",
    ):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses its sandbox to root
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait_for(browser: Any, element: str, text: str) -> str:
    deadline, shown = time.monotonic() + 10, ""
    while time.monotonic() < deadline:
        shown = browser.execute_script("return document.getElementById(arguments[0])?.textContent ?? ''", element)
        if text in shown:
            return shown
        time.sleep(0.05)
    raise AssertionError(f"{text!r} is not in {element}: {shown!r}")


def open_tab(browser: Any, name: str, program: int = 0) -> None:
    browser.execute_script(f"document.querySelectorAll('#programs button')[{program}].click(); select('{name}')")


# The lowest contrast of any text that is seen (WCAG 2.2, 1.4.3), with the text.
CONTRAST = """
const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const behind = made => { for (; made; made = made.parentElement) {
  const found = rgb(getComputedStyle(made).backgroundColor);
  if (found.length && found[3] !== 0) return found; } return [255, 255, 255]; };
let worst = [21, ""];
const compare = (front, back, text) => {
  const [a, b] = [light(rgb(front)), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
  if (ratio < worst[0]) worst = [ratio, text]; };
for (const made of document.querySelectorAll("svg text")) {  // on what is drawn below it
  made.scrollIntoView({block: "center", inline: "center"});
  const box = made.getBoundingClientRect(), under = document.elementFromPoint(box.x + 2, box.y + box.height / 2);
  compare(getComputedStyle(made).fill, rgb(getComputedStyle(under).fill), made.textContent);
}
for (const made of document.querySelectorAll("body *")) {
  const own = Array.from(made.childNodes).filter(each => each.nodeType === 3 && each.data.trim());
  const text = own.map(each => each.data).join("");
  if (!text || !made.checkVisibility() || ["SCRIPT", "STYLE"].includes(made.tagName)) continue;
  compare(getComputedStyle(made).color, behind(made), text);
}
return worst;
"""


def check_sight(browser: Any) -> None:
    """Measure contrast in both colour schemes, and that nothing is wider than a telephone."""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        ratio, text = browser.execute_script(CONTRAST)
        assert ratio >= 4.5, (scheme, text)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    # A bar to scroll by takes its part of the 390.
    root = "document.documentElement"
    assert browser.execute_script(f"return {root}.scrollWidth - {root}.clientWidth") <= 0
    assert (
        browser.execute_script(
            f"const width = {root}.clientWidth;"
            "return [...document.querySelectorAll('body *')].filter(each => each.checkVisibility() &&"
            " !each.closest('pre, .scroll, .map') && each.getBoundingClientRect().right > width + .5).length"
        )
        == 0
    )
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


APP = """
print("starting up")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        return
    print("asked for", scope["path"])
    if scope["path"] == "/bad":
        raise ValueError("no such thing")
    if scope["path"] == "/much":
        print("\\n".join(f"line {number}" for number in range(9_900)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[str]:
    """Node and host in one server, as ``hatch-aleph node`` starts them."""
    try:
        find_python("3.11")
    except GuestError as error:
        pytest.skip(str(error))
    ready: queue.Queue[Any] = queue.Queue()

    async def serve() -> None:
        task = asyncio.ensure_future(
            serve_network(tmp_path / "net", 0, cache=tmp_path / "cache", page_token="known", ready=ready.put)
        )
        ready.put((asyncio.get_running_loop(), task))
        with contextlib.suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, task = ready.get(timeout=30)
    yield ready.get(timeout=30)
    loop.call_soon_threadsafe(task.cancel)
    thread.join(30)


def published(client: Client, account: Account, folder: Path, source: str) -> str:
    folder.mkdir()
    (folder / "main.py").write_text(source, "utf-8")
    write_image(scan(folder), folder.with_suffix(".squashfs"))
    client.faucet(account)
    program = program_message(account, client.store(account, folder.with_suffix(".squashfs").read_bytes()))
    client.post(program)
    return str(program["item_hash"])


@pytest.mark.index
def test_the_panel_of_a_program(browser: Any, network: str, tmp_path: Path) -> None:
    browser.get(f"{network}/#known")
    assert f"hatch-aleph faucet --node {network}" in wait_for(browser, "empty", "hatch-aleph deploy")
    check_sight(browser)
    client, account = Client(network), Account("panel")
    good = published(client, account, tmp_path / "good", APP)
    bad = published(client, account, tmp_path / "bad", "import nothere\n")
    for path in (f"{good}/bad?x=1", f"{good}/much", f"{bad}/"):
        client.http.get(f"/vm/{path}")
    for path in (f"requests/{good}.json", "programs.json"):
        assert client.http.get(f"/local/{path}").status_code == 403
    client.http.close()
    shown = wait_for(browser, "programs", "not starting: ModuleNotFoundError: No module named 'nothere'")
    assert "2, 1 failed" in shown
    assert "answering" in shown
    where = "return [...document.querySelectorAll('#programs tr')].findIndex(each => each.dataset.key === arguments[0])"
    open_tab(browser, "requests", browser.execute_script(where, bad))
    asked = wait_for(browser, "view", "It does not start. The whole log is under Log. Mend it and deploy it again.")
    assert "500\u2013GET /ModuleNotFoundError: No module named 'nothere'" in asked  # no time is counted
    number = browser.execute_script(where, good)
    open_tab(browser, "requests", number)
    asked = wait_for(browser, "view", "GET /much")
    assert "GET /bad?x=1ValueError: no such thing" in asked
    assert "does not start" not in asked
    check_sight(browser)
    open_tab(browser, "log", number)
    assert "starting up" in wait_for(browser, "logs-text", "line 9899")
    follows = "const pane = find('logs-text'); return pane.scrollHeight - pane.scrollTop - pane.clientHeight < 5"
    assert browser.execute_script(follows)
    check_sight(browser)
    for name, text in (("releases", "deploy, live"), ("files", "code")):
        open_tab(browser, name, number)
        wait_for(browser, "view", text)
        check_sight(browser)
    open_tab(browser, "log", number)
    # By keyboard: arrows go from tab to tab, and the focus goes with them.
    tab = browser.find_element("css selector", "[data-tab=log]")
    tab.send_keys("\ue014\ue014\ue014")  # right arrow: releases, files, message
    wait_for(browser, "view", good)
    assert browser.execute_script("return document.activeElement.dataset.tab") == "message"
    check_sight(browser)


def test_many_programs_and_files(
    browser: Any, client: Client, rich: Account, node: RunningNode, tmp_path: Path
) -> None:
    files = [Entry(f"pkg{number % 50}/module{number}.py", "file", 0o644, b"x") for number in range(20_000)]
    write_image(files, tmp_path / "many.squashfs")
    code = client.store(rich, (tmp_path / "many.squashfs").read_bytes())
    for number in range(40):
        client.post(program_message(rich, code, metadata={"name": f"program {number} " + "W" * 60}))
    browser.get(node.url)
    wait_for(browser, "programs", "program 39 ")
    assert browser.execute_script("return document.querySelectorAll('#programs tr').length") == 40
    open_tab(browser, "files")
    wait_for(browser, "view", "code")
    browser.execute_script("document.querySelector('#view details').open = true")
    assert "400 files" in wait_for(browser, "view", "pkg49/")
    assert browser.execute_script("return document.querySelectorAll('#view *').length") < 500
    typed = browser.find_element("css selector", "#view input")
    typed.send_keys("module19999")
    wait_for(browser, "view", "pkg49/module19999.py")
    check_sight(browser)
    # What is new is shown around whoever is at work: the focus and what was typed stay.
    client.post(program_message(rich, code, metadata={"name": "one more"}))
    wait_for(browser, "programs", "one more")
    browser.execute_async_script("showPrograms().then(refreshPanel).then(arguments[0])")
    assert browser.execute_script("return document.activeElement === document.querySelector('#view input')")
    assert typed.get_property("value") == "module19999"
    # By keyboard alone: Enter on a program's name opens its panel.
    browser.execute_script("find('panel').hidden = true")
    browser.find_element("css selector", "#programs tr:nth-child(30) button").send_keys("\ue007")
    wait_for(browser, "view", "code")
    assert browser.execute_script("return document.querySelectorAll('[aria-current=true]').length") == 1


@pytest.mark.index
def test_the_logs_of_a_program_are_followed(browser: Any, network: str, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(APP, "utf-8")
    write_image(scan(tmp_path / "app"), tmp_path / "app.squashfs")
    client, account = Client(network), Account("logs")
    client.faucet(account)
    program = program_message(account, client.store(account, (tmp_path / "app.squashfs").read_bytes()))
    client.post(program)
    client.http.get(f"/vm/{program['item_hash']}/first").raise_for_status()
    told = client.http.get(f"/local/logs/{program['item_hash']}.json")
    assert (told.status_code, "printed" in told.json()["error"]) == (403, True)
    browser.get(f"{network}/#known")
    wait_for(browser, "programs", program["item_hash"][:12])
    open_tab(browser, "log")
    wait_for(browser, "logs-text", "asked for /first")
    client.http.get(f"/vm/{program['item_hash']}/second").raise_for_status()
    client.http.close()
    wait_for(browser, "logs-text", "asked for /second")
    wait_for(browser, "programs", "answering")
    name = "document.querySelector('#programs button')"
    browser.execute_async_script(f"{name}.focus(); showPrograms().then(arguments[0])")
    assert browser.execute_script(f"return document.activeElement === {name}")
    browser.set_window_size(390, 800)
    assert browser.execute_script("const e = document.documentElement; return e.scrollWidth <= e.clientWidth")
    browser.set_window_size(1280, 800)
    by_name = browser.execute_script("return document.querySelector('#programs a').href")
    browser.get(by_name)
    assert browser.find_element("tag name", "body").text == "hello"


def test_the_page_in_a_browser(browser: Any, client: Client, rich: Account, node: RunningNode, image: bytes) -> None:
    code = client.store(rich, image)
    hostile = "<img src=x onerror=document.title='owned'>"
    program = program_message(rich, code, metadata={"name": f"my-api {hostile}"})
    client.post(program)
    browser.get(node.url)
    wait_for(browser, "programs", "my-api <img")
    assert browser.title == "Aleph on this machine"
    wait_for(browser, "messages", "PROGRAM")
    wait_for(browser, "balances", rich.address)
    # A message that is sent while the page is open appears.
    client.post(rich.sign("POST", {"type": "note", "content": "live"}))
    wait_for(browser, "messages", "POST")
    browser.execute_script("document.querySelector('#volumes button').click()")
    wait_for(browser, "content-text", "pkg/")
    browser.execute_script("document.querySelector('#content-text details').open = true")
    wait_for(browser, "content-text", "module.py")
    open_tab(browser, "log")
    wait_for(browser, "view", "No host runs here")
    browser.execute_script(
        "const form = document.getElementById('faucet');"
        "form.elements.address.value = '0x0000000000000000000000000000000000000abc'; form.requestSubmit();"
    )
    wait_for(browser, "given", "given")
    wait_for(browser, "balances", "0x0000000000000000000000000000000000000aBc")
    browser.execute_script(
        "const form = document.getElementById('faucet');"
        "form.elements.address.value = '0x0000000000000000000000000000000000000aBC'; form.requestSubmit();"
    )
    wait_for(browser, "given", "mistyped")
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [entry for entry in errors if not re.search(r"/local/logs/|/faucet .*422", entry["message"])] == []


def test_the_report_in_a_browser(browser: Any, tmp_path: Path) -> None:
    costs = [ImportCost(f"package{n}.a_long_name_of_a_module", 2.0, 2.0, 1) for n in range(40)]
    phases = [Phase("upload of a-long-name-1.0-packages.squashfs" * 2, 0.1, 4.0), Phase("first answer", 4.2, 0.5)]
    kinds: list[Kind] = ["extensions", "bytecode", "sources", "tests", "typing", "metadata", "data"]
    files = [FileSize(f"{kind}/x", kind, kind, 2 << 20, 1 << 20) for kind in kinds]
    code = Version("c" * 64, "e" * 64, "storage", 1.7e9)
    page = Report(
        "shop 1.0",
        [("owner", "0x" + "b" * 40), ("program", "c" * 64)],
        images=[("code.squashfs", Sizes(7 << 20, tuple(files), {})), ("packages.squashfs", Sizes(700 << 20, (), {}))],
        imports=[*costs, ImportCost("main", 9.0, 89.0, 0)],
        components=[Component("name-" * 20, "1.0", licence, "d" * 64) for licence in ("MIT", "")],
        timeline=Timeline(1.7e9, tuple(phases), "c" * 64),
        releases=[Release(1, 1.7e9, "1.0" * 9, {"code": code}, kind) for kind in ("deploy", "rollback")],
        money=Money(260_000.0, 2_000_000.0, 500_000.0),
        made=1.7e9,
    )
    (tmp_path / "report.html").write_text(render(page), "utf-8")
    browser.get((tmp_path / "report.html").as_uri())
    shown = browser.find_element("tag name", "body").text
    for text in ("in 4 days", "7.0% of 100 MiB", "700.0% of 100 MiB", "68.4% of 1 GiB"):
        assert text in shown
    check_sight(browser)
