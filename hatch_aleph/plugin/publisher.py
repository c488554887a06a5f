"""The publisher: ``hatch publish -p aleph`` publishes what ``hatch build -t aleph`` left in dist/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatch.publish.plugin.interface import PublisherInterface

from hatch_aleph.artifact import SUFFIX

_USAGE = 64


class AlephPublisher(PublisherInterface):
    """Hands over to ``hatch-aleph deploy --no-build``: an option ``-o NAME=VALUE`` is its ``--NAME VALUE``."""

    PLUGIN_NAME = "aleph"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        """Publish the artifact that lies in dist/, or those that are named.

        Args:
            artifacts: Manifests, or folders with one; none stands for dist/ (Hatch passes nothing by default).
            options: Of ``[tool.hatch.publish.aleph]`` and ``-o``.
        """
        manifests = [each for each in artifacts if each.endswith(SUFFIX) or Path(each).is_dir()]
        if artifacts and not manifests:
            self.app.abort(f"None of these is an artifact (*{SUFFIX}): {', '.join(artifacts)}", _USAGE)
        given = {name: value for name, value in self.project_config.items() if name != "disable"} | options
        for manifest in manifests or [""]:
            command = [sys.executable, "-m", "hatch_aleph", "deploy", "--no-build", "--project", str(self.root)]
            for name, value in given.items():
                command += _option(name, value)
            done = subprocess.run([*command, *([manifest] if manifest else [])], check=False)
            if done.returncode:
                self.app.abort("", done.returncode)


def _option(name: str, value: Any) -> list[str]:
    """Return an option of the command line; true and false switch a flag on and off."""
    flag = f"--{name.replace('_', '-')}"
    if value is True or str(value).lower() in ("", "true"):
        return [flag]
    if value is False or str(value).lower() == "false":
        return []
    return [flag, str(value)]
