"""Modules that come from packs: all that an app can see of them is as if Python had found them by itself."""

from __future__ import annotations

import json
import marshal
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.bytecode import bytecode_path
from hatch_aleph.build.packages.module_pack import INDEX, pack_of
from hatch_aleph.guest import packed_modules
from hatch_aleph.guest.packed_modules import Pack
from hatch_aleph.runtimes import Runtime
from hatch_aleph.squashfs import Entry
from tests.guest.test_interpreter_setup import ask, write

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
RUNTIME = Runtime("test", "0" * 64, PYTHON, (2, 36))
# Code from a pack says so, which its source does not.
MARK = "\nFROM = 'pack'\n"
FILES = {
    "lib/__init__.py": "'''Of the library.'''\nimport warnings\nwarnings.warn('old', DeprecationWarning)\n",
    "lib/part.py": "def work():\n    'Of work.'\n    raise ValueError('here')\n",
    "lib/data.txt": "data",
    "lib/sub/__init__.py": "",
    "lib/sub/__main__.py": "print('main', __name__, __spec__.name)\n",
    "space/one/__init__.py": "",
    "single.py": "X = 1\n",
}


def pack(root: Path, distribution: str, files: dict[str, str], *, python: str = PYTHON, optimization: int = 0) -> Path:
    """Add a distribution to a folder of packages, as the image of packages has it."""
    write(root, files)
    entries = [Entry(path, "file", 0o644, text.encode()) for path, text in files.items()]
    bytecode = [
        Entry(
            bytecode_path(path, RUNTIME),
            "file",
            0o644,
            bytes(16) + marshal.dumps(compile(text + MARK, f"/opt/packages/{path}", "exec", optimize=0), 2),
        )
        for path, text in files.items()
        if path.endswith(".py")
    ]
    made = pack_of(distribution, entries, bytecode, RUNTIME)
    file = root / made.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(made.read())
    index = root / INDEX
    lines = index.read_text().splitlines()[1:] if index.exists() else []
    tops = sorted({path.partition("/")[0].removesuffix(".py") for path in files})
    index.write_text("\n".join([f"{python} {optimization}", *lines, " ".join((distribution, *tops))]) + "\n")
    return root


@pytest.fixture
def packages(tmp_path):
    return pack(tmp_path / "packages", "lib", FILES)


def answer(run, packages, text, files=None, **options):
    guest = run({"main.py": ask(text), **(files or {})}, "main:app", packages=packages, **options)
    return json.loads(guest.get("/").body)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited in another way")
def test_an_app_that_limits_its_memory_as_it_starts_goes_on_to_import(run, packages):
    """No thread is to be had any more, such as one that reads packs ahead."""
    limiting = (
        "import resource\nuses = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (uses + 2**20, -1))\nimport single\n"
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
    )
    text = "import limiting\nreturn limiting.single.FROM"
    guest = run({"main.py": f"import limiting{ask(text)}", "limiting.py": limiting}, "main:app", packages=packages)
    assert json.loads(guest.get("/").body) == "pack"


LOOK = """
import importlib, importlib.resources, importlib.util, inspect, pkgutil, runpy, traceback, warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import lib, lib.part, lib.sub, single, space.one, space
    from lib.__init__ import warnings as _
def facts(module):
    spec = module.__spec__
    return [
        module.__name__, getattr(module, "__file__", None), getattr(module, "__cached__", None), module.__package__,
        list(getattr(module, "__path__", [])), type(getattr(module, "__path__", None)).__name__,
        spec.name, spec.origin, spec.cached, spec.has_location, spec.parent,
        spec.submodule_search_locations and list(spec.submodule_search_locations),
    ]
try:
    lib.part.work()
except ValueError:
    trace = traceback.format_exc()
every = (lib, lib.part, lib.sub, single, space.one, space, sys.modules["lib.__init__"])
seen = {
    "modules": [facts(each) for each in every],
    "warnings": [str(each.message) for each in told],
    "source": inspect.getsource(lib.part.work),
    "trace": [trace.splitlines()[-2:], f'{lib.part.__file__}", line 3' in trace],
    "walked": sorted(each.name for each in pkgutil.walk_packages(lib.__path__, "lib.")),
    "iterated": sorted(each.name for each in pkgutil.iter_modules([PACKAGES])),
    "resource": importlib.resources.files("lib").joinpath("data.txt").read_text(),
    "data": pkgutil.get_data("lib", "data.txt").decode(),
    "none": [importlib.util.find_spec("lib.nothing"), importlib.util.find_spec("nothing_at_all")],
    "reloaded": importlib.reload(single) is single,
    "run": sorted({*runpy.run_module("lib.sub", run_name="again")} - {"FROM"}),
    "loader": [lib.__loader__.is_package("lib"), lib.__loader__.get_source("lib"), lib.__loader__.get_filename("lib")],
    "finder": isinstance(sys.path_importer_cache[PACKAGES], importlib.machinery.FileFinder),
}
named = (lib, lib.part, lib.sub, single, space.one, sys.modules["lib.__init__"])
from_pack = {each.__name__: getattr(each, "FROM", None) for each in named}
return seen, from_pack, [lib.__doc__, lib.part.work.__doc__]
"""


