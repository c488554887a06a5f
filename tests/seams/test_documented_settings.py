"""Every documented table of settings is one that works."""

from __future__ import annotations

import re
import sys

import pytest

from hatch_aleph.settings import load_settings
from hatch_aleph.settings.model import PUBLIC_FIELDS
from tests.seams.documents import PAGES, ROOT, examples, place_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Named profiles of globs.
_PROFILES = {"pr-*": "pr-12"}


@pytest.mark.parametrize("example", examples("toml"), ids=place_of)
def test_every_documented_toml_block_is_read(example):
    table = tomllib.loads(example.text)
    settings = table.get("tool", {}).get("aleph")
    if settings is None:
        return
    settings.setdefault("entrypoint", "main:app")  # blocks on one subject show its keys alone
    for profile in (None, *settings.get("profiles", {})):
        load_settings(settings, _PROFILES.get(profile, profile))


_INLINE = re.compile(
    r"`(?:\[tool\.aleph\] )?([a-z-]+(?:\.[a-z-]+)? = (?:\"[^`]*\"|true|false|\d+|\[[^`]*\]|\{[^`]*\}))`"
)


def inline() -> list[tuple[str, str]]:
    """Return every `key = value` in running text, of documents and of messages, whose key is one of settings."""
    keys = {item.name.replace("_", "-") for item in PUBLIC_FIELDS}
    return [
        (page.name, match[1])
        for page in (*PAGES, *sorted((ROOT / "hatch_aleph").rglob("*.py")))
        for match in _INLINE.finditer(page.read_text("utf-8"))
        if re.split(r"[. ]", match[1])[0] in keys and "..." not in match[1]
    ]


@pytest.mark.parametrize(("page", "line"), inline())
def test_every_key_named_in_running_text_takes_the_value_named(page, line):
    # A message's value may be known when it is said only: one of them stands for it.
    table = {"entrypoint": "main:app", **tomllib.loads(line.replace("{said}", "true"))}
    if table.get("interface") == "executable":
        table["entrypoint"] = "run.sh"
    if table.get("strategy") == "replace":
        table["domains"] = ["api.example.org"]  # a replacement keeps no URL but these
    load_settings(table)
