"""The program's message: what it says once the refs are known, and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_aleph.artifact import Manifest

# Said for readers alone: a difference in these is no reason to give up an item hash and its URL.
_COSMETIC = ("time", "metadata", "runtime.comment", "code.comment", "data.comment")
# What the network assumes of a field that is absent or null (aleph-im/aleph-message, models/execution).
_ABSENT = {"volumes": [], "variables": {}, "allow_amend": False, "on.persistent": False}


@dataclass(frozen=True)
class FieldChange:
    """A field of the program that is to change: its dotted path, and both values (None when absent)."""

    path: str
    before: Any
    after: Any


def program_content(
    manifest: Manifest, refs: Mapping[str, str], *, owner: str, tag: str, time: float | None = None
) -> dict[str, Any]:
    """Return the content of the PROGRAM message.

    Args:
        manifest: Of the artifact.
        refs: Item hash of the original STORE of each role.
        owner: Address that owns and pays.
        tag: The deployment's tag.
        time: Signed time; absent while the content is only compared or priced.
    """
    content: dict[str, Any] = {**manifest.program, "address": owner}
    content["code"] = {**manifest.program["code"], "ref": refs["code"]}
    packages = manifest.image("packages")
    if packages is not None:
        mounted = {"mount": packages.mount, "ref": refs["packages"], "use_latest": True}
        content["volumes"] = [mounted, *(manifest.program.get("volumes") or ())]
    content["metadata"] = {**(manifest.program.get("metadata") or {}), "tags": [tag]}
    if time is not None:
        content["time"] = time
    return content


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return every field in which two programs differ in more than words, by path.

    Lists are compared whole, since the order of volumes is the order of mounting; variables one by one.
    """
    left, right = dict(_leaves(before)), dict(_leaves(after))
    return tuple(
        FieldChange(path, left.get(path), right.get(path))
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    )


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        path = f"{prefix}{key}"
        if path in _COSMETIC or item is None or item == _ABSENT.get(path, ...):
            continue
        if isinstance(item, dict):
            yield from _leaves(item, f"{path}.")
        else:
            yield path, _plain(item)


def _plain(value: Any) -> Any:
    # Volumes come from the node as they were signed, but null fields may have been filled in by another tool.
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and key != "comment"}
    return value