def test_all_is_as_python_itself_has_it(run, packages, tmp_path):
    plain = write(tmp_path / "plain", FILES)
    ours, from_pack, documentation = answer(run, packages, LOOK.replace("PACKAGES", repr(str(packages))))
    theirs, none, _ = answer(run, plain, LOOK.replace("PACKAGES", repr(str(plain))))
    assert ours == json.loads(json.dumps(theirs).replace(str(plain), str(packages)))
    assert from_pack == dict.fromkeys(("lib", "lib.part", "lib.sub", "single", "space.one", "lib.__init__"), "pack")
    assert set(none.values()) == {None}
    assert documentation == ["Of the library.", "Of work."]


def test_code_and_paths_of_the_app_go_first(run, packages, tmp_path):
    """The order of ``sys.path`` decides, also while the program runs."""
    write(tmp_path / "later", {"lib/part.py": "WHO = 'later'\n", "other.py": "WHO = 'other'\n"})
    later = str(tmp_path / "later")
    text = f"""
import single
sys.path.insert(0, {later!r})
import other
sys.path.remove({later!r})
import lib
lib.__path__.insert(0, {later + "/lib"!r})
import lib.part, lib.sub
return [single.WHO, lib.FROM, lib.part.WHO, lib.sub.FROM, other.WHO]"""
    found = answer(run, packages, text, {"single.py": "WHO = 'code'\n"})
    assert found == ["code", "pack", "later", "pack", "other"]


def test_hooks_of_the_app_see_what_they_saw(run, packages):
    """A finder that asks Python's and wraps loaders, a hook in front of ours, caches that are emptied."""
    text = """
import importlib, importlib.machinery
class Wrapping(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.WRAPPED = True
class Finder:
    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if name == "lib" and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Wrapping(spec.loader.name, spec.loader.path)
        return spec
sys.meta_path.insert(0, Finder())
import lib, lib.part
sys.path_hooks.insert(0, importlib.machinery.FileFinder.path_hook((Wrapping, [".py"])))
importlib.invalidate_caches()
sys.path_importer_cache.clear()
import single, lib.sub
return [lib.WRAPPED, lib.part.FROM, single.WRAPPED, lib.sub.WRAPPED]"""
    assert answer(run, packages, text) == [True, "pack", True, True]


FROM = "import lib.part\nreturn [getattr(lib, 'FROM', None), getattr(lib.part, 'FROM', None)]"


def test_what_two_distributions_bring_is_for_python_to_find(run, packages):
    pack(packages, "other", {"lib/part.py": "", "lib/more.py": ""})
    assert answer(run, packages, f"import lib.more\n{FROM}, lib.more.FROM") == [["pack", None], "pack"]


@pytest.mark.parametrize(("python", "optimization"), [("3.8", 0), (PYTHON, 3)])
def test_packs_of_another_python_or_that_lack_too_much_are_passed_over(run, tmp_path, python, optimization):
    packages = pack(tmp_path / "packages", "lib", FILES, python=python, optimization=optimization)
    assert answer(run, packages, FROM) == [None, None]


