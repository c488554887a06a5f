from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_aleph.deploy.journal import Journal, Run, intent_of
from hatch_aleph.errors import PlanError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.keys import Key
from hatch_aleph.network.messages import SignedMessage, sign_message

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = account_from_key(Key(b"\x01" * 32, "test"), "ETH")


def signed(time: float, file_hash: str = "ab" * 32) -> SignedMessage:
    content = {"address": ACCOUNT.address, "item_type": "storage", "item_hash": file_hash, "time": time}
    return sign_message(ACCOUNT, "STORE", content, channel="TEST", time=time)


def intent(message: SignedMessage) -> str:
    return intent_of("STORE", "TEST", message.content)


def test_what_is_open_comes_back_as_it_was(tmp_path: Path) -> None:
    journal, message = Journal(tmp_path, "0xA", "tag"), signed(5.0)
    journal.add(message, intent(message), "http://node")
    journal.sending(message.item_hash, "http://node")
    journal.begin(Run("http://node", "program", {"code": "c"}))
    again = Journal(tmp_path, "0xA", "tag")
    assert again.open == journal.open
    assert again.open[0].message == message
    assert again.run == Run("http://node", "program", {"code": "c"})


def test_the_same_intent_is_found_whenever_it_was_signed_but_not_too_early(tmp_path: Path) -> None:
    journal, message = Journal(tmp_path, "0xA", "tag"), signed(5.0)
    journal.add(message, intent(message), "http://node")
    assert journal.find(intent(signed(9.0)), after=4.9) is not None
    assert journal.find(intent(signed(9.0)), after=5.0) is None
    assert journal.find(intent(signed(9.0, "cd" * 32)), after=0.0) is None


def test_a_closed_message_is_not_taken_up_again(tmp_path: Path) -> None:
    journal, message = Journal(tmp_path, "0xA", "tag"), signed(5.0)
    journal.add(message, intent(message), "http://node")
    journal.close(message.item_hash, "rejected")
    again = Journal(tmp_path, "0xA", "tag")
    assert again.find(intent(message), after=0.0) is None
    assert json.loads(again.file.read_text())["outcomes"][0]["outcome"] == "rejected"


def test_the_first_run_that_is_open_stays_the_one_to_go_back_to(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0xA", "tag")
    journal.begin(Run("http://node", "good", {}))
    journal.begin(Run("http://node", "doubtful", {}))
    assert journal.run == Run("http://node", "good", {})
    journal.end()
    assert Journal(tmp_path, "0xA", "tag").run is None


def test_owners_and_tags_have_journals_of_their_own(tmp_path: Path) -> None:
    files = {Journal(tmp_path, owner, tag).file for owner in ("0xA", "0xB") for tag in ("one", "two")}
    assert len(files) == 4
    assert Journal(tmp_path, "0xa", "one").file in files


def test_it_stays_out_of_version_control(tmp_path: Path) -> None:
    Journal(tmp_path / ".aleph", "0xA", "tag").begin(Run("n", None))
    assert (tmp_path / ".aleph" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("damage", ["", "[]", '{"schema": 1}', '{"schema": 9}'])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    file = Journal(tmp_path, "0xA", "tag").file
    file.parent.mkdir(parents=True)
    file.write_text(damage)
    with pytest.raises(PlanError):
        Journal(tmp_path, "0xA", "tag")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), _json, max_size=4), st.floats(0, 1e10), st.floats(0, 1e10))
def test_an_intent_is_all_but_the_time(content: dict[str, Any], one: float, other: float) -> None:
    first, second = {**content, "time": one}, dict(reversed({**content, "time": other}.items()))
    assert intent_of("STORE", "C", first) == intent_of("STORE", "C", second)
    assert intent_of("STORE", "C", first) != intent_of("STORE", "D", first)
    assert intent_of("STORE", "C", first) != intent_of("STORE", "C", {**first, "further": 1})
