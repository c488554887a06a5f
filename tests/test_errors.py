"""Every kind of error has an exit code and a section in the documentation, which its message names."""

import inspect
import re
from pathlib import Path

import pytest

from hatch_aleph import errors
from hatch_aleph.errors import ImageError
from hatch_aleph.files import atomic_path
from hatch_aleph.local.host.source import UnknownMessageError
from hatch_aleph.squashfs import Entry, SquashfsError, write_image

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "errors.md").read_text("utf-8")
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def section(anchor: str) -> str:
    """Return what stands under the heading that an anchor leads to, as GitHub and Sphinx make anchors of headings."""
    for heading, text in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL):
        if re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") == anchor:
            return text
    raise AssertionError(anchor)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_names_the_section_of_its_kind(kind):
    page, _, anchor = kind("The file cannot be read", where="x").with_help.rpartition("See ")[2].partition("#")
    assert f"Exit code {kind.exit_code}." in section(anchor)
    assert f"| {kind.exit_code} | [`{kind.__name__}`](#{anchor})" in PAGE
    assert page == errors.PAGE


def test_a_kind_of_another_room_leads_to_the_one_it_belongs_to():
    assert UnknownMessageError("x").help_url.endswith("#networkerror")


def test_the_page_is_that_of_this_repository():
    tree = (DOCS.parent / "pyproject.toml").read_text("utf-8")
    (documentation,) = re.findall(r'^Documentation = "(.+)"$', tree, re.MULTILINE)
    assert errors.PAGE.replace("/blob/", "/tree/") == f"{documentation}/errors.md"


def test_every_class_has_its_own_exit_code():
    codes = [kind.exit_code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert {0, 2, 130}.isdisjoint(codes)


def test_an_image_that_cannot_be_written_names_the_file_that_is_why(tmp_path):
    image, source = tmp_path / "image", tmp_path / "source"
    with pytest.raises(SquashfsError) as caught:
        write_image([Entry("a", "file", 0o644, source)], image)
    told = ImageError.unwritable(image, caught.value)
    assert str(told).startswith(f"{image}: The file cannot be written: {source} cannot be read: No such file")
    assert told.hint == "Let this user read it, or leave it out by Hatch's `exclude`."
    with pytest.raises(SquashfsError) as caught:
        write_image([], tmp_path / "none" / "image")
    told = ImageError.unwritable(tmp_path / "none" / "image", caught.value)
    assert told.message == "The file cannot be written: No such file or directory"
    assert "Make room" in (told.hint or "")
    with atomic_path(image) as unfinished:
        full = SquashfsError("cannot be written: No space left on device", path=str(unfinished))
        unfinished.touch()
    told = ImageError.unwritable(image, full)
    assert told.message == "The file cannot be written: No space left on device"
    assert "Make room" in (told.hint or "")
