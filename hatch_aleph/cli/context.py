"""The one answer to "which artifact, which deployment, who signs", and the options by which users give it."""

from __future__ import annotations

import contextlib
import functools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hatch_aleph.cli.output import Output
from hatch_aleph.cli.value_types import CHAIN, CONTENT, FOLDER, PATH, as_host_url, as_node, as_owner, default_nodes
from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_NODES
from hatch_aleph.errors import AccountError, ArtifactError, HatchAlephError, PlanError, UsageError
from hatch_aleph.itemhash import FILE_HASH
from hatch_aleph.text import without_user_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_aleph.artifact import Artifact
    from hatch_aleph.build.context import Published
    from hatch_aleph.cli.steps import Steps
    from hatch_aleph.deploy.apply import Options, Outcome
    from hatch_aleph.deploy.deployment import Deployment
    from hatch_aleph.deploy.session import Session
    from hatch_aleph.local.host import Standby
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.project import Project
    from hatch_aleph.settings import HealthCheck, PublishSettings, Settings
    from hatch_aleph.squashfs.pool import Job

Function = TypeVar("Function", bound="Callable[..., Any]")

# What is named by the beginning of its item hash: types of its messages.
_NAMED: dict[str, tuple[str, ...]] = {"program": ("PROGRAM",), "volume": ("STORE",), "file": ("STORE",), "message": ()}
# Owns nothing and never will: the address of no key.
NOBODY = "0x" + "0" * 40


