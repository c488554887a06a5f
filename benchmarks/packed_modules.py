"""Import of packed modules against Python's ordinary import, module by module, on the largest packages of usual stacks.

    python benchmarks/packed_modules.py [--keep DIR] [--only NAME ...]

Each stack is built twice, packed and not; every package is imported in a process of its own, all of its modules one by
one, and what came of it is compared: modules, their attributes and documentation, where their sources lie and read,
what resources and metadata there are, what is found by walking, warnings and errors. Prints the table of docs/guest.md.

Needs a CPython 3.11 and the package index.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatch_aleph import interpreters
from hatch_aleph.build import build_artifact
from hatch_aleph.project import load_project
from hatch_aleph.squashfs import unpack

# Distribution: what it is imported as.
STACKS: dict[str, dict[str, str]] = {
    "web": {
        "aiohttp": "aiohttp", "alembic": "alembic", "babel": "babel", "celery": "celery", "django": "django",
        "djangorestframework": "rest_framework", "fastapi": "fastapi", "flask": "flask", "gevent": "gevent",
        "httpx": "httpx", "jinja2": "jinja2", "litestar": "litestar", "lxml": "lxml", "pillow": "PIL",
        "pydantic": "pydantic", "sqlalchemy": "sqlalchemy", "starlette": "starlette",
        "strawberry-graphql": "strawberry", "tornado": "tornado", "twisted": "twisted", "wagtail": "wagtail",
        "werkzeug": "werkzeug",
    },
    "science": {
        "dash": "dash", "matplotlib": "matplotlib", "networkx": "networkx", "nltk": "nltk", "numpy": "numpy",
        "pandas": "pandas", "plotly": "plotly", "scikit-learn": "sklearn", "scipy": "scipy",
        "statsmodels": "statsmodels", "sympy": "sympy",
    },
    "services": {
        "azure-storage-blob": "azure.storage", "boto3": "boto3", "botocore": "botocore",
        "cryptography": "cryptography", "google-cloud-storage": "google.cloud", "grpcio": "grpc",
        "langchain-core": "langchain_core", "openai": "openai", "opentelemetry-sdk": "opentelemetry",
        "pymongo": "pymongo", "setuptools": "setuptools", "web3": "web3",
    },
}  # fmt: skip
# Runs in the guest's Python: one package, all of its modules; prints what it found, without the image's folder.
LOOK = r"""
import sys
code, root, package, distribution = sys.argv[1:]
sys.path[:0] = [code, root]
import json, os, warnings
os.environ.update(ALEPH_CODE_ROOT=code, ALEPH_PACKAGES_ROOT=root, DJANGO_SETTINGS_MODULE="settings", MPLBACKEND="agg")
from aleph_entry import interpreter_setup
import importlib, importlib.machinery, importlib.metadata, importlib.resources, inspect, linecache, pkgutil
interpreter_setup.order_path(code, root)
interpreter_setup.read_plain_bytecode()
packed = interpreter_setup.install(root)
warnings.simplefilter("always")
told, errors, walked = [], {}, []
def show(message, category, filename, line, *_):
    told.append([str(message), category.__name__, filename, line])
warnings.showwarning = show
def attempt(work):
    try:
        return work()
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
def bring(name):
    try:
        importlib.import_module(name)
    except BaseException as error:
        errors[name] = f"{type(error).__name__}: {error}"
bring(package)
SKIP = ("tests", "test", "__main__", "conftest")
def walk(path, prefix):
    for info in sorted(pkgutil.iter_modules(path, prefix), key=lambda one: one.name):
        tail = info.name.rpartition(".")[2]
        walked.append([info.name, info.ispkg])
        if tail in SKIP:
            continue
        bring(info.name)
        module = sys.modules.get(info.name)
        if info.ispkg and hasattr(module, "__path__"):
            walk(list(module.__path__), info.name + ".")
