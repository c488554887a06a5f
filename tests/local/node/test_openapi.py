"""The node describes its own API, and keeps to the description whatever it is sent."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.local.node.test_crash import Process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.node.support import Client

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_the_document_names_what_the_sdk_and_the_official_cli_call(client: Client) -> None:
    document = client.get("/api/openapi.json")
    assert document["openapi"].startswith("3.")
    for method, path in (
        ("post", "/api/v0/messages"),
        ("post", "/api/v0/storage/add_file"),
        ("post", "/api/v0/ipfs/add_file"),
        ("get", "/api/v0/messages.json"),
        ("get", "/api/v0/messages/{item_hash}/status"),
        ("get", "/api/v0/addresses/{address}/balance"),
        ("post", "/api/v0/price/estimate"),
        ("get", "/api/v0/storage/by-ref/{ref}"),
        ("get", "/api/v0/aggregates/{address}.json"),
    ):
        operation = document["paths"][path][method]
        assert operation["summary"].endswith(".")
        assert "200" in operation["responses"]
    names = {parameter["name"] for parameter in document["paths"]["/api/v0/messages.json"]["get"]["parameters"]}
    assert {"msgTypes", "msgStatuses", "owners", "tags", "sortOrder", "cursor"} <= names


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis: nox -s hostile has it")
def test_generated_requests_find_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = Process(tmp_path / "node")
    try:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{process.url}/api/openapi.json"]
        options = ["--checks", CHECKS, "--max-examples", "60", "--exclude-path", "/api/ws0/messages", "--seed", "7"]
        done = subprocess.run([*command, *options], check=False, capture_output=True, text=True, cwd=tmp_path)
        with capsys.disabled():
            print("\n" + done.stdout[-1500:])  # noqa: T201
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    finally:
        errors = process.kill()
    assert "Traceback" not in errors
