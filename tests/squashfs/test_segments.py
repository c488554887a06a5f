from __future__ import annotations

import pytest

from hatch_aleph.squashfs import (
    Entry,
    Group,
    Options,
    Segment,
    SquashfsError,
    segments,
    verify,
    write_image,
    write_segment,
)

ENTRIES = [Entry(f"wheel/{number}.py", "file", 0o644, b"import os\n" * number) for number in range(300)]


@pytest.fixture
def segment(tmp_path):
    write_segment(ENTRIES, tmp_path / "segment")
    return tmp_path / "segment"


def test_many_segments_and_an_entry(tmp_path):
    """As the image of an application's packages is made, but that one group was packed just now."""
    wheels = [
        [Entry(f"w{wheel}/{number}.py", "file", 0o644, b"%d\n" % wheel * number) for number in range(50)]
        for wheel in range(5)
    ]
    loose = Entry("lock.toml", "file", 0o644, b"lock")
    for number, wheel in enumerate(wheels):
        write_segment(wheel, tmp_path / f"{number}", Options(workers=1 + number % 2))
    known = [Segment.load(tmp_path / f"{number}") for number in range(5)]
    mixed = write_image([known[0], Group(wheels[1]), loose, *known[2:]], tmp_path / "a", Options(time=7))
    at_once = write_image([loose, *map(Group, wheels)], tmp_path / "b", Options(time=7))
    assert mixed.sha256 == at_once.sha256
    assert verify(tmp_path / "a").members == 5 * 50 + 5 + 1


def test_a_segment_just_written_is_as_good_as_a_loaded_one(tmp_path):
    written = write_segment(ENTRIES, tmp_path / "segment")
    loaded = Segment.load(tmp_path / "segment")
    images = [write_image([each], tmp_path / "image").sha256 for each in (written, loaded, loaded)]
    assert len(set(images)) == 1
    assert written.sha256 == loaded.sha256


@pytest.mark.parametrize("position", [0, 100, -1, -20, -45, -60, -5000])
def test_damage_is_found(segment, position):
    data = bytearray(segment.read_bytes())
    data[position] ^= 1
    segment.write_bytes(data)
    with pytest.raises(SquashfsError, match=r"is damaged|is no segment"):
        Segment.load(segment)


@pytest.mark.parametrize("length", [0, 10, 48, 1000])
def test_a_segment_cut_off_is_found(segment, length):
    segment.write_bytes(segment.read_bytes()[:length])
    with pytest.raises(SquashfsError, match="is no segment"):
        Segment.load(segment)


def test_a_segment_that_is_not_there(tmp_path):
    with pytest.raises(SquashfsError, match="cannot be read"):
        Segment.load(tmp_path / "none")


def test_a_segment_that_goes_before_it_is_copied(segment, tmp_path):
    loaded = Segment.load(segment)
    segment.unlink()
    with pytest.raises(SquashfsError, match="segment: cannot be read"):
        write_image([loaded], tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_a_segment_that_shrinks_before_it_is_copied(segment, tmp_path):
    loaded = Segment.load(segment)
    segment.write_bytes(segment.read_bytes()[:10])
    with pytest.raises(SquashfsError, match="is damaged: it ends too early"):
        write_image([loaded], tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_a_segment_of_another_version_or_length_is_refused(segment, tmp_path, monkeypatch):
    segment.write_bytes(segment.read_bytes()[1:])
    with pytest.raises(SquashfsError, match="it has not the length that was written"):
        Segment.load(segment)
    monkeypatch.setattr(segments, "VERSION", segments.VERSION + 1)
    write_segment(ENTRIES, tmp_path / "newer")
    monkeypatch.undo()
    with pytest.raises(SquashfsError, match=f"is a segment of version {segments.VERSION + 1}, not"):
        Segment.load(tmp_path / "newer")


@pytest.mark.parametrize("options", [{"level": 3}, {"codec": "gzip"}, {"block_size": 65536}])
def test_a_segment_of_another_look_is_refused(segment, tmp_path, options):
    with pytest.raises(SquashfsError, match="is a segment of"):
        write_image([Segment.load(segment)], tmp_path / "image", Options(**options))


def test_two_segments_with_one_path_are_refused(segment, tmp_path):
    with pytest.raises(SquashfsError, match=r"wheel/0\.py: is there twice"):
        write_image([Segment.load(segment), Segment.load(segment)], tmp_path / "image")
