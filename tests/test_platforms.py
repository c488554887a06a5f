"""What is different on Windows and macOS, tried on any system: the name of the system is injected, nothing else.

What only such a machine can show is the list in CONTRIBUTING.md, "What runs where".
"""

import asyncio
import contextlib
import importlib.util
import os
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hatch_aleph import files, interpreters, preferences, uv
from hatch_aleph.build import staging
from hatch_aleph.build.packages import distribution
from hatch_aleph.cli import questions
from hatch_aleph.deploy import journal, session
from hatch_aleph.errors import GuestError, PlanError
from hatch_aleph.guest import loopback, proxy, read_ahead
from hatch_aleph.guest.packed_modules import begun_packs
from hatch_aleph.local.host import foreign_platform, launch, places
from hatch_aleph.local.host.spec import ProgramSpec
from hatch_aleph.network import keys, local_nodes
from hatch_aleph.plugin import collector
from hatch_aleph.squashfs import SquashfsError, blocks, pool, scan, unpacking, walking, write_image

PACKAGE = Path(files.__file__).parent
_BRANCH = re.compile(r"\bos\.name\b|sys\.platform\b|platform\.system|import (?:msvcrt|fcntl|termios)|hasattr\(os,")
# Each module with a branch, and how many lines of it name the system; the tests below try both sides of each.
BRANCHES = {
    "build/packages/distribution.py": 1,
    "build/staging.py": 2,
    "cli/questions.py": 2,
    "deploy/journal.py": 1,
    "deploy/session.py": 3,
    "files.py": 4,
    "guest/loopback.py": 1,
    "guest/proxy.py": 1,
    "guest/read_ahead.py": 1,
    "interpreters.py": 2,
    "local/host/foreign_platform.py": 1,
    "local/host/launch.py": 1,
    "local/host/places.py": 4,
    "network/keys.py": 1,
    "network/local_nodes.py": 1,
    "plugin/collector.py": 1,
    "preferences.py": 1,
    "squashfs/blocks.py": 1,
    "squashfs/pool.py": 1,
    "squashfs/unpacking.py": 1,
    "squashfs/walking.py": 2,
    "uv.py": 3,
}


class Windows:
    """``os`` as it is here, but for its name, and for what Windows lacks."""

    name = "nt"

    def __getattr__(self, name):
        if name in ("getuid", "kill", "O_NOFOLLOW"):
            raise AssertionError(f"os.{name} is not for Windows")
        if name in ("readv", "sched_getaffinity"):  # macOS has no sched_getaffinity either
            raise AttributeError(name)
        return getattr(os, name)


@pytest.fixture
def on_windows(monkeypatch):
    """Let modules take this system for Windows: all of Python's own keeps working."""

    def change(*modules):
        for module in modules:
            monkeypatch.setattr(module, "os", Windows())

    return change


def test_every_branch_is_listed_here():
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        count = sum(bool(_BRANCH.search(line)) for line in file.read_text("utf-8").splitlines())
        if count:
            found[file.relative_to(PACKAGE).as_posix()] = count
    assert found == BRANCHES


def test_what_a_killed_build_left_goes_by_its_age_alone(on_windows, tmp_path):
    on_windows(staging)
    old, recent = tmp_path / ".building-old", tmp_path / ".building-new"
    old.mkdir()
    recent.mkdir()
    os.utime(old, (0, 0))
    with staging.Staging(tmp_path):
        assert (old.exists(), recent.exists()) == (False, True)


def test_uv_keeps_its_files_elsewhere(on_windows, monkeypatch, tmp_path):
    root = tmp_path / "project"
    environ = {"APPDATA": str(tmp_path / "roaming"), "XDG_DATA_HOME": str(tmp_path / "data")}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert tmp_path / "config" / "uv" / "uv.toml" in uv.configuration_files(root)
    assert Path("/etc/uv/uv.toml") in uv.configuration_files(root)
    assert uv.pythons_folder(environ) == tmp_path / "data" / "uv" / "python"
    on_windows(uv)
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path / "program"))
    found = uv.configuration_files(root)
    assert found[-2:] == [tmp_path / "roaming" / "uv" / "uv.toml", tmp_path / "program" / "uv" / "uv.toml"]
    assert uv.pythons_folder(environ) == tmp_path / "roaming" / "uv" / "data" / "python"


def test_the_lock_of_a_deployment_is_held_by_windows_own_means(monkeypatch, tmp_path):
    """The module is loaded once more as Windows does; its lock is one byte, far behind the holder's name."""
    held, asked = set(), []

    def locking(descriptor, mode, count):
        asked.append((os.lseek(descriptor, 0, os.SEEK_CUR), mode, count))
        place = os.fstat(descriptor).st_ino
        if place in held:
            raise PermissionError(13, "Permission denied")
        held.add(place)

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("hatch_aleph.deploy.session_on_windows", session.__file__)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.undo()
    with module.deployment_lock(tmp_path / "state"):
        assert asked == [(1 << 20, 2, 1)]
        with pytest.raises(PlanError, match=f"holds this .*{os.getpid()}"), module.deployment_lock(tmp_path / "state"):
            pass
    refused = pytest.raises(PlanError, match="holds this")
    with session.deployment_lock(tmp_path / "other"), refused, session.deployment_lock(tmp_path / "other"):
        pass


