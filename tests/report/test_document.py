"""The report holds what it is given, needs nothing else, and shows hostile text as it is."""

from html.parser import HTMLParser
from types import SimpleNamespace

from hatch_aleph.deploy.history import Release
from hatch_aleph.deploy.state import Version
from hatch_aleph.report.document import Component, Money, Report, render
from hatch_aleph.report.icicle import icicle, tree
from hatch_aleph.report.timeline import Phase, Timeline

# In the order in which imports end, as Python tells them.
COSTS = [
    SimpleNamespace(module="numpy.core", self_ms=30.0, cumulative_ms=30.0, depth=2),
    SimpleNamespace(module="numpy", self_ms=10.0, cumulative_ms=40.0, depth=1),
    SimpleNamespace(module="fastapi", self_ms=50.0, cumulative_ms=50.0, depth=1),
    SimpleNamespace(module="main", self_ms=10.0, cumulative_ms=100.0, depth=0),
]


def test_an_import_stands_below_the_one_that_caused_it():
    (root,) = tree(COSTS)
    assert root.module == "main"
    assert [child.module for child in root.children] == ["numpy", "fastapi"]
    assert [child.module for child in root.children[0].children] == ["numpy.core"]


def test_widths_are_the_times():
    picture = icicle(COSTS)
    assert picture.count("<rect") == 4
    assert 'width="1200.0"' in picture
    assert 'width="600.0"' in picture
    assert icicle([]) == ""


def test_what_cannot_be_seen_is_left_out():
    many = [SimpleNamespace(module=f"m{n}", self_ms=0.1, cumulative_ms=0.1, depth=1) for n in range(1000)]
    top = SimpleNamespace(module="main", self_ms=1.0, cumulative_ms=101.0, depth=0)
    assert icicle([*many, top]).count("<rect") == 1


class Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def page(**sections):
    parser = Parser()
    text = render(Report("shop 1.0", (("owner", "0x1"),), made=1_700_000_000.0, **sections))
    parser.feed(text)
    return text, parser


def test_it_needs_nothing_else_and_is_small():
    components = [Component(f"name-{n}", "1.0", "MIT", "a" * 64) for n in range(200)]
    code = Version("c" * 64, "b" * 64, "storage", 1_700_000_000.0)
    releases = [Release(50 - n, code.time - n, "1.0", {"code": code}) for n in range(50)]
    text, parser = page(imports=COSTS * 100, components=components, releases=releases, money=Money(0.26, 10.0, 0.5))
    assert len(text.encode()) < 200_000
    assert not {"script", "link", "img", "iframe"} & set(parser.tags)
    assert not [name for name, _ in parser.attributes if name in ("src", "href")]
    shown = "".join(parser.text)
    assert "in 20 days" in shown
    assert "2023-12-04" in shown
    assert shown.count("live") == 1


def test_hostile_text_is_text():
    evil = "<script>alert(1)</script>\"'&"
    phase = Phase(evil, 0.0, 1.0)
    row = Release(1, 0.0, evil, {"code": Version(evil, evil, evil, 0.0)}, kind=evil)
    text, parser = page(
        imports=[SimpleNamespace(module=evil, self_ms=1.0, cumulative_ms=1.0, depth=0)],
        components=[Component(evil, evil, evil, evil)],
        timeline=Timeline(0.0, (phase,), "a" * 64),
        releases=[row],
    )
    assert "script" not in parser.tags
    assert "<script" not in text
    assert evil in "".join(parser.text)


def test_what_is_not_known_has_no_section():
    _, parser = page()
    assert "h2" not in parser.tags


def test_phases_stand_where_they_were():
    phases = (Phase("build", 0.0, 6.0), Phase("upload of code", 6.0, 1.0), Phase("first answer", 7.0, 3.0))
    text, parser = page(timeline=Timeline(1_700_000_000.0, phases, "a" * 64))
    assert [style for name, style in parser.attributes if name == "style"] == [
        "margin-left:0.0%;width:60.0%",
        "margin-left:60.0%;width:10.0%",
        "margin-left:70.0%;width:30.0%",
    ]
    assert "10.0 s in all" in text


def test_a_balance_that_outlasts_the_calendar_has_no_day():
    text, _ = page(money=Money(1e-9, 1e12, 1e-9))
    assert "days</b>." in text
