"""A plan: what a deployment would change, as data. It judges its own safety; its checksum binds apply to a review."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.commands import typed
from hatch_aleph.errors import PlanError
from hatch_aleph.files import write_atomic
from hatch_aleph.network.money import figures

if TYPE_CHECKING:
    from pathlib import Path


SCHEMA = 1

ImageAction = Literal["unchanged", "reuse", "pin", "amend"]
ProgramAction = Literal["unchanged", "create", "replace"]


@dataclass(frozen=True)
class ImageStep:
    """What happens to one image.

    Attributes:
        role: ``code`` or ``packages``.
        action: ``unchanged``: the program has this image; ``reuse``: a volume that holds it is there, waiting for a
            program; ``pin``: a new volume; ``amend``: a new content for the program's volume.
        upload: Whether the bytes have to be sent; never when the node has them.
        engine: Where the file is kept.
        file_hash: Its name there.
        sha256: Of its bytes.
        size: Bytes.
        ref: Item hash of the original STORE; None for one that is yet to be signed.
        before: sha256 (or file hash) of what the program has now.
    """

    role: str
    action: ImageAction
    upload: bool
    engine: Literal["storage", "ipfs"]
    file_hash: str
    sha256: str
    size: int
    ref: str | None = None
    before: str | None = None

    @property
    def sends(self) -> bool:
        """Whether a message is sent for it."""
        return self.action in ("pin", "amend")


@dataclass(frozen=True)
class FieldChange:
    """A field of the program that is to change: its dotted path, and both values (None when absent)."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ProgramStep:
    """What happens to the program: its item hash when there is one, and each field that differs."""

    action: ProgramAction
    item_hash: str | None = None
    changes: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What everything under the deployment's tag costs, in credits a day (or tokens, by the payment type).

    Attributes:
        payment_type: ``credit``, ``superfluid`` or ``hold``; the latter two count ALEPH tokens.
        now: A day of what is live now.
        after: A day of what will be live.
        held_now: Tokens that are held now.
        held_after: Tokens that must be held.
        kept: Part of ``after`` that earlier contents cost, kept for ``rollback`` until ``prune``.
        balance: What the paying address has.
        days: How long the balance lasts for all that its owner pays for; None without end.
        elsewhere: A day of what the owner pays for beside this deployment; None when the node does not tell.
        peak: A day of all that the owner pays for while the new is there and the old not forgotten yet.
    """

    payment_type: str
    now: float
    after: float
    held_now: float = 0.0
    held_after: float = 0.0
    kept: float = 0.0
    balance: float | None = None
    days: float | None = None
    elsewhere: float | None = None
    peak: float | None = None

    @property
    def day_needed(self) -> float:
        """The balance that the network asks for: a day of everything, also of what is to be forgotten afterwards."""
        return self.after + (self.elsewhere or 0) if self.peak is None else self.peak

    @property
    def added(self) -> float:
        """A day of what is published anew."""
        return self.day_needed - self.now - (self.elsewhere or 0)

    @property
    def affordable(self) -> bool:
        """Whether the network can accept it: a day of everything by credit, or the tokens to hold."""
        if self.balance is None:
            return True
        if self.payment_type == "hold":
            return self.held_after - self.held_now <= self.balance
        return self.day_needed <= self.balance


@dataclass(frozen=True)
class Plan:
    """All that a deployment would do, in the order of doing it.

    Attributes:
        node: URL of the node that was asked.
        owner: Address that owns and pays.
        tag: The deployment's tag.
        project: Its name.
        version: Its version.
        profile: The profile, or None.
        images: One step an image.
        program: The program's step.
        forget: Programs that are superseded, forgotten after the new one answered.
        domains: Custom domains that do not point at the program yet.
        taken: Of these domains those that lead to another live program of the owner; they stop the plan unless allowed.
        drain_seconds: How long what is superseded goes on once the domains have moved.
        dangers: What would be lost; each stops the plan unless it is allowed by name of the option in it.
        warnings: What the user should know.
        cost: None when the node tells no prices.
    """

    node: str
    owner: str
    tag: str
    project: str
    version: str
    profile: str | None
    images: tuple[ImageStep, ...]
    program: ProgramStep
    forget: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    drain_seconds: float = 0.0
    dangers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: Cost | None = None
    schema: int = SCHEMA

    @property
    def has_changes(self) -> bool:
        """Whether any message would be sent."""
        return self.publishes or bool(self.forget or self.domains)

    @property
    def publishes(self) -> bool:
        """Whether an image or the program is published."""
        return any(step.sends for step in self.images) or self.program.action != "unchanged"

    @property
    def in_place(self) -> bool:
        """Whether a live program changes under its item hash and URL."""
        return self.program.action == "unchanged" and any(step.action == "amend" for step in self.images)

    @property
    def upload_bytes(self) -> int:
        """Bytes that go up."""
        return sum(step.size for step in self.images if step.upload)

    def image(self, role: str) -> ImageStep | None:
        """Return the step of a role."""
        return next((step for step in self.images if step.role == role), None)

    @property
    def checksum(self) -> str:
        """Digest of all that the plan decides; prices, words and what a restart leaves to upload are not part of it."""
        decided = asdict(self)
        for told in ("cost", "warnings", "node"):
            del decided[told]
        for step in decided["images"]:
            del step["upload"]
        return hashlib.sha256(json.dumps(decided, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def check_safe(self, *, allow_data_loss: bool = False, take_domains: bool = False) -> None:
        """Refuse what would lose something.

        Raises:
            PlanError: With every danger; nothing was sent.
        """
        if self.taken and not take_domains:
            raise PlanError(
                "\n".join(self.taken),
                where=self.tag,
                hint="Give this profile `domains` of its own (`domains = []` for none). If the move is meant, add "
                "`--take-domains`.",
            )
        if self.dangers and not allow_data_loss:
            raise PlanError("\n".join(self.dangers), where=self.tag, hint="If that is meant, add `--allow-data-loss`.")

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON data, with what is derived from it."""
        cost = self.cost and figures(asdict(self.cost))
        return {**asdict(self), "cost": cost, "changes": self.has_changes, "checksum": self.checksum}

    def save(self, file: Path) -> None:
        """Write the plan for ``deploy --plan FILE``.

        Raises:
            PlanError: The file cannot be written.
        """
        try:
            write_atomic(file, json.dumps(self.to_json(), indent=2, sort_keys=True) + "\n")
        except OSError as error:
            raise PlanError(f"The plan cannot be written: {error.strerror}", where=str(file)) from error


def reviewed_checksum(file: Path) -> str:
    """Return the checksum of a saved plan.

    Raises:
        PlanError: It is not one, or was edited.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        if data["schema"] != SCHEMA:
            raise PlanError(f"The plan has schema {data['schema']}, and this version reads {SCHEMA}", where=str(file))
        return str(data["checksum"])
    except OSError as error:
        raise PlanError(error.strerror or "The plan cannot be read", where=str(file)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PlanError(
            "This is no saved plan", where=str(file), hint=f"Write one: {typed('plan --out FILE')}"
        ) from error


def check_reviewed(plan: Plan, checksum: str, *, where: str) -> None:
    """Refuse to apply a plan that is not the one that was reviewed.

    Raises:
        PlanError: Artifact or network have changed since.
    """
    if plan.checksum != checksum:
        raise PlanError(
            "The plan is no longer true: the artifact or what is live has changed since it was made",
            where=where,
            hint=f"Make and review a new one: {typed('plan --out FILE')}",
        )
