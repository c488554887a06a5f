"""Where a deployment goes: node, owner, tag; and what can be learned there without a key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_aleph.deploy.checks import warnings_of
from hatch_aleph.deploy.cost import cost_of
from hatch_aleph.deploy.domains import unattached
from hatch_aleph.deploy.naming import program_urls, tag_of
from hatch_aleph.deploy.planner import Planner
from hatch_aleph.deploy.state import State, read_state
from hatch_aleph.errors import AccountError

if TYPE_CHECKING:
    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.plan import Plan
    from hatch_aleph.network.client import NodeClient


@dataclass(frozen=True)
class Target:
    """One deployment on one network.

    Attributes:
        client: The node that is asked.
        owner: Address that owns the deployment and pays for it.
        tag: The deployment's tag.
        host: URL of a host to use in place of the network's own.
    """

    client: NodeClient
    owner: str
    tag: str
    host: str | None = None

    @classmethod
    def of(cls, manifest: Manifest, client: NodeClient, signer: str | None = None, host: str | None = None) -> Target:
        """Return the target of an artifact: the owner is the settings' ``address``, else the signer.

        Raises:
            AccountError: Neither is there.
        """
        owner = manifest.settings.get("address") or signer
        if not owner:
            raise AccountError(
                "it is not said whose deployment this is",
                hint="Give a key (`--private-key-file FILE`), or `address` in [tool.aleph] to look without one.",
            )
        return cls(client, str(owner), tag_of(manifest), host)

    @property
    def node(self) -> str:
        """URL of the node."""
        return self.client.nodes[0]

    def state(self) -> State:
        """Ask what is live."""
        return read_state(self.client, self.owner, self.tag)

    def urls(self, item_hash: str) -> tuple[str, ...]:
        """Return where a program answers."""
        return program_urls(item_hash, node=self.node, host=self.host)

    def plan(self, manifest: Manifest, state: State | None = None) -> Plan:
        """Return what deploying an artifact would change, with cost and warnings. Sends nothing, needs no key.

        Raises:
            RejectedError: An image is larger than the node takes.
            NetworkError: The node cannot be asked.
        """
        state = state or self.state()
        return self.told(self.decide(manifest, state), manifest, state)

    def decide(self, manifest: Manifest, state: State) -> Plan:
        """Return the plan without cost and warnings, which take a request a message."""
        planner = Planner(state, limits=self.client.limits(), has_file=self.client.has_file, node=self.node)
        plan = planner.plan(manifest)
        domains = [str(domain) for domain in manifest.settings.get("domains") or ()]
        if not domains:
            return plan
        lasting = plan.program.item_hash if plan.program.action == "unchanged" else None
        return replace(plan, domains=unattached(self.client, self.owner, domains, lasting))

    def told(self, plan: Plan, manifest: Manifest, state: State) -> Plan:
        """Return a plan with its cost and warnings."""
        plan = replace(plan, cost=cost_of(self.client, plan, manifest, state))
        return replace(plan, warnings=warnings_of(self.client, plan, manifest, state))
