"""``init --try``: the whole way on this machine, with a network and an account that belong to the trial alone."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.cli.context import own_folder
from hatch_aleph.commands import typed
from hatch_aleph.environment import variables
from hatch_aleph.errors import GuestError, HatchAlephError, HealthError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_aleph.cli.context import Context

_ENDED = 20  # seconds that the network gets to end its programs


def run_trial(context: Context, root: Path, *, options: Sequence[str] = ()) -> int:
    """Start a network, deploy the project to it, and leave it running until Ctrl-C.

    A deployment that fails says so in its own words, and its exit code is the trial's.

    Args:
        context: Where to say what happens.
        root: The project.
        options: More of them for ``deploy``.

    Raises:
        NetworkError: The network does not start.
    """
    folder = root / ".aleph" / "trial"
    own_folder(folder)
    # Nothing that it does may touch the user's own account.
    environment = {name: value for name, value in variables().items() if name not in _ACCOUNT_VARIABLES}
    environment["ALEPH_PRIVATE_KEY_FILE"] = str(folder / "account.key")
    try:
        artifact = replace(context, project_folder=root).artifact_here(folder / "dist")
    except HatchAlephError as error:
        return _failed(context, root, context.output.failure(error))
    context.output.doing("Starting a network on this machine")
    network = subprocess.Popen(
        _command("node", "--port", "0", "--folder", str(folder / "network"), "--json"),
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url, page = _addresses_of(network)
        context.output.rest()  # the commands that follow have words of their own
        if not (folder / "account.key").exists():
            _run(root, environment, "account", "create")
        on_it = ("--node", url, "--yes", "--no-secret-scan", "--state-folder", str(folder))
        for step in (("faucet", "--node", url), ("deploy", str(artifact.path), *on_it, *options)):
            context.output.notice(f"$ hatch-aleph {step[0]} --node {url}")
            code = _run(root, environment, *step, shown=step[0] == "deploy")
            if code:
                return _failed(context, root, code)
        if context.output.as_json or not sys.stdin.isatty():
            context.output.notice("It answered. Without a terminal the network ends here.")
            return 0
        context.output.notice("The network runs until Ctrl-C. Its page shows requests and logs: " + page)
        named = {
            "ALEPH_API_HOST": url,
            "ALEPH_PRIVATE_KEY_FILE": environment["ALEPH_PRIVATE_KEY_FILE"],
            "ALEPH_STATE_FOLDER": str(folder),
        }
        words = " ".join(shlex.quote(f"{name}={value}") for name, value in named.items())
        context.output.say(f"Commands in another terminal reach it after: export {words}", err=True, fold=False)
        network.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        network.terminate()
        try:
            network.wait(_ENDED)
        except subprocess.TimeoutExpired:
            network.kill()
    return 0


def _failed(context: Context, root: Path, code: int) -> int:
    """Say what to do after a step that ended with an error of its own, and return its code."""
    from hatch_aleph.scaffold.cautions import of_their_time
    from hatch_aleph.scaffold.pyproject import open_pyproject

    ran = code in (HealthError.exit_code, GuestError.exit_code)
    older = of_their_time(open_pyproject(root).document.unwrap()) if ran else None
    hint = "\n".join(filter(None, (older, f"Mend it, then: {typed('init --try')}")))
    context.output.notice(f"The trial ends here. {hint}")
    return code


_ACCOUNT_VARIABLES = (
    "ALEPH_PRIVATE_KEY",
    "ALEPH_PRIVATE_KEY_FILE",
    "ALEPH_API_HOST",
    "ALEPH_HOST_URL",
    "ALEPH_STATE_FOLDER",
)


def _command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "hatch_aleph", *arguments]


def _run(root: Path, environment: dict[str, str], *arguments: str, shown: bool = False) -> int:
    return subprocess.run(
        _command(*arguments), cwd=root, env=environment, check=False, stdout=None if shown else subprocess.DEVNULL
    ).returncode


def _addresses_of(network: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the network's own word that it is ready; return where it answers, and its page with what opens it."""
    for line in network.stdout or ():
        try:
            event: Any = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "ready":
            return str(event["url"]), str(event["page"])
    raise NetworkError("The network does not start", hint=f"See why: {typed('node')}")
