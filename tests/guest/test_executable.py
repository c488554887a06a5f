"""Processes behind the adapter: started, watched, restarted, and proxied to."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hatch_aleph.deploy.health import Answer, judge
from hatch_aleph.local.host import Limits, Machine, ProgramSpec
from hatch_aleph.settings import HealthCheck
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import APPS, Guest, StartError, lay_out

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="executables run where the guest's Linux does")

SERVER = (APPS / "server_program.py").read_text()


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended may wait for a long time to be reaped."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(run, port):
    def start(files, line, **settings):
        env = settings.pop("env", None)
        return run(files, line, interface="executable", port=port, env=env, **settings)

    return start


def in_shell(line: str) -> dict[str, str]:
    return {"server.py": SERVER, "run.sh": f"#!/bin/sh\n{line}\n"}


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = in_shell(f"exec {sys.executable} server.py one 'two words'")
    code = lay_out(
        tmp_path_factory.mktemp("executable") / "code", files, interface="executable", port=port, seconds=5.0
    )
    with Guest(code, "run.sh") as running:
        yield running


def test_the_request_comes_whole_and_exact(guest):
    answer = guest.get("/a%20b?x=%20%26&y=%FF", "POST", {"x-a": "1", "connection": "keep-alive"}, b"z" * 90_000)
    said = json.loads(answer.body)
    assert said["line"] == "POST /a%20b?x=%20%26&y=%FF HTTP/1.1"
    assert said["body"] == 90_000
    headers = dict(said["headers"])
    assert headers == {"host": "localhost", "x-a": "1", "content-length": "90000", "connection": "close"}
    assert answer.header("x-twice") == "a"


FRAGILE = """
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), connection;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT")))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) return 1;
    const char *answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok";
    char request[10000];
    while ((connection = accept(listener, NULL, NULL)) >= 0) {
        if (read(connection, request, sizeof request) <= 0) return 3;
        write(connection, answer, strlen(answer));
        close(connection);
    }
}
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs a C compiler, and /proc")
def test_a_compiled_server_that_no_empty_connection_may_reach(run, port, tmp_path):
    (tmp_path / "server.c").write_text(FRAGILE)
    (tmp_path / "code").mkdir()
    subprocess.run(["cc", "-w", "-o", tmp_path / "code" / "server", tmp_path / "server.c"], check=True)
    guest = run({}, "server", interface="executable", port=port)
    assert [guest.get("/").body for _ in range(3)] == [b"ok"] * 3
    assert "ended with code" not in guest.log


def test_the_environment_names_port_and_images(guest):
    said = json.loads(guest.get("/").body)
    code = str(guest.packages.parent / "code")
    assert said["cwd"] == code
    assert said["argv"] == ["one", "two words"]
    assert said["env"]["PYTHONPATH"].split(os.pathsep)[:2] == [code, str(guest.packages)]
    assert said["env"]["PATH"].split(os.pathsep)[:2] == [f"{guest.packages}/bin", f"{code}/bin"]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/chunked", 200, b"".join(b"%d," % number * 1000 for number in range(30))),
        ("/until_close", 200, b"till the end"),
        ("/hints", 200, b"after hints"),
        ("/redirect", 302, b""),
        ("/gzip", 200, b"plain"),
        ("/empty", 204, b""),
        ("/missing", 404, b"nothing here"),
        ("/slow", 200, b"slow"),
    ],
)
def test_answers_of_every_form(guest, path, status, body):
    answer = guest.get(path)
    assert (answer.status, answer.body) == (status, body)
    assert not {b"transfer-encoding", b"connection", b"content-encoding"} & {key for key, _ in answer.headers}


def test_head_has_the_length_alone(guest):
    answer = guest.get("/missing", "HEAD")
    assert (answer.status, answer.body, answer.header("content-length")) == (404, b"", "12")


@pytest.mark.parametrize(
    "path",
    [
        "/half",
        "/garbage",
        "/long_head",
        "/no_colon",
        "/odd_length",
        "/odd_chunk",
        "/long_chunk",
        "/half_chunked",
    ],
)
def test_broken_answers_are_told(guest, path):
    answer = guest.get(path)
    assert answer.status == 502
    assert answer.body


def test_requests_run_side_by_side(guest):
    with ThreadPoolExecutor(20) as pool:  # each waits for all the others
        assert {one.body for one in pool.map(guest.get, ["/meets"] * 20)} == {b"met"}


