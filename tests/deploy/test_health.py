from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_aleph.cli.output import Output
from hatch_aleph.cli.steps import Steps
from hatch_aleph.deploy.health import CODE_REF, ITEM_HASH, Answer, Health
from hatch_aleph.errors import HealthError
from hatch_aleph.network.executions import Allocation, Execution
from hatch_aleph.network.urls import Hosts
from hatch_aleph.observer import Observer
from hatch_aleph.settings import HealthCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW, OLD = "a" * 64, "b" * 64


class Host:
    """Gives answers in turn, the last one for ever; counts time by its sleeps."""

    def __init__(self, *answers: Answer | OSError) -> None:
        self.answers: Iterator[Answer | OSError] = iter(answers)
        self.last: Answer | OSError = OSError("none")
        self.now = 0.0
        self.urls: list[str] = []

    def __call__(self, url: str, *, timeout: float) -> Answer:
        assert timeout > 0
        self.urls.append(url)
        self.last = next(self.answers, self.last)
        if isinstance(self.last, OSError):
            raise self.last
        return self.last

    def wait(self, check: HealthCheck, code_ref: str | None = None, *urls: str) -> str:
        health = Health(self, sleep=self.sleep, monotonic=lambda: self.now)
        return health.wait(urls or ("http://host/vm/x",), check, code_ref).url

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_hosts_say_meanwhile_is_waited_out() -> None:
    host = Host(OSError("refused"), Answer(500, {}), Answer(503, {}), Answer(502, {}), Answer(204, {}))
    assert host.wait(HealthCheck("/ready")) == "http://host/vm/x"
    assert host.urls == ["http://host/vm/x/ready"] * 5


def test_an_answer_of_the_old_code_does_not_count() -> None:
    host = Host(Answer(200, {CODE_REF: OLD}), Answer(200, {CODE_REF: OLD}), Answer(200, {CODE_REF: NEW}))
    host.wait(HealthCheck(), NEW)
    assert len(host.urls) == 3
    with pytest.raises(HealthError, match="still runs the code b"):
        Host(Answer(200, {CODE_REF: OLD})).wait(HealthCheck(timeout_seconds=9), NEW)


def test_the_status_that_is_asked_for_is_the_only_one() -> None:
    Host(Answer(200, {}), Answer(404, {})).wait(HealthCheck(status=404))
    with pytest.raises(HealthError, match="answers 200 \\(expected 204\\)"):
        Host(Answer(200, {})).wait(HealthCheck(status=204, timeout_seconds=5))


def test_at_the_deadline_the_last_reason_is_told() -> None:
    host = Host(Answer(500, {}, "Traceback: KeyError"))
    with pytest.raises(HealthError, match=r"within 30 s: it answers 500.*KeyError") as raised:
        host.wait(HealthCheck("/a", timeout_seconds=30))
    assert raised.value.where == "http://host/vm/x/a"
    assert host.now <= 30


def test_the_first_url_that_answers_is_returned() -> None:
    host = Host(OSError("no such name"), Answer(200, {}))
    assert host.wait(HealthCheck(), None, "http://one", "http://two") == "http://two"


def test_a_second_url_is_asked_only_where_the_first_leads_to_no_host_of_the_program() -> None:
    elsewhere, theirs, failed = Answer(404, {}), Answer(503, {ITEM_HASH: NEW}), Answer(500, {}, "initialisation")
    hosts = Hosts("http://127.0.0.1:1", "http://127.0.0.1:1")
    for answers, asked, told in (
        ((failed, Answer(200, {ITEM_HASH: NEW})), 1, "it answers 500"),
        ((theirs, Answer(200, {ITEM_HASH: NEW})), 1, "it answers 503"),
        ((Answer(404, {ITEM_HASH: NEW}), elsewhere), 1, "it answers 404"),
        ((elsewhere, theirs), 2, "it answers 503"),
        ((OSError("no such name"), failed), 2, "it answers 500"),
        ((OSError("no such name"), elsewhere), 2, "nothing answers: no such name"),
    ):
        host = Host(*answers)
        reason = Health(host).once(hosts, NEW, HealthCheck(status=200))
        assert isinstance(reason, str)
        assert reason.startswith(told)
        assert len(host.urls) == asked


