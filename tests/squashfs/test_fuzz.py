"""Generated trees through every reader; ``-m slow`` makes thousands of them."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_aleph.squashfs import Entry, Group, Options, Segment, verify, write_image, write_segment

BLOCK = 4096

_bytes = st.integers(1, 255).filter(lambda number: number != ord("/"))
_names = st.one_of(
    st.sampled_from(["a", "b", "c", "dir", "x" * 255, "é"]),
    st.lists(_bytes, min_size=1, max_size=255).map(lambda numbers: bytes(numbers).decode("utf-8", "surrogateescape")),
).filter(lambda name: name not in (".", "..") and len(name.encode("utf-8", "surrogateescape")) <= 255)
_paths = st.lists(_names, min_size=1, max_size=5).map("/".join)
_pieces = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([bytes(BLOCK), b"text " * 900, bytes(range(256)) * 16, b"\1" * (BLOCK - 1), bytes(100)]),
    st.randoms(use_true_random=False).map(lambda random: random.randbytes(random.randrange(3 * BLOCK))),
)
_contents = st.lists(_pieces, max_size=6).map(b"".join)
_targets = st.one_of(_paths, st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80))


@st.composite
def trees(draw):
    """Entries whose paths do not contradict each other."""
    entries, folders, pool = {}, set(), []
    for path in draw(st.lists(_paths, max_size=25, unique=True)):
        above = {path[:at] for at, letter in enumerate(path) if letter == "/"}
        if path in folders or any(entries[other].kind != "directory" for other in above & entries.keys()):
            continue
        folders |= above
        linkable = [other for other, entry in entries.items() if entry.kind != "directory"]
        kind = draw(st.sampled_from(["file", "file", "file", "directory", "symlink", "hardlink"]))
        if kind == "file":
            content = draw(st.sampled_from(pool)) if pool and draw(st.booleans()) else draw(_contents)
            pool.append(content)
            entries[path] = Entry(path, "file", draw(st.sampled_from([0o644, 0o755, 0o600])), content)
        elif kind == "directory":
            entries[path] = Entry(path, "directory", draw(st.sampled_from([0o755, 0o700])))
            folders.add(path)
        elif kind == "symlink":
            entries[path] = Entry(path, "symlink", 0o777, target=draw(_targets))
        elif linkable:
            entries[path] = Entry(path, "hardlink", target=draw(st.sampled_from(linkable)))
    return draw(st.permutations(list(entries.values())))


_options = st.builds(
    Options,
    codec=st.sampled_from(["zstd", "zstd", "zstd", "gzip", "xz"]),
    level=st.integers(1, 9),
    block_size=st.sampled_from([BLOCK, BLOCK, 8192, 131072]),
    workers=st.integers(1, 4),
)


def check(entries, options, readers, promise):
    expected = promise(entries)
    with tempfile.TemporaryDirectory() as scratch:
        image = Path(scratch) / "image"
        summary = write_image(entries, image, options)
        assert verify(image).members == len(expected[0])
        for name, reader in readers.items():
            assert reader(image, Path(scratch) / name) == expected, name
        again = write_image(reversed(entries), image, Options(*options.layout_key, workers=2))
        assert again.sha256 == summary.sha256


def check_segments(entries, cut, options):
    """Cut a tree into two groups, whatever links lead from one to the other."""
    groups = [[], []]
    for entry in entries:
        groups[zlib.crc32(entry.path.encode("utf-8", "surrogateescape")) % 100 < cut].append(entry)
    with tempfile.TemporaryDirectory() as scratch:
        at_once = write_image([Group(group) for group in groups], Path(scratch) / "one", options)
        for number, group in enumerate(groups):
            write_segment(group, Path(scratch) / f"segment{number}", options)
        kept = [Segment.load(Path(scratch) / f"segment{number}") for number in (0, 1)]
        assert write_image(kept, Path(scratch) / "two", options).sha256 == at_once.sha256


_quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@settings(max_examples=25, deadline=None, suppress_health_check=_quiet)
@given(entries=trees(), options=_options)
def test_trees(entries, options, readers, promise):
    check(entries, options, readers, promise)


@settings(max_examples=20, deadline=None, suppress_health_check=_quiet)
@given(entries=trees(), cut=st.integers(0, 100), options=_options)
def test_segments(entries, cut, options):
    check_segments(entries, cut, options)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=2500, deadline=None, suppress_health_check=_quiet)
@given(entries=trees(), options=_options)
def test_thousands_of_trees(entries, options, readers, promise):
    check(entries, options, readers, promise)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=1000, deadline=None, suppress_health_check=_quiet)
@given(entries=trees(), cut=st.integers(0, 100), options=_options)
def test_thousands_of_segments(entries, cut, options):
    check_segments(entries, cut, options)
