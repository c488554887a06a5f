"""What is live: found by owner and tag alone, so that a fresh machine knows as much as the one that deployed."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.errors import NetworkError, PlanError
from hatch_aleph.network.answers import ENDED, LIVE, MACHINES
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hatch_aleph.artifact import Image, Manifest
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.client import NodeClient

# Key of our notes in a STORE message's metadata.
NOTES = "hatch-aleph"
PREFIX = "hatch-aleph"  # of the tag of a deployment
# Key of a program's metadata: item hashes of earlier programs that are not to be forgotten. Texts there have at most
# 512 characters: aleph-im/aleph-message, aleph_message/models/execution/base.py.
KEEPS = "hatch-aleph-keeps"
_MOST_KEPT = 7
_REFS_A_QUERY = 80  # 65 characters each, in a request line of at most 8190


_RECENT_SECONDS = 60.0  # until an amend is processed, seen by the host, and what ran is stopped


@dataclass(frozen=True)
class Version:
    """One content of a volume.

    Attributes:
        item_hash: Of the STORE message, original or amend.
        file_hash: Of the file: sha256 or CID, by the engine.
        engine: ``storage`` or ``ipfs``.
        time: Signed time, by which the newest wins.
        notes: What this tool wrote into the message: role, sha256, size, inputs, mount, version.
        status: ``processed``, or ``removing`` when credits ran out.
    """

    item_hash: str
    file_hash: str
    engine: str
    time: float
    notes: Mapping[str, Any] = field(default_factory=dict)
    status: str = "processed"

    def holds(self, sha256: str, cid: str) -> bool:
        """Tell whether this is the content of a file of these hashes."""
        return self.file_hash in (sha256, cid)

    @property
    def size(self) -> int | None:
        """The size of the file in bytes, if this tool wrote it."""
        size = self.notes.get("size")
        return size if isinstance(size, int) else None

    @property
    def digest(self) -> str:
        """The sha256 of its bytes, if this tool wrote it; else the file's hash."""
        return str(self.notes.get("sha256") or self.file_hash)

    @property
    def inputs(self) -> str | None:
        """The digest of all that went into it, if this tool wrote it."""
        return self.notes.get("inputs")


@dataclass(frozen=True)
class Volume:
    """A pinned file and its amends, as programs refer to it: by the original's item hash."""

    original: Version
    amends: tuple[Version, ...] = ()

    @property
    def ref(self) -> str:
        """The item hash that programs name and that amends must name."""
        return self.original.item_hash

    @property
    def current(self) -> Version:
        """The content that programs get."""
        return self.versions[0]

    @property
    def versions(self) -> tuple[Version, ...]:
        """All contents, newest first."""
        # The node breaks no ties; equal times do not come from this tool, which always signs later ones.
        return tuple(sorted((self.original, *self.amends), key=lambda version: version.time, reverse=True))

    def is_among(self, refs: frozenset[str]) -> bool:
        """Tell whether any content of it is named: what does not follow amends may name one of them."""
        return any(version.item_hash in refs for version in self.versions)

    @property
    def role(self) -> str | None:
        """``code`` or ``packages``, as the original says."""
        return self.original.notes.get("role")


def just_amended(volumes: Iterable[Volume], now: float) -> bool:
    """Tell whether a content was amended so lately that hosts may still be stopping what ran before.

    By whoever did it: a run that was cut off, another machine.
    """
    return any(volume.amends and now - volume.current.time < _RECENT_SECONDS for volume in volumes)


@dataclass(frozen=True)
class Program:
    """A PROGRAM message that is live."""

    item_hash: str
    content: Mapping[str, Any]
    time: float
    status: str = "processed"

    @property
    def persistent(self) -> bool:
        """Whether the scheduler runs it, rather than any host on demand."""
        return bool(dict(self.content.get("on") or {}).get("persistent"))

    def ref(self, role: str, mount: str) -> str | None:
        """Return what the program names as its code, or as the volume at a mount."""
        if role == "code":
            return dict(self.content.get("code") or {}).get("ref")
        return next(
            (volume.get("ref") for volume in self.content.get("volumes") or () if volume.get("mount") == mount), None
        )


