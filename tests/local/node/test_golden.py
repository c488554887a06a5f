"""The node answers as a real one did, in every recorded exchange: status, content type, body.

What differs is listed here with its reason, and in docs/node.md.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.node.replay import (
    AMENDED,
    BIG,
    OWNER,
    PROGRAM,
    PROGRAMS_BEFORE,
    RICH_FILES,
    RICH_OWNER,
    RICH_PROGRAMS,
    RICH_RUNTIME,
    SMALL,
    STORED_BEFORE,
    Replay,
    load_cases,
)
from tests.local.node.support import Client, RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = load_cases()
OTHER_OWNER = "0xF2C861d6190b91138F785b65611Faf183b518fb4"
RECORDED = 1_795_558_573.0
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")

# Values of the moment or the machine of the recording: their type must agree.
OF_THE_MOMENT = {
    "_len",
    "created",
    "credit_ref",
    "file_hash",
    "item_hash",
    "locked_amount",
    "message_timestamp",
    "pagination_total",
    "payment_method",
    "reception_time",
    "resource_count",
    "size",
    "total_cost_credit",
    "total_cost_hold",
    "total_cost_stream",
    "total_size",
    "version",
}
# The bytes of files are our own; which of several programs a refusal names is chance; a forged signature is ours.
OURS = re.compile(
    r"02-store-credit raw: /body/_text|used on vm|19-store-bad-signature message: /body/message/signature"
    # Credits come from a faucet here, not from a sale; the version of pydantic is the machine's.
    r"|65-credit-history history.*/(chain|payment_method|price|provider|token|tx_hash): |/url: 'https://errors.pydantic.dev"
)
# There is no chain, so no message is ever confirmed; there are no peers.
WITHOUT_CHAIN = {"confirmed", "confirmations", "node_multi_addresses"}
# Lists of whatever an address has sent: the shape of their entries must agree.
LISTS = {"messages", "files", "credit_history"}


class Reenactment:
    """Plays every case in order on one node, doing by hand what the recording did behind the API."""

    def __init__(self, running: RunningNode) -> None:
        self.running = running
        self.replay = Replay(CASES, Client(running.url))
        self.answers: dict[str, list[Any]] = {}

    def run(self) -> None:
        for owner in (OWNER, OTHER_OWNER):
            self.replay.client.faucet(self.replay.account(owner), 10**12, 100_000)
        for item_hash in STORED_BEFORE:
            assert self.replay.send(item_hash).status_code == 200
        for name, case in CASES.items():
            self.answers[name] = []
            for index, exchange in enumerate(case["exchanges"]):
                self.before(name, index, exchange["label"])
                expected = exchange["response"]["body"]
                answer = self.replay.ask(exchange, self.settles(expected))
                self.answers[name].append(answer)

    def before(self, name: str, index: int, label: str) -> None:
        """Do what the recording did by other means than requests."""
        replay, number = self.replay, name[:2]
        first = index == 0
        if number == "27" and first:
            self.send(*AMENDED)
        elif number == "50" and first:
            self.send(*PROGRAMS_BEFORE)
        elif number == "35" and label == "same again, with credits":
            replay.client.faucet(replay.account("0x200Eea4D4E4bC3D67e64fF43a5f3200167a8546C"), 10**9)
        elif number == "39" and first:
            message = replay.messages["d0b6ea7241dc1b89293bd3de1667e89fe6614a725d7c13136340eb2fa88e0f35"]
            assert replay.client.post(message).status_code == 422
            replay.client.faucet(replay.account("0xC8e3E24F59b4E3F5c26777EEd248C265eb8506E8"), 10**9)
            self.running.stop()
            self.running.start()
            replay.client.http.close()
            replay.client = Client(self.running.url)
        elif number == "63" and first:
            replay.client.faucet(replay.account(RICH_OWNER), 10**10)
            self.send(RICH_RUNTIME, *RICH_FILES, *RICH_PROGRAMS)
        elif number == "80":
            self.change_credits(CASES[name]["exchanges"], index)

    def change_credits(self, exchanges: list[Any], index: int) -> None:
        account = self.replay.account("0x539EAFF6d0DF2fe7De95aD6E5cdE1c71f8b75F7d")
        phase, earlier = (exchanges[i]["label"].partition(":")[0] if i >= 0 else "" for i in (index, index - 1))
        if phase != earlier:
            self.replay.client.faucet(account, -(10**9) if phase == "dry" else 10**9)
        if index == 0:
            self.send(SMALL, BIG, PROGRAM)

    def send(self, *hashes: str) -> None:
        for item_hash in hashes:
            answer = self.replay.send(item_hash)
            assert answer.status_code == 200, answer.text

    @staticmethod
    def settles(expected: Any) -> Any:
        """Wait as the recording did: until the status is the expected one, unless that is pending."""
        deadline = time.monotonic() + 20
        wanted = expected.get("status") if isinstance(expected, dict) else None

        def poll(answer: Any) -> bool:
            if wanted in (None, "pending") or time.monotonic() > deadline:
                return True
            body = answer.json() if answer.status_code == 200 else {}
            return bool(body.get("status") == wanted)

        return poll


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reenactment]:
    began = time.monotonic()
    running = RunningNode(
        tmp_path_factory.mktemp("golden"),
        ipfs=False,
        retry_scale=0.002,
        sync_seconds=0.5,
        clock=lambda: RECORDED + time.monotonic() - began,
    )
    reenactment = Reenactment(running)
    reenactment.run()
    yield reenactment
    reenactment.replay.client.http.close()
    running.stop()


def differences(recorded: Any, answered: Any, path: str = "", key: str = "") -> Iterator[str]:
    """Name what differs, by its path."""
    if key in WITHOUT_CHAIN:
        return
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for name in sorted(recorded.keys() | answered.keys()):
            if name not in answered or name not in recorded:
                yield f"{path}/{name} {'is missing' if name in recorded else 'is new'}"
            else:
                yield from differences(recorded[name], answered[name], f"{path}/{name}", name)
    elif isinstance(recorded, list) and isinstance(answered, list):
        if key == "resources":  # in the order of hashes, which are not the recorded ones
            recorded, answered = (sorted(each, key=lambda one: one["item_hash"]) for each in (recorded, answered))
        yield from list_differences(recorded, answered, path, key)
    elif key in OF_THE_MOMENT and type(recorded) is type(answered):
        if isinstance(recorded, str) and ISO.fullmatch(recorded) and not ISO.fullmatch(answered):
            yield f"{path}: {answered!r} is no time like {recorded!r}"
    elif recorded != answered:
        yield f"{path}: {answered!r} instead of {recorded!r}"


def list_differences(recorded: list[Any], answered: list[Any], path: str, key: str) -> Iterator[str]:
    if key in LISTS:
        if recorded and answered:
            yield from shape_differences(recorded[0], answered[0], f"{path}[0]")
    elif len(recorded) != len(answered):
        yield f"{path}: {len(answered)} entries instead of {len(recorded)}"
    for index, (one, other) in enumerate(zip(recorded, answered, strict=False) if key not in LISTS else ()):
        yield from differences(one, other, f"{path}[{index}]")


def shape_differences(recorded: Any, answered: Any, path: str) -> Iterator[str]:
    """Compare the first entries of two lists: keys and types, down to where a message's own content begins."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        if recorded.keys() != answered.keys():
            yield f"{path}: keys {sorted(answered)} instead of {sorted(recorded)}"
        for name in recorded.keys() & answered.keys() - {"content", *WITHOUT_CHAIN}:
            yield from shape_differences(recorded[name], answered[name], f"{path}/{name}")
    elif type(recorded) is not type(answered):
        yield f"{path}: {answered!r} instead of {recorded!r}"


@pytest.mark.parametrize("name", CASES)
def test_every_answer_of_the_recording_is_given_again(played: Reenactment, name: str) -> None:
    found = []
    for exchange, answer in zip(CASES[name]["exchanges"], played.answers[name], strict=True):
        recorded = {key: exchange["response"][key] for key in ("status", "content_type", "body")}
        found += [f"{name} {exchange['label']}: {difference}" for difference in differences(recorded, answer)]
    assert [difference for difference in found if not OURS.search(difference)] == []