@pytest.mark.parametrize("damage", ["empty", "no table", "removed", "cut"])
def test_a_damaged_pack_costs_time_alone(run, packages, damage):
    file = packages / ".aleph/modules/lib"
    whole = file.read_bytes()
    file.write_bytes({"empty": b"", "no table": b"\xff" * 9}.get(damage, whole[: -len(whole) // 3]))
    if damage == "removed":
        file.unlink()
    assert answer(run, packages, f"import single\n{FROM}, getattr(single, 'FROM', None)")[1] is None


def test_threads_import_at_once(run, packages):
    text = """
import importlib
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    done = list(pool.map(importlib.import_module, ["lib.part", "lib.sub", "single", "space.one"] * 2))
return [each.FROM for each in done]"""
    assert answer(run, packages, text) == ["pack"] * 8


CHILD = """
import os, subprocess
def child(*options, **environ):
    command = [sys.executable, *options, "-c",
        "import single, sys; print(getattr(single, 'FROM', None), getattr(sys, 'OWN', None), *sys.path)"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ})
    return (done.stderr or done.stdout).split()
"""


@pytest.mark.parametrize("options", [[], ["-O"], ["-OO"], ["-B", "-W", "error"]])
def test_children_import_from_the_packs(run, packages, options):
    found = answer(run, packages, f"{CHILD}return child(*{options!r})")
    assert found[:2] == ["pack", "None"]
    assert str(packages) in found
    assert not [path for path in found if path.endswith("child")]


def test_a_sitecustomize_of_the_app_is_the_one_that_runs(run, packages):
    own = {"sitecustomize.py": "import sys\nsys.OWN = 'own'\n"}
    assert answer(run, packages, f"{CHILD}return child()", own)[:2] == ["None", "own"]


def test_a_sitecustomize_behind_ours_runs_after_it(run, packages, tmp_path):
    behind = write(tmp_path / "behind", {"sitecustomize.py": "import sys\nsys.OWN = 'behind'\n"})
    text = f"{CHILD}return child(PYTHONPATH=os.environ['PYTHONPATH'] + {f':{behind}'!r})"
    assert answer(run, packages, text)[:2] == ["pack", "behind"]


def test_children_do_not_get_code_without_the_docstrings_they_want(run, tmp_path):
    packages = pack(tmp_path / "packages", "lib", FILES, optimization=2)
    text = f"{CHILD}import single\nreturn [single.FROM, child()[0], child('-OO')[0]]"
    assert answer(run, packages, text) == ["pack", "None", "pack"]


def test_extensions_are_found_without_a_search(tmp_path):
    """By their names in the order that Python has; what it would not load is left to it."""
    tag = f".cpython-{PYTHON.replace('.', '')}-x86_64-linux-gnu.so"
    names = (
        "a/__init__.py", f"a/fast{tag}", "a/fast.py", "a/stable.abi3.so", f"a/pack/__init__{tag}",
        "a/foreign.cpython-27m.so", "a/only.pyc", "a/plain.py",
    )  # fmt: skip
    made = pack_of("a", [Entry(name, "file", 0o644, b"") for name in names], [], RUNTIME)
    (tmp_path / "a").write_bytes(made.read())
    found = Pack(str(tmp_path / "a"))
    assert found.folder("a") == {
        "__init__": None, "fast": f"fast{tag}", "only": None, "pack": None, "plain": None, "stable": "stable.abi3.so",
    }  # fmt: skip
    assert found.folder("") == {"a": None}


def test_a_pack_that_is_begun_is_told_once(packages, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(packed_modules, "begun_packs", [told.append])
    packs = packed_modules.read_index(str(packages))
    assert told == []
    for name in ("lib", "lib", "nothing"):
        packs.find("", name)
    assert told == [str(packages / ".aleph/modules/lib")]


def test_the_same_distribution_gives_the_same_pack(tmp_path):
    orders = {"a": FILES, "b": dict(reversed(FILES.items()))}
    made = {(pack(tmp_path / name, "lib", each) / ".aleph/modules/lib").read_bytes() for name, each in orders.items()}
    assert len(made) == 1
