"""What looks like dependencies and is not read is named, where a project declares none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.packages.lookalikes import lookalikes, more_in_poetrys_table, other_indexes
from hatch_aleph.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index, Workshop

BARE = '[project]\nname = "my-api"\nversion = "1.0"\n[tool.aleph]\nentrypoint = "main:app"\n'
POETRY = '[tool.poetry.dependencies]\npython = "^3.11"\n'
BACKEND = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'


@pytest.mark.parametrize(("files", "named"), [
    ({}, []),
    ({"pyproject.toml": BARE + POETRY}, []),
    ({"pyproject.toml": f'{BARE}{POETRY}idna = "^3"\n'}, ["[tool.poetry.dependencies]"]),
    ({"pyproject.toml": f'{BARE}{BACKEND}{POETRY}idna = "^3"\n'}, []),  # what the wheel requires is compared
    ({"setup.cfg": "[options]\ninstall_requires =\n    idna\n"}, ["install_requires of setup.cfg"]),
    ({"setup.py": "from setuptools import setup\nsetup(install_requires=['idna'])\n"},
     ["install_requires of setup.py"]),
    ({"setup.py": "from setuptools import setup\n# install_requires=['idna']\nsetup()\n"}, []),
    ({"Pipfile": '[packages]\nidna = "*"\n[dev-packages]\npytest = "*"\n'}, ["Pipfile"]),
    ({"Pipfile": '[packages]\n# none\n\n[dev-packages]\npytest = "*"\n'}, []),
    ({"requirements.in": "idna\n", "requirements-prod.txt": "idna\n"}, ["requirements-prod.txt", "requirements.in"]),
    ({"requirements/base.txt": "# none\n", "requirements/requirements.txt": "idna\n"},
     ["requirements/requirements.txt"]),
    ({"environment.yml": "name: x\ndependencies:\n  - idna\n"}, ["environment.yml"]),
    ({"pyproject.toml": f'{BARE}[dependency-groups]\nweb = ["idna"]\nempty = []\ndev = ["pytest"]\n'},
     ["[dependency-groups] web"]),
    ({"pyproject.toml": f'{BARE}[dependency-groups]\ndev = ["pytest"]\ntests = ["x"]\n'}, []),
    ({"pyproject.toml": f'{BARE}[project.optional-dependencies]\nweb = ["idna"]\ntest = ["pytest"]\n'},
     ["optional-dependencies web"]),
    ({"pyproject.toml": f'{BARE}[tool.hatch.envs.default]\ndependencies = ["idna"]\n'}, ["[tool.hatch.envs.default]"]),
    ({"main.py": '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["idna"]\n# ///\n'},
     ["`# /// script` of main.py"]),
    ({"main.py": "# /// script\n# dependencies = []\n# ///\n# dependencies = [x]\n"}, []),
    ({"environment.yml": "production:\n  dependencies: none\n"}, []),
])  # fmt: skip
def test_places(make_project: Callable[..., Path], files: dict[str, str], named: list[str]) -> None:
    root = make_project({"pyproject.toml": BARE, **files})
    told = list(lookalikes(load_project(root)))
    assert len(told) <= 1
    found = [line.partition(" is not read")[0].partition(" are not read")[0] for line in told]
    assert found == ([", ".join(named)] if named else [])


@pytest.mark.parametrize(("backend", "told"), [
    ("", ["[tool.poetry.dependencies] is not read: project.dependencies comes first; it alone has sniffio"]),
    (BACKEND, []),
])  # fmt: skip
def test_poetrys_table_beside_a_project_that_declares_less(
    make_project: Callable[..., Path], backend: str, told: list[str]
) -> None:
    text = BARE.replace("[tool", 'dependencies = ["My_Lib[x]>=1"]\n[tool')
    table = 'my-lib = "*"\nsniffio = "*"\nattrs = {version = "*", optional = true}\n'
    root = make_project({"pyproject.toml": f"{text}{backend}{POETRY}{table}"})
    assert list(more_in_poetrys_table(load_project(root))) == told


@pytest.mark.parametrize(("more", "pipfile", "named"), [
    ('[[tool.poetry.source]]\nname = "x"\nurl = "https://x.example/simple"\n', "", ["[[tool.poetry.source]]"]),
    ('[[tool.pdm.source]]\nname = "x"\nurl = "https://x.example/simple"\n', "", ["[[tool.pdm.source]]"]),
    ('[[tool.poetry.source]]\nname = "PyPI"\n[[tool.pdm.source]]\nurl = "https://pypi.org/simple"\n', "", []),
    ('[tool.poetry]\nsource = "x"\n', '[[source]]\nurl = "https://pypi.org/simple"\n', []),
    ("", '[[source]]\nurl = "https://x.example/simple"\n', ["[[source]] of Pipfile"]),
    ('[[tool.uv.index]]\nurl = "https://x.example"\n', '[[source]]\nurl = "https://x.example"\n', []),
])  # fmt: skip
def test_indexes_of_other_tools(make_project: Callable[..., Path], more: str, pipfile: str, named: list[str]) -> None:
    root = make_project({"pyproject.toml": BARE + more, "Pipfile": pipfile})
    told = "{} is not read: indexes stand in [[tool.uv.index]]"
    assert list(other_indexes(load_project(root))) == [told.format(each) for each in named]
    (root / "Pipfile").unlink()
    if pipfile:  # its lock alone travels
        address = pipfile.partition('"')[2].partition('"')[0]
        (root / "Pipfile.lock").write_text(json.dumps({"_meta": {"sources": [{"url": address}]}}, indent=4))
    named = [each.replace("Pipfile", "Pipfile.lock") for each in named]
    assert list(other_indexes(load_project(root))) == [told.format(each) for each in named]


def test_a_build_names_them_unless_it_has_dependencies(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    root = workshop.project()
    (root / "requirements.in").write_text("alpha\n")
    result = workshop.build(root)
    assert result.image is None
    assert [each[:27] for each in result.warnings] == ["requirements.in is not read"]
    (root / "pyproject.toml").write_text(
        f'{(root / "pyproject.toml").read_text()}[dependency-groups]\nweb = ["alpha"]\n'
    )
    assert 'tool.aleph.groups = ["web"] takes it in' in workshop.build(root).warnings[-1]
    workshop.project('"alpha"')
    assert workshop.build(root).warnings == ()


def test_locks_of_other_forms_are_named(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"')
    for name in ("pylock.prod.toml", "requirements.lock", "pixi.lock"):
        (root / name).write_text("")
    assert workshop.build(root).warnings == (
        "pixi.lock is not read: project.dependencies comes first",
        "pylock.prod.toml is not read: project.dependencies comes first",
        "requirements.lock is not read: project.dependencies comes first",
    )
