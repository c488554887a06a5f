from __future__ import annotations


def test_what_people_see(cli, network):
    done = cli("runtime-checker", "debian-12", "--verbose")
    assert done.code == 0, done.err
    for expected in ("Python:       CPython 3.11", "glibc:", "Preloaded:    aiohappyeyeballs", "Installed:", "Path:"):
        assert expected in done.out
    assert [network.status(item) for kind, item in network.sent(cli.account.address) if kind != "FORGET"] == [
        "forgotten",
        "forgotten",
    ]


def test_as_json(cli):
    checked = cli.json("runtime-checker", "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696").result
    assert checked["facts"]["python"].startswith("3.11")
    assert isinstance(checked["differences"], list)


def test_an_unknown_runtime(cli):
    assert cli.json("runtime-checker", "ab" * 32).error["exit_code"] == 13
    assert cli.sent == []
