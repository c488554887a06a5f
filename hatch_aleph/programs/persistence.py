"""Make a program persistent, or on demand again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.deploy.naming import program_urls
from hatch_aleph.programs.recreate import (
    Recreated,
    check_recreatable,
    look_up_for_replacement,
    persistence_change,
    recreate,
)
from hatch_aleph.programs.session import require_owner

if TYPE_CHECKING:
    from hatch_aleph.programs.session import Session


def set_persistent(
    session: Session, item_hash: str, *, persistent: bool, keep_prev: bool = False, allow_data_loss: bool = False
) -> Recreated:
    """Replace a program by one that is the same but for its persistence; the item hash changes.

    Raises:
        PlanError: It is not there, another's, not updatable, or data would be lost.
        RejectedError: The network refuses the new one; the old one is as it was.
    """
    existing = look_up_for_replacement(session, item_hash)
    require_owner(session, existing.owner, existing.sender, item_hash)
    if bool(existing.content["on"].get("persistent")) is persistent:
        return Recreated(
            item_hash, item_hash, forgotten=False, urls=program_urls(item_hash, node=session.client.nodes[0])
        )
    check_recreatable(existing, allow_data_loss=allow_data_loss, keep_prev=keep_prev)
    content = persistence_change(existing.content, persistent=persistent)
    reason = "Program persisted" if persistent else "Program unpersisted"
    return recreate(session, existing, content, keep_prev=keep_prev, reason=reason)
