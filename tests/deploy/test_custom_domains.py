from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.cleanup import prune
from hatch_aleph.deploy.health import ITEM_HASH, Answer, Health
from hatch_aleph.deploy.history import releases
from hatch_aleph.deploy.rollback import roll_back
from hatch_aleph.errors import HealthError, PlanError
from hatch_aleph.network.domains import KEY, attached
from hatch_aleph.network.messages import aggregate_content, sign_message
from hatch_aleph.network.urls import Hosts
from hatch_aleph.programs.removal import delete_deployment
from hatch_aleph.settings import HealthCheck
from tests.clock import hurried

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact
    from hatch_aleph.deploy.apply import Deployer, Outcome
    from hatch_aleph.deploy.cleanup import Waste
    from tests.deploy.conftest import Rig


def test_domains_follow_the_program_and_are_said_once(rig: Rig) -> None:
    settings = {"domains": ["api.example.org"]}

    def points_at() -> dict[str, Any]:
        return attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY))

    first = rig.deploy(rig.artifact(settings=settings))
    assert points_at() == {"api.example.org": first.item_hash}
    rig.deploy(rig.artifact(settings=settings, code=b"code 2"))
    second = rig.deploy(rig.artifact(settings=settings, code=b"code 2", variables={"A": "1"}))
    assert points_at() == {"api.example.org": second.item_hash}
    assert rig.count()["AGGREGATE"] == 2


def test_a_domain_that_is_added_later_is_a_change_of_its_own(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    artifact = rig.artifact(settings={"domains": ["api.example.org"]})
    outcome = rig.deploy(artifact)
    assert outcome.plan.domains == ("api.example.org",)
    assert [type_ for type_, _ in outcome.sent] == ["AGGREGATE"]
    assert not rig.deploy(artifact).plan.has_changes


def said_at(rig: Rig, time: float) -> str:
    """Point the domain at nothing that lives, as a machine whose clock goes wrong would."""
    content = aggregate_content(rig.account.address, KEY, {DOMAIN: {"message_id": "ab" * 32, "type": "program"}})
    message = sign_message(rig.account, "AGGREGATE", {**content, "time": time}, channel="TEST", time=time)
    rig.client.publish(message)
    rig.client.wait(message.item_hash, deadline=20.0)
    return message.item_hash


def test_a_domain_moves_although_another_clock_is_ahead(rig: Rig) -> None:
    """What is said under a key counts by its time: said earlier, it would be sent, processed, and mean nothing."""
    said_at(rig, time.time() + 60)
    outcome = rig.deploy(rig.artifact(settings={"domains": [DOMAIN]}))
    assert attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY)) == {DOMAIN: outcome.item_hash}


def test_a_domain_that_was_said_in_the_far_future_is_an_error_that_names_it(rig: Rig) -> None:
    item_hash = said_at(rig, 4_000_000_000.0)
    with pytest.raises(PlanError, match="signed with a time in the future") as caught:
        rig.deploy(rig.artifact(settings={"domains": [DOMAIN]}))
    assert caught.value.where == item_hash
    assert set(rig.count()) == {"AGGREGATE"}  # nothing was sent before that was seen


DOMAIN = "api.example.org"
REPLACE = {"domains": [DOMAIN], "strategy": "replace", "drain-seconds": 45.0}


class Web:
    """The network as visitors meet it: the domain leads where the owner's aggregate said a while ago."""

    def __init__(self, rig: Rig, behind: float = 0.0) -> None:
        self.rig, self.behind, self.now = rig, behind, 0.0
        self.led: list[tuple[float, str]] = []
        self.seen: list[tuple[float, str, bool]] = []

    def leads_to(self) -> str:
        said = attached(self.rig.client.aggregate(self.rig.account.address, (KEY,)).get(KEY)).get(DOMAIN, "")
        if not self.led or self.led[-1][1] != said:
            self.led.append((self.now, said))
        return next((each for at, each in reversed(self.led) if at <= self.now - self.behind), "")

    def visit(self) -> Answer:
        target = self.leads_to()
        status = self.rig.client.status(target) if target else None
        lives = status is not None and status.is_live
        self.seen.append((self.now, target, lives))
        return Answer(200, {ITEM_HASH: target}) if lives else Answer(500, {}, "unknown hash")

    def sleep(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds))):  # visitors come once a second
            self.now += min(1.0, seconds)
            self.visit()

    def get(self, url: str, *, timeout: float) -> Answer:
        if DOMAIN in url:
            return self.visit()
        self.visit()
        # The network's own names, which the test's host does not have.
        if "/vm/" not in url:
            raise OSError("no such name here")
        return self.rig.host(f"{self.rig.node.url}/vm/{url.partition('/vm/')[2]}", timeout=timeout)

    def deployer(self, artifact: Artifact, **options: Any) -> Deployer:
        deployer = self.rig.deployer(artifact, **options)
        nowhere = Hosts("https://node.example.org", list_executions=lambda _host: None)
        object.__setattr__(deployer.deployment, "hosts", nowhere)
        health = Health(self.get, sleep=self.sleep, monotonic=lambda: self.now)
        return type(deployer)(deployer.deployment, deployer.session, deployer.options, health)

    def deploy(self, artifact: Artifact, **options: Any) -> Outcome:
        return self.deployer(artifact, **options).deploy(artifact)


