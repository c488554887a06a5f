"""What a new node knows from the start: the network's own aggregates, and its official runtimes as STORE messages.

The runtimes' bytes are not here: a program that names them is accepted, and asking for the file answers 404. The
messages carry no signature, for only the network could sign them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.local.node.envelope import Message, check_content
from hatch_aleph.local.node.prices import PRICING
from hatch_aleph.local.node.times import to_micros
from hatch_aleph.network.answers import NETWORK_OWNER

if TYPE_CHECKING:
    from hatch_aleph.local.node.rules import NodeState

_STARTED = 1_700_000_000.0

_DESCRIPTIONS = (
    (runtimes.DEBIAN_12, "Official runtime with Debian 12, Python 3.11"),
    (runtimes.DEBIAN_11, "Legacy runtime with Debian 11, Python 3.9"),
    (runtimes.NODE_JS, "Official Node.js LTS runtime on Debian 11"),
)
RUNTIMES = tuple((runtime.name, text, runtime.item_hash) for runtime, text in _DESCRIPTIONS)


def aggregates() -> dict[str, dict[str, Any]]:
    """Give the aggregates that the network's owner publishes, by key."""
    default = RUNTIMES[0][2]
    return {
        "pricing": PRICING,
        "settings": {
            "compatible_gpus": [],
            "last_crn_version": "1.7.0",
            "community_wallet_address": "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56",
            "community_wallet_timestamp": 1_739_301_770,
        },
        "runtimes": {
            "entries": [
                {"id": id_, "name": name, "type": "program", "item_hash": item_hash, "default": item_hash == default}
                for id_, name, item_hash in RUNTIMES
            ]
        },
        "vm-images": {
            "runtimes": {id_: {"name": name, "hash": item_hash} for id_, name, item_hash in RUNTIMES},
            "defaults": {"runtime": RUNTIMES[0][0]},
        },
    }


_CORE_OWNER = "0xa1B3bb7d2332383D96b7796B908fB7f7F3c2Be10"  # config.py: aleph.corechannel.address


def publish(state: NodeState) -> None:
    """Write down what is missing of it; what somebody published since is left alone."""
    with state.database.transaction():
        published = [(NETWORK_OWNER, key, content) for key, content in aggregates().items()]
        published.append((_CORE_OWNER, "corechannel", {"nodes": [], "resource_nodes": []}))
        for owner, key, content in published:
            element = hashlib.sha256(f"genesis {key}".encode()).hexdigest()
            if element not in state.aggregates.elements(owner, key):
                state.aggregates.add(element, owner, key, content, to_micros(_STARTED))
        for id_, _, item_hash in RUNTIMES:
            if state.ledger.status(item_hash) is None:
                _publish_runtime(state, id_, item_hash)


def _publish_runtime(state: NodeState, id_: str, item_hash: str) -> None:
    # The content's hash is not the message's, as nobody outside the network has the signed text; the file's hash is
    # a stand-in too, and the size is that of no bytes, so a runtime costs nothing here.
    file_hash = hashlib.sha256(f"runtime {id_}".encode()).hexdigest()
    content = {"address": NETWORK_OWNER, "time": _STARTED, "item_type": "storage", "item_hash": file_hash}
    message = Message(
        item_hash=item_hash,
        type="STORE",
        chain="ETH",
        sender=NETWORK_OWNER,
        signature=None,
        item_type="storage",
        item_content=None,
        time=to_micros(_STARTED),
        channel=None,
        content=content,
        parsed=check_content("STORE", content),
    )
    state.ledger.add_processed(message, len(json.dumps(content)), message.time)
    state.pins.add_file(file_hash, 0, message.time, present=False)
    state.pins.pin_message(item_hash, file_hash, NETWORK_OWNER, None, message.time)
