"""``report`` puts what is known of an artifact on one page."""

import json

from hatch_aleph.cli import run


def test_a_page_of_an_artifact(make_project, tmp_path, capsys):
    root = make_project()
    assert run(["build", "--project", str(root)]) == 0
    page = tmp_path / "report.html"
    assert run(["report", "--project", str(root), "--no-network", "--html", str(page), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["page"] == str(page)
    assert result["imports_ms"] > 0
    text = page.read_text()
    assert "my-api 1.0" in text
    assert "Cold start" in text
    assert "<svg" in text
    assert len(text) < 200_000


def test_tables_of_imports_stand_apart(make_project, capsys):
    root = make_project()
    assert run(["build", "--project", str(root)]) == 0
    capsys.readouterr()
    assert run(["inspect", "--imports", str(root / "dist")]) == 0
    told = capsys.readouterr().out
    assert "By package\n" in told
    assert "\n\nBy module" in told


def test_without_a_node_the_rest_is_there(make_project, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ALEPH_PRIVATE_KEY_FILE", raising=False)
    root = make_project()
    assert run(["build", "--project", str(root)]) == 0
    command = [
        "report",
        "--project",
        str(root),
        "--no-imports",
        "--node",
        "http://127.0.0.1:9",
        "--address",
        "0x" + "1" * 40,
    ]
    assert run(command) == 0
    told = capsys.readouterr()
    assert "Releases and cost are left out" in told.err
    assert "aleph_entry" in told.out


def test_without_an_artifact_it_says_how_to_make_one(make_project, capsys):
    assert run(["report", "--project", str(make_project()), "--no-network"]) == 7
    assert "build" in capsys.readouterr().err
