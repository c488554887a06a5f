"""Sphinx: Markdown pages, and a page for each command, made from the command itself."""

from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph import __version__
from hatch_aleph.commands import GROUPS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "hatch-aleph"
copyright = "2026, the hatch-aleph developers"  # noqa: A001 - Sphinx's name
release = __version__
extensions = [
    "myst_parser",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}
html_theme = "furo"
html_title = f"hatch-aleph {__version__}"
html_static_path = ["static"]
html_search_scorer = str(Path(__file__).parent / "static" / "scorer.js")
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
# Commands and options are copied from these pages: quotes and dashes stay as they are typed.
smartquotes = False
# What a button copies is what is typed: no prompt, none of the output.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True
nitpicky = True
# Types of other packages and of annotations have no page here; what a page names itself is still checked.
nitpick_ignore_regex = [("py:.*", ".*")]
napoleon_use_ivar = True  # attributes are described once, with their class
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
exclude_patterns = ["_build", "commands/_groups.md"]
# What the link check cannot see: this machine, and anchors that GitHub makes in the browser.
linkcheck_ignore = [
    r"http://127\.0\.0\.1.*",
    r"https://api\.example\.org.*",
    r"https://github\.com/aleph-im/hatch-aleph.*",
]
linkcheck_anchors = False

_PAGE = """\
# {name}

```{{eval-rst}}
.. click:: hatch_aleph.cli.{module}:{attribute}
   :prog: hatch-aleph {name}
   :nested: full
```
"""
_GROUP = """\
## {group}

| command | does |
|---|---|
{rows}

```{{toctree}}
:hidden:

{pages}
```
"""


def _write_command_pages() -> None:
    folder = Path(__file__).parent / "commands"
    folder.mkdir(exist_ok=True)
    groups = []
    for group, commands in GROUPS.items():
        for name, (module, attribute, _) in commands.items():
            (folder / f"{name}.md").write_text(_PAGE.format(name=name, module=module, attribute=attribute), "utf-8")
        rows = "\n".join(f"| [{name}](commands/{name}.md) | {text} |" for name, (*_, text) in commands.items())
        groups.append(_GROUP.format(group=group, rows=rows, pages="\n".join(f"commands/{name}" for name in commands)))
    (folder / "_groups.md").write_text("\n".join(groups), "utf-8")


def _as_console(_app: object, _context: object, lines: list[str]) -> None:
    """Make the example that ends a command's help one that can be copied."""
    if lines and lines[0].startswith("Example: "):
        lines[:] = [
            "Example:",
            "",
            ".. code-block:: console",
            "",
            f"   $ {' '.join(lines).removeprefix('Example: ').strip()}",
            "",
        ]


def setup(app: "Sphinx") -> None:
    """Called by Sphinx."""
    app.connect("sphinx-click-process-epilog", _as_console)


_write_command_pages()
