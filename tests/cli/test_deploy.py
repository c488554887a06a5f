"""The commands of a deployment on a project that is really built, on a real node, run by a real host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.cache import KINDS
from hatch_aleph.local.host.machine import START_MARK
from tests.programs.rig import RunningNetwork, ask
from tests.trust.lying_node import LastRelease, LyingNode, NoPrices

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
[project]
name = "shop"
version = "{version}"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.aleph]
entrypoint = "main:app"
{settings}
[tool.aleph.profiles."pr-*"]
"""
APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({{"type": "http.response.start", "status": {status}, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{answer}"}})
"""


@pytest.fixture
def write(tmp_path):
    """Write the project; returns its folder."""

    def write(answer: str = "one", *, version: str = "1.0", status: int = 200, settings: str = "") -> Path:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "pyproject.toml").write_text(PROJECT.format(version=version, settings=settings))
        (root / "main.py").write_text(APP.format(answer=answer, status=status))
        return root

    return write


def test_the_report_tells_the_last_deployment(cli, write, tmp_path):
    project, page, state = write("of the report"), tmp_path / "report.html", tmp_path / "state"
    where = ("--project", project, "--state-folder", state)
    cli.json("deploy", *where, "--yes", "--no-smoke")
    write("of the report, again")  # bytes that no other test uploads
    done = cli.json("deploy", *where, "--yes", "--no-smoke")
    seen = cli.json("report", *where, "--no-imports", "--html", page).result
    phases = {phase["name"]: phase for phase in seen["timeline"]["phases"]}
    assert {"build", "first answer"} <= set(phases)
    assert phases["build"]["start"] == 0.0
    ends = [phase["start"] + phase["seconds"] for phase in seen["timeline"]["phases"]]
    told = [event["seconds"] for event in done.events if (event["event"], event.get("step")) == ("done", "health")]
    assert phases["first answer"]["seconds"] == pytest.approx(told[0], abs=0.01)
    assert seen["timeline"]["is_seen"]
    assert seen["balance_ends"]
    assert "The last deployment" in page.read_text()
    text = cli("report", *where, "--no-imports").out
    assert "first answer" in text
    assert f"ends on {seen['balance_ends']}" in text

    # Elsewhere, the messages tell when; so they do of what others wrote into that file.
    (record,) = (state / "timeline").glob("*.json")
    whole = json.loads(record.read_text())
    for planted in ({}, {**whole, "began": "soon"}, {**whole, "item_hash": "0" * 64}, {**whole, "phases": [{}]}):
        record.write_text(json.dumps(planted))
        elsewhere = cli.json("report", *where, "--no-imports", "--html", page).result["timeline"]
        assert not elsewhere["is_seen"]
        assert [phase["name"] for phase in elsewhere["phases"]] == ["code signed"]
        assert seen["timeline"]["began"] <= elsewhere["began"] <= seen["timeline"]["began"] + max(ends)
    assert "its messages were signed" in " ".join(page.read_text().split())


def test_the_life_of_a_deployment(cli, write, tmp_path):
    project = write()
    first = cli.json("deploy", "--project", project, "--yes").result
    assert ask(first["urls"][0]) == (200, "one")
    again = cli.json("deploy", "--project", project).result
    assert (again["changed"], again["item_hash"]) == (False, first["item_hash"])

    write("two", version="2.0")
    assert cli.json("plan", "--project", project, "--detailed-exitcode").code == 2
    assert cli.json("diff", "--project", project).code == 1
    second = cli.json("deploy", "--project", project, "--yes").result
    assert second["item_hash"] == first["item_hash"]
    assert ask(first["urls"][0]) == (200, "two")
    assert cli.json("plan", "--project", project, "--detailed-exitcode").code == 0
    assert cli.json("verify", "--project", project).result["same"]

    releases = cli.json("history", "--project", project).result["releases"]
    assert [release["version"] for release in releases] == ["2.0", "1.0"]
    told = cli("history", "--project", project, "--check").out
    assert re.match(r"Answering 200 in \d+ ms, release 2 \(version 2.0\), (\d+ seconds? ago|just now)\n", told)
    # The same numbers everywhere: those of `history`, which `rollback` takes.
    assert re.match(r"Answering 200 in \d+ ms, release 2 \(version 2.0\), ", cli("status", "--project", project).out)
    assert cli("history", "--project", project).out.startswith("Live: release 2 (version 2.0), ")
    assert [release["number"] for release in releases] == [2, 1]
    assert (first["release"], second["release"]) == (1, 2)
    back = cli.json("rollback", "--project", project, "--yes")
    shown = [event.get("text", event["event"]) for event in back.events]
    goes_back = r"Go back to release 1 \(1.0, .*\): code again, for \$0\.\d+ a day; the present content stays"
    said = next(text for text in shown if re.match(goes_back, text))
    assert shown.index(said) < shown.index("step"), shown  # before anything is signed
    back = back.result
    assert back["release"]["version"] == "1.0"
    told = cli("status", "--project", project).out
    assert re.match(r"Answering 200 in \d+ ms, release 3 \(back at version 1.0\), ", told)
    assert re.search(
        rf"{first['item_hash']}  on demand +\d+ (s|min) +3, \d+ (s|min) .* answers 200 in \d+ ms",
        cli("list", "--check").out,
    )
    assert "release" not in cli("list").out
    assert ask(first["urls"][0]) == (200, "one")
    assert cli.json("verify", "--project", project).code == 1
    assert cli.json("status", "--project", project).result["status"]["contents"][0]["version"] == "1.0"
    assert len(cli.json("prune", "--project", project, "--yes").result["forgotten"]) == 1
    assert cli.json("status", "--project", project).result["status"]["release"]["number"] == 3
    assert ask(first["urls"][0]) == (200, "one")


@pytest.fixture(scope="module")
def slow_network(tmp_path_factory):
    """Serve a network whose host takes a second to stop a program."""

    class Slow(RunningNetwork):
        pace = 0.2

    running = Slow(tmp_path_factory.mktemp("slow"))
    yield running
    running.stop()


@pytest.fixture
def slow_cli(cli, slow_network, monkeypatch):
    monkeypatch.setenv("ALEPH_API_HOST", slow_network.url)
    slow_network.faucet(cli.account.address, 10**9)
    return cli


def starts(cli, *arguments: object) -> list[str]:
    return [line["text"] for line in cli.json("logs", *arguments).result["lines"] if START_MARK in line["text"]]


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_nobody_asks_a_program_while_an_amend_makes_the_host_stop_it(slow_cli, write, command):
    project = write()
    url = slow_cli.json("deploy", "--project", project, "--yes", "--no-smoke").result["urls"][0]
    write("two")
    if command == "rollback":
        slow_cli.json("deploy", "--project", project, "--yes", "--no-smoke")
    assert ask(url)[0] == 200
    before = len(starts(slow_cli, "--project", project))
    done = slow_cli(command, "--project", project, "--yes", *(["--no-smoke"] if command == "deploy" else []))
    assert done.code == 0, done.err
    assert "until the host has stopped the previous code" in done.err
    assert ask(url) == (200, "two" if command == "deploy" else "one")
    # Who asks too early starts a machine that never comes up, and then another.
    assert len(starts(slow_cli, "--project", project)) == before + 1


def test_nor_does_update_of_a_program_without_a_project(slow_cli):
    made = slow_cli.create("one")
    assert ask(made["urls"][0]) == (200, "one")
    before = len(starts(slow_cli, made["item_hash"]))
    done = slow_cli("update", made["item_hash"], slow_cli.app("two"), "--no-smoke")
    assert done.code == 0, done.err
    assert "until the host has stopped the previous code" in done.err
    assert ask(made["urls"][0]) == (200, "two")
    assert len(starts(slow_cli, made["item_hash"])) == before + 1


def test_a_program_that_does_not_start_is_told_after_the_second_start_with_its_log(cli, write):
    project = write(settings="[tool.aleph.health]\ntimeout-seconds = 100")
    (project / "main.py").write_text("raise RuntimeError('no engine')\nasync def app(*_): ...\n")
    error = cli.json("deploy", "--project", project, "--yes", "--no-smoke").error
    assert "does not start" in error["message"]
    assert "no engine" in error["message"]
    assert len(starts(cli, "--project", project)) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import no_such_library", "Neither image has the module"),
        ("import os; os.mkdir('logs')", "The images are read-only"),
        (
            "import socket; socket.create_connection(('192.0.2.1', 443), 3)",
            "Without `internet = true` a program reaches",
        ),
        ("import socket; socket.getaddrinfo('example.org', 443)", "Without `internet = true` a program reaches"),
        ("raise RuntimeError", "Nothing was sent"),
    ],
)
def test_what_does_not_start_when_tried_here_says_what_to_do(cli, write, line, says):
    project = write()
    (project / "main.py").write_text(f"{line}\nasync def app(*_): ...\n")
    failed = cli.json("deploy", "--project", project, "--yes")
    assert failed.code == 12
    assert "does not start" in failed.error["message"]
    assert failed.error["hint"].startswith(says)
    assert "Nothing was sent. See it with" in failed.error["hint"]


def test_run_says_whose_program_it_is_and_what_the_sandbox_is_not(cli, write):
    project = write()
    item_hash = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result["item_hash"]
    command = [
        sys.executable,
        "-m",
        "hatch_aleph",
        "run",
        item_hash,
        "--node",
        cli.network.url,
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as running:
        lines = iter(running.stdout)
        told = [json.loads(next(lines))]
        while told[-1]["event"] == "notice" and "belongs to" not in told[-1]["text"]:
            told.append(json.loads(next(lines)))
        running.terminate()
    assert cli.account.address in told[-1]["text"]
    assert "programs of strangers belong into a virtual machine" in told[-1]["text"]


def test_verify_believes_nothing_that_earlier_builds_kept(cli, write, tmp_path, monkeypatch):
    project = write()
    assert cli("deploy", "--project", project, "--yes", "--no-smoke").code == 0
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / "cache"))
    assert cli.json("verify", "--project", project).result["same"]
    assert [folder.name for folder in (tmp_path / "cache").glob("*") if folder.name in KINDS] == []
    assert cli("build", "--project", project, "--out", tmp_path / "out").code == 0
    assert (tmp_path / "cache" / "builds").exists()


def test_a_persistent_program_is_asked_only_where_the_scheduler_runs_it(cli, write):
    project = write(settings="persistent = true")
    done = cli("deploy", "--project", project, "--yes", "--no-smoke")
    assert done.code == 0, done.err
    assert "until the scheduler has started" in done.err
    status = cli.json("status", "--project", project).result["status"]
    assert (status["persistent"], status["runs_persistent"]) == (True, True)
    assert status["host"] == cli.network.url
    assert status["running_since"]
    shown = cli("status", "--project", project).out
    since = f"{status['running_since'][:19].replace('T', ' ')} UTC"
    where = f"  persistent: runs as a persistent program on {cli.network.url} since {since}\n"
    assert where in shown


# Prints the exit code, then the modules of ours that a command has loaded.
COUNT = """
import sys
from hatch_aleph.cli import run
print(run(sys.argv[1:]), *(name for name in sys.modules if name.startswith("hatch_aleph")), file=sys.stderr)
"""


def test_a_deployment_with_nothing_to_do_loads_little(cli, write):
    command = [sys.executable, "-c", COUNT, "deploy", "--project", str(write()), "--yes", "--no-smoke", "--json"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert (code, 'changed": false' in done.stdout) == ("0", True)
    assert len(modules) <= 70, modules


@pytest.mark.parametrize("lie", [NoPrices(404), NoPrices(422), LastRelease()], ids=["404", "422", "last release"])
def test_on_a_node_that_gives_no_estimate_everything_goes_on_at_unknown_cost(cli, network, write, monkeypatch, lie):
    node = LyingNode(network.url)
    node.lie = lie
    monkeypatch.setenv("ALEPH_API_HOST", node.url)
    monkeypatch.setenv("ALEPH_HOST_URL", network.url)
    unknown = isinstance(lie, NoPrices)
    answer = f"at what cost {type(lie).__name__} {id(lie)}"
    try:
        project = write(answer)
        for command in ("plan", "deploy"):
            done = cli(command, "--project", project, *(["--yes", "--no-smoke"] if command == "deploy" else []))
            assert done.code == 0, done
            assert ("unknown" in done.out + done.err) is unknown, (command, done)
        done = cli("create", cli.app(answer), "main:app", "--name", "costs", "--yes", "--no-smoke", "--verbose")
        assert ("at unknown cost" in done.err, "Its cost is unknown" in done.out + done.err) == (unknown, unknown), done
        (made,) = [each for each in cli.json("list").result["programs"] if each["name"] == "costs"]
        assert cli("update", made["item_hash"], cli.app(f"newer {answer}"), "--yes", "--no-smoke").code == 0
        checked = cli("runtime-checker", "debian-12")
        assert (checked.code, "unknown cost" in checked.err) == (0, unknown), checked
    finally:
        node.stop()


def test_an_unknown_volume_is_told_before_anything_is_sent(cli, write):
    volume = f'[[tool.aleph.volumes.immutable]]\nmount = "/opt/lib"\nref = "{"ab" * 32}"'
    error = cli.json("deploy", "--project", write(settings=volume), "--yes").error
    assert (error["where"], "unknown" in error["message"]) == ("ab" * 32, True)
    assert cli.sent == []


def test_an_app_that_fails_is_not_published(cli, write):
    error = cli.json("deploy", "--project", write(status=500), "--yes").error
    assert "Tried here" in error["message"]
    assert error["exit_code"] == 11
    assert cli.sent == []


def test_what_an_answer_leaves_open_is_told(cli, write):
    """A refusal counts as an answer, and so does that of an app which could not write beside itself."""
    project = write(status=404)
    source = (project / "main.py").read_text()
    (project / "main.py").write_text(
        f"try:\n    open('kept', 'w')\nexcept OSError as error:\n    print('Cache is off:', error)\n{source}"
    )
    done = cli("deploy", "--project", project, "--yes")
    assert done.code == 0, done.err
    assert "Tried here, the program answers 404 at /" in done.err
    assert "Cache is off: [Errno 30] Read-only file system: 'kept'. The images are read-only" in " ".join(
        done.err.split()
    )
    named = write("named", status=404, settings="[tool.aleph.health]\nstatus = 404")
    assert "Tried here" not in cli("deploy", "--project", named, "--yes").err


def test_secrets_stop_a_deployment_by_file_and_line(cli, write):
    project = write()
    (project / "main.py").write_text('import this\n\nPASSWORD = "tr0ub4dor-and-3"\nasync def app(*_): ...\n')
    error = cli.json("deploy", "--project", project, "--yes").error
    assert "main.py:3: secret by its name and form" in error["message"]
    assert cli.sent == []


def test_what_an_owner_has_not_permitted_is_refused_before_anything_is_sent(cli, write, network):
    project = write(settings=f'address = "{network.new_account().address}"')
    error = cli.json("deploy", "--project", project, "--yes", "--no-smoke").error
    assert (error["kind"], error["exit_code"]) == ("PlanError", 13)
    assert f"authorization add {cli.account.address} --deploy" in error["hint"]
    assert cli.sent == []


def test_a_rejection_is_one_error_with_the_networks_code_and_the_next_step(cli, write, network, monkeypatch):
    # Permitted when it was looked at, no more when the message came.
    for module in ("session", "outbox"):
        monkeypatch.setattr(f"hatch_aleph.deploy.{module}.check_permitted", lambda *_, **__: None)
    project = write(settings=f'address = "{network.new_account().address}"')
    error = cli.json("deploy", "--project", project, "--yes", "--no-smoke").error
    assert (error["kind"], error["exit_code"], error["code"]) == ("RejectedError", 10, 2)
    assert "let the owner permit this account" in error["hint"]


def test_a_plan_needs_no_key_and_a_saved_one_is_applied(cli, write, tmp_path, monkeypatch):
    project = write()
    saved = tmp_path / "plan.json"
    owner = ("--address", cli.account.address)
    assert cli.json("plan", "--project", project, *owner, "--out", saved, "--detailed-exitcode").code == 2
    with monkeypatch.context() as without:
        without.delenv("ALEPH_PRIVATE_KEY_FILE")
        without.setenv("HOME", str(tmp_path))
        dry = cli.json("deploy", "--project", project, "--dry-run")
        assert dry.result["plan"]["program"]["action"] == "create"
        assert cli.json("deploy", "--project", project, "--yes").error["kind"] == "AccountError"
    assert cli.sent == []
    assert cli.json("deploy", "--project", project, "--plan", saved).result["changed"]
    assert cli.json("deploy", "--project", project, "--plan", saved).result["changed"] is False


def test_without_a_terminal_it_asks_for_yes(cli, write):
    done = cli("deploy", "--project", write())
    assert done.code == 64
    assert "--yes" in done.err
    assert cli.sent == []


def test_errors_are_one_with_detailed_exit_codes_and_usage_is_never_two(cli, write):
    project = write()
    assert cli("plan", "--project", project, "--node", "http://127.0.0.1:9", "--detailed-exitcode").code == 1
    assert cli("plan", "--no-such-option").code == 64


def test_in_a_pipe_there_are_no_escape_codes_and_json_is_line_by_line(cli, write, tmp_path, monkeypatch):
    page = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    monkeypatch.setenv("FORCE_COLOR", "")
    project = write()
    command = [sys.executable, "-m", "hatch_aleph", "deploy", "--project", str(project), "--yes"]
    text = subprocess.run(command, capture_output=True, check=False)
    assert text.returncode == 0, text.stderr
    assert b"\x1b" not in text.stdout + text.stderr
    assert "→ `hatch-aleph:shop`" in page.read_text()
    write("two")
    lines = subprocess.run([*command, "--json"], capture_output=True, check=True).stdout.decode().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events[-1] == "result"
    assert {"plan", "step", "done", "progress"} <= set(events)


def test_a_profile_is_deployed_and_deleted_beside_the_others(cli, write):
    project = write()
    common = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    pr = cli.json("deploy", "--project", project, "--yes", "--no-smoke", "--profile", "pr-12").result
    assert pr["item_hash"] != common["item_hash"]
    cli.json("delete", "--project", project, "--profile", "pr-12", "--yes")
    assert cli.json("status", "--project", project, "--profile", "pr-12").code == 1
    assert ask(common["urls"][0]) == (200, "one")
