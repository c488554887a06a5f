"""The commands of tutorial and guides run as they are written, and print what the page shows.

A page is run from top to bottom in one folder: blocks with a caption become files, lines after ``$`` are run by one
shell, the lines after them must appear in the output, in order (``…`` stands for anything). ``ITEM_HASH`` is the last
program's. A block that is not run says why, in a comment before it.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.whole.conftest import Network

pytestmark = [pytest.mark.index, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "guides").glob("*.md"))]
DOCUMENTED_NODE = "http://127.0.0.1:4021"
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<note>[^>]*?) -->\n)?^(?P<indent> *)```(?:\{code-block\} )?(?P<language>[\w-]*)\n"
    r"(?P<options>(?: *:[\w-]+:[^\n]*\n)*)(?P<text>.*?)\n(?P=indent)```",
    re.DOTALL | re.MULTILINE,
)
_ITEM_HASH = "$(grep -oE '/vm/[0-9a-f]{64}' \"$LOG\" | tail -1 | cut -c5-)"
_UNTIL = "until: "
_EXAMPLE = re.compile(r"<!-- example: (\w+) -->")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    caption: str | None
    note: str | None


def blocks_of(page):
    for match in _BLOCK.finditer(page.read_text("utf-8")):
        caption = re.search(r":caption: (.+)", match["options"])
        text = textwrap.dedent(match["text"].lstrip("\n"))
        yield Block(match["language"], text, caption and caption[1].strip(), match["note"])


def commands_of(text):
    """Split a console block into commands and the output that is shown for each."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = re.split(r"(?<!\\)\n", part, maxsplit=1)
        yield command, [line.strip() for line in (shown or [""])[0].splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_runs(page, network, tmp_path):
    folder = tmp_path / "my-project"
    example = _EXAMPLE.search(page.read_text("utf-8"))
    if example:
        shutil.copytree(ROOT / "examples" / example[1], folder)
    else:
        folder.mkdir()
    script, commands = ["exec 2>&1"], []
    for block in blocks_of(page):
        if block.caption:
            script.append(_written(block, network.url))
        elif block.language == "console" and (not block.note or block.note.startswith(_UNTIL)):
            for command, shown in commands_of(block.text):
                commands.append((command, shown))
                meant = command.replace(DOCUMENTED_NODE, network.url).replace("ITEM_HASH", _ITEM_HASH)
                until = block.note and block.note.removeprefix(_UNTIL)
                script += [
                    "echo; echo '##begin'",
                    _ended_by_ctrl_c(meant, until) if until else f'{{ {meant}\n}} > "$OUT"',
                    "code=$?",
                    'cat "$OUT"; cat "$OUT" >> "$LOG"',
                ]
                script += ['echo; echo "##end $code"']
    if not commands:
        return
    environment = _environment(network, tmp_path)
    if page.parent.name == "guides":  # they begin where the tutorial ends: with an account that has credits
        environment["ALEPH_API_HOST"] = network.url
        own = Network(network.url, tmp_path / "account.key", "")
        own.json("account", "create")
        own.run("faucet")
    done = subprocess.run(
        ["bash"], input="\n".join(script), cwd=folder, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    parts = re.findall(r"##begin\n(.*?)\n##end (\d+)", done.stdout, re.DOTALL)
    assert len(parts) == len(commands), done.stdout + done.stderr
    for (command, shown), (output, code) in zip(commands, parts, strict=True):
        assert code == "0", f"$ {command}\n{output}"
        # A network that the page starts has a free port in place of the documented one.
        own = re.search(r"The network runs at (http://127\.0\.0\.1:\d+)", output)
        for url in (network.url, *(own.groups() if own else ())):
            output = output.replace(url, DOCUMENTED_NODE)  # noqa: PLW2901 - the same text as the page shows it
        _assert_shown(command, shown, output)


def _written(block, url):
    text = block.text.replace(DOCUMENTED_NODE, url)
    return f"mkdir -p $(dirname '{block.caption}'); cat > '{block.caption}' <<'__END__'\n{text}\n__END__"


def _ended_by_ctrl_c(command, text):
    """Return a shell's way to run a command until it has printed a text; it must then end by itself, with 0 or 130."""
    return (
        f'set -m; {command} --port 0 > "$OUT" 2>&1 & pid=$!; set +m\n'
        f"for _ in $(seq 1200); do grep -qF '{text}' \"$OUT\" && break; sleep 0.1; done\n"
        f"kill -INT -$pid; wait $pid; code=$?; [ $code = 0 ] || [ $code = 130 ] && grep -qF '{text}' \"$OUT\""
    )


def _environment(network, home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALEPH_")}
    return kept | {
        "HOME": str(home),
        # What each page needs of the index, and the bytecode of it, is fetched and made once.
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ALEPH_PRIVATE_KEY_FILE": str(home / "account.key"),
        "LOG": str(home / "log"),
        "OUT": str(home / "out"),
    }


def _assert_shown(command, shown, output):
    position = 0
    for line in shown:
        pattern = r"[^\n]*?".join(re.escape(part.strip()) for part in line.split("…"))
        found = re.compile(re.sub(r"(\\ )+", r"\\s+", pattern)).search(output, position)
        assert found, f"$ {command}\nshows no line {line!r} here:\n{output[position:]}"
        position = found.end()


def test_blocks_that_are_not_run_say_why():
    silent = [
        f"{page.name}: {block.text.splitlines()[0]}"
        for page in PAGES
        for block in blocks_of(page)
        if block.language in ("shell", "bash", "sh", "powershell", "console", "")
        and not block.note
        and not (block.language == "console" and block.text.startswith("$ "))
    ]
    assert not silent


def test_links_have_words_and_lead_to_files():
    """Many read the pages where they lie, in the repository: there `[](page.md)` shows nothing."""
    wrong = []
    files = [*DOCS.glob("*.md"), *(DOCS / "guides").glob("*.md"), *ROOT.glob("*.md"), ROOT / "examples" / "README.md"]
    for page in files:
        for words, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", page.read_text("utf-8")):
            path, _, anchor = re.sub(
                r"^https://github\.com/aleph-im/hatch-aleph/\w+/main/", f"{ROOT}/", target
            ).partition("#")
            file = page.parent / path if path else page
            there = ":" in path or (file.exists() and (not anchor or anchor in _anchors(file)))
            if not words or not there:
                wrong.append(f"{page.name}: [{words}]({target})")
    assert wrong == []


def _anchors(page):
    """Return the anchors of a page, as GitHub makes them of headings."""
    headings = re.findall(r"^#+ ([^\n]+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
