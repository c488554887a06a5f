"""What strangers publish for others to run: their messages and images are refused, or stay where programs belong."""

from __future__ import annotations

import asyncio
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.local.host import Source, published
from hatch_aleph.network.client import NodeClient
from hatch_aleph.squashfs import Entry, write_image
from tests.local.host.conftest import ACCOUNT, RUNTIME, STRANGER, python311, serving, with_host
from tests.local.host.conftest import TinyNode as Publisher

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["python311", "with_host"]
LEAST = 20
APP = b"""
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await send({"type": (await receive())["type"] + ".complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ran"})
"""
VOLUME = {"persistence": "host", "size_mib": 1}


def packed(*entries: Entry) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "image")
        write_image([Entry("main.py", "file", 0o644, APP), *entries], image)
        return image.read_bytes()


def program(node: Publisher, ref: str, code: dict[str, Any] | None = None, **changes: Any) -> str:
    content = {
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": ref, "use_latest": True, **(code or {})},
        "runtime": {"ref": RUNTIME, "use_latest": True},
        "on": {"http": True, "persistent": False},
        "resources": {"vcpus": 1, "memory": 256, "seconds": 10},
        "environment": {"internet": False},
    }
    return node.publish("PROGRAM", {**content, **changes})


def zipped(*names: str, link: str = "") -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("main.py", APP)
        for name in names:
            item = zipfile.ZipInfo(name)
            if link:
                item.external_attr = 0o120777 << 16
            written.writestr(item, link or "evil")
    return archive.getvalue()


def content(**changes: Any) -> Callable[[Publisher], str]:
    """Return what publishes a program that says something."""
    return lambda node: program(node, node.store(packed()), **changes)


def code(data: Callable[[], bytes], encoding: str = "squashfs") -> Callable[[Publisher], str]:
    """Return what publishes a program whose code is some bytes."""
    return lambda node: program(node, node.store(data()), code={"encoding": encoding})


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Publisher], str]:
    """Return what publishes a program and then changes its message as no owner has signed it."""

    def publish(node: Publisher) -> str:
        item_hash = program(node, node.store(packed()))
        change(node.messages[item_hash])
        return item_hash

    return publish


def amended_by_a_stranger(node: Publisher) -> str:
    ref = node.store(packed())
    node.store(packed(Entry("evil.py", "file", 0o644, b"")), STRANGER, ref=ref)
    return program(node, ref)


def other_bytes(node: Publisher) -> str:
    ref = node.store(packed())
    for file_hash in node.files:
        node.files[file_hash] = packed(Entry("evil.py", "file", 0o644, b""))
    return program(node, ref)


def bomb() -> bytes:
    """Return an image whose files are endless holes."""
    return packed(*(Entry(f"zeros{number}", "file", 0o644, bytes(1 << 25)) for number in range(4)))


def tar() -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as written:
        written.addfile(tarfile.TarInfo("../../evil"), io.BytesIO())
    return archive.getvalue()


