"""One grammar of entry points: what is one, what is a command, and what is refused and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_aleph.errors import SettingsError
from hatch_aleph.settings import load_settings
from hatch_aleph.settings.entry_points import (
    EntryPoint,
    EntryPointError,
    in_message,
    is_command,
    of_message,
    parse_entrypoint,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main:été", EntryPoint("main", "été")),
        ("été.mäin:app", EntryPoint("été.mäin", "app")),
        ("main:app", EntryPoint("main", "app")),
        ("my_api.main:make.app", EntryPoint("my_api.main", "make.app")),
        ("main:create()", EntryPoint("main", "create", ())),
        (
            'my_api.main:create_app("production", debug=False)',
            EntryPoint("my_api.main", "create_app", ("production",), (("debug", False),)),
        ),
        ("a:b.c([1, -2.5], {'x': (None,)}, s={1})", EntryPoint("a", "b.c", ([1, -2.5], {"x": (None,)}), (("s", {1}),))),
        ("a:b('c:d)#', \"e\")", EntryPoint("a", "b", ("c:d)#", "e"))),
    ],
)
def test_entry_points(text, expected):
    assert parse_entrypoint(text) == expected
    assert load_settings({"entrypoint": text}).entrypoint == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("main", "expected `module:attribute`"),
        ("ma-in:app", "expected `module:attribute`"),
        ("main:", "after the colon"),
        ("main:app\n", "expected `module:attribute`"),
        ("main:app()()", "after the colon"),
        ("main:make().app", "after the colon"),
        ("main:apps[0]", "after the colon"),
        ("main:(app)", "after the colon"),
        ("main:app # here", "after the colon"),
        ("main: app", "after the colon"),
        ("main:app --reload", "after the colon"),
        ("main:make(debug)", "unlike `debug`"),
        ("main:make(os.environ['X'])", "unlike `os.environ['X']`"),
        ("main:make(*[1])", "unlike `*[1]`"),
        ("main:make(**{'a': 1})", "without `**`"),
        ("main:make(", "after the colon"),
    ],
)
def test_what_is_none_is_refused_by_name(text, said):
    with pytest.raises(EntryPointError) as caught:
        parse_entrypoint(text)
    assert said in str(caught.value)
    with pytest.raises(SettingsError) as told:
        load_settings({"entrypoint": text})
    assert f"tool.aleph.entrypoint: {caught.value}, not {text!r}" in told.value.message


@pytest.mark.parametrize("text", ["main:api.app", "main:make()"])
def test_what_only_the_adapter_can_load_is_refused_without_it(text):
    with pytest.raises(SettingsError, match="without the adapter the guest loads `module:attribute` alone"):
        load_settings({"entrypoint": text, "adapter": False})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run.sh", True),
        ("./serve --port 8080", True),
        ("node server.js --bind 0.0.0.0:8080", True),
        ("uvicorn main:app", True),
        ("main:app", False),
        ("main:make(debug)", False),  # meant as an entry point, and told what is wrong with it
        ("main:app --reload", False),
        ("main:été", False),
        ("mäin.été:app()", False),
    ],
)
def test_commands_are_told_from_entry_points(text, expected):
    assert is_command(text) is expected


@given(st.text(min_size=1), st.booleans())
def test_a_message_carries_what_was_said(text, adapter):
    text = "x" + text
    assert of_message(in_message(text, adapter=adapter)) == (text, adapter)


LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="ascii", categories=["L", "P"]))
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)
NAMES = st.from_regex(r"[a-z]{1,5}_", fullmatch=True)  # never a keyword


@given(
    st.lists(NAMES, min_size=1, max_size=3).map(".".join),
    st.lists(NAMES, min_size=1, max_size=3).map(".".join),
    st.lists(LITERALS, max_size=3),
    st.dictionaries(NAMES, LITERALS, max_size=3),
)
def test_every_call_with_literals_is_read_back(module, attribute, arguments, keywords):
    said = ", ".join([*map(repr, arguments), *(f"{name}={value!r}" for name, value in keywords.items())])
    read = parse_entrypoint(f"{module}:{attribute}({said})")
    assert read == EntryPoint(module, attribute, tuple(arguments), tuple(keywords.items()))
