"""What a runtime offers to a program, as data: Python, glibc, architecture, preloaded modules.

Sources: the network's documentation of its official runtimes, and ``runtimes/aleph-debian-12-python`` in
aleph-im/aleph-vm for what the Debian 12 image holds. What stands behind an item hash can be amended, so these
facts are assumptions: they go into the manifest, and ``hatch-aleph runtime-checker`` reads what an image really holds.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import SettingsError
from hatch_aleph.files import state_folder, write_atomic
from hatch_aleph.itemhash import ITEM_HASH, UNSIGNED
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.shapes import OTHERS, TEXT, misfit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Runtime:
    """The facts about one runtime that a build depends on.

    Attributes:
        name: Short name, usable in settings.
        item_hash: Item hash of its STORE message.
        python: Minor version of its Python, such as "3.11".
        glibc: Version of its C library, as (major, minor).
        architecture: Machine as the kernel names it.
        distribution: Debian release.
        preloaded: Modules that the init imports before the program, with the version that the image is known to hold
            ("" when it floats): a vendored copy of them is ignored unless the adapter drops them first.
    """

    name: str
    item_hash: str
    python: str
    glibc: tuple[int, int]
    architecture: str = "x86_64"
    distribution: str = ""
    preloaded: dict[str, str] = field(default_factory=dict)

    def accepts(self, requires_python: str) -> bool:
        """Tell whether a ``requires-python`` takes its Python; the micro version is not known, so any will do."""
        simple = re.fullmatch(r"\s*>=\s*3\.(\d+)\s*", requires_python)
        if not requires_python or (simple and int(simple[1]) <= int(self.python.partition(".")[2])):
            return True  # packaging takes longer to import than to ask
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            return any(SpecifierSet(requires_python).contains(f"{self.python}.{micro}") for micro in (0, 30))
        except InvalidSpecifier:
            return True  # for the build backend or the installer to judge

    @property
    def platform(self) -> str:
        """The uv name of the platform: ``x86_64-manylinux_2_36``."""
        return f"{self.architecture}-manylinux_{self.glibc[0]}_{self.glibc[1]}"


# init imports aiohttp and msgpack; the others come with aiohttp, in an image of the official recipe.
_PRELOADED = dict.fromkeys(
    (
        "aiohappyeyeballs",
        "aiohttp",
        "aiosignal",
        "attr",
        "frozenlist",
        "idna",
        "msgpack",
        "multidict",
        "propcache",
        "typing_extensions",
        "yarl",
    ),
    "",
)

DEBIAN_12 = Runtime(
    name="debian-12",
    item_hash="63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696",
    python="3.11",
    glibc=(2, 36),
    distribution="Debian 12",
    preloaded=_PRELOADED,
)
DEBIAN_11 = Runtime(
    name="debian-11",
    item_hash="bd79839bf96e595a06da5ac0b6ba51dea6f7e2591bb913deccded04d831d29f4",
    python="3.9",
    glibc=(2, 31),
    distribution="Debian 11",
    preloaded=_PRELOADED,
)
_NODE_JS_HASH = "3c238dd3ffba73ab9b2cccb90a11e40e78aff396152de922a6d794a0a65a305e"
NODE_JS = replace(DEBIAN_11, name="nodejs", item_hash=_NODE_JS_HASH)

KNOWN = {runtime.name: runtime for runtime in (DEBIAN_12, DEBIAN_11, NODE_JS)}
DEFAULT = DEBIAN_12


def find(name_or_hash: str, python: str | None = None) -> Runtime | None:
    """Return the runtime of a name or item hash, or None for a name that nobody knows.

    An item hash that is not known is what the runtime checker has read of it; else it is taken to be like the default
    runtime, with the Python that the settings state: own runtimes are almost always built from the official recipe.
    """
    found = known(name_or_hash)
    if found or not ITEM_HASH.fullmatch(name_or_hash) or name_or_hash == UNSIGNED:
        return found
    read = _read(name_or_hash)
    if read and python in (None, read.python):
        return read
    version = python or DEFAULT.python
    return replace(DEFAULT, name=name_or_hash, item_hash=name_or_hash, python=version, distribution="")


def chosen(name_or_hash: str, python: str | None = None) -> Runtime:
    """Return the runtime that settings name.

    Raises:
        SettingsError: Nobody knows it.
    """
    found = find(name_or_hash, python)
    if found is None:
        raise SettingsError(f"Unknown runtime {name_or_hash}")
    return found


def known(name_or_hash: str) -> Runtime | None:
    """Return the runtime of a name or item hash whose facts are known.

    The names of the table are its own. What a plugin states of an item hash comes first, for an image can be replaced.
    """
    return KNOWN.get(name_or_hash) or _named(name_or_hash, _of_plugins()) or _named(name_or_hash, KNOWN.values())


_READ = {"python": TEXT, "glibc": TEXT, "machine": TEXT, "distribution": TEXT, "preloaded": {OTHERS: TEXT}}


def facts_folder() -> Path:
    """Return where what was read of runtimes is kept, a file each."""
    return state_folder() / "runtimes"


def remember(item_hash: str, facts: Mapping[str, Any]) -> None:
    """Keep what the runtime checker has read of a runtime's image; what is not of the expected shape is not kept."""
    kept = {name: facts.get(name) for name in _READ}
    if misfit(kept, _READ) is None:
        with contextlib.suppress(OSError):  # then it is read again
            write_atomic(facts_folder() / f"{item_hash}.json", json.dumps(kept))


