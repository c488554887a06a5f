"""The journal: every signed message is kept before it is sent, so that a run cut off anywhere is finished by the next.

A message is the hash of its signed content: sent twice it stays one, but signed twice it is two. So what was signed and
not yet seen through is taken up again by whoever means to say the same (the *intent*: all of the content but its time).
The file serves one owner and tag whatever the node, since the nodes of one network share their messages.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError
from hatch_aleph.files import make_own_folder, write_atomic
from hatch_aleph.network.messages import SignedMessage
from hatch_aleph.shapes import COUNT, OTHERS, TEXT, TRUTH, Kind, Shape, misfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SCHEMA = 1
# Outcomes are kept for people who look into the file; a deployment has a handful of messages.
_KEPT_OUTCOMES = 50

Outcome = Literal["processed", "rejected", "forgotten", "dropped"]


@dataclass(frozen=True)
class Entry:
    """A signed message that is not yet seen through.

    Attributes:
        message: As signed.
        intent: Digest of what it says.
        node: The node it was last sent to.
        sent: Whether sending it was begun.
    """

    message: SignedMessage
    intent: str
    node: str
    sent: bool = False


@dataclass(frozen=True)
class Run:
    """A deployment that has begun and not ended.

    Attributes:
        node: Where.
        program: The program that answered before it began, if there was one.
        images: The versions that program had: role to item hash of the STORE message.
    """

    node: str
    program: str | None
    images: Mapping[str, str] = field(default_factory=dict)


_RUN: Shape = {"node": TEXT, "images": {OTHERS: TEXT}}
_SHAPE: Shape = {
    "schema": COUNT,
    "run": Kind("a table or null", lambda value: value is None or misfit(value, _RUN) is None),
    "open": [{"message": {}, "intent": TEXT, "node": TEXT, "sent": TRUTH}],
    "outcomes": [{"item_hash": TEXT}],
}
_write_durably = partial(write_atomic, durable=True)


def file_name(owner: str, tag: str) -> str:
    """Return the name of a file about one owner and tag."""
    digest = hashlib.sha256(f"{owner.lower()}\n{tag}".encode()).hexdigest()
    return f"{digest[:16]}.json"


class Journal:
    """The journal of one owner and tag; every change is on disk before the call returns.

    Args:
        folder: Usually ``.aleph`` in the project.
        owner: Address that owns the deployment.
        tag: The deployment's tag.
        write: Replaces a file's content atomically and durably.
    """

    def __init__(
        self,
        folder: Path,
        owner: str,
        tag: str,
        *,
        write: Callable[[Path, str], None] = _write_durably,
    ) -> None:
        self.file = folder / "journal" / file_name(owner, tag)
        self._folder = folder
        self._owner = owner
        self._tag = tag
        self._write = write
        self._entries: dict[str, Entry] = {}
        self._outcomes: list[dict[str, Any]] = []
        self._run: Run | None = None
        self._read()

    @property
    def open(self) -> tuple[Entry, ...]:
        """Messages that are not yet seen through, in the order of signing."""
        return tuple(self._entries.values())

    @property
    def run(self) -> Run | None:
        """The deployment that has begun and not ended."""
        return self._run

    def begin(self, run: Run) -> None:
        """Note that a deployment begins; one that is still open stays the one to come back to."""
        if self._run is None or self._run.node != run.node:
            self._run = run
            self._save()

    def end(self) -> None:
        """Note that the deployment is done: the program answered, or all was put back."""
        if self._run is not None:
            self._run = None
            self._save()

    def knows(self, item_hash: str) -> bool:
        """Tell whether a message was signed here, as far back as outcomes are kept."""
        return item_hash in self._entries or any(each["item_hash"] == item_hash for each in self._outcomes)

    def refused(self, type_: str) -> tuple[str, ...]:
        """Return the item hashes of the messages of a type that were refused, as far back as outcomes are kept."""
        refused = (each for each in self._outcomes if (each.get("type"), each.get("outcome")) == (type_, "rejected"))
        return tuple(each["item_hash"] for each in refused)

    def awaits_answer(self, role: str, newest: str) -> bool:
        """Tell whether the newest content of a volume was sent from here by a run that has not seen an answer to it.

        Args:
            role: What the run calls the volume.
            newest: Item hash of its newest STORE message.
        """
        # Where the noted content is the newest, the run was cut off before it sent anything.
        return self._run is not None and self._run.images.get(role) != newest and self.knows(newest)

    def find(self, intent: str, *, after: float) -> Entry | None:
        """Return an open message that says the same and is later than a time."""
        return next(
            (
                entry
                for entry in self._entries.values()
                if entry.intent == intent and float(entry.message.content["time"]) > after
            ),
            None,
        )

    def add(self, message: SignedMessage, intent: str, node: str) -> Entry:
        """Keep a message that is about to be sent."""
        entry = self._entries[message.item_hash] = Entry(message, intent, node)
        self._save()
        return entry

    def sending(self, item_hash: str, node: str) -> None:
        """Note that a message is being sent to a node."""
        entry = self._entries[item_hash]
        if not entry.sent or entry.node != node:
            self._entries[item_hash] = replace(entry, sent=True, node=node)
            self._save()

    def close(self, item_hash: str, outcome: Outcome) -> None:
        """Note what became of a message."""
        entry = self._entries.pop(item_hash)
        self._outcomes.append(
            {
                "item_hash": item_hash,
                "type": entry.message.type,
                "time": entry.message.content["time"],
                "node": entry.node,
                "outcome": outcome,
            }
        )
        del self._outcomes[:-_KEPT_OUTCOMES]
        self._save()

    def _save(self) -> None:
        data = {
            "schema": SCHEMA,
            "owner": self._owner,
            "tag": self._tag,
            "run": None if self._run is None else asdict(self._run),
            "open": [{**asdict(entry), "message": entry.message.to_json()} for entry in self._entries.values()],
            "outcomes": self._outcomes,
        }
        try:
            make_own_folder(self.file.parent)
            self._write(self.file, json.dumps(data, indent=1) + "\n")
            _sync_folder(self.file.parent)
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def _read(self) -> None:
        try:
            data = json.loads(self.file.read_text("utf-8"))
            if isinstance(data, dict) and data.get("schema", SCHEMA) != SCHEMA:
                raise PlanError(
                    f"The journal has schema {data['schema']}, and this version reads {SCHEMA}",
                    where=str(self.file),
                    hint="Finish that deployment with the version of hatch-aleph that began it.",
                )
            wrong = misfit(data, _SHAPE)
            if wrong:
                raise ValueError(wrong)  # noqa: TRY301 - told below like all that is wrong in it
            self._run = Run(**data["run"]) if data["run"] else None
            self._outcomes = list(data["outcomes"])
            for item in data["open"]:
                message = SignedMessage.from_json(item["message"])
                self._entries[message.item_hash] = Entry(message, item["intent"], item["node"], item["sent"])
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritable(self._folder, error) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise PlanError(
                "The journal was damaged by another program",
                where=str(self.file),
                hint=f"Compare {typed('status')} with what you expect; then move the file away and run it again.",
            ) from error


# The field of an aggregate's entry that tells when it was written.
UPDATED = "updated_at"


def intent_of(type_: str, channel: str, content: Mapping[str, Any]) -> str:
    """Return the digest of what a message says, whenever it says it."""
    said = {key: value for key, value in content.items() if key != "time"}
    if type_ == "AGGREGATE":
        said["content"] = {
            key: {field: each for field, each in value.items() if field != UPDATED}
            if isinstance(value, dict)
            else value
            for key, value in said["content"].items()
        }
    return hashlib.sha256(json.dumps([type_, channel, said], sort_keys=True).encode()).hexdigest()


def unwritable(folder: Path, error: OSError) -> PlanError:
    """Return the error that says that the journal's folder cannot be written."""
    return PlanError(
        f"The journal of the deployment cannot be written: {error.strerror or error}",
        where=str(folder),
        hint="Without it a run that is cut off could not be finished. Make room, give the folder write permission, or "
        "name another with `--state-folder DIR` (also ALEPH_STATE_FOLDER).",
    )


def _sync_folder(folder: Path) -> None:
    # A rename is on disk only once its folder is; Windows opens no folders.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
