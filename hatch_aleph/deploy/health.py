"""Whether a program answers: polled at its URL, by what hosts are known to say meanwhile.

A host answers 500 for an item hash that it does not know yet and 503 when it has no room or the code meets the wrong
packages during an update; both are waited out. Its header ``Aleph-Program-Code-Ref`` names the code that ran
(aleph-im/aleph-vm, src/aleph/vm/orchestrator/run.py), so after an update an answer of the old code is told apart.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hatch_aleph.errors import HealthError, NetworkError
from hatch_aleph.network.urls import program_urls
from hatch_aleph.observer import Observer
from hatch_aleph.settings.entry_points import START_FAILED
from hatch_aleph.settings.model import HealthCheck
from hatch_aleph.waiting import Backoff, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hatch_aleph.network.executions import Execution
    from hatch_aleph.network.urls import Hosts

CODE_REF = "aleph-program-code-ref"
ITEM_HASH = "aleph-program-itemhash"
PROCESS = "aleph-process"  # of the entry adapter: the process behind it runs, though it listens on no port
DEFAULT_TIMEOUT = HealthCheck.timeout_seconds  # of programs that no settings describe
_BACKOFF = Backoff(first=0.25, longest=5.0)
# An answer slower than this is asked for anew; a first start may take a minute on a host.
_REQUEST_TIMEOUT = 70.0
_SERVER_ERROR = 500
_NOT_FOUND = 404
# What a host answers when a machine did not come up: src/aleph/vm/orchestrator/run.py in aleph-im/aleph-vm.
FAILED_START = "Error during vm initialisation"
# What a host without room answers, from the same file. A stop that is under way gives some back within seconds, a
# program that was forgotten within three minutes; what idles keeps its own for an hour.
NO_ROOM = "it answers 503", "This CRN cannot host the requested"
_NO_ROOM_SECONDS = 240.0
# A stop takes 6.2 s on a real host: halt, a second, the machine's folder, five seconds for the guest API.
STOP_SECONDS = 8.0
_LONGEST_STOP = 30.0
_LONGEST_REQUEST = 3600.0  # a host lets requests that run end first (``VmExecution.stop`` in models.py)
_END_SECONDS = 240.0
_LOOKS = Backoff(first=0.25, longest=2.0)
_SHOWN_BODY = 300
_READ_BODY = 20_000  # a traceback tells at its end what happened
_FRAME = re.compile(r'File "/opt/code/([^"\n]+)", line (\d+)')
_SILENCES = 8  # looks in a row, about twelve seconds


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers in lower case, the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    text: str = ""

    def is_of(self, item_hash: str) -> bool:
        """Tell whether a host gives it for a program.

        Hosts name the program in a header. Only its 404 loses all headers, and becomes JSON (``error_middleware`` in
        aleph-im/aleph-vm, ``src/aleph/vm/orchestrator/supervisor.py``); that of a node or another server is text.
        """
        if ITEM_HASH in self.headers:
            return self.headers[ITEM_HASH] == item_hash
        is_json = self.headers.get("content-type", "").startswith("application/json")
        return self.status == _NOT_FOUND and is_json and self.text.startswith('{"error"')


class Get(Protocol):
    """Asks for a URL; an OSError with its reason when nothing answers."""

    def __call__(self, url: str, *, timeout: float) -> Answer: ...  # noqa: D102 - the class says it


def judge(check: HealthCheck, answer: Answer, code_ref: str | None, item_hash: str | None = None) -> str | None:
    """Return why an answer is not the one that is waited for, or None if it is.

    Args:
        check: What counts as healthy.
        answer: What came back.
        code_ref: Item hash of the STORE message whose code must have run.
        item_hash: Of the program that must have answered; None takes an answer by its status alone.
    """
    wanted = check.status
    lives = not check.answers and answer.headers.get(PROCESS) == "running"
    bad = (answer.status != wanted) if wanted is not None else answer.status >= _SERVER_ERROR
    if bad and not lives:
        expected = str(wanted) if wanted is not None else f"any status below {_SERVER_ERROR}"
        said = f": {answer.text}" if answer.text and answer.status >= _SERVER_ERROR else ""
        return f"it answers {answer.status} (expected {expected}){said}"
    if item_hash is not None and not answer.is_of(item_hash):
        return f"a server that does not run it answers {answer.status}"
    ran = answer.headers.get(CODE_REF)
    if code_ref is not None and ran is not None and ran != code_ref:
        return f"the host still runs the code {ran}, not {code_ref}"
    return None


@dataclass(frozen=True)
class Healthy:
    """The answer that counted, the URL that gave it, and the seconds that it took."""

    url: str
    status: int
    text: str = ""
    seconds: float = 0.0


class Health:
    """Polls programs.

    Args:
        get: Asks for a URL.
        sleep: Pauses.
        monotonic: Clock for the deadline.
    """

    def __init__(
        self,
        get: Get | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._get = get or http_get
        self._waiter = Waiter(sleep, monotonic)

    def once(
        self, hosts: Hosts, item_hash: str, check: HealthCheck, code_ref: str | None = None, *, persistent: bool = False
    ) -> Healthy | str:
        """Ask once where a program answers; return its healthy answer, else why there is none."""
        urls = harmless_urls(hosts, item_hash, persistent=persistent)
        if isinstance(urls, str):
            return urls
        return self._ask(urls, check, code_ref, item_hash, min(check.timeout_seconds, _REQUEST_TIMEOUT))

    def confirm(
        self,
        hosts: Hosts,
        item_hash: str,
        check: HealthCheck,
        code_ref: str | None = None,
        *,
        amended: bool = False,
        persistent: bool = False,
        before: Execution | None = None,
        observer: Observer | None = None,
    ) -> Healthy:
        """Wait until a program that was published or amended answers, and ask at no time when asking would harm it.

        An amend makes the host stop what runs. Who asks meanwhile starts a machine whose folder the stop then deletes:
        nobody is answered until it is given up (aleph-im/aleph-vm, ``src/aleph/vm/pool.py``). A persistent program is
        asked only where the scheduler runs it: elsewhere the question would start a second one.

        Args:
            hosts: Where it may run.
            item_hash: Of the program.
            check: What counts as an answer.
            code_ref: Item hash of the STORE message whose code must run.
            amended: Whether its code or volumes have just been amended.
            persistent: Whether the scheduler runs it.
            before: What ran before the amend, where that is known: a host may have started it again already.
            observer: Receives what is waited for.

        Raises:
            HealthError: At the deadline, or when it fails to start a second time; with the last reason.
        """
        observer = observer or Observer()
        gone = self._await_stop(hosts, item_hash, observer, before, persistent=persistent) if amended else None
        urls = hosts.urls(item_hash)
        if persistent:
            observer.step("schedule", item_hash=item_hash)
            urls = program_urls(item_hash, self._await_running(hosts, item_hash, check.timeout_seconds, gone))
        observer.step("health", url=urls[0] + check.path)
        healthy = self.wait(
            urls,
            check,
            code_ref,
            item_hash,
            heard=lambda text: observer.heard("health", text),
            # One that failed to start, or ended, is no longer listed: a question would start it on demand.
            harmless=(lambda: harmless_urls(hosts, item_hash, persistent=True)) if persistent else None,
        )
        observer.done("health", url=healthy.url, status=healthy.status)
        return healthy

    def _await_stop(
        self, hosts: Hosts, item_hash: str, observer: Observer, known: Execution | None, *, persistent: bool
    ) -> Execution | None:
        """Wait until what ran before an amend is gone; return it, None where nothing of before was seen."""
        host = listing_host(hosts, item_hash, persistent=persistent)
        listed = hosts.list_executions(host) if host else None
        if host is None or listed is None:
            self._wait_unseen(observer, STOP_SECONDS)
            return None
        before = listed.get(item_hash)
        if before is None or not (before.running or before.stopping):
            return None  # it is defined, not started yet: what the amend stopped was gone before this looked
        if known is not None and before.began != known.began and not before.stopping:
            if not persistent:  # somebody asked: no list shows the old one, whose stop ends this one by its number
                self._wait_unseen(observer, STOP_SECONDS)
            return None  # it runs again
        observer.step("stop", seconds=int(STOP_SECONDS))

        now: Execution | None = before

        def gone(_left: float) -> bool | None:
            nonlocal now
            listed = hosts.list_executions(host)
            if listed is None:  # a host that does not tell has not told that it is gone
                return None
            now = listed.get(item_hash)
            return True if now is None or now.began != before.began else None

        if self._waiter.poll(gone, _LONGEST_STOP, _LOOKS):
            return before
        # What still runs after the longest stop is not what ran before: it had been started again before this looked.
        # Only a stop that has begun goes on as long as a request that the program is still answering.
        return before if now and now.stopping and self._waiter.poll(gone, _LONGEST_REQUEST, _LOOKS) else None

    def _wait_unseen(self, observer: Observer, seconds: float) -> None:
        """Give a stop its time where no list tells of it."""
        observer.step("unseen", seconds=int(seconds))
        self._waiter.sleep(seconds)

    def before_amend(self, hosts: Hosts, item_hash: str, *, persistent: bool) -> Execution | None:
        """Return what a host runs before an amend, for ``confirm``; None where no host tells."""
        host = listing_host(hosts, item_hash, persistent=persistent)
        listed = hosts.list_executions(host) if host else None
        return listed.get(item_hash) if listed else None

    def await_end(self, hosts: Hosts, item_hash: str, observer: Observer, host: str | None = None) -> bool:
        """Wait until the host has stopped a program that was forgotten: it looks three times, a minute apart.

        Args:
            hosts: Where it may run.
            item_hash: Of the program.
            observer: Receives what is waited for.
            host: That of a persistent program, which the scheduler named before it was forgotten.

        Returns:
            Whether the end was seen; without a host that is known, only the time has passed.

        Raises:
            HealthError: It runs on, or the host does not tell what it runs.
        """
        host = host or hosts.known
        if host is None:  # who asks any host starts nothing, but learns nothing either
            self._wait_unseen(observer, _END_SECONDS)
            return False
        observer.step("end", item_hash=item_hash)
        listed: dict[str, Execution] | None = None

        def gone(_left: float) -> bool | None:
            nonlocal listed
            listed = hosts.list_executions(host)
            return None if listed is None or item_hash in listed else True

        if self._waiter.poll(gone, _END_SECONDS, _LOOKS) is None:
            said = "The host does not tell what it runs." if listed is None else "The host still runs the program."
            raise HealthError(said, where=host, hint="It is forgotten all the same.")
        return True

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self._waiter.sleep(seconds)

    def await_other(self, url: str, item_hashes: Collection[str], seconds: float) -> bool:
        """Tell whether a URL leads to none of some programs within a time.

        One that does not answer again and again leads nowhere: a single silence, or a gateway's error, tells nothing.
        """
        silent = 0

        def look(left: float) -> bool | None:
            nonlocal silent
            try:
                answer = self._get(url, timeout=max(1.0, min(left, _REQUEST_TIMEOUT)))
            except OSError:
                answer = None
            if answer is None or (answer.status >= _SERVER_ERROR and ITEM_HASH not in answer.headers):
                silent += 1
                return True if silent >= _SILENCES else None
            silent = 0
            return None if answer.headers.get(ITEM_HASH) in item_hashes else True

        return self._waiter.poll(look, seconds, _LOOKS) is not None

    def _await_running(self, hosts: Hosts, item_hash: str, seconds: float, before: Execution | None) -> str:
        reason = ""

        def look(_left: float) -> str | None:
            nonlocal reason
            host, reason = _running(hosts, item_hash, before)
            return host

        host = self._waiter.poll(look, seconds, _LOOKS)
        if host is None:
            # Not a hint: commands put there what became of the program.
            raise HealthError(
                f"The program is not running within {seconds:.0f} s: {reason}.\n  Usually credits are missing (a "
                "persistent program is paid by the second), or no host has that much memory.",
                where=item_hash,
            )
        return host

    def wait(
        self,
        urls: Sequence[str],
        check: HealthCheck,
        code_ref: str | None = None,
        item_hash: str | None = None,
        *,
        heard: Callable[[str], None] = lambda _text: None,
        harmless: Callable[[], Sequence[str] | str] | None = None,
    ) -> Healthy:
        """Poll until one of the URLs gives a healthy answer, and return it.

        Args:
            urls: Where the program answers.
            check: What counts.
            code_ref: Item hash of the STORE message whose code must have run.
            item_hash: Of the program that must have answered.
            heard: Gets what each answer was, as long as none is healthy.
            harmless: Gives, before each further question, the URLs to ask, or why nobody may be asked now.

        Raises:
            HealthError: At the deadline, when it fails to start a second time, or when the host has no room for it;
                with the last reason.
        """
        where = urls[0].rstrip("/") + check.path
        reason, failed_starts = "", 0
        full_since: float | None = None

        def look(left: float) -> Healthy | None:
            nonlocal reason, failed_starts, full_since
            asked = harmless() if harmless and reason else urls
            if isinstance(asked, str):
                reason = reason if failed_starts else asked
                heard(asked)
                return None
            said = self._ask(asked, check, code_ref, item_hash, max(1.0, min(left, _REQUEST_TIMEOUT)))
            if isinstance(said, Healthy):
                return said
            reason = said
            heard(said)
            failed_starts += FAILED_START in said
            if failed_starts > 1:  # each further question would boot a machine for the same failure
                raise HealthError(f"The program does not start: {reason}", where=where)
            is_full = all(each in said for each in NO_ROOM)
            full_since = (left if full_since is None else full_since) if is_full else None
            if full_since is not None and full_since - left >= _NO_ROOM_SECONDS:
                raise _no_room(reason, where)
            return None

        healthy = self._waiter.poll(look, check.timeout_seconds, _BACKOFF)
        if healthy is None:
            if full_since is not None:
                raise _no_room(reason, where)
            raise HealthError(
                f"The program does not answer as it should within {check.timeout_seconds:.0f} s: {reason}", where=where
            )
        return healthy

    def _ask(
        self, urls: Sequence[str], check: HealthCheck, code_ref: str | None, item_hash: str | None, timeout: float
    ) -> Healthy | str:
        """Ask the URLs in turn until a host that has the program answers: another way there starts it once more."""
        reasons = []
        for url in urls:
            began = time.monotonic()
            try:
                answer = self._get(url.rstrip("/") + check.path, timeout=timeout)
            except OSError as error:
                reasons.append(f"nothing answers: {error}")
                continue
            reason = judge(check, answer, code_ref, item_hash)
            if reason is None:
                return Healthy(url, answer.status, answer.text, time.monotonic() - began)
            if answer.status >= _SERVER_ERROR or (item_hash and answer.is_of(item_hash)):
                return reason
            reasons.append(reason)
        return reasons[0]


def _no_room(reason: str, where: str) -> HealthError:
    return HealthError(
        f"The host has no room for the program: {reason}\n  What idles there keeps its memory for an hour, what was "
        "deleted for up to three minutes. Ask for less (resources.memory), delete another program, or choose another "
        "host.",
        where=where,
    )


def listing_host(hosts: Hosts, item_hash: str, *, persistent: bool) -> str | None:
    """Return the one host that runs a program, where it is known."""
    if persistent:
        with contextlib.suppress(NetworkError):
            return hosts.allocation(item_hash).host
    return hosts.known


def harmless_urls(hosts: Hosts, item_hash: str, *, persistent: bool) -> tuple[str, ...] | str:
    """Return where a program may be asked without harm, or why nowhere.

    A persistent one answers where the scheduler runs it, and would be started a second time elsewhere; a question into
    a stop makes a machine that the stop destroys.
    """
    if persistent:
        host, reason = _running(hosts, item_hash, None)
        return reason if host is None else program_urls(item_hash, host)
    listed = hosts.list_executions(hosts.known) if hosts.known else None
    if listed and item_hash in listed and listed[item_hash].stopping:
        return f"the host {hosts.known} is stopping it"
    return hosts.urls(item_hash)


def _running(hosts: Hosts, item_hash: str, before: Execution | None) -> tuple[str | None, str]:
    """Return the host on which a persistent program runs, or None and why there is none."""
    try:
        placed = hosts.allocation(item_hash)
    except NetworkError as error:
        return None, error.message
    if placed.host is None:
        return None, f"the scheduler has no host for it (status: {placed.status})"
    listed = hosts.list_executions(placed.host)
    if listed is None:
        if hosts.named:  # whoever names a host that keeps no list may be right
            return placed.host, ""
        return None, f"the host {placed.host} does not list what it runs"
    now = listed.get(item_hash)
    if now is None or not now.running or (before is not None and now.began == before.began):
        return None, f"the host {placed.host} has not started it yet (status: {placed.status})"
    return placed.host, ""


def http_get(url: str, *, timeout: float) -> Answer:
    """Ask for a URL, without following redirects: a redirect is an answer.

    Raises:
        OSError: Nothing answers.
    """
    from hatch_aleph.network.http import Connections, NoAnswerError, Timeouts

    try:
        reply = Connections().send(
            "GET", url, limit=_READ_BODY, cut=True, timeout=Timeouts(read=timeout, connect=timeout)
        )
    except NoAnswerError as error:
        raise OSError(error.reason) from error
    told = _of_traceback(reply.body.decode("utf-8", "replace")) if reply.status >= _SERVER_ERROR else None
    return Answer(reply.status, reply.headers, told or reply.text[:_SHOWN_BODY])


def _of_traceback(body: str) -> str | None:
    """Return what a host's answer says of a start that failed: the exception, and where in the program; else None."""
    from hatch_aleph.text import printable

    try:
        told = json.loads(body)
        detail = [line for line in str(told["detail"]).splitlines() if line.strip()]
        error = str(told["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    said = detail[-1].rpartition(START_FAILED)[2] if detail else ""
    own = [frame for frame in _FRAME.findall("\n".join(detail)) if not frame[0].startswith("aleph_entry/")]
    where = f" ({own[-1][0]}, line {own[-1][1]})" if own and ", line " not in said else ""
    return printable(f"{error}: {said}"[:_SHOWN_BODY] + where)
