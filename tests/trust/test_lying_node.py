"""What a node may say, and what comes of it: each lie is refused with its message, or harmless.

Whatever the lie and the command: nothing but the project's own is forgotten, and nothing of a stranger's is signed.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import NetworkError
from hatch_aleph.network.client import NodeClient
from tests.signing import Signer
from tests.trust.conftest import COMMANDS, Scene, outcome
from tests.trust.lying_node import Added, Answers, Ignores, Lie, Messages, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.trust.lying_node import Asked

TAG = "hatch-aleph:shop"
EVIL = hashlib.sha256(b"a stranger's image").hexdigest()


@dataclass(frozen=True)
class Case:
    """A lie, and what users read of it: a text that must be in the error of each of some commands."""

    lie: Callable[[Scene], Lie]
    refused: str = ""
    by: tuple[str, ...] = ()
    harmless: tuple[str, ...] = field(default=())


def store(signer: Any, owner: str, **content: Any) -> dict[str, Any]:
    """Return a STORE under the shop's tag, with the inputs digest that anybody can read."""
    notes = {"role": "packages", "sha256": EVIL, "cid": "Qm" + "a" * 44, "size": 18, "inputs": inputs()}
    message: dict[str, Any] = signer.message(
        "STORE",
        {
            "address": owner,
            "item_type": "storage",
            "item_hash": EVIL,
            "tags": [TAG],
            "metadata": {"hatch-aleph": notes},
            **content,
        },
    )
    return message


def inputs() -> str:
    return hashlib.sha256(b"inputs of packages 1").hexdigest()


def owned_by_a_stranger(scene: Scene) -> Lie:
    return Added(store(scene.stranger, scene.owner.address))


def with_a_strangers_signature(scene: Scene) -> Lie:
    forged = store(scene.owner, scene.owner.address)
    return Added({**forged, "signature": scene.stranger.signature(forged)})


def unsigned(scene: Scene) -> Lie:
    return Added({**store(scene.owner, scene.owner.address), "signature": None})


def signed_for_another_message(scene: Scene) -> Lie:
    real = scene.message(scene.shop)["message"]
    return Added({**store(scene.owner, scene.owner.address), "signature": real["signature"]})


def program_of_a_stranger(scene: Scene) -> Lie:
    content = {**scene.message(scene.shop)["message"]["content"], "time": time.time()}
    return Added(scene.stranger.message("PROGRAM", content))


def permitted_by_a_stranger(scene: Scene) -> Lie:
    permission = {"authorizations": [{"address": scene.stranger.address}]}
    said = {"address": scene.owner.address, "key": "security", "content": permission}
    return Added(store(scene.stranger, scene.owner.address), scene.stranger.message("AGGREGATE", said))


def security(signer: Any, owner: str, hours_ago: float, *permitted: dict[str, Any]) -> dict[str, Any]:
    said = {"address": owner, "key": "security", "content": {"authorizations": list(permitted)}}
    message: dict[str, Any] = signer.message("AGGREGATE", {**said, "time": time.time() - 3600 * hours_ago})
    return message


def permission_that_was_taken_back(scene: Scene) -> Lie:
    owner = scene.owner.address
    given = security(scene.owner, owner, 2, {"address": scene.stranger.address})
    return Added(store(scene.stranger, owner), given, security(scene.owner, owner, 1))


def permission_that_was_taken_back_and_given_again_by_whom_it_permitted(scene: Scene) -> Lie:
    owner, everything = scene.owner.address, {"address": scene.stranger.address}
    return Added(
        store(scene.stranger, owner),
        security(scene.owner, owner, 3, everything),
        security(scene.owner, owner, 2),
        security(scene.stranger, owner, 1, everything),
    )


def amend_by_a_stranger(scene: Scene) -> Lie:
    code = scene.message(scene.shop)["message"]["content"]["code"]["ref"]
    return Added(store(scene.stranger, scene.owner.address, ref=code, time=time.time() + 60))