def test_a_persistent_program_that_had_been_started_again_before_anybody_looked() -> None:
    """The host is quicker than the command: what it lists from the first look on is the new start."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    started = Execution(running=True, began="2026-11-28T10:00:00", kind="persistent_program")
    hosts = Hosts("http://127.0.0.1:4021", "http://host", list_executions=lambda _host: {"ab" * 32: started})
    answer = Answer(200, {ITEM_HASH: "ab" * 32}, "hello")
    health = Health(lambda _url, **_options: answer, sleep=sleep, monotonic=lambda: now)
    healthy = health.confirm(hosts, "ab" * 32, HealthCheck(timeout_seconds=60.0), amended=True, persistent=True)
    assert healthy.status == 200
    assert now < 40


def test_a_persistent_program_that_is_being_started_when_first_looked_for() -> None:
    """Between its definition and its start a host lists it as not running: that is no longer what ran before."""
    defined = Execution(running=False, began="2026-11-28T10:00:00", kind="persistent_program")
    host = Lists({NEW: defined}, {NEW: defined}, {NEW: Execution(running=True, began=defined.began)})
    healthy = host.health().confirm(host.hosts(), NEW, HealthCheck(timeout_seconds=60.0), amended=True, persistent=True)
    assert (healthy.status, host.seen, host.now < 8) == (200, 3, True)


def test_what_runs_again_before_anybody_looked_is_not_waited_for() -> None:
    again = Execution(running=True, began="2026-11-28T10:00:05")
    host = Lists(RUNS, {NEW: again})
    before = host.health().before_amend(host.hosts(), NEW, persistent=True)
    host.health().confirm(host.hosts(), NEW, HealthCheck(), amended=True, persistent=True, before=before)
    assert (before, host.now) == (RUNS[NEW], 0)
    host = Lists({NEW: again})  # somebody's question has started it, and the stop of what ran before goes on unseen
    host.health().confirm(host.hosts(), NEW, HealthCheck(), amended=True, before=before)
    assert host.now == 8
    assert Lists({}).health().before_amend(Lists({}).hosts(None), NEW, persistent=False) is None


def test_a_persistent_program_whose_start_failed_is_asked_again_only_when_the_scheduler_has_started_it() -> None:
    """It is gone from the list meanwhile: a question would start it on demand, in place of the persistent one."""
    host = Lists({}, RUNS, {}, {}, RUNS)
    asked: list[int] = []

    def get(_url: str, *, timeout: float) -> Answer:
        assert timeout
        asked.append(host.seen)
        return (
            Answer(500, {}, "500: Error during vm initialisation") if len(asked) == 1 else Answer(200, {ITEM_HASH: NEW})
        )

    health = Health(get, sleep=host.sleep, monotonic=lambda: host.now)
    assert health.confirm(host.hosts(), NEW, HealthCheck(timeout_seconds=60.0), persistent=True).status == 200
    assert asked == [2, 5]


def test_a_failed_start_is_told_though_the_scheduler_does_not_start_the_program_again() -> None:
    host = Lists(RUNS, {})
    failed = Answer(500, {}, "500: Error during vm initialisation: KeyError")
    health = Health(lambda _url, **_options: failed, sleep=host.sleep, monotonic=lambda: host.now)
    with pytest.raises(HealthError, match="KeyError"):
        health.confirm(host.hosts(), NEW, HealthCheck(timeout_seconds=60.0), persistent=True)


def test_a_stop_that_waits_for_a_long_request_is_waited_for() -> None:
    """The host lets requests that run end first: they may take much longer than the stop itself."""
    stopping = {NEW: Execution(running=False, began=RUNS[NEW].began, stopping=True)}
    host = Lists(RUNS, *[stopping] * 60, {})
    host.health().confirm(host.hosts(), NEW, HealthCheck(), amended=True)
    assert (host.seen, host.now > 60) == (62, True)
    endless = Lists(RUNS)  # it is not being stopped at all
    endless.health().confirm(endless.hosts(), NEW, HealthCheck(), amended=True)
    assert endless.now < 40


def test_what_runs_again_and_is_stopped_again_is_waited_for() -> None:
    """The amend of the packages has stopped one machine, visitors have started another, that of the code stops it."""
    again = Execution(running=False, began="2026-11-28T10:00:05", stopping=True)
    host = Lists({NEW: again}, {NEW: again}, {})
    host.health().confirm(host.hosts(), NEW, HealthCheck(), amended=True, before=RUNS[NEW])
    assert host.seen == 3


def test_a_single_question_is_not_asked_into_a_stop() -> None:
    stopping = Lists({NEW: Execution(running=False, stopping=True)}, RUNS)
    assert stopping.health().once(stopping.hosts(), NEW, HealthCheck()) == "the host http://host is stopping it"
    assert not isinstance(stopping.health().once(stopping.hosts(), NEW, HealthCheck()), str)


class Lists:
    """A host that tells what it runs, look by look; None is a look that it does not answer. The last is for ever."""

    def __init__(self, *looks: dict[str, Execution] | None) -> None:
        self.looks, self.seen, self.now = looks, 0, 0.0

    def __call__(self, _host: str) -> dict[str, Execution] | None:
        self.seen += 1
        return self.looks[min(self.seen, len(self.looks)) - 1]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def health(self) -> Health:
        return Health(
            lambda _url, **_options: Answer(200, {ITEM_HASH: NEW}), sleep=self.sleep, monotonic=lambda: self.now
        )

    def hosts(self, host: str | None = "http://host") -> Hosts:
        return Hosts("http://node", host, list_executions=self)


RUNS = {NEW: Execution(running=True, began="2026-11-28T10:00:00")}


FULL = Answer(503, {}, '{"error": "This CRN cannot host the requested workload at this time."}')


@pytest.mark.parametrize(("timeout", "ends"), [(120, 110), (600, 240)])
def test_a_host_without_room_is_told_as_that(timeout: float, ends: float) -> None:
    """Not before the deadline, unless that is later than a program that was deleted gives its memory back."""
    host = Host(FULL)
    with pytest.raises(HealthError, match=r"no room .* it answers 503 .*cannot host the requested"):
        host.wait(HealthCheck(timeout_seconds=timeout))
    assert ends <= host.now < ends + 20


def test_room_that_comes_back_is_waited_for() -> None:
    """A stop or a deletion under way gives it back; what a host says that is something else begins the wait again."""
    for answers in (
        [FULL] * 8,
        [FULL] * 20,
        [FULL] * 8 + [Answer(500, {})] + [FULL] * 4,
        [Answer(503, {}, "busy")] * 20,
    ):
        Host(*answers, Answer(200, {})).wait(HealthCheck(timeout_seconds=120))


def test_the_end_is_what_the_host_has_told() -> None:
    silent, lasting = Lists(None), Lists(RUNS)
    with pytest.raises(HealthError, match="does not tell what it runs"):
        silent.health().await_end(silent.hosts(), NEW, Observer())
    assert silent.now >= 200
    with pytest.raises(HealthError, match="still runs"):
        lasting.health().await_end(lasting.hosts(), NEW, Observer())
    assert lasting.seen > 1
    mended = Lists(RUNS, None, {})
    assert mended.health().await_end(mended.hosts(), NEW, Observer())
    assert mended.seen == 3
    unknown = Lists({})
    assert not unknown.health().await_end(unknown.hosts(None), NEW, Observer())
    assert (unknown.seen, unknown.now >= 200) == (0, True)
    named = Lists(RUNS, {})
    assert named.health().await_end(named.hosts(None), NEW, Observer(), "http://host")
    assert (named.seen, named.now < 9) == (2, True)


def test_a_stop_that_nobody_has_seen_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    host = Lists({})
    steps = Steps(Output(as_json=False))
    host.health().confirm(host.hosts(None), NEW, HealthCheck(), amended=True, observer=steps)
    assert not host.health().await_end(host.hosts(None), NEW, steps)
    told = capsys.readouterr().err
    assert "Waiting 8 s for its stop" in told
    assert "Waiting 240 s for its stop" in told
    assert "has stopped" not in told
    assert "No host runs it" not in told


def test_what_is_usually_missing_is_part_of_the_message() -> None:
    """The hint is the commands': they tell there what became of the program."""
    hosts = Hosts(
        "http://node", list_executions=lambda _: {}, ask_scheduler=lambda *_, **__: Allocation(None, "missing")
    )
    host = Lists({})
    with pytest.raises(HealthError) as raised:
        host.health().confirm(hosts, NEW, HealthCheck(timeout_seconds=5), persistent=True)
    assert "no host for it (status: missing)" in raised.value.message
    assert "credits are missing" in raised.value.message