def test_an_endless_stream_is_cut_and_the_program_learns_it(guest):
    answer = guest.get("/endless")
    assert answer.status == 200
    assert answer.body.startswith(b"data: x\n\ndata: x\n\n")
    guest.until(lambda: "CLIENT GONE" in guest.log)
    guest.until(lambda: guest.ask(b"!tasks")[0] <= 6)


def test_a_crash_is_answered_once_and_mended(start):
    guest = start(in_shell(f"{sys.executable} server.py"), "run.sh")
    first = json.loads(guest.get("/").body)["pid"]
    answer = guest.get("/crash", "POST", (), b"once")
    assert answer.status == 502
    assert b"ended" in answer.body
    answer = guest.get("/")
    assert answer.status == 200, (answer, guest.log)
    second = json.loads(answer.body)["pid"]
    assert second != first
    guest.halt()
    assert guest.log.count("CRASHING b'once'") == 1
    assert "ended with code 7; starting it again in 0.1 s" in guest.log


def test_halt_ends_the_whole_group_gently(start):
    guest = start(in_shell(f"{sys.executable} server.py\necho never"), "run.sh")
    pid = json.loads(guest.get("/").body)["pid"]
    assert guest.halt() < 4
    assert "TERMINATED" in guest.log
    assert not alive(pid)


def test_a_program_that_does_not_listen_to_sigterm_is_killed(start):
    guest = start(
        {"server.py": SERVER.replace("signal.signal(signal.SIGTERM, bye)", "signal.signal(15, signal.SIG_IGN)")},
        "server.py",
    )
    pid = json.loads(guest.get("/").body)["pid"]
    assert guest.halt() < 4
    assert not alive(pid)


def test_a_slow_start_is_waited_for(start):
    begun = time.perf_counter()
    guest = start({"server.py": SERVER}, "server.py", env={"DELAY": "0.7"})
    assert time.perf_counter() - begun > 0.7
    assert guest.get("/slow").body == b"slow"


def test_a_server_on_the_other_loopback_address_is_found(start):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    files = {
        "server.py": SERVER.replace(
            "class Server(http.server.ThreadingHTTPServer):",
            "class Server(http.server.ThreadingHTTPServer):\n    address_family = __import__('socket').AF_INET6",
        )
    }
    try:
        guest = start(files, "server.py", env={"BIND": "::1"})
    except StartError:
        pytest.skip("no IPv6 here")
    assert guest.get("/slow").body == b"slow"


@pytest.mark.parametrize(
    ("files", "line", "said"),
    [
        ({"run.sh": "#!/bin/sh\nexit 3\n"}, "run.sh", "ended with code 3 before it listened"),
        ({}, "no_such_thing --flag", "'no_such_thing' is neither a file of the code image nor a command"),
        ({}, "''", "neither"),
    ],
)
def test_what_is_wrong_reaches_the_host(start, files, line, said):
    with pytest.raises(StartError) as caught:
        start(files, line)
    assert said in caught.value.args[0]


def test_files_without_their_executable_bit_start_all_the_same(tmp_path):
    from hatch_aleph.guest.command import command_line

    (tmp_path / "a.sh").write_text("#!/usr/bin/env sh\n")
    (tmp_path / "plain").write_text("echo\n")
    (tmp_path / "a.py").write_text("print()\n")
    (tmp_path / "binary").write_bytes(b"\x7fELF rest")
    root, path = str(tmp_path), {"PATH": os.defpath}
    assert command_line("a.sh x", root, path) == ["/usr/bin/env", "sh", f"{root}/a.sh", "x"]
    assert command_line("plain", root, path) == ["/bin/sh", f"{root}/plain"]
    assert command_line("a.py 'b c'", root, path) == [sys.executable, f"{root}/a.py", "b c"]
    [copy] = command_line("binary", root, path)
    assert copy != f"{root}/binary"
    assert stat.S_IMODE(Path(copy).stat().st_mode) & 0o111
    (tmp_path / "a.sh").chmod(0o755)
    assert command_line("a.sh", root, path) == [f"{root}/a.sh"]
    assert command_line("sh -c true", root, path)[0].endswith("/sh")
    with pytest.raises(LookupError, match="the entrypoint of an executable is empty"):
        command_line(" ", root, path)


