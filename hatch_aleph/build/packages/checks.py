"""Tells at build time what would fail in the guest: wrong machine, newer libc, missing libraries, foreign modules."""

from __future__ import annotations

import io
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.build.module_lookup import case_clashes
from hatch_aleph.build.packages.distribution import SECRET_ADDRESS
from hatch_aleph.build.packages.elf import NotElfError, read_elf
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from email.message import Message

    from hatch_aleph.build.packages.distribution import InstalledWheel
    from hatch_aleph.build.packages.elf import Elf
    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.squashfs import Entry

_EXTENSION_TAG = re.compile(r"\.(cpython-(\d)(\d+)|pypy\d+-pp\d+|abi3)?-?[\w-]*\.?so$")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_NO_BINARIES = (b"", b"GROU", b"INPU", b"/* G")  # first bytes of empty files and linker scripts
_SHARED = re.compile(r"\.so(\.\w+)*$")
# Foreign binaries that give no harm unless they are all there is.
_FOREIGN = (".pyd", ".dll", ".dylib", ".exe")

# What the images of the official recipes hold: minbase, Python, the compilers and curl (create_disk_image.sh in
# runtimes/ of aleph-im/aleph-vm, and what these depend on); first the libraries of libc itself (Debian's libc6).
SYSTEM_LIBRARIES = frozenset((
    "ld-linux-x86-64.so.2", "libBrokenLocale.so.1", "libanl.so.1", "libc.so.6", "libc_malloc_debug.so.0", "libdl.so.2",
    "libm.so.6", "libmemusage.so", "libmvec.so.1", "libnsl.so.1", "libnss_compat.so.2", "libnss_dns.so.2",
    "libnss_files.so.2", "libnss_hesiod.so.2", "libpcprofile.so", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
    "libthread_db.so.1", "libutil.so.1",
    "libcrypt.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1", "libatomic.so.1", "libquadmath.so.0",
    "libz.so.1", "libbz2.so.1.0", "liblzma.so.5", "libexpat.so.1", "libffi.so.8", "libffi.so.7", "libsqlite3.so.0",
    "libuuid.so.1", "libncursesw.so.6", "libtinfo.so.6", "libreadline.so.8", "libssl.so.3", "libcrypto.so.3",
    "libcurl.so.4", "libsecp256k1.so.1", "libpython3.11.so.1.0",
))  # fmt: skip


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


def check(wheel: InstalledWheel, entries: Sequence[Entry], runtime: Runtime, who: str) -> Findings:
    """Check one distribution.

    Args:
        wheel: All that it brought.
        entries: What of that goes into images.
        runtime: Where it will run.
        who: Its name and version, for messages.
    """
    findings = check_binaries(entries, runtime, who)
    findings.modules.extend(_modules(entries))
    _check_metadata(wheel, runtime, who, findings)
    _check_paths(wheel, who, findings)
    return findings


def check_binaries(entries: Iterable[Entry], runtime: Runtime, who: str) -> Findings:
    """Check the extension modules and libraries among some files; arguments are those of :func:`check`."""
    findings = Findings()
    usable = ("abi3", f"cpython-{runtime.python.replace('.', '')}")
    extensions: dict[str, list[str]] = {}
    foreign: list[tuple[str, str]] = []
    fitting: set[str] = set()
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if not is_library(name):
            continue
        tag = _EXTENSION_TAG.search(name)
        module = entry.path[: -len(tag[0])] if tag and tag[1] in usable else ""
        if tag:
            extensions.setdefault(entry.path[: -len(tag[0])], []).append(tag[1] or "")
        wrong = _check_binary(entry, runtime, who, findings)
        if wrong:
            foreign.append((module, wrong))
        else:
            fitting |= {module, ""}
            findings.provided.append(name)
    # A wheel may bring libraries for several machines, as long as the right one is among them.
    findings.fatal.extend(wrong for module, wrong in foreign if module not in fitting)
    findings.warnings.extend(
        f"{who}: the extension {module} is for {tags[0]}, and the runtime has CPython {runtime.python}; "
        "choose a version with a wheel for it"
        for module, tags in extensions.items()
        if not set(tags) & {"", *usable}
    )
    return findings


