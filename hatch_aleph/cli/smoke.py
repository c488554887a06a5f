"""Try a program in the local host before it is published: afterwards there may be no log to tell why it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.health import Answer, judge
from hatch_aleph.errors import GuestError, HealthError, NetworkError
from hatch_aleph.files import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.local.host import ProgramSpec, Standby
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.settings.model import HealthCheck
    from hatch_aleph.squashfs.pool import Job

    Notice = Callable[[str], None]
    Connect = Callable[[], NodeClient]


def smoke_test(
    artifact: Artifact,
    notice: Notice,
    connect: Connect,
    *,
    again: str = "",
    standby: Standby | None = None,
    beside: Job | None = None,
) -> None:
    """Start an artifact's program here, ask it once, and stop it.

    A machine that cannot run it (another platform, no such Python, a volume that no node gives) is told and passed
    over.

    Args:
        artifact: What is to be published.
        notice: Is told what is passed over.
        connect: Gives the node that has its volumes.
        again: Command that shows the same once more; "" where there is none.
        standby: Has a guest for it, if one was booted ahead.
        beside: Checks that go on meanwhile: the first that fails ends the trial, with its own error.

    Raises:
        GuestError: The program does not start.
        HealthError: It starts, but does not answer as the settings say.
    """
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.local.host import is_runtimes_platform

    manifest = artifact.manifest
    if not is_runtimes_platform():
        notice("The program is not tried here: this machine does not run the runtime's modules.")
        return
    check = manifest.settings.health
    lines: list[str] = []

    def why(cause: str = "") -> str:
        from hatch_aleph.deploy.program_log import explanation, failure_in, keep_log

        log = keep_log(Cache.default().log(str(manifest.project["name"])), lines) if lines else ""
        return explanation(cause.splitlines() if cause and not failure_in(lines) else lines, log)

    with scratch_folder() as folder:
        try:
            trial = _ask(artifact, check.path, folder, notice, connect, lines=lines, standby=standby)
            answer = asyncio.run(_unless_failed(trial, beside) if beside else trial)
        except GuestError as error:
            from hatch_aleph.local.host import StartError

            error.hint = error.hint or _way_out(error.message, again)
            cause = error.cause if isinstance(error, StartError) else ""
            if cause:  # told as it is of one that runs at a host
                error.message = "Tried here, the program does not start."
                error.where = manifest.program_settings.entrypoint
            error.message += why(cause)
            raise
    reason = judge(check, answer, None) if answer is not None else None
    if reason is not None:
        raise HealthError(
            f"Tried here, the program does not answer as it should: {reason}{why()}",
            where=check.path,
            hint=_way_out("", again),
        )
    for line in _doubts(check, answer, lines):
        notice(line)


def _doubts(check: HealthCheck, answer: Answer | None, lines: list[str]) -> Iterator[str]:
    """Tell what an answer that counts as healthy leaves open: nothing is served there, or something was not written."""
    if answer is not None and check.status is None and _REFUSED <= answer.status < _FAILED:
        yield (
            f"Tried here, the program answers {answer.status} at {check.path}: `health.path` may name what it serves, "
            f"`health.status` the status that it must answer.{_HOSTS if answer.status in _REFUSED_HOST else ''}"
        )
    for line in lines:
        if _READ_ONLY in line:
            yield f"Tried here, the program could not write: {line.strip()[:_SHOWN]}. {_CAUSES[_READ_ONLY].strip()}"
            return


def _way_out(message: str, again: str) -> str:
    """Return what to do about a program that does not start here."""
    see = f" See it with {again};" if again else ""
    return f"{remedy(message)}Nothing was sent.{see} `--no-smoke` publishes without trying."


def remedy(message: str) -> str:
    """Return a line on what mends a failed start, by what its error says; "" where that tells nothing."""
    return next((text for said, text in _CAUSES.items() if said in message), "")


_READ_ONLY = "Read-only file system"
_REFUSED = 400
_FAILED = 500
# Django, Starlette and Flask refuse a host that their settings do not name by the first, MCP's SDK by the second.
_REFUSED_HOST = (400, 421)
_HOSTS = (
    " Frameworks answer so to a host that they do not know (ALLOWED_HOSTS, TrustedHostMiddleware, TRUSTED_HOSTS, "
    "transport_security), and "
    "a program's own name, made of its item hash, is known to nobody before: allow any, or the custom domain."
)
_LOOK = 0.02  # seconds
_SHOWN = 300  # characters of a line of the log
_NO_NETWORK = "Without `internet = true` a program reaches the network's API and nothing else.\n"
# What stops most programs that ran on a server, and what mends it, as the guide to what does not start tells.
_CAUSES = {
    "No module named": "Neither image has the module: add the distribution that brings it to the project's "
    "dependencies; a module of the project itself must be in its wheel.\n",
    _READ_ONLY: "The images are read-only: let it write to /tmp or to a persistent volume.\n",
    "Temporary failure in name resolution": _NO_NETWORK,
    "Network is unreachable": _NO_NETWORK,
}


async def spec_of(artifact: Artifact, notice: Notice, connect: Connect, **changes: Any) -> ProgramSpec:
    """Return what the local host runs of an artifact; volumes of the network are fetched from the node.

    Raises:
        NetworkError: A volume cannot be fetched.
    """
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.local.host import Source, built

    remote = [volume.mount for volume in artifact.manifest.program_settings.volumes.immutable if volume.ref]
    if not remote:
        return await built(artifact, **changes)
    notice(f"Fetching what the program mounts: {', '.join(remote)}")
    source = Source(connect, Cache.default().host)
    try:
        return await built(artifact, source, **changes)
    finally:
        source.close()


async def _unless_failed(trial: Coroutine[Any, Any, Answer | None], beside: Job) -> Answer | None:
    """Return what a trial does, and raise as soon as a check fails that goes on beside it."""
    task = asyncio.create_task(trial)
    while not task.done():
        no_more = beside.done
        if beside.failed:
            task.cancel()  # its guest is stopped on the way out
        await asyncio.wait({task}, timeout=None if no_more else _LOOK)
    await asyncio.gather(task, return_exceptions=True)
    if beside.failed:
        beside.result()
    return task.result()


async def _ask(
    artifact: Artifact,
    path: str,
    folder: Path,
    notice: Notice,
    connect: Connect,
    *,
    lines: list[str],
    standby: Standby | None,
) -> Answer | None:
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.local.host import place_here, smoke

    try:
        spec = await spec_of(artifact, notice, connect)
        cache = Cache.default()
        place = place_here(
            spec.python,
            cache=cache.host,
            volumes=folder / "volumes",
            isolation=standby.isolation() if standby else None,
            memory=cache.interpreters,
        )
    except (GuestError, NetworkError) as error:
        notice(f"The program is not tried here: {error}")
        return None
    answer = await smoke(spec, place, path, on_line=lines.append, standby=standby)
    text = answer.body.decode("utf-8", "replace")
    return Answer(answer.status, dict(answer.headers), " ".join(text[:300].split()))
