"""Path, `.pth` files, shadowed modules, metadata and logging, in a process as the init has left it."""

from __future__ import annotations

import json
import os
import py_compile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

ASK = """
import json, sys
def ask():
    return {}
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(ask()).encode()})
"""


def ask(text: str) -> str:
    return ASK.replace("    return {}", "\n".join("    " + line for line in text.splitlines()))


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def image(tmp_path):
    """What the runtime's image holds and its init has imported: four packages, one on the other."""
    return write(
        tmp_path / "image",
        {
            "lib_base/__init__.py": "VERSION = 'image'\nclass Thing: pass\nfrom . import part\n",
            "lib_base/part.py": "WHERE = __file__\n",
            "lib_user.py": "import lib_base\nVERSION = 'image'\nUSED = lib_base.VERSION\n",
            "lib_user_of_user.py": "from lib_user import USED\nimport lib_user as _u\nVERSION = 'image'\n",
            "lib_apart.py": "VERSION = 'image'\n",
        },
    )


PRELOAD = ("lib_base", "lib_user", "lib_user_of_user", "lib_apart")
VERSIONS = (
    "import lib_base, lib_base.part, lib_user, lib_user_of_user, lib_apart\n"
    "return [lib_base.VERSION, lib_user.VERSION, lib_user.USED, lib_user_of_user.USED, lib_apart.VERSION,"
    " lib_base.part.WHERE]"
)


def test_vendored_modules_win_over_preloaded_ones_and_over_their_users(run, tmp_path, image):
    packages = write(
        tmp_path / "packages",
        {"lib_base/__init__.py": "VERSION = 'vendored'\n", "lib_base/part.py": "WHERE = __file__\n"},
    )
    guest = run(
        {"main.py": ask(VERSIONS)}, "main:app", packages=packages, preload=PRELOAD, env={"PYTHONPATH": str(image)}
    )
    assert json.loads(guest.get("/").body) == [
        "vendored", "image", "vendored", "vendored", "image", str(packages / "lib_base" / "part.py"),
    ]  # fmt: skip


def test_the_same_version_stays_loaded(run, tmp_path, image):
    copies = {name: (image / name).read_text() for name in ("lib_base/__init__.py", "lib_base/part.py", "lib_apart.py")}
    packages = write(tmp_path / "packages", copies)
    guest = run(
        {"main.py": ask(VERSIONS)}, "main:app", packages=packages, preload=PRELOAD, env={"PYTHONPATH": str(image)}
    )
    assert json.loads(guest.get("/").body)[-1] == str(image / "lib_base" / "part.py")


def test_what_is_not_vendored_stays_loaded(run, tmp_path, image):
    guest = run({"main.py": ask(VERSIONS)}, "main:app", preload=PRELOAD, env={"PYTHONPATH": str(image)})
    assert json.loads(guest.get("/").body)[:3] == ["image", "image", "image"]


def test_the_real_aiohttp_can_be_shadowed(run, tmp_path):
    """A yarl of the app's own under the image's aiohttp, as the init has both imported."""
    pytest.importorskip("aiohttp")
    import shutil

    import yarl

    packages = tmp_path / "packages"
    shutil.copytree(Path(yarl.__file__).parent, packages / "yarl")
    with (packages / "yarl" / "__init__.py").open("a") as file:
        file.write("# another version\n")
    text = (
        "import aiohttp, yarl\nfrom aiohttp.client_reqrep import ClientRequest\n"
        "import aiohttp.client_reqrep as r\nreturn [yarl.__file__, r.URL is yarl.URL]"
    )
    guest = run({"main.py": ask(text)}, "main:app", packages=packages, preload=("aiohttp", "yarl"))
    assert json.loads(guest.get("/").body) == [str(packages / "yarl" / "__init__.py"), True]


def test_the_standard_library_wins_over_backports_in_packages_but_not_over_code(run, tmp_path):
    packages = write(tmp_path / "packages", {"colorsys.py": "WHO = 'backport'\n", "sndhdr_.py": ""})
    files = {
        "main.py": ask("import colorsys, this_week\nreturn [getattr(colorsys, 'WHO', 'standard'), this_week.WHO]"),
        "this_week.py": "WHO = 'code'\n",
    }
    guest = run(files, "main:app", packages=packages)
    assert json.loads(guest.get("/").body) == ["standard", "code"]


def test_order_of_the_path(run, tmp_path, image):
    packages = write(tmp_path / "packages", {"x.py": ""})
    text = "import os\nreturn [sys.path, os.path.dirname(os.__file__)]"
    guest = run({"main.py": ask(text)}, "main:app", packages=packages, env={"PYTHONPATH": str(image)})
    path, standard = json.loads(guest.get("/").body)
    order = [
        path.index(str(tmp_path / "code")),
        path.index(standard),
        path.index(str(packages)),
        path.index(str(image)),
    ]
    assert order == sorted(order)
    assert len(path) == len(set(path))


def test_relative_paths_start_at_the_code(run):
    files = {"main.py": ask("return open('templates/page.html').read()"), "templates/page.html": "a page"}
    assert json.loads(run(files, "main:app").get("/").body) == "a page"


