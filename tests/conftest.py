"""What many tests need: small projects, small disks."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROOT = Path(__file__).parents[1]
# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# The Python of the tests hardly matters to these: whole ways through processes of their own, machines and clocks of the
# network, browsers. What reads and writes with that Python (build, settings, squashfs, guest) runs on all, and every
# module is loaded by each (tests/test_imports.py).
ON_ONE_PYTHON = frozenset(
    {
        # Our commands as processes, against the network on this machine.
        "tests/cli/test_create.py",
        "tests/cli/test_declared.py",
        "tests/cli/test_delete.py",
        "tests/cli/test_deploy.py",
        "tests/cli/test_failure_block.py",
        "tests/cli/test_image_changes.py",
        "tests/cli/test_interrupted_upload.py",
        "tests/cli/test_interrupts.py",
        "tests/cli/test_init.py",
        "tests/cli/test_ledger.py",
        "tests/cli/test_list_programs.py",
        "tests/cli/test_live.py",
        "tests/cli/test_local_node.py",
        "tests/cli/test_logs.py",
        "tests/cli/test_outgoing.py",
        "tests/cli/test_path_volumes.py",
        "tests/cli/test_persist.py",
        "tests/cli/test_prices.py",
        "tests/cli/test_programs_answer.py",
        "tests/cli/test_project.py",
        "tests/cli/test_restart.py",
        "tests/cli/test_show.py",
        "tests/cli/test_trouble.py",
        "tests/cli/test_update.py",
        "tests/cli/test_volume.py",
        "tests/cli/test_workflow_steps.py",
        "tests/cli/test_workspace.py",
        "tests/documentation/test_pages.py",
        "tests/whole/test_examples.py",
        "tests/whole/test_images.py",
        "tests/whole/test_sample_project.py",
        "tests/whole/test_small_projects.py",
        "tests/test_installation.py",
        # Other tools as processes: uv and build backends above all.
        "tests/build/test_packages.py",
        "tests/build/test_packages_inputs.py",
        "tests/build/test_packages_locks.py",
        "tests/build/test_packages_mishaps.py",
        "tests/build/test_packages_pages.py",
        "tests/build/test_packages_provenance.py",
        "tests/build/test_packages_sources.py",
        "tests/build/test_packages_wheels.py",
        "tests/build/test_wheel.py",
        "tests/plugin/test_builder.py",
        "tests/plugin/test_hatch.py",
        "tests/plugin/test_weight.py",
        "tests/seams/test_options.py",
        "tests/seams/test_worked_plugin.py",
        # Stops, races and payment of deployments; `test_apply` and `test_plan` stay.
        "tests/deploy/test_afterwards.py",
        "tests/cli/test_terminal.py",
        "tests/deploy/test_crash_matrix.py",
        "tests/deploy/test_custom_domains.py",
        "tests/deploy/test_overlap.py",
        "tests/deploy/test_payment.py",
        "tests/deploy/test_preflight.py",
        "tests/deploy/test_rejections.py",
        "tests/deploy/test_secrets.py",
        "tests/deploy/test_trouble.py",
        "tests/programs/test_checks.py",
        "tests/programs/test_creation.py",
        "tests/programs/test_cuts.py",
        "tests/programs/test_faults.py",
        "tests/programs/test_overlap.py",
        "tests/programs/test_removal.py",
        "tests/programs/test_replacement.py",
        "tests/programs/test_revision.py",
        "tests/programs/test_volumes.py",
        # The sources and the tests themselves, read.
        "tests/test_architecture.py",
        "tests/test_skips.py",
        "tests/test_words.py",
        "tests/guest/test_pythons.py",  # starts the Pythons that it is about
        # Nodes and hosts under load, in time, and as others see them.
        "tests/local/host/test_as_real.py",
        "tests/local/host/test_executable.py",
        "tests/local/host/test_following.py",
        "tests/local/host/test_guest_api.py",
        "tests/local/host/test_hostile.py",
        "tests/local/host/test_image_machine.py",
        "tests/local/host/test_load.py",
        "tests/local/host/test_quirks.py",
        "tests/local/host/test_serve.py",
        "tests/local/host/test_source.py",
        "tests/local/host/test_standby.py",
        "tests/local/host/test_uploads.py",
        "tests/local/host/test_volumes.py",
        "tests/local/node/test_crash.py",
        "tests/local/node/test_golden.py",
        "tests/local/node/test_lateness.py",
        "tests/local/node/test_hostile.py",
        "tests/local/node/test_page.py",
        "tests/conformity/test_node.py",
        "tests/network/test_hosts.py",
        "tests/network/test_ledger.py",
        "tests/network/test_malformed.py",
        "tests/network/test_memory.py",
        "tests/secrets/test_secrets.py",
        # Whole projects, journals and nodes that mean harm; wheels that are odd stay with all.
        "tests/trust/test_hostile_projects.py",
        "tests/trust/test_hostile_publisher.py",
        "tests/trust/test_lying_node.py",
        "tests/trust/test_other_nodes.py",
        "tests/trust/test_other_projects.py",
        "tests/trust/test_planted_files.py",
    }
)
# Of those that run on all, what takes longest: begun before the others.
LONG = {
    "tests/build/test_fingerprint.py",
    "tests/cli/test_cli.py",
    "tests/guest/test_children.py",
    "tests/guest/test_executable.py",
    "tests/guest/test_frameworks.py",
    "tests/squashfs/test_nasty.py",
    "tests/trust/test_odd_wheels.py",
}
# Tests that may be skipped where everything is installed (`.ci/run`), with the reason; any other skip fails the run.
LISTED_SKIPS = {
    "tests/network/test_http.py": "names below localhost are not resolved here",  # without systemd's resolver
    "tests/test_dependencies.py": "importlib.metadata of Python 3.10 knows no distribution of most modules",
    "tests/guest/test_eager_task.py": "Python 3.12 has it",  # the loop's own eager tasks
    "tests/guest/test_pythons.py": "no Python 3.9 here",  # the oldest runtime's; hosted runners have none
    "tests/local/host/test_executable.py": "port 8080 is taken",
    "tests/guest/test_read_ahead.py": "a /sys that can be written",  # containers may show it read-only
}

MINIMAL = """
[project]
name = "my-api"
version = "1.0"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.aleph]
entrypoint = "main:app"
"""


_resolved = socket.getaddrinfo


def _as_curl_resolves(host: str | bytes | None, *arguments: object, **options: object) -> object:
    """Resolve names below ``localhost`` as curl and browsers do, for what the tests ask themselves."""
    here = isinstance(host, str) and host.endswith(".localhost")
    return _resolved("localhost" if here else host, *arguments, **options)  # type: ignore[arg-type]


socket.getaddrinfo = _as_curl_resolves  # type: ignore[assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--brief", action="store_true", help="Leave out the long tests that need run on one Python alone.")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    brief = config.getoption("--brief") and collection_path.is_relative_to(ROOT)
    return True if brief and collection_path.relative_to(ROOT).as_posix() in ON_ONE_PYTHON else None


def _begun_elsewhere(worker: dict[str, Any], *, brief: bool) -> list[str]:
    """Return what tests/ holds, beginning with another part in each worker.

    All load every file. In the same order, on a machine where none is compiled yet, all would compile each at once.
    """
    parts = [file for file in sorted((ROOT / "tests").iterdir()) if file.is_dir() or file.match("test_*.py")]
    taken = [str(each) for each in parts if not brief or each.relative_to(ROOT).as_posix() not in ON_ONE_PYTHON]
    start = int(worker["workerid"].removeprefix("gw")) * len(taken) // worker["workercount"]
    return taken[start:] + taken[:start]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what stays until the end: each worker finds all the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: one that a worker takes last keeps all others waiting for its end."""
    long = ON_ONE_PYTHON | LONG

    def place(item: pytest.Item) -> tuple[bool, str]:
        file = item.nodeid.partition("::")[0]
        return file not in long, file

    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args = _begun_elsewhere(config.workerinput, brief=config.getoption("--brief"))
    if os.environ.get("HATCH_ALEPH_LISTED_SKIPS") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_ListedSkips(LISTED_SKIPS))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Write down what coverage has seen after each file: at its end xdist waits ten seconds, then kills a worker."""
    if (nextitem is None or nextitem.path != item.path) and hasattr(item.config, "workerinput"):
        _save_coverage()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down the rest."""
    if hasattr(session.config, "workerinput"):
        _save_coverage(end=True)


