"""One deployment on one network: its node, owner and tag, and what can be learned of it without a key."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_aleph.artifact import FileHashes
from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.comparison import Planner
from hatch_aleph.deploy.payment import cost_of
from hatch_aleph.deploy.preflight import check_content_of, warnings_of
from hatch_aleph.deploy.state import PREFIX, State, read_state
from hatch_aleph.errors import AccountError, NetworkError, PlanError
from hatch_aleph.network.urls import Hosts
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.settings.model import PublishSettings

# The network indexes tags of at most 256 characters: aleph-im/pyaleph, src/aleph/schemas/message_content.py.
MAX_TAG = 256


def deployment_tag(project: str, profile: str | None) -> str:
    """Return the one tag of a project and profile.

    A query for several tags means *any of them* and splits at commas, so project and profile stand in one without any.
    """
    name = normalize(project)
    tag = f"{PREFIX}:{name}" if profile is None else f"{PREFIX}:{name}:{profile}"
    if "," in tag or len(tag) > MAX_TAG:
        raise PlanError(
            "Project and profile together make no tag of the network",
            where=tag,
            hint=f"Shorten them: {MAX_TAG} characters at most, and no comma.",
        )
    return tag


@dataclass(frozen=True)
class Deployment:
    """One deployment on one network.

    Attributes:
        client: The node that is asked.
        owner: Address that owns the deployment and pays for it.
        tag: The deployment's tag.
        host: URL of a host to use in place of the network's own.
        channel: Of its messages.
        called: What its program is called, beside the project's name.
    """

    client: NodeClient
    owner: str
    tag: str
    host: str | None = None
    channel: str = DEFAULT_CHANNEL
    called: str = ""

    @classmethod
    def of(
        cls, manifest: Manifest, client: NodeClient, signer: str | None = None, host: str | None = None
    ) -> Deployment:
        """Return the target of an artifact: the owner is the settings' ``address``, else the signer.

        Raises:
            AccountError: Neither is there.
        """
        name, profile, said = manifest.project["name"], manifest.profile, manifest.settings
        return cls.named(name, profile, said, client, signer=signer, host=host, called=manifest.called)

    @classmethod
    def named(
        cls,
        name: str,
        profile: str | None,
        publishing: PublishSettings,
        client: NodeClient,
        *,
        signer: str | None = None,
        host: str | None = None,
        called: str = "",
    ) -> Deployment:
        """Return the deployment of a project and profile: the owner is the settings' ``address``, else the signer.

        Raises:
            AccountError: Neither is there.
            PlanError: The settings' address is mistyped.
        """
        from hatch_aleph.network.signatures import as_published

        owner = as_published(publishing.address) if publishing.address else signer
        if owner is None and publishing.address:
            raise PlanError(
                f"{publishing.address} is mistyped: the capitals of an address are a checksum",
                where="tool.aleph.address",
                hint="Copy it whole, or write it in small letters.",
            )
        if not owner:
            raise AccountError(
                "It is unknown whose deployment this is.",
                hint="Give a key (`--private-key-file FILE`), or `address` in [tool.aleph] to look without one.",
            )
        return cls(client, owner, deployment_tag(name, profile), host, publishing.channel, called)

    @property
    def names(self) -> tuple[str, str]:
        """What a program of it is called: as the project, or as the settings say."""
        return self.tag.split(":")[1], self.called

    @property
    def node(self) -> str:
        """URL of the node."""
        return self.client.nodes[0]

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The hosts that run it."""
        return Hosts(self.node, self.host)

    def state(self) -> State:
        """Ask what is live."""
        return read_state(self.client, self.owner, self.tag)

    def plan(self, manifest: Manifest, state: State | None = None) -> Plan:
        """Return what deploying an artifact would change, with cost and warnings. Sends nothing, needs no key.

        Raises:
            RejectedError: An image is larger than the node takes, or the network would not understand the program.
            PlanError: A runtime or volume that the program names is not there.
            NetworkError: The node cannot be asked.
        """
        state = state or self.state()
        plan = self.diff(manifest, state)
        check_content_of(self.client, plan, manifest)
        return self.with_costs_and_warnings(plan, manifest, state)

    def diff(self, manifest: Manifest, state: State) -> Plan:
        """Return the plan without cost and warnings, which take a request a message."""
        planner = Planner(state, limits=self.client.limits(), has_file=self.client.has_file, node=self.node)
        plan = planner.plan(manifest)
        domains = manifest.settings.domains
        if not domains:
            return plan
        from hatch_aleph.deploy.custom_domains import taken, unattached

        lasting = plan.program.item_hash if plan.program.action == "unchanged" else None
        moving = unattached(self.client, self.owner, domains, lasting)
        own = {program.item_hash for program in (*state.programs, *state.kept)}
        return replace(plan, domains=moving, taken=taken(self.client, self.owner, moving, own))

    def with_costs_and_warnings(self, plan: Plan, manifest: Manifest, state: State) -> Plan:
        """Return a plan with its cost and warnings."""
        plan = replace(plan, cost=cost_of(self.client, plan, manifest, state))
        return replace(plan, warnings=warnings_of(self.client, plan, manifest, state))

    def packages_of(self, inputs: str, destination: Path) -> FileHashes | None:
        """Fetch the packages image of the same inputs, by their digest in its STORE message; None when there is none.

        Only the owner's word counts: anybody can write any digest.
        """
        # Building it is always possible; what is wrong with the node is told by whoever needs it.
        with contextlib.suppress(NetworkError):
            for version in (version for volume in self.state().volumes.values() for version in volume.versions):
                notes = version.notes
                is_named = version.file_hash in (notes.get("sha256"), notes.get("cid"))
                if is_named and version.inputs == inputs and notes.get("role") == "packages":
                    self.client.download(version.file_hash, destination, size=version.size)  # checks the hash
                    return FileHashes(str(notes["sha256"]), str(notes["cid"]), destination.stat().st_size)
        return None
