"""Compiled programs and modules in a project's own code that its runtime cannot load are told of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hatch_aleph.build.compatibility import incompatibilities
from hatch_aleph.errors import ProjectError
from hatch_aleph.project import load_project
from hatch_aleph.runtimes import DEBIAN_12
from hatch_aleph.squashfs import Entry
from tests.build.test_packages_checks import AARCH64, MACHINE, extension, linux


def say(make_project, *entries):
    return list(incompatibilities(load_project(make_project()).settings(), entries, DEBIAN_12))


@linux
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"", b"", ""),
        (b"GLIBC_2.14", b"GLIBC_2.99", "server needs glibc 2.99, and the runtime has 2.36: build it on such a system"),
        (b"libc.so.6", b"libx.so.6", "server needs libx.so.6, which neither the code nor"),
        (None, AARCH64, "server is for aarch64, and the runtime is x86_64"),
    ],
)
def test_a_program_is_read_before_it_is_published(make_project, old, new, told):
    data = extension()
    data = data[:MACHINE] + new + data[MACHINE + 2 :] if old is None else data.replace(old, new)
    lines = say(make_project, Entry("server", "file", 0o755, data), Entry("data.bin", "file", 0o644, b"\x7fELF"))
    assert [line[: len(told)] for line in lines] == ([told] if told else [])


def test_names_and_line_ends_of_other_systems(make_project):
    crlf = Entry("run.sh", "file", 0o755, b"#!/bin/sh\r\nexit\r\n")
    latin = Entry("caf\udce9.txt", "file", 0o644, b"")
    marked = Entry("node.js", "file", 0o755, b"\xef\xbb\xbf#!/usr/bin/env node\n")
    lines = say(make_project, crlf, latin, marked, Entry("ok", "file", 0o755, b"#!/bin/sh\n"))
    assert lines == [
        "names that are not UTF-8 can be neither imported nor asked for: 'caf\\udce9.txt'",
        "run.sh has Windows line ends: Linux looks for /bin/sh\\r",
        "node.js begins with a byte order mark: Linux does not see its #!/usr/bin/env node",
    ]


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("A.py", "a.py", "b.py"), "A.py and a.py"),
        (("pkg/x.py", "Pkg/y.py", "Pkg/z.py"), "pkg and Pkg"),
        (("a/X", "a/x", "b/X", "b/x", "b/Y"), "a/X and a/x and 1 more"),
        (("A/x", "b/X", "Ax", "a.py"), ""),
    ],
)
def test_names_that_other_systems_take_for_one(make_project, paths, told):
    lines = say(make_project, *(Entry(path, "file", 0o644, b"") for path in paths))
    warning = f"names that differ in case alone are one on Windows and macOS, whose builds differ then: {told}"
    assert lines == ([warning] if told else [])


@linux
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"", b"", ""),
        (
            b"GLIBC_2.14",
            b"GLIBC_2.99",
            "pkg/fast.cpython-311-x86_64-linux-gnu.so needs glibc 2.99, and the runtime has",
        ),
        (None, AARCH64, "pkg/fast.cpython-311-x86_64-linux-gnu.so is for aarch64, and the runtime is x86_64"),
        (b"\x7fELF", b"\xcf\xfa\xed\xfe", "pkg/fast.cpython-311-x86_64-linux-gnu.so is no Linux library"),
    ],
)
def test_own_modules_are_judged_as_those_of_packages_are(make_project, old, new, told):
    data = extension()
    data = data[:MACHINE] + new + data[MACHINE + 2 :] if old is None else data.replace(old, new)
    module = Entry("pkg/fast.cpython-311-x86_64-linux-gnu.so", "file", 0o755, data)
    if not told:
        assert say(make_project, module) == []
        return
    with pytest.raises(ProjectError) as caught:
        say(make_project, module)
    assert told in str(caught.value)
    right = Entry("pkg/fast.abi3.so", "file", 0o755, extension())
    if "glibc" not in told:  # of several machines the right one is there
        assert say(make_project, module, right) == []


@linux
def test_a_module_for_another_python_is_told_of(make_project):
    module = Entry("fast.cpython-313-x86_64-linux-gnu.so", "file", 0o755, extension())
    assert ["CPython 3.11" in each for each in say(make_project, module)] == [True]


@pytest.mark.parametrize(("line", "first", "told"), [
    ("python3 main.py", "", ""),
    ("python3.11 main.py", "", ""),
    ("/usr/bin/python3 -m main", "", ""),
    ("python main.py", "", "the command line starts python, which the runtime debian-12 does not have: write python3"),
    ("/usr/bin/python3.12 main.py", "", "the command line starts python3.12, which"),
    ("./run --port $PORT", "#!/usr/bin/env python\n", "run starts python, which"),
    ("run", "#!/usr/bin/python3.13 -u\n", "run starts python3.13, which"),
    ("run", "#!/usr/bin/env python3\n", ""),
    ("run", "#!/bin/sh\n", ""),
    ("node server.js", "", ""),
])  # fmt: skip
def test_a_python_that_the_runtime_does_not_have(make_project, line, first, told):
    settings = replace(load_project(make_project()).settings(), interface="executable", entrypoint=line)
    entries = [Entry("run", "file", 0o755, first.encode())]
    lines = list(incompatibilities(settings, entries, DEBIAN_12))
    assert [each[: len(told)] for each in lines] == ([told] if told else [])
    other = replace(DEBIAN_12, distribution="")  # which may have `python`
    lines = list(incompatibilities(settings, entries, other))
    assert bool(lines) == (bool(told) and "python," not in told)


@linux
def test_libraries_may_stand_beside_it(make_project):
    program = Entry("server", "file", 0o755, extension().replace(b"libc.so.6", b"libx.so.6"))
    assert not say(make_project, program, Entry("lib/libx.so.6", "file", 0o644, b""))
