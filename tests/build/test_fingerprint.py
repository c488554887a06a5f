"""A build that would change nothing is not done; a change of anything that matters makes it done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph import interpreters, runtimes
from hatch_aleph.artifact import Artifact
from hatch_aleph.build import build_artifact
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.fingerprint import fingerprint_of
from hatch_aleph.hookspecs import hookimpl
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.project import load_project
from hatch_aleph.runtimes import Runtime
from hatch_aleph.squashfs import Entry, list_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_mock import MockerFixture

    from tests.build.conftest import Index


def build(root: Path) -> tuple[str, int]:
    """Build, and return the code image's hash and when the manifest was written."""
    artifact = build_artifact(load_project(root), root / "dist")
    image = artifact.manifest.image("code")
    assert image is not None
    return image.sha256, artifact.path.stat().st_mtime_ns


@pytest.fixture
def root(index: Index, make_project: Callable[..., Path]) -> Path:
    return make_project({"data.txt": "one"})


def test_nothing_is_written_again(root: Path) -> None:
    first = build(root)
    assert build(root) == first


def test_a_file_a_lost_image_another_configuration(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root)
    (root / "main.py").write_text("async def app(scope, receive, send): pass\n")
    second = build(root)
    assert second[0] != first[0]
    (root / "dist/my_api-1.0-code.squashfs").unlink()
    third = build(root)
    assert third[0] == second[0]
    assert third[1] > second[1]
    monkeypatch.setenv("UV_INDEX_STRATEGY", "first-index")
    assert build(root)[1] > third[1]


def test_a_changed_image_is_made_again(root: Path) -> None:
    first = build(root)
    image = root / "dist/my_api-1.0-code.squashfs"
    image.write_bytes(image.read_bytes() + b"\0")
    assert build(root)[0] == first[0]
    assert len(image.read_bytes()) % 4096 == 0


@pytest.mark.parametrize(("file", "table"), [("pyproject.toml", "tool.hatch.build"), ("hatch.toml", "build")])
def test_build_hooks_may_do_anything_and_are_always_run(root: Path, file: str, table: str) -> None:
    (root / "hook.py").write_text(
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Hook(BuildHookInterface):\n    pass\n"
    )
    with (root / file).open("a") as said:
        said.write(f'[{table}.hooks.custom]\npath = "hook.py"\n')
    first = build(root)
    assert build(root)[1] > first[1]


def test_hatch_toml_says_what_pyproject_may_say(root: Path) -> None:
    """hatchling lays it over ``[tool.hatch]``: for the wheel, for what lies beside it, for what a build depends on."""
    outside = root.parent / "outside.txt"
    outside.write_text("1")
    (root / "hatch.toml").write_text(
        '[build]\nexclude = ["*.log"]\n[build.targets.aleph]\ninclude = ["/data.txt"]\n'
        f'[build.targets.aleph.force-include]\n"../{outside.name}" = "given.txt"\n'
    )
    artifact = build_artifact(load_project(root), root / "dist")
    code = artifact.manifest.image("code")
    assert code
    assert {"main.py", "data.txt", "given.txt"} <= {each.path for each in list_image(artifact.file(code))}
    outside.write_text("2")
    assert build(root)[0] != code.sha256


