"""Each small thing has one owner; where another module does it too, the reason stands here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hatch_aleph

PACKAGE = Path(hatch_aleph.__file__).parent
ALONE = "imports nothing of ours"
OWNERS = {
    "files that appear whole": (
        r"\bmkstemp|NamedTemporaryFile|os\.replace\(|\.rename\(|os\.link\(",
        {
            "files.py": "the owner",
            "network/keystores.py": "a link, which fails where the name is taken: no key is ever overwritten",
            "local/host/launch.py": "a socket, by whose name a machine is reached",
            "local/node/file_store.py": "an upload, which is named by its hash once it has come",
            "squashfs/output.py": ALONE,
            "squashfs/unpacking.py": "hard links of an image",
        },
    ),
    "uv": (r"\bfind_uv_bin\b", {"uv.py": "the owner"}),
    "text made safe for a terminal": (
        r"\.isprintable\(\)(?! else)",
        {
            "squashfs/errors.py": f"the owner, for it {ALONE}",
            "network/keys.py": "tells bytes of a key from words",
            "settings/entry_points.py": "refuses an entry point",
        },
    ),
    "credentials in addresses": (
        r"rpartition\([\"']@[\"']\)",
        {"network/http.py": "of an address whose parts are known", "build/packages/pylock.py": "keeps the user of SSH"},
    ),
    "pools of threads": (
        r"ThreadPoolExecutor\(|threading\.Thread\(",
        {
            "squashfs/pool.py": "the owner",
            "cli/live.py": "draws the last line",
            "cli/liveness.py": "waits for other people's machines",
            "cli/workspace.py": "waits for other people's machines, and for processes",
            "guest/native_threads.py": "runs in the guest",
            "local/host/source.py": "asks a node for an event loop",
        },
    ),
    "the whole environment": (  # threads beside may change it while it is read
        r"\bos\.environ\.(?:items|values|copy)\(|\*\*os\.environ\b|dict\(os\.environ\)",
        {"guest/command.py": "runs in the guest, where nothing of ours runs beside"},
    ),
    "pauses that are spread at random": (
        r"\brandom\.Random\(",
        {
            "waiting.py": "the owner",
            "local/node/intake.py": "plays a broker that loses messages",
            "local/node/processor.py": "waits as the network's nodes do",
        },
    ),
    "folders that are junk": (r"\"\.mypy_cache\"", {"files.py": "the owner"}),
    "the user's folders": (
        r"\bfrom platformdirs\b",
        {
            "files.py": "cache and state",
            "preferences.py": "the configuration",
            "network/keys.py": "another tool's configuration",
        },
    ),
    "sessions of a deployment": (r"= Journal\b", {"deploy/session.py": "the owner"}),
}


@pytest.mark.parametrize("thing", OWNERS)
def test_each_small_thing_has_one_owner(thing):
    pattern, owners = OWNERS[thing]
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(pattern, path.read_text("utf-8"))
    }
    assert found == set(owners)


def test_bytes_have_one_unit():
    """MiB, as the network's fields and limits: beside MB nobody can tell whether a file fits."""
    root = PACKAGE.parent
    texts = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), *(root / "docs").rglob("*.md"), root / "README.md"]
    assert len(texts) > 300
    decimal = re.compile(r"(?<!\dx)(?<![0-9A-Za-z])[kMG]B\b|\d [kMG]B\b")
    assert {str(path): found for path in texts if (found := decimal.findall(path.read_text("utf-8")))} == {}
