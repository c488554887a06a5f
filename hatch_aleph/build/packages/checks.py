"""Tells at build time what would fail in the guest: wrong machine, newer libc, missing libraries, foreign modules."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.build.packages.elf import NotElfError, read_elf
from hatch_aleph.build.packages.tree import content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.build.packages.elf import Elf
    from hatch_aleph.build.packages.tree import Tree
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.squashfs import Entry

_EXTENSION_TAG = re.compile(r"\.(cpython-(\d)(\d+)|pypy\d+-pp\d+|abi3)?-?[\w-]*\.?so$")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_NO_BINARIES = (b"", b"GROU", b"INPU", b"/* G")  # first bytes of empty files and linker scripts
_SHARED = re.compile(r"\.so(\.\w+)*$")
# Foreign binaries that give no harm unless they are all there is.
_FOREIGN = (".pyd", ".dll", ".dylib", ".exe")

# What the images of the official recipes hold: minbase, Python, the compilers and curl (create_disk_image.sh in
# runtimes/ of aleph-im/aleph-vm, and what these depend on).
SYSTEM_LIBRARIES = frozenset(
    (
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "libresolv.so.2",
        "libnsl.so.1",
        "libcrypt.so.1",
        "libgcc_s.so.1",
        "libstdc++.so.6",
        "libgomp.so.1",
        "libatomic.so.1",
        "libquadmath.so.0",
        "libz.so.1",
        "libbz2.so.1.0",
        "liblzma.so.5",
        "libexpat.so.1",
        "libffi.so.8",
        "libffi.so.7",
        "libsqlite3.so.0",
        "libuuid.so.1",
        "libncursesw.so.6",
        "libtinfo.so.6",
        "libreadline.so.8",
        "libssl.so.3",
        "libcrypto.so.3",
        "libcurl.so.4",
        "libsecp256k1.so.1",
        "libpython3.11.so.1.0",
    )
)

# Distributions that put a module of the standard library's name ahead of it, on the guest's bare path.
_STANDARD_NAMES = frozenset(
    (
        "argparse",
        "asyncio",
        "concurrent",
        "configparser",
        "contextvars",
        "copy",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "importlib",
        "inspect",
        "ipaddress",
        "json",
        "logging",
        "numbers",
        "pathlib",
        "queue",
        "random",
        "secrets",
        "selectors",
        "socket",
        "ssl",
        "statistics",
        "string",
        "subprocess",
        "typing",
        "types",
        "unittest",
        "uuid",
        "warnings",
    )
)


@dataclass(frozen=True)
class Findings:
    """What is to be said of one distribution.

    Attributes:
        fatal: It cannot work in the guest.
        warnings: It may not.
        needed: Libraries it wants to be somewhere, each with one file that wants it.
        provided: Libraries it brings.
        modules: Its top-level modules.
    """

    fatal: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    needed: dict[str, str] = field(default_factory=dict)
    provided: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)


def check(tree: Tree, runtime: Runtime, who: str) -> Findings:
    """Check one distribution.

    Args:
        tree: Its files.
        runtime: Where it will run.
        who: Its name and version, for messages.
    """
    findings = Findings(modules=_modules(tree))
    _check_python(tree, runtime, who, findings)
    extensions: dict[str, list[str]] = {}
    for entry in tree.entries:
        name = entry.path.rpartition("/")[2]
        if name.endswith(_FOREIGN):
            continue
        if _SHARED.search(name):
            findings.provided.append(name)
            _check_binary(entry, runtime, who, findings)
            tag = _EXTENSION_TAG.search(name)
            if tag:
                extensions.setdefault(entry.path[: -len(tag[0])], []).append(tag[1] or "")
    usable = ("", "abi3", f"cpython-{runtime.python.replace('.', '')}")
    findings.warnings.extend(
        f"{who}: the extension {module} is for {tags[0]}, and the runtime has CPython {runtime.python}; "
        "choose a version with a wheel for it"
        for module, tags in extensions.items()
        if not set(tags) & set(usable)
    )
    return findings


def misfit(elf: Elf, runtime: Runtime) -> str:
    """Tell why a binary will not load in a runtime, to be said after its name; "" when nothing is seen."""
    if elf.machine != runtime.architecture:
        return f"is for {elf.machine}, and the runtime is {runtime.architecture}"
    matches = filter(None, map(_GLIBC.fullmatch, elf.versions))
    newest = max(((int(match[1]), int(match[2])) for match in matches), default=(0, 0))
    if newest > runtime.glibc:
        return f"needs glibc {newest[0]}.{newest[1]}, and the runtime has {runtime.glibc[0]}.{runtime.glibc[1]}"
    return ""


def missing_libraries(needed: Mapping[str, str], provided: Iterable[str]) -> dict[str, str]:
    """Return the libraries that nothing in the image and, as far as known, nothing in the guest brings."""
    there = {*SYSTEM_LIBRARIES, *provided}
    return {name: user for name, user in needed.items() if name not in there}


def shadows(modules: Mapping[str, str], runtime: Runtime, *, adapter: bool) -> list[str]:
    """Return warnings for modules that the guest takes from elsewhere, or that hide what it needs.

    Args:
        modules: Distribution by top-level module.
        runtime: Knows what its init has imported.
        adapter: With it, vendored modules win and the standard library is safe.
    """
    if adapter:
        return []
    return [
        f"{modules[module]}: the guest's own `{module}` is used, not the vendored one, for init imports it first; "
        "leave the adapter on"
        for module in sorted(modules.keys() & runtime.preloaded.keys())
    ] + [
        f"{modules[module]}: hides the standard library's `{module}` in the guest; drop it, or leave the adapter on"
        for module in sorted(modules.keys() & _STANDARD_NAMES)
    ]


def _modules(tree: Tree) -> list[str]:
    found = set()
    for entry in tree.entries:
        first, _, rest = entry.path.partition("/")
        if rest and entry.path.endswith((".py", ".so", ".pyi")) and first.isidentifier() and first != "bin":
            found.add(first)
        elif not rest and first.endswith((".py", ".so")):
            found.add(first.partition(".")[0])
    return sorted(found)


def _check_python(tree: Tree, runtime: Runtime, who: str, findings: Findings) -> None:
    wanted = tree.metadata["Requires-Python"]
    if not wanted:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = any(SpecifierSet(str(wanted)).contains(f"{runtime.python}.{micro}") for micro in (0, 30))
    except InvalidSpecifier:
        return
    if not fits:
        findings.fatal.append(
            f"{who}: needs Python {wanted}, and the runtime has {runtime.python}; choose another version of it"
        )


def _check_binary(entry: Entry, runtime: Runtime, who: str, findings: Findings) -> None:
    with entry.source.open("rb") if isinstance(entry.source, Path) else io.BytesIO(content(entry)) as stream:
        try:
            elf = read_elf(stream)
        except NotElfError:
            stream.seek(0)
            if stream.read(4) not in _NO_BINARIES:
                findings.fatal.append(
                    f"{who}: {entry.path} is no Linux library; it was built for another system: "
                    "choose a version that has wheels for Linux"
                )
            return
    wrong = misfit(elf, runtime)
    if wrong:
        findings.fatal.append(
            f"{who}: {entry.path} {wrong}; choose a version with a wheel for {runtime.platform}, or build it on such a "
            "system"
        )
        return
    for library in elf.needed:
        findings.needed.setdefault(library, entry.path)