HARMLESS = "harmless"
# Who publishes what, and a part of what is said of it; or harmless: nothing of it is outside of the host's folders.
PUBLISHED: dict[str, tuple[Callable[[Publisher], str], str]] = {
    "a mount that climbs": (
        content(volumes=[{"mount": "/../../evil", "name": "a", **VOLUME}]),
        "no place in the guest",
    ),
    "a mount that climbs inside": (content(volumes=[{"mount": "/opt/../../evil", "name": "a", **VOLUME}]), "no place"),
    "a relative mount": (content(volumes=[{"mount": "evil", "name": "a", **VOLUME}]), "no place in the guest"),
    "a mount with a zero": (content(volumes=[{"mount": "/opt/a\0/evil", "name": "a", **VOLUME}]), "no place"),
    "a volume's name that climbs": (content(volumes=[{"mount": "/opt/a", "name": "../../evil", **VOLUME}]), "no name"),
    "a volume's name of Windows": (content(volumes=[{"mount": "/opt/a", "name": "..\\evil", **VOLUME}]), "no name"),
    "a volume that is the folder": (
        content(volumes=[{"mount": "/opt/a", "name": "..", **VOLUME}]),
        "no name of a file",
    ),
    "an immutable volume that climbs": (content(volumes=[{"mount": "/opt/../../evil", "ref": "ab" * 32}]), "no place"),
    "a ref that is a path": (content(volumes=[{"mount": "/opt/a", "ref": "../../../etc/passwd"}]), "does not know it"),
    "a runtime that is a path": (content(runtime={"ref": "../../etc", "use_latest": True}), HARMLESS),
    "data that is a path": (
        content(data={"ref": "/etc/passwd", "mount": "/data", "encoding": "zip"}),
        "does not know it",
    ),
    "an entry point that climbs": (content(code={"entrypoint": "../../evil"}), "outside of its code"),
    "an absolute entry point": (content(code={"entrypoint": "/bin/sh"}), "outside of its code"),
    "content of another program": (
        changed(lambda m: m["message"]["content"].update(variables={"A": "evil"})),
        HARMLESS,
    ),
    "another hash": (changed(lambda m: m["message"].update(item_hash="ab" * 32)), HARMLESS),
    "another owner": (changed(lambda m: m["message"]["content"].update(address=STRANGER.address)), HARMLESS),
    "a signature of nobody": (changed(lambda m: m["message"].update(signature="0x" + "00" * 65)), "did not sign"),
    "an amend by a stranger": (amended_by_a_stranger, HARMLESS),
    "other bytes than it says": (other_bytes, "other bytes than those of the hash"),
    "a link that leads out": (code(lambda: packed(Entry("out", "symlink", 0o777, target="/etc"))), HARMLESS),
    "a file behind a link": (code(lambda: zipped("out", "out/evil", link="/tmp")), HARMLESS),  # noqa: S108 - not made
    "an archive that climbs": (code(lambda: zipped("../../evil"), "zip"), HARMLESS),
    "an archive in place of an image": (code(tar), HARMLESS),
    "an image of holes": (code(bomb), HARMLESS),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_strangers_program_is_refused_or_stays_where_it_belongs(tmp_path: Path, name: str) -> None:
    from aiohttp import web

    publish, told = PUBLISHED[name]
    cache = tmp_path / "host" / "deep" / "cache"

    async def fetch() -> Any:
        node, app = Publisher(), web.Application()
        node.attach(app)
        async with serving(app) as url:
            node.url = url
            item_hash = publish(node)
            source = Source(lambda: NodeClient([url]), cache)
            try:
                return await published(source, item_hash)
            finally:
                source.close()

    if told == HARMLESS:
        spec = asyncio.run(fetch())
        assert (spec.owner, spec.variables) == (ACCOUNT.address, {})
        assert spec.code.resolve().is_relative_to(cache)
    else:
        with pytest.raises(HatchAlephError) as caught:
            asyncio.run(fetch())
        assert told in str(caught.value)
    assert not [path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(cache)]
    assert {path.name for path in tmp_path.iterdir()} <= {"host"}


RUN = {
    "a link that leads out": code(lambda: packed(Entry("out", "symlink", 0o777, target="/etc"))),
    "an archive that climbs": code(lambda: zipped("../../../../../../evil-from-zip"), "zip"),
    "a file behind a link": code(lambda: zipped("out", "out/evil-behind-link", link=".."), "zip"),
    "a device's name": code(lambda: packed(Entry("dev/null", "file", 0o644, b"x"))),
}


@pytest.mark.parametrize("name", RUN)
def test_what_it_unpacks_stays_in_the_hosts_folders(with_host: Any, tmp_path: Path, name: str) -> None:
    async def use(node: Any, _host: Any, client: Any) -> int:
        item_hash = RUN[name](node)
        async with client.get(f"{node.url}/vm/{item_hash}/") as reply:
            return int(reply.status)

    assert with_host(use) in (200, 400, 500, 502, 503)
    assert not [path for path in tmp_path.rglob("*evil*") if "host" not in path.relative_to(tmp_path).parts]


def test_there_are_programs_enough() -> None:
    assert len(PUBLISHED) >= LEAST