@dataclass(frozen=True, eq=False, repr=False)  # neither is of use, each takes time, and a key stands in it
class Context:
    """What the shared options say; loads what they name, and each of it once.

    Attributes:
        output: Where the command's words go.
        project_folder: Folder of pyproject.toml.
        profile: The profile that is meant, or None.
        nodes: Nodes to talk to, the first one first.
        account_name: Name of the account that signs.
        private_key: The key itself.
        private_key_file: Its file.
        password_file: File of the password, where the key is in a keystore.
        chain: Of the account.
        ledger: Sign on a Ledger.
        ledger_account: Address or path of the Ledger's account that signs.
        yes: Answer yes to every question.
        dry_run: Check everything, show what would be sent, and send nothing.
        manifest: The artifact that is meant, when it was named.
        dist: Folder of the artifact, when it is not the project's ``dist``.
        no_build: Take the artifact as it lies there.
        locked: Fail when the lock is out of date.
        offline: Ask no index.
        address: Owner of what is meant, in place of the settings' and the account's.
        host_url: Host to ask, in place of the network's own.
        no_smoke: Publish without trying it here.
        no_health: Publish without asking it afterwards.
        searched: Whether a build refuses code and volumes in which something looks like a secret.
        state_folder: Folder of the journals, when it is not ``.aleph`` in the project.
        standby: Has a guest ready for the trial of what is published.
    """

    output: Output
    project_folder: Path = Path()
    profile: str | None = None
    nodes: tuple[str, ...] = DEFAULT_NODES
    account_name: str | None = None
    private_key: str | None = None
    private_key_file: Path | None = None
    password_file: Path | None = None
    chain: str | None = None
    ledger: bool = False
    ledger_account: str | None = None
    yes: bool = False
    dry_run: bool = False
    manifest: Path | None = None
    dist: Path | None = None
    no_build: bool = False
    locked: bool = False
    offline: bool = False
    address: str | None = None
    host_url: str | None = None
    state_folder: Path | None = None
    no_smoke: bool = False
    no_health: bool = False
    searched: bool = True
    standby: Standby | None = None
    _accounts: dict[str, Account] = field(default_factory=dict)

    @functools.cached_property
    def project(self) -> Project:
        """The project, whose metadata may take a build to learn."""
        from hatch_aleph.project import load_project

        self.output.doing("Reading the project")
        return load_project(self.project_folder)

    @functools.cached_property
    def settings(self) -> Settings:
        """The project's settings under the profile."""
        return self.project.settings(self.profile)

    @property
    def project_at_hand(self) -> tuple[str, ...]:
        """The name of the project in this folder, and what its programs are called; nothing where none is deployed."""
        from hatch_aleph.project import read_pyproject

        try:
            pyproject = read_pyproject(self.project_folder)
        except HatchAlephError:
            return ()
        from hatch_aleph.settings.load import profiles_of

        aleph = pyproject.get("tool", {}).get("aleph", {})
        name = pyproject.get("project", {}).get("name")
        if not (aleph and name):
            return ()
        return name, *(str(each["name"]) for each in (aleph, *(profiles_of(aleph) or {}).values()) if each.get("name"))

    @property
    def dist_folder(self) -> Path:
        """The folder of the artifact."""
        return self.dist or self.project_folder / "dist"

    def account(self, chain: str = "ETH") -> Account:
        """Load the account that signs; ``chain`` is the one of the payment, unless another is named."""
        from hatch_aleph.network.accounts import load_account

        given = {
            "--account": self.account_name,
            "--private-key": self.private_key,
            "--private-key-file": self.private_key_file,
            "--ledger": self.ledger or self.ledger_account,
        }
        ways = [option for option, value in given.items() if value]
        if len(ways) > 1:
            raise UsageError(f"{' and '.join(ways)} exclude each other")
        chain = self.chain or chain
        if chain not in self._accounts:  # a key on standard input can be read once
            self._accounts[chain] = load_account(
                name=self.account_name,
                private_key=self.private_key,
                private_key_file=self.private_key_file,
                chain=chain,
                any_chain=self.chain is None,
                ledger=self.ledger_account or self.ledger,
                notice=self.output.notice,
                password=self.password,
            )
        return self._accounts[chain]

    def owner(self) -> str:
        """Return the address that is meant: the one that was named, or the account's own."""
        return self.address or self.account().address

    def password(self, what: str) -> str:
        """Return a password: from its file, else asked for on a terminal.

        Raises:
            AccountError: There is neither.
        """
        from hatch_aleph.network.keystores import read_password

        if self.password_file:
            return read_password(self.password_file)
        if not sys.stdin.isatty():
            raise AccountError(f"{what} is encrypted", hint="Give its password: --password-file FILE.")
        from hatch_aleph.cli.questions import ask

        return str(ask(self.output, f"Password of {what}", hide_input=True))

    def client(self) -> NodeClient:
        """Make a client of the chosen nodes."""
        from hatch_aleph.network.client import NodeClient

        if self.nodes == DEFAULT_NODES:
            self._tell_of_local_node()
        self.output.doing(f"Asking {without_user_parts(self.nodes[0])}")
        return NodeClient(self.nodes, notice=self.output.retry)

    @functools.cached_property
    def local_node(self) -> str | None:
        """The node that runs on this machine, where the network's own is meant because nothing else was said."""
        from hatch_aleph.network.local_nodes import running_node

        return running_node() if self.nodes == DEFAULT_NODES else None

    def _tell_of_local_node(self) -> None:
        """Say once that a node runs here which nobody named: what follows goes elsewhere."""
        if "local_node" not in self.__dict__ and self.local_node:
            self.output.notice(
                f"A local node runs at {self.local_node}, but this asks {self.nodes[0]}: add `--node local`, or "
                f"choose it with {typed('node use local')}."
            )

    def built(self) -> Artifact | None:
        """Return the artifact that is to be taken as it is; None when it is to be built.

        Raises:
            ArtifactError: It is not there, is of another profile, or several could be meant.
        """
        from hatch_aleph.artifact import SUFFIX, Artifact

        if self.manifest is not None and (self.dist or self.locked or self.offline):
            option = "--dist" if self.dist else "--locked" if self.locked else "--offline"
            raise UsageError(f"{option} has no effect on an artifact that is named: nothing is built")
        if self.manifest is None:
            return Artifact.find(self.dist_folder, self.profile) if self.no_build else None
        if self.manifest.is_dir():
            return Artifact.find(self.manifest, self.profile)
        artifact = Artifact.load(self.manifest)
        if self.profile is not None and artifact.manifest.profile != self.profile:
            raise ArtifactError(
                f"This is the artifact of {_of(artifact.manifest.profile)}, not of {_of(self.profile)}.",
                where=str(self.manifest),
                hint=f"Leave --profile out, or name another manifest (*{SUFFIX}).",
            )
        return artifact

    def artifact(
        self,
        client: NodeClient | None = None,
        *,
        folder: Path | None = None,
        anew: Path | None = None,
    ) -> Artifact:
        """Return the artifact that is meant: named, as it lies in its folder, or built from the project.

        Args:
            client: Spares building what is published already.
            folder: Receives what is built, in place of the artifact's folder.
            anew: An empty folder, for a build that takes nothing from what earlier ones have kept.
        """
        taken = self.built()
        if taken is not None:
            return taken
        from hatch_aleph.build import build_artifact
        from hatch_aleph.build.cache import Cache

        return build_artifact(
            self.project,
            folder or self.dist or self.project.root / "dist",
            profile=self.profile,
            notice=self.output.notice,
            observer=self.steps,
            locked=self.locked,
            offline=self.offline,
            searched=self.searched,
            published=self._published_images(client) if client else None,
            **({"cache": Cache(anew)} if anew else {}),
        )

    def artifact_here(self, folder: Path) -> Artifact:
        """Return the artifact for a run on this machine, where nobody else reads it: secrets are told, not refused.

        Args:
            folder: Receives what is built of a project that has some, apart from what can be published.
        """
        from hatch_aleph.secrets import SecretsFound

        try:
            return self.artifact()
        except SecretsFound as found:
            self.output.notice(f"Here nobody else reads it; {typed('deploy')} refuses it. {found}")
            return replace(self, searched=False).artifact(folder=folder)

    def _published_images(self, client: NodeClient) -> Published | None:
        try:
            return self.deployment(client).packages_of
        except AccountError:
            return None

    def deployment(self, client: NodeClient, artifact: Artifact | None = None, *, keyless: bool = False) -> Deployment:
        """Return the deployment that is meant: an artifact's, else that of the project and profile.

        Its owner is ``--address``, else the settings' ``address``, else the account's, which is loaded only then.

        Args:
            client: The node.
            artifact: What is to be published.
            keyless: Without any address take nobody's, who has deployed nothing yet.

        Raises:
            AccountError: None of these is there.
        """
        from hatch_aleph.deploy.deployment import Deployment

        said = self._publishing(artifact)
        said = replace(said, address=self.address or said.address)
        signer = None
        if said.address is None:
            try:
                signer = self.account(said.payment.chain).address
            except AccountError:
                if not keyless:
                    raise
                self.output.notice(
                    "There is no key and no address, so this is the plan of a first deployment (see --address)."
                )
                signer = NOBODY
        if artifact is not None:
            name, profile, called = (
                artifact.manifest.project["name"],
                artifact.manifest.profile,
                artifact.manifest.called,
            )
        else:
            name, profile, called = self.project.name, self.profile, self.settings.name or ""
        return Deployment.named(name, profile, said, client, signer=signer, host=self.host_url, called=called)

    def health(self, artifact: Artifact | None = None) -> HealthCheck:
        """Return what counts as an answer of the program."""
        return self._publishing(artifact).health

    def runtime(self, name: str) -> str:
        """Return a runtime as settings take it: a name that they do not know is looked up in the network's own lists.

        Raises:
            UsageError: The lists have no such name either.
        """
        from hatch_aleph import runtimes

        if runtimes.find(name) is not None:
            return name
        with self.client() as client:
            listed = client.runtimes()
        found = listed.get(name)
        if found is None:
            names = sorted({*listed, *runtimes.names()})
            raise UsageError(f"There is no runtime {name!r}.", hint=f"There are: {', '.join(names)}; or an item hash.")
        self.output.notice(f"The runtime {name!r} is {found}, by the network's list.")
        return found

    def complete(self, table: dict[str, Any]) -> None:
        """Put item hashes into what options say of a program: for a runtime's name, and for beginnings of volumes'.

        Raises:
            UsageError: There is no such runtime.
            PlanError: No volume of the owner begins like that, or several do.
        """
        from hatch_aleph.cli.item_hash_type import beginning_in

        if "runtime" in table:
            table["runtime"] = self.runtime(table["runtime"])
        for volume in table.get("volumes", {}).get("immutable", ()):
            if beginning := beginning_in(str(volume.get("ref", ""))):
                with self.client() as client:
                    volume["ref"] = self.completed(client, beginning, "volume")

    def program(self, client: NodeClient, item_hash: str | None) -> str:
        """Return the item hash that was given, completed if it was only begun, else that of the project's program.

        Raises:
            PlanError: The project is not deployed, or no program of the owner begins like that, or several do.
        """
        if item_hash is not None:
            return self.completed(client, item_hash)
        deployment = self.deployment(client)
        programs = deployment.state().programs
        if not programs:
            raise PlanError(
                "This project is not deployed here.",
                where=f"{deployment.owner}, {deployment.tag}",
                hint=f"Deploy it: {typed('deploy')}; or name a program: {typed('list')}",
            )
        return programs[0].item_hash

    def completed(self, client: NodeClient, beginning: str, what: str = "program") -> str:
        """Return the item hash of the owner's one program (volume, file, message) that begins so; a whole one as it is.

        One that is no longer live will do where no live one begins so.

        Raises:
            PlanError: None begins like that, or several do.
        """
        if FILE_HASH.fullmatch(beginning):
            return beginning
        owner = self.owner()
        from hatch_aleph.network.answers import ENDED, LIVE, SETTLED

        def begun(statuses: tuple[str, ...]) -> list[str]:
            messages = client.messages(types=_NAMED[what], owners=(owner,), statuses=statuses)
            return [each.item_hash for each in messages if each.item_hash.startswith(beginning)]

        # A run that was cut off once the program was gone is finished by the same words.
        looks = (SETTLED,) if what == "message" else (LIVE, ENDED)
        found = next(filter(None, map(begun, looks)), [])
        if len(found) != 1:
            from hatch_aleph.cli.item_hash_type import LISTED_BY

            count = f"{len(found)} {what}s begin" if found else f"No {what} begins"
            raise PlanError(
                "\n".join([f"{count} with {beginning}.", *found]),
                where=owner,
                hint=f"Give more digits; {typed(LISTED_BY[what])} shows the {what}s.",
            )
        return found[0]

    def chain_for(self, item_hash: str | None) -> str:
        """Return the chain of the account: the project's when the project's program is meant."""
        return "ETH" if item_hash is not None else self.settings.payment.chain

    def _publishing(self, artifact: Artifact | None) -> PublishSettings:
        return artifact.manifest.settings if artifact else self.settings.publishing

    @functools.cached_property
    def steps(self) -> Steps:
        """What shows the steps of a session."""
        from hatch_aleph.cli.steps import Steps

        return Steps(self.output, in_project=lambda: self.project_at_hand)

    def deploy(self, client: NodeClient, artifact: Artifact, options: Options) -> Outcome:
        """Make an artifact what is live, and keep what took how long for `report`."""
        from hatch_aleph.deploy.apply import Deployer

        deployment = self.deployment(client, artifact)
        session = self.session(client, deployment, artifact)
        self.output.doing("Comparing with what is live")
        outcome = Deployer(deployment, session, options).deploy(artifact)
        if outcome.sent:
            self.steps.keep(session.folder, session.owner, deployment.tag, outcome.item_hash)
        return outcome

    @property
    def journals(self) -> Path:
        """The folder of the project's journals, and of what else a deployment leaves."""
        return self.state_folder or self.project_folder / ".aleph"

    def session(self, client: NodeClient, deployment: Deployment, artifact: Artifact | None = None) -> Session:
        """Return the session in which a deployment is changed; its journal lies in the project."""
        from hatch_aleph.deploy.session import Session

        return Session(
            client,
            self.account(self._publishing(artifact).payment.chain),
            self.journals,
            deployment.owner,
            notice=self.output.notice,
            observer=self.steps,
            host=deployment.host,
            project=self.project_folder,
        )

    def program_session(self, client: NodeClient, *, chain: str = "ETH") -> Session:
        """Return the session in which a single program is changed; its journal lies in the user's state folder."""
        from hatch_aleph.deploy import health
        from hatch_aleph.deploy.session import Session
        from hatch_aleph.files import state_folder
        from hatch_aleph.settings import HealthCheck

        return Session(
            client,
            self.account(chain),
            self.state_folder or state_folder(),
            self.address,
            notice=self.output.notice,
            observer=self.steps,
            host=self.host_url,
            health=None if self.no_health else health.Health(),
            check=HealthCheck(timeout_seconds=health.DEFAULT_TIMEOUT),
            smoke=None if self.no_smoke else self.smoke,
            confirm=self.confirm,
            announce=self.announce,
            dry_run=self.dry_run,
        )

    def smoke(self, artifact: Artifact, *, again: str = "", beside: Job | None = None) -> None:
        """Try an artifact here, as :func:`.smoke.smoke_test` does; ``again`` is the command that shows the same."""
        from hatch_aleph.cli.smoke import smoke_test

        smoke_test(artifact, self.output.notice, self.client, again=again, standby=self.standby, beside=beside)

    @contextlib.contextmanager
    def with_guest_ahead(self) -> Iterator[Context]:
        """Have a guest of the default runtime boot for the trial of a program that is still to be packed."""
        if self.no_smoke:
            yield self
            return
        from hatch_aleph import runtimes
        from hatch_aleph.build.cache import Cache
        from hatch_aleph.local.host import boot_ahead

        cache = Cache.default()
        standby = boot_ahead(runtimes.DEFAULT.python, cache=cache.host, memory=cache.interpreters)
        try:
            yield replace(self, standby=standby)
        finally:
            standby.close()

    def announce(self, what: str) -> None:
        """Say what is about to be published; in a dry run that is all.

        Raises:
            Exit: In a dry run: the command ends here, with 0.
        """
        self.end_dry_run(what)
        self.output.notice(f"{what}.")

    def end_dry_run(self, what: str, **fields: object) -> None:
        """End the command if it is only to show what it would do."""
        if self.dry_run:
            self.output.result(
                {"dry_run": True, "would": what, **fields}, f"{what}.\nThis was a dry run: nothing was sent."
            )
            raise click.exceptions.Exit(0)

    def ask(self, what: str, *, otherwise: str, **fields: object) -> None:
        """Ask whether something is to be done; without a terminal ``--yes`` must answer.

        Raises:
            UsageError: There is nobody to ask.
            Abort: When the answer is no, which ``otherwise`` tells.
            Exit: In a dry run, whose result has the ``fields`` too.
        """
        from hatch_aleph.cli.questions import confirm

        self.end_dry_run(what, **fields)
        if self.yes:
            self.output.notice(f"{what}.")
        confirm(self.output, f"{what}?", yes=self.yes, otherwise=otherwise)

    def confirm(self, what: str) -> None:
        """Ask on a terminal whether something is to be done; elsewhere the command itself is the answer.

        Raises:
            Abort: When the answer is no.
            Exit: In a dry run.
        """
        from hatch_aleph.cli.questions import NOTHING_DONE, can_ask, confirm

        self.end_dry_run(what)
        if self.yes or self.output.as_json or not can_ask():
            self.output.notice(f"{what}.")
        else:
            otherwise = "Nothing was deleted." if "Forget" in what.rpartition("\n")[2] else NOTHING_DONE
            confirm(self.output, f"{what}?", yes=False, otherwise=otherwise)


