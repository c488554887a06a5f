"""What the network takes away because it is not paid for: told with what brings it back."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from hatch_aleph.deploy.state import State
    from hatch_aleph.network.client import NodeClient


def being_removed(state: State) -> str | None:
    """Tell which parts of a deployment are about to be taken away; None when all of it is paid for."""
    parts = [f"the program {program.item_hash}" for program in state.programs if program.status == "removing"]
    parts += [
        f"the {volume.role or 'other'} volume {volume.ref}"
        for volume in state.volumes.values()
        if volume.current.status == "removing"
    ]
    if not parts:
        return None
    return (
        f"{' and '.join(parts)} {'is' if len(parts) == 1 else 'are'} being removed: {state.owner} has less than a day "
        "costs of all that it pays for. Top up, and it comes back by itself; about a day later it is gone for good"
    )


def was_removed(client: NodeClient, owner: str) -> str | None:
    """Tell that programs of an owner were taken away; None when none was, or the node keeps no such list.

    What is left of a removed message carries no tags, so these may be programs of other projects.
    """
    removed = []
    with contextlib.suppress(NetworkError):  # only a remark: no reason to fail
        removed = list(client.messages(types=("PROGRAM",), owners=(owner,), statuses=("removed",)))
    if not removed:
        return None
    last = removed[0]
    published = dt.datetime.fromtimestamp(last.time, dt.timezone.utc)
    return (
        f"of {owner}'s programs {len(removed)} had to go for want of payment, the last of them {last.item_hash}, "
        f"published on {published:%Y-%m-%d}. What is to run again needs a top-up and another deployment, and gets a "
        "new item hash"
    )