def test_an_update_by_replacement_is_never_away(rig: Rig) -> None:
    web = Web(rig, behind=20.0)
    first = web.deploy(rig.artifact(settings=REPLACE))
    web.sleep(60)
    web.seen.clear()
    second = web.deploy(rig.artifact(settings=REPLACE, code=b"code 2"))
    assert second.item_hash != first.item_hash
    assert [type_ for type_, _ in second.sent] == ["STORE", "PROGRAM", "AGGREGATE", "FORGET"]
    assert second.plan.image("packages").action == "unchanged"  # type: ignore[union-attr]
    assert second.plan.image("code").action == "pin"  # type: ignore[union-attr]
    assert {target for _, target, _ in web.seen} == {first.item_hash, second.item_hash}
    assert all(lives for _, _, lives in web.seen)
    assert len(web.seen) > 40
    [warning] = [text for text in second.plan.warnings if DOMAIN in text]
    assert "moves to it, and 45 s later the old one is forgotten" in warning
    # Nothing has changed: nothing is sent.
    assert not web.deploy(rig.artifact(settings=REPLACE, code=b"code 2")).sent


def test_a_program_that_a_domain_still_leads_to_is_not_forgotten(rig: Rig) -> None:
    web = Web(rig, behind=500.0)
    first = web.deploy(rig.artifact(settings=REPLACE))
    web.sleep(501)
    web.seen.clear()
    with pytest.raises(HealthError, match="still leads to the superseded program after 120 s") as caught:
        web.deploy(rig.artifact(settings=REPLACE, code=b"code 2"))
    assert caught.value.where == f"https://{DOMAIN}/"
    assert [program.item_hash for program in rig.target(rig.artifact()).state().programs][1:] == [first.item_hash]
    web.sleep(500)
    done = web.deploy(rig.artifact(settings=REPLACE, code=b"code 2"))
    assert [type_ for type_, _ in done.sent] == ["FORGET"]
    assert all(lives for _, _, lives in web.seen)


def test_a_replacement_that_does_not_answer_leaves_domain_and_program(rig: Rig) -> None:
    first = rig.deploy(rig.artifact(settings=REPLACE))
    broken = rig.artifact(settings={**REPLACE, "health": {"timeout-seconds": 1.0}}, code=b"code that breaks")
    rig.host.broken.add(broken.manifest.images[0].sha256)
    with pytest.raises(HealthError) as caught:
        rig.deploy(broken)
    assert "The new program was forgotten" in str(caught.value.hint)
    assert attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY)) == {DOMAIN: first.item_hash}
    assert [program.item_hash for program in rig.target(broken).state().programs] == [first.item_hash]


def test_history_and_rollback_know_what_was_replaced(rig: Rig) -> None:
    rig.deploy(rig.artifact(settings=REPLACE))
    second = rig.deploy(rig.artifact(settings=REPLACE, version="1.1", code=b"code 2"))
    target, session = rig.opened(rig.artifact(settings=REPLACE))
    assert [release.version for release in releases(target.state())] == ["1.1", "1.0"]
    health = hurried(rig.host)
    done = roll_back(target, session, health, HealthCheck())
    assert (done.item_hash, done.release.version) == (second.item_hash, "1.0")
    # What is live is now the first content in the second program: a deployment of either is right.
    assert not rig.deploy(rig.artifact(settings=REPLACE)).sent
    assert rig.deploy(rig.artifact(settings=REPLACE, version="1.1", code=b"code 2")).item_hash != second.item_hash


def test_a_domain_of_another_program_is_not_taken_unless_it_is_meant(rig: Rig) -> None:
    """As a profile does that inherits the domains of production."""
    settings = {"domains": [DOMAIN]}
    production = rig.deploy(rig.artifact(settings=settings, profile="production"))
    staging = rig.artifact(settings=settings, profile="staging")
    plan = rig.target(staging).plan(staging.manifest)
    assert plan.taken == (
        f"The domain {DOMAIN} leads to {production.item_hash}, another program of yours, and would be taken from it",
    )
    before = rig.count()
    with pytest.raises(PlanError, match="would be taken from it") as caught:
        rig.deploy(staging)
    assert "--take-domains" in str(caught.value)
    assert rig.count() == before
    taken = rig.deploy(staging, take_domains=True)
    assert attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY)) == {DOMAIN: taken.item_hash}
    # Production does not take it back unasked either; and what is gone holds no domain.
    again = rig.artifact(settings=settings, profile="production")
    assert rig.target(again).plan(again.manifest).taken
    target, session = rig.opened(staging)
    notices: list[str] = []
    delete_deployment(target, replace(session, notice=notices.append))
    assert notices == [f"Custom domains are detached first: {DOMAIN}"]
    assert not rig.target(again).plan(again.manifest).taken


def test_pruning_shows_the_domains_that_move_before_it_asks(rig: Rig) -> None:
    settings = {"domains": [DOMAIN]}
    old = rig.deploy(rig.artifact(settings=settings))
    target, session = rig.opened(rig.artifact(settings=settings))
    content = {**rig.client.message(old.item_hash).content, "variables": {"A": "1"}}  # type: ignore[union-attr]
    del content["time"]
    with session.sending("test", "TEST") as outbox:
        newer = outbox.deliver("PROGRAM", content).item_hash
    told: list[str] = []

    def ask(waste: tuple[Waste, ...]) -> None:
        told.append(f"asked for {len(waste)}")
        raise PlanError("not confirmed")

    with pytest.raises(PlanError, match="not confirmed"):
        prune(target, replace(session, notice=told.append), Health(rig.host), HealthCheck(), confirm=ask)
    assert told == [f"Custom domains move to {newer}: {DOMAIN}", "asked for 1"]
    assert attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY)) == {DOMAIN: old.item_hash}
