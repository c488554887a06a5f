"""Tables show what is in them, whatever it is and wherever they are shown."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_aleph.cli import tables
from hatch_aleph.cli.tables import folded, show_table, terminal_width
from tests.cli.terminal import Terminal

COMMANDS = Path(tables.__file__).parent
HASH = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
HOSTILE = [
    "[/x]",
    "[prod] blue",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "a\rb",
    "\u202eevil",
    ":smile:",
    "[link=http://x]y[/]",
    "漢字",
]


def shown(columns, rows, title="", width=None) -> str:
    stream = io.StringIO()
    show_table(title, columns, rows, stream=stream, width=width)
    return stream.getvalue()


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("width", [None, 40, 100])
def test_hostile_text_is_shown_as_it_is(cell, width):
    text = shown(["name", cell], [[cell, HASH], ["plain", cell]], title=f"of {cell}", width=width)
    assert not set("\x1b\x07\r\u202e") & set(text)
    as_it_is = cell.replace("\x1b", r"\x1b").replace("\x07", r"\x07").replace("\r", r"\r").replace("\u202e", r"\u202e")
    assert text.count(as_it_is) >= 3


def test_numbers_line_up_at_the_right():
    rows = [["a", "7", "$0.26 a day", "1.5 MiB"], ["b", "1,200", "$12.00 a day", "-"], ["c", "9", "-", "15 KiB"]]
    lines = shown(["name", "files", "cost", "size"], rows).splitlines()
    assert [line.rstrip() for line in lines] == [
        "name  files          cost     size",
        "a         7   $0.26 a day  1.5 MiB",
        "b     1,200  $12.00 a day        -",
        "c         9             -   15 KiB",
    ]


def test_nor_is_the_beginning_of_a_hash():
    assert "99d87ae31b0d…" in shown(["name", "item hash"], [["a name of many words " * 3, "99d87ae31b0d…"]], width=30)


@pytest.mark.parametrize("width", [40, 70, 80, 100, 200, None])
def test_hashes_are_never_folded(width):
    columns = ["name", "item hash", "state", "since", "what it is"]
    row = ["my-api", HASH, "processed", "2026-01-01 10:00:00 UTC", "a program of some words, which may well be folded"]
    text = shown(columns, [row], title="All", width=width)
    assert HASH in text
    assert text.startswith("All\n")
    if width and width >= 80:
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_words_are_never_broken():
    rows = [["1", "12 vCPU, 24576 MiB", "$15.84 (15,840,000 credits)", "does not start, as it says"]] * 2
    for width in range(52, 120):
        told = shown(["units", "size", "persistent", "state-as-it-was-seen now"], rows, width=width)
        assert {word for row in rows for cell in row for word in cell.split()} <= set(told.split()), width
        assert max(map(len, told.splitlines())) <= width


def test_on_a_narrow_terminal_entries_stand_below_each_other():
    text = shown(["name", "item hash"], [["one", HASH], ["two", HASH]], width=60)
    assert text == f"name       one\nitem hash  {HASH}\n\nname       two\nitem hash  {HASH}\n"


def test_elsewhere_than_on_a_terminal_a_row_is_a_line():
    rows = [["x" * 300, "words and words " * 30]]
    assert len(shown(["a", "b"], rows).splitlines()) == 2


def test_a_cell_may_have_lines():
    lines = shown(["a", "b"], [["one\ntwo", "x"]]).splitlines()
    assert [line.rstrip() for line in lines] == ["a    b", "one  x", "two"]


WRITERS = {
    ("output.py", "click.echo"), ("tables.py", "click.echo"), ("live.py", "self._stream.write"),
    ("questions.py", "click.echo"), ("__init__.py", "click.echo"),  # a line feed, and the overview
    ("deploy.py", "stream.write"),  # the page of a CI job
}  # fmt: skip


def test_every_table_is_made_by_one_function_and_every_word_written_by_one_room():
    """So what is shown here of one table holds for all, and what of a line that is said for all of them."""
    tables, writers = set(), set()
    for file in COMMANDS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom | ast.Import):
                assert "rich" not in {getattr(node, "module", None), *(each.name for each in node.names)}, file
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.endswith((".table", "show_table")):
                assert called in ("context.output.table", "output.table", "show_table"), file
                tables.add((file.name, node.lineno))
            if called in ("click.echo", "print") or called.endswith(".write"):
                writers.add((file.name, called))
    assert {file for file, _ in tables} >= {"output.py", "list_programs.py", "release_history.py", "prices.py"}
    assert len(tables) >= 15
    assert writers == WRITERS


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_colours_are_left_out_where_nobody_wants_them(variables, coloured):
    import pty

    code = "from hatch_aleph.cli.tables import show_table; show_table('T', ['a', 'b'], [['https://x.example/', 'y']])"
    parent, child = pty.openpty()
    environment = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], **variables}
    subprocess.run([sys.executable, "-c", code], stdout=child, check=True, env=environment)
    os.close(child)
    text = os.read(parent, 10_000)
    os.close(parent)
    assert (b"\x1b" in text) is coloured
    assert (b"\x1b]8;" in text) is coloured  # the address is a link
    assert b"https://x.example/" in text


def test_a_terminal_that_does_not_tell_its_width_has_eighty_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    assert terminal_width() == 80


@pytest.mark.parametrize("piped", ["stdout", "stderr"])
def test_the_terminal_tells_its_width_where_one_stream_goes_elsewhere(piped):
    """Else the last line, which is drawn over itself, would wrap, and each drawing leave a row."""
    import fcntl
    import pty
    import struct
    import termios

    code = "from hatch_aleph.cli.tables import terminal_width; import sys; print(terminal_width(), file=sys.{piped})"
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 53, 0, 0))
    streams = {"stdout": child, "stderr": child, piped: subprocess.PIPE}
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", code.format(piped=piped)]
    done = subprocess.run(command, **streams, env=environment, check=True)
    os.close(child)
    os.close(parent)
    assert getattr(done, piped) == b"53\n"


def test_a_title_is_folded_between_its_words():
    stream = io.StringIO()
    show_table("An image: 128 KiB, 49 files", ["a", "b"], [["1", "2"]], stream=stream, width=20)
    assert stream.getvalue().startswith("An image: 128 KiB,\n49 files\n")


def test_words_are_folded_between_each_other():
    told = "  A program is gone.\n"
    told += f"\x1b[33mWarning: see {HASH} now, and `hatch-aleph update {HASH} PATH` then\x1b[0m\nshort"
    assert folded(told, 200) == told
    assert folded(told, 12).split("\n") == [
        "  A program",
        "  is gone.",
        "\x1b[33mWarning: see",
        HASH,
        "now, and",
        f"`hatch-aleph update {HASH} PATH`",
        "then\x1b[0m",
        "short",
    ]
    assert folded("漢字 漢字", 8) == "漢字\n漢字"


def test_a_terminal_gets_whole_words_and_a_pipe_whole_lines(tmp_path):
    """What a program has printed, and JSON, stay as they are."""
    words = "of what it has printed it says nothing that is cut in two at the edge of a terminal"
    code = "from hatch_aleph.cli.output import Output\no = Output(as_json=False)\n"
    code += f"o.notice({words!r}); o.say({words!r}, fold=False)"
    environment = {**os.environ, "COLUMNS": "40"}
    with Terminal([sys.executable, "-c", code], tmp_path, environment, term="xterm") as terminal:
        assert terminal.end() == 0
    folded_words = ["of what it has printed it says nothing", "that is cut in two at the edge of a", "terminal"]
    assert terminal.shown.splitlines() == [*folded_words, words]
    piped = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert piped.stderr + piped.stdout == f"{words}\n" * 2