@dataclass(frozen=True)
class State:
    """All that the network holds of one deployment.

    Attributes:
        owner: Address whose messages count; those of others are ignored whatever their tag.
        tag: The deployment's tag.
        programs: Live programs, newest first; more than one while a new one has not yet taken over.
        kept: Older ones that were to be kept (``--keep-prev``); no deployment touches them.
        volumes: By the original's item hash.
        orphans: Amends whose original is gone; no program can use them.
        look_elsewhere: Returns the item hashes that other programs of the owner refer to. An owner may have thousands,
            and most deployments need not know: it is asked when somebody does.
    """

    owner: str
    tag: str
    programs: tuple[Program, ...] = ()
    kept: tuple[Program, ...] = ()
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    orphans: tuple[Version, ...] = ()
    look_elsewhere: Callable[[], frozenset[str]] = frozenset

    @property
    def used_elsewhere(self) -> frozenset[str]:
        """Item hashes that other programs of the owner refer to."""
        return self.look_elsewhere()

    @property
    def used(self) -> frozenset[str]:
        """Item hashes that any live program of the owner refers to."""
        own = (ref for program in self.programs for ref in refs_of(program.content))
        return self.used_elsewhere.union(own)

    def volume_of(self, program: Program, role: str, mount: str) -> Volume | None:
        """Return the volume that a program uses for an image, if it is one of this deployment."""
        ref = program.ref(role, mount)
        return self.volumes.get(ref) if ref is not None else None


def refs_of(content: Mapping[str, Any]) -> frozenset[str]:
    """Return every item hash that a program's content refers to."""
    parts: list[Any] = [content.get("code"), content.get("runtime"), content.get("data")]
    parts += [dict(content.get("rootfs") or {}).get("parent"), *(content.get("volumes") or ())]
    parts.append(content.get("workload"))  # of a verifiable program, each of whose files has a tree of hashes beside it
    tables = [part for part in parts if isinstance(part, dict)]
    return frozenset(str(part[key]) for part in tables for key in ("ref", "hash_tree") if part.get(key))