def test_warnings_and_notices_come_again(index: Index, root: Path) -> None:
    (root / "main.py").write_text('@app.websocket("/")\nasync def app(): ...\n')
    index.add("alpha")
    (root / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "test"\npackages = []\n')
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1.0"', 'version = "1.0"\ndependencies = ["alpha"]'))
    told: list[list[str]] = [[], []]
    made = [build_artifact(load_project(root), root / "dist", notice=each.append) for each in told]
    assert made[0].path.stat().st_mtime_ns == made[1].path.stat().st_mtime_ns
    assert "stale" in told[0][0] or "out of date" in told[0][0]
    assert told[0] == told[1]
    assert "websocket" in "".join(made[1].manifest.warnings)


def test_files_change_their_places_together(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is cut off at its end leaves the artifact that was there."""
    build(root)
    before = {file.name: file.read_bytes() for file in (root / "dist").iterdir()}
    (root / "main.py").write_text("async def app(scope, receive, send): pass\n")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hatch_aleph.build.manifest.write_manifest", cut)
        with pytest.raises(KeyboardInterrupt):
            build(root)
    assert {file.name: file.read_bytes() for file in (root / "dist").iterdir()} == before
    build(root)
    assert {file.name: file.read_bytes() for file in (root / "dist").iterdir()} != before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_files_change_their_places_comes_behind_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Of the new artifact all is there: an image without its manifest is none."""
    build(root)
    (root / "main.py").write_text("async def app(scope, receive, send): pass\n")
    usual = signal.signal(number, signal.default_int_handler)  # as the command line has it for both

    def interrupted(self: Path, target: Path, replace: Any = Path.replace) -> Path:
        moved: Path = replace(self, target)
        if moved.parent == root / "dist" and moved.suffix == ".squashfs":
            signal.raise_signal(number)
        return moved

    try:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", interrupted)
            with pytest.raises(KeyboardInterrupt):
                build(root)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, usual)
    Artifact.find(root / "dist").verify()
    assert all(not each.name.startswith(".") for each in (root / "dist").iterdir())


def test_what_an_earlier_build_left_goes(index: Index, root: Path) -> None:
    index.add("alpha")
    file = root / "pyproject.toml"
    text = file.read_text()
    file.write_text(text.replace('version = "1.0"', 'version = "1.0"\ndependencies = ["alpha"]'))
    build(root)
    assert (root / "dist/my_api-1.0-packages.squashfs").is_file()
    file.write_text(text)
    build(root)
    assert sorted(each.name for each in (root / "dist").iterdir()) == [
        "my_api-1.0-code.squashfs",
        "my_api-1.0.aleph.json",
    ]


def test_many_builds_at_once(root: Path) -> None:
    """Each ends well, and what stays is one whole artifact."""
    script = (
        "import sys; from pathlib import Path; from hatch_aleph.build import build_artifact; "
        "from hatch_aleph.project import load_project; "
        "build_artifact(load_project(Path(sys.argv[1])), Path(sys.argv[1]) / 'dist')"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(root)]) for _ in range(10)]
    assert [each.wait() for each in running] == [0] * 10
    Artifact.find(root / "dist").verify()
    assert all(not each.name.startswith(".") for each in (root / "dist").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders there")
def test_what_a_killed_build_left_goes_with_the_next_one(root: Path) -> None:
    """At once, and what a build that runs beside it writes stays."""
    script = (
        "import sys, time; from pathlib import Path; from hatch_aleph.build.staging import Staging\n"
        "with Staging(Path(sys.argv[1])) as staging:\n"
        "    (staging.folder / 'image').write_bytes(b'half'); print(staging.folder.name, flush=True); time.sleep(600)"
    )
    killed, running = (
        subprocess.Popen([sys.executable, "-c", script, str(root / "dist")], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    try:
        names = [(each.stdout.readline() if each.stdout else "").strip() for each in (killed, running)]
        killed.kill()
        killed.wait()
        build(root)
        assert [each.name for each in (root / "dist").iterdir() if each.name.startswith(".")] == [names[1]]
        assert (root / "dist" / names[1] / "image").read_bytes() == b"half"
    finally:
        for each in (killed, running):
            each.kill()
            each.wait()
            if each.stdout:
                each.stdout.close()


class Plugin:
    """Adds a file and a runtime, as plugins of others do."""

    text = b"one"
    glibc = (2, 36)

    @hookimpl
    def aleph_extra_files(self, project: object, settings: object) -> list[Entry]:
        return [Entry("build-info.txt", "file", 0o644, self.text)]

    @hookimpl
    def aleph_runtimes(self) -> list[Runtime]:
        return [Runtime("own", "ab" * 32, runtimes.DEFAULT.python, self.glibc)]


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    made = Plugin()
    PLUGINS.manager.register(made)
    yield made
    PLUGINS.manager.unregister(made)
    runtimes.KNOWN.pop("own", None)


def test_what_a_plugin_gives_is_new_at_each_build(root: Path, plugin: Plugin) -> None:
    first = build(root)
    assert build(root) == first
    plugin.text = b"two"
    assert build(root)[0] != first[0]


TREE = {
    "pyproject.toml": """
        [project]
        name = "my-api"
        version = "1.0"
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [tool.aleph]
        entrypoint = "my_api:app"
        [tool.aleph.profiles.staging]
        memory = 256
        [tool.hatch.build.targets.wheel.force-include]
        "../outside/data" = "my_api/data"
        [tool.hatch.build.targets.wheel]
        packages = ["my_api"]
        [tool.hatch.metadata]
        other = "{env:SEEN_BY_HATCH:none}"
    """,
    "my_api/__init__.py": "app = None",
    "my_api/static/app.js": "1",
    "../outside/data/one.txt": "1",
    "../outside/linked/two.txt": "2",
    "../.gitignore": "*.log",
    "requirements.txt": "-r ../outside/base.txt",
    "../outside/base.txt": "-c more/constraints.txt",
    "../outside/more/constraints.txt": "alpha<2",
    ".git/HEAD": "ref: refs/heads/main",
    ".git/refs/heads/main": "0" * 40,
}
SETUPTOOLS = (
    TREE["pyproject.toml"].replace('"hatchling"', '"setuptools"').replace("hatchling.build", "setuptools.build_meta")
)


def rewritten(file: Path, text: str) -> None:
    """Change a file's content but neither its size nor its time."""
    status = file.stat()
    assert len(text) == status.st_size
    file.write_text(text)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


def edited(root: Path, old: str, new: str) -> None:
    file = root / "pyproject.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


INPUTS = {
    "content": lambda r: (r / "my_api/__init__.py").write_text("app = 1"),
    "content of the same size and time": lambda r: rewritten(r / "my_api/static/app.js", "2"),
    "a new file": lambda r: (r / "my_api/new.py").touch(),
    "a new empty file far down": lambda r: (r / "my_api/static/empty").touch(),
    "a removed file": lambda r: (r / "my_api/static/app.js").unlink(),
    "a renamed file": lambda r: (r / "my_api/static/app.js").rename(r / "my_api/static/b.js"),
    "a mode": lambda r: (r / "my_api/static/app.js").chmod(0o755),
    "the target of a link": lambda r: replaced(r / "my_api/link.txt", "__init__.py"),
    "the file behind a link": lambda r: (r.parent / "outside/linked/two.txt").write_text("3"),
    "the folder behind a link": lambda r: (r.parent / "outside/linked/three.txt").touch(),
    "a dead link": lambda r: (r / "my_api/dead").symlink_to("nowhere"),
    "a folder from outside": lambda r: (r.parent / "outside/data/one.txt").write_text("2"),
    "a new file in a folder from outside": lambda r: (r.parent / "outside/data/new.txt").touch(),
    "a folder with a package's name": lambda r: (r / "my_api/build").mkdir() or (r / "my_api/build/x.py").touch(),
    "what git ignores": lambda r: (r / ".gitignore").write_text("*.js"),
    "what git ignores above": lambda r: (r.parent / ".gitignore").write_text("*.js"),
    "what Mercurial ignores above": lambda r: (r.parent / ".hgignore").write_text("syntax: glob\n*.js"),
    "hatch.toml": lambda r: (r / "hatch.toml").write_text('[build]\nexclude = ["*.js"]\n'),
    "hatch.toml above": lambda r: (r.parent / "hatch.toml").write_text('[build]\nexclude = ["*.js"]\n'),
    "a lock": lambda r: (r / "pylock.toml").write_text('lock-version = "1.0"'),
    "what requirements include from outside": lambda r: (r.parent / "outside/base.txt").write_text("alpha"),
    "constraints of what they include": lambda r: (r.parent / "outside/more/constraints.txt").write_text("alpha<3"),
    "a workspace": lambda r: (r.parent / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['*']"),
    "a workspace's lock": lambda r: (r.parent / "uv.lock").write_text("version = 1"),
    "a setting": lambda r: edited(r, "[tool.aleph]", "[tool.aleph]\ntimeout-seconds = 7"),
    "a setting of the profile": lambda r: edited(r, "memory = 256", "memory = 512"),
    "the version": lambda r: edited(r, 'version = "1.0"', 'version = "1.1"'),
    "a configuration of uv": lambda r: (r / "uv.toml").write_text("no-cache = true"),
    "the user's configuration of uv": lambda r: (
        (r.parent / "config/uv").mkdir(parents=True),
        (r.parent / "config/uv/uv.toml").write_text("no-cache = true"),
    ),
    "a variable of uv": lambda _: os.environ.update(UV_INDEX_STRATEGY="first-index"),
    "a variable that is named": lambda _: os.environ.update(SEEN_BY_HATCH="1"),
    "the time of archives": lambda _: os.environ.update(SOURCE_DATE_EPOCH="1"),
}
NO_INPUTS = {
    "nothing": lambda _: None,
    "reading": lambda r: (r / "my_api/__init__.py").read_text(),
    "git": lambda r: (r / ".git/index").write_text("x"),
    "an environment": lambda r: (
        (r / "env").mkdir(),
        (r / "env/pyvenv.cfg").touch(),
        (r / "env/lib.py").touch(),
    ),
    "caches of tools": lambda r: [
        (r / each).mkdir() for each in (".mypy_cache", "__pycache__", "node_modules", ".aleph")
    ],
    "what builds leave": lambda r: ((r / "dist").mkdir(), (r / "dist/my_api-1.0-py3-none-any.whl").touch()),
    "another variable": lambda _: os.environ.update(SOMETHING_ELSE="1"),
    "a sibling": lambda r: (r.parent / "other.txt").touch(),
}


@pytest.fixture
def tree(index: Index, make_project: Callable[..., Path], plugin: Plugin, mocker: MockerFixture) -> Path:
    mocker.patch.dict(os.environ)
    made = make_project(TREE, name="work/project")
    (made / "main.py").unlink()
    (made / "my_api/link.txt").symlink_to("../../outside/linked/two.txt")
    (made / "my_api/linked").symlink_to("../../outside/linked")
    os.environ["XDG_CONFIG_HOME"] = str(made.parent / "config")
    return made


def taken(root: Path, *, out: str = "dist", profile: str | None = "staging", **options: bool) -> str | None:
    """Return the fingerprint of a build, as a command that starts now would take it."""
    return fingerprint_of(BuildContext(load_project(root), root / out, profile, **options))


@pytest.mark.parametrize("change", INPUTS.values(), ids=INPUTS)
def test_every_input_is_seen(tree: Path, change: Callable[[Path], object]) -> None:
    before = taken(tree)
    assert before
    change(tree)
    assert taken(tree) != before


@pytest.mark.parametrize("change", NO_INPUTS.values(), ids=NO_INPUTS)
def test_what_is_no_input_changes_nothing(tree: Path, change: Callable[[Path], object]) -> None:
    before = taken(tree)
    assert before
    change(tree)
    assert taken(tree) == before


def test_what_a_command_says_is_an_input(tree: Path) -> None:
    found = [taken(tree), taken(tree, profile=None), taken(tree, offline=True), taken(tree, locked=True)]
    assert len(set(found)) == len(found)


def test_plugins_and_tool_are_inputs(tree: Path, plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(tree, "[tool.aleph]", '[tool.aleph]\nruntime = "own"')
    found = [taken(tree)]
    plugin.text = b"two"
    found.append(taken(tree))
    plugin.glibc = (2, 31)
    found.append(taken(tree))
    monkeypatch.setattr("hatch_aleph.build.fingerprint.__version__", "99")
    found.append(taken(tree))
    assert len(set(found)) == len(found)


def test_what_was_read_of_the_runtime_is_an_input_and_of_others_is_none(tree: Path) -> None:
    os.environ["ALEPH_STATE_FOLDER"] = str(tree.parent / "state")
    own, other = "ef" * 32, "cd" * 32
    edited(tree, "[tool.aleph]", f'[tool.aleph]\nruntime = "{own}"')
    facts = {"python": "3.11.2", "machine": "x86_64", "distribution": "Debian GNU/Linux 12", "preloaded": {}}
    before = taken(tree)
    runtimes.remember(other, {**facts, "glibc": "2.31"})
    assert taken(tree) == before
    runtimes.remember(own, {**facts, "glibc": "2.31"})
    assert taken(tree) != before


def test_another_interpreter_is_an_input(root: Path, mocker: MockerFixture) -> None:
    first = build(root)
    known = interpreters.find(runtimes.DEFAULT.python)
    assert known
    newer = interpreters.Interpreter(known.path, f"{known.version}9")
    mocker.patch("hatch_aleph.interpreters.find", return_value=newer)
    second = build(root)
    assert second[1] > first[1]
    assert build(root) == second


def test_other_backends_may_read_any_variable_and_the_revision(tree: Path) -> None:
    (tree / "pyproject.toml").write_text(textwrap.dedent(SETUPTOOLS))
    found = [taken(tree)]
    os.environ["SOMETHING_ELSE"] = "1"
    found.append(taken(tree))
    (tree / ".git/refs/heads/main").write_text("1" * 40)
    found.append(taken(tree))
    assert len(set(found)) == len(found)
    os.environ["OLDPWD"] = "elsewhere"
    assert taken(tree) == found[-1]
