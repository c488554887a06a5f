"""Entry points of every form, and what is said when they name nothing."""

from __future__ import annotations

import ast
import gc
import json
import subprocess
import sys

import pytest

from hatch_aleph.guest.entrypoint import with_room
from tests.guest.rig import Guest, StartError

ANSWER = """
async def answer(scope, receive, send, body=b"ok"):
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def test_importing_the_package_loads_nothing_else():
    code = (
        "from __future__ import annotations; import sys, typing, hatch_aleph;"
        "before = set(sys.modules); import hatch_aleph.guest as g;"
        "print(set(sys.modules) - before, hasattr(g, '__path__'), hasattr(g, '_settings'))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "{'hatch_aleph.guest'} True False\n"


def test_its_modules_can_be_imported_from_it():
    code = "from hatch_aleph.guest import scope, entrypoint; print(scope.__name__, entrypoint.__name__)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "hatch_aleph.guest.scope hatch_aleph.guest.entrypoint\n"


@pytest.mark.parametrize("name", ["raw_asgi:app", "raw_asgi:Holder.inner.app"])
def test_plain_and_dotted_attributes(probes, name):
    with Guest(probes, name) as guest:
        assert json.loads(guest.get("/x").body)["state"] == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("raw_asgi:make", b"made"),
        ("raw_asgi:make()", b"made"),
        ("raw_asgi:make('hello')", b"hello"),
        ("raw_asgi:make(greeting='x)y')", b"x)y"),
    ],
)
def test_factories(probes, name, body):
    with Guest(probes, name) as guest:
        assert guest.get("/").body == body


def test_modules_of_packages_and_data_beside_them(run):
    files = {
        "api/__init__.py": "",
        "api/web/__init__.py": "",
        "api/web/data.txt": "from a file",
        "api/web/main.py": ANSWER + "import pathlib\ntext = pathlib.Path(__file__).with_name('data.txt').read_bytes()\n"
        "async def app(scope, receive, send):\n    await answer(scope, receive, send, text)\n",
    }
    assert run(files, "api.web.main:app").get("/").body == b"from a file"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing:app", "there is no module 'nothing' in the code image"),
        ("raw_asgi.inner:app", "there is no module 'raw_asgi.inner'"),
        ("raw_asgi:nothing", "names what 'raw_asgi' does not have"),
        ("raw_asgi:Holder.nothing", "has no attribute 'nothing'"),
        ("raw_asgi:LOG", "'list' object, not an app"),
        ("raw_asgi:make(open)", "plain values only"),
        ("raw_asgi:make(", "plain values only"),
        ("raw_asgi:mak", "has no attribute 'mak'; did you mean 'make'?"),
        ("raw_asgi:make('a', 'b', 'c')", "does not fit what it calls: too many positional arguments"),
        ("raw_asgi:Holder.inner.__doc__()", "is not a callable object"),
        ("raw_asgi", "an entrypoint is written module:attribute"),
        ("raw_asgi:", "an entrypoint is written module:attribute"),
    ],
)
def test_what_is_wrong_reaches_the_host(probes, name, said):
    with pytest.raises(StartError) as caught, Guest(probes, name):
        pass
    assert said in caught.value.args[0]


def test_a_module_that_is_named_as_an_attribute(run):
    with pytest.raises(StartError, match=r"an app in it is written 'pkg\.main:app'"):
        run({"pkg/__init__.py": "", "pkg/main.py": ANSWER}, "pkg:main")


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("import os\napp = None\n", "main:app", "(main.py, line 2: app = None)"),
        ("if True:\n    app = 1\n\ndef other():\n    app = 2\n", "main:app", "(main.py, line 2: app = 1)"),
        ("class app:\n    pass\n", "main:app.create", "(main.py, line 1: class app:)"),
        ("def make(config):\n    return make\n", "main:make", "(main.py, line 1: def make(config):)"),
        ("from os import path as app\n", "main:app", "(main.py, line 1: from os import path as app)"),
        ("exec('app = 1')\n", "main:app", "not an app that can be called"),
    ],
)
def test_the_failure_names_the_line_that_binds_what_is_no_app(run, text, name, line):
    with pytest.raises(StartError) as caught:
        run({"main.py": text}, name)
    assert caught.value.args[0].endswith(line)


def test_a_source_nested_too_deep_to_be_looked_through_names_no_line(run):
    with pytest.raises(StartError) as caught:
        run({"main.py": f"app = {'+'.join(['1'] * 1200)}\n"}, "main:app")
    assert caught.value.args[0].endswith("is a 'int' object, not an app that can be called")


def test_a_function_of_two_arguments_that_is_no_wsgi_app_is_told_so(run):
    guest = run({"main.py": "def make(config, debug):\n    return make\n"}, "main:make")
    assert guest.get("/").status == 500
    assert "no iterable of bytes; a factory with arguments gets plain values" in guest.log


def test_an_error_in_iterating_is_the_apps_own(run):
    text = """
class app:
    def __init__(self, environ, start_response):
        start_response("200 OK", [])

    def __iter__(self):
        return iter([None + b"body"])
