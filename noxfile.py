"""Sessions: `nox -s demo` runs the main job, `nox -s tests` the tests; the others serve development and CI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False

# Sessions start tools again and again: each is compiled once, whatever this machine prefers.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
WHOLE = "3.12"  # runs every test
DOCUMENTATION = ["tests/documentation", "tests/seams", "tests/whole/test_examples.py"]  # `tests` runs them too
MOST_UNSTABLE = 3  # tests of a run that are tried again, alone


def _offer_pyenv_interpreters() -> None:
    """Put pyenv's interpreters on PATH: its shims answer only for the versions that are switched on."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return
    root = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True).stdout.strip()
    folders = sorted((Path(root) / "versions").glob("3.*/bin"), reverse=True)
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *map(str, folders)])
    for folder in folders:
        name = ".".join(folder.parent.name.split(".")[:2])
        if name in PYTHONS and not _works(f"python{name}"):
            os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def _works(python: str) -> bool:
    return (
        shutil.which(python) is not None
        and not subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode
    )


_offer_pyenv_interpreters()


@nox.session
def demo(session: nox.Session) -> None:
    """Build the sample project, deploy it to a network on this machine, and ask it over HTTP."""
    session.install("-e", ".[deploy]", "hatch")
    session.run("python", "sample_project/demo.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on each Python; the longest, in which it hardly matters, on one of them."""
    session.install("-e", ".[deploy]", "--group", "test")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    memory = Path(session.virtualenv.location) / "pytest"
    options = ["-o", f"cache_dir={memory}", *([] if session.python == WHOLE else ["--brief"])]
    try:
        session.run(
            "pytest", "-n", str((os.cpu_count() or 1) + 2), "--dist", "loadfile", "--no-loadscope-reorder", *options
        )
    except CommandFailed:
        # Four tests at a time on two cores: what fails beside the others runs once more alone, and is told either way.
        # Many failures are no chance: then that is the result.
        record = memory / "v/cache/lastfailed"
        failed = json.loads(record.read_text("utf-8")) if record.exists() else {}
        if not 0 < len(failed) <= MOST_UNSTABLE:
            raise
        session.run("pytest", "--last-failed", "--last-failed-no-failures", "none", *options)
        session.warn("Unstable, mend them: failed beside the others, passed alone: " + ", ".join(sorted(failed)))


@nox.session
def crash(session: nox.Session) -> None:
    """Cut commands at each request, question and journal write; take the node away; let others in; 40 minutes."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run(
        "pytest",
        "tests/deploy/test_crash_matrix.py",
        "tests/deploy/test_overlap.py",
        "tests/programs/test_cuts.py",
        "tests/programs/test_faults.py",
        "tests/programs/test_overlap.py",
        "tests/cli/test_interrupts.py",
        "tests/cli/test_restarting_node.py",
        "-m",
        "slow",
        "-n",
        "3",
        *session.posargs,
    )


@nox.session
def backends(session: nox.Session) -> None:
    """Compare the code image with `uv build --wheel`, 18 backends in nine layouts; needs a C compiler, Cargo, CMake."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "-m", "slow", "tests/backends", *(session.posargs or ["-n", "2"]))


@nox.session
def large(session: nox.Session) -> None:
    """Deploy large artifacts: how many bytes go up, how much memory it takes; takes about two minutes."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run(
        "pytest",
        "-m",
        "slow",
        "tests/deploy/test_redeploy.py",
        "tests/deploy/test_memory.py",
        "tests/build/test_code_memory.py",
        "tests/test_cid.py",
    )


@nox.session(python="3.12")
def matrix(session: nox.Session) -> None:
    """Run apps of the usual frameworks, installed from the index, in the local host; takes a quarter of an hour."""
    session.install("-e", ".[deploy]", "--group", "test")
    tests = ("tests/guest/test_matrix.py", "tests/guest/test_published.py")
    session.run("pytest", "-m", "slow and index", *tests, *session.posargs)


@nox.session
def stops(session: nox.Session) -> None:
    """Stop a program hard 2,000 times under writes to an ext4 volume; needs root, ten minutes (STOPS=100: less)."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "-rP", "-n", "4", "-m", "slow", "tests/guest/test_volume_flush.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read thousands of generated squashfs images back through every reader; gigabytes and 100,000 names besides."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "tests/squashfs", "-m", "slow", *session.posargs)


@nox.session
def secrets(session: nox.Session) -> None:
    """Tell what the secret scan finds, what it refuses of sixty web projects and how fast it is; fetches 100 MB."""
    session.install("-e", ".[deploy]")
    if "detect-secrets" in session.posargs:
        session.install("bc-detect-secrets")
    session.run("python", "-m", "tests.secrets.measure", *session.posargs)


@nox.session
def weight(session: nox.Session) -> None:
    """Tell what an isolated build environment gets with hatch-aleph, and build in one."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "-s", "tests/plugin/test_weight.py", "tests/test_dependencies.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint and import contracts."""
    session.install("-e", ".[deploy]", "--group", "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("-e", ".[deploy]", "hatch", "--group", "types")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, check its links, and run every command, table and example of it; five minutes."""
    session.install("-e", ".[deploy]", "--group", "docs", "--group", "test")
    _build_site(session)
    session.run("sphinx-build", "-q", "-b", "linkcheck", "docs", "docs/_build/links", success_codes=[0, 1])
    session.run("python", "tools/links.py", "docs/_build/html", "docs/_build/links/output.json")
    session.run("pytest", *DOCUMENTATION, *(session.posargs or ["-n", str(os.cpu_count() or 1)]))


@nox.session
def pages(session: nox.Session) -> None:
    """Build the documentation, every warning an error, and check the links within it: what of `docs` is quick."""
    session.install("-e", ".[deploy]", "--group", "docs")
    _build_site(session)
    session.run("python", "tools/links.py", "docs/_build/html")


def _build_site(session: nox.Session) -> None:
    session.run("sphinx-build", "-W", "-n", "-q", "docs", "docs/_build/html")


@nox.session
def conformity(session: nox.Session) -> None:
    """Examine a node, the embedded one by default: `nox -s conformity -- URL`."""
    session.install("-e", ".[deploy]", "--group", "test")
    url, *others = session.posargs or [""]
    session.run("pytest", "tests/conformity", *([f"--node={url}"] if url else []), *others)


@nox.session
def soak(session: nox.Session) -> None:
    """Load the embedded node for a minute, kill it a hundred times, pass 900 MiB through it."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "-m", "slow", "tests/local/node/test_crash.py", "tests/local/node/test_memory.py")


@nox.session
def hostile(session: nox.Session) -> None:
    """Let schemathesis make requests from the embedded node's own OpenAPI document."""
    session.install("-e", ".[deploy]", "--group", "test", "schemathesis>=4")
    session.run("pytest", "-m", "slow", "tests/local/node/test_openapi.py")


@nox.session
def official_cli(session: nox.Session) -> None:
    """Run the official `aleph` command, in an environment of its own, against the embedded node."""
    session.install("-e", ".[deploy]", "--group", "test")
    folder = Path(session.create_tmp()).resolve() / "aleph-client"
    session.run("uv", "venv", "-q", str(folder), "--python", "3.12", external=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    session.run("uv", "pip", "install", "-q", "--python", str(python), "aleph-client==1.9.3", external=True)
    session.run(
        "pytest",
        "-m",
        "slow",
        "tests/local/node/test_official_cli.py",
        env={"ALEPH_CLI": str(python.with_name("aleph"))},
    )


@nox.session
def aleph_rs(session: nox.Session) -> None:
    """Run aleph-rs against the embedded node, both ways: cargo installs it, or `-- FILE` names an `aleph`."""
    session.install("-e", ".[deploy]", "--group", "test")
    named, *others = session.posargs or [""]
    if not named:
        folder = Path(session.create_tmp()).resolve()
        session.run("cargo", "install", "--locked", "--root", str(folder), "aleph-cli@0.15.0", external=True)
        named = str(folder / "bin" / "aleph")
    env = {"ALEPH_RS": str(Path(named).resolve())}
    session.run("pytest", "-m", "slow", "tests/cli/test_aleph_rs.py", *others, env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure packages images against the ways by hand, `-- --set light --rounds 3` shortens it; then the adapter."""
    session.install("-e", ".")
    session.run("python", "benchmarks/packages.py", *session.posargs)
    session.install("-e", ".[deploy]")
    session.run("python", "benchmarks/adapter.py")


@nox.session
def scale(session: nox.Session) -> None:
    """Measure what an owner of 5,000 programs waits for; `-- 500 50 4` is quicker."""
    session.install("-e", ".[deploy]")
    session.run("python", "benchmarks/scale.py", *session.posargs)


@nox.session
def vendored(session: nox.Session) -> None:
    """Vendor much downloaded distributions with compiled parts and import each."""
    session.install("-e", ".")
    session.run("python", "benchmarks/vendored.py", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Compare the import of packed modules with Python's own on 45 packages; half an hour, downloads 0.6 GB."""
    session.install("-e", ".")
    session.run("python", "benchmarks/packed_modules.py", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build the source distribution and the wheel into dist/, and check both as the package index and users will."""
    session.install("build", "twine", "check-wheel-contents", "towncrier")
    session.run("towncrier", "build", "--draft", "--version", "0", silent=True)  # every fragment is of a known kind
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")
    files = [str(file) for file in sorted((ROOT / "dist").iterdir())]
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    # Whoever packages it for a distribution runs the tests from the source distribution.
    folder = Path(session.create_tmp()).resolve() / "sdist"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(next(file for file in files if file.endswith(".tar.gz")), folder)
    unpacked = next(folder.iterdir())
    session.install(f"{unpacked}[deploy]", "--group", f"{unpacked / 'pyproject.toml'}:test")
    session.chdir(unpacked)
    session.run("pytest", "-q", "tests/settings", "tests/squashfs", "tests/scaffold", *session.posargs)


@nox.session(python="3.10")
def floors(session: nox.Session) -> None:
    """Run the tests with the lowest versions of the dependencies that pyproject.toml allows."""
    # Not `create_tmp`, which moves the tests' own files below this repository, where git ignores them.
    lowest = Path(session.virtualenv.location).resolve() / "lowest.txt"
    compile_ = ("uv", "pip", "compile", "-q", "pyproject.toml", "--extra", "deploy", "--python-version", "3.10")
    session.run(*compile_, "--resolution", "lowest-direct", "-o", str(lowest), external=True)
    # Overrides, for the newest Hatch of the tests asks for newer ones; its own tests are those of hatch_matrix.
    session.install("-e", ".[deploy]", "--group", "test", "--override", str(lowest))
    session.run("pytest", *(session.posargs or ["-n", str(os.cpu_count() or 1), "--dist", "loadfile", "--brief"]))


@nox.session
def audit(session: nox.Session) -> None:
    """Compare images of 200 distributions with what uv installs, file by file; downloads 3 GB."""
    session.install("-e", ".")
    session.run("python", "benchmarks/audit.py", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Make the pictures of the documentation from the real tool."""
    session.install("-e", ".[deploy]", "selenium", "rich")  # which draws a terminal as SVG
    session.run("python", "tools/pictures.py")


@nox.session
def recognised(session: nox.Session) -> None:
    """Look what `init` finds in published projects, fetched by git, and write it into the documentation."""
    session.install("-e", ".[deploy]")
    session.run("python", "tools/recognised.py", *session.posargs)


@nox.session
def hatch_matrix(session: nox.Session) -> None:
    """Build one project with every Hatch, hatchling and front end that docs/guides/hatch.md promises."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("pytest", "-m", "slow", "tests/plugin/test_front_ends.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests with branch coverage, processes that they start included; tell by room what is not covered."""
    session.install("-e", ".[deploy]", "--group", "test")
    session.run("coverage", "erase")
    cores = str((os.cpu_count() or 1) + 2)
    tests = session.posargs or ["-n", cores, "--dist", "loadfile"]
    session.run("coverage", "run", "-m", "pytest", "-q", *tests, success_codes=[0, 1])
    session.run("coverage", "combine", "-q")
    session.run("python", "tools/coverage_by_room.py")


@nox.session(python="3.12")
def mutation(session: nox.Session) -> None:
    """Change deploy, guest and squashfs in small ways and see which changes no test notices; a sample, minutes."""
    session.install("-e", ".[deploy]", "cosmic-ray", "--group", "test")
    session.run("python", "tools/mutation.py", *session.posargs)


@nox.session
def pip_audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of everything that is installed with hatch-aleph."""
    session.install("-e", ".[deploy]")
    installed = session.run("uv", "pip", "freeze", "-q", "--exclude-editable", external=True, silent=True)
    frozen = Path(session.virtualenv.location).resolve() / "frozen.txt"
    frozen.write_text(str(installed), "utf-8")
    session.install("pip-audit")
    # Strict: what the index has no records of is no finding, and no pass either.
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "-r", str(frozen), *session.posargs)


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation and look at every page in Chromium at 1280 and 390 pixels."""
    session.install("-e", ".[deploy]", "--group", "docs", "selenium")
    _build_site(session)
    session.run("python", "tools/look_at_site.py", "docs/_build/html", *session.posargs)