def is_library(name: str) -> bool:
    """Tell a library or extension module for Linux by its name."""
    return _SHARED.search(name) is not None and not name.endswith(_FOREIGN)


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


def required(metadata: Message, runtime: Runtime) -> list[str]:
    """Return which distributions one requires on a runtime, without its extras, by their normalised names.

    What is no requirement is passed over, and so is what pip-compile leaves out of its locks: the runtime has both.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    from hatch_aleph.build.packages.tags import environment

    environ, found = {**environment(runtime), "extra": ""}, set()
    for text in map(str, metadata.get_all("Requires-Dist", [])):
        with suppress(InvalidRequirement):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environ):
                found.add(normalize(requirement.name))
    return sorted(found - {"pip", "setuptools"})


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
        for module in sorted(modules.keys() & sys.stdlib_module_names)
    ]


def _modules(entries: Sequence[Entry]) -> list[str]:
    found = set()
    for entry in entries:
        first, _, rest = entry.path.partition("/")
        if rest and entry.path.endswith((".py", ".so", ".pyi")) and first.isidentifier() and first != "bin":
            found.add(first)
        elif not rest and first.endswith((".py", ".so")):
            found.add(first.partition(".")[0])
    return sorted(found)


def _check_metadata(wheel: InstalledWheel, runtime: Runtime, who: str, findings: Findings) -> None:
    wanted = str(wheel.metadata["Requires-Python"] or "")
    if not runtime.accepts(wanted):
        findings.fatal.append(
            f"{who}: needs Python {wanted}, and the runtime has {runtime.python}; choose another version of it"
        )
    if any(SECRET_ADDRESS.search(str(each)) for each in wheel.metadata.get_all("Requires-Dist", [])):
        findings.fatal.append(
            f"{who}: its metadata (Requires-Dist) has an address with credentials, which would be published; build it "
            "with an address that has none"
        )


def _check_paths(wheel: InstalledWheel, who: str, findings: Findings) -> None:
    signatures = [f"{wheel.info}/RECORD{kind}" for kind in (".jws", ".p7s")]  # of RECORD, so it has no hash of them
    unlisted = [path for path in wheel.files if not wheel.hashes.get(path, "-") and path not in signatures]
    if unlisted:
        findings.warnings.append(f"{who}: its RECORD has no hash of {_some(unlisted)}")
    if wheel.lost:
        findings.warnings.append(f"{who}: its RECORD lists files that the wheel does not hold: {_some(wheel.lost)}")
    clashes = case_clashes(wheel.files)
    if clashes:
        findings.warnings.append(f"{who}: brings names that differ in case alone: {clashes}")


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _check_binary(entry: Entry, runtime: Runtime, who: str, findings: Findings) -> str:
    """Return why a library is for another machine, "" for one that is for the runtime's."""
    with entry.source.open("rb") if isinstance(entry.source, Path) else io.BytesIO(entry.read()) as stream:
        try:
            elf = read_elf(stream)
        except NotElfError:
            stream.seek(0)
            if stream.read(4) in _NO_BINARIES:
                return ""
            return (
                f"{who}: {entry.path} is no Linux library; it was built for another system: "
                "choose a version that has wheels for Linux"
            )
    wrong = misfit(elf, runtime)
    told = (
        f"{who}: {entry.path} {wrong}; choose a version with a wheel for {runtime.platform}, or build it on such a "
        "system"
    )
    if elf.machine != runtime.architecture:
        return told
    if wrong:
        findings.fatal.append(told)
    for library in elf.needed:
        findings.needed.setdefault(library, entry.path)
    return ""
