"""Make docs/recognised.md: what `init` finds in published projects at pinned commits, and which of them then run.

    python tools/recognised.py [--mirror FOLDER] [--only NAME]

In `nox -s recognised`. Each project is fetched with git from GitHub, or from FOLDER/OWNER+NAME/repo, a git directory;
`init --try` runs in its tree, and once more after the edit that is written here, where there is one. The run fails when
what is found is not what the project's own start command names. With --only the page stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_REFUSED = 400
_LONGEST = 130
PAGE = Path(__file__).parents[1] / "docs" / "recognised.md"
HEAD = """\
# Published projects that init recognises

`hatch-aleph init` reads source and runs none of it. This is what it finds in projects as they are published, at
the commit named. What is right is what each project's own Procfile, Dockerfile or documentation starts.
`nox -s recognised` fetches them, makes this page, and fails when it finds something else.

*Runs* is what `hatch-aleph init --yes --try` then comes to, from the clone to an answer below 400 on the network of
this machine: by itself, after the edit of pyproject.toml that is shown, or not, with the message that it ends with.

| project | commit | kind | `init` finds | dependencies from | runs |
|---|---|---|---|---|---|
"""
TAIL = """
A script that serves by itself is an executable, found by the call that listens, however its object was made: Tornado,
aiohttp, asyncio, sockets, `http.server`, gevent, granian, hypercorn, uvicorn, twisted and others
([the table](https://github.com/aleph-im/hatch-aleph/blob/main/hatch_aleph/scaffold/servers.py)). It becomes
`python3 FILE`, `python3 -m MODULE` where its imports are relative or its package's `__main__` starts it, or the script
that the project installs. An application that such a server is given comes first, if it is found. A program is asked on
the port that `PORT` names: where the source reads another variable, an option or an argument, the entry point is
written with it (`python3 FILE --port=$PORT`, `env API_PORT=$PORT python3 FILE`); where it has a number, or does not
show it, `init` says the line and what to write.

What the project says itself comes before what is found: the application or the script that the web process of a
Procfile, or a Dockerfile's `CMD`, starts.

A project may need more than its tables to run as a program: a database elsewhere, a secret that is handed over
([secrets and databases](guides/secrets.md)), a front end that is built first.
"""


@dataclass(frozen=True)
class Project:
    """A published project.

    Attributes:
        name: On GitHub.
        commit: The one that is read.
        kind: What it is made with.
        entrypoint: What its own start command names.
        aleph: Lines for ``[tool.aleph]`` with which it runs.
        uv: Lines for ``[tool.uv]`` with which it runs.
    """

    name: str
    commit: str
    kind: str
    entrypoint: str
    aleph: tuple[str, ...] = ()
    uv: tuple[str, ...] = ()


PROJECTS = [
    Project(
        "encode/starlette-example",
        "4c220b3be4aca49dfc2b507dfde26f0bad2349b4",
        "Starlette",
        "app:app",
        uv=('exclude-newer = "2023-06-30T00:00:00Z"',),
    ),
    Project("render-examples/fastapi", "f829276c68503f7afae195c3e3f778f085242cb0", "FastAPI", "main:app"),
    Project(
        "Azure-Samples/msdocs-python-fastapi-webapp-quickstart",
        "2ecc964d2202b28231c37122dc3a6b5b59b91825",
        "FastAPI",
        "main:app",
        uv=('exclude-newer = "2025-04-30T00:00:00Z"',),
    ),
    Project(
        "Azure-Samples/msdocs-python-flask-webapp-quickstart",
        "5bfb67bffda1a5083e33fec45861de6b55f74e57",
        "Flask",
        "app:app",
    ),
    Project("render-examples/flask-hello-world", "facfc73c44b35d00bb1f72e8986f0ea47cab0755", "Flask", "app:app"),
    Project(
        "mdn/django-locallibrary-tutorial",
        "3dbedbed216386e068723f5d3fefeae63bcfe16d",
        "Django",
        "locallibrary.wsgi:application",
    ),
    Project(
        "fastapi/full-stack-fastapi-template", "68adb40d37425f6f8668ec7e5a054500d045e43e", "FastAPI", "app.main:app"
    ),
    Project(
        "nsidnev/fastapi-realworld-example-app",
        "029eb7781c60d5f563ee8990a0cbfb79b244538c",
        "FastAPI, Poetry",
        "app.main:app",
    ),
    Project(
        "litestar-org/litestar-fullstack",
        "8b637ce4232a407142ae94ec95d7eb268f8fd765",
        "Litestar",
        "app.server.asgi:create_app()",
    ),
    Project("pgjones/tozo", "9cc3a6e2a6aeab7f882df1f1204577c323ba64b4", "Quart", "backend.run:app"),
    Project(
        "postmanlabs/httpbin",
        "f8ec666b4d1b654e4ff6aedd356f510dcac09f83",
        "Flask",
        "httpbin:app",
    ),
    Project(
        "gothinkster/flask-realworld-example-app", "4b95fb2227dfeb5dd1a45d89b2bf48630b93fd28", "Flask", "autoapp:app"
    ),
    Project(
        "miguelgrinberg/microblog",
        "a975ef64864354867c88e0ed3a17ba7d17dca752",
        "Flask",
        "microblog:app",
        aleph=('allow-source = ["flask-mail", "langdetect"]', 'variables = { LOG_TO_STDOUT = "1" }'),
    ),
    Project(
        "heroku/python-getting-started",
        "f7c8d9929a782e90bc0bb9320f2cb43a3d62958d",
        "Django",
        "gettingstarted.wsgi:application",
    ),
    Project("healthchecks/healthchecks", "29b5ec251059034b79e0120e2ff0c3e35d7bd9f8", "Django", "hc.wsgi:application"),
    Project(
        "wagtail/bakerydemo",
        "8e2b625755d8942412d5b7627b146a795933b8b2",
        "Django, Wagtail",
        "bakerydemo.wsgi:application",
    ),
    Project(
        "render-examples/express-hello-world", "59bb07278c918ac8798e2532b4251f7c34e365f5", "Node.js", "node app.js"
    ),
]


def main() -> int:
    """Run `init` in each project and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--only", metavar="NAME", help="try this project alone")
    arguments = parser.parse_args()
    mirror = arguments.mirror
    rows, wrong = [], []
    for project in PROJECTS:
        if arguments.only not in (None, project.name):
            continue
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name).resolve() / project.name.partition("/")[2]
            _fetch(project, tree, mirror)
            found = _init(tree)
            runs = _runs(tree / found["folder"], project)
        print(project.name, found, runs, flush=True)
        if found["entrypoint"] != project.entrypoint:
            wrong.append(f"{project.name}: {found['entrypoint']} in place of {project.entrypoint}")
        link = f"[{project.name}](https://github.com/{project.name})"
        where = f"{found['folder']}/: " if found["folder"] != "." else ""
        rows.append(
            f"| {link} | {project.commit[:10]} | {project.kind} | {where}`{found['entrypoint']}` | {found['source']} "
            f"| {runs} |"
        )
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if arguments.only:
        return 0
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + TAIL, "utf-8")
    return 0