def _of(profile: str | None) -> str:
    return f"profile {profile}" if profile else "no profile"


_JSON = click.option("--json/--no-json", "as_json", default=False, help="Print one JSON object a line, for machines.")
_DIST = (click.option("--dist", type=FOLDER, help="Folder of the artifact. [default: dist]"),)
_ARTIFACT = (
    *_DIST,
    click.option("--no-build", is_flag=True, help="Take the artifact as it lies in the folder."),
    click.option("--locked", is_flag=True, help="Fail when the lock is out of date."),
    click.option("--offline", is_flag=True, help="Build from what is cached, ask no index."),
)
_GROUPS: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "project": (
        click.option(
            "--project",
            "project_folder",
            type=FOLDER,
            default=Path(),
            help="Folder of pyproject.toml. [default: .]",
        ),
        click.option(
            "--profile",
            metavar="NAME",
            envvar="HATCH_ALEPH_PROFILE",
            help="Named variation of the settings: staging, pr-12 ... Also HATCH_ALEPH_PROFILE.",
        ),
    ),
    "named": (click.argument("manifest", metavar="[MANIFEST]", type=CONTENT, required=False),),
    "dist": _DIST,
    "artifact": _ARTIFACT,
    "node": (
        click.option(
            "--node",
            "nodes",
            metavar="URL|NAME",
            type=as_node,
            multiple=True,
            envvar="ALEPH_API_HOST",
            default=DEFAULT_NODES,
            show_default=True,
            callback=default_nodes,
            help="Node to talk to, or its name; several are tried in turn. Also ALEPH_API_HOST.",
        ),
    ),
    "account": (
        click.option(
            "--account", "account_name", metavar="NAME", help="Account that signs, by the name that you gave it."
        ),
        click.option(
            "--private-key",
            metavar="KEY",
            help="Private key itself; visible to other users of this machine, prefer a file or `-` for standard input.",
        ),
        click.option(
            "--private-key-file",
            type=PATH,
            help="File of the private key, or of a keystore. Also ALEPH_PRIVATE_KEY_FILE.",
        ),
        click.option(
            "--password-file",
            type=PATH,
            envvar="ALEPH_PASSWORD_FILE",
            help="File of the keystore's password, which is asked for on a terminal. Also ALEPH_PASSWORD_FILE.",
        ),
        click.option(
            "--ledger", is_flag=True, help="Sign on the first Ethereum account of a Ledger that is plugged in."
        ),
        click.option(
            "--ledger-account",
            metavar="ADDRESS|PATH",
            help="Sign on this account of a Ledger: one of its first five, or of a path as m/44'/60'/7'/0/0.",
        ),
        click.option("--chain", type=CHAIN, help="Chain of the account. [default: the key's own, or ETH]"),
    ),
    "host": (
        click.option(
            "--host-url",
            type=as_host_url,
            metavar="URL",
            envvar="ALEPH_HOST_URL",
            help="Host to ask for answers, in place of the network's own. Also ALEPH_HOST_URL.",
        ),
    ),
    "whose": (click.argument("address", required=False, type=as_owner),),
    "owner": (
        click.option(
            "--address",
            type=as_owner,
            metavar="ADDRESS",
            help="Owner, when it is not the account; to sign for it, it must have permitted the account.",
        ),
    ),
    "state": (
        click.option(
            "--state-folder",
            type=FOLDER,
            envvar="ALEPH_STATE_FOLDER",
            help="Folder of the journal. Also ALEPH_STATE_FOLDER. [default: .aleph in the project]",
        ),
    ),
    "smoke": (click.option("--no-smoke", is_flag=True, help="Publish without trying the program here first."),),
    "ask": (click.option("--no-health", is_flag=True, help="Do not wait until the program answers."),),
    "dry": (click.option("--dry-run", is_flag=True, help="Check everything, show what would be sent, send nothing."),),
    "yes": (click.option("--yes", "-y", is_flag=True, help="Answer yes to every question."),),
}


