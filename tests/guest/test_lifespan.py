"""Start-up and shutdown, as the init's repeated calls make them."""

from __future__ import annotations

import time

import pytest

from tests.guest.rig import StartError

HTTP = """
async def http(scope, receive, send, body=b"ok"):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def app(lifespan: str, http: str = "await http(scope, receive, send)") -> dict[str, str]:
    body = "\n".join("        " + line for line in lifespan.splitlines())
    return {
        "main.py": f"{HTTP}\nimport asyncio, sys\nasync def app(scope, receive, send):\n"
        f"    if scope['type'] == 'lifespan':\n{body}\n        return\n    {http}\n"
    }


def test_state_is_shared_shallowly_and_each_request_has_its_own_copy(run):
    guest = run(
        app(
            "await receive()\nscope['state'].update(many=[], one=0)\n"
            "await send({'type': 'lifespan.startup.complete'})\nawait receive()\n"
            "print('SHUT', scope['state'])\nawait send({'type': 'lifespan.shutdown.complete'})",
            "s = scope['state']; s['many'].append(1); s['one'] += 1\n"
            "    await http(scope, receive, send, repr(s).encode())",
        ),
        "main:app",
    )
    assert guest.get("/").body == b"{'many': [1], 'one': 1}"
    assert guest.get("/").body == b"{'many': [1, 1], 'one': 1}"
    guest.halt()
    assert "SHUT {'many': [1, 1], 'one': 0}" in guest.log


@pytest.mark.parametrize(
    "lifespan",
    ["raise ValueError('no lifespan here')", "return", "await receive()", "await receive()\nraise KeyError(1)"],
)
def test_apps_that_refuse_or_ignore_it_run_all_the_same(run, lifespan):
    guest = run(app(lifespan), "main:app")
    assert guest.get("/").body == b"ok"
    guest.halt()


def test_what_fails_once_the_start_up_is_complete_does_not_undo_it(run):
    """As FastStream says it when its broker cannot be reached."""
    lifespan = (
        "await receive()\nawait send({'type': 'lifespan.startup.complete'})\n"
        "await send({'type': 'lifespan.shutdown.failed', 'message': 'late'})\nraise ConnectionError('no broker')"
    )
    guest = run(app(lifespan), "main:app")
    assert guest.get("/").body == b"ok"
    guest.halt()
    assert "the app's lifespan failed" in guest.log
    assert "ConnectionError: no broker" in guest.log


def test_an_app_that_ends_early_after_its_start_runs_on(run):
    guest = run(app("await receive()\nawait send({'type': 'lifespan.startup.complete'})"), "main:app")
    assert guest.get("/").body == b"ok"
    assert guest.halt() < 2


def test_the_start_ups_own_message_reaches_the_host(run):
    with pytest.raises(StartError) as caught:
        run(app("await send({'type': 'lifespan.startup.failed', 'message': 'no database at db:5432'})"), "main:app")
    assert "no database at db:5432" in caught.value.args[0]


@pytest.mark.parametrize("end", ["sys.exit('out of here')", "raise KeyboardInterrupt"])
def test_ending_the_process_at_start_up_is_a_failure_with_words(run, end):
    with pytest.raises(StartError) as caught:
        run(app(f"await receive()\n{end}"), "main:app")
    assert "ended the process" in caught.value.args[0]


def test_a_start_up_that_takes_too_long_is_told(run):
    files = app("await receive()\nawait asyncio.sleep(60)")
    files["main.py"] += "\nimport aleph_entry.lifespan\naleph_entry.lifespan.START_SECONDS = 0.3\n"
    with pytest.raises(StartError) as caught:
        run(files, "main:app")
    assert "did not complete within 0.3 seconds" in caught.value.args[0]


@pytest.mark.parametrize(
    "end",
    [
        "raise ValueError('late')",
        "await asyncio.sleep(60)",
        "await send({'type': 'lifespan.shutdown.failed'})",
        "sys.exit(1)",
    ],
)
def test_no_shutdown_holds_up_the_halt(run, end):
    guest = run(
        app(f"await receive()\nawait send({{'type': 'lifespan.startup.complete'}})\nawait receive()\n{end}"), "main:app"
    )
    assert guest.get("/").body == b"ok"
    assert guest.halt() < 4


def test_requests_and_lifespan_share_one_loop(run):
    guest = run(
        app(
            "await receive()\nscope['state']['loop'] = asyncio.get_running_loop()\n"
            "await send({'type': 'lifespan.startup.complete'})\nawait receive()",
            "same = scope['state']['loop'] is asyncio.get_running_loop()\n"
            "    await http(scope, receive, send, b'%d' % same)",
        ),
        "main:app",
    )
    assert guest.get("/").body == b"1"


def test_at_halt_running_requests_end_first_and_exit_handlers_run(run):
    guest = run(
        app(
            "import atexit; atexit.register(lambda: print('AT EXIT', flush=True))\n"
            "await receive()\nawait send({'type': 'lifespan.startup.complete'})\nawait receive()\n"
            "print('SHUT', flush=True)",
            "await http(scope, receive, send); await asyncio.sleep(0.4); print('LATE WORK', flush=True)",
        ),
        "main:app",
    )
    guest.get("/")
    guest.halt()
    order = [word for word in guest.log.splitlines() if word in ("LATE WORK", "SHUT", "AT EXIT")]
    assert order == ["LATE WORK", "SHUT", "AT EXIT"]


def test_an_exit_handler_that_hangs_does_not_hold_up_the_halt(run):
    guest = run(app("import atexit, time; atexit.register(time.sleep, 60)\nreturn"), "main:app")
    begun = time.perf_counter()
    assert guest.ask(b"halt") == b"STOP\nSTOPZ\n"
    assert time.perf_counter() - begun < 30  # half of what the handler takes
    guest.process.kill()  # Python's own exit waits for the handler
