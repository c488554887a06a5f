"""Where a release comes from: its commit and the machine that published it, as its messages note them.

Messages are public for ever, so a machine is named by a digest that tells it from others, or by its CI service.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMIT, MACHINE = "commit", "machine"
_SERVICES = {"GITHUB_ACTIONS": "GitHub Actions", "GITLAB_CI": "GitLab CI", "CIRCLECI": "CircleCI", "CI": "CI"}
_SECONDS = 5.0


def machine(owner: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return what this machine is called in an owner's messages."""
    service = next((name for variable, name in _SERVICES.items() if environ.get(variable)), None)
    return service or hashlib.sha256(f"{owner}\n{platform.node()}".encode()).hexdigest()[:8]


def commit(folder: Path) -> str | None:
    """Return the beginning of the commit that is checked out in a folder, if git knows one."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]  # of all commands the one that runs no hook or filter
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told[:12] if re.fullmatch(r"[0-9a-f]{40,64}", told) else None


def origin_of(folder: Path, owner: str) -> dict[str, str]:
    """Return the notes on where what is published now comes from."""
    checked_out = commit(folder)
    return {MACHINE: machine(owner), **({COMMIT: checked_out} if checked_out else {})}
