"""The OpenAPI document of the node, made from its routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.local.node.api.routes import Route


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """Describe the routes; refusals are texts, except where a message is rejected with its upload."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.0.3",
        "info": {"title": "hatch-aleph's embedded node", "version": version},
        "paths": paths,
    }


def _operation(route: Route) -> dict[str, Any]:
    summary = (route.handler.__doc__ or "").partition("\n")[0]
    content = {"*/*": {}} if route.gives is None else {"application/json": {"schema": route.gives}}
    answers: dict[str, Any] = {
        str(status): {"description": "done", "content": content} for status in (200, *route.also)
    }
    refusal = {"text/plain": {"schema": {"type": "string"}}, "application/json": {}}
    answers["4XX"] = {"description": "refused; the text says why", "content": refusal}
    operation: dict[str, Any] = {"summary": summary, "parameters": _parameters(route), "responses": answers}
    if route.body is not None:
        kind = "multipart/form-data" if route.form else "application/json"
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": route.body}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    in_path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    properties = route.query.model_json_schema()["properties"] if route.query is not None else {}
    return in_path + [{"name": name, "in": "query", "schema": _simple(each)} for name, each in properties.items()]


def _simple(schema: dict[str, Any]) -> dict[str, Any]:
    """Reduce a model's schema to what a query can hold: one value, or values separated by commas."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    kept = options[0]
    if kept.get("type") == "array":
        return {"type": "string", "description": "values separated by commas"}
    return {key: kept[key] for key in ("type", "enum", "minimum") if key in kept}
