"""What would fail in the guest is told: real extension modules, made wrong in one place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.packages.checks import SYSTEM_LIBRARIES, check, missing_libraries
from hatch_aleph.build.packages.distribution import InstalledWheel
from hatch_aleph.errors import DependencyError
from hatch_aleph.runtimes import DEBIAN_12
from hatch_aleph.squashfs import Entry
from tests.build.conftest import RUNNING

if TYPE_CHECKING:
    from tests.build.conftest import Index, Workshop

MACHINE = 18  # offset of e_machine in an ELF header
AARCH64 = b"\xb7\x00"


def extension() -> bytes:
    """Return an extension module of this machine."""
    from backports.zstd import _zstd

    data = Path(_zstd.__file__).read_bytes()
    assert data[:4] == b"\x7fELF"
    assert b"libc.so.6" in data
    assert b"GLIBC_2.14" in data
    return data


linux = pytest.mark.skipif(
    sys.platform != "linux" or sys.maxsize < 2**32, reason="takes an extension module of this machine"
)


def findings(files: dict[str, bytes], metadata: str = "") -> list[str]:
    info = "alpha-1.0.dist-info"
    content = {**files, f"{info}/METADATA": f"Name: alpha\nVersion: 1.0\n{metadata}".encode()}
    entries = tuple(Entry(path, "file", 0o644, data) for path, data in sorted(content.items()))
    found = check(InstalledWheel(info, entries, dict.fromkeys(content, "sha256=")), entries, DEBIAN_12, "alpha 1.0")
    needed = [f"needed {name}" for name in found.needed if name not in {"libc.so.6", "libpthread.so.0"}]
    return [*found.fatal, *found.warnings, *needed]


@linux
def test_what_is_right_is_not_mentioned() -> None:
    assert findings({"alpha/x.cpython-311-x86_64-linux-gnu.so": extension(), "alpha/y.abi3.so": extension()}) == []


@linux
def test_another_machine_another_libc_another_library() -> None:
    data = extension()
    foreign = data[:MACHINE] + AARCH64 + data[MACHINE + 2 :]
    assert "is for aarch64, and the runtime is x86_64" in findings({"alpha/x.so": foreign})[0]
    newer = data.replace(b"GLIBC_2.14", b"GLIBC_2.99")
    assert "needs glibc 2.99, and the runtime has 2.36" in findings({"alpha/x.so": newer})[0]
    assert findings({"alpha/x.so": data.replace(b"libc.so.6", b"libGL.so1")})[-1] == "needed libGL.so1"


def test_extensions_of_other_pythons_and_systems() -> None:
    (warning,) = [each for each in findings({"alpha/x.cpython-38-x86_64-linux-gnu.so": b"GROUP ( x )"}) if "38" in each]
    assert "is for cpython-38, and the runtime has CPython 3.11" in warning
    assert "is no Linux library" in findings({"alpha/x.cpython-311-darwin.so": b"\xcf\xfa\xed\xfe" + bytes(100)})[0]
    assert findings({"alpha/x.pyd": b"MZ", "alpha/libx.so": b"/* GNU ld script */"}) == []


def test_requires_python() -> None:
    assert "needs Python >=3.12" in findings({"alpha.py": b""}, "Requires-Python: >=3.12\n")[0]
    assert findings({"alpha.py": b""}, "Requires-Python: >=3.11.2\n") == []


@linux
def test_a_build_fails_with_all_that_is_wrong(index: Index, workshop: Workshop) -> None:
    data = extension()
    tag = f"cpython-{RUNNING.replace('.', '')}-x86_64-linux-gnu.so"
    for name in ("alpha", "beta"):
        index.add(name, files={f"{name}/x.{tag}": data[:MACHINE] + AARCH64 + data[MACHINE + 2 :]})
    root = workshop.project('"alpha", "beta"')
    with pytest.raises(DependencyError, match="Cannot work on the runtime") as caught:
        workshop.build(root)
    assert "alpha 1.0" in str(caught.value)
    assert "beta 1.0" in str(caught.value)
    with pytest.raises(DependencyError):  # and again: nothing of it was kept as sound
        workshop.build(root)


@linux
def test_a_library_of_another_distribution(index: Index, workshop: Workshop) -> None:
    tag = f"cpython-{RUNNING.replace('.', '')}-x86_64-linux-gnu.so"
    index.add("alpha", files={f"alpha/x.{tag}": extension().replace(b"libc.so.6", b"libQ.so.6")})
    warning = workshop.build(workshop.project('"alpha"')).warnings[0]
    assert "needs libQ.so.6, which the image does not hold" in warning
    index.add("beta", files={"beta/libQ.so.6": extension()})
    assert not workshop.build(workshop.project('"alpha", "beta"')).warnings


@linux
def test_libraries_for_several_machines_in_one_wheel() -> None:
    data = extension()
    foreign = data[:MACHINE] + AARCH64 + data[MACHINE + 2 :]
    apple = b"\xcf\xfa\xed\xfe" + bytes(100)
    others = {"alpha/lib-aarch64.so": foreign, "alpha/lib-macos.so": apple, "alpha/x86_64/lib.so.1": data}
    assert findings(others) == []
    # But nothing else can be imported in the place of a module for this Python.
    module = "alpha/x.cpython-311-aarch64-linux-gnu.so"
    assert f"{module} is for aarch64" in findings({**others, module: foreign})[0]
    assert findings({**others, module: foreign, "alpha/x.cpython-311-x86_64-linux-gnu.so": data}) == []
    assert "lib-aarch64.so is for aarch64" in findings({"alpha/lib-aarch64.so": foreign, "alpha/x.py": b""})[0]


@linux
def test_what_is_excluded_is_not_judged(index: Index, workshop: Workshop) -> None:
    data = extension()
    foreign = data[:MACHINE] + AARCH64 + data[MACHINE + 2 :]
    index.add("alpha", files={"alpha/__init__.py": "", "alpha/arm/lib.so": foreign})
    with pytest.raises(DependencyError, match=r"alpha/arm/lib\.so"):
        workshop.build(workshop.project('"alpha"'))
    result = workshop.build(workshop.project('"alpha"', aleph='exclude = ["alpha/arm"]\n'))
    assert result.image is not None
    assert not result.warnings


def test_libraries_of_libc_itself_are_there() -> None:
    """Debian's libc6 brings them, and every image holds that."""
    assert {"libmvec.so.1", "libanl.so.1", "libnss_dns.so.2", "libthread_db.so.1"} <= SYSTEM_LIBRARIES
    assert not missing_libraries({"libmvec.so.1": "alpha/x.so"}, ())