walk(list(sys.modules[package].__path__), package + ".")
def first_source(module):
    for name, value in sorted(vars(module).items()):
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            return name, hash_of(inspect.getsource(value)), value.__code__.co_filename, value.__code__.co_firstlineno
def hash_of(text):
    import hashlib
    import re
    text = re.sub(" at 0x[0-9a-f]+", "", text.replace(root, "ROOT"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
def look(module):
    spec, loader = module.__spec__, module.__loader__
    kind = "source" if isinstance(loader, importlib.machinery.SourceFileLoader) else type(loader).__name__
    return {
        "file": getattr(module, "__file__", None), "cached": getattr(module, "__cached__", None), "loader": kind,
        "path": [type(module.__path__).__name__, list(module.__path__)] if hasattr(module, "__path__") else None,
        "package": module.__package__, "doc": hash_of(str(module.__doc__)),
        "spec": [spec.name, spec.origin, spec.cached, spec.has_location, spec.parent,
                 None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)],
        "attributes": {name: type(value).__name__ for name, value in sorted(vars(module).items())
                       if name not in ("__builtins__", "__loader__", "__spec__", "__warningregistry__")},
        "documentation": {name: hash_of(str(value.__doc__)) for name, value in sorted(vars(module).items())
                          if inspect.isclass(value) or inspect.isfunction(value)},
        "source": attempt(lambda: hash_of(inspect.getsource(module))),
        "function": attempt(lambda: first_source(module)),
        "resources": attempt(lambda: sorted(one.name for one in importlib.resources.files(module).iterdir()
                                            if one.name != "__pycache__")) if hasattr(module, "__path__") else None,
        "again": attempt(lambda: [importlib.util.find_spec(spec.name).origin, loader.is_package(spec.name)]),
    }
found = {}
counts = [0, 0]
for name, module in sorted(sys.modules.items()):
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    own = name.partition(".")[0] in ("aleph_entry", "__main__")
    if own or not str(place).startswith(root) or getattr(module, "__spec__", None) is None:
        continue
    counts[type(module.__loader__).__name__ == "PackedLoader"] += 1
    found[name] = attempt(lambda: look(module))
reloaded = attempt(lambda: importlib.reload(importlib.import_module(package.partition(".")[0])).__name__)
facts = {"modules": found, "warnings": told, "errors": errors, "walked": walked, "reloaded": reloaded,
         "version": attempt(lambda: importlib.metadata.version(distribution)),
         "files": attempt(lambda: sorted(str(one) for one in importlib.metadata.files(distribution)))}
text = json.dumps(facts, default=str).replace(root, "ROOT").replace(code, "CODE")
print("\nFACTS " + json.dumps([packed, counts, json.loads(text)]))
os._exit(0)
"""
LIMIT = 600  # seconds for one package


def main() -> None:
    """Build, look, compare; exit with 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder for projects and images")
    parser.add_argument("--only", nargs="+", default=[], help="distributions")
    options = parser.parse_args()
    python = interpreters.find("3.11")
    if python is None:
        sys.exit("needs a CPython 3.11")
    rows, different = [], 0
    with tempfile.TemporaryDirectory(prefix="packed-") as temporary:
        for stack, packages in STACKS.items():
            chosen = {name: module for name, module in packages.items() if name in options.only or not options.only}
            if not chosen:
                continue
            trees = [tree(options.keep or Path(temporary), stack, packed=packed) for packed in (True, False)]
            for name, module in chosen.items():
                ours, theirs = (look(python.path, *each, module, name) for each in trees)
                found = differences(ours[2], theirs[2])
                if found:  # what differs between two ordinary imports, such as random examples in documentation
                    again = differences(theirs[2], look(python.path, *trees[1], module, name)[2])
                    chance = {line.partition(": ")[0] for line in again}
                    found = [line for line in found if line.partition(": ")[0] not in chance]
                different += len(found)
                modules, errors = ours[2]["modules"], ours[2]["errors"]
                rows.append(
                    f"| {name} {ours[2]['version']} | {len(modules)} | {ours[1][1]} | {len(errors)} | "
                    f"{len(ours[2]['warnings'])} | {len(found)} |"
                )
                print(rows[-1], file=sys.stderr, flush=True)
                for line in found[:20]:
                    print("   ", line, file=sys.stderr)
    print("| distribution | modules | of these packed | cannot be imported | warnings | differences |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))
    sys.exit(bool(different))


def tree(root: Path, stack: str, *, packed: bool) -> tuple[Path, Path]:
    """Build a stack and unpack it: the folders of code and packages."""
    folder = root / f"{stack}-{'packed' if packed else 'files'}"
    if not (folder / "packages").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text("async def app(scope, receive, send): ...\n")
        (folder / "settings.py").write_text('SECRET_KEY = "x"\nUSE_TZ = True\n')
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "{stack}"\nversion = "1"\ndependencies = {sorted(STACKS[stack])!r}\n'
            f'[tool.aleph]\nentrypoint = "main:app"\npacked-modules = {str(packed).lower()}\n'
            '[tool.hatch.build.targets.aleph]\ninclude = ["settings.py"]\n'
        )
        artifact = build_artifact(load_project(folder), folder / "dist")
        for role in ("code", "packages"):
            image = artifact.manifest.image(role)
            assert image is not None
            unpack(artifact.file(image), folder / role)
    return folder / "code", folder / "packages"


def look(python: Path, code: Path, packages: Path, module: str, distribution: str) -> Any:
    """Import a package in a process of its own; give whether it was packed, how many modules were, and the facts."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-OO", "-S", "-c", LOOK, str(code), str(packages), module, distribution],
        check=False, capture_output=True, text=True, timeout=LIMIT,
        env={**environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    if not lines:
        return [None, [0, 0], {"modules": {}, "warnings": [], "errors": {module: done.stderr[-2000:]}, "version": "?"}]
    return json.loads(lines[-1].removeprefix("FACTS "))


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Name what differs, with the path to it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for key in sorted({*ours, *theirs})
            for line in differences(ours.get(key), theirs.get(key), f"{where}/{key}")
        ]
    texts = [re.sub(r" at 0x[0-9a-f]+", "", str(each)) for each in (ours, theirs)]
    return [] if texts[0] == texts[1] else [f"{where}: {texts[0][:300]} and {texts[1][:300]}"]


if __name__ == "__main__":
    main()