def _read(item_hash: str) -> Runtime | None:
    """Return a runtime by what was read of its image."""
    try:
        facts = json.loads((facts_folder() / f"{item_hash}.json").read_text("utf-8"))
        if misfit(facts, _READ) is not None:
            return None
        major, minor = (int(part) for part in facts["glibc"].split(".")[:2])
    except (OSError, ValueError, RecursionError):
        return None
    python = ".".join(facts["python"].split(".")[:2])
    preloaded = {name: version for name, version in facts["preloaded"].items() if not name.startswith("_")}
    machine, distribution = facts["machine"], facts["distribution"]
    return Runtime(item_hash, item_hash, python, (major, minor), machine, distribution, preloaded)


def names() -> tuple[str, ...]:
    """Return the names that settings may call runtimes by."""
    return (*KNOWN, *(each.name for each in _of_plugins() if each.name not in KNOWN))


def way_out(requires_python: str, runtime: Runtime) -> str:
    """Return what to do about a project that does not take the Python of its runtime."""
    others = [each for each in (*KNOWN.values(), *_of_plugins()) if each.accepts(requires_python)]
    known = ", ".join(f"tool.aleph.runtime = {each.name!r} (Python {each.python})" for each in others)
    pythons = ", ".join(f"{each.name} {each.python}" for each in KNOWN.values())
    return (
        f"Where it merely declares that Python, and its code runs on {runtime.python} too, let it take that: "
        f'requires-python = ">={runtime.python}" (in Poetry\'s table: python). Otherwise it needs another runtime: '
        + (known or f"none that is known here has such a Python ({pythons}); an own one goes by its item hash, "
           "tool.aleph.runtime, with tool.aleph.python") + "."
    )  # fmt: skip


def suggest(name: str) -> str | None:
    """Return the known runtime name nearest to a wrong one."""
    import difflib

    return next(iter(difflib.get_close_matches(name, names(), n=1)), None)


def _named(name_or_hash: str, runtimes: Iterable[Runtime]) -> Runtime | None:
    return next((each for each in runtimes if name_or_hash in (each.name, each.item_hash)), None)


def _of_plugins() -> list[Runtime]:
    return [each for given in PLUGINS.call("aleph_runtimes") for each in given]