def _fetch(project: Project, tree: Path, mirror: Path | None) -> None:
    """Write the tree of the project's commit."""
    source = f"https://github.com/{project.name}.git"
    if mirror is not None:
        source = (mirror / project.name.replace("/", "+") / "repo").resolve().as_uri()
    tree.mkdir()
    for command in (
        ("init", "--quiet"),
        ("fetch", "--quiet", "--depth", "1", source, project.commit),
        ("-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"),
    ):
        subprocess.run(["git", "-C", str(tree), *command], check=True)


def _runs(folder: Path, project: Project) -> str:
    """Return whether the program comes to run: by itself, with the project's edit, or why not."""
    said = _try(folder)
    if not said:
        return "yes"
    if not (project.aleph or project.uv):
        return f"no: {said}"
    file = folder / "pyproject.toml"
    text = file.read_text("utf-8")
    entrypoint = next(line for line in text.splitlines() if line.startswith("entrypoint = "))
    text = text.replace(entrypoint, "\n".join((entrypoint, *project.aleph)), 1)
    if project.uv:
        text += "\n[tool.uv]\n" + "".join(f"{line}\n" for line in project.uv)
    file.write_text(text, "utf-8")
    tables = [("tool.aleph", project.aleph), ("tool.uv", project.uv)]
    edit = " ".join(f"`[{table}] {line}`" for table, lines in tables for line in lines)
    again = _try(folder)
    return f"no: {said}; with {edit} no: {again}" if again else f"with {edit}"


def _try(folder: Path) -> str:
    """Take a project from its source to an answer on a network of this machine; return "" or why it does not come."""
    done = subprocess.run(
        [sys.executable, "-m", "hatch_aleph", "init", str(folder), "--yes", "--try"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    status = re.search(r"is live(?: as release \d+)? and answers (\d+)", done.stdout + done.stderr)
    if done.returncode == 0:
        return "" if status and int(status[1]) < _REFUSED else f"answers {status[1] if status else 'nothing'}"
    message = done.stderr.partition("Error: ")[2].partition("\nSee https://")[0].replace(str(folder), ".")
    newest = re.findall(r"^  (\S+) ([\w.]+), at ", message, re.MULTILINE)
    if newest:  # uv's reasoning is long
        versions = ", ".join(f"{name} (the newest for it: {version})" for name, version in newest)
        return f"asks for what Python 3.11 cannot have of {versions}"
    message = re.sub(r"\\x1b\[[\d;]*m", "", message)  # Node.js colours what it says of a failure
    text = " ".join(message.removeprefix(".: ").split())
    return (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…").replace("|", "\\|").replace("`", "'")


def _init(tree: Path) -> dict[str, str]:
    """Return what `init` says that it found, and where the dependencies of the project then come from."""
    done = subprocess.run(
        [sys.executable, "-m", "hatch_aleph", "init", str(tree), "--yes", "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    event = json.loads(done.stdout.splitlines()[-1])
    if event["event"] != "result":
        return {"entrypoint": f"{event['message']} ({event['where']})", "folder": ".", "source": ""}
    folder = Path(event["written"][0]).parent
    taken = [line.rpartition("dependencies from ")[2] for line in event["done"] if "dependencies from " in line]
    text = (folder / "pyproject.toml").read_text("utf-8")
    elsewhere = "setup.py" if "[project]" not in text else "`[project]`"
    elsewhere = "package.json" if event["entrypoint"].startswith("node ") else elsewhere
    source = taken[0] if taken else "`[tool.poetry]`" if "[tool.poetry" in text else elsewhere
    return {"entrypoint": event["entrypoint"], "folder": str(folder.relative_to(tree)), "source": source}


if __name__ == "__main__":
    sys.exit(main())
