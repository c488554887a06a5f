"""Memory stays bounded whatever the size of the artifact."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.artifact import Artifact, hash_file
from hatch_aleph.network.accounts import load_account
from hatch_aleph.squashfs import Entry, write_image
from tests.deploy.rig import NodeHost, RunningNode, make_artifact
from tests.memory import PEAK

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 900 << 20
LIMIT_MIB = 120

# The command line itself, told afterwards how much memory its process ever had.
COMMAND = f"""{PEAK}
import sys
from hatch_aleph.cli import run
code = run(sys.argv[1:])
print(peak() >> 20, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_an_artifact_of_900_mib_is_deployed_in_120_mib(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.deploy.crash.proxy import Proxy

    main = b"async def app(scope, receive, send): ...\n"
    write_image([Entry("main.py", "file", source=main)], tmp_path / "code")
    artifact = make_artifact(tmp_path / "dist", code=(tmp_path / "code").read_bytes(), packages=b"small")
    file = artifact.file(artifact.manifest.images[1])
    with (tmp_path / "data").open("wb") as stream:
        for _ in range(SIZE >> 20):
            stream.write(os.urandom(1 << 20))
    write_image([Entry("data", "file", source=tmp_path / "data")], file)
    hashes = hash_file(file)
    data = json.loads(artifact.path.read_text())
    data["images"][1] |= {"sha256": hashes.sha256, "cid": hashes.cid, "size": hashes.size}
    artifact.path.write_text(json.dumps(data))
    assert Artifact.load(artifact.path).manifest.images[1].size >= SIZE

    key = tmp_path / "key"
    key.write_text(hashlib.sha256(b"a key").hexdigest())  # no run of one byte, such as what is no deflate unpacks to
    node = RunningNode(tmp_path / "node")
    host = Proxy(node.url, NodeHost(node))
    try:
        node.faucet(load_account(private_key=key.read_text()).address, credits=10**12)
        arguments = ["deploy", "--no-build", "--dist", str(tmp_path / "dist"), "--project", str(tmp_path), "--yes"]
        arguments += ["--no-smoke", "--private-key-file", str(key), "--node", node.url]
        arguments += ["--host-url", host.url]
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=800
        )
    finally:
        host.close()
        node.stop()
    assert done.returncode == 0, done.stderr
    peak = int(done.stderr.splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(f"\npeak memory of deploying {SIZE >> 20} MiB: {peak} MiB\n")
    assert peak <= LIMIT_MIB
