"""What strangers have published, by the commands that show anybody's: no escape is printed, no time is a defect."""

from __future__ import annotations

import json

import pytest

from hatch_aleph.artifact import hash_file
from hatch_aleph.cli.output import moment
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.fields import MalformedAnswerError, as_time, shown
from hatch_aleph.network.messages import sign_message, store_content

HOSTILE = "\x1b]0;owned\x07\x1b[2Jname\u202e<script>"
TIMES = (9_223_372_036.0, 4_000_000_000.0)  # the last that the network takes, and one of the year 2096


@pytest.fixture
def published(cli, network):
    """Return the item hashes of what a stranger has published: names of escapes, times far ahead."""
    stranger, found = network.new_account(), []
    with NodeClient([network.url]) as client:
        for number, time in enumerate(TIMES):
            file = cli.folder / f"{number}.bin"
            file.write_bytes(f"file {number}".encode())
            hashes = hash_file(file)
            notes = {"name": HOSTILE, "hatch-aleph": {"role": "volume", "name": HOSTILE}}
            content = store_content(
                stranger.address, hashes.sha256, "storage", payment={"chain": "ETH", "type": "credit"}, metadata=notes,
                tags=("hatch-aleph-volume",),
            )  # fmt: skip
            message = sign_message(stranger, "STORE", {**content, "time": time}, channel=HOSTILE, time=1.0)
            client.upload(message, file)
            client.wait(message.item_hash, deadline=20.0)
            found.append(message.item_hash)
    return stranger.address, found


def test_what_a_stranger_says_is_shown_and_harmless(cli, published):
    owner, hashes = published
    commands = [
        ["file", "list", "--address", owner],
        ["message", "list", "--address", owner],
        ["volume", "list", owner],
        ["list", "--address", owner],
        ["authorization", "list", "--address", owner],
        *(["message", "get", each] for each in hashes),
        *(["volume", "show", each] for each in hashes),
    ]
    for command in commands:
        done = cli(*command)
        assert done.code == 0, (command, done.out, done.err)
        assert not [each for each in ("\x1b]", "\x07", "\x1b[2J", "\u202e") if each in done.out + done.err], command
        assert "defect" not in done.out + done.err
        assert cli.json(*command).code == 0
        assert all(json.loads(line) for line in cli.json(*command).out.splitlines())


@pytest.mark.parametrize("said", ["\ud800", "a\udc80b", ["\ud800"], {"\udfff\x1b[2J": 1}])
def test_a_half_of_a_letter_is_shown_as_such(said):
    text = shown(said)
    assert text.isprintable()
    text.encode()


@pytest.mark.parametrize("time", [1e300, 10**400, float("inf"), 253_402_300_800, -1e300])
def test_a_time_that_no_calendar_holds_is_shown_as_the_nearest_that_one_does(time):
    assert moment(as_time(time))[:4] in ("9999", "1970")


def test_what_is_no_number_is_no_time():
    with pytest.raises(MalformedAnswerError, match="no time"):
        as_time(float("nan"))


@pytest.mark.parametrize("what", ["javascript:alert(1)", "../../../etc/passwd", "file:///etc/passwd", "-", "\x1b[2J"])
@pytest.mark.parametrize("command", [["open"], ["message", "get"], ["volume", "show"], ["show"]])
def test_what_is_no_item_hash_is_neither_opened_nor_asked_for(cli, command, what):
    error = cli.json(*command, "--", what).error
    assert error["kind"] == "UsageError"


@pytest.mark.parametrize("by", ["its file", "the environment", "an option"])
@pytest.mark.parametrize(
    "command",
    ["open", "show", "run", "message get", "volume show", "file pin", "logs", "delete", "persist", "runtime-checker"],
)
def test_the_key_that_signs_is_no_item_hash_and_goes_to_no_node(cli, monkeypatch, by, command):
    digits = cli.key.read_bytes().hex()
    options = []
    if by != "its file":
        monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE")
        monkeypatch.setenv("ALEPH_PRIVATE_KEY", digits if by == "the environment" else "")
        options = ["--private-key", digits] if by == "an option" else []
    if by == "an option" and command in ("run", "message get", "volume show"):
        return  # which sign nothing, and take none
    for written in (digits, f"https://aleph.sh/vm/{digits.upper()}"):
        error = cli.json(*command.split(), *options, written).error
        assert "This is a private key" in error["message"]
        assert digits not in json.dumps(error).lower()


def test_what_opens_is_the_hash_alone_whoever_wrote_the_address(cli, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(opened.append(url)) or True)
    item_hash = "ab" * 32
    assert cli("open", f"https://evil.example.org/vm/{item_hash}").code == 0
    assert cli("open", f"https://evil.example.org/vm/{item_hash}?next=javascript:alert(1)").code in (0, 64)
    assert opened
    assert not [url for url in opened if "evil" in url or "javascript" in url]


@pytest.mark.parametrize(
    "url", ["https://h.example.org/?token=abcdef", "file:///etc/passwd", "https://u:p@h.example.org", "javascript:x"]
)
def test_a_node_is_named_by_an_address_without_secrets_alone(cli, monkeypatch, tmp_path, url):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    error = cli.json("node", "add", "theirs", url).error
    assert error["kind"] == "UsageError"
    assert "abcdef" not in str(error)
