"""A tree that has it all, through every reader."""

from __future__ import annotations

import random

import pytest

from hatch_aleph.squashfs import Entry, Options, verify, write_image

BLOCK = 4096


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)  # noqa: S311 - content that does not compress, the same each time


def text(size, seed=0):
    return (b"%d squashfs " % seed * (size // 8 + 1))[:size]


def nasty():
    yield from sizes()
    yield from twins()
    yield from names()
    yield from shapes()


def sizes():
    for blocks in (0, 1, 2, 3, 32):
        for more in (-1, 0, 1, BLOCK // 2):
            size = blocks * BLOCK + more
            if size >= 0:
                yield Entry(f"sizes/noise/{size}", "file", 0o644, noise(size, size))
                yield Entry(f"sizes/text/{size}", "file", 0o755, text(size, size))
    hole = bytes(BLOCK)
    for name, content in {
        "all": hole * 40,
        "tail": hole * 3 + b"\0" * 17,
        "front": hole + noise(BLOCK, 1),
        "middle": noise(BLOCK, 2) + hole * 2 + text(BLOCK) + b"end",
        "back": noise(BLOCK, 3) + hole,
        "almost": hole[:-1] + b"\1" + hole,
    }.items():
        yield Entry(f"sparse/{name}", "file", 0o644, content)


def twins():
    for name in ("a", "b", "sub/c"):
        yield Entry(f"twins/{name}", "file", 0o644, noise(5 * BLOCK + 100, 7))
        yield Entry(f"twins/{name}.small", "file", 0o644, b"the same")
    for seed in (1, 2):  # equal tails of different files
        yield Entry(f"twins/tail{seed}", "file", 0o644, noise(BLOCK, seed) + b"equal tails" * 9)
    for seed in (1, 2):  # equal length, different content
        yield Entry(f"twins/length{seed}", "file", 0o644, noise(3 * BLOCK, 100 + seed))
    yield Entry("twins/linked", "hardlink", target="twins/a")
    yield Entry("elsewhere/linked", "hardlink", target="twins/linked")
    yield Entry("a first", "hardlink", target="twins/a")
    yield Entry("twins/link", "symlink", target="a")
    yield Entry("zz/link", "hardlink", target="twins/link")


def names():
    for number in range(1, 256):
        name = bytes([number])
        if name not in (b"/", b"."):
            yield Entry(f"names/{decode(name)}", "file", 0o644, b"byte %d" % number)
            yield Entry(f"names/x{decode(name)}y", "file", 0o644, b"")
    for name in ("é" * 127, "\N{PILE OF POO}" * 63, "n" * 255, decode(b"\xff" * 255), "..."):
        yield Entry(f"names/long/{name}", "file", 0o644, name[:1].encode("utf-8", "surrogateescape"))
    for number in range(10_000):
        yield Entry(f"many/{number * 7919 % 10_000:05} {'n' * (number % 30)}", "file", 0o644, b"%d" % (number % 1000))
    yield Entry("/".join("d" * 1200) + "/deep", "file", 0o644, b"deep")
    yield Entry("/".join(["long folder" * 23] * 8), "directory", 0o755)


def shapes():
    yield Entry("empty", "directory", 0o755)
    yield Entry("private", "directory", 0o700)
    yield Entry("private/key", "file", 0o600, b"secret")
    yield Entry("void", "file", 0o644, b"")
    for target in ("x", "/absolute/../path", "../outside", "t/" * 2047 + "t", "names/" + decode(b"\xfe\xff")):
        yield Entry(f"links/{len(target)}", "symlink", target=target)


def decode(name):
    return name.decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    image = tmp_path_factory.mktemp("nasty") / "image"
    write_image(nasty(), image, Options(block_size=BLOCK, level=3))
    return image


def test_every_reader_finds_what_went_in(image, reader, promise, tmp_path):
    found, links = reader(image, tmp_path / "folder")
    expected, expected_links = promise(nasty())
    assert found.keys() == expected.keys()
    assert {path: (found[path], what) for path, what in expected.items() if found[path] != what} == {}
    assert links == expected_links


def test_it_verifies(image, promise):
    assert verify(image).members == len(promise(nasty())[0])


@pytest.mark.parametrize("block_size", [131072, 1 << 20])
@pytest.mark.parametrize("codec", ["zstd", "gzip", "xz"])
def test_other_codecs_and_blocks(codec, block_size, readers, promise, tmp_path):
    def entries():
        for more in (-1, 0, 1, 5000):
            yield Entry(f"text{more}", "file", 0o644, text(block_size + more, more))
            yield Entry(f"noise{more}", "file", 0o644, noise(2 * block_size + more, more))
        yield Entry("hole", "file", 0o644, bytes(3 * block_size + 1))

    image = tmp_path / "image"
    write_image(entries(), image, Options(codec=codec, block_size=block_size, level=1))
    for name, reader in readers.items():
        assert reader(image, tmp_path / name) == promise(entries())
