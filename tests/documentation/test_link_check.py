"""The check of the built site's links finds what leads nowhere, and does not call passed what it could not try."""

import json

from tools.links import broken_inside, broken_outside


def test_pages_pictures_and_anchors_that_are_missing(tmp_path):
    (tmp_path / "guides").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="guides/ci.html#key">1</a> <a href="guides/ci.html#none">2</a> <a href="#top">3</a> <img src="no.svg">'
        '<a href="guides/none.html">4</a> <a href="https://example.org/#x">5</a> <p id="top">'
    )
    (tmp_path / "guides" / "ci.html").write_text('<h2 id="key"><a href="../index.html">1</a></h2>')
    wrong = ["index.html: guides/ci.html#none", "index.html: no.svg", "index.html: guides/none.html"]
    assert broken_inside(tmp_path) == wrong


def test_what_the_network_does_not_reach_is_not_called_checked(tmp_path):
    links = [
        ("https://example.org/gone", "broken", "404 Client Error: Not Found"),
        ("https://example.org/far", "broken", "Max retries exceeded (Caused by NameResolutionError('example.org'))"),
        ("https://example.org/", "working", ""),
    ]
    records = [
        {"filename": "a.md", "lineno": 1, "uri": uri, "status": status, "info": info} for uri, status, info in links
    ]
    (tmp_path / "output.json").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    broken, unreachable = broken_outside(tmp_path / "output.json")
    assert broken == ["a.md:1: https://example.org/gone"]
    assert unreachable == ["a.md:1: https://example.org/far"]
