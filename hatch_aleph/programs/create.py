"""Create a program from a folder, an image or an archive, without a project."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.build.manifest import program_content
from hatch_aleph.deploy.naming import program_urls
from hatch_aleph.errors import UsageError
from hatch_aleph.programs.checks import check_affordable, check_program, check_refs, check_secrets
from hatch_aleph.programs.code import Code, prepare_code
from hatch_aleph.programs.publish import publish_code

if TYPE_CHECKING:
    from decimal import Decimal

    from hatch_aleph.programs.session import Session
    from hatch_aleph.settings import Settings


@dataclass(frozen=True)
class Created:
    """A program that was published.

    Attributes:
        item_hash: Of the program.
        code: Item hash of its code's STORE message.
        urls: Where it answers, the one to show first.
        per_day: What it costs in a day, in credits.
    """

    item_hash: str
    code: str
    urls: tuple[str, ...]
    per_day: Decimal


def create(session: Session, path: Path, settings: Settings, *, scan: bool = True) -> Created:
    """Check everything, publish the code, wait for it, publish the program, wait for it.

    Args:
        session: Who and where.
        path: A folder, a ``.squashfs`` image or a ``.zip`` archive.
        settings: What it is to be; with a name.
        scan: Look for secrets in it.

    Raises:
        ProjectError: There is nothing that could run.
        ImageError: The code cannot be read, packed or is too large.
        PlanError: The runtime or a volume is not there, or something looks like a secret.
        RejectedError: The network refuses it, or would: nothing was sent if so.
    """
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-") as folder:
        code = prepare_code(path, settings, Path(folder), notice=session.notice)
        content = content_of(session, settings, code)
        check_program(content)
        if scan:
            check_secrets(code, settings, where=str(path))
        if settings.variables:
            session.notice(f"Environment variables are public for ever: {', '.join(sorted(settings.variables))}")
        check_refs(session.client, content)
        per_day = check_affordable(session.client, content, code.hashes)
        with session.sending(f"create:{settings.name}", settings.channel) as sender:
            ref = publish_code(session, sender, code, content["payment"], owner=session.owner)
            content["code"] = {**content["code"], "ref": ref}
            item_hash = sender.deliver("PROGRAM", content).item_hash
    return Created(item_hash, ref, program_urls(item_hash, node=session.client.nodes[0]), per_day)


def content_of(session: Session, settings: Settings, code: Code) -> dict[str, Any]:
    """Return the content of the PROGRAM message, without the code's ref."""
    runtime = runtimes.find(settings.runtime, settings.python)
    if runtime is None or settings.name is None:  # both were checked with the settings
        raise UsageError("runtime and name are needed")
    import dataclasses

    # An image or archive comes as it is: the adapter goes only into what is packed here.
    bare = dataclasses.replace(settings, adapter=code.adapter)
    content = program_content(bare, runtime, name=settings.name, encoding=code.encoding)
    return {**content, "address": session.owner}
