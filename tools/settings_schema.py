"""Write the JSON schema and the reference table of ``[tool.aleph]``, which are made from the model.

    python tools/settings_schema.py

They stand in docs/schema/settings.json and docs/settings.md; tests/settings/test_schema.py tells when they are stale.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from hatch_aleph.settings.model import Settings
from hatch_aleph.settings.parse import PATTERNS, toml_name

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA, PAGE = DOCS / "schema" / "settings.json", DOCS / "settings.md"
HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the table, for editors and other tools."""
    schema = object_schema(Settings)
    profile = {**schema, "required": []}
    schema["properties"]["profiles"] = {
        "type": "object",
        "description": "Named variations: each may override any key; a name may be a glob, such as `pr-*`.",
        "additionalProperties": {**profile, "properties": dict(profile["properties"])},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "[tool.aleph]",
        **schema,
    }


def reference() -> str:
    """Return the keys as a Markdown table: key, type, default, meaning."""
    return HEAD + "".join(f"{row}\n" for row in _rows(Settings, ""))


def object_schema(model: Any) -> dict[str, Any]:
    """Return the JSON schema of a model."""
    hints = typing.get_type_hints(model)
    keys = [item for item in fields(model) if item.metadata]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [toml_name(item.name) for item in keys if item.metadata.get("required")],
        "properties": {
            toml_name(item.name): {"description": item.metadata["doc"], **_type(hints[item.name], item)}
            for item in keys
        },
    }


def _type(kind: Any, item: Field[Any]) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _type(next(option for option in get_args(kind) if option is not type(None)), item)
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if is_dataclass(kind):
        schema = object_schema(kind)
        return {"anyOf": [schema, {"const": False}]} if "off" in item.metadata else schema
    if origin is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0], item)}
    if origin is not None and issubclass(origin, Mapping):
        inner = get_args(kind)[1]
        return {"type": "object"} if inner is Any else {"type": "object", "additionalProperties": _type(inner, item)}
    limits = {name: item.metadata[name] for name in ("minimum", "maximum") if name in item.metadata}
    _, pattern = PATTERNS.get(item.metadata.get("pattern", ""), ("", ""))
    return {"type": _JSON_TYPES[kind], **limits, **({"pattern": f"^({pattern})$"} if pattern and kind is str else {})}


def _rows(model: Any, prefix: str) -> list[str]:
    hints = typing.get_type_hints(model)
    rows = []
    for item in fields(model):
        if not item.metadata:
            continue
        name = f"{prefix}{toml_name(item.name)}"
        kind = hints[item.name]
        inner = next((each for each in (kind, *get_args(kind)) if is_dataclass(each)), None)
        if inner is not None:
            suffix = "[]." if get_origin(kind) is tuple else "."
            rows.extend(_rows(inner, name + suffix))
            continue
        default = "required" if item.metadata.get("required") else _default(item)
        rows.append(f"| `{name}` | {_words(_type(kind, item))} | {default} | {item.metadata['doc']} |")
    return rows


def _default(item: Field[Any]) -> str:
    value = item.default_factory() if item.default_factory is not MISSING else item.default
    if value is MISSING or value is None or value in ((), {}, ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_words(schema['items'])}"
    reach = ""
    if "minimum" in schema:
        reach = (
            f", {schema['minimum']} to {schema['maximum']}" if "maximum" in schema else f", from {schema['minimum']}"
        )
    return f"{schema['type']}{reach}"


def main() -> None:
    """Write both where they stand."""
    SCHEMA.write_text(json.dumps(json_schema(), indent=1) + "\n", "utf-8")
    page = PAGE.read_text("utf-8")
    PAGE.write_text(re.sub(re.escape(HEAD) + r"(?:\|.*\n)*", lambda _: reference(), page), "utf-8")


if __name__ == "__main__":
    main()
