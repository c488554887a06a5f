"""Custom domains on the embedded node, through the command line."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from hatch_aleph.artifact import hash_file
from hatch_aleph.cli import run
from hatch_aleph.deploy.custom_domains import domains_of
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.domains import Record
from hatch_aleph.network.messages import sign_message, store_content
from tests.local.node.support import DEBIAN_12, RunningNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = hashlib.sha256(b"domains").hexdigest()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    node = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield node
    node.stop()


@pytest.fixture(scope="module")
def program(running: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> str:
    account = load_account(private_key=KEY, environ={})
    body = {"address": account.address, "credits": 10**12}
    httpx.post(f"{running.url}/faucet", json=body, trust_env=False).raise_for_status()
    file = tmp_path_factory.mktemp("files") / "code.squashfs"
    file.write_bytes(b"hsqs")
    payment, now = {"chain": "ETH", "type": "credit"}, time.time()
    content = store_content(account.address, hash_file(file).sha256, "storage", time=now, payment=payment)
    with NodeClient([running.url]) as client:
        store = sign_message(account, "STORE", content, channel="T", time=now)
        client.upload(store, file)
        client.wait(store.item_hash)
        content = {
            "address": account.address,
            "time": now,
            "type": "vm-function",
            "allow_amend": False,
            "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": store.item_hash, "use_latest": True},
            "runtime": {"ref": DEBIAN_12, "use_latest": True, "comment": ""},
            "on": {"http": True, "persistent": False},
            "environment": {"reproducible": False, "internet": False, "aleph_api": True, "shared_cache": False},
            "resources": {"vcpus": 1, "memory": 256, "seconds": 30},
            "volumes": [],
            "payment": payment,
        }
        message = sign_message(account, "PROGRAM", content, channel="T", time=now)
        client.publish(message)
        return client.wait(message.item_hash).item_hash


@pytest.fixture
def domain(
    running: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any]]]:
    monkeypatch.setenv("ALEPH_PRIVATE_KEY", KEY)
    monkeypatch.setenv("ALEPH_STATE_FOLDER", str(tmp_path))
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = run(["domain", *arguments, "--json", "--node", running.url])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return call


def test_from_attaching_to_detaching(running: RunningNode, program: str, domain: Any) -> None:
    owner = load_account(private_key=KEY, environ={}).address
    code, said = domain("attach", "API.example.org", program)
    assert code == 0, said
    assert [(record["type"], record["name"]) for record in said["records"]] == [
        ("CNAME", "api.example.org"),
        ("TXT", "_control.api.example.org"),
    ]
    assert said["records"][1]["value"] == owner
    code, again = domain("attach", "api.example.org", program)
    assert (code, again["message"]) == (0, None)
    would = domain("detach", "api.example.org", "--dry-run")[1]["would"]
    assert would == f"Take api.example.org away from its program, {program}"
    code, listed = domain("list")
    assert [(each["domain"], each["item_hash"]) for each in listed["domains"]] == [("api.example.org", program)]

    with NodeClient([running.url]) as client:
        (checked,) = domains_of(client, owner, lambda _name, kind: (owner,) if kind == "TXT" else ())
        assert checked.records[1] == Record("api.example.org", "TXT", "_control.api.example.org", owner, True, (owner,))
        assert checked.records[0].found is False
        # Who asks for one domain waits for no other's records.
        (other,) = domains_of(client, owner, lambda name, _kind: pytest.fail(name), named="other.example.org")
        assert other.name == "api.example.org"
        said_of = client.aggregate(owner, ["domains"])["domains"]["api.example.org"]
        assert said_of["updated_at"] == pytest.approx(time.time(), abs=600)  # seconds since 1970, as aleph-rs writes it

    assert domain("detach", "api.example.org")[0] == 0
    assert domain("list")[1]["domains"] == []
    code, error = domain("detach", "api.example.org")
    assert code == 13
    assert "attached to no program" in error["message"]


def test_only_to_ones_own_live_program(program: str, domain: Any) -> None:
    assert domain("attach", "a.example.org", "ab" * 32)[0] == 13
    assert domain("attach", "https://a.example.org", program)[0] == 64


HASH = "ab" * 32
WRONG: dict[str, list[str]] = {
    "a host without https": ["logs", HASH, "--domain", "crn.example.org"],
    "a host with a password": ["stop", HASH, "--domain", "https://u:hunter2-hunter2@crn.example.org"],
    "a file for a host": ["restart", HASH, "--domain", "file:///etc/passwd"],
    "a host with a path": ["logs", HASH, "--domain", "https://crn.example.org/../../x?y"],
    "a path for a domain": ["domain", "attach", "../../etc", HASH],
    "a URL for a domain": ["domain", "detach", "https://a.example.org/x"],
    "a key for a domain": ["domain", "detach", "9f" * 32],
}


@pytest.mark.parametrize("case", WRONG)
def test_what_names_no_host_or_domain_is_refused_before_anything_is_asked(
    case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_aleph.cli._stop_on_signals", lambda: None)
    assert run([*WRONG[case], "--node", "http://127.0.0.1:9"]) == 64
    said = capsys.readouterr().err
    assert "URL of a host" in said or "no domain" in said or "no address of a host" in said
    assert "hunter2" not in said
    assert "9f9f" not in said
