"""Nobody is told to install hatch-aleph by its name alone, which on an index may be another's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hatch_aleph.installation import requirement
from hatch_aleph.plugin.collector import environment

ROOT = Path(__file__).parents[2]
# Until the name is registered: then this test goes, and with it the warning in docs/install.md.
_NAME = r"hatch[-_]aleph(?:\[[\w,]+\])?(?!\w| ?@|[-/.][\w]|\[)"
BY_NAME = (
    re.compile(rf"(?:\brequires\b|\bdependencies\b)[\"']?\s*[=:]\s*\[[^\]#]*[\"']{_NAME}"),
    re.compile(
        rf"(?:pip3? install|pipx (?:install|run)|uv (?:tool install|add|pip install)|uvx|--with)\b[^|`\n]*[ \"']{_NAME}"
    ),
)


def written() -> list[Path]:
    folders = [ROOT / name for name in ("docs", "examples", "sample_project", "tools", "hatch_aleph", ".github")]
    files = [
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in (".md", ".py", ".toml", ".yml", ".js")
    ]
    own = [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "noxfile.py"]
    return [file for file in (*files, *own) if file != Path(__file__)]


def test_no_page_template_or_hint_does() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in written()
        for form in BY_NAME
        for match in form.finditer(file.read_text("utf-8"))
        if file.name != "releases.md"
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        'requires = ["hatchling", "hatch-aleph"]',
        'dependencies = ["hatch-aleph[deploy]>=1"]',
        "python -m pip install 'hatch-aleph[deploy]'",
        "uv tool install hatch --with hatch-aleph",
        "uvx hatch-aleph deploy",
        '{"requires": ["hatch-aleph"]}',
    ],
)
def test_it_would_be_seen(text: str) -> None:
    assert any(form.search(text) for form in BY_NAME)
    for other in ('requires = ["hatch-aleph @ file:///x"]', 'pip install "./hatch-aleph[deploy]"'):
        assert not any(form.search(other) for form in BY_NAME)


def test_what_is_written_for_others_names_where_this_one_came_from() -> None:
    came = requirement("[deploy]")
    assert " @ file:" in came  # these tests run from a clone
    assert environment()["dependencies"] == [came]