def _save_coverage(*, end: bool = False) -> None:
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        import coverage

        if running := coverage.Coverage.current():
            if end:
                running.stop()
            running.save()


class _ListedSkips:
    """Fail a run in which a test was skipped that is not listed."""

    def __init__(self, listed: dict[str, str]) -> None:
        self._listed = listed
        self._unlisted: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look(report)

    def _look(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        listed = self._listed.get(report.nodeid.partition("::")[0])
        if listed is None or listed not in reason:
            self._unlisted.append(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)  # after the failures are noted
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._unlisted:
            return
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif cache := getattr(session.config, "cache", None):
            cache.set("cache/lastfailed", {})  # those alone, run once more (noxfile.py), would pass over the skip

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unlisted:
            terminalreporter.section("skipped, and not listed in tests/conftest.py", red=True)
            terminalreporter.write("\n".join([*sorted(self._unlisted), ""]))


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see, or change, what the user of this machine has named."""
    monkeypatch.setenv("HATCH_ALEPH_CONFIG", str(tmp_path_factory.getbasetemp() / "preferences" / os.urandom(4).hex()))


@pytest.fixture(scope="session")
def host_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for local hosts, also those of other workers: the modules of their guests are installed once."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "host-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes that a test starts run without coverage: for tests of what they import and take."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project folder from {path: text}; a pyproject.toml for a plain main.py unless one is given."""

    def make(files: dict[str, str] | None = None, *, name: str = "project") -> Path:
        root = tmp_path / name
        content = {"pyproject.toml": MINIMAL, "main.py": "async def app(scope, receive, send): ...\n", **(files or {})}
        for path, text in content.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), "utf-8")
        return root

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a file system of some KiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    mounted: list[Path] = []

    def mount(name: str, kib: int) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], check=False)
        if done.returncode:
            pytest.skip("mounts are not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
