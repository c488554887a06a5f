"""The workflows hold together: their commands and options exist, and no build sees the key."""

import json
import re

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


def test_gitlab_s_workflow_is_one():
    data = yaml.safe_load(workflows.workflow("gitlab", INSTALL))
    assert [name for name in data if name.startswith("aleph ")] == [
        "aleph build",
        "aleph plan",
        "aleph deploy",
        "aleph preview",
        "aleph remove preview",
    ]


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
