"""A build looks whether the module and the attribute of the entry point are there."""

import pytest

from hatch_aleph.build.module_lookup import defined_names, holds_module, missing_attribute
from hatch_aleph.squashfs import Entry


def entries(**files):
    return [Entry(path.replace("__", "/") + ".py", "file", 0o644, text.encode()) for path, text in files.items()]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("app = 1\nother: int = 2\n(a, [b, *c]) = x", {"app", "other", "a", "b", "c"}),
        ("def f():\n    inner = 1\nasync def g(): ...\nclass C:\n    field = 1", {"f", "g", "C"}),
        ("import a.b, c as d\nfrom e import f, g as h", {"a", "d", "f", "h"}),
        ("if x:\n    app = 1\nelse:\n    try:\n        web = 1\n    except E as error:\n        pass", {"app", "web"}),
        ("with open(x) as file:\n    while (line := 1):\n        for item in y: ...", {"file", "line", "item"}),
        (
            "match x:\n    case [first, *rest]:\n        pass\n    case {'a': value}:\n        pass",
            {"first", "rest", "value"},
        ),
        ("def init():\n    global app\n    app = 1", {"init", "app"}),
        ("from x import *", None),
        ("def __getattr__(name): ...", None),
        ("globals()['app'] = 1", None),
        ("import sys\nsys.modules[__name__] = object()", None),
        ("app = (", None),
    ],
)
def test_names_that_a_module_defines(source, names):
    found = defined_names(source.encode())
    assert found == names if names is None else found >= names


@pytest.mark.parametrize(
    ("entrypoint", "files", "said"),
    [
        ("main:app", {"main": "app = 1"}, None),
        ("main:ap", {"main": "app = 1"}, "the module `main` has no `ap`; did you mean `app`?"),
        ("main:start('x')", {"main": "def make(): ..."}, "the module `main` has no `start`"),
        ("pkg:sub.app", {"pkg____init__": "", "pkg__sub": "app = 1"}, None),
        ("pkg.sub:app", {"pkg____init__": "app = 1", "pkg__sub": "x = 1"}, "the module `pkg.sub` has no `app`"),
        ("compiled:app", {}, None),
    ],
)
def test_attributes_that_are_missing(entrypoint, files, said):
    assert missing_attribute(entries(**files), entrypoint) == said


@pytest.mark.parametrize("path", ["a/b.py", "a/b/__init__.py", "a/b.cpython-311-x86_64-linux-gnu.so", "a/b.pyc"])
def test_modules_of_every_form(path):
    assert holds_module([path], "a.b")
    assert not holds_module([path], "a.c")
    assert not holds_module([path], "b")
