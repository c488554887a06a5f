"""What stands in two rooms because one may import nothing is the same in both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hatch_aleph
from hatch_aleph import itemhash, runtimes
from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.guest.configuration import Configuration
from hatch_aleph.local.host import Limits, aleph_host_inside
from hatch_aleph.local.host.aleph_host_inside import executable_interface
from hatch_aleph.settings import CODE_MOUNT, PACKAGES_MOUNT, Settings
from hatch_aleph.settings.rules import EXECUTABLE_PORT

SOURCES = sorted(Path(hatch_aleph.__file__).parent.rglob("*.py"))


def test_the_host_inside_mounts_where_settings_say():
    assert (aleph_host_inside.CODE_ROOT, aleph_host_inside.PACKAGES_ROOT) == (CODE_MOUNT, PACKAGES_MOUNT)
    assert Limits().archive_bytes == 10_000_000
    assert executable_interface.PORT == EXECUTABLE_PORT


def test_defaults_of_settings_are_those_of_the_rooms_that_know_them():
    assert Settings().runtime == runtimes.DEFAULT.name


def test_the_guest_looks_where_settings_say(monkeypatch):
    """Where nobody tells the adapter otherwise; the launcher of its child processes says so once more."""
    monkeypatch.delenv("ALEPH_PACKAGES_ROOT", raising=False)
    said = Configuration({})
    assert (said.packages_root, said.port) == (PACKAGES_MOUNT, EXECUTABLE_PORT)
    launcher = Path(hatch_aleph.__file__).parent / "guest/child/sitecustomize.py"
    assert f'os.environ.get("ALEPH_PACKAGES_ROOT", "{PACKAGES_MOUNT}")' in launcher.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        (re.escape(DEFAULT_CHANNEL), "defaults.py"),
        (r"re\.sub\(r\"\[-_\.\]\+\"", "text.py"),
        (re.escape("[0-9a-f]{64}|Qm"), "itemhash.py"),
        (r"b32encode\(.*rstrip\(\"=|b32decode|import base58", "itemhash.py"),
        (re.escape(itemhash.BASE58[9:]), "itemhash.py"),
        (r'"0" \* 64', "itemhash.py"),
        *((known.item_hash, "runtimes.py") for known in runtimes.KNOWN.values()),
    ],
)
def test_each_constant_has_one_owner(text, owner):
    found = [path for path in SOURCES if re.search(text, path.read_text("utf-8"))]
    assert [path for path in found if not path.as_posix().endswith(f"hatch_aleph/{owner}")] == []
    assert found


def test_what_stands_for_an_unsigned_message_looks_like_one():
    assert itemhash.ITEM_HASH.fullmatch(itemhash.UNSIGNED)
