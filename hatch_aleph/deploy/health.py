"""Whether a program answers: polled at its URL, by what hosts are known to say meanwhile.

A host answers 500 for an item hash that it does not know yet and 503 when it has no room or the code meets the wrong
packages during an update; both are waited out. Its header ``Aleph-Program-Code-Ref`` names the code that ran
(aleph-im/aleph-vm, src/aleph/vm/orchestrator/run.py), so after an update an answer of the old code is told apart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hatch_aleph.errors import HealthError
from hatch_aleph.waiting import Backoff, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_aleph.settings import Health as HealthSettings

CODE_REF = "aleph-program-code-ref"
DEFAULT_TIMEOUT = 120.0
_BACKOFF = Backoff(first=0.25, longest=5.0)
# An answer slower than this is asked for anew; a first start may take a minute on a host.
_REQUEST_TIMEOUT = 70.0
_SERVER_ERROR = 500
_SHOWN_BODY = 300


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers in lower case, the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    text: str = ""


class Get(Protocol):
    """Asks for a URL; an OSError with its reason when nothing answers."""

    def __call__(self, url: str, *, timeout: float) -> Answer: ...  # noqa: D102 - the class says it


@dataclass(frozen=True)
class HealthCheck:
    """What counts as healthy.

    Attributes:
        path: That is asked for.
        status: That must come; None for any below 500.
        timeout: Seconds until it is given up.
    """

    path: str = "/"
    status: int | None = None
    timeout: float = DEFAULT_TIMEOUT

    @classmethod
    def of(cls, settings: HealthSettings) -> HealthCheck:
        """Return what the ``health`` table of the settings says."""
        return cls(settings.path, settings.status, settings.timeout_seconds)

    def judge(self, answer: Answer, code_ref: str | None) -> str | None:
        """Return why an answer is not the one that is waited for, or None if it is."""
        wanted = self.status
        if (answer.status != wanted) if wanted is not None else answer.status >= _SERVER_ERROR:
            expected = f"{wanted} was expected" if wanted is not None else "any below 500 was expected"
            said = f": {answer.text}" if answer.text and answer.status >= _SERVER_ERROR else ""
            return f"it answers {answer.status} where {expected}{said}"
        ran = answer.headers.get(CODE_REF)
        if code_ref is not None and ran is not None and ran != code_ref:
            return f"the host still runs the code {ran}, not {code_ref}"
        return None


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

    def once(self, urls: Sequence[str], check: HealthCheck, code_ref: str | None = None) -> str | None:
        """Ask once at each URL; return None if one answer is healthy, else why the first is not."""
        reasons = [self._ask(url, check, code_ref, min(check.timeout, _REQUEST_TIMEOUT)) for url in urls]
        return None if None in reasons else reasons[0]

    def wait(self, urls: Sequence[str], check: HealthCheck, code_ref: str | None = None) -> str:
        """Poll until one of the URLs gives a healthy answer, and return that URL.

        Args:
            urls: Where the program answers.
            check: What counts.
            code_ref: Item hash of the STORE message whose code must have run.

        Raises:
            HealthError: At the deadline, with the last reason.
        """
        reason = "it was not asked"

        def look(left: float) -> str | None:
            nonlocal reason
            for url in urls:
                said = self._ask(url, check, code_ref, max(1.0, min(left, _REQUEST_TIMEOUT)))
                if said is None:
                    return url
                reason = said
            return None

        healthy = self._waiter.poll(look, check.timeout, _BACKOFF)
        if healthy is None:
            raise HealthError(
                f"the program does not answer as it should within {check.timeout:.0f} s: {reason}",
                where=urls[0].rstrip("/") + check.path,
            )
        return healthy

    def _ask(self, url: str, check: HealthCheck, code_ref: str | None, timeout: float) -> str | None:
        try:
            answer = self._get(url.rstrip("/") + check.path, timeout=timeout)
        except OSError as error:
            return f"nothing answers: {error}"
        return check.judge(answer, code_ref)


def http_get(url: str, *, timeout: float) -> Answer:
    """Ask for a URL, without following redirects: a redirect is an answer.

    Raises:
        OSError: Nothing answers.
    """
    from hatch_aleph.network.http import Connections, NoAnswerError, timeouts

    try:
        reply = Connections().send(
            "GET", url, limit=_SHOWN_BODY, cut=True, timeout=timeouts(read=timeout, connect=timeout)
        )
    except NoAnswerError as error:
        raise OSError(error.reason) from error
    return Answer(reply.status, reply.headers, reply.text)
