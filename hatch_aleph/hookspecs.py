"""The hooks: what a plugin may implement. :doc:`The page on hooks <hooks>` has a worked example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from hatch_aleph.plugins import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.errors import HatchAlephError
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.plugins import Publication
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def aleph_runtimes() -> Iterable[Runtime]:  # type: ignore[empty-body] # a specification has none
    """Give runtimes of your own, so that settings can call them by name; the built-in names cannot be taken."""


@hookspec
def aleph_settings(table: dict[str, Any], profile: str | None) -> None:
    """Change the table of settings in place, before it is checked.

    Args:
        table: The keys of ``[tool.aleph]``, or what the options of ``create`` and ``update`` say, under the same keys.
        profile: Name of the profile that is to be laid over it.
    """


@hookspec
def aleph_extra_files(project: Project, settings: Settings) -> Iterable[Entry]:  # type: ignore[empty-body] # as above
    """Give further files for the code image."""


@hookspec(firstresult=True)
def aleph_account(chain: str) -> Account | None:
    """Give the account to sign with, when no option and no environment variable names a key; None for the next one.

    Args:
        chain: Chain of the account: ``ETH``, ``AVAX``, ``BASE`` or ``SOL``.
    """


@hookspec
def aleph_check_plan(artifact: Artifact, changes: dict[str, Any]) -> Iterable[str]:  # type: ignore[empty-body] # as above
    """Look at what a deployment would change; every line given back is a reason to refuse it."""


@hookspec
def aleph_before_publish(publication: Publication, artifact: Artifact | None) -> None:
    """Be told right before the first message is sent, by any command that publishes; raise to stop it."""


@hookspec
def aleph_after_publish(publication: Publication, artifact: Artifact | None, item_hash: str, url: str) -> None:
    """Be told once the program answers; of ``delete``, once it is gone (the URL is empty)."""


@hookspec
def aleph_publish_failed(publication: Publication, artifact: Artifact | None, error: HatchAlephError) -> None:
    """Be told that publishing failed, after what could be put back was put back."""
