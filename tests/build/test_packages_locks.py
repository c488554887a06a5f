"""Each form of lock: vendored as written, refused, or told; never something else in silence."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.build.packages.lock import write_lock
from hatch_aleph.build.packages.pylock import parse
from hatch_aleph.errors import DependencyError, ProjectError
from hatch_aleph.project import load_project
from tests.build.conftest import RUNNING, write_wheel
from tests.build.test_packages_inputs import PYTHON, lock, uv, versions
from tests.build.test_packages_sources import git, library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.build.conftest import Index, Workshop


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def wheels(index: Index) -> dict[str, Path]:
    """alpha wants beta; both have a second version that no lock of these tests names."""
    old = {"alpha": index.add("alpha", requires=("beta",)), "beta": index.add("beta")}
    for name in ("alpha", "beta"):
        index.add(name, "2.0", requires=("beta",) if name == "alpha" else ())
    index.add("gamma")
    return old


def toml(tables: list[dict[str, Any]], key: str = "package") -> str:
    lines = []
    for table in tables:
        lines += [f"[[{key}]]", *(f"{name} = {value}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def files(wheel: Path, value: str | None = None) -> str:
    return f'[{{file = "{wheel.name}", hash = "sha256:{value or digest(wheel)}"}}]'


def poetry(wheels: dict[str, Path]) -> str:
    tables = [{"name": f'"{name}"', "version": '"1.0"', "files": files(wheel)} for name, wheel in wheels.items()]
    return toml(tables) + '[metadata]\nlock-version = "2.1"\n'


def old_poetry(wheels: dict[str, Path]) -> str:
    tables = [{"name": f'"{name}"', "version": '"1.0"'} for name in wheels]
    listed = "".join(f"{name} = {files(wheel)}\n" for name, wheel in wheels.items())
    return toml(tables) + f'[metadata]\nlock-version = "1.1"\n[metadata.files]\n{listed}'


def pdm(wheels: dict[str, Path]) -> str:
    tables = [
        {"name": f'"{name}"', "version": '"1.0"', "groups": '["default"]', "files": files(wheel)}
        for name, wheel in wheels.items()
    ]
    return toml(tables) + '[metadata]\nlock_version = "4.5"\n'


def pipfile(wheels: dict[str, Path]) -> str:
    default = {name: {"version": "==1.0", "hashes": [f"sha256:{digest(each)}"]} for name, each in wheels.items()}
    default["gamma"] = {"version": "==1.0", "hashes": [], "markers": "sys_platform == 'win32'"}
    return json.dumps({"_meta": {}, "default": default, "develop": {}})


FORMS: dict[str, tuple[str, Callable[[dict[str, Path]], str]]] = {
    "Poetry 2": ("poetry.lock", poetry),
    "Poetry 1": ("poetry.lock", old_poetry),
    "PDM": ("pdm.lock", pdm),
    "Pipenv": ("Pipfile.lock", pipfile),
}


@pytest.mark.parametrize("form", FORMS)
def test_locks_of_other_tools(index: Index, workshop: Workshop, wheels: dict[str, Path], form: str) -> None:
    name, write = FORMS[form]
    root = workshop.project('"alpha"')
    (root / name).write_text(write(wheels))
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]
    workshop.project('"alpha", "gamma; sys_platform != \'win32\'"')
    with pytest.raises(DependencyError, match="The lock is out of date"):
        workshop.build(root, locked=True)
    assert versions(workshop, root) == ["alpha 1.0", "beta 1.0", "gamma 1.0"]  # what still fits stays
    assert f"{name} is out of date" in workshop.notices[-1]
    workshop.project('"alpha"')
    text = (root / name).read_text().replace(digest(wheels["beta"]), "0" * 64)
    (root / name).write_text(text)
    with pytest.raises(DependencyError, match=r"[Hh]ash mismatch.*beta"):
        workshop.build(root)
    (root / name).write_text("nonsense [")
    with pytest.raises(DependencyError, match=f"not a {name}"):
        workshop.build(root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", '[[package]]\nname = "alpha"\nversion = "1"\n[package.source]\ntype = "git"\nurl = "x"\n'),
        ("pdm.lock", '[[package]]\nname = "alpha"\nversion = "1"\ngit = "https://example.org/x"\n'),
        ("Pipfile.lock", '{"default": {"alpha": {"git": "https://example.org/x", "ref": "0"}}}'),
    ],
)
def test_what_such_locks_take_from_elsewhere_is_refused(
    index: Index, workshop: Workshop, wheels: dict[str, Path], name: str, text: str
) -> None:
    root = workshop.project('"alpha"')
    (root / name).write_text(text)
    with pytest.raises(DependencyError, match=f"alpha comes from a git, which is not read from a {name}"):
        workshop.build(root)


@pytest.mark.parametrize(
    ("name", "declared"), [("Pipfile.lock", True), ("Pipfile.lock", False), ("poetry.lock", True), ("pdm.lock", True)]
)
def test_the_way_out_of_that_refusal(
    index: Index, workshop: Workshop, wheels: dict[str, Path], name: str, declared: bool
) -> None:
    """What each hint says is done as it is written, and then the project builds."""
    library(workshop.folder / "library")
    (workshop.folder / "library/library.txt").write_text("x = 1\n")
    for command in (("init",), ("add", "."), ("commit", "--message", "First")):
        git(workshop.folder / "library", *command)
    address = f"file://{workshop.folder}/library"
    default = {"library": {"git": address, "ref": "main"}, "my-api": {"path": "."}, "beta": {"version": "==1.0"}}
    table = '[[package]]\nname = "{}"\nversion = "1.0"\n'
    text = {
        "Pipfile.lock": json.dumps({"default": default}),
        "poetry.lock": table.format("library")
        + f'source = {{type = "git", url = "{address}"}}\n'
        + table.format("beta"),
        "pdm.lock": table.format("library") + f'git = "{address}"\n' + table.format("beta"),
    }[name]
    wanted = f'"beta", "library @ git+{address}@main"' if declared else ""
    root = workshop.project(wanted, aleph=PYTHON)
    (root / name).write_text(text)
    with pytest.raises(DependencyError, match="library comes from a git") as caught:
        workshop.build(root)
    assert caught.value.hint == "Write a lock that has it: `hatch-aleph lock`"
    lock(root)
    if not declared:  # nor does the project itself name the place
        with pytest.raises(DependencyError) as caught:
            workshop.build(root)
        assert "tool.aleph.allow-source = ['library']" in (caught.value.hint or "")
        workshop.project(wanted, aleph=f'{PYTHON}allow-source = ["library"]\n')
        lock(root)
    assert versions(workshop, root, locked=True) == ["beta 1.0", "library 1.0"]


def test_versions_that_are_not_kept_are_told(index: Index, workshop: Workshop, wheels: dict[str, Path]) -> None:
    root = workshop.project('"alpha>=2"', aleph=PYTHON)
    (root / "poetry.lock").write_text(poetry(wheels))
    told: list[str] = []
    write_lock(load_project(root), None, notice=told.append)
    (root / "pylock.toml").unlink()
    workshop.build(root)
    assert workshop.notices[0].startswith(
        "poetry.lock is out of date (its versions do not meet the project's requirements"
    )
    assert "my-api depends on alpha>=2" in workshop.notices[0]
    assert workshop.notices[1] == told[0]
    assert told == ["Not as poetry.lock has it (other requirements, or no wheel): alpha 2.0 in place of 1.0"]


def test_a_lock_that_fits_and_has_no_wheel_is_not_called_out_of_date(index: Index, workshop: Workshop) -> None:
    wheel = index.add("alpha", tag="cp38-cp38-win_amd64")
    index.add("alpha", "2.0")
    root = workshop.project('"alpha"')
    (root / "poetry.lock").write_text(poetry({"alpha": wheel}))
    with pytest.raises(DependencyError, match=r"alpha==1\.0 has no wheels") as caught:
        workshop.build(root, locked=True)
    assert "out of date" not in str(caught.value)
    assert f"  alpha 2.0, at {root / 'pyproject.toml'}:" in (caught.value.hint or "")
    assert versions(workshop, root) == ["alpha 2.0"]
    assert workshop.notices[0].startswith("poetry.lock has versions that the runtime cannot have (Because alpha==1.0")
    assert "poetry lock`" not in workshop.notices[0]
    assert workshop.notices[1].endswith("alpha 2.0 in place of 1.0")


def test_the_first_that_is_there_counts_and_the_others_are_told(
    index: Index, workshop: Workshop, wheels: dict[str, Path]
) -> None:
    root = workshop.project('"alpha"', aleph=PYTHON)
    (root / "requirements.txt").write_text("alpha==1.0\n")
    result = workshop.build(root)
    assert [each.version for each in result.distributions] == ["2.0", "2.0"]
    assert result.warnings == (
        (
            "requirements.txt is not read: not everything in it has a hash, and project.dependencies comes first; it "
            "alone has alpha==1.0"
        ),
    )
    for same in ("alpha\n", "# what init has read\nAlpha  # the newest\n"):
        (root / "requirements.txt").write_text(same)
        assert workshop.build(root).warnings == ()
    (root / "poetry.lock").write_text(poetry(wheels))
    result = workshop.build(root)
    assert [each.version for each in result.distributions] == ["1.0", "1.0"]
    lock(root)
    result = workshop.build(root)
    assert "poetry.lock is not read: pylock.toml comes first" in result.warnings


def test_requirements_of_a_project_that_declares_none(
    index: Index, workshop: Workshop, wheels: dict[str, Path]
) -> None:
    root = workshop.project("")
    (root / "constraints").mkdir()
    (root / "constraints/all.txt").write_text("beta==1.0\n")
    (root / "more.txt").write_text("gamma ; sys_platform != 'win32'\n")
    (root / "requirements.txt").write_text("-r more.txt\n-c constraints/all.txt\nalpha  # the newest\n-e .\n")
    assert versions(workshop, root) == ["alpha 2.0", "beta 1.0", "gamma 1.0"]
    with pytest.raises(DependencyError, match="There is no lock"):
        workshop.build(root, locked=True)
    (root / "constraints/all.txt").write_text("beta==2.0\n")
    assert versions(workshop, root) == ["alpha 2.0", "beta 2.0", "gamma 1.0"]
    text = "-r more.txt\n-c constraints/all.txt\nalpha \\\n    <2 ; \\\r\n    sys_platform == 'linux'\n"
    (root / "requirements.txt").write_text(text)  # pip joins lines wherever they are continued
    assert versions(workshop, root) == ["alpha 1.0", "beta 2.0", "gamma 1.0"]


def test_options_of_pip_in_requirements(index: Index, workshop: Workshop) -> None:
    for version in ("1.0", "2.0rc1"):
        index.add("alpha", version)
    (index.files / "source-1.0.tar.gz").write_bytes(b"")
    root = workshop.project("")
    (root / "more.txt").write_text("--pre\n--prefer-binary\n")
    (root / "requirements.txt").write_text("--use-feature=fast-deps\nalpha\n")
    assert versions(workshop, root) == ["alpha 1.0"]
    assert workshop.build(root).warnings == ("--use-feature in requirements.txt is not followed",)
    (root / "requirements.txt").write_text("-r more.txt\nalpha\n")
    result = workshop.build(root)
    assert [each.version for each in result.distributions] == ["2.0rc1"]
    assert result.warnings == ()


def test_requirements_that_ask_for_a_build_need_permission(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    library(tmp_path / "library")
    (tmp_path / "library/library.txt").write_text("x = 1\n")
    (tmp_path / "library/PKG-INFO").write_text("Metadata-Version: 2.1\nName: library\nVersion: 1.0\n")
    with tarfile.open(index.files / "library-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "library", "library-1.0")
    root = workshop.project("", aleph=PYTHON)
    (root / "requirements.txt").write_text("--no-binary library\nlibrary\n")
    with pytest.raises(DependencyError, match=r"requirements\.txt has library built from source") as caught:
        workshop.build(root)
    assert "allow-source = ['library']" in (caught.value.hint or "")


def test_locking_what_stands_in_for_dependencies(index: Index, workshop: Workshop, wheels: dict[str, Path]) -> None:
    root = workshop.project("", aleph=PYTHON)
    (root / "requirements.txt").write_text("alpha\n")
    first = lock(root)
    assert versions(workshop, root, locked=True) == ["alpha 2.0", "beta 2.0"]
    assert lock(root) == first
    (root / "requirements.txt").write_text("alpha\ngamma\n")
    with pytest.raises(DependencyError, match="The lock is out of date"):
        workshop.build(root, locked=True)
    (root / "pylock.toml").unlink()
    (root / "requirements.txt").unlink()
    (root / "Pipfile.lock").write_text(pipfile(wheels))
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]
    lock(root)
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]


@pytest.mark.parametrize(("name", "write"), [("poetry.lock", poetry), ("pdm.lock", pdm)])
def test_a_lock_of_a_project_that_declares_nothing(
    index: Index,
    workshop: Workshop,
    wheels: dict[str, Path],
    name: str,
    write: Callable[[dict[str, Path]], str],
) -> None:
    root = workshop.project("")
    (root / name).write_text(write(wheels))
    result = workshop.build(root)
    assert result.image is None
    assert f"{name} is not read: it does not say which of its packages the project needs" in result.warnings[0]


def test_hashed_requirements_that_include_others(index: Index, workshop: Workshop, wheels: dict[str, Path]) -> None:
    root = workshop.project('"alpha"')
    lines = {name: f"{name}==1.0 --hash=sha256:{digest(wheel)}\n" for name, wheel in wheels.items()}
    (root / "more.txt").write_text(lines["beta"])
    (root / "requirements.txt").write_text(f"--index-url {index.url}\n-r more.txt\n{lines['alpha']}")
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "beta 1.0"]
    (root / "more.txt").write_text(lines["beta"].replace(digest(wheels["beta"]), "0" * 64))
    with pytest.raises(DependencyError, match=r"[Hh]ash mismatch.*beta"):
        workshop.build(root)
    (root / "more.txt").write_text("beta==1.0\n")  # one line without a hash: it is no lock any more
    result = workshop.build(root)
    assert [each.version for each in result.distributions] == ["2.0", "2.0"]
    assert "requirements.txt is not read" in result.warnings[0]
    (root / "more.txt").unlink()
    with pytest.raises(DependencyError, match=r"It includes more\.txt") as caught:
        workshop.build(root)
    assert caught.value.where == str(root / "requirements.txt")


def test_the_wheel_that_is_hashed_is_taken_and_not_the_best(index: Index, workshop: Workshop) -> None:
    plain = index.add("alpha")
    index.add("alpha", tag=f"cp{RUNNING.replace('.', '')}-abi3-manylinux_2_17_x86_64")
    root = workshop.project('"alpha"')
    (root / "requirements.txt").write_text(f"alpha==1.0 --hash=sha256:{digest(plain)}\n")
    assert workshop.build(root).distributions[0].hashes == (f"sha256:{digest(plain)}",)


@pytest.mark.parametrize(
    "line",
    [
        "alpha==1.0 --hash=sha256:{wrong}\nbeta",  # beta has none, so it is no lock; the hash counts all the same
        "alpha @ {address} --hash=sha256:{wrong}",
        "{address} --hash=sha256:{wrong}",
        "./lib/{file} --hash=sha256:{wrong}",
        "alpha==1.0 --hash=sha256:",
    ],
)
def test_a_hash_in_a_requirements_file_is_met_wherever_it_stands(
    workshop: Workshop, wheels: dict[str, Path], line: str
) -> None:
    root, wheel = workshop.project(""), wheels["alpha"]
    (root / "lib").mkdir()
    shutil.copy(wheel, root / "lib")
    text = line.format(address=wheel.as_uri(), file=wheel.name, wrong="0" * 64)
    (root / "requirements.txt").write_text(text)
    with pytest.raises(DependencyError, match=r"Hash mismatch.*alpha 1\.0"):
        workshop.build(root)
    (root / "requirements.txt").write_text(text.partition("sha256:")[0] + f"sha256:{digest(wheel)}\n")
    assert [each.version for each in workshop.build(root).distributions] == ["1.0"]


def test_what_a_lock_lacks_is_named(index: Index, workshop: Workshop, wheels: dict[str, Path]) -> None:
    delta = index.add("delta", requires=("alpha", "beta; extra == 'x'", "gamma; sys_platform == 'win32'", "setuptools"))
    root = workshop.project("")
    text = f"delta==1.0 --hash=sha256:{digest(delta)}\n"
    (root / "requirements.txt").write_text(text)
    told = "requirements.txt lacks what its distributions require: alpha (of delta)"
    assert workshop.build(root).warnings == (told,)
    (root / "requirements.txt").write_text(f"{text}alpha==1.0 --hash=sha256:{digest(wheels['alpha'])}\n")
    assert workshop.build(root).warnings == (told.replace("alpha (of delta)", "beta (of alpha)"),)
    (root / "requirements.txt").write_text("alpha\n")  # resolved: with all of it
    assert not workshop.build(root).warnings


def test_locking_twice_with_a_folder(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    index.add("alpha")
    library(tmp_path / "library")
    (tmp_path / "library/library.txt").write_text("x = 1\n")
    source = '[tool.uv.sources]\nlibrary = { path = "../library" }\n'
    root = workshop.project('"alpha", "library"', more=source, aleph=PYTHON)
    first = lock(root)
    assert 'path = "../library"' in first
    for _ in range(2):
        assert lock(root) == first
        assert versions(workshop, root, locked=True) == ["alpha 1.0", "library 1.0"]
    write_lock(load_project(root), None, check=True)


def test_locking_twice_in_a_workspace(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    index.add("alpha")
    source = '[tool.uv.sources]\nlibrary = { workspace = true }\n[tool.uv.workspace]\nmembers = ["members/library"]\n'
    root = workshop.project('"alpha", "library"', more=source, aleph=PYTHON)
    library(root / "members/library")
    (root / "members/library/library.txt").write_text("x = 1\n")
    first = lock(root)
    assert 'path = "members/library"' in first
    assert lock(root) == first
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "library 1.0"]


def test_fields_of_hatch_in_requirements_are_those_of_the_project(
    index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv knows nothing of them; and a lock of what lies in the project is good wherever the project lies."""
    index.add("alpha")
    index.add("beta")
    hatch = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    more = f"{hatch}[tool.hatch.metadata]\nallow-direct-references = true\n"
    wanted = '"local @ {root:uri}/local-1.0-py3-none-any.whl", "{env:WANTED:alpha}"'
    roots = [workshop.project(wanted, name=name, more=more, aleph=PYTHON) for name in ("here", "elsewhere")]
    for root in roots:
        (root / "main.py").write_text("app = None\n")
    shutil.copy(write_wheel(roots[0], "local"), roots[1])
    assert versions(workshop, roots[0]) == ["alpha 1.0", "local 1.0"]
    assert versions(workshop, roots[1]) == ["alpha 1.0", "local 1.0"]
    text = lock(roots[0])
    assert 'path = "local-1.0-py3-none-any.whl"' in text
    (roots[1] / "pylock.toml").write_text(text)
    images = [workshop.build(root, locked=True).image for root in roots]
    assert images[0] == images[1]
    monkeypatch.setenv("WANTED", "beta")
    with pytest.raises(DependencyError, match="The lock is out of date"):
        workshop.build(roots[1], locked=True)