def _name(option: Callable[[Any], Any]) -> str:
    parameters: list[click.Parameter] = option(lambda: None).__click_params__
    return str(parameters[0].name)


def with_context(*groups: str) -> Callable[[Function], Function]:
    """Add groups of shared options to a command; its first argument is then the :class:`Context` that they make."""
    options = [*(option for group in groups for option in _GROUPS[group]), _JSON]
    fields = {_name(option) for option in options}

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(*, as_json: bool, **values: Any) -> Any:
            shared = {name: values.pop(name) for name in list(values) if name in fields}
            output = Output(as_json=as_json)
            with output.working():
                try:
                    return function(Context(output=output, **shared), **values)
                except (KeyboardInterrupt, HatchAlephError):
                    if told := output.unfinished():
                        output.notice(told)
                    raise

        wrapper.shows_work = True  # type: ignore[attr-defined] # read by the test of silence
        # Click reads this list from its end: the command's own options stand before the shared ones in its help.
        own: list[click.Parameter] = getattr(function, "__click_params__", [])
        decorated: Any = wrapper
        decorated.__click_params__ = []
        for option in reversed(options):
            decorated = option(decorated)
        decorated.__click_params__ += own
        return decorated  # type: ignore[no-any-return]

    return decorate


def own_folder(folder: Path) -> None:
    """Make a folder for what a command leaves behind.

    Raises:
        UsageError: It cannot be made, or leads elsewhere.
    """
    from hatch_aleph.files import make_own_folder

    try:
        make_own_folder(folder)
    except OSError as error:
        raise UsageError(
            f"The folder cannot be used: {error.strerror or error}",
            where=str(error.filename or folder),
            hint="Remove what is in the way, or give write permission.",
        ) from error
