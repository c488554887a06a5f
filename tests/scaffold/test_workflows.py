"""The workflows hold together: their commands and options exist, and no build sees the key."""

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import click
import pytest
import yaml

from hatch_aleph import installation
from hatch_aleph.cli import cli
from hatch_aleph.errors import UsageError
from hatch_aleph.scaffold import workflows

INSTALL = "hatch-aleph[deploy]==1.2.3"


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_each_command_and_option_exists(service):
    text = workflows.workflow(service, INSTALL)
    commands = re.findall(r"hatch-aleph ((?:build|plan|deploy|delete)[^\n]*)", text)
    assert len(commands) >= 4
    for line in commands:
        name, *options = line.split()
        command = cli.get_command(click.Context(cli), name)
        known = {option for each in command.params for option in each.opts}
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", line)) <= known, line
        assert options


def test_github_s_workflow_is_one(tmp_path):
    data = yaml.safe_load(workflows.workflow("github", INSTALL))
    assert set(data["jobs"]) == {"build", "plan", "deploy", "remove-preview"}
    assert data["env"]["HATCH_ALEPH"] == INSTALL
    holders = {
        (job, step["run"].split()[1])
        for job, steps in data["jobs"].items()
        for step in steps["steps"]
        if "ALEPH_PRIVATE_KEY" in json.dumps(step)
    }
    assert holders == {("deploy", "deploy"), ("remove-preview", "delete")}
    # The ref of a merged pull request is its target: removals would wait for each other there, and be cancelled.
    assert "github.event.number ||" in data["concurrency"]["group"]


def test_gitlab_s_workflow_is_one():
    data = yaml.safe_load(workflows.workflow("gitlab", INSTALL))
    assert [name for name in data if name.startswith("aleph ")] == [
        "aleph build",
        "aleph plan",
        "aleph deploy",
        "aleph preview",
        "aleph remove preview",
    ]
    assert data["aleph remove preview"]["dependencies"] == []  # an expired artifact would fail it
    # A merge request's branch is not protected, so what is scoped to an environment is all that is kept from a build.
    assert [name for name in data if "environment" in data[name]] == [
        "aleph plan",
        "aleph deploy",
        "aleph preview",
        "aleph remove preview",
    ]


@pytest.mark.skipif(os.name == "nt", reason="the job's shell is a POSIX one")
@pytest.mark.parametrize("variables", [{}, {"CI_MERGE_REQUEST_IID": "7"}])
def test_gitlab_s_plan_is_a_comment_of_the_merge_request(variables, tmp_path):
    posted = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            posted.append((self.path, self.headers["private-token"], parse_qs(body.decode())))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    script = yaml.safe_load(workflows.workflow("gitlab", INSTALL))["aleph plan"]["script"]
    tool = "hatch-aleph() { printf '# A plan\\n\\na & b' > \"$GITHUB_STEP_SUMMARY\"; }"
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        here = {
            "CI_API_V4_URL": f"http://127.0.0.1:{server.server_port}",
            "CI_PROJECT_ID": "3",
            "ALEPH_NOTES_TOKEN": "t",
        }
        subprocess.run(
            ["bash", "-euc", "\n".join([tool, *script])],
            check=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "CI_MERGE_REQUEST_IID": "", "ALEPH_ADDRESS": "", "PROFILE": ""}
            | here
            | variables,
        )
        server.shutdown()
    path = "/projects/3/merge_requests/7/notes"
    assert posted == ([(path, "t", {"body": ["# A plan\n\na & b"]})] if variables else [])


@pytest.mark.parametrize(
    ("direct_url", "requirement"),
    [
        (None, "hatch-aleph[deploy]=={version}"),
        (
            {"url": "https://example.org/t.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "hatch-aleph[deploy] @ git+https://example.org/t.git@abc",
        ),
    ],
)
def test_ci_installs_what_is_installed_here(direct_url, requirement, mocker):
    distribution = mocker.Mock(version="1.0", **{"read_text.return_value": direct_url and json.dumps(direct_url)})
    mocker.patch.object(installation.importlib.metadata, "distribution", return_value=distribution)
    assert workflows.own_requirement() == requirement.format(version="1.0")


def test_a_tool_from_a_folder_has_to_be_named(mocker):
    url = json.dumps({"url": "file:///here", "dir_info": {"editable": True}})
    mocker.patch.object(
        installation.importlib.metadata, "distribution", return_value=mocker.Mock(**{"read_text.return_value": url})
    )
    with pytest.raises(UsageError, match="--install"):
        workflows.own_requirement()
