"""Each line of docs/tools.md on aleph-rs, the living official command line, in both directions.

``nox -s aleph_rs`` installs it by cargo, which takes minutes; ``nox -s aleph_rs -- FILE`` takes one that is there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from hatch_aleph.network.signatures import as_published
from tests.programs.rig import BARE_APP, ask, ask_until, write_app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif("ALEPH_RS" not in os.environ, reason="ALEPH_RS names no `aleph` of aleph-rs"),
    pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="an image that is not ours takes mksquashfs"),
]
OTHER = "0x00000000000000000000000000000000000000bb"


class AlephRs:
    """Theirs: the same key, the same node, a home of its own."""

    def __init__(self, cli, home):
        self._cli, self.home = cli, home

    def run(self, *arguments, signs=True, **variables):
        """Run it; return its exit code and all that it says."""
        key = ("--private-key", self._cli.key.read_bytes().hex(), "--chain", "eth") if signs else ()
        done = subprocess.run(
            [os.environ["ALEPH_RS"], "--ccn", self._cli.network.url, *map(str, arguments), *key],
            cwd=self._cli.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    def __call__(self, *arguments, **options):
        code, said = self.run(*arguments, **options)
        assert code == 0, said
        return said

    def create(self, name, *options, memory="2GiB", payment="credit"):
        runtime = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
        fixed = ["--runtime", runtime, "--vcpus", "1", "--memory", memory]
        fixed += ["--payment-type", payment] if payment else []
        said = self("program", "create", "plain", "main:app", "--name", name, *fixed, *options)
        return re.findall(r"Item hash: (\w{64})", said)[-1]


@pytest.fixture
def theirs(cli, tmp_path):
    return AlephRs(cli, tmp_path)


def plain(cli, answer):
    """Write an app that needs no adapter, where both find it."""
    return write_app(cli.folder / "plain", answer, source=BARE_APP)


def ask_until_fails(url):
    """Ask until the host has the other code, which it follows within seconds."""
    for _ in range(20):
        status, _ = ask(url)
        if status >= 500:
            return True
        time.sleep(0.5)
    return False


def code_of(cli, program):
    return cli.network.content(program)["code"]


def test_ours_on_theirs(cli, theirs, network):
    folder = plain(cli, "one")
    program = theirs.create("theirs", "--updatable")
    code = code_of(cli, program)
    assert code["encoding"] == "zip"  # a folder becomes a zip archive, without an adapter
    assert code["entrypoint"] == "main:app"

    (listed,) = cli.json("list").result["programs"]
    assert (listed["item_hash"], listed["name"]) == (program, "theirs")
    url = cli.json("show", program).result["urls"][0]
    assert ask(url) == (200, "one")

    plain(cli, "two")  # in place, in the program's own encoding
    updated = cli.json("update", program, folder, "--yes").result
    assert updated["item_hash"] == program
    assert ask_until(url, "two") == "two"
    sent = len(cli.sent)
    cli.json("update", program, folder, "--yes").result  # noqa: B018 - it succeeds
    assert len(cli.sent) == sent
    (folder / "link").symlink_to("main.py")
    assert "link" in cli.json("update", program, folder, "--yes").error["message"]
    (folder / "link").unlink()
    theirs("program", "update", program, folder)  # and theirs goes on after ours

    refused = cli.json("update", program, "--memory", "1024", "--yes").error
    assert (refused["exit_code"], "--replace" in refused["hint"]) == (13, True)
    there = cli.json("persist", program, "--yes").result["item_hash"]
    assert cli.network.content(there)["on"]["persistent"]
    assert network.status(program) == "forgotten"
    program = cli.json("unpersist", there, "--yes").result["item_hash"]
    cli.json("delete", program, "--yes").result  # noqa: B018 - it succeeds
    assert cli.json("list").result["programs"] == []
    assert cli.json("file", "list").result["files"] == []  # the code and all amends went with it


def test_theirs_on_ours(cli, theirs, network):
    made = cli.json("create", cli.app("ours"), "main:app", "--name", "ours", "--updatable")
    program, url = made.result["item_hash"], made.result["urls"][0]
    assert "adapter" in made.out  # said at once: what follows
    folder = plain(cli, "bare")
    bare = cli.json("create", folder, "main:app", "--name", "bare", "--updatable", "--no-adapter").result["item_hash"]
    fixed = cli.json("create", cli.app("fixed"), "main:app", "--name", "fixed").result["item_hash"]
    listed = theirs("program", "list", "--address", cli.account.address, signs=False)
    assert {program, bare, fixed} <= set(re.findall(r"\w{64}", listed))
    assert "aleph_entry:main:app" in theirs("program", "show", program, signs=False)

    for each in (program, bare):  # a folder would be a zip archive
        code, said = theirs.run("program", "update", each, folder)
        assert code != 0
        assert "`Zip` does not match existing program encoding `Squashfs`" in said
    image = cli.folder / "other.squashfs"
    subprocess.run(["mksquashfs", folder, image, "-quiet", "-no-progress"], check=True, stdout=subprocess.DEVNULL)
    assert theirs.run("program", "update", fixed, image)[0] != 0  # both tools refuse what is not updatable
    theirs("program", "update", bare, image)
    theirs("program", "update", program, image)
    assert ask_until_fails(url)  # No module named 'aleph_entry'
    assert "hatch-aleph update" in cli("show", program).out
    cli.json("update", program, cli.app("mended"), "--yes").result  # noqa: B018 - it succeeds
    assert ask_until(url, "mended") == "mended"

    theirs("program", "delete", program, "-y")
    assert network.status(program) == "forgotten"
    left = cli.json("file", "list").result["files"]
    assert len(left) == 5  # two amends of what was deleted stay, pinned and paid, beside three files of the others
    assert code_of(cli, fixed)["ref"] in {each["item_hash"] for each in left}


def test_a_project_whose_code_they_amended_is_deployed_over_it(cli, theirs, network, tmp_path):
    project = write_app(tmp_path / "project", "first")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "amended"\nversion = "1"\n[tool.aleph]\nentrypoint = "main:app"\nupdatable = true\n'
    )
    first = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    program, url = first["item_hash"], first["urls"][0]
    assert program in theirs("program", "list", "--address", cli.account.address, signs=False)
    image = cli.folder / "other.squashfs"
    subprocess.run(
        ["mksquashfs", plain(cli, "other"), image, "-quiet", "-no-progress"], check=True, stdout=subprocess.DEVNULL
    )
    theirs("program", "update", program, image)
    assert ask_until_fails(url)
    again = cli.json("deploy", "--project", project, "--yes", "--no-smoke").result
    assert (again["item_hash"], again["changed"]) == (program, True)
    assert ask_until(url, "first") == "first"
    theirs("program", "delete", program, "-y")
    assert network.status(program) == "forgotten"


def test_traps(cli, theirs, network):
    plain(cli, "one")
    network.faucet(cli.account.address, 10**9, tokens=100_000)
    held = theirs.create("held", payment=None)
    assert cli.network.content(held)["payment"]["type"] == "hold"
    assert cli.network.content(theirs.create("small", memory="2GB"))["resources"]["memory"] == 1907
    plain(cli, "another")
    before = len(cli.json("file", "list").result["files"])
    with pytest.raises(AssertionError):
        theirs.create("kept", "--persistent", payment=None)
    assert len(cli.json("file", "list").result["files"]) == before + 1  # its code is left, and paid
    key = cli.key.read_bytes().hex()
    said = theirs.run("file", "upload", cli.folder / "plain" / "main.py", "--private-key", key, signs=False)
    assert (said[0] != 0, "--chain" in said[1]) == (True, True)
    code, said = theirs.run("program", "delete", held)  # asks, and nobody answers
    assert code != 0
    assert network.status(held) == "processed"


def test_domains_and_permissions(cli, theirs):
    plain(cli, "one")
    program = theirs.create("pointed", "--updatable")
    cli.json("domain", "attach", "api.example.org", program).result  # noqa: B018 - it succeeds
    listed = theirs("domain", "list", "--address", cli.account.address, signs=False)
    assert "api.example.org" in listed
    assert program in listed
    assert re.search(r"20\d\d-", listed)  # updated_at
    theirs("domain", "detach", "api.example.org", "--yes")
    assert "detached" in cli("domain", "list").out

    theirs("authorization", "add", OTHER, "--message-types", "store")
    cli.json("authorization", "add", OTHER[:-2] + "aa", "--deploy", "--yes").result  # noqa: B018 - it succeeds
    assert OTHER[:-2] in theirs("authorization", "list", "--address", cli.account.address, signs=False)
    assert "only STORE" in cli("authorization", "list").out
    cli.json("authorization", "revoke", OTHER, "--yes").result  # noqa: B018 - it succeeds
    listed = theirs("authorization", "list", "--address", cli.account.address, signs=False).lower()
    assert OTHER not in listed
    assert OTHER[:-2] + "aa" in listed
    theirs("authorization", "revoke", as_published(OTHER[:-2] + "aa"))  # it compares letter by letter
    assert OTHER[:-2] not in cli("authorization", "list").out.lower()


def test_files_and_messages(cli, theirs, network):
    file = plain(cli, "one") / "main.py"
    said = json.loads(theirs("--json", "file", "upload", file))
    uploaded = said["item_hash"]
    got = cli.folder / "got"
    cli.json("file", "get", uploaded, "--to", got).result  # noqa: B018 - it succeeds
    assert got.read_bytes() == file.read_bytes()
    assert uploaded in {each["item_hash"] for each in cli.json("file", "list").result["files"]}
    mine = cli.json("file", "upload", cli.app("mine") / "main.py", "--yes").result["item_hash"]
    theirs("file", "download", "--message-hash", mine, "-o", cli.folder / "theirs", signs=False)
    assert (cli.folder / "theirs").read_bytes() == (cli.folder / "app" / "main.py").read_bytes()
    assert "processed" in theirs("message", "get", mine, signs=False)
    cli.json("message", "get", uploaded).result  # noqa: B018 - it succeeds
    theirs("message", "forget", mine, "-y")
    assert network.status(mine) == "forgotten"
    cli.json("message", "get", mine).result  # noqa: B018 - forgotten, and read
    assert theirs.run("message", "get", mine, signs=False)[0] != 0  # the trap that docs/tools.md names
    cli.json("file", "forget", uploaded, "--yes").result  # noqa: B018 - it succeeds
    assert network.status(uploaded) == "forgotten"


def test_accounts(cli, theirs, monkeypatch):
    """Another default account of theirs is said before the first signature; its keystore comes over."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(theirs.home / ".config"))
    monkeypatch.setenv("HOME", str(theirs.home))
    theirs("account", "create", "crab", "--encrypted", signs=False, ALEPH_PASSWORD="secret")
    theirs("account", "use", "crab", signs=False)
    address = re.search(r'address = "(0x\w{40})"', (theirs.home / ".config/aleph/accounts.toml").read_text())[1]
    keys = theirs.home / ".aleph-im" / "private-keys"
    keys.mkdir(parents=True)
    (keys / "ethereum.key").write_bytes(cli.key.read_bytes())
    (keys / "ethereum.key").chmod(0o600)
    monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE")
    said = cli("create", cli.app("hello"), "main:app", "--name", "said", "--yes", "--no-smoke", "--no-health")
    assert f"`aleph` signs as crab ({address})" in said.err
    assert said.err.index("signs as crab") < said.err.index("Publishing")
    password = theirs.home / "password"
    password.write_text("secret\n")
    cli.json("account", "import", "mine", "--from-aleph", "crab", "--password-file", password).result  # noqa: B018
    shown = cli.json("account", "show", "--account", "mine", "--password-file", password).result
    assert shown["address"] == address
