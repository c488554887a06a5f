"""What Hatch imports each time it starts, and what it finds there."""

from __future__ import annotations

import json
import subprocess
import sys

import pluggy
from hatchling.plugin import specs

from hatch_aleph.plugin import hooks
from hatch_aleph.plugin.builder import AlephBuilder


def test_hatch_finds_every_plugin() -> None:
    manager = pluggy.PluginManager("hatch")
    manager.add_hookspecs(specs)
    manager.register(hooks)
    found = {name for name in dir(hooks) if name.startswith("hatch_register_")}
    assert {each.name for each in manager.get_hookcallers(hooks) or []} == found
    assert len(found) == 4
    assert manager.hook.hatch_register_builder() == [AlephBuilder]


def test_importing_them_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import hatch_aleph.plugin.hooks, json; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = [name for name in json.loads(done.stdout) if name.partition(".")[0] not in ("json", "_json", "re", "enum")]
    assert [name for name in loaded if name.startswith("hatch_aleph")] == [
        "hatch_aleph",
        "hatch_aleph.plugin",
        "hatch_aleph.plugin.hooks",
    ]
    assert not {"pluggy", "typing", "hatchling"} & set(loaded)
