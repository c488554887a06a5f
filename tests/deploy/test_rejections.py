"""Each of the network's error codes, provoked on a real node: one message, a next step, a journal to go on from."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.cleanup import find_waste, forget, prune
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.errors import PlanError, RejectedError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import aggregate_content, forget_content, sign_message
from hatch_aleph.network.rejections import MEANINGS
from hatch_aleph.programs.removal import delete_deployment
from hatch_aleph.settings import HealthCheck
from tests.clock import brief, hurried
from tests.deploy.conftest import Rig, new_account, with_clock
from tests.deploy.rig import NodeHost, RunningNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.artifact import Artifact

HOLD = {"type": "hold", "chain": "ETH"}
BY_HOLD: dict[str, Any] = {"payment": HOLD, "settings": {"payment": HOLD}}
NEW_YEAR_2027 = 1_798_761_600.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    # Ten retries take this node less than a second.
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.0005)
    yield running
    running.stop()


def refused(rig: Rig, code: int, artifact: Artifact, meanwhile: Callable[[], Any] | None = None) -> RejectedError:
    """Deploy, with something happening between plan and publishing, and expect a rejection told as it should be."""

    def confirm(_plan: Any) -> None:
        if meanwhile:
            meanwhile()

    with pytest.raises(RejectedError) as raised:
        rig.deploy(artifact, confirm=confirm)
    check_told(raised.value, code)
    # What was rejected stays rejected: nothing is left open that would be sent again.
    assert journal_of(rig, artifact).open == ()
    return raised.value


def check_told(error: RejectedError, code: int) -> None:
    meaning = MEANINGS[code]
    assert (error.code, error.exit_code) == (code, 10)
    assert error.message.startswith(meaning.text)
    assert meaning.hint in (error.hint or "")
    assert error.where


def mended(rig: Rig, artifact: Artifact) -> None:
    """Deploy once more: it is done, nothing is doubled, nothing is left over."""
    rig.deploy(artifact)
    state = rig.target(artifact).state()
    assert not rig.target(artifact).plan(artifact.manifest, state).has_changes
    assert [waste.why for waste in find_waste(state) if waste.why != "an earlier content"] == []
    journal = journal_of(rig, artifact)
    assert (journal.open, journal.run) == ((), None)


def journal_of(rig: Rig, artifact: Artifact) -> Journal:
    target = rig.target(artifact)
    return Journal(rig.folder / ".aleph", target.owner, target.tag)


def test_minus_1_the_node_is_broken_inside(rig: Rig) -> None:
    rig.node.sql("ALTER TABLE machines RENAME TO lost")
    try:
        refused(rig, -1, rig.artifact())
    finally:
        rig.node.sql("ALTER TABLE lost RENAME TO machines")
    mended(rig, rig.artifact())


def test_0_a_variable_that_no_message_can_carry(rig: Rig) -> None:
    error = refused(rig, 0, rig.artifact(variables={"A": "\0"}))
    assert "Unsupported character" in str(error)
    mended(rig, rig.artifact(variables={"A": "0"}))


def test_0_a_field_of_a_wrong_type_is_told_before_it_is_signed(rig: Rig) -> None:
    with pytest.raises(RejectedError, match="would not understand this PROGRAM") as raised:
        rig.deploy(rig.artifact(payment={"type": "credit", "chain": "NOCHAIN"}))
    assert raised.value.code == 0
    assert "payment.chain" in str(raised.value.hint)
    mended(rig, rig.artifact())


class WrongKey:
    """Says that it is one account and signs with the key of another."""

    def __init__(self, said: Any, key: Any) -> None:
        self.chain, self.address = said.chain, said.address
        self._key = key

    def sign(self, unsigned: dict[str, Any]) -> dict[str, Any]:
        return {**self._key.sign({**unsigned, "sender": self._key.address}), "sender": self.address}

    def sign_bytes(self, data: bytes) -> bytes:
        return bytes(self._key.sign_bytes(data))


def test_1_the_signature_is_of_another_key(rig: Rig) -> None:
    right = rig.account
    rig.account = WrongKey(right, new_account(rig.node))
    refused(rig, 1, rig.artifact())
    rig.account = right
    mended(rig, rig.artifact())
    # The same without an upload: the node takes the message, looks at it and rejects it.
    rig.account = WrongKey(right, new_account(rig.node))
    refused(rig, 1, rig.artifact(profile="other"))
    rig.account = right
    mended(rig, rig.artifact(profile="other"))


def test_2_the_owner_takes_its_permission_back_and_gives_it_again(rig: Rig) -> None:
    owner = new_account(rig.node)
    artifact = rig.artifact(settings={"address": owner.address})

    def permit(*addresses: str) -> None:
        said = {"authorizations": [{"address": address} for address in addresses]}
        content = aggregate_content(owner.address, "security", said, time=time.time())
        message = sign_message(owner, "AGGREGATE", content, channel="TEST", time=time.time())
        NodeClient.publish(rig.client, message)
        rig.client.wait(message.item_hash)

    class Late(NodeClient):
        """A client of whose messages each is late: when it comes, its owner has had second thoughts."""

        def publish(self, message: Any) -> Any:
            permit()
            return super().publish(message)

        def upload(self, *arguments: Any, **options: Any) -> Any:
            permit()
            return super().upload(*arguments, **options)

    permit(rig.account.address)
    with Late([rig.node.url]) as client:
        prompt, rig.client = rig.client, client
        refused(rig, 2, artifact)
        rig.client = prompt
    with pytest.raises(PlanError, match="has not permitted"):  # known now, so nothing is signed
        rig.deploy(artifact)
    permit(rig.account.address)
    mended(rig, artifact)


def test_3_the_content_is_lost_on_its_way(rig: Rig) -> None:
    class Stripping(NodeClient):
        def publish(self, message: Any) -> Any:
            return super().publish(replace(message, item_type="storage", item_content=None))

    with Stripping([rig.node.url]) as client:
        whole, rig.client = rig.client, client
        refused(rig, 3, rig.artifact())
        rig.client = whole
    mended(rig, rig.artifact())


def test_4_the_node_loses_a_file_that_it_had(rig: Rig) -> None:
    packages = os.urandom(100)
    other = rig.artifact(name="other", packages=packages)
    rig.deploy(other)
    artifact = rig.artifact(packages=packages)
    sha256 = artifact.manifest.images[1].sha256
    refused(rig, 4, artifact, lambda: rig.node.sql("UPDATE files SET present = 0 WHERE hash = ?", sha256))
    rig.node.sql("DELETE FROM files WHERE hash = ?", sha256)
    mended(rig, artifact)


@pytest.mark.parametrize("uploads", [True, False])
@pytest.mark.parametrize("code", [5, 6])
def test_5_and_6_the_balance_is_spent_meanwhile(rig: Rig, code: int, uploads: bool) -> None:
    kind, parts = ("tokens", BY_HOLD) if code == 5 else ("credits", {})
    rig.node.faucet(rig.account.address, tokens=10_000)
    bytes_ = {"code": os.urandom(50), "packages": os.urandom(50)}
    if not uploads:
        rig.deploy(rig.artifact(name="other", **bytes_))
    artifact = rig.artifact(**parts, **bytes_)

    def spend() -> None:
        rig.node.faucet(rig.account.address, **{kind: -(10**9)})

    error = refused(rig, code, artifact, spend)
    # At the door, with figures of our own asking, or later, with the node's.
    said = ("there is $0.00", "0 ALEPH are free") if uploads else ("available: 0", "available: $0.00 (0 credits)")
    assert any(words in str(error) for words in said), error
    rig.node.faucet(rig.account.address, **{kind: 10**9})
    mended(rig, artifact)


def test_200_the_original_is_deleted_by_another_machine_meanwhile(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    artifact = rig.artifact(code=b"code 2")
    refused(rig, 200, artifact, lambda: delete_deployment(*rig.opened(artifact, "another-machine")))
    mended(rig, artifact)


def test_201_the_original_is_an_amend_for_the_node(rig: Rig) -> None:
    first = rig.deploy(rig.artifact())
    code = rig.client.message(first.item_hash).content["code"]["ref"]  # type: ignore[union-attr] # it is there
    rig.node.sql("UPDATE pins SET ref = ? WHERE item_hash = ?", "ab" * 32, code)
    refused(rig, 201, rig.artifact(code=b"code 2"))
    rig.node.sql("UPDATE pins SET ref = NULL WHERE item_hash = ?", code)
    mended(rig, rig.artifact(code=b"code 2"))


def test_202_the_year_ends_between_plan_and_signature(rig: Rig) -> None:
    rig.node.faucet(rig.account.address, tokens=10_000)
    artifact = rig.artifact(**BY_HOLD)
    now = [NEW_YEAR_2027 - 1]

    def wait(_plan: Any) -> None:
        now[0] += 2

    deployer = with_clock(rig.deployer(artifact, confirm=wait), lambda: now[0])
    with pytest.raises(RejectedError) as raised:
        deployer.deploy(artifact)
    check_told(raised.value, 202)
    mended(rig, rig.artifact())


@pytest.mark.parametrize("kind", ["hold", "superfluid"])
def test_202_persistent_programs_since_march_2026_are_told_before_anything_is_sent(rig: Rig, kind: str) -> None:
    payment = {"type": kind, "chain": "ETH"}
    persistent = {"payment": payment, "settings": {"payment": payment}, "on": {"http": True, "persistent": True}}
    with pytest.raises(PlanError, match=r"persistent programs any more \(code 202\)") as raised:
        rig.deploy(rig.artifact(**persistent))
    assert 'type = "credit"' in str(raised.value.hint)
    assert rig.count() == {}
    mended(rig, rig.artifact(on={"http": True, "persistent": True}))


def test_a_deployment_paid_by_hold_lives_on_in_2027_by_credits(tmp_path: Path) -> None:
    now = [NEW_YEAR_2027 - 3600]
    with ExitStack() as stack:
        node = RunningNode(tmp_path / "node", clock=lambda: now[0])
        stack.callback(node.stop)
        account = new_account(node)
        node.faucet(account.address, tokens=10_000)
        client = stack.enter_context(NodeClient([node.url], sleep=brief))
        rig = Rig(node, account, tmp_path, client, NodeHost(node))

        def deploy(artifact: Artifact) -> Any:
            return with_clock(rig.deployer(artifact), lambda: now[0]).deploy(artifact)

        first = deploy(rig.artifact(**BY_HOLD))
        now[0] += 7200
        with pytest.raises(PlanError, match=r"programs and files any more \(code 202\)"):
            deploy(rig.artifact(**BY_HOLD, code=b"code 2"))
        assert not deploy(rig.artifact(**BY_HOLD)).sent
        second = deploy(rig.artifact(code=b"code 2"))
        assert [change.path for change in second.plan.program.changes] == ["payment.type"]
        assert client.status(first.item_hash).value == "forgotten"  # type: ignore[union-attr] # it is there
        now[0] += 60
        assert not deploy(rig.artifact(code=b"code 2")).plan.has_changes


def test_300_and_302_what_is_to_be_replaced_is_unknown_or_fixed(rig: Rig) -> None:
    fixed = rig.deploy(rig.artifact(name="other"))
    refused(rig, 300, rig.artifact(replaces="ab" * 32))
    refused(rig, 302, rig.artifact(replaces=fixed.item_hash))
    mended(rig, rig.artifact())


def test_a_volume_that_is_unknown_is_told_before_anything_is_sent(rig: Rig) -> None:
    missing = {"ref": "ab" * 32, "mount": "/opt/data", "use_latest": True}
    with pytest.raises(PlanError, match="unknown to the network"):
        rig.deploy(rig.artifact(volumes=[missing]))
    assert rig.count() == {}
    mended(rig, rig.artifact())


def test_301_a_volume_is_forgotten_meanwhile(rig: Rig) -> None:
    other = rig.artifact(name="other", packages=os.urandom(50))
    rig.deploy(other)
    ref = rig.target(other).state().programs[0].ref("packages", "/opt/packages")
    volume = {"ref": ref, "mount": "/opt/data", "use_latest": True}
    gone = refused(
        rig, 301, rig.artifact(volumes=[volume]), lambda: delete_deployment(*rig.opened(other, "another-machine"))
    )
    assert str(ref) in str(gone)
    # Code and packages are there; the next run has only the program left.
    plan = rig.target(rig.artifact()).plan(rig.artifact().manifest)
    assert [step.action for step in plan.images] == ["reuse", "reuse"]
    mended(rig, rig.artifact())


def test_304_a_volume_is_smaller_than_its_parent(rig: Rig) -> None:
    large = rig.artifact(name="other", packages=bytes(2 * 1024**2))
    rig.deploy(large)
    original = rig.target(large).state().programs[0].ref("packages", "/opt/packages")
    parent = {"ref": original, "use_latest": True}
    volume = {"mount": "/data", "name": "data", "size_mib": 1, "persistence": "host", "parent": parent}
    assert "volume: data" in str(refused(rig, 304, rig.artifact(volumes=[volume])))
    mended(rig, rig.artifact())


def forgetting(rig: Rig, hashes: list[str]) -> RejectedError:
    """Send a FORGET that the tool would not send by itself."""
    artifact = rig.artifact()
    content = forget_content(rig.account.address, hashes)
    with rig.session().deploying(rig.target(artifact).tag, "TEST") as outbox, pytest.raises(RejectedError) as raised:
        outbox.deliver("FORGET", content)
    assert journal_of(rig, artifact).open == ()
    return raised.value


def test_500_501_502_nothing_something_unknown_or_a_forget_is_to_be_forgotten(rig: Rig) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    check_told(forgetting(rig, []), 500)
    check_told(forgetting(rig, ["ab" * 32]), 501)
    deleted = delete_deployment(*rig.opened(artifact))
    check_told(forgetting(rig, [deleted.messages[0]]), 502)
    mended(rig, artifact)


def test_501_two_machines_prune_at_once(rig: Rig) -> None:
    for number in (1, 2, 3, 4):
        rig.deploy(rig.artifact(code=b"code %d" % number))
    here, there = (rig.opened(rig.artifact(code=b"code 4"), state) for state in (".aleph", "another-machine"))
    health = hurried(rig.host), HealthCheck()

    class Slow(NodeClient):
        """Another machine is quicker than the FORGET that this one has signed."""

        def publish(self, message: Any) -> Any:
            if message.type == "FORGET" and not done:
                done.append(prune(*there, *health, keep=1))
            return super().publish(message)

    done: list[Any] = []
    with Slow([rig.node.url]) as client:
        prune(replace(here[0], client=client), replace(here[1], client=client), *health)
    assert len(done[0]) == 1
    assert find_waste(here[0].state()) == ()


def test_503_a_file_that_somebody_else_uses_stays_and_the_rest_goes(rig: Rig) -> None:
    for number in (1, 2, 3, 4):
        rig.deploy(rig.artifact(code=b"code %d" % number))
    mine = rig.opened(rig.artifact(code=b"code 4"))
    used = find_waste(mine[0].state())[0].item_hash
    rig.account = new_account(rig.node)
    volume = {"ref": used, "mount": "/opt/theirs", "use_latest": False}
    rig.deploy(rig.artifact(name="theirs", volumes=[volume]), rollback=True)
    with pytest.raises(RejectedError) as raised:
        prune(*mine, hurried(rig.host), HealthCheck())
    check_told(raised.value, 503)
    assert used in str(raised.value)
    assert [waste.item_hash for waste in find_waste(mine[0].state())] == [used]


@pytest.mark.parametrize("code", [100, 101, 102, 303, 504, 999])
def test_codes_that_deployments_do_not_meet_today(rig: Rig, code: int) -> None:
    # Of posts, or never raised by today's nodes: an answer is made to carry each, so that a newer node's is told too.
    class Rejecting(NodeClient):
        def message(self, item_hash: str, **options: Any) -> Any:
            found = super().message(item_hash, **options)
            if found is not None and found.type == "PROGRAM":
                return replace(found, status=type(found.status)("rejected"), error_code=code)
            return found

    with Rejecting([rig.node.url]) as client:
        honest, rig.client = rig.client, client
        with pytest.raises(RejectedError, match=f"code {code}") as raised:
            rig.deploy(rig.artifact())
        rig.client = honest
    assert (raised.value.code, raised.value.exit_code) == (code, 10)
    assert raised.value.hint
    mended(rig, rig.artifact())


def test_forgetting_what_is_gone_sends_nothing(rig: Rig) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    delete_deployment(*rig.opened(artifact))
    before = rig.count()
    with rig.session().deploying(rig.target(artifact).tag, "TEST") as outbox:
        gone = [message["item_hash"] for message in rig.node.messages(rig.account.address)]
        assert gone
        owner = rig.account.address
        stores = [each["item_hash"] for each in rig.node.messages(owner) if each["type"] == "STORE"]
        assert forget(rig.client, outbox, owner, [(stores, "again")]) == ()
    assert rig.count() == before
