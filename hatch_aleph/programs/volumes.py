"""Volumes without a project: a folder, a file or an image, pinned for programs to mount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_aleph.artifact import hash_file
from hatch_aleph.build.volumes import write_volume
from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.cleanup import farewell, forget, what_of
from hatch_aleph.deploy.journal import Run
from hatch_aleph.deploy.payment import check_affordable_file
from hatch_aleph.deploy.preflight import HARD_STOP, check_permitted
from hatch_aleph.deploy.state import Volume, program_of, refs_of, volumes_of
from hatch_aleph.errors import HealthError, PlanError, ProjectError
from hatch_aleph.files import scratch_folder
from hatch_aleph.network.answers import LIVE, MACHINES
from hatch_aleph.network.money import figure, for_a_day, with_earlier
from hatch_aleph.observer import size_text
from hatch_aleph.programs.creation import checked, publish_code
from hatch_aleph.programs.program_code import Code, check_secrets
from hatch_aleph.settings import Compression

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal
    from pathlib import Path

    from hatch_aleph.deploy.session import Session
    from hatch_aleph.deploy.state import Program
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.executions import Execution

TAG = "hatch-aleph-volume"


@dataclass(frozen=True)
class OwnVolume:
    """A volume of an owner.

    Attributes:
        volume: Its contents.
        name: What it was published as.
        per_day: What a day of all its contents costs, in credits; None when the node does not tell.
        programs: Live programs of the owner that mount it.
    """

    volume: Volume
    name: str
    per_day: Decimal | None
    programs: tuple[Program, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        current = self.volume.current
        return {
            "ref": self.volume.ref,
            "name": self.name,
            "size": current.size,
            "time": current.time,
            "file": current.file_hash,
            "contents": [version.item_hash for version in self.volume.versions],
            "per_day": None if self.per_day is None else figure(self.per_day),
            "programs": [program.item_hash for program in self.programs],
        }


def publish(
    session: Session,
    path: Path,
    *,
    name: str | None = None,
    amends: str | None = None,
    allow: Sequence[str] = (),
    scan: bool = True,
) -> str:
    """Pack a folder or a file, or take an image as it is, publish it, and return the item hash that programs name.

    Args:
        session: Who and where.
        path: The folder, file or image.
        name: What it is called; by default its name.
        amends: Item hash of a volume of the owner that gets this as its new content.
        allow: Files that only look like secrets.
        scan: Look for secrets in it; the key that signs is looked for in any case.

    Raises:
        ProjectError: There is no such path, or it holds a secret by name.
        PlanError: It holds what looks like a secret, or what it is to amend is not there.
        ImageError: It cannot be packed or read.
        RejectedError: The network refuses it, or would.
        HealthError: A program that mounts it does not answer with its new content.
    """
    if not path.exists():
        raise ProjectError("There is no such folder or file.", where=str(path))
    existing = find(session.client, amends, owner=session.owner) if amends else None
    name = name or (existing.name if existing else path.resolve().name)
    settings = checked({"name": "volume", "entrypoint": "main:app", "secrets": {"allow": list(allow)}})
    with scratch_folder() as folder:
        image = folder / "volume.squashfs"
        write_volume(path, image, Compression(), allow=("*",))  # what it holds is searched below
        code = Code(image, "squashfs", hash_file(image), adapter=False)
        check_secrets(session, settings, image, where=path, scan=scan)
        check_permitted(session.client, session.account, session.owner, ("STORE",), settings.channel)
        payment = settings.payment.to_message()
        per_day = check_affordable_file(session.client, session.owner, code.hashes, payment)
        programs = [program for program in existing.programs if _is_stopped(program)] if existing else []
        if existing and existing.volume.current.holds(code.hashes.sha256, code.hashes.cid):
            _finish(session, existing.volume, programs, settings.channel)
            return existing.volume.ref
        cost = with_earlier(per_day, existing.per_day) if existing else for_a_day(per_day)
        hashes = ", ".join(program.item_hash for program in programs)
        users = f"; programs that mount it, each stopped once if it runs: {hashes}" if programs else ""
        as_what = f" as the new content of {existing.volume.ref}" if existing else ""
        session.confirm(f"Publish {name}{as_what}, {size_text(code.hashes.size)}, {cost}{users}")
        for program in programs:
            if program.persistent:
                session.notice(f"{program.item_hash}: {HARD_STOP}")
        with session.sending(f"volume:{amends or name}", settings.channel) as outbox:
            if existing:
                held = {"volume": existing.volume.current.item_hash}
                outbox.journal.begin(Run(session.client.nodes[0], None, held))
            ran = {program.item_hash: session.before_amend(program.item_hash, program.content) for program in programs}
            published = publish_code(
                session,
                outbox,
                code,
                payment,
                owner=session.owner,
                ref=amends,
                after=existing.volume.current if existing else None,
                tag=TAG,
                notes={"role": "volume", "name": name},
            )
            for program in programs:
                _await_answer(session, program, ran[program.item_hash])
            outbox.journal.end()
    return amends or published


def _finish(session: Session, volume: Volume, programs: Iterable[Program], channel: str) -> None:
    """Ask the programs that an earlier run has stopped for this content, and of which it has not seen an answer."""
    purpose = f"volume:{volume.ref}"
    journal = session.journal(session.folder, session.owner, purpose)
    if session.dry_run or not journal.awaits_answer("volume", volume.current.item_hash):
        return
    session.notice("Going on with what an earlier run left: it has sent the content and not seen every program answer")
    with session.sending(purpose, channel) as outbox:
        for program in programs:
            _await_answer(session, program, None)
        outbox.journal.end()


def _is_stopped(program: Program) -> bool:
    """Tell whether a host stops what uses a volume for its new content: each program, also one pinned to the old.

    Hosts watch every ref, whatever its ``use_latest`` says (``watch_for_updates`` in ``src/aleph/vm/models.py``,
    aleph-im/aleph-vm). Instances are not asked.
    """
    return "code" in program.content


def _await_answer(session: Session, program: Program, before: Execution | None) -> None:
    try:
        session.await_answer(program.item_hash, program.content, amended=True, before=before)
    except HealthError as error:
        error.hint = "The volume keeps its new content; publish the earlier one again if that is to blame."
        raise


def volumes(client: NodeClient, owner: str) -> tuple[OwnVolume, ...]:
    """Return the volumes that an owner has published without a project, newest first."""
    stores = client.messages(types=("STORE",), owners=(owner,), tags=(TAG,), statuses=LIVE)
    found, _ = volumes_of(message for message in stores if message.owner == owner)
    return tuple(_own(client, owner, found.values())) if found else ()


def find(client: NodeClient, ref: str, *, owner: str | None = None) -> OwnVolume:
    """Return a volume by its original's item hash, published by whatever tool.

    Raises:
        PlanError: There is no such live volume, or it is not the owner's.
    """
    message = client.message(ref)
    if message is None or not message.status.is_live or message.type != "STORE":
        told = "unknown" if message is None else f"a {message.type} that is {message.status.value}"
        raise PlanError(f"This is no live volume: it is {told}.", where=ref, hint=f"See {typed('volume list')}.")
    original = message.content.get("ref")
    if original is not None:
        raise PlanError("This is an amend of a volume.", where=ref, hint=f"Name its original: {original}")
    if owner is not None and message.owner != owner:
        raise PlanError(f"The volume belongs to {message.owner}.", where=ref, hint="Sign with its owner's key.")
    amends = client.messages(types=("STORE",), owners=(message.owner,), refs=(ref,), statuses=LIVE)
    found, _ = volumes_of([message, *(amend for amend in amends if amend.owner == message.owner)])
    return next(iter(_own(client, message.owner, found.values())))


def _own(client: NodeClient, owner: str, found: Iterable[Volume]) -> list[OwnVolume]:
    machines = client.messages(types=MACHINES, owners=(owner,), statuses=LIVE, verify=False)
    users = [(program_of(message), refs_of(message.content)) for message in machines]
    prices = client.prices(owner)
    listed = []
    for volume in found:
        hashes = [version.item_hash for version in volume.versions]
        costs = [prices[item_hash].per_day for item_hash in hashes if item_hash in prices]
        programs = tuple(program for program, refs in users if volume.ref in refs)
        name = str(volume.current.notes.get("name") or volume.role or "")
        listed.append(OwnVolume(volume, name, sum(costs[1:], costs[0]) if costs else None, programs))
    return sorted(listed, key=lambda each: each.volume.current.time, reverse=True)


def delete(session: Session, ref: str) -> tuple[str, ...]:
    """Forget a volume with all its contents, and return their item hashes.

    Raises:
        PlanError: There is none, it is another's, or a live program mounts it.
        RejectedError: The network refuses it.
    """
    owned = find(session.client, ref, owner=session.owner)
    if owned.programs:
        used = ", ".join(program.item_hash for program in owned.programs)
        raise PlanError(f"Programs mount this volume: {used}", where=ref, hint="Delete or update them first.")
    check_permitted(session.client, session.account, session.owner, ("STORE",), DEFAULT_CHANNEL)
    hashes = [version.item_hash for version in owned.volume.versions]
    session.confirm(farewell(session.client, session.owner, what_of(owned.volume)))
    with session.sending(f"volume:{ref}", DEFAULT_CHANNEL) as outbox:
        forget(session.client, outbox, session.owner, [(hashes, "User deletion")])
    return tuple(hashes)
