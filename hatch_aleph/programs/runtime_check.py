"""Read what a runtime really holds: publish a tiny program on it, ask, and take the program away again."""

from __future__ import annotations

import importlib.resources
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph import runtimes
from hatch_aleph.deploy.cleanup import forget
from hatch_aleph.deploy.payment import check_affordable
from hatch_aleph.deploy.preflight import check_program
from hatch_aleph.errors import HealthError
from hatch_aleph.files import scratch_folder
from hatch_aleph.network.money import for_a_day
from hatch_aleph.network.urls import Hosts
from hatch_aleph.plugins import publishing
from hatch_aleph.programs.creation import checked, content_of, publish_code
from hatch_aleph.programs.program_code import prepare_code
from hatch_aleph.waiting import Backoff, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hatch_aleph.deploy.session import Session

MODULE = "runtime_report"
REASON = "End of a runtime check"
_SECONDS = 60
DEADLINE = 180.0
_BACKOFF = Backoff(first=0.5, longest=0.5)
_OK = 200


class Fetch(Protocol):
    """Gets a URL: HTTP status and body. An OSError with its reason when nothing answers."""

    def __call__(self, url: str, *, timeout: float) -> tuple[int, bytes]: ...  # noqa: D102 - the class says it


@dataclass(frozen=True)
class Difference:
    """A fact that is other than this tool assumes.

    Attributes:
        fact: Its name.
        found: What the runtime holds.
        assumed: What ``hatch_aleph.runtimes`` says.
        advice: What follows from it.
    """

    fact: str
    found: str
    assumed: str
    advice: str


@dataclass(frozen=True)
class Checked:
    """What a runtime holds.

    Attributes:
        runtime: Its item hash.
        facts: As :mod:`.runtime_report` gives them.
        differences: From what this tool assumes of it.
        program: Item hash of the program that was asked; it is forgotten.
    """

    runtime: str
    facts: dict[str, Any]
    differences: tuple[Difference, ...]
    program: str


def check_runtime(
    session: Session,
    runtime: str,
    *,
    host: str | None = None,
    fetch: Fetch | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    deadline: float = DEADLINE,
) -> Checked:
    """Publish the checker on a runtime, ask it, and forget it whatever it answered.

    Args:
        session: Who and where.
        runtime: Item hash of the runtime, or its short name.
        host: URL of a host to ask in place of the network's own.
        fetch: Gets URLs.
        sleep: Pauses between questions.
        monotonic: Clock for the deadline.
        deadline: Seconds to wait for the answer.

    Raises:
        SettingsError: There is no such runtime.
        RejectedError: The network refuses the checker.
        HealthError: It does not answer.
    """
    settings = checked(
        {
            "entrypoint": f"{MODULE}:app",
            "name": "runtime-checker",
            "runtime": runtime,
            "adapter": False,
            "timeout-seconds": float(_SECONDS),
        }
    )
    found = runtimes.chosen(settings.runtime)
    with scratch_folder() as folder:
        source = folder / "checker"
        source.mkdir()
        module = importlib.resources.files(__package__) / f"{MODULE}.py"
        (source / f"{MODULE}.py").write_bytes(module.read_bytes())
        code = prepare_code(source, settings, folder, notice=session.notice)
        content = content_of(session, settings, code)
        check_program(session.client, content)
        per_day = check_affordable(session.client, content, code.hashes)
        session.announce(f"Publish a checker on {found.item_hash} for a minute, {for_a_day(per_day)}, then forget it")
        purpose = f"check-runtime:{found.item_hash}"
        session.finish(purpose)
        publication = session.publication("runtime-checker", content=content)
        with session.sending(purpose, settings.channel) as outbox, publishing(publication) as answers:
            ref = publish_code(session, outbox, code, content["payment"], owner=session.owner)
            program = None
            try:
                program = outbox.deliver("PROGRAM", {**content, "code": {**content["code"], "ref": ref}}).item_hash
                urls = Hosts(session.client.nodes[0], host).urls(program)
                session.notice(f"Asking {urls[0]}")
                facts = _ask(urls, fetch or http_fetch, sleep, monotonic, deadline)
                answers(program, urls[0])
            finally:
                # Program first: the network does not let go of code that a program uses.
                doomed = [([item_hash], REASON) for item_hash in (program, ref) if item_hash]
                forget(session.client, outbox, session.owner, doomed)
    if facts.get("image"):
        runtimes.remember(found.item_hash, facts)
    return Checked(found.item_hash, facts, tuple(differences(facts, found)), program)