def test_a_replaced_wheel_of_this_machine_is_noticed(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    def wheel(text: str) -> str:
        return digest(write_wheel(tmp_path / "wheels", "alpha", files={"alpha.py": text}))

    first = wheel("x = 1\n")
    source = '[tool.uv.sources]\nalpha = { path = "../wheels/alpha-1.0-py3-none-any.whl" }\n'
    root = workshop.project('"alpha"', more=source, aleph=PYTHON)
    assert workshop.build(root).distributions[0].hashes == (f"sha256:{first}",)
    second = wheel("x = 2\n")
    assert workshop.build(root).distributions[0].hashes == (f"sha256:{second}",)
    text = lock(root)
    assert 'path = "../wheels/alpha-1.0-py3-none-any.whl"' in text
    assert versions(workshop, root, locked=True) == ["alpha 1.0"]
    wheel("x = 3\n")
    with pytest.raises(DependencyError, match=r"Hash mismatch: alpha-1\.0-py3-none-any\.whl"):
        workshop.build(root, locked=True)


@pytest.mark.parametrize("change", ["extra", "constraint", "index", "file", "group"])
def test_a_lock_is_out_of_date_when_what_it_was_made_for_changes(
    index: Index, workshop: Workshop, wheels: dict[str, Path], change: str
) -> None:
    extras = '[project.optional-dependencies]\nmore = ["beta"]\n[dependency-groups]\nmore = ["beta"]\n'
    root = workshop.project('"alpha"', aleph=PYTHON, more=extras)
    lock(root)
    workshop.build(root, locked=True)
    selected = {"extra": 'extras = ["more"]\n', "group": 'groups = ["more"]\n'}.get(change, "")
    configured = {
        "constraint": '[tool.uv]\nconstraint-dependencies = ["beta<2"]\n',
        "index": f'[[tool.uv.index]]\nname = "other"\nurl = "{index.url}"\n',
    }.get(change, "")
    workshop.project('"alpha"', aleph=PYTHON + selected, more=extras + configured)
    if change == "file":
        (root / "uv.toml").write_text('exclude-newer = "2030-01-01T00:00:00Z"\n')
    with pytest.raises(DependencyError, match="The lock is out of date"):
        workshop.build(root, locked=True)


def test_extras_and_groups_of_a_standard_lock(index: Index, workshop: Workshop, wheels: dict[str, Path]) -> None:
    base = index.url.removesuffix("/simple") + "/files"
    markers = {
        "alpha": "",
        "beta": "'fast' in extras",
        "gamma": "'docs' in dependency_groups",
    }
    built = {**wheels, "gamma": index.files / "gamma-1.0-py3-none-any.whl"}
    tables: list[dict[str, Any]] = []
    for name, marker in markers.items():
        table = {"name": f'"{name}"', "version": '"1.0"'}
        if marker:
            table["marker"] = f'"{marker}"'
        address = f'url = "{base}/{built[name].name}"'
        table["wheels"] = f'[{{{address}, hashes = {{sha256 = "{digest(built[name])}"}}}}]'
        tables.append(table)
    head = 'lock-version = "1.0"\ncreated-by = "pdm"\nextras = ["fast"]\ndependency-groups = ["docs"]\n'
    more = '[project.optional-dependencies]\nfast = ["beta"]\n[dependency-groups]\ndocs = ["gamma"]\n'
    expected = {
        "": ["alpha 1.0"],
        'extras = ["fast"]\n': ["alpha 1.0", "beta 1.0"],
        'groups = ["docs"]\n': ["alpha 1.0", "gamma 1.0"],
        'extras = ["fast"]\ngroups = ["docs"]\n': ["alpha 1.0", "beta 1.0", "gamma 1.0"],
    }
    for selected, found in expected.items():
        root = workshop.project('"alpha"', more=more, aleph=selected)
        (root / "pylock.toml").write_text(head + toml(tables, "packages"))
        assert versions(workshop, root, locked=True) == found


def test_sources_of_a_lock_need_permission(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    library(tmp_path / "library")
    (tmp_path / "library/library.txt").write_text("x = 1\n")
    table = 'name = "library"\nversion = "1.0"\ndirectory = { path = "../library" }\n'
    root = workshop.project('"library"')
    (root / "pylock.toml").write_text(f'lock-version = "1.0"\ncreated-by = "someone"\n[[packages]]\n{table}')
    with pytest.raises(DependencyError, match="The lock has library built from source") as caught:
        workshop.build(root)
    assert "allow-source" in (caught.value.hint or "")
    root = workshop.project('"library"', aleph='allow-source = ["Library"]\n')
    assert versions(workshop, root) == ["library 1.0"]


@pytest.mark.parametrize(
    "table",
    [
        'name = "../../evil"\nversion = "1.0"',
        'name = "alpha"\nversion = "1/../../evil"',
        'name = "alpha"\nversion = "1.0"\n#',
    ],
)
def test_names_of_a_lock_are_no_paths(index: Index, workshop: Workshop, table: str) -> None:
    wheel = index.add("alpha")
    name = "..%2F..%2Fevil.whl" if table.endswith("#") else wheel.name
    address = index.url.removesuffix("/simple") + f"/files/{name}"
    root = workshop.project('"alpha"')
    (root / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\n'
        f'{table}\nwheels = [{{url = "{address}", hashes = {{sha256 = "{digest(wheel)}"}}}}]\n'
    )
    with pytest.raises(DependencyError, match="pylock"):
        workshop.build(root)


@pytest.mark.parametrize("place", ["app", "examples/app"])
def test_a_uv_lock_of_a_workspace_above(index: Index, workshop: Workshop, tmp_path: Path, place: str) -> None:
    """Also one beyond another project, where uv itself stops looking."""
    index.add("alpha")
    top = tmp_path / "top"
    sources = "[tool.uv.sources]\nlibrary = {workspace = true}\n"
    nested = "/" in place
    aleph = 'allow-source = ["library"]\n' if nested else ""
    root = workshop.project('"alpha", "library"', aleph=aleph, name=f"top/{place}", more="" if nested else sources)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1.0"', f'version = "1.0"\nrequires-python = ">={RUNNING}"'))
    library(top / "library")
    (top / "library/library.txt").write_text("x = 1\n")
    members = ["library", "examples", "examples/*"] if nested else ["*"]
    if nested:
        (top / "examples/pyproject.toml").write_text(
            f'[project]\nname = "examples"\nversion = "1"\nrequires-python = ">={RUNNING}"\n'
        )
    (top / "pyproject.toml").write_text(f"{sources}[tool.uv.workspace]\nmembers = {members}\n")
    uv(top, "lock")
    assert versions(workshop, root, locked=True) == ["alpha 1.0", "library 1.0"]


@pytest.mark.parametrize("rest", ['exclude = ["app"]\nmembers = ["*"]\n', 'members = ["library"]\n'])
def test_a_uv_lock_above_that_is_of_others(index: Index, workshop: Workshop, tmp_path: Path, rest: str) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"', name="top/app")
    top = root.parent
    library(top / "library")
    (top / "pyproject.toml").write_text(f"[tool.uv.workspace]\n{rest}")
    uv(top, "lock")
    assert (top / "uv.lock").is_file()
    assert versions(workshop, root) == ["alpha 1.0"]


@pytest.mark.parametrize("text", ["[tool", "[tool.uv]\nworkspace = 1", '[tool.uv.workspace]\nmembers = ["", "/*"]'])
def test_a_pyproject_above_that_is_of_nobody(index: Index, workshop: Workshop, text: str) -> None:
    root = workshop.project("", name="top/app")
    (root.parent / "pyproject.toml").write_text(text)
    assert workshop.build(root).image is None


def test_a_workspace_configures_its_members(index: Index, workshop: Workshop) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
    root = workshop.project('"alpha"', name="top/app", aleph=PYTHON)
    top = root.parent / "pyproject.toml"
    for constraint, expected in (("alpha<2", "1.0"), ("alpha>=2", "2.0")):
        top.write_text(f'[tool.uv]\nconstraint-dependencies = ["{constraint}"]\n[tool.uv.workspace]\nmembers = ["*"]\n')
        assert versions(workshop, root) == [f"alpha {expected}"]
    lock(root)
    assert versions(workshop, root, locked=True) == ["alpha 2.0"]
    top.write_text(top.read_text().replace(">=2", ">=1"))
    with pytest.raises(DependencyError, match="out of date"):
        workshop.build(root, locked=True)


def test_requirements_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("alpha\n")
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path)
    assert "requirements.txt" in (caught.value.hint or "")
    assert "hatch-aleph init" in (caught.value.hint or "")


def test_a_lock_nested_without_end_is_none() -> None:
    with pytest.raises(ValueError, match=r"."):
        parse("a = " + "[" * 5000)
