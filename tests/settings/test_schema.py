"""The published schema and reference are those of the model, and say what the parser does."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.errors import SettingsError
from hatch_aleph.settings import load_settings
from tools.settings_schema import json_schema, reference

DOCS = Path(__file__).parents[2] / "docs"


def test_published_schema_is_the_models():
    published = json.loads((DOCS / "schema" / "settings.json").read_text("utf-8"))
    assert published == json_schema(), "make it anew: python tools/settings_schema.py"


def test_published_reference_is_the_models():
    assert reference() in (DOCS / "settings.md").read_text("utf-8"), "make it anew: python tools/settings_schema.py"


@pytest.fixture(scope="module")
def validator():
    import jsonschema  # here, not above: it takes two seconds, and every worker of a run loads every file

    return jsonschema.Draft202012Validator


def test_schema_is_itself_valid(validator):
    validator.check_schema(json_schema())


def test_the_manifests_schema_is_itself_valid(validator):
    validator.check_schema(json.loads((DOCS / "schema" / "manifest.json").read_text("utf-8")))


KEYS = sorted(set(json_schema()["properties"]) - {"profiles"})
VALUES = st.one_of(
    st.booleans(),
    st.integers(-5, 5000),
    st.floats(-5, 100, allow_nan=False),
    st.text("abc/:.", max_size=6),
    st.lists(st.text("ab", max_size=3), max_size=2),
    st.dictionaries(
        st.sampled_from(["type", "chain", "level", "codec", "path", "a"]), st.text("ab", max_size=3), max_size=2
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_what_the_schema_refuses_the_parser_refuses(validator, table):
    table.setdefault("entrypoint", "main:app")
    if not validator(json_schema()).is_valid(table):
        with pytest.raises(SettingsError):
            load_settings(table)