def amend_of_2096(scene: Scene) -> Lie:
    """A message that the owner did sign, with a clock of another century."""
    code = scene.message(scene.shop)["message"]["content"]["code"]["ref"]
    return Added(store(scene.owner, scene.owner.address, ref=code, time=4e9))


def other_contents(_scene: Scene) -> Lie:
    def change(message: dict[str, Any]) -> dict[str, Any]:
        content = {**json.loads(message["item_content"]), "reason": "x"}
        return {**message, "item_content": json.dumps(content), "content": content}

    return Messages(change)


def contents_beside_what_was_signed(scene: Scene) -> Lie:
    """The rendered content names the other project's; what was signed is still there, and alone believed."""

    def change(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "content": {**message["content"], "ref": scene.other, "item_hash": scene.other}}

    return Messages(change)


def contents_without_what_was_signed(scene: Scene) -> Lie:
    def change(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "item_content": None, "content": {**message["content"], "ref": scene.other}}

    return Messages(change)


class ContentsApart(Messages):
    """Says that contents are kept apart, and then gives others."""

    def __init__(self, scene: Scene, gives: bytes | None) -> None:
        super().__init__(
            lambda message: {**message, "item_type": "storage", "item_content": None, "content": message["content"]}
        )
        self._gives = gives

    def tell(self, asked: Asked, told: Told) -> Told:
        if asked.path.startswith("/api/v0/storage/raw/") and asked.method == "GET" and self._gives is not None:
            return Told(200, self._gives, {"Content-Type": "application/octet-stream"})
        return super().tell(asked, told)


class Redirects(Lie):
    def tell(self, asked: Asked, told: Told) -> Told:
        return Told(302, b"", {"Location": f"http://elsewhere.invalid{asked.path}"})


class Inflates(Lie):
    """Answers lists with a small body that unpacks to a large one."""

    @staticmethod
    @functools.cache
    def bomb() -> bytes:
        return gzip.compress(b" " * (70 * 1024**2))

    def tell(self, asked: Asked, told: Told) -> Told:
        if not asked.is_list:
            return told
        return Told(200, self.bomb(), {"Content-Type": "application/json", "Content-Encoding": "gzip"})


@dataclass(frozen=True)
class Reordered(Lie):
    """Lists what it has in another order, or more than once."""

    order: Callable[[list[Any]], list[Any]]

    def tell(self, asked: Asked, told: Told) -> Told:
        if not asked.is_list or told.status != 200:
            return told
        return told.saying({**told.json, "messages": self.order(told.json["messages"])})


class Says(Lie):
    """Says something of its own about each message, beside it."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def tell(self, asked: Asked, told: Told) -> Told:
        about_one = asked.path.startswith("/api/v0/messages/") and asked.method == "GET"
        return told.saying({**told.json, **self._fields}) if about_one and told.status == 200 else told


class NeverEnds(Lie):
    """Repeats the first page."""

    def ask(self, asked: Asked) -> Asked:
        return asked.without("page") if asked.is_list else asked


def another_message(scene: Scene) -> Lie:
    return Answers(f"/api/v0/messages/{scene.shop}", 200, scene.message(scene.other))


def another_message_under_this_hash(scene: Scene) -> Lie:
    """What a delete of the shop would take for its content: the other project's volumes."""
    found = scene.message(scene.other)
    shown = {**found["message"], "item_hash": scene.shop}
    return Answers(f"/api/v0/messages/{scene.shop}", 200, {**found, "item_hash": scene.shop, "message": shown})


def field_of(**fields: Any) -> Callable[[Scene], Lie]:
    return lambda _scene: Messages(lambda message: {**message, **fields})


def answers(path: str, status: int = 200, body: Any = b"", **headers: str) -> Callable[[Scene], Lie]:
    return lambda _scene: Answers(path, status, body, **headers)


