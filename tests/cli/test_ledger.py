"""Commands as somebody runs them whose key is on a Ledger: processes, and a device behind the library's own wire."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.network.ledger_device import DECLINED, LOCKED, SIGN_MESSAGE, Device, key_of, plugged_in

pytestmark = pytest.mark.timeout(300)
THIRD = "m/44'/60'/2'/0/0"


@pytest.fixture
def ledger(cli, network):
    """Return a way to run a command with a device plugged in, and the device; both its accounts have credits."""
    device = Device()
    third = key_of(bytes.fromhex("8000002c8000003c800000020000000000000000"))
    for each in (device.key, third):
        network.faucet(each.address, 10**9)
    with plugged_in(device) as variables:
        environment = {name: value for name, value in os.environ.items() if name != "ALEPH_PRIVATE_KEY_FILE"}

        def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "hatch_aleph", *map(str, arguments)]
            return subprocess.run(
                command,
                env={**environment, **variables, **more},
                stdin=subprocess.DEVNULL,
                check=False,
                capture_output=True,
                text=True,
            )

        yield run, device, third.address


def test_a_programs_life_is_signed_on_the_device(cli, network, ledger):
    run, device, third = ledger
    quick = ("--no-smoke", "--no-health", "--no-verbose")
    made = run("create", cli.app("one"), "main:app", "--ledger", "--updatable", *quick)
    assert made.returncode == 0, made.stderr
    item_hash = made.stdout.strip()
    sender = network.get(f"/api/v0/messages/{item_hash}")["message"]["sender"]
    assert sender == Device().key.address
    assert device.asked.count(SIGN_MESSAGE) >= 2  # its code, and the program
    changed = run("update", item_hash[:12], cli.app("two"), "--ledger", *quick)
    assert changed.returncode == 0, changed.stderr
    there = run("persist", item_hash, "--ledger", *quick)
    assert there.returncode == 0, there.stderr
    signed = len(device.asked)
    assert "Sign with its owner's key" in run("delete", there.stdout.strip(), "--ledger-account", THIRD).stderr
    assert network.status(there.stdout.strip()) == "processed"
    assert run("delete", there.stdout.strip(), "--ledger-account", Device().key.address.lower()).returncode == 0
    assert len(device.asked) > signed
    other = run("create", cli.app("three"), "main:app", "--ledger-account", third, *quick)
    assert network.get(f"/api/v0/messages/{other.stdout.strip()}")["message"]["sender"] == third


def test_a_device_that_declines_leaves_nothing_behind(cli, network, ledger):
    run, device, _ = ledger
    before = network.sent(Device().key.address)
    answer = device.exchange

    for fails in (DECLINED, LOCKED):

        def refuse_to_sign(apdu: bytes, timeout: int = 20000, fails: int = fails) -> bytes:
            device.fails = fails if apdu[1] == SIGN_MESSAGE else None
            return answer(apdu, timeout)

        device.exchange = refuse_to_sign
        done = run("create", cli.app("never"), "main:app", "--ledger", "--no-smoke", "--no-health")
        assert (done.returncode, "unlock it" in done.stderr) == (8, True), done.stderr
        assert "Traceback" not in done.stderr
        assert network.sent(Device().key.address) == before
    device.exchange = answer
    device.fails = None
    assert run("create", cli.app("never"), "main:app", "--ledger", "--no-smoke", "--no-health").returncode == 0


def test_no_device_is_told_before_anything_is_asked(cli, ledger):
    run, _, _ = ledger
    done = run("create", cli.app(), "main:app", "--ledger", LEDGER_PROXY_PORT="1")
    assert (done.returncode, "No Ledger answers" in done.stderr) == (8, True), done.stderr
