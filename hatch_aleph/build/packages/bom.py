"""The bill of materials: CycloneDX 1.6 JSON of what is vendored, the same for the same content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from hatch_aleph.build.packages.wheel_cache import PackedWheel


def bill_of_materials(wheels: Iterable[PackedWheel]) -> str:
    """Return the document: no times, no random serial number, no project; equal images have equal ones."""
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [{"type": "application", "name": "hatch-aleph"}]}},
        "components": [_component(each) for each in wheels],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def licence_of(metadata: Message) -> str:
    """Return a distribution's licence: its SPDX expression, else what its metadata says in words; "" for nothing."""
    expression = metadata["License-Expression"]
    if expression:
        return str(expression).strip()
    trove = [
        str(each).rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier", [])
        if str(each).startswith("License :: ")
    ]
    if trove:
        return ", ".join(sorted(trove))
    lines = str(metadata["License"] or "").strip().splitlines()
    return lines[0][:100] if lines else ""


def _component(wheel: PackedWheel) -> dict[str, Any]:
    facts = wheel.facts
    purl = f"pkg:pypi/{wheel.name}@{facts.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": facts.version,
        "purl": purl,
    }
    if wheel.sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": wheel.sha256}]
    if facts.licence_expression:
        component["licenses"] = [{"expression": facts.licence}]
    elif facts.licence:
        component["licenses"] = [{"license": {"name": facts.licence}}]
    return component
