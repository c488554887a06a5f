"""The guest reads an entry point as settings do: the same module, the same attribute, the same call."""

from __future__ import annotations

import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_aleph.guest.entrypoint import find
from hatch_aleph.settings.entry_points import ADAPTER, EntryPointError, in_message, parse_entrypoint

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab'\"()\\:, =#é", max_size=6) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=2) | st.tuples(inner, inner)
    ),
    max_leaves=5,
)
NAMES = st.from_regex(r"[a-z]{1,5}_", fullmatch=True)  # never a keyword


class Recorder:
    """Has every attribute, and tells how it was reached and called."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __getattr__(self, name: str) -> Recorder:
        if name.startswith("__"):  # others look at modules too
            raise AttributeError(name)
        return Recorder(f"{self.path}.{name}".lstrip("."))

    def __call__(self, *arguments: object, **keywords: object) -> tuple[object, ...]:
        return self.path, arguments, tuple(keywords.items())


@pytest.fixture(scope="module", autouse=True)
def module():
    made = types.ModuleType("seam_module")
    made.__getattr__ = Recorder("").__getattr__  # type: ignore[method-assign]
    sys.modules["seam_module"] = made
    yield
    del sys.modules["seam_module"]


@given(
    st.lists(NAMES, min_size=1, max_size=3).map(".".join),
    st.none() | st.tuples(st.lists(LITERALS, max_size=3), st.dictionaries(NAMES, LITERALS, max_size=2)),
)
def test_what_settings_accept_the_guest_reads_alike(attribute, call):
    text = f"seam_module:{attribute}"
    if call is not None:
        said = ", ".join([*map(repr, call[0]), *(f"{name}={value!r}" for name, value in call[1].items())])
        text += f"({said})"
    read, found = parse_entrypoint(text), find(text)
    if read.arguments is None:
        assert found.path == read.attribute
    else:
        assert found == (read.attribute, read.arguments, read.keywords)


@pytest.mark.parametrize("text", ["seam_module:make(open)", "seam_module:make(", "seam_module:make(*[1])"])
def test_what_the_guest_refuses_settings_refuse(text):
    with pytest.raises(EntryPointError):
        parse_entrypoint(text)
    with pytest.raises(LookupError):
        find(text)


def test_the_message_names_the_adapters_module():
    assert in_message("main:app", adapter=True) == f"{ADAPTER}:main:app" == "aleph_entry:main:app"
