"""Two apps and more of each usual framework in the local host, on the runtime's Python, beside uvicorn or gunicorn.

With the adapter every answer is the server's, as far as the host lets it through; bare, the same apps show why there is
an adapter. Needs the package index; run by the session ``matrix``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.local.host import Limits, Machine, ProgramSpec, StartError
from hatch_aleph.local.host.spec import VolumeSpec
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import APPS, SERVERS_OWN, fetch, lay_out, server
from tests.guest.test_frameworks import CORE, CORPUS, UNSTABLE, Case, running

if TYPE_CHECKING:
    from hatch_aleph.local.host import Answer as HostAnswer
    from tests.guest.rig import Answer, Request

pytestmark = [pytest.mark.slow, pytest.mark.index]

MATRIX = [
    *CORE,
    Case("django_routes", needs=("django",)),
    Case("django_routes", "wsgi_app", "gunicorn", ("django",)),
    Case("django_features", needs=("django",)),
    Case("django_features", "wsgi_app", "gunicorn", ("django",)),
    Case("quart_routes", needs=("quart",)),
    Case("quart_features", needs=("quart",)),
    Case("litestar_routes", needs=("litestar",)),
    Case("litestar_features", "create", needs=("litestar",), factory=True),
    Case("falcon_routes", server="gunicorn", needs=("falcon",)),
    Case("falcon_features", needs=("falcon",)),
    Case("blacksheep_routes", needs=("blacksheep",)),
    Case("blacksheep_features", needs=("blacksheep",)),
    Case("bottle_routes", server="gunicorn", needs=("bottle",)),
    Case("bottle_features", "application", "gunicorn", ("bottle",)),
    Case("aiohttp_client", needs=("aiohttp",)),
    Case("aiohttp_starlette", needs=("aiohttp", "starlette")),
    Case("datasette_plain", needs=("datasette", "setuptools<81")),
    Case("datasette_plugin", "make", needs=("datasette", "setuptools<81"), factory=True),
]
# What the host deletes, adds, or makes anew; and what differs from run to run: the hour, and the path of a file, which
# some put into entity tags
HOSTS_OWN = SERVERS_OWN | {b"content-encoding", b"vary", b"content-length", b"etag", b"expires"}


@pytest.fixture(scope="session")
def upstream(tmp_path_factory):
    """The server that the apps with a client ask."""
    folder = tmp_path_factory.mktemp("upstream")
    shutil.copy(APPS / "raw_asgi.py", folder)
    with server("uvicorn", "raw_asgi:app", folder) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def answers(tmp_path, installed, upstream, place):
    """Run a case under its server and in the local host; give both answers to each request."""

    def run(case: Case, *, adapter: bool) -> list[tuple[Request, Answer, HostAnswer]]:
        packages, image = installed(case.needs)
        files = {f"{case.module}.py": (APPS / f"{case.module}.py").read_text()}
        code = lay_out(tmp_path / "code", files, seconds=10.0)
        (code / "data.bin").write_bytes(bytes(range(256)) * 800)
        os.utime(code / "data.bin", (0, 0))  # as in the image
        code_image = tmp_path / "code.squashfs"
        write_image(scan(code), code_image)
        paths = os.pathsep.join([str(code), str(packages)])
        env = {"UPSTREAM": upstream, "PYTHONPATH": paths}
        with running(case, code, env=env, python=str(place.python)) as port:
            theirs = [fetch(port, request) for request in CORPUS]
        spec = ProgramSpec(
            item_hash="cafe" * 16,
            entrypoint=("aleph_entry:" if adapter else "") + f"{case.module}:{case.name}",
            code=code_image,
            volumes=(VolumeSpec("/opt/packages", image=image),),
            variables={"UPSTREAM": upstream},
            seconds=10.0 if adapter else 3.0,
        )
        return list(zip(CORPUS, theirs, asyncio.run(ask(Machine(spec, place, limits=Limits())))))  # noqa: B905 - cut short

    return run


async def ask(machine: Machine) -> list[HostAnswer]:
    """Ask for the whole corpus, or until the machine is gone: the first hang says enough."""
    answers = []
    try:
        await machine.start()
        for request in CORPUS:
            answers.append(await machine.request(request.method, request.target, request.headers, request.body))
            if answers[-1].status in (502, 504):
                break
    finally:
        await machine.halt()
    return answers


def differs(request: Request, theirs: Answer, ours: HostAnswer) -> bool:
    """Tell whether the host gives its client anything else than what the server's answer would have become there."""
    if theirs.status != ours.status or request.target in UNSTABLE:
        return theirs.status != ours.status
    if theirs.status == 404:
        return request.method != "HEAD" and json.loads(ours.body) != {"error": theirs.body.decode()}
    expected = {(key.decode(), value.decode("latin-1")) for key, value in theirs.headers if key not in HOSTS_OWN}
    got = {one for one in ours.headers if one[0].encode() not in HOSTS_OWN and not one[0].startswith("aleph-")}
    length = ours.header("content-length")
    hangs = request.method != "HEAD" and theirs.status not in (204, 304) and length != str(len(ours.body))
    return theirs.body != ours.body or _sorted_lists(expected) != _sorted_lists(got) or hangs


def _sorted_lists(headers: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Put the methods of ``Allow`` in order: frameworks keep them in sets."""
    return {(key, ", ".join(sorted(value.split(", "))) if key == "allow" else value) for key, value in headers}


@pytest.mark.parametrize("case", MATRIX, ids=lambda case: f"{case.module}:{case.name}")
def test_with_the_adapter_every_answer_is_the_servers(case, answers):
    found = answers(case, adapter=True)
    wrong = [f"{one[0].method} {one[0].target}\n  {one[1]}\n  {one[2]}" for one in found if differs(*one)]
    assert not wrong, "\n".join(wrong)
    assert len(found) == len(CORPUS)


@pytest.mark.parametrize("case", MATRIX, ids=lambda case: f"{case.module}:{case.name}")
def test_bare_it_fails(case, answers):
    try:
        found = answers(case, adapter=False)
    except StartError:
        return  # WSGI, factories, and apps whose lifespan the init does not understand
    wrong = [one[0].target for one in found if differs(*one)]
    assert wrong
