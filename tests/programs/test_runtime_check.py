from __future__ import annotations

import asyncio
import json
import platform
import subprocess
import sys

import pytest

from hatch_aleph import runtimes
from hatch_aleph.errors import HealthError, PlanError, UsageError
from hatch_aleph.programs import runtime_report
from hatch_aleph.programs.runtime_check import check_runtime, differences

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("ALEPH_STATE_FOLDER", str(tmp_path / "state"))


FACTS = {
    "distribution": "Debian GNU/Linux 12 (bookworm)",
    "python": "3.11.2",
    "glibc": "2.36",
    "machine": "x86_64",
    "bytecode": ["plain"],
    "preloaded": dict.fromkeys(runtimes.DEBIAN_12.preloaded, "1"),
}


def test_it_tells_what_the_runtime_holds_and_leaves_nothing_behind(network, session, account):
    checked = check_runtime(session, "debian-12")
    asked = [
        "-c",
        "import json, os, platform; print(json.dumps([platform.python_version(), os.confstr('CS_GNU_LIBC_VERSION')]))",
    ]
    # The local host runs the runtime's Python as it is on this machine: that Python is asked directly.
    from hatch_aleph.local.host.places import find_python

    python = find_python("3.11")
    version, glibc = json.loads(subprocess.run([python, *asked], check=True, capture_output=True, text=True).stdout)
    assert checked.facts["python"] == version
    assert f"glibc {checked.facts['glibc']}" == glibc
    assert checked.facts["optimize"] == 2
    assert set(checked.facts["preloaded"]) >= {"aiohttp", "msgpack", "yarl", "attr"}
    assert checked.facts["preloaded"]["aiohttp"]
    # It has no image of the runtime: what else this machine holds is not told for the runtime's.
    told = [checked.facts[name] for name in ("image", "tools", "distribution", "kernel", "bytecode")]
    assert told == [False, {}, None, None, None]
    assert checked.differences == ()
    statuses = {kind: network.status(item) for kind, item in network.sent(account.address) if kind != "FORGET"}
    assert statuses == {"STORE": "forgotten", "PROGRAM": "forgotten"}


def test_nothing_is_left_behind_by_a_checker_that_never_answers(network, session, account):
    def fail(url, *, timeout):
        raise OSError("nobody there")

    with pytest.raises(HealthError, match="nobody there"):
        check_runtime(session, "debian-12", fetch=fail, deadline=0.1)
    statuses = {kind: network.status(item) for kind, item in network.sent(account.address) if kind != "FORGET"}
    assert statuses == {"STORE": "forgotten", "PROGRAM": "forgotten"}


def test_an_answer_of_a_host_that_is_not_ready_is_asked_for_again(session):
    answers = iter([(500, b"starting"), (200, b"not json"), (200, json.dumps(FACTS).encode())])
    checked = check_runtime(session, "debian-12", fetch=lambda _url, **_: next(answers), sleep=lambda _: None)
    assert (checked.facts, checked.differences) == (FACTS, ())


def test_runtimes_that_are_not_there(network, session, account):
    with pytest.raises(UsageError, match="--runtime"):
        check_runtime(session, "debian-13")
    with pytest.raises(PlanError, match="unknown to the network"):
        check_runtime(session, "ab" * 32)
    assert network.sent(account.address) == []


@pytest.mark.parametrize(
    ("changes", "fact", "told"),
    [
        ({"python": "3.12.4"}, "python", 'python = "3.12"'),
        ({"glibc": "2.31"}, "glibc", "may not load"),
        ({"glibc": "2.41"}, "glibc", "wheels fit"),
        ({"machine": "aarch64"}, "machine", "do not load"),
        ({"distribution": "Debian GNU/Linux 13 (trixie)"}, "distribution", "replaced"),
        ({"preloaded": {**FACTS["preloaded"], "requests": "2"}}, "preloaded", "ignored without the adapter"),
        ({"bytecode": []}, "bytecode of the standard library", "compiled at each of its starts"),
        ({"preloaded": {"aiohttp": "3"}}, "preloaded", "vendored copies of these are used"),
    ],
)
def test_each_difference_from_what_builds_assume(changes, fact, told):
    found = list(differences({**FACTS, **changes}, runtimes.DEBIAN_12))
    assert [each.fact for each in found] == [fact]
    assert told in found[0].advice


def test_the_report_runs_alone_on_the_oldest_python_of_a_guest():
    """Nothing but the standard library, and no syntax newer than Python 3.9."""
    import ast
    from pathlib import Path

    source = Path(runtime_report.__file__).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_report_completes_both_lifespan_events():
    sent = []

    async def play(kind):
        async def receive():
            return {"type": kind}

        async def send(event):
            sent.append(event["type"])

        await runtime_report.app({"type": "lifespan"}, receive, send)

    for kind in ("lifespan.startup", "lifespan.shutdown"):
        asyncio.run(play(kind))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_what_was_read_of_a_runtime_is_what_builds_assume_of_it(session):
    own = "ab" * 32
    assert runtimes.find(own).python == runtimes.DEFAULT.python  # type: ignore[union-attr]
    facts = {**FACTS, "image": True, "python": "3.12.4", "glibc": "2.39", "preloaded": {"msgpack": "1.1", "_cffi": ""}}
    runtimes.remember(own, facts)
    found = runtimes.find(own)
    assert found is not None
    assert (found.python, found.glibc, found.preloaded) == ("3.12", (2, 39), {"msgpack": "1.1"})
    assert runtimes.find(own, "3.13").python == "3.13"
    for broken in ("{", "[]", '{"python": 5}', json.dumps({**facts, "glibc": "new"})):
        (runtimes.facts_folder() / f"{own}.json").write_text(broken)
        assert runtimes.find(own).python == runtimes.DEFAULT.python  # type: ignore[union-attr]


def test_the_checker_keeps_what_it_read(session):
    facts = {**FACTS, "image": True}
    check_runtime(session, "debian-12", fetch=lambda _url, **_: (200, json.dumps(facts).encode()))
    assert (runtimes.facts_folder() / f"{runtimes.DEFAULT.item_hash}.json").exists()


def test_the_report_tells_what_is_here(tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.write_bytes(b"no program")
    broken.chmod(0o755)
    tools = {
        "python": [sys.executable, "--version"],
        "failing": [sys.executable, "-c", "raise SystemExit(1)"],
        "broken": [str(broken)],
        "absent": [str(tmp_path / "absent")],
    }
    monkeypatch.setattr(runtime_report, "_TOOLS", tools)
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    asyncio.run(runtime_report.app({"type": "http"}, receive, send))
    start, body = sent
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    told = json.loads(body["body"])
    assert told["python"] == platform.python_version()
    assert told["installed"]["pytest"] == pytest.__version__
    assert told["preloaded"]["pytest"] == pytest.__version__
    assert told["tools"] == {"python": f"Python {platform.python_version()}"}
    assert told["image"]