ALL = tuple(COMMANDS)
WRITING = ("deploy", "delete", "delete project", "prune", "rollback")
BY_TAG = ("deploy", "delete project", "prune", "rollback")

LIES: dict[str, Case] = {
    "ignores tags": Case(lambda _: Ignores("tags"), "ignores the filter `tags`", BY_TAG),
    "ignores owners": Case(lambda _: Ignores("owners", "tags"), "ignores the filter", BY_TAG),
    "ignores types": Case(lambda _: Ignores("msgTypes"), "ignores the filter `msgTypes`", ("list",)),
    "ignores statuses": Case(lambda _: Ignores("msgStatuses"), "ignores the filter `msgStatuses`", ("list", *BY_TAG)),
    "each message twice": Case(lambda _: Reordered(lambda listed: [*listed, *listed]), harmless=ALL),
    "the oldest first": Case(lambda _: Reordered(lambda listed: listed[::-1]), harmless=ALL),
    "a status of its own": Case(lambda _: Says(status="sleeping"), "unknown status", ("rollback", "deploy", "delete")),
    "all forgotten": Case(lambda _: Says(status="forgotten"), "forgotten", ("delete", "deploy", "rollback")),
    "ignores refs": Case(lambda _: Ignores("refs"), "ignores the filter `refs`", BY_TAG),
    "ignores hashes": Case(lambda _: Ignores("hashes"), "ignores the filter `hashes`", ("delete",)),
    "a stranger's file of the owner": Case(owned_by_a_stranger, "has not permitted its sender", BY_TAG),
    "a stranger's signature": Case(with_a_strangers_signature, "did not sign", BY_TAG),
    "no signature": Case(unsigned, "did not sign", BY_TAG),
    "another message's signature": Case(signed_for_another_message, "did not sign", BY_TAG),
    "a stranger's program of the owner": Case(program_of_a_stranger, "has not permitted its sender", BY_TAG),
    "a permission by whom it permits": Case(permitted_by_a_stranger, "has not permitted its sender", BY_TAG),
    "a permission of before": Case(permission_that_was_taken_back, "no longer when it was signed", BY_TAG),
    "a permission by whom it permitted": Case(
        permission_that_was_taken_back_and_given_again_by_whom_it_permitted, "no longer when it was signed", BY_TAG
    ),
    "a stranger's amend": Case(amend_by_a_stranger, "has not permitted its sender", BY_TAG),
    "an amend of the year 2096": Case(amend_of_2096, "time in the future", ("rollback", "deploy")),
    "other contents": Case(other_contents, "has another hash", WRITING),
    "contents beside the signed ones": Case(contents_beside_what_was_signed, harmless=ALL),
    "contents without the signed ones": Case(contents_without_what_was_signed, "without its content", WRITING),
    "contents apart that are not there": Case(lambda s: ContentsApart(s, None), "has no content of", WRITING),
    "contents apart that are others": Case(lambda s: ContentsApart(s, b"{}"), "gives another content", WRITING),
    "an item hash that is a path": Case(field_of(item_hash="../../../etc/passwd"), "is no item hash", BY_TAG),
    "a chain that nobody verifies": Case(field_of(chain="DOT"), "cannot be verified here", WRITING),
    "another chain": Case(field_of(chain="SOL"), "did not sign", WRITING),
    "another sender": Case(field_of(sender="0x" + "1" * 40), "did not sign", WRITING),
    "another type": Case(field_of(type="INSTANCE"), "ignores the filter `msgTypes`", BY_TAG),
    "a redirect": Case(lambda _: Redirects(), "redirects to", ALL),
    "a half of a letter": Case(field_of(channel="\ud800"), "without JSON", ALL),
    "a page of HTML": Case(answers("/api/v0/messages", 200, b"<html>"), "without JSON", ALL),
    "a bomb": Case(lambda _: Inflates(), "answers with more than 64 MiB", ("list", *BY_TAG)),
    "the first page for ever": Case(lambda _: NeverEnds(), harmless=ALL),
    "another message": Case(another_message, "asked for", ("delete",)),
    "another message under this hash": Case(another_message_under_this_hash, "has another hash", ("delete",)),
    "a clock of another century": Case(
        answers("/api/v0/version", 200, {}, Date="Fri, 01 Jan 2096 00:00:00 GMT"), "clock is", WRITING
    ),
    "no limits": Case(
        answers(
            "/api/v0/storage/limits.json",
            body={"storage": {"max_file_size": -1}, "ipfs": {"max_upload_file_size": -(10**30)}},
        ),
        "takes at most -1",
        ("deploy",),
    ),
    "prices that are no numbers": Case(answers("/api/v0/price", 200, {"payment_type": "credit", "cost": "NaN"})),
    "a balance of nothing": Case(answers("/api/v0/addresses", 200, {"balance": "1e999999999"})),
    "files that it does not have": Case(answers("/api/v0/storage/raw", 200), harmless=("list", "delete project")),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_or_harmless(scene: Scene, name: str) -> None:
    case = LIES[name]
    strangers = {EVIL, scene.stranger.address}
    scene.say(case.lie(scene))
    said = {command: outcome(scene, command) for command in ("list", "prune", "rollback", "deploy")}
    said |= {command: outcome(scene, command) for command in ("delete", "delete project")}
    scene.say(Lie())

    for command in case.by:
        assert any(words in said[command] for words in case.refused.split("|")), f"{command}: {said[command]}"
    for command in case.harmless:
        assert not said[command] or "Nothing of this project" in said[command], f"{command}: {said[command]}"
    assert scene.message(scene.other)["status"] == "processed"
    refs = {each["ref"] for each in (scene.message(scene.other)["message"]["content"]["code"],)}
    assert not scene.forgotten() & (refs | {scene.other})
    signed = json.dumps(scene.rig.node.messages(scene.owner.address))
    assert not [each for each in strangers if each in signed]


def raw(body: bytes, path: str = "/api/v0/messages.json", **headers: str) -> Lie:
    return Answers(path, 200, body, **{"Content-Type": "application/json", **headers})


def at_once(**fields: Any) -> Lie:
    return Messages(lambda message: {**message, **fields})


ONE = b'{"messages":[{"item_hash":"%s","time":%s}]}'
# What no node of the network would say: each ends a list and a deployment, with words for it.
MALFORMED: dict[str, Lie] = {
    "a hundred thousand levels": raw(b'{"messages":' + b"[" * 100_000),
    "a time without end": raw(ONE % (b"ab" * 32, b"9" * 10_000)),
    "a time that is none": at_once(time={"a": 1}),
    "a year of seven digits": at_once(time="9999999-01-01"),
    "capitals": Messages(lambda message: {**message, "item_hash": message["item_hash"].upper()}),
    "a content that is a number": at_once(item_content=5),
    "a content that is an object": at_once(item_content={"a": 1}),
    "an entry that is nothing": raw(b'{"messages":[null]}'),
    "messages that are no list": raw(b'{"messages":{}}'),
    "nothing": raw(b"null"),
    "no text in UTF-8": raw(b'{"messages":["\xff\xfe"]}'),
    "a number that is none": raw(b'{"messages":[NaN]}'),
    "half a letter in a content": raw(b'{"messages":[{"a":"\\ud800"}]}'),
    "what is not compressed": raw(b"plain", **{"Content-Encoding": "gzip"}),
    "a body compressed twice": raw(gzip.compress(gzip.compress(b" " * 2**20)), **{"Content-Encoding": "gzip, gzip"}),
    "heads of three megabytes": raw(b"{}", **{f"X-{number}": "y" * 60_000 for number in range(50)}),
    "an end without a page": Answers("/api/v0/messages.json", 204),
    "too often, come back in thirty years": Answers("/api/v0/messages.json", 429, **{"Retry-After": "999999999"}),
    "a place that is no address": Answers("/api/v0/messages.json", 302, Location="http://[::1/\x1b"),
    "a refusal that clears the screen": Answers(
        "/api/v0/messages.json", 403, b"\x1b[2J", **{"Content-Type": "text/plain"}
    ),
}


def test_what_no_node_would_say_is_its_failure(scene: Scene) -> None:
    for name, lie in MALFORMED.items():
        scene.say(lie)
        for command in ("list", "deploy"):
            said = outcome(scene, command)
            assert "The node " in said, f"{name}, {command}: {said}"
            assert "\x1b" not in said
    scene.say(Lie())
    assert scene.forgotten() == scene.forgotten_before
    scene.deploy()  # as if nothing had been said
    assert scene.message(scene.shop)["status"] == "processed"


@pytest.mark.parametrize("status", ["rejected", "pending", None])
def test_what_is_listed_and_then_unknown_is_not_taken_for_deleted(scene: Scene, status: str | None) -> None:
    """There was nothing to forget, so the deletion was a success: of a program that goes on, and costs."""

    class Contradicts(Lie):
        def tell(self, asked: Asked, told: Told) -> Told:
            if not asked.path.startswith("/api/v0/messages/") or told.status != 200:
                return told
            if status is None:
                return Told(404, b'{"status": "not found"}', {"Content-Type": "application/json"})
            return told.saying({**told.json, "status": status, "messages": []})

    scene.say(Contradicts())
    words = f"says that it is {status}" if status else "does not know it"
    assert f"as live, and {words}" in outcome(scene, "delete project")
    scene.say(Lie())
    assert scene.forgotten() == scene.forgotten_before
    assert scene.message(scene.shop)["status"] == "processed"
    assert outcome(scene, "delete project") == ""
    assert scene.message(scene.shop)["status"] == "forgotten"


def test_a_permission_covers_what_the_network_could_have_taken(scene: Scene) -> None:
    owner, deputy = scene.owner.address, Signer(250)
    deployer = {"address": scene.stranger.address, "types": ["STORE"]}
    permits = {"address": deputy.address, "types": ["AGGREGATE"], "aggregate_keys": ["security"]}
    given = security(scene.owner, owner, 3, deployer, permits)
    taken_back = security(scene.owner, owner, 2, permits)
    by_the_deputy = security(deputy, owner, 1, deployer, permits)
    by_the_deployer = security(scene.stranger, owner, 1, deployer)  # who may publish files alone

    refusals: list[str] = []

    def is_believed(hours_ago: float, *permissions: dict[str, Any]) -> bool:
        file = store(scene.stranger, owner, time=time.time() - 3600 * hours_ago)
        scene.say(Added(file, *permissions))
        with NodeClient([scene.liar.url], sleep=lambda _seconds: None) as client:
            try:
                found = list(client.messages(types=("STORE",), owners=(owner,), tags=(TAG,)))
            except NetworkError as error:
                refusals.append(str(error))
                return False
        assert scene.stranger.address in {each.sender for each in found}
        return True

    assert is_believed(2.5, given)
    assert is_believed(2.5, taken_back, given)
    assert is_believed(1.99, given, taken_back)  # by a clock that is a little behind
    assert not is_believed(1.5, given, taken_back)
    assert not is_believed(1.5, given, taken_back, by_the_deployer)
    assert is_believed(0.5, given, taken_back, by_the_deputy)
    assert is_believed(1.5, given, taken_back, by_the_deputy)  # refused at first, and sent again
    assert not is_believed(0, given, taken_back, by_the_deputy, security(scene.owner, owner, 0.5))
    assert all("no longer when it was signed" in refusal for refusal in refusals)


def test_there_are_lies_enough() -> None:
    assert len(LIES) + len(MALFORMED) >= 57
