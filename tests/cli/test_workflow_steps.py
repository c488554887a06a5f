"""The workflows that `init --ci` writes, run line by line in fresh folders against the network on this machine.

Of the services there are only their rules: which job runs, what its environment is, what it gets of the jobs before.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hatch_aleph.scaffold.workflows import FILES, workflow

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the jobs' shell is a POSIX one")
PROJECT = """\
[project]
name = "shop"
version = "1.0"
[tool.aleph]
entrypoint = "main:app"
[tool.aleph.profiles."pr-*"]
"""
APP = """\
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%s"})
"""
TOOL = "hatch-aleph[deploy]==1.2.3"
# What a job's machine has beside the shell. Nothing is installed here: the tool that is tried is there already.
PYTHON = f'#!/bin/sh\n[ "$1 $2 $3" = "-m pip install" ] && case "$*" in *"{TOOL}") exit 0;; esac\nexit 1\n'
GH = '#!/bin/sh\necho "$@" > "$COMMENTS/$GH_TOKEN"\ncat plan.md >> "$COMMENTS/$GH_TOKEN"\n'
CURL = '#!/bin/sh\necho "$@" > "$COMMENTS/t"\ncat plan.md >> "$COMMENTS/t"\n'


class Service:
    """Runs the jobs of a workflow in order; a job's folder is a copy of the project with the artifacts before it."""

    def __init__(self, folder: Path, kind: Any, network_url: str, key: str, answer: str) -> None:
        self.data = yaml.safe_load(workflow(kind, TOOL))
        self.folder, self.key, self.count = folder, key, 0
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "pyproject.toml").write_text(PROJECT)
        (self.project / "main.py").write_text(APP % answer)
        tools = folder / "tools"
        tools.mkdir()
        for name, text in {"python": PYTHON, "gh": GH, "curl": CURL}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.comments = folder / "comments"
        self.comments.mkdir()
        path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
        here = {name: value for name, value in os.environ.items() if not name.startswith(("ALEPH_", "CI", "GITHUB_"))}
        self.machine = {**here, "PATH": path, "ALEPH_API_HOST": network_url, "COMMENTS": str(self.comments)}

    def fresh(self, built: Path | None) -> Path:
        self.count += 1
        folder = self.folder / f"job{self.count}"
        shutil.copytree(self.project, folder)
        if built is not None:
            shutil.copytree(built / "dist", folder / "dist")
        return folder

    def shell(self, script: str, folder: Path, environment: dict[str, str]) -> None:
        ran = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        del environment["HATCH_ALEPH_CACHE"]  # what the local host needs is in this machine's own, without an index
        done = subprocess.run(
            ran, cwd=folder, env=self.machine | environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert not done.returncode, done.stdout + done.stderr
        assert self.key not in done.stdout + done.stderr


class GitHub(Service):
    """Runs a workflow's steps for an event."""

    def event(self, name: str, action: str = "", head: str = "me/shop") -> list[str]:
        pull = {"action": action, "number": 7, "pull_request": {"head": {"repo": {"full_name": head}}}}
        github = {"event_name": name, "repository": "me/shop", "token": "t", "event": pull if action else {}}
        self.context = {
            "github": github | {"workspace": str(self.folder)},
            "secrets": {"ALEPH_PRIVATE_KEY": self.key},
            "vars": {},
        }
        ran: list[str] = []
        built = None
        for job, table in self.data["jobs"].items():
            if not {table.get("needs", job)} <= {*ran, job} or not self.value(table.get("if", "True")):
                continue
            takes = any("download-artifact" in step.get("uses", "") for step in table["steps"])
            folder = self.fresh(built if takes else None)
            for step in table["steps"]:
                if "run" in step and self.value(step.get("if", "True")):
                    environment = {**self.data["env"], **step.get("env", {})}
                    self.shell(self.fill(step["run"]), folder, {k: self.fill(v) for k, v in environment.items()})
            built = folder if job == "build" else built
            ran.append(job)
        return ran

    def fill(self, text: str) -> str:
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(self.value(found[1])), text)

    def value(self, expression: str) -> Any:
        """Evaluate what the workflow uses of GitHub's expressions."""
        python = expression.replace("&&", " and ").replace("||", " or ").strip()
        python = re.sub(r"\b(?:github|secrets|vars)(?:\.\w+)+", lambda found: f"look({found[0]!r})", python)
        return eval(python, {"look": self.look, "format": str.format})  # noqa: S307 - our own workflow

    def look(self, path: str) -> Any:
        value: Any = self.context
        for name in path.split("."):
            value = value.get(name, "") if isinstance(value, dict) else ""
        return value


class GitLab(Service):
    """Runs a pipeline's scripts."""

    def event(self, name: str, action: str = "") -> list[str]:
        tag = name == "push"
        rules = {"$CI_COMMIT_TAG =~ /^v/": tag, '$CI_PIPELINE_SOURCE == "merge_request_event"': not tag}
        given = {"CI_API_V4_URL": "https://gitlab.example", "CI_PROJECT_ID": "3"}
        given |= {} if tag else {"CI_MERGE_REQUEST_IID": "7"}
        base, ran, built = self.data[".aleph"], [], None
        for job, table in self.data.items():
            if not job.startswith("aleph "):
                continue
            rule = next((rule for rule in table.get("rules", base["rules"]) if rules[rule["if"]]), None)
            if rule is None or (rule.get("when") == "manual") != (action == "closed"):
                continue
            folder = self.fresh(None if table.get("dependencies") == [] else built)
            scoped = table.get("environment", {}).get("name", "")
            secret = {"plan": {"ALEPH_NOTES_TOKEN": "t"}, "": {}}.get(scoped, {"ALEPH_PRIVATE_KEY": self.key})
            self.shell(
                "\n".join([*base["before_script"], *table["script"]]), folder, base["variables"] | given | secret
            )
            built = folder if job == "aleph build" else built
            ran.append(job.removeprefix("aleph ").replace("remove preview", "remove-preview"))
        return ran


def live(network, address: str) -> dict[str, str]:
    """Return the profile of each program that is live, and what it answers."""
    found = {}
    for kind, item_hash in network.sent(address):
        if kind == "PROGRAM" and network.status(item_hash) == "processed":
            tags = network.content(item_hash)["metadata"]
            found[item_hash] = str(tags)
    return found


@pytest.mark.parametrize("service", [GitHub, GitLab])
def test_a_pull_request_and_a_release(service, network, tmp_path):
    kind = service.__name__.lower()
    assert kind in FILES
    account = network.new_account()
    key = bytes(account._sdk_account.private_key).hex()
    at = service(tmp_path, kind, network.url, key, f"by {kind}")
    deploys = "deploy" if kind == "github" else "preview"
    assert at.event("pull_request", "opened") == ["build", "plan", deploys]
    (preview,) = live(network, account.address).values()
    assert "pr-7" in preview
    comment = (at.comments / "t").read_text()
    assert "7" in comment.partition("\n")[0]
    assert "create" in comment
    if kind == "github":  # of another repository: no secrets, no comment
        (at.comments / "t").unlink()
        assert at.event("pull_request", "opened", head="stranger/shop") == ["build", "plan"]
        assert not any(at.comments.iterdir())
    assert at.event("pull_request", "closed") == ["remove-preview"]
    assert not live(network, account.address)
    assert at.event("push") == (["build", "deploy"] if kind == "github" else ["build", "plan", "deploy"])
    (released,) = live(network, account.address).values()
    assert "pr-7" not in released
