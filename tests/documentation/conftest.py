"""A network on this machine for the pages' commands."""

from tests.whole.conftest import network  # noqa: F401 - a fixture
