"""Questions about prices: messages that are not signed, with the sizes of files that are not published."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIB = 1024**2


def estimation_message(content: Mapping[str, Any], type_: str, sizes: Mapping[str, int], time: float) -> dict[str, Any]:
    """Return the envelope for ``POST /api/v0/price/estimate``.

    Args:
        content: Content of the message.
        type_: PROGRAM or STORE.
        sizes: Bytes by ``ref``, or by a STORE's file hash.
        time: Seconds since 1970.
    """
    sized = copy.deepcopy(dict(content))
    parts = [sized.get("code"), sized.get("runtime"), sized.get("data"), *(sized.get("volumes") or [])]
    if type_ == "STORE":
        parts = [sized]
    for part in parts:
        size = sizes.get(str(part.get("item_hash" if type_ == "STORE" else "ref"))) if part else None
        if part and size is not None:
            # Whole MiB: the network's model of programs takes integers only.
            part["estimated_size_mib"] = math.ceil(size / _MIB)
    item_content = json.dumps(sized, separators=(",", ":"))
    return {
        "type": type_,
        "chain": "ETH",
        "sender": str(content.get("address", "")),
        "time": time,
        "item_type": "inline",
        "item_content": item_content,
        "item_hash": hashlib.sha256(item_content.encode()).hexdigest(),
    }
