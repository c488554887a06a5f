"""What others wrote stands in every command's words as it is: nothing a terminal obeys, no markup, nothing lost."""

from __future__ import annotations

import json

import pytest

from hatch_aleph.cli import run
from hatch_aleph.cli.output import Output, style
from hatch_aleph.preferences import NamedAccount, Preferences
from hatch_aleph.squashfs import Entry, Options, write_image
from tests.network.scripted import ScriptedNode, as_json

EVIL = "[/x][prod] \x1b[31mred\x1b]0;title\x07\x1b[2J\u202e:smile:漢字"
SAFE = EVIL.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\u202e", r"\u202e")
APP = f"""
import sys
print({EVIL!r}, flush=True)
print({EVIL!r}, file=sys.stderr, flush=True)

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"hostile"}})
"""


def check(done, *, shown=True):
    """Look for what a terminal would obey, and for the text as it is."""
    told = done.out + done.err
    assert not {letter for letter in told if not letter.isprintable()} - set("\n\t"), told
    assert not shown or SAFE in told, told


def test_a_line_passes_no_more_than_colours(capsys):
    Output(as_json=False).say(EVIL.replace("\x1b[31m", "") + "\r\x9b2J")
    Output(as_json=False).say(style(EVIL, fg="red"))
    assert not set("\x1b\x07\r\x9b\u202e") & set(capsys.readouterr().out)


def test_inspect_and_report_of_an_image(cli, make_project, tmp_path):
    image = tmp_path / "evil.squashfs"
    write_image([Entry(EVIL, "directory"), Entry(f"{EVIL}/{EVIL}.bin", "file", 0o644, b"x" * 9000)], image, Options())
    check(cli("inspect", image))
    root = make_project({f"data/{EVIL}.txt": "x", "data/__init__.py": ""})
    assert cli("build", "--project", root).code == 0
    sbom = next((root / "dist").glob("*.aleph.json"))
    sbom.with_name(sbom.name.replace(".aleph.json", "-packages.cdx.json")).write_text(
        json.dumps({"components": [{"name": EVIL, "version": EVIL, "licenses": [{"expression": EVIL}]}]})
    )
    check(cli("report", "--project", root, "--no-network", "--no-imports"), shown=False)
    for foreign in (
        [],
        {"components": 1},
        {"components": ["x", None]},
        {"components": [{"licenses": [1], "hashes": 2}]},
    ):
        sbom.with_name(sbom.name.replace(".aleph.json", "-packages.cdx.json")).write_text(json.dumps(foreign))
        assert cli("report", "--project", root, "--no-network", "--no-imports").code == 0
    check(cli("inspect", root / "dist", "--all"), shown=False)


def test_releases_with_hostile_notes(cli, make_project, monkeypatch):
    """Another machine of the owner has published what stands in the notes."""
    monkeypatch.setattr("hatch_aleph.deploy.apply.image_notes", lambda *parts: _hostile(image_notes(*parts)))
    from hatch_aleph.deploy.state import image_notes

    root = make_project({"main.py": APP})
    for number in range(2):
        (root / "main.py").write_text(f"{APP}# {number}\n", "utf-8")
        assert cli("deploy", "--project", root, "--yes", "--no-smoke").code == 0
    monkeypatch.undo()
    monkeypatch.setenv("ALEPH_PRIVATE_KEY_FILE", str(cli.key))
    monkeypatch.setenv("ALEPH_API_HOST", cli.network.url)
    where = ("--project", root)
    check(cli("history", *where))
    check(cli("status", *where))
    check(cli("show", *where))
    check(cli("logs", *where))
    check(cli("report", *where, "--no-imports"))
    check(cli("plan", *where), shown=False)
    check(cli("prune", *where, "--dry-run"), shown=False)
    check(cli("rollback", *where, "--dry-run"))
    check(cli("delete", *where, "--dry-run"), shown=False)
    check(cli("verify", *where), shown=False)


def _hostile(notes):
    ((key, said),) = notes.items()
    return {key: {**said, "version": EVIL, "release": EVIL, "mount": said["mount"]}}


def test_names_of_ones_own(cli):
    key = NamedAccount("ETH", cli.account.address, f"/{EVIL}/key")
    Preferences(
        nodes={EVIL: f"http://{EVIL}"}, addresses={EVIL: cli.account.address}, accounts={EVIL: key}, account=EVIL
    ).save()
    for command in (("account", "list"), ("node", "list"), ("alias", "list")):
        check(cli(*command))


def test_the_folder_of_the_cache(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / EVIL))
    check(cli("cache", "show"))


@pytest.fixture
def node():
    scripted = ScriptedNode()
    yield scripted
    scripted.stop()


def test_credits_by_a_hostile_node(cli, node, capsys):
    address = cli.account.address
    change = {"amount": 5, "provider": EVIL, "origin": EVIL, "message_timestamp": EVIL, "expiration_date": EVIL}
    paging = {"pagination_page": 1, "pagination_total": 1, "pagination_per_page": 20}
    said = {**change, "price": None, "bonus_amount": None, "tx_hash": EVIL}
    page = {"address": address, "credit_history": [said], **paging, "pagination_item": "credit_history"}
    node.on("GET", f"/api/v0/addresses/{address}/credit_history", as_json(page))
    balance = {"address": address, "balance": 0, "locked_amount": 0, "credit_balance": 5, "details": None}
    node.on("GET", f"/api/v0/addresses/{address}/balance", as_json(balance))
    capsys.readouterr()
    run(["credits", "history", address, "--node", node.url])
    out, err = capsys.readouterr()
    assert not {letter for letter in out + err if not letter.isprintable()} - set("\n\t")
    assert r"\x1b[31mred" in out + err