"""
    guest = run({"main.py": text}, "main:app")
    assert guest.get("/").status == 500
    assert "None + b" in guest.log
    assert "no iterable" not in guest.log


def test_an_import_waits_for_a_signal_that_it_has_blocked(run):
    text = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
os.kill(os.getpid(), signal.SIGUSR2)
GOT = signal.sigwait({signal.SIGUSR2})
app = answer
"""
    assert run({"main.py": ANSWER + text}, "main:app").get("/").body == b"ok"


def test_a_missing_dependency_is_told_as_such(run):
    with pytest.raises(StartError) as caught:
        run({"main.py": "import not_installed_anywhere\n"}, "main:app")
    assert "No module named 'not_installed_anywhere'" in caught.value.args[0]


def test_asyncio_run_at_import_and_in_factories(run):
    files = {
        "main.py": ANSWER + "import asyncio\nasync def setup():\n    await asyncio.sleep(0)\n    return b'set up'\n"
        "TEXT = asyncio.run(setup())\n"
        "def make():\n    text = asyncio.run(setup())\n"
        "    async def app(scope, receive, send):\n        await answer(scope, receive, send, text + TEXT)\n"
        "    return app\n"
    }
    assert run(files, "main:make").get("/").body == b"set upset up"


def test_the_running_loop_is_there_for_imports_that_want_it(run):
    files = {
        "main.py": ANSWER + "import asyncio\nloop = asyncio.get_running_loop()\n"
        "async def app(scope, receive, send):\n"
        "    await answer(scope, receive, send, b'%d' % (loop is asyncio.get_running_loop()))\n"
    }
    assert run(files, "main:app").get("/").body == b"1"


def test_get_event_loop_at_import_is_the_one_that_serves(run):
    files = {
        "main.py": ANSWER
        + "import asyncio\nloop = asyncio.get_event_loop()\ntask = loop.create_task(asyncio.sleep(0, b'done'))\n"
        "async def app(scope, receive, send):\n    await answer(scope, receive, send, await task)\n"
    }
    assert run(files, "main:app").get("/").body == b"done"


@pytest.mark.parametrize("inputs", [None, "other"])
def test_code_on_other_packages_answers_503(run, tmp_path, inputs):
    packages = tmp_path / "packages"
    packages.mkdir()
    if inputs is not None:
        (packages / ".aleph").mkdir()
        (packages / ".aleph" / "inputs").write_text(inputs)
    guest = run({"main.py": "raise SystemExit\n"}, "main:app", packages=packages, PACKAGES="mine")
    answer = guest.get("/")
    assert answer.status == 503
    assert answer.header("retry-after") == "10"
    assert b"being updated" in answer.body
    assert guest.ask({"type": "aleph.message", "body": "{}"})[1]["error"]


def test_code_on_its_own_packages_runs(run, tmp_path):
    packages = tmp_path / "packages"
    (packages / ".aleph").mkdir(parents=True)
    (packages / ".aleph" / "inputs").write_text("mine\n")
    assert run({"main.py": ANSWER}, "main:answer", packages=packages, PACKAGES="mine").get("/").body == b"ok"


@pytest.mark.parametrize(
    ("interface", "name"), [("asgi2", "raw_asgi:Two"), ("wsgi", "raw_wsgi:app"), ("asgi", "raw_asgi:app")]
)
def test_the_interface_can_be_said(run, probes, interface, name):
    files = {one.name: one.read_text() for one in probes.glob("raw_*.py")}
    assert run(files, name, interface=interface).get("/x").status == 200


COLLECTIONS = """
import gc
during, frozen = gc.get_threshold()[0], gc.get_freeze_count()
class Imported:
    made = []
OWN
async def app(scope, receive, send):
    old = any(each is Imported.made for each in gc.get_objects(2))
    told = [during > 50_000, gc.get_threshold()[0], old, gc.get_freeze_count() > frozen]
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': repr(told).encode()})
"""


@pytest.mark.parametrize(
    ("own", "threshold", "old", "frozen"),
    [
        ("", gc.get_threshold()[0], True, False),
        ("gc.set_threshold(1234)", 1234, None, False),
        ("gc.freeze()", gc.get_threshold()[0], False, True),
    ],
)
def test_collections_are_few_during_the_import_alone(run, own, threshold, old, frozen):
    """What was imported is old then: the first requests are not held up by a look through all of it."""
    told = ast.literal_eval(run({"main.py": COLLECTIONS.replace("OWN", own)}, "main:app").get("/").body.decode())
    assert told == [True, threshold, told[2] if old is None else old, frozen]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count faults")
def test_the_frames_of_an_import_take_memory_once() -> None:
    """Python 3.11 and later would take a piece of memory and give it back at each call that needs another one."""
    import resource

    def nested(depth: int) -> int:
        return depth and nested(depth - 1)

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(1000):
            nested(400)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert with_room(faults) < 200


def test_every_frame_above_an_import_tells_its_module():
    """Apps and libraries look up the stack for who asked them."""

    def modules():
        frame, found = sys._getframe(), []
        while frame:
            found.append(frame.f_globals["__name__"])
            frame = frame.f_back
        return found

    assert __name__ in with_room(modules)
