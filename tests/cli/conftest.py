from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs.rig import RunningNetwork, write_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNetwork]:
    running = RunningNetwork(tmp_path_factory.mktemp("network"))
    yield running
    running.stop()


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        assert self.code == 0, self.out + self.err
        return next(event for event in self.events if event["event"] == "result")

    @property
    def error(self) -> dict[str, Any]:
        assert self.code != 0, self.out
        return next(event for event in self.events if event["event"] == "error")


class CommandLine:
    """Runs commands as one account on the network of this machine."""

    def __init__(self, network: RunningNetwork, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.network = network
        self.account: Account = network.new_account()
        self.folder = folder
        self.key = folder / "key"
        self._capture = capture
        self.use(self.account)

    def use(self, account: Account) -> None:
        """Sign as another account from now on."""
        self.account = account
        self.key.write_bytes(bytes(account._sdk_account.private_key))  # type: ignore[attr-defined]

    def __call__(self, *arguments: object) -> Done:
        from hatch_aleph.cli import run

        self._capture.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = self._capture.readouterr()
        return Done(code, out, err)

    def json(self, *arguments: object) -> Done:
        return self(*arguments, "--json")

    def create(self, answer: str = "hello", *options: object) -> dict[str, Any]:
        """Publish a program, which nothing starts before it is asked."""
        untried = ("--no-smoke", "--no-health")
        return self.json("create", self.app(answer), "main:app", "--name", "app", *untried, *options).result

    def app(self, answer: str = "hello", **files: str) -> Path:
        return write_app(self.folder / "app", answer, **files)

    @property
    def sent(self) -> list[str]:
        return [kind for kind, _ in self.network.sent(self.account.address)]


@pytest.fixture
def cli(
    network: RunningNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    line = CommandLine(network, tmp_path, capsys)
    monkeypatch.setenv("ALEPH_PRIVATE_KEY_FILE", str(line.key))
    monkeypatch.setenv("ALEPH_API_HOST", network.url)
    monkeypatch.setenv("ALEPH_STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.delenv("ALEPH_PRIVATE_KEY", raising=False)
    return line