def test_variables_in_the_command_line_are_expanded(tmp_path):
    from hatch_aleph.guest.command import command_line

    def words(line):
        return command_line(line, str(tmp_path), {"PATH": os.defpath, "PORT": "8080", "NAME": "a b", "EMPTY": ""})[1:]

    assert words("env --port $PORT --bind=0.0.0.0:${PORT}") == ["--port", "8080", "--bind=0.0.0.0:8080"]
    assert words("env ${PORT:-5000} ${WORKERS:-2} ${EMPTY:-x} ${WORKERS-3}") == ["8080", "2", "x", "3"]
    assert words('env "$NAME" $NAME') == ["a b", "a b"]  # one word each: a value is never split
    assert words("env -c 'for x in 1 2; do echo $x; done' $5 $") == ["-c", "for x in 1 2; do echo $x; done", "$5", "$"]


def test_events_are_answered_in_its_place(guest):
    _, answer = guest.ask({"type": "aleph.message", "body": "{}"})
    assert "did not take" in answer["error"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's tables are Linux's")
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()", "on {}: let it listen on $PORT"),
        ("s = None", "on no port: let it listen on $PORT, or say `health = false` if it never will"),
    ],
)
def test_a_process_that_listens_elsewhere_or_never_is_told_in_the_log(
    tmp_path, monkeypatch, caplog, port, source, told
):
    from hatch_aleph.guest import executable
    from hatch_aleph.guest.configuration import Configuration

    (tmp_path / "worker.py").write_text(
        f"import socket, time\n{source}\nprint(s and s.getsockname()[1], file=open('port', 'w'), flush=True)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setenv("ALEPH_CODE_ROOT", str(tmp_path))
    monkeypatch.setattr(executable, "START_SECONDS", 2.0)

    async def main():
        started = executable.Executable(f"{sys.executable} worker.py", Configuration({"PORT": port}))
        try:
            await started.start()
        finally:
            await started.stop()

    asyncio.run(main())
    elsewhere = (tmp_path / "port").read_text().strip()
    assert f"nothing listens on {port} after 2 s; the process listens {told.format(elsewhere)}\n" in caplog.text


WORKER = """
import os, signal, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print("on", s.getsockname()[1], flush=True)
while not os.path.exists("END"): time.sleep(0.05)
os.remove("END")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_is_healthy_while_its_process_lives(start, port, tmp_path):
    """It never listens, which is known: nobody waits for that, and a request is told of the process."""
    end = tmp_path / "end"
    guest = start(
        {"worker.py": WORKER.replace("END", str(end))}, f"{sys.executable} worker.py", listens=False, seconds=9.0
    )
    check = HealthCheck(answers=False)
    answer = guest.get("/")
    assert answer.status == 503
    assert answer.header("aleph-process") == "running"
    assert answer.body.decode().startswith(f"nothing listens on {port} after 1 s; the process listens on ")
    assert judge(check, seen(answer), None) is None
    assert judge(HealthCheck(), seen(answer), None).endswith(answer.body.decode().strip())
    end.touch()
    deadline = time.monotonic() + 10
    while answer.header("aleph-process") == "running" and time.monotonic() < deadline:
        answer = guest.get("/")
    assert answer.header("aleph-process") == "ended"
    assert "has ended and is started again" in judge(check, seen(answer), None)


def seen(answer):
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Answer(answer.status, headers, answer.body.decode().strip())


def test_a_crash_on_the_local_host_as_a_real_one_is_mended(tmp_path, place, port):
    """The machine stays: only the process in it is started again, once for each crash."""
    files = {"server.py": SERVER}
    image = tmp_path / "code.squashfs"
    code = lay_out(tmp_path / "code", files, interface="executable", port=port, seconds=10.0)
    write_image(scan(code), image)
    spec = ProgramSpec(item_hash="cafe" * 16, entrypoint=f"aleph_entry:{place.python} server.py", code=image)
    machine = Machine(spec, place, limits=Limits.as_real(0.05))

    async def crash_twice() -> list[int]:
        await machine.start()
        try:
            pids = [json.loads((await machine.request("GET", "/")).body)["pid"]]
            for _ in range(2):
                assert (await machine.request("POST", "/crash", (), b"now")).status == 502
                pids.append(json.loads((await machine.request("GET", "/")).body)["pid"])
        finally:
            await machine.halt()
        return pids

    assert len(set(asyncio.run(crash_twice()))) == 3, machine.console.tail()
    assert machine.state.value == "stopped"