def test_a_host_that_does_not_tell_has_not_stopped_what_ran() -> None:
    """Asking into the stop breaks the program: one look that fails is no leave to ask."""
    host = Lists(RUNS, RUNS, None, None, RUNS, {})
    host.health().confirm(host.hosts(), NEW, HealthCheck(), amended=True)
    assert host.seen == 6


def test_a_domain_that_is_silent_once_has_not_moved() -> None:
    """What is forgotten on the word of one lost request is gone while visitors still reach it."""
    host = Host(OSError("timed out"), Answer(502, {}), Answer(200, {ITEM_HASH: OLD}))
    health = Health(host, sleep=host.sleep, monotonic=lambda: host.now)
    assert not health.await_other("https://shop.example/", {OLD}, 120.0)
    host = Host(OSError("timed out"), Answer(200, {ITEM_HASH: OLD}), Answer(200, {ITEM_HASH: NEW}))
    assert Health(host, sleep=host.sleep, monotonic=lambda: host.now).await_other("https://shop.example/", {OLD}, 120.0)
    assert len(host.urls) == 3
    nowhere = Host(OSError("no such name"))
    assert Health(nowhere, sleep=nowhere.sleep, monotonic=lambda: nowhere.now).await_other("https://a/", {OLD}, 120.0)
    assert (len(nowhere.urls), nowhere.now < 30) == (8, True)
