"""The plan tells what changes inside the images: distributions with their sizes, own files by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hatch_aleph.cli.image_changes import image_changes
from hatch_aleph.errors import NetworkError
from hatch_aleph.squashfs import Entry, Options, write_image
from tests.cli.test_deploy import write  # noqa: F401 - a fixture


def packages(file, **distributions):
    entries = []
    for name, (version, size) in distributions.items():
        code = f"{name}/__init__.py"
        entries += [
            Entry(name, "directory"),
            Entry(code, "file", 0o644, b"#" + bytes(range(256)) * (size // 256)),
            Entry(f"{name}-{version}.dist-info", "directory"),
            Entry(f"{name}-{version}.dist-info/RECORD", "file", 0o644, f"{code},,\n".encode()),
        ]
    return write_image(entries, file, Options())


class Node:
    """Has one image; counts how often it is asked for it."""

    def __init__(self, file=None):
        self.file, self.asked = file, 0

    def download(self, file_hash, destination, *, size):
        self.asked += 1
        if self.file is None:
            raise NetworkError("There is no such file")
        destination.write_bytes(self.file.read_bytes())


def changes(node, after, before, sha256="b" * 64, role="packages"):
    image = SimpleNamespace(role=role)
    step = SimpleNamespace(
        role=role, sends=True, sha256=sha256, before=before, size=after.stat().st_size, engine="storage"
    )
    artifact = SimpleNamespace(manifest=SimpleNamespace(images=(image,)), file=lambda _image: after)
    return image_changes(node, artifact, SimpleNamespace(images=(step,)))


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / "cache"))


def test_distributions_are_compared(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    packages(old, gone=("1.0", 4096), kept=("1.0", 4096), moved=("1.0", 4096))
    packages(new, come=("3.0", 4096), kept=("1.0", 4096), moved=("2.0", 4096))
    node = Node(old)
    found = changes(node, new, "a" * 64)["packages"]
    assert (len(found.added), len(found.removed), len(found.changed)) == (1, 1, 1)
    assert found.added[0].startswith("come 3.0 ")
    assert found.removed[0].startswith("gone 1.0 ")
    assert found.changed[0].startswith("moved 1.0 → 2.0 ")
    assert found.text.startswith("3 distributions, 1 added, 1 removed, 1 changed: + come 3.0 ")
    assert changes(node, new, "a" * 64)["packages"] == found
    assert node.asked == 1  # remembered by its hash


def test_a_first_image_names_its_heaviest(tmp_path):
    packages(tmp_path / "new", small=("1.0", 256), large=("2.0", 300_000))
    text = changes(Node(), tmp_path / "new", None)["packages"].text
    assert text.startswith("2 distributions, heaviest large 2.0 ")


def test_what_cannot_be_had_is_said_to_be_unknown_with_the_way_to_see_it(tmp_path, monkeypatch):
    packages(tmp_path / "new", small=("1.0", 256))
    found = changes(Node(), tmp_path / "new", "a" * 64)["packages"]
    assert (found.is_known, found.added, found.removed, found.changed) == (False, (), (), ())
    way = "this machine does not know what changes, `hatch-aleph diff` fetches what is live"
    assert found.text == f"1 distribution: {way}"
    write_image([Entry("data", "file", 0o644, b"x")], tmp_path / "own", Options())
    monkeypatch.setattr("hatch_aleph.build.image_contents.LARGEST_READ", 1)
    assert changes(Node(), tmp_path / "own", "a" * 64, "c" * 64, role="code")["code"].text == f"files: {way}"
    assert changes(Node(), tmp_path / "own", None, "c" * 64, role="code") == {}


def test_of_what_is_damaged_nothing_is_said(tmp_path):
    packages(tmp_path / "new", small=("1.0", 256))
    (tmp_path / "broken").write_bytes(b"hsqs" + bytes(200))
    assert changes(Node(tmp_path / "broken"), tmp_path / "new", "a" * 64) == {}


def test_own_files_are_counted(cli, write, tmp_path, monkeypatch):  # noqa: F811
    project = write("of own files")
    first = cli("plan", "--project", project).out
    assert "1 file" in first
    assert "2 to create, 0 to change, 0 to replace, " in first
    cli.json("deploy", "--project", project, "--yes", "--no-smoke")
    write("of own files, again")
    (project / "more.py").write_text("")
    for cache in ("cache", "elsewhere"):  # the second is another machine, which has to ask the node
        monkeypatch.setenv("HATCH_ALEPH_CACHE", str(tmp_path / cache))
        shown = cli("plan", "--project", project).out
        assert "2 files, 1 added, 1 changed: + more.py, ~ main.py" in shown
        assert "1 to change, 0 to replace, " in shown
        assert " in 30 days (" in shown
    done = cli.json("plan", "--project", project).result
    assert done["contents"]["code"]["changed"] == ["main.py"]
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cli.json("deploy", "--project", project, "--yes", "--no-smoke")
    assert "+ more.py" in summary.read_text()


def test_a_page_of_a_ci_job_shows_what_others_wrote_as_it_is(cli, write, tmp_path, monkeypatch):  # noqa: F811
    project = write("of the page")
    cli.json("deploy", "--project", project, "--yes", "--no-smoke")
    (project / "more.py").write_text("")
    write("of the page", settings=r'variables.A = "\u001b[31m`<b>`\n## b"')
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert cli("plan", "--project", project).code == 0
    page = summary.read_text("utf-8").splitlines()
    assert "- code: `2 files, 1 added: + more.py`" in page
    assert r"- `variables.A`: `—` → `` \x1b[31m`<b>`\n## b ``" in page


def test_a_replacement_stands_first_with_its_reason(cli, write):  # noqa: F811
    project = write("of a replacement")
    cli.json("deploy", "--project", project, "--yes", "--no-smoke")
    write("of another replacement", settings="memory = 512")
    lines = cli("plan", "--project", project).out.splitlines()
    marked = [line for line in lines if line[:5].strip()]
    assert marked[1].split()[:3] == ["-/+", "program", "replace"]
    uploaded = next(line for line in marked if line.endswith("to storage"))
    assert len(uploaded) < 50  # the whole hash of what is forgotten moves no column
    assert lines[lines.index(marked[1]) + 1].strip() == "resources.memory: 2048 → 512"
    assert cli.json("plan", "--project", project).result["plan"]["program"]["action"] == "replace"
