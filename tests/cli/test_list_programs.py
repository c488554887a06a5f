from __future__ import annotations


def test_as_json(cli):
    made = cli.create()
    listed = cli.json("list").result
    assert [(each["name"], each["item_hash"], each["status"]) for each in listed["programs"]] == [
        ("app", made["item_hash"], "processed")
    ]
    assert listed["programs"][0]["urls"] == made["urls"]


def test_what_people_see(cli):
    made = cli.create("hello", "--env-vars", "A=1", "--persistent-volume", "name=n,mount=/var/n,size_mib=7")
    (line,) = [line for line in cli("list").out.splitlines() if made["item_hash"] in line]
    assert line.split()[:4] == ["app", made["item_hash"], "on", "demand"]
    told = cli("list", "--long").out
    for expected in (
        f"1 program of {cli.account.address}",
        made["item_hash"],
        made["code"],
        " a day",
        "on demand",
        "1 vCPU, 2048 MiB",
        "/var/n: persistent, 7 MiB",
        "variables A",
        made["urls"][0],
    ):
        assert expected in told


def test_of_another_without_a_key(cli, monkeypatch, tmp_path):
    made = cli.create()
    address = cli.account.address
    monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE")
    monkeypatch.setenv("ALEPH_CONFIG_HOME", str(tmp_path))
    assert cli.json("list").error["exit_code"] == 8
    assert cli.json("list", "--address", address).result["programs"][0]["item_hash"] == made["item_hash"]


def test_nobody_has_nothing(cli):
    assert "has no program" in cli("list").out
