"""Workflows for continuous integration: plan and preview on pull requests, deploy on tags.

What is built never sees the key: one job builds, another one, which runs no code of the project, signs.
"""

from __future__ import annotations

from importlib import resources
from typing import Literal

from hatch_aleph.errors import UsageError
from hatch_aleph.installation import requirement

Service = Literal["github", "gitlab"]
FILES: dict[Service, str] = {"github": ".github/workflows/aleph.yml", "gitlab": ".gitlab-ci.yml"}
PREVIEW_PROFILE = "pr-*"


def workflow(service: Service, installed: str) -> str:
    """Return the text of a workflow.

    Args:
        service: Whose form.
        installed: What installs this tool there, as pip takes it.
    """
    text = resources.files(__package__).joinpath(f"{service}.yml").read_text("utf-8")
    return text.replace("@REQUIREMENT@", installed)


def own_requirement() -> str:
    """Return the requirement by which another machine gets the tool that runs here.

    Raises:
        UsageError: It was installed from a folder or file, which no other machine has.
    """
    found = requirement("[deploy]")
    if " @ file:" not in found:
        return found
    raise UsageError(
        "This hatch-aleph was installed from a folder or a file, which a CI machine does not have",
        hint="Say what installs it there: --install 'hatch-aleph[deploy] @ git+https://...'.",
    )
