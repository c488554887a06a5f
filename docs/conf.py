"""Sphinx: Markdown pages, the command line's reference made from its commands."""

from hatch_aleph import __version__

project = "hatch-aleph"
copyright = "2026, the hatch-aleph developers"  # noqa: A001 - Sphinx's name
release = __version__
extensions = ["myst_parser", "sphinx_click", "sphinx.ext.intersphinx"]
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}
html_theme = "furo"
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
# Commands and options are copied from these pages: quotes and dashes stay as they are typed.
smartquotes = False
nitpicky = True
exclude_patterns = ["_build"]
