"""Try a program in the local host before it is published: afterwards there may be no log to tell why it fails."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.commands import typed
from hatch_aleph.deploy.health import Answer, HealthCheck
from hatch_aleph.deploy.program_log import explanation
from hatch_aleph.errors import GuestError, HealthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.artifact import Artifact


def smoke_test(artifact: Artifact, *, notice: Callable[[str], None]) -> None:
    """Start an artifact's program here, ask it once, and stop it.

    A machine that cannot run it (another platform, no such Python, a volume of the network) is told and passed over.

    Raises:
        GuestError: The program does not start.
        HealthError: It starts, but does not answer as the settings say.
    """
    from hatch_aleph.local.host import is_runtimes_platform

    manifest = artifact.manifest
    remote = [volume.mount for volume in manifest.program_settings.volumes.immutable]
    if not is_runtimes_platform():
        notice("The program is not tried here: this machine does not run the runtime's modules.")
        return
    if remote:
        notice(f"The program is not tried here: it needs volumes of the network ({', '.join(remote)}).")
        return
    check = HealthCheck.of(manifest.settings.health)
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-smoke-") as folder:
        answer, lines = asyncio.run(_ask(artifact, check.path, Path(folder), notice))
    reason = check.judge(answer, None) if answer is not None else None
    if reason is not None:
        raise HealthError(
            f"Tried here, the program does not answer as it should: {reason}{explanation(lines, typed('serve'))}",
            where=check.path,
            hint=f"Nothing was sent. See it with {typed('serve')}; `--no-smoke` publishes without trying.",
        )


async def _ask(
    artifact: Artifact, path: str, folder: Path, notice: Callable[[str], None]
) -> tuple[Answer | None, list[str]]:
    from hatch_aleph.files import cache_folder
    from hatch_aleph.local.host import built, place_here, smoke

    spec = await built(artifact)
    try:
        place = place_here(spec.python, cache=cache_folder() / "host", volumes=folder / "volumes")
    except GuestError as error:
        notice(f"The program is not tried here: {error.message}.")
        return None, []
    lines: list[str] = []
    answer = await smoke(spec, place, path, on_line=lines.append)
    text = answer.body.decode("utf-8", "replace")
    return Answer(answer.status, dict(answer.headers), " ".join(text[:300].split())), lines
