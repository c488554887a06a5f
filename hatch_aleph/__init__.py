"""Deploy Python projects to the Aleph Cloud network from pyproject.toml."""

__version__ = "0.1.0"