def credit_payment(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return payment by credits, as the network wants it now, on the chain that a program was once paid on."""
    return {"type": "credit", "chain": dict(content.get("payment") or {}).get("chain") or "ETH"}


def kept_by(content: Mapping[str, Any]) -> frozenset[str]:
    """Return the item hashes of earlier programs that a program's message says are to be kept."""
    metadata = content.get("metadata")
    said = metadata.get(KEEPS) if isinstance(metadata, dict) else None
    return frozenset(said.split()) if isinstance(said, str) else frozenset()


def keeping(content: Mapping[str, Any], item_hashes: Iterable[str]) -> dict[str, Any]:
    """Return a program's content that says which earlier programs are to be kept, so that every machine knows.

    Raises:
        PlanError: There are more than a message can name.
    """
    kept = sorted(kept_by(content).union(item_hashes))
    if not kept:
        return dict(content)
    if len(kept) > _MOST_KEPT:
        raise PlanError(
            f"{len(kept)} earlier programs would be kept; a message names {_MOST_KEPT} at most.",
            where=kept[0],
            hint=f"Delete one of them: {typed('delete', kept[0])}",
        )
    return {**content, "metadata": {**(content.get("metadata") or {}), KEEPS: " ".join(kept)}}


def read_state(client: NodeClient, owner: str, tag: str) -> State:
    """Ask the node for all that is live of a deployment; what other programs of the owner use is asked when needed."""
    tagged = _owned(client.messages(types=("PROGRAM", "STORE"), owners=(owner,), tags=(tag,), statuses=LIVE), owner)
    programs = [program_of(message) for message in tagged if message.type == "PROGRAM"]
    stores = {message.item_hash: message for message in tagged if message.type == "STORE"}
    originals = tuple(item_hash for item_hash, message in stores.items() if message.content.get("ref") is None)
    for start in range(0, len(originals), _REFS_A_QUERY):
        # Hosts follow any amend by the owner, also one that was made by hand and has no tag.
        refs = originals[start : start + _REFS_A_QUERY]
        amends = client.messages(types=("STORE",), owners=(owner,), refs=refs, statuses=LIVE)
        stores |= {message.item_hash: message for message in _owned(amends, owner)}
    volumes, orphans = volumes_of(stores.values())
    spared = frozenset().union(*(kept_by(program.content) for program in programs))
    kept = [program for program in programs if program.item_hash in spared]
    programs = [program for program in programs if program.item_hash not in spared]
    ours = {program.item_hash for program in programs}

    @functools.cache
    def look_elsewhere() -> frozenset[str]:
        others = client.messages(types=MACHINES, owners=(owner,), statuses=LIVE, verify=False)
        return frozenset().union(*(refs_of(message.content) for message in others if message.item_hash not in ours))

    return State(
        owner=owner,
        tag=tag,
        programs=tuple(sorted(programs, key=lambda program: program.time, reverse=True)),
        kept=tuple(kept),
        volumes=volumes,
        orphans=orphans,
        look_elsewhere=look_elsewhere,
    )


def check_named(programs: Iterable[Program], meant: Sequence[str], *, others: bool = False) -> None:
    """Refuse to forget programs of another project, unless that is meant.

    Args:
        programs: What is to be forgotten.
        meant: Name of the project that is meant, first, and what its programs are called, in any spelling; nothing
            when there is none to compare with.
        others: Those of others are meant.

    Raises:
        PlanError: With each that is another's; nothing was sent.
    """
    found = misnamed(programs, meant) if meant and not others else []
    if found:
        raise PlanError("\n".join(found), where=meant[0], hint="If that is meant, add `--other-project`.")


def misnamed(programs: Iterable[Program], meant: Sequence[str]) -> list[str]:
    """Tell which programs are not called, or tagged, as one of the names that are meant; nor those without a name."""
    ours = {normalize(name) for name in meant}
    found = []
    for program in programs:
        metadata = program.content.get("metadata")
        said = metadata if isinstance(metadata, dict) else {}
        tags = said.get("tags") if isinstance(said.get("tags"), list) else []
        tagged = [str(tag).split(":")[1] for tag in tags or () if str(tag).startswith(f"{PREFIX}:")]
        names = [normalize(str(said["name"]))] if said.get("name") else []
        others = sorted({*tagged, *names} - ours)
        if tagged and others:
            who = f"of the project {', '.join(others)}"
        elif others or not (tagged or names):
            who = f"{f'called {others[0]}' if others else 'without a name'} and of no project"
        else:
            continue
        found.append(f"The program {program.item_hash} is {who}, not of {normalize(meant[0])}.")
    return found


def newest_amends(client: NodeClient, owner: str, refs: Sequence[str]) -> dict[str, Version]:
    """Return the newest amend by the owner of each original that has one, by the original's item hash."""
    found: dict[str, Version] = {}
    for message in _owned(client.messages(types=("STORE",), owners=(owner,), refs=refs), owner):
        ref, version = str(message.content.get("ref")), _version(message)
        if ref not in found or found[ref].time < version.time:
            found[ref] = version
    return found


def _owned(messages: Iterable[NetworkMessage], owner: str) -> list[NetworkMessage]:
    # Anybody may write any tag; `replaces` of another's program is accepted by nodes too. Only the owner's word counts.
    return [message for message in messages if message.owner == owner]


def live_program(state: State) -> Program:
    """Return the newest live program.

    Raises:
        PlanError: There is none.
    """
    if not state.programs:
        raise PlanError(
            "Nothing of this deployment is live",
            where=f"{state.tag} of {state.owner}",
            hint=f"Publish it: {typed('deploy')}",
        )
    return state.programs[0]


def find_program(client: NodeClient, item_hash: str) -> NetworkMessage:
    """Return a live program's message.

    Raises:
        PlanError: It is unknown, gone, not yet processed, or no program.
    """
    message = client.message(item_hash)
    if message is None:
        raise PlanError(
            "The network knows no such program",
            where=item_hash,
            hint=f"{typed('list')} shows yours; `--node URL` asks another node.",
        )
    if not message.status.is_live:
        by = f" by {', '.join(message.forgotten_by)}" if message.forgotten_by else ""
        hint = f"{typed('list')} shows what is live; a pending one is processed within minutes, or rejected."
        raise PlanError(f"The program is {message.status.value}{by}", where=item_hash, hint=hint)
    if message.type != "PROGRAM":
        raise PlanError(f"This is a {message.type}, not a program", where=item_hash)
    return message


def live_among(client: NodeClient, hashes: Sequence[str], *, shown: bool = False) -> list[str]:
    """Return those item hashes whose messages are still there.

    Args:
        client: The node.
        hashes: Of the messages.
        shown: The node has just shown each of them as live, so it must say of those that are not that they have ended.

    Raises:
        NetworkError: It does not.
    """

    def is_live(item_hash: str) -> bool:
        status = client.status(item_hash)
        if status is None:  # not said of the message: what the node has of it tells
            message = client.message(item_hash, verify=False)
            status = message.status if message else None
        if shown and (status is None or status.value not in (*LIVE, *ENDED)):
            said = f"says that it is {status.value}" if status else "does not know it"
            raise NetworkError(
                f"The node lists {item_hash} as live, and {said} when it is asked for it",
                hint="Nothing was forgotten. Run the command again, or name another node with `--node URL`.",
            )
        return status is not None and status.is_live

    return [item_hash for item_hash in hashes if is_live(item_hash)]


def program_of(message: NetworkMessage) -> Program:
    """Return a PROGRAM message as a live program."""
    return Program(message.item_hash, message.content, message.content_time, str(message.status.value))


def volumes_of(messages: Iterable[NetworkMessage]) -> tuple[dict[str, Volume], tuple[Version, ...]]:
    """Return STORE messages as volumes by the original's item hash, and the amends whose original is not among them."""
    originals: dict[str, Version] = {}
    amends: dict[str, list[Version]] = {}
    for message in messages:
        ref = message.content.get("ref")
        version = _version(message)
        if ref is None:
            originals[version.item_hash] = version
        else:
            amends.setdefault(ref, []).append(version)
    volumes = {ref: Volume(original, tuple(amends.pop(ref, ()))) for ref, original in originals.items()}
    return volumes, tuple(version for versions in amends.values() for version in versions)


def _version(message: NetworkMessage) -> Version:
    metadata = message.content.get("metadata")
    notes = metadata.get(NOTES) if isinstance(metadata, dict) else None
    return Version(
        item_hash=message.item_hash,
        file_hash=str(message.content.get("item_hash") or ""),
        engine=str(message.content.get("item_type") or "storage"),
        time=message.content_time,
        notes=notes if isinstance(notes, dict) else {},
        status=str(message.status.value),
    )


def image_notes(image: Image, manifest: Manifest, origin: Mapping[str, object]) -> dict[str, Any]:
    """Return what the STORE message of an image says: enough to know it without its bytes, and where it comes from."""
    code = manifest.image("code")
    with_code = {"code": code.sha256} if code and code is not image else {}
    return {
        NOTES: {
            "role": image.role,
            "sha256": image.sha256,
            "cid": image.cid,
            "size": image.size,
            "inputs": image.inputs,
            "mount": image.mount,
            "encoding": image.encoding,
            "version": manifest.project["version"],
            **with_code,
            **origin,
        }
    }
