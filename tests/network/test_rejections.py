from __future__ import annotations

from pathlib import Path

import pytest

from hatch_aleph.network.answers import MessageStatus, NetworkMessage
from hatch_aleph.network.rejections import MEANINGS, explain, facts, rejection

DOCS = Path(__file__).parents[2] / "docs" / "network.md"
# aleph-im/pyaleph, src/aleph/types/message_status.py, class ErrorCode.
CODES = [-1, 0, 1, 2, 3, 4, 5, 6, 100, 101, 102, 200, 201, 202, 300, 301, 302, 303, 304, 500, 501, 502, 503, 504]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words_and_a_next_step(code: int) -> None:
    message = NetworkMessage("ab" * 32, MessageStatus.REJECTED, type="PROGRAM", error_code=code)
    error = rejection(message)
    assert error.code == code
    assert f"code {code}" in str(error)
    assert error.item_hash == message.item_hash
    assert error.hint
    assert f"| {code} | {MEANINGS[code].text} | {MEANINGS[code].hint} |" in DOCS.read_text("utf-8")


def test_no_code_is_forgotten_or_invented() -> None:
    assert sorted(MEANINGS) == CODES


@pytest.mark.parametrize("code", [None, 999])
def test_codes_of_newer_nodes(code: int | None) -> None:
    assert "does not know" in explain(code).text
    assert "does not know" in str(rejection(NetworkMessage("ab" * 32, MessageStatus.REJECTED, error_code=code)))


@pytest.mark.parametrize(
    ("details", "lines"),
    [
        (None, []),
        ({}, []),
        ({"errors": []}, []),
        ({"errors": ["one", "two"]}, ["one", "two"]),
        (
            {"errors": [{"volume_name": "/d", "volume_size": 1, "parent_ref": "r", "parent_size": 2}]},
            ["volume: /d, its size: 1 bytes, size of its parent: 2 bytes, parent: r"],
        ),
        ({"errors": [{"surprise": 1}]}, ["{'surprise': 1}"]),
        ("text\x1b[31m", ["text\\x1b[31m"]),
        ({"errors": 7}, ["7"]),
    ],
)
def test_details_in_any_shape(details: object, lines: list[str]) -> None:
    assert facts(details) == lines