def test_path_files_are_honoured(run, tmp_path, image):
    packages = write(
        tmp_path / "packages",
        {
            "a.pth": "# a comment\nnested\nmissing\n",
            "b.pth": "import sys; sys.from_pth = 'ran'\n",
            "nested/lib_nested.py": "VERSION = 'nested'\n",
            "nested/lib_apart.py": "VERSION = 'nested'\n",
        },
    )
    text = "import lib_nested, lib_apart\nreturn [lib_nested.VERSION, sys.from_pth, lib_apart.VERSION]"
    guest = run({"main.py": ask(text)}, "main:app", packages=packages, env={"PYTHONPATH": str(image)})
    assert json.loads(guest.get("/").body) == ["nested", "ran", "nested"]


def test_metadata_and_entry_points_are_found(run, tmp_path):
    packages = write(
        tmp_path / "packages",
        {
            "thing-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.2\n",
            "thing-1.2.dist-info/entry_points.txt": "[our.group]\nname = lib_thing:VALUE\n",
            "lib_thing.py": "VALUE = 'loaded'\n",
        },
    )
    text = (
        "from importlib.metadata import version, distribution\n"
        "return [version('thing'), [e.load() for e in distribution('thing').entry_points]]"
    )
    guest = run({"main.py": ask(text)}, "main:app", packages=packages)
    assert json.loads(guest.get("/").body) == ["1.2", ["loaded"]]


def test_the_inits_logging_does_not_drown_the_app_nor_stop_its_own(run):
    text = (
        "import logging\nlogging.basicConfig(level=logging.INFO, format='APP %(message)s')\n"
        "logging.getLogger('lib').debug('hidden')\nlogging.getLogger('lib').info('shown')\nreturn 1"
    )
    guest = run({"main.py": ask(text)}, "main:app")
    guest.get("/")
    guest.halt()
    assert "APP shown" in guest.log
    assert "hidden" not in guest.log
    assert "Body" not in guest.log


def test_warnings_still_show_without_a_configuration(run):
    guest = run({"main.py": ask("import logging\nlogging.getLogger('lib').warning('beware')\nreturn 1")}, "main:app")
    guest.get("/")
    guest.halt()
    assert "beware" in guest.log


def test_errors_are_logged_even_if_the_app_disables_existing_loggers(run):
    text = (
        "import logging.config\nlogging.config.dictConfig({'version': 1, 'disable_existing_loggers': True})\n"
        "raise ValueError('told in the log')"
    )
    guest = run({"main.py": ask(text)}, "main:app")
    assert guest.get("/").status == 500
    guest.halt()
    assert "ValueError: told in the log" in guest.log


@pytest.mark.parametrize(("kind", "expected"), [("plain", "ready"), ("stale", "source"), ("both", "optimized")])
def test_modules_without_bytecode_for_this_optimization_are_read_from_their_plain_one(run, tmp_path, kind, expected):
    """As Debian's are, which compiles without optimization alone; what is not of the very source is passed over."""
    source = write(tmp_path / "packages", {"tool.py": "KIND = 'source'\n"}) / "tool.py"
    made = write(tmp_path / "made", {"tool.py": "KIND = 'ready'\n "}) / "tool.py"  # as long
    for path in (source, made):
        os.utime(path, (1e9, 1e9))
    py_compile.compile(str(made), cache_from_source(source, optimization=""))
    if kind == "both":
        made.write_text("KIND = 'optimized'\n")
        optimized = cache_from_source(source, optimization=2)
        py_compile.compile(str(made), optimized, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    if kind == "stale":
        os.utime(source, (1e9, 1e9 + 1))
    guest = run({"main.py": ask("import tool\nreturn tool.KIND")}, "main:app", packages=tmp_path / "packages")
    assert json.loads(guest.get("/").body) == expected


def test_data_that_is_not_there_is_told_as_ever_whatever_names_it(run):
    text = (
        "import pathlib\ntry:\n    __loader__.get_data(pathlib.Path('/gone/x.txt'))\n"
        "except Exception as error:\n    return type(error).__name__"
    )
    assert json.loads(run({"main.py": ask(text)}, "main:app").get("/").body) == "FileNotFoundError"


def test_all_of_the_standard_library_comes_from_bytecode(run):
    """What Python has compiled of its own, at whatever level: no source is compiled in the guest."""
    text = (
        "import importlib.util, os, sys\nseen = []\n"
        "sys.addaudithook(lambda event, given: event == 'compile' and given[1] and seen.append(str(given[1])))\n"
        "import zipfile, colorsys, wave, sysconfig, tabnanny\n"
        "file = lambda level: importlib.util.cache_from_source(wave.__file__, optimization=level)\n"
        "has = any(os.path.exists(file(level)) for level in ('', '2'))\n"
        "return has, [name for name in seen if name.endswith('.py')]"
    )
    has, compiled = json.loads(run({"main.py": ask(text)}, "main:app").get("/").body)
    if not has:
        pytest.skip("this Python has no bytecode of its library")
    assert compiled == []
