"""Sphinx: Markdown pages, the command line's reference made from its commands."""

from hatch_aleph import __version__

project = "hatch-aleph"
copyright = "2026, the hatch-aleph developers"  # noqa: A001 - Sphinx's name
release = __version__
extensions = ["myst_parser", "sphinx_click", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx.ext.napoleon"]
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}
html_theme = "furo"
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
# Commands and options are copied from these pages: quotes and dashes stay as they are typed.
smartquotes = False
nitpicky = True
# Types of other packages and of annotations have no page here; what a page names itself is still checked.
nitpick_ignore_regex = [("py:.*", ".*")]
napoleon_use_ivar = True  # attributes are described once, with their class
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
exclude_patterns = ["_build"]
