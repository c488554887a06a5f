"""A bare app fails here as it fails in the guest and behind the network's hosts: one test a quirk."""

from __future__ import annotations

import asyncio
import json
import textwrap

import pytest

from hatch_aleph.local.host import Limits, StartError

COMPLETE = """
    async def lifespan(receive, send):
        event = await receive()
        await send({"type": event["type"] + ".complete"})
"""

HEAD = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
"""


def app(body: str) -> str:
    """Return an app with a working lifespan and the given treatment of requests."""
    return textwrap.dedent(COMPLETE) + HEAD + textwrap.indent(textwrap.dedent(body), "    ")


def answer_with(status: int, headers: str, body: str) -> str:
    return app(f"""
        await send({{"type": "http.response.start", "status": {status}, "headers": {headers}}})
        await send({{"type": "http.response.body", "body": {body}}})
    """)


async def get(machine):
    return await machine.request("GET", "/")


class TestLifespan:
    def test_an_app_that_waits_for_shutdown_after_startup_gets_startup_again(self, run):
        source = """
            seen = []
            async def app(scope, receive, send):
                if scope["type"] == "lifespan":
                    seen.append((await receive())["type"])
                    await send({"type": "lifespan.startup.complete"})
                    seen.append((await receive())["type"])
                    await send({"type": "lifespan.shutdown.complete"})
                    return
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": repr(seen).encode()})
        """
        assert run(source, get).body == b"['lifespan.startup', 'lifespan.startup']"

    def test_an_app_that_raises_on_lifespan_does_not_start(self, run):
        with pytest.raises(StartError, match="only http"):
            run(
                "async def app(scope, receive, send):\n    assert_ = scope['type']\n    raise ValueError('only http')",
                None,
            )

    def test_an_app_that_ignores_lifespan_spins_until_the_host_gives_up(self, run):
        limits = Limits(lifespan=0.5, configuration=1.5)
        with pytest.raises(StartError, match="not ready within"):
            run("async def app(scope, receive, send):\n    pass", None, limits=limits)

    def test_a_start_up_that_takes_too_long_fails(self, run):
        source = "import asyncio\nasync def app(scope, receive, send):\n    await asyncio.sleep(60)"
        with pytest.raises(StartError) as caught:
            run(source, None, limits=Limits(lifespan=0.3))
        assert "TimeoutError" in caught.value.cause

    def test_the_scope_has_no_state(self, run):
        source = "async def app(scope, receive, send):\n    scope['state']['x'] = 1"
        with pytest.raises(StartError, match="'state'"):
            run(source, None)

    def test_shutdown_comes_in_a_new_call(self, run):
        source = app("await send({'type': 'http.response.start'})").replace(
            "    event = await receive()\n", "    event = await receive()\n    print('told', event['type'])\n"
        )

        async def use(machine):
            await machine.halt()
            return [line.text for line in machine.console.lines if line.text.startswith("told")]

        assert run(source, use) == ["told lifespan.startup", "told lifespan.shutdown"]

    def test_a_shutdown_that_hangs_is_killed_after_the_hosts_time(self, run):
        source = app("...").replace(
            "event = await receive()",
            "event = await receive()\n    import asyncio\n    if 'shutdown' in event['type']: await asyncio.sleep(60)",
        )

        async def use(machine):
            await asyncio.wait_for(machine.halt(), 3)
            return machine.state.value

        assert run(source, use, limits=Limits(halt=0.5)) == "stopped"


class TestEntrypoint:
    def test_a_dotted_attribute_is_not_found(self, run):
        with pytest.raises(StartError, match=r"api\.app"):
            run("class api: app = None", None, entrypoint="main:api.app")

    def test_a_factory_is_taken_for_the_app(self, run):
        with pytest.raises(StartError, match="create"):
            run("def create():\n    return None", None, entrypoint="main:create")

    def test_a_package_that_rebinds_the_name_of_its_submodule_hides_it(self, place, image):
        from hatch_aleph.local.host import Machine, ProgramSpec

        files = {"api/__init__.py": "from .app import app", "api/app.py": "async def app(s, r, d): ..."}
        spec = ProgramSpec(item_hash="ab" * 32, entrypoint="api.app:app", code=image(files))
        with pytest.raises(StartError, match="has no attribute 'app'"):
            asyncio.run(Machine(spec, place).start())


class TestModules:
    def test_a_vendored_copy_of_a_preloaded_module_is_ignored(self, place, image):
        from hatch_aleph.local.host import Machine, ProgramSpec, VolumeSpec

        packages = image({"typing_extensions.py": "vendored = True", "mine.py": "vendored = True"}, "packages")
        source = "import mine, typing_extensions\n" + answer_with(
            200, "[]", "f'{mine.__file__} {typing_extensions.__file__}'.encode()"
        )
        volume = VolumeSpec(mount="/opt/packages", image=packages)
        spec = ProgramSpec(
            item_hash="ab" * 32, entrypoint="main:app", code=image({"main.py": source}), volumes=(volume,)
        )

        async def main():
            machine = Machine(spec, place)
            await machine.start()
            try:
                return (await get(machine)).body.decode().split()
            finally:
                await machine.halt()

        mine, preloaded = asyncio.run(main())
        assert "/opt/packages/" in mine or str(place.cache) in mine
        assert "libs" in preloaded

    def test_what_the_runtime_has_is_there_for_who_vendors_nothing(self, run):
        look = "import fastapi, pydantic, setuptools, pkg_resources; print(fastapi.__version__, setuptools.__version__)"
        source = f"import subprocess, sys\n{look}\n" + answer_with(
            200, "[]", f"subprocess.run([sys.executable, '-c', {look!r}], check=True, capture_output=True).stdout"
        )
        assert run(source, get).body.split() == [b"0.120.0", b"66.1.1"]

    def test_the_root_logger_is_at_debug(self, run):
        source = answer_with(200, "[]", "str(__import__('logging').getLogger().level).encode()")
        assert run(source, get).body == b"10"

    def test_python_variables_have_no_effect(self, run):
        source = answer_with(200, "[]", "repr((__debug__, __import__('sys').flags.optimize)).encode()")
        assert run(source, get, variables={"PYTHONOPTIMIZE": "0", "PYTHONUTF8": "0"}).body == b"(False, 2)"

    def test_the_program_is_imported_inside_a_running_loop(self, run):
        with pytest.raises(StartError, match="running event loop"):
            run("import asyncio\nasync def x(): ...\nasyncio.run(x())", None)


class TestRequests:
    def test_the_body_comes_again_at_each_receive_and_never_a_disconnect(self, run):
        source = app("""
            events = [await receive() for _ in range(3)]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": repr(events).encode()})
        """)

        async def use(machine):
            return await machine.request("POST", "/", (), b"all")

        whole = {"type": "http.request", "body": b"all", "more_body": False}
        assert run(source, use).body == repr([whole] * 3).encode()

    def test_only_the_first_piece_of_a_body_arrives(self, run):
        source = app("""
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": piece == b"one"})
        """)
        assert run(source, get).body == b"one"

    def test_the_answer_waits_for_what_the_app_does_after_it(self, run):
        source = app("""
            import asyncio
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"early"})
            await asyncio.sleep(0.3)
        """)
        answer = run(source, get)
        assert (answer.body, answer.seconds > 0.3) == (b"early", True)

    def test_an_app_that_raises_answers_its_traceback(self, run):
        answer = run(app("raise KeyError('gone')"), get)
        assert answer.status == 500
        assert answer.body.rstrip().endswith(b"KeyError: 'gone'")
        assert answer.header("content-type").startswith("text/plain")
        assert answer.detail == "KeyError: 'gone'"

    def test_an_app_that_sends_no_body_times_out(self, run):
        source = app("await send({'type': 'http.response.start', 'status': 200, 'headers': []})")
        answer = run(source, get, seconds=0.5)
        assert answer.status == 504
        assert json.loads(answer.body) == {"error": "Program did not respond within `resource.seconds`"}

    def test_text_instead_of_bytes_in_headers_is_the_hosts_own_error(self, run):
        answer = run(answer_with(200, "[('x', 'y')]", "b''"), get)
        assert (answer.status, json.loads(answer.body)["error_type"]) == (500, "<class 'AttributeError'>")

    def test_missing_headers_are_the_hosts_own_error(self, run):
        source = app("""
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b""})
        """)
        assert json.loads(run(source, get).body)["error"] == "'headers'"

    @pytest.mark.parametrize(("size", "status"), [(100_000, 200), (200_000, 200), (300_000, 502), (1_100_000, 413)])
    def test_a_request_must_fit_one_read(self, run, size, status):
        source = app("""
            event = await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(len(event["body"])).encode()})
        """)

        async def use(machine):
            answer = await machine.request("POST", "/", (), b"x" * size)
            return answer, machine.state.value

        answer, state = run(source, use)
        assert answer.status == status
        if status == 200:
            assert answer.body == str(size).encode()
        # what does not fit ends the machine; what the host refuses never reaches it
        assert state == ("stopped" if status == 502 else "running")

    def test_headers_and_bodies_stand_in_the_log(self, run):
        async def use(machine):
            await machine.request("GET", "/", [("cookie", "session=1")])
            await machine.halt()
            return machine.console.tail()

        log = run(answer_with(200, "[(b'set-cookie', b'session=2')]", "b'secret'"), use)
        assert all(text in log for text in ("session=1", "session=2", "secret"))

    def test_an_app_that_ends_the_process_is_a_502(self, run):
        async def use(machine):
            return await get(machine), machine.state.value, machine.console.tail()

        answer, state, log = run(app("print('no disk', flush=True)\nimport os\nos._exit(3)"), use)
        assert (answer.status, answer.body, state) == (502, b"VM did not respond and was shut down", "stopped")
        assert log.endswith("no disk\nlocal host: its process ended (exit code 3)")

    @pytest.mark.parametrize("end", ["halt", "kill"])
    def test_a_process_that_ends_between_two_requests_is_told_when_it_is_cleared_away(self, run, end):
        async def use(machine):
            await get(machine)
            await asyncio.to_thread(machine._launched.process.wait)
            await getattr(machine, end)()
            return machine.console.tail()

        source = (
            answer_with(200, "[]", "b''")
            + "    import os, threading\n    threading.Timer(0.1, os._exit, [4]).start()\n"
        )
        assert "local host: its process ended (exit code 4)" in run(source, use)

    @pytest.mark.parametrize("end", ["halt", "kill"])
    def test_of_one_that_is_stopped_it_is_not_said(self, run, end):
        async def use(machine):
            await get(machine)
            await getattr(machine, end)()
            return machine.console.tail()

        assert "ended" not in run(answer_with(200, "[]", "b''"), use)

    def test_a_message_is_a_scope_of_its_own(self, run):
        source = app("await send({'type': 'told', 'body': [dict(scope), await receive()]})")

        async def use(machine):
            return await machine.event('{"item_hash": "x"}')

        scope, event = run(source, use)["body"]
        assert scope == {"type": "aleph.message"}
        assert event == {"type": "aleph.message", "body": '{"item_hash": "x"}', "more_body": False}


class TestAnswers:
    def test_headers_that_tell_how_a_body_was_encoded_are_dropped(self, run):
        headers = "[(b'content-encoding', b'gzip'), (b'Transfer-Encoding', b'x'), (b'vary', b'a'), (b'x-kept', b'1')]"
        answer = run(answer_with(200, headers, "b'garbage'"), get)
        names = [name for name, _ in answer.headers]
        assert names == ["x-kept", "content-length", "aleph-program-itemhash", "aleph-program-code-ref"]

    def test_a_404_becomes_json_and_loses_its_headers(self, run):
        answer = run(answer_with(404, "[(b'x-mine', b'1'), (b'content-type', b'text/html')]", "b'<p>no</p>'"), get)
        assert (answer.status, json.loads(answer.body), answer.header("x-mine")) == (404, {"error": "<p>no</p>"}, None)

    def test_a_404_that_is_no_text_is_a_500(self, run):
        answer = run(answer_with(404, "[]", "b'\\xff\\xfe'"), get)
        assert (answer.status, json.loads(answer.body)["error_type"]) == (500, "<class 'UnicodeDecodeError'>")

    def test_repeated_headers_are_kept(self, run):
        answer = run(answer_with(200, "[(b'set-cookie', b'a=1'), (b'set-cookie', b'b=2')]", "b''"), get)
        assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
