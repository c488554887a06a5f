"""What a project itself says of how it is started: package.json, a Procfile, a Dockerfile, the scripts it installs."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WEB = re.compile(r"web:\s*(\S.*)")
_INSTRUCTION = re.compile(r"(CMD|ENTRYPOINT)\s+(\S.*)", re.IGNORECASE)
_APPLICATION = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<name>[A-Za-z_][\w.]*)(?P<call>\(\))?")
_FACTORY = {"--factory", "--call"}  # of uvicorn and granian, of waitress-serve


@dataclass(frozen=True)
class StartCommand:
    """A command line by which a project is started.

    Attributes:
        words: Its words.
        file: The file that has it.
        line: The line of the file.
    """

    words: tuple[str, ...]
    file: str
    line: int

    @property
    def application(self) -> str | None:
        """The entry point that a server of WSGI or ASGI is given, as ``gunicorn main:app`` is."""
        found = next((match for each in self.words if (match := _APPLICATION.fullmatch(each))), None)
        if found is None:
            return None
        call = found["call"] or ("()" if _FACTORY.intersection(self.words) else "")
        return f"{found['module']}:{found['name']}{call}"

    def in_guest(self, root: Path) -> str | None:
        """Return the command as a program can have it; None where it needs what a runtime has not, such as npm."""
        first, *others = self.words
        python = re.fullmatch(r"python(3(\.\d+)?)?", first)
        file = next((each for each in others if not each.startswith("-")), "") if python or first == "node" else first
        if not (root / file).is_file() and not (python and "-m" in others):
            return None
        words = ("python3" if python else first, *others)
        return " ".join(each if "$" in each else shlex.quote(each) for each in words)  # `$PORT` is expanded there


def start_commands(root: Path) -> Iterator[StartCommand]:
    """Yield what the files of a project's root start it with; a web process alone, where there are several."""
    data = package_json(root)
    start, main = table(data, "scripts").get("start"), data.get("main")
    # npm puts node_modules/.bin on the path for its scripts: what is no plain `node FILE` may not start without npm.
    if isinstance(start, str) and re.fullmatch(r"node [\w./-]+", start):
        yield StartCommand(tuple(start.split()), "package.json", 1)
    elif isinstance(main, str) and (root / main).is_file():
        yield StartCommand(("node", main), "package.json", 1)
    for number, line in enumerate(_lines(root / "Procfile"), 1):
        if found := _WEB.fullmatch(line.strip()):
            yield from _of_shell(found[1], "Procfile", number)
    given = [(number, match) for number, line in _joined(root / "Dockerfile") if (match := _INSTRUCTION.match(line))]
    last = {match[1].upper(): (number, match[2].strip()) for number, match in given}
    if last:
        exec_form = [text for _, text in (last.get("ENTRYPOINT", (0, "[]")), last.get("CMD", (0, "[]")))]
        number = max(number for number, _ in last.values())
        try:
            words = [word for text in exec_form for word in json.loads(text)]
        except (ValueError, TypeError):  # a shell's: an ENTRYPOINT of that kind takes no CMD
            yield from _of_shell(last.get("ENTRYPOINT", last.get("CMD", (0, "")))[1], "Dockerfile", number)
        else:
            if words and all(isinstance(word, str) for word in words):
                yield StartCommand(tuple(words), "Dockerfile", number)


def _of_shell(text: str, file: str, number: int) -> Iterator[StartCommand]:
    """Yield a command of a shell's line: the last, after a preparation such as ``cd``, without its variables."""
    try:
        words = shlex.split(re.split(r"&&|;|\|", text)[-1])
    except ValueError:
        return
    while words and (words[0] == "exec" or re.fullmatch(r"\w+=.*", words[0])):
        words.pop(0)
    if words:
        yield StartCommand(tuple(words), file, number)


def _joined(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a Dockerfile with those that continue them, by the number of the first."""
    begun, text = 0, ""
    for number, line in enumerate(_lines(file), 1):
        begun = begun or number
        text += line.strip().removesuffix("\\")
        if not line.rstrip().endswith("\\"):
            yield begun, text
            begun, text = 0, ""


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def package_json(folder: Path) -> dict[str, Any]:
    """Return what the package.json of a folder says; nothing where there is none that npm could read."""
    try:
        data = json.loads((folder / "package.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def table(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a table of a document, empty where there is none."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}
