"""What there is to know of one program, and of all that an owner has."""

from __future__ import annotations

import webbrowser

import httpx

from tests.local.node.support import Account
from tests.programs.rig import ask_until

APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
"""


def test_a_program_with_its_freshness_and_history(cli, network):
    made = cli.create("first")
    told = cli("show", made["item_hash"][:12]).out
    for expected in (
        made["item_hash"],
        made["urls"][0],
        cli.account.address,
        "created 20",
        "a day",
        "runtime 63f07193",
    ):
        assert expected in told
    assert "changed since" not in told
    assert cli.json("update", made["item_hash"], cli.app("second")).result["code"]
    assert ask_until(made["urls"][0], "second") == "second"
    assert f"code {made['code']}" in (told := cli("show", made["item_hash"]).out)
    assert "changed since the program was published" in told
    shown = cli.json("show", made["item_hash"]).result
    code = next(part for part in shown["parts"] if part["role"] == "code")
    assert (code["ref"], len(code["contents"]), code["owner"]) == (made["code"], 2, cli.account.address)
    assert cli("show", "ab" * 32).code == 13


def test_code_of_another_tool_in_the_adapters_place_is_told(cli):
    made = cli.create("ours", "--updatable")
    assert "give it new code by hatch-aleph alone" in cli("show", made["item_hash"]).out
    image = cli.folder / "other.squashfs"
    image.write_bytes(b"of another tool")
    file_hash = cli.json("file", "upload", image).result["file_hash"]
    paid = {"chain": "ETH", "type": "credit"}
    content = {"item_type": "storage", "item_hash": file_hash, "ref": made["code"], "payment": paid}
    message = Account.from_key(cli.key.read_bytes()).sign("STORE", content)
    sent = httpx.post(f"{cli.network.url}/api/v0/messages", json={"message": message, "sync": True})
    assert sent.status_code == 200, sent.text
    assert "its code is another tool's, without the adapter" in cli("show", made["item_hash"]).out
    assert cli.json("update", made["item_hash"], cli.app("mended"), "--no-smoke", "--no-health").code == 0
    assert "its code is another tool's" not in cli("show", made["item_hash"]).out


def test_open_prints_the_url_and_opens_it(cli, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))
    made = cli.create("opened")
    assert cli("open", made["item_hash"]).out.strip() == made["urls"][0]
    assert opened == [made["urls"][0]]
    assert ".localhost:" in made["urls"][0]
    monkeypatch.setattr(webbrowser, "open", lambda _url: False)
    told = cli("open", made["item_hash"])
    assert (told.code, told.out.strip()) == (0, made["urls"][0])
    assert "No browser could be started here" in told.err
    assert "no such message or file" in cli("file", "get", "ab" * 32, "--to", cli.folder / "none").err


def test_all_that_an_owner_has(cli, network, make_project):
    made = cli.create("one")
    project = make_project({"main.py": APP})
    deployed = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    volume = cli.json("volume", "publish", cli.app("files"), "--name", "spare").result["item_hash"]
    told = cli("status", "--all")
    assert told.code == 0, told.err
    for expected in (made["item_hash"], deployed["item_hash"], "my-api", f"no program uses spare {volume}", " a day"):
        assert expected in told.out
    cli.network.faucet(cli.account.address, -(10**9) + 10)
    poor = cli.json("status", "--all")
    assert poor.code == 1
    status = next(event for event in poor.events if event["event"] == "result")["status"]
    assert "faucet" in status["trouble"][-1]


def test_status_names_what_no_program_uses_and_its_cost(cli, make_project):
    project = make_project({"main.py": APP})
    done = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    assert cli("delete", done["item_hash"], "--keep-code").code == 0
    told = cli("status", "--project", project)
    assert "no program uses code" in told.out
    assert "$" in told.out
    listed = cli("history", "--project", project).out
    assert listed.startswith("No program is live. The last was release 1 (version "), listed
    assert "deploy, live" not in listed


def test_a_balance_below_a_days_cost_is_trouble_before_it_is_cut_off(cli, make_project):
    project = make_project({"main.py": APP})
    assert cli("deploy", "--project", project, "--yes", "--no-smoke").code == 0
    spent = int(float(cli.json("status", "--all").result["status"]["spending"]))
    assert "below a day's cost" not in cli("status", "--project", project, "--no-health").out
    cli.network.faucet(cli.account.address, -(10**9) + spent * 3 // 2)
    told = cli("status", "--project", project, "--no-health")
    assert (told.code, "being removed" in told.out) == (1, False)
    assert "lasts 1.5 days" in told.out
    assert "below a day's cost, $0.26, the network takes it away" in told.out
