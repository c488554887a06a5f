"""Each command that publishes a program checks what a deployment checks, before it sends anything."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import GuestError, HatchAlephError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import aggregate_content, sign_message
from hatch_aleph.programs import volumes
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.replacement import set_persistent
from hatch_aleph.programs.revision import update
from tests.clock import brief
from tests.deploy.conftest import new_account
from tests.deploy.rig import RunningNode
from tests.programs.rig import write_app
from tests.programs.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.deploy.session import Session

    Command = Callable[["Publisher", Session], object]

UNKNOWN = "ab" * 32


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield running
    running.stop()


class Publisher(Scene):
    """Has a program with a runtime and a volume of its own, and one command to give it another form.

    Attributes:
        table: What the program is to be.
    """

    def __init__(self, node: RunningNode, folder: Path, command: Command) -> None:
        super().__init__(node, folder)
        self.command = command
        with NodeClient([node.url], sleep=brief) as client:
            session = self.session(client, self.host)
            self.runtime = volumes.publish(session, write_app(self.folder / "runtime", f"r {self.number}"))
            self.volume = volumes.publish(session, write_app(self.folder / "volume", f"v {self.number}"))
            self.table: dict[str, Any] = {
                "entrypoint": "main:app",
                "name": "app",
                "updatable": True,
                "runtime": self.runtime,
                "volumes": {"immutable": [{"ref": self.volume, "mount": "/opt/model"}]},
                "persistent": command is unpersisting,
            }
            if command is not creating:
                self.program = create(session, self.app, checked(self.table), scan=False).item_hash
        write_app(self.app, f"two {self.number}")

    def __call__(self, **parts: Any) -> HatchAlephError | None:
        """Run the command, and return what it was refused with."""
        with NodeClient([self.node.url], sleep=brief) as client:
            try:
                self.command(self, self.session(client, self.host, **parts))
            except HatchAlephError as error:
                return error
        return None

    def lose(self, item_hash: str) -> None:
        """Let the node know a message no more, whatever names it: no FORGET brings that about."""
        self.node.sql("DELETE FROM statuses WHERE item_hash = ?", item_hash)


def creating(scene: Publisher, session: Session) -> object:
    return create(session, scene.app, checked(scene.table), scan=False)


def updating(scene: Publisher, session: Session) -> object:
    return update(session, scene.program, scene.app, {}, scan=False)


def updating_both(scene: Publisher, session: Session) -> object:
    return update(session, scene.program, scene.app, {"internet": True}, replace=True, scan=False)


def updating_fields(scene: Publisher, session: Session) -> object:
    return update(session, scene.program, None, {"internet": True}, replace=True, scan=False)


def persisting(scene: Publisher, session: Session) -> object:
    return set_persistent(session, scene.program, persistent=True)


def unpersisting(scene: Publisher, session: Session) -> object:
    return set_persistent(session, scene.program, persistent=False)


COMMANDS = (creating, updating, updating_both, updating_fields, persisting, unpersisting)


def no_entry_point(scene: Publisher) -> str:
    (scene.app / "main.py").rename(scene.app / "other.py")
    return "no module 'main'"


def no_app(scene: Publisher) -> str:
    (scene.app / "main.py").write_text("application = None\n", "utf-8")
    return "has no `app`"


def wsgi(scene: Publisher) -> str:
    import zipfile

    archive = scene.folder / "app.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("main.py", "from flask import Flask\napp = Flask(__name__)\n")
    scene.app = archive
    return "is a WSGI application"


def no_runtime(scene: Publisher) -> str:
    scene.lose(scene.runtime)
    return "The runtime is unknown"


def no_volume(scene: Publisher) -> str:
    scene.lose(scene.volume)
    return "The volume is unknown"


def no_code(scene: Publisher) -> str:
    program = scene.node.get(f"/api/v0/messages/{scene.program}")["message"]
    scene.lose(program["content"]["code"]["ref"])
    return "code"


def no_credits(scene: Publisher) -> str:
    scene.node.sql("UPDATE credit_totals SET amount = 0 WHERE address = ?", scene.account.address)
    return "Insufficient balance"


def hidden_system(scene: Publisher) -> str:
    scene.table["volumes"] = {"immutable": [{"ref": scene.volume, "mount": "/usr"}]}
    if scene.command is not creating:
        content = scene.node.get(f"/api/v0/messages/{scene.program}")["message"]["content"]
        content["volumes"][0]["mount"] = "/usr"
        content["time"] = time.time()
        message = sign_message(scene.account, "PROGRAM", content, channel="TEST", time=content["time"])
        with NodeClient([scene.node.url], sleep=brief) as client:
            client.publish(message)
            client.wait(message.item_hash)
        scene.program = message.item_hash
    return "the guest's own /usr"


OF_CODE = (creating, updating, updating_both)
OF_PUBLISHED = (updating, updating_fields, persisting, unpersisting)  # updating_both brings code of its own
FAULTS: list[tuple[Callable[[Publisher], str], tuple[Command, ...]]] = [
    (no_entry_point, OF_CODE),
    (no_app, OF_CODE),
    (wsgi, OF_CODE),
    (no_runtime, COMMANDS),
    (no_volume, COMMANDS),
    (no_code, OF_PUBLISHED),
    (no_credits, COMMANDS),
    (hidden_system, COMMANDS),
]
CASES = [pytest.param(fault, each, id=f"{fault.__name__}-{each.__name__}") for fault, of in FAULTS for each in of]


@pytest.mark.parametrize(("fault", "command"), CASES)
def test_what_would_fail_is_refused_and_nothing_is_sent(node, tmp_path, fault, command):
    scene = Publisher(node, tmp_path, command)
    expected = fault(scene)
    before = scene.outcome()
    error = scene()
    assert error is not None
    assert expected in str(error), error
    assert scene.outcome() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_what_does_not_start_here_is_refused_and_nothing_is_sent(node, tmp_path, command):
    scene, tried = Publisher(node, tmp_path, command), []
    before = scene.outcome()

    def fails(artifact: Any, **_options: Any) -> None:
        tried.append(artifact.manifest.program)
        artifact.verify()  # its code is here
        raise GuestError("it does not start")

    error = scene(smoke=fails)
    assert error is not None
    assert "does not start" in str(error)
    assert scene.outcome() == before
    assert bool(tried[0]["on"]["persistent"]) is (command is persisting)
    assert bool(tried[0]["environment"]["internet"]) is (command in (updating_both, updating_fields))
    assert scene(smoke=lambda artifact, **_options: tried.append(artifact)) is None  # and what starts is published
    assert scene.outcome() != before


def permit(node: RunningNode, scene: Publisher, delegate: Any, *types: str) -> None:
    entries = [{"address": delegate.address, "types": list(types)}] if types else []
    content = aggregate_content(scene.account.address, "security", {"authorizations": entries}, time=time.time())
    message = sign_message(scene.account, "AGGREGATE", content, channel="TEST", time=content["time"])
    with NodeClient([node.url], sleep=brief) as client:
        client.publish(message)
        client.wait(message.item_hash)


NEEDED = {
    creating: ("STORE", "PROGRAM"),
    updating: ("STORE",),
    updating_both: ("STORE", "PROGRAM"),
    updating_fields: ("PROGRAM",),
    persisting: ("PROGRAM",),
    unpersisting: ("PROGRAM",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_owner_has_not_permitted_is_refused_and_nothing_is_sent(node, tmp_path, command):
    scene, delegate = Publisher(node, tmp_path, command), new_account(node)
    owner, needed = scene.account, NEEDED[command]
    for given in ((), *((*needed[:at], *needed[at + 1 :]) for at in range(len(needed)))):
        permit(node, scene, delegate, *given)
        scene.account = delegate
        error = scene(address=owner.address)
        assert "has not permitted" in str(error), given
        assert scene.outcome()[0].total() == 0
        scene.account = owner
    permit(node, scene, delegate, *needed)
    scene.account = delegate
    assert scene(address=owner.address) is None
    # Whoever may publish a kind may forget it; what is said of FORGET counts for nothing.
    assert set(scene.outcome()[0]) - {"FORGET"} == set(needed)


def test_who_published_for_an_owner_needs_its_permission_still(node, tmp_path):
    scene, delegate = Publisher(node, tmp_path, creating), new_account(node)
    owner = scene.account
    permit(node, scene, delegate, "STORE", "PROGRAM")
    scene.account, scene.command = delegate, persisting
    with NodeClient([node.url], sleep=brief) as client, contextlib.suppress(json.JSONDecodeError):
        made = create(scene.session(client, scene.host, address=owner.address), scene.app, checked(scene.table))
    scene.program, scene.account = made.item_hash, owner
    permit(node, scene, delegate)
    scene.account = delegate
    before = scene.outcome()
    assert "has not permitted" in str(scene())
    assert scene.outcome() == before