def _ask(
    urls: Sequence[str],
    fetch: Fetch,
    sleep: Callable[[float], None],
    monotonic: Callable[[], float],
    deadline: float,
) -> dict[str, Any]:
    reason = ""

    def look(left: float) -> dict[str, Any] | None:
        nonlocal reason
        for url in urls:
            facts, reason = _ask_once(url, fetch, max(1.0, min(_SECONDS + 10, left)))
            if facts is not None:
                return facts
        return None

    facts = Waiter(sleep, monotonic).poll(look, deadline, _BACKOFF)
    if facts is None:
        raise HealthError(
            f"The checker does not answer within {deadline:.0f} s: {reason}",
            where=urls[0],
            hint="The runtime has no init that runs Python, or no host runs it. The checker was forgotten again.",
        )
    return facts


def _ask_once(url: str, fetch: Fetch, timeout: float) -> tuple[dict[str, Any] | None, str]:
    """Return the facts, or why there are none."""
    try:
        status, body = fetch(url, timeout=timeout)
        facts = json.loads(body) if status == _OK else None
    except (OSError, ValueError) as error:
        return None, str(error)
    if isinstance(facts, dict):
        return facts, ""
    return None, f"HTTP {status} {body[:300].decode('utf-8', 'replace')}"


def http_fetch(url: str, *, timeout: float) -> tuple[int, bytes]:
    """Get a URL.

    Raises:
        OSError: Nothing answers.
    """
    from hatch_aleph.network.http import Connections, NoAnswerError, Timeouts

    try:
        reply = Connections().send("GET", url, timeout=Timeouts(read=timeout, connect=timeout))
    except NoAnswerError as error:
        raise OSError(error.reason) from error
    return reply.status, reply.body


def differences(facts: dict[str, Any], assumed: runtimes.Runtime) -> Iterator[Difference]:
    """Yield where a runtime is other than what builds assume of it; nothing when no image of it was read."""
    if facts.get("image") is False:
        return
    python = ".".join(str(facts.get("python") or "").split(".")[:2])
    if python != assumed.python:
        advice = _advice(python, known=runtimes.known(assumed.item_hash) is not None)
        yield Difference("python", python, assumed.python, advice)
    glibc = str(facts.get("glibc") or "")
    wanted = ".".join(map(str, assumed.glibc))
    if glibc and _numbers(glibc) < assumed.glibc:
        yield Difference("glibc", glibc, wanted, "wheels for the assumed one may not load")
    elif glibc != wanted:
        yield Difference("glibc", glibc, wanted, "newer: wheels fit")
    machine = str(facts.get("machine"))
    if machine != assumed.architecture:
        yield Difference("machine", machine, assumed.architecture, "compiled wheels do not load")
    distribution = str(facts.get("distribution") or "")
    if assumed.distribution and not _is_release(distribution, assumed.distribution):
        yield Difference("distribution", distribution, assumed.distribution, "the image was replaced")
    if facts.get("bytecode") == []:
        advice = "what a program imports of the standard library is compiled at each of its starts"
        yield Difference("bytecode of the standard library", "none", "plain", advice)
    preloaded = {name for name in facts.get("preloaded") or {} if not name.startswith("_")}
    more, less = sorted(preloaded - set(assumed.preloaded)), sorted(set(assumed.preloaded) - preloaded)
    if more:
        advice = "vendored copies of these are ignored without the adapter"
        yield Difference("preloaded", f"with {', '.join(more)}", "without", advice)
    if less:
        yield Difference("preloaded", f"without {', '.join(less)}", "with", "vendored copies of these are used")


def _advice(python: str, *, known: bool) -> str:
    if known:
        return (
            f"update hatch-aleph; or let a plugin's aleph_runtimes state Python {python} of its item hash, and name it "
            f'by that: then python = "{python}" holds, and wheels fit'
        )
    return f'say python = "{python}" in [tool.aleph], so that wheels fit'


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _is_release(found: str, assumed: str) -> bool:
    """Tell whether ``Debian GNU/Linux 12 (bookworm)`` is ``Debian 12``."""
    words = found.replace("GNU/Linux", " ").split()
    return words[: len(assumed.split())] == assumed.split()
