"""Files without a program, and messages of any type."""

from __future__ import annotations


def test_the_key_that_signs_is_never_uploaded(cli, tmp_path):
    key = cli.key.read_bytes()
    for content in (key, b"notes\n" + key.hex().encode() + b"\nmore\n"):
        file = tmp_path / "notes.txt"
        file.write_bytes(content)
        error = cli.json("file", "upload", file).error
        assert (error["kind"], error["exit_code"]) == ("PlanError", 13)
        assert key.hex() not in str(error)
    assert cli.sent == []


def test_a_file_from_its_upload_to_its_end(cli, tmp_path):
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights" * 1000)
    done = cli.json("file", "upload", source).result
    assert (done["uploaded"], done["size"]) == (True, 7000)
    assert cli.network.content(done["item_hash"])["metadata"]["name"] == "model.bin"
    again = cli.json("file", "upload", source).result  # a message of its own, without the bytes
    assert (again["uploaded"], again["file_hash"]) == (False, done["file_hash"])
    pinned = cli.json("file", "pin", done["file_hash"]).result
    listed = {each["item_hash"]: each for each in cli.json("file", "list").result["files"]}
    assert set(listed) == {done["item_hash"], again["item_hash"], pinned["item_hash"]}
    assert "model.bin" in cli("file", "list").out
    for name, what in (("by-item", done["item_hash"]), ("by-hash", done["file_hash"])):
        assert cli.json("file", "get", what, "--to", tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes() == source.read_bytes()
    assert "There is a file already" in cli.json("file", "get", what, "--to", tmp_path / name).error["message"]
    assert cli.json("file", "forget", *listed).code == 0
    assert cli.json("file", "list").result["files"] == []
    assert cli.json("file", "pin", "ab" * 32).error["message"] == "The node has no such file"


def test_what_a_program_uses_and_what_is_anothers_stays(cli, network):
    made = cli.create("kept")
    refused = cli.json("file", "forget", made["code"]).error
    assert "uses this file" in refused["message"]
    assert cli.json("file", "list").result["files"][0]["used_by"] == [made["item_hash"]]
    assert "This is a PROGRAM" in cli.json("file", "forget", made["item_hash"]).error["message"]
    theirs = network.new_account()
    owner = cli.account
    cli.use(theirs)
    assert f"belongs to {owner.address}" in cli.json("message", "forget", made["item_hash"]).error["message"]
    cli.use(owner)
    assert cli.json("message", "forget", made["code"], made["item_hash"], "--reason", "end").code == 0
    assert (network.status(made["item_hash"]), network.status(made["code"])) == ("forgotten", "forgotten")
    assert "is forgotten" in cli.json("message", "forget", made["item_hash"]).error["message"]


def test_messages_are_shown_and_listed(cli):
    made = cli.create("shown")
    got = cli.json("message", "get", made["item_hash"]).result["message"]
    assert (got["type"], got["status"], got["content"]["code"]["ref"]) == ("PROGRAM", "processed", made["code"])
    listed = cli.json("message", "list").result["messages"]
    assert [each["type"] for each in listed] == ["PROGRAM", "STORE"]
    assert [each["item_hash"] for each in cli.json("message", "list", "--type", "STORE").result["messages"]] == [
        made["code"]
    ]
    assert len(cli.json("message", "list", "--limit", 1).result["messages"]) == 1
    assert made["item_hash"] in cli("message", "list").out
    assert cli.json("message", "get", "ab" * 32).error["message"] == "The node knows no such message"
    assert cli.json("message", "get", "nonsense").error["exit_code"] == 64


def test_the_beginning_of_an_item_hash_will_do(cli, tmp_path):
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights of another model")
    store = cli.json("file", "upload", source).result["item_hash"]
    begun = (store[:8].upper(), f"{store[:12]}\N{HORIZONTAL ELLIPSIS}")
    for beginning in begun:
        assert cli.json("message", "get", beginning).result["message"]["item_hash"] == store
        assert cli.json("file", "get", beginning, "--to", tmp_path / "got", "--force").code == 0
    assert (tmp_path / "got").read_bytes() == source.read_bytes()
    listing = {"message": "message list", "file": "file list"}
    for line in (
        ("message", "get"),
        ("message", "forget"),
        ("file", "get", "--to", tmp_path / "none"),
        ("file", "forget"),
    ):
        error = cli.json(*line, "0" * 12).error
        assert (error["exit_code"], f"No {line[0]} begins with" in error["message"]) == (13, True)
        assert listing[line[0]] in error["hint"]
        assert cli.json(*line, "0" * 7).error["exit_code"] == 64
    assert cli.json("file", "pin", store[:12]).error["exit_code"] == 64  # by the bytes' hash, which is in no list
    assert cli.json("file", "forget", *begun[:1]).result["forgotten"] == [store]
    assert cli.json("message", "get", begun[0]).result["message"]["status"] == "forgotten"
    assert "is forgotten" in cli.json("message", "forget", begun[0]).error["message"]