def test_folders_are_synced_where_they_can_be_opened(on_windows, monkeypatch, tmp_path):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    file = tmp_path / "file"
    file.touch()
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        files.sync(tmp_path)
        journal._sync_folder(tmp_path)
        assert synced == [tmp_path, tmp_path]
    synced.clear()
    on_windows(files, journal)
    files.sync(tmp_path)
    journal._sync_folder(tmp_path)
    assert synced == []
    if on_linux:
        files.sync(file)
        assert synced == [file]


@pytest.mark.parametrize("system", ["win32", "darwin", "linux"])
def test_names_are_kept_where_the_system_keeps_configuration(system, monkeypatch, tmp_path):
    own = tmp_path / "own" / "hatch-aleph"
    monkeypatch.delenv(preferences.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("platformdirs.user_config_path", lambda _name, appauthor: None if appauthor else own)
    monkeypatch.setattr(preferences, "sys", SimpleNamespace(platform=system))
    expected = tmp_path / "config" / "hatch-aleph" if system == "linux" else own
    assert preferences.preferences_folder() == expected


def test_a_running_node_is_asked_by_its_port_alone(on_windows, monkeypatch, tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        file = tmp_path / str(server.getsockname()[1])
        file.write_text(str(os.getpid()))
        assert local_nodes._runs(file)
        killed = []
        monkeypatch.setattr(os, "kill", lambda *what: killed.append(what))
        assert local_nodes._runs(file)
        assert killed == [(os.getpid(), 0)]
        on_windows(local_nodes)  # whose `kill` would end the node
        assert local_nodes._runs(file)
    assert not local_nodes._runs(file)


def test_a_key_file_s_mode_says_something_on_posix_alone(on_windows, tmp_path):
    file = tmp_path / "account.key"
    file.write_text("11" * 32)
    file.chmod(0o644)
    if os.name == "posix":
        assert "chmod 600" in str(keys.read_key(file, "--private-key-file", "ETH").warning)
    on_windows(keys)
    assert keys.read_key(file, "--private-key-file", "ETH").warning == ""


def test_hatch_run_starts_commands_as_its_shell_does(on_windows):
    expected = "exec hatch-aleph" if os.name == "posix" else "hatch-aleph"
    assert collector.environment()["scripts"]["deploy"] == f"{expected} deploy {{args}}"
    on_windows(collector)
    assert collector.environment()["scripts"]["deploy"] == "hatch-aleph deploy {args}"


def test_owners_and_processes_are_not_asked_for_on_windows(on_windows, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    scratch = tmp_path / f"{files._SCRATCH}999999999-x"
    scratch.mkdir()
    if os.name == "posix":
        assert files.others_can_write(shared)
        assert not files._is_in_use(scratch)
    on_windows(files)
    assert not files.others_can_write(shared)
    assert files.is_own(shared)
    assert not files.is_own(tmp_path.joinpath("file").write_text("") or tmp_path / "file")
    assert files._is_in_use(scratch)


def test_what_was_typed_before_a_question_is_dropped(monkeypatch):
    typed = ["y", "\r"]
    fake = SimpleNamespace(kbhit=lambda: bool(typed), getwch=lambda: typed.pop(0))
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setitem(sys.modules, "termios", None)  # as where there is none
    questions._forget_typed()
    assert typed == []


def test_commands_of_distributions_lie_where_uv_puts_them():
    code = Path(distribution.__file__).read_text("utf-8")
    (line,) = [line for line in code.splitlines() if line.startswith("_SCRIPT_FOLDER")]
    for name, folder in (("nt", "Scripts"), ("posix", "bin")):
        scope = {"os": SimpleNamespace(name=name)}
        exec(line, scope)  # noqa: S102 - the module's own line: it is decided once, when it is imported
        assert scope["_SCRIPT_FOLDER"] == folder


def test_programs_do_not_run_on_windows_itself(monkeypatch, tmp_path):
    isolation = SimpleNamespace(sandbox=None)
    told = []
    monkeypatch.setattr(places, "sys", SimpleNamespace(platform="win32"))
    with pytest.raises(GuestError, match="Programs do not run on Windows itself") as caught:
        places.place_here("3.11", cache=tmp_path, volumes=tmp_path, isolation=isolation)
    assert "Subsystem for Linux" in str(caught.value)
    monkeypatch.setattr(places, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(places, "is_runtimes_platform", lambda: False)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = places.place_here(
        version, cache=tmp_path, volumes=tmp_path, isolation=isolation, python=Path(sys.executable), notice=told.append
    )
    assert found.foreign
    assert [line.partition(":")[0] for line in told] == ["No namespaces here", "This is not the runtime's platform"]
    assert "installed for darwin on" in told[1]


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_namespaces_are_not_tried_elsewhere(system, monkeypatch):
    monkeypatch.setattr(places, "sys", SimpleNamespace(platform=system))
    monkeypatch.setattr(places, "_works", lambda **_options: pytest.fail("tried"))
    assert places.probe.__wrapped__() == places.NO_ISOLATION
    assert not places.is_runtimes_platform()


def test_wheels_of_another_system_have_a_folder_of_their_own(monkeypatch, tmp_path):
    folders = set()
    monkeypatch.setattr(
        foreign_platform.cached_folders, "install_once", lambda _python, folder, *_, **_more: folders.add(folder)
    )
    spec = ProgramSpec("ab" * 32, "main:app", tmp_path, pins=("idna==3.10",), packages_inputs="x")
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(foreign_platform, "sys", SimpleNamespace(platform=system))
        foreign_platform.with_packages_of_here(spec, Path(sys.executable), tmp_path)
    assert len(folders) == 3


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_server_that_listens_is_seen_with_and_without_the_kernel_s_tables(system, monkeypatch):
    if system == "linux" and not sys.platform.startswith("linux"):
        pytest.skip("the kernel's tables are Linux's")
    monkeypatch.setattr(proxy, "sys", SimpleNamespace(platform=system))

    async def wait():
        connected = asyncio.Event()
        server = await asyncio.start_server(lambda _reader, writer: (connected.set(), writer.close()), "127.0.0.1", 0)
        async with server:
            await proxy.Upstream(server.sockets[0].getsockname()[1]).wait_until_listening()
            if system == "darwin":
                await asyncio.wait_for(connected.wait(), 30)
            return connected.is_set()

    assert asyncio.run(wait()) is (system == "darwin")  # a connection without a request only where nothing else tells


def test_what_starts_machines_is_imported_without_termios(monkeypatch):
    monkeypatch.setitem(sys.modules, "termios", None)
    spec = importlib.util.spec_from_file_location("hatch_aleph.local.host.launch_on_windows", launch.__file__)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    with pytest.raises(ImportError):
        module._terminal()


def test_the_guest_starts_where_there_are_no_ioctls(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    loopback.raise_loopback()


def test_packs_are_read_ahead_on_linux_alone(monkeypatch):
    """Elsewhere no call tells the kernel what will be needed."""
    monkeypatch.setattr(read_ahead, "os", SimpleNamespace(sched_getaffinity=lambda _: {0, 1}))
    for system, begun in (("linux", 1), ("darwin", 0)):
        monkeypatch.setattr(read_ahead, "sys", SimpleNamespace(platform=system))
        with read_ahead.packs_ahead():
            assert len(begun_packs) == begun


def test_interpreters_have_windows_names(on_windows, monkeypatch, tmp_path):
    version = tmp_path / "pyenv" / "versions" / "3.11.9"
    (version / "bin").mkdir(parents=True)
    for name in ("python.exe", "bin/python3.11"):
        (version / name).touch()
    environ = {"PYENV_ROOT": str(tmp_path / "pyenv"), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv")}
    found = list(interpreters._candidates("3.11", environ))
    assert found == [version / "bin" / "python3.11"]
    on_windows(interpreters)
    monkeypatch.setattr(interpreters, "_ask_uv", lambda minor: tmp_path / f"registered-{minor}")
    assert list(interpreters._candidates("3.11", environ)) == [version / "python.exe", tmp_path / "registered-3.11"]


def test_modes_and_links_of_a_tree_on_windows(on_windows, tmp_path):
    script, plain = tmp_path / "script", tmp_path / "plain"
    script.write_text("#!/bin/sh\n")
    plain.write_text("text")
    on_windows(walking)
    assert walking._file_mode(str(script), 0o666) == walking.EXECUTABLE_MODE
    assert walking._file_mode(str(plain), 0o777) == walking.FILE_MODE
    (tmp_path / "link").symlink_to("\\\\?\\folder\\file")
    assert walking._link_target(str(tmp_path / "link")) == "folder/file"


def test_images_are_the_same_where_the_system_reads_otherwise(on_windows, monkeypatch, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "large").write_bytes(b"0123456789" * 30_000)
    expected = write_image(scan(tmp_path / "tree"), tmp_path / "image").sha256
    on_windows(blocks, pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert pool.processors() == 3
    assert write_image(scan(tmp_path / "tree"), tmp_path / "image").sha256 == expected


def test_names_that_windows_cannot_have_are_refused(on_windows):
    assert unpacking._native("a:b") == "a:b"
    on_windows(unpacking)
    assert unpacking._native("é/b") == "é/b"
    with pytest.raises(SquashfsError, match="name that Windows cannot have"):
        unpacking._native("a:b")
