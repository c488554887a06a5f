"""The page at `/`, in a real browser."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.squashfs import scan, write_image
from tests.local.node.support import Account, program_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.node.support import Client, RunningNode

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
    assert len(answer.text) < 16_000


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
        shown = browser.execute_script("return document.getElementById(arguments[0]).textContent", element)
        if text in shown:
            return shown
        time.sleep(0.05)
    raise AssertionError(f"{text!r} is not in {element}: {shown!r}")


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
    wait_for(browser, "content-text", "pkg/module.py")
    browser.execute_script("document.querySelector(\"#programs button[aria-label^='follow']\").click()")
    wait_for(browser, "logs-text", "No log yet")
    browser.execute_script(
        "const form = document.getElementById('faucet');"
        "form.elements.address.value = '0x0000000000000000000000000000000000000abc'; form.requestSubmit();"
    )
    wait_for(browser, "given", "given")
    wait_for(browser, "balances", "0x0000000000000000000000000000000000000abc")
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [entry for entry in errors if "/control/machine/" not in entry["message"]] == []
