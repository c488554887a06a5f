"""The packages image, built from wheels that a local index serves."""

from __future__ import annotations

import json
import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.pylock import Pylock, is_valid_pylock_path

from hatch_aleph.build import build_artifact
from hatch_aleph.build.cache import Cache
from hatch_aleph.build.packages import PackagesResult
from hatch_aleph.errors import DependencyError, ImageError, SettingsError
from hatch_aleph.files import sha256_of
from hatch_aleph.project import load_project
from tests.build.conftest import RUNNING, Workshop, image_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from tests.build.conftest import Index

TAG = f"cpython-{RUNNING.replace('.', '')}.opt-2"


def test_an_image_holds_wheels_bytecode_lock_and_bill_of_materials(
    index: Index, workshop: Workshop, tmp_path: Path
) -> None:
    index.add(
        "alpha",
        files={
            "alpha/__init__.py": '"""Doc."""\nassert True\nvalue = 1\n',
            "alpha/data.txt": "data",
            "alpha/tests/test_it.py": "x = 1\n",
            "alpha-1.0.data/scripts/tool": "#!python\nprint(1)\n",
            "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\nalpha = alpha:main.run\n",
        },
        requires=("beta>=1",),
        metadata="License-Expression: MIT\n",
    )
    index.add("beta", "1.2")
    root = workshop.project('"alpha"', aleph="packed-modules = false\n")
    result = workshop.build(root)
    assert result.image is not None
    assert [(each.name, each.version) for each in result.distributions] == [("alpha", "1.0"), ("beta", "1.2")]
    wheel = index.files / "alpha-1.0-py3-none-any.whl"
    assert result.distributions[0].hashes == (f"sha256:{sha256_of(wheel)}",)
    image = root / "dist" / result.image.file
    assert (result.image.sha256, result.image.size) == (sha256_of(image), image.stat().st_size)

    files = image_files(image, tmp_path / "unpacked")
    assert files["alpha/data.txt"] == b"data"
    assert files[".aleph/inputs"].decode().strip() == result.image.inputs
    assert set(files) >= {f"alpha/__pycache__/__init__.{TAG}.pyc", f"beta/__pycache__/__init__.{TAG}.pyc"}
    assert not [path for path in files if "INSTALLER" in path or "REQUESTED" in path or "tests/__pycache__" in path]
    assert files["bin/tool"] == b"#!/usr/bin/python3\nprint(1)\n"
    assert files["bin/alpha"].startswith(b"#!/usr/bin/python3\n")
    assert b"from alpha import main\n" in files["bin/alpha"]
    assert os.access(tmp_path / "unpacked/bin/alpha", os.X_OK)
    listed = {line.split(",")[0] for line in files["alpha-1.0.dist-info/RECORD"].decode().splitlines()}
    ours = {path for path in files if path.startswith(("alpha", "bin/")) and not path.endswith(".pyc")}
    assert listed == ours
    bom = json.loads(files[".aleph/bom.cdx.json"])
    assert [each["purl"] for each in bom["components"]] == ["pkg:pypi/alpha@1.0", "pkg:pypi/beta@1.2"]
    assert bom["components"][0]["licenses"] == [{"expression": "MIT"}]
    # Here, not above: the grammars behind it take longer than this test, and every worker loads every file.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(files[".aleph/bom.cdx.json"].decode()) is None
    lock = root / "dist/pylock.my_api-1_0.toml"
    assert is_valid_pylock_path(lock)
    Pylock.from_dict(tomllib.loads(lock.read_text("utf-8"))).validate()
    assert lock.read_bytes() == files[".aleph/pylock.toml"]
    assert (root / "dist/my_api-1.0.cdx.json").read_bytes() == files[".aleph/bom.cdx.json"]
    assert PackagesResult(None, file=image).holds("alpha")
    assert not PackagesResult(None, file=image).holds("alpha.gamma")


@pytest.mark.parametrize(("optimize", "doc"), [("false", "Doc."), ("true", "None")])
def test_the_bytecode_is_what_the_guest_takes(
    index: Index, workshop: Workshop, tmp_path: Path, optimize: str, doc: str
) -> None:
    source = '"""Doc."""\nimport sys\nprint(__doc__, __cached__)\nassert sys.argv is None, "asserted"\n'
    index.add("alpha", files={"alpha.py": source})
    root = workshop.project('"alpha"', aleph=f"optimize = {optimize}\npacked-modules = false\n")
    result = workshop.build(root)
    assert result.image is not None
    files = image_files(root / "dist" / result.image.file, tmp_path / "unpacked")
    pyc = files[f"__pycache__/alpha.{TAG}.pyc"]
    assert pyc[4:8] == b"\1\0\0\0"  # a hash that nobody checks
    assert marshal.loads(pyc[16:]).co_filename == "/opt/packages/alpha.py"  # noqa: S302 - made a moment ago
    # Not even a changed source is looked at, which shows that the bytecode is what runs.
    (tmp_path / "unpacked/alpha.py").write_text("1/0\n")
    command = [sys.executable, "-OO", "-I", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import alpha"]
    told = subprocess.run([*command, str(tmp_path / "unpacked")], check=False, capture_output=True, text=True)
    assert "ZeroDivisionError" not in told.stderr
    assert ("asserted" in told.stderr) == (optimize == "false")
    assert told.stdout.split() == [doc, str(tmp_path / f"unpacked/__pycache__/alpha.{TAG}.pyc")]


def test_the_same_bytes_from_other_folders_and_caches(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", "beta", "gamma"):
        files = {f"{name}/m{number}.py": f"x = {{'a', 'b', '{name}'}}\ny = {number}\n" * 30 for number in range(40)}
        index.add(name, files=files)  # type: ignore[arg-type]
    first = workshop.build(workshop.project('"alpha", "beta", "gamma"', name="one"))
    warm = workshop.build(workshop.project('"gamma", "beta", "alpha"', name="two"))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    cold = workshop.build(
        workshop.project('"alpha", "beta", "gamma"', name="three"), cache=Cache(tmp_path / "other-cache")
    )
    assert first.image == warm.image == cold.image
    assert [each.sha256 for each in (first.image, warm.image, cold.image) if each] == [
        sha256_of(next((tmp_path / name / "dist").glob("*.squashfs"))) for name in ("one", "two", "three")
    ]


def test_an_unchanged_build_touches_nothing_and_asks_nobody(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"')
    first = workshop.build(root)
    image = root / "dist/my_api-1.0-packages.squashfs"
    before, asked = image.stat().st_mtime_ns, len(index.requests)
    assert workshop.build(root) == first
    assert (image.stat().st_mtime_ns, len(index.requests)) == (before, asked)
    image.write_bytes(b"spoilt")
    assert workshop.build(root) == first
    assert first.image is not None
    assert sha256_of(image) == first.image.sha256


def test_one_changed_dependency_leaves_the_others_segments(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    index.add("beta")
    cache = Cache.default()
    workshop.build(workshop.project('"alpha", "beta"'))
    segments = set(cache.root.glob("wheels/*/*.segment"))
    assert len(segments) == 2
    index.add("beta", "2.0")
    result = workshop.build(workshop.project('"alpha", "beta>=2"'))
    assert [each.version for each in result.distributions] == ["1.0", "2.0"]
    assert len(set(cache.root.glob("wheels/*/*.segment")) - segments) == 1


@pytest.mark.parametrize("suffix", [".segment", ".json"])
def test_a_damaged_cache_entry_is_made_again(index: Index, workshop: Workshop, suffix: str) -> None:
    index.add("alpha")
    first = workshop.build(workshop.project('"alpha"'))
    cache = Cache.default()
    entry = next(cache.root.glob(f"wheels/*/*{suffix}"))
    sound = entry.read_bytes()
    entry.write_bytes(sound[:20] + bytes([sound[20] ^ 1]) + sound[21:])
    again = workshop.build(workshop.project('"alpha"', name="other"))
    assert again.image == first.image
    assert entry.read_bytes() == sound


def test_builds_at_the_same_time_share_a_cache(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    for number in range(6):
        index.add(f"part{number}", files={f"part{number}/m{each}.py": f"x = {each}\n" for each in range(50)})
    names = ", ".join(f'"part{number}"' for number in range(6))
    script = tmp_path / "build.py"
    script.write_text(
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.build.conftest import Workshop, RUNNING; from hatch_aleph.runtimes import Runtime\n"
        "shop = Workshop(Path(sys.argv[1]), Runtime('test', '0' * 64, RUNNING, (2, 36), preloaded={'idna': ''}))\n"
        "print(shop.build(Path(sys.argv[1])).image.sha256)\n"
    )
    repository = Path(__file__).parents[2]
    roots = [workshop.project(names, name=f"clone{number}") for number in range(3)]
    running = [
        subprocess.Popen([sys.executable, str(script), str(root), str(repository)], stdout=subprocess.PIPE, text=True)
        for root in roots
    ]
    told = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(told) == 1


def test_a_cache_that_cannot_be_written_is_told_and_not_needed(
    index: Index, workshop: Workshop, tmp_path: Path
) -> None:
    index.add("alpha")
    blocked = tmp_path / "file"
    blocked.write_text("")  # no folder can be made below a file, not even by root
    result = workshop.build(workshop.project('"alpha"'), cache=Cache(blocked / "cache"))
    assert result.image is not None
    assert any("cannot be written" in notice for notice in workshop.notices)


def test_offline_with_warm_caches(index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add("alpha")
    first = workshop.build(workshop.project('"alpha"'))
    monkeypatch.setenv("HATCH_ALEPH_CACHE", os.environ["HATCH_ALEPH_CACHE"] + "2")
    asked = len(index.requests)
    again = workshop.build(workshop.project('"alpha"', name="other"), offline=True)
    assert again.image == first.image
    assert len(index.requests) == asked


def test_no_dependencies_no_image(workshop: Workshop, index: Index) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"')
    workshop.build(root)
    assert list((root / "dist").iterdir())
    assert workshop.build(workshop.project("")).image is None
    root.joinpath("main.py").write_text("app = None\n")
    build_artifact(load_project(root), root / "dist")
    assert {each.name for each in (root / "dist").iterdir()} == {"my_api-1.0-code.squashfs", "my_api-1.0.aleph.json"}


def test_prune_and_exclude(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    kept = {"alpha/__init__.py": "", "alpha/big/x.py": "", "alpha/py.typed": "", "alpha/tests/test_a.py": ""}
    index.add("alpha", files=kept)  # type: ignore[arg-type]
    index.add("beta", files={"beta/__init__.py": "from beta.tests import helper\n", "beta/tests/helper.py": "x = 1\n"})
    root = workshop.project('"alpha", "beta"', aleph='exclude = ["alpha/big"]\nprune = ["tests", "typing"]\n')
    result = workshop.build(root)
    assert result.image is not None
    files = image_files(root / "dist" / result.image.file, tmp_path / "unpacked")
    assert not [path for path in files if path.startswith(("alpha/big", "alpha/tests")) or path.endswith("py.typed")]
    assert "beta/tests/helper.py" in files  # beta imports it


def test_without_bytecode(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"', aleph="bytecode = false\n")
    result = workshop.build(root)
    assert result.image is not None
    assert not [
        path for path in image_files(root / "dist" / result.image.file, tmp_path / "u") if path.endswith(".pyc")
    ]


def test_without_an_interpreter_it_says_so(index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    index.add("alpha")
    monkeypatch.setattr(workshop, "runtime", type(workshop.runtime)("test", "0" * 64, "3.99", (2, 36)))
    assert workshop.build(workshop.project('"alpha"')).image is not None
    assert [notice for notice in workshop.notices if "no CPython 3.99" in notice]


def test_the_project_itself_never_comes_in(index: Index, workshop: Workshop) -> None:
    index.add("my_api", "9.0")
    index.add("alpha", requires=("my-api",))
    index.add("beta")
    result = workshop.build(
        workshop.project('"alpha", "my-api[more]"', aleph="", more='[project.optional-dependencies]\nmore = ["beta"]\n')
    )
    assert [each.name for each in result.distributions] == ["alpha", "beta"]


def test_extras_and_groups(index: Index, workshop: Workshop) -> None:
    for name in ("alpha", "beta", "gamma", "delta"):
        index.add(name)
    more = """
        [project.optional-dependencies]
        fast = ["beta", "gamma; sys_platform == 'win32'"]
        [dependency-groups]
        base = ["delta"]
        all = [{include-group = "base"}]
        """
    result = workshop.build(workshop.project('"alpha"', aleph='extras = ["fast"]\ngroups = ["all"]\n', more=more))
    assert [each.name for each in result.distributions] == ["alpha", "beta", "delta"]
    with pytest.raises(SettingsError, match=r"tool\.aleph\.extras: the project has no `fat`; did you mean `fast`"):
        workshop.build(workshop.project('"alpha"', aleph='extras = ["fat"]\n', more=more))


def test_two_that_bring_the_same_file(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    index.add("alpha", files={"shared/__init__.py": "who = 'alpha'\n", "shared/a.py": ""})
    index.add("beta", files={"shared/__init__.py": "who = 'beta'\n", "shared/b.py": ""})
    root = workshop.project('"beta", "alpha"', aleph="packed-modules = false\n")
    result = workshop.build(root)
    assert result.image is not None
    files = image_files(root / "dist" / result.image.file, tmp_path / "unpacked")
    assert files["shared/__init__.py"] == b"who = 'alpha'\n"
    assert {"shared/a.py", "shared/b.py"} <= set(files)
    assert b"alpha" in files[f"shared/__pycache__/__init__.{TAG}.pyc"]
    assert result.warnings == ("alpha and beta both bring shared/__init__.py; that of alpha is taken",)


def test_shadowed_modules_are_told_when_there_is_no_adapter(index: Index, workshop: Workshop) -> None:
    index.add("idna")
    index.add("enum34", files={"enum/__init__.py": ""})
    assert not workshop.build(workshop.project('"idna", "enum34"')).warnings
    warnings = workshop.build(workshop.project('"idna", "enum34"', aleph="adapter = false\n")).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["enum34", "idna"]


def test_credentials_stay_out(
    index: Index, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha")
    index.password = "s3cret-word"
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("//", "//joe:s3cret-word@"))
    root = workshop.project('"alpha"')
    result = workshop.build(root)
    assert result.image is not None
    image_files(root / "dist" / result.image.file, tmp_path / "unpacked")
    for folder in (root, tmp_path / "cache", tmp_path / "unpacked"):
        for file in folder.rglob("*"):
            assert not file.is_file() or b"s3cret" not in file.read_bytes(), file
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url.replace("//", "//joe:wrong-word@"))
    shutil.rmtree(tmp_path / "uv-cache")
    with pytest.raises(DependencyError) as caught:
        workshop.build(workshop.project('"alpha"', name="other"))
    assert "wrong-word" not in str(caught.value)


def test_a_budget(index: Index, workshop: Workshop) -> None:
    index.add("alpha", files={"alpha/noise.bin": os.urandom(1_500_000)})
    root = workshop.project('"alpha"', aleph="adapter = false\nbudget-mib = 1\n")
    with pytest.raises(ImageError, match=r"1\.4 MiB, above tool\.aleph\.budget-mib = 1") as caught:
        workshop.build(root)
    assert "alpha 1.4 MiB" in str(caught.value)
    assert not list((root / "dist").iterdir())
    assert workshop.build(workshop.project('"alpha"', aleph="adapter = false\nbudget-mib = 2\n")).image is not None


def test_no_wheel_a_conflict_an_unknown_name(index: Index, workshop: Workshop) -> None:
    (index.files / "source-1.0.tar.gz").write_bytes(b"")
    index.add("alpha", requires=("beta<2",))
    index.add("beta", "2.0")
    with pytest.raises(DependencyError, match=r"source.*no usable wheels") as caught:
        workshop.build(workshop.project('"source"'))
    assert "allow-source = ['source']" in (caught.value.hint or "")
    (index.files / "other-1.0.tar.gz").write_bytes(b"")
    index.add("gamma", requires=("other", "more"))
    index.add("more", tag="cp38-cp38-win_amd64")
    with pytest.raises(DependencyError, match="All without a usable wheel: ") as caught:
        workshop.build(workshop.project('"gamma", "source"'))
    assert all(f"'{name}'" in (caught.value.hint or "") for name in ("source", "other", "more"))
    assert f"Programs run on Python {RUNNING}" in (caught.value.hint or "")
    with pytest.raises(DependencyError, match=r"beta<2") as caught:
        workshop.build(workshop.project('"alpha"'))
    assert caught.value.exit_code == 5
    with pytest.raises(DependencyError, match=r"nowhere.*not found") as caught:
        workshop.build(workshop.project('"nowhere"'))
    assert not list((workshop.folder / "project").glob("dist/*"))


def test_versions_that_the_runtime_takes_are_named_where_others_are_asked_for(index: Index, workshop: Workshop) -> None:
    index.add("alpha", "1.5")
    index.add("alpha", "2.0", metadata="Requires-Python: >=3.98\n")
    (index.files / "only_source-1.0.tar.gz").write_bytes(b"")
    (index.files / "was_source-1.0.tar.gz").write_bytes(b"")
    index.add("was_source", "1.1")
    index.add("middle", requires=("alpha>=2",))
    wanted = '"alpha>=2", "only-source", "was_source==1.0"'
    root = workshop.project(wanted)
    line = next(at for at, text in enumerate((root / "pyproject.toml").read_text().splitlines(), 1) if "alpha" in text)
    with pytest.raises(DependencyError) as caught:
        workshop.build(root)
    hint = caught.value.hint or ""
    assert f"Programs run on Python {RUNNING}" in hint
    assert f"alpha 1.5, at {root / 'pyproject.toml'}:{line}\n" in hint
    assert f"was-source 1.1, at {root / 'pyproject.toml'}:{line}\n" in hint
    assert "No version of only-source has a wheel for it." in hint
    assert "allow-source = ['was-source', 'only-source']" in hint
    with pytest.raises(DependencyError) as caught:
        workshop.build(workshop.project('"middle"'))
    assert "alpha 1.5, required by another" in (caught.value.hint or "")


def test_what_is_no_requirement(workshop: Workshop) -> None:
    with pytest.raises(DependencyError, match="'alpha-' is no requirement") as caught:
        workshop.build(workshop.project('"alpha-"'))
    assert caught.value.where == str(workshop.folder / "project/pyproject.toml")


def test_a_wrong_hash_and_an_index_out_of_reach(
    index: Index, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("alpha")
    index.lie = True
    with pytest.raises(DependencyError, match=r"[Hh]ash mismatch"):
        workshop.build(workshop.project('"alpha"'))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(DependencyError) as caught:
        workshop.build(workshop.project('"other"'))
    assert "index" in (caught.value.hint or "")
    with pytest.raises(DependencyError) as caught:
        workshop.build(workshop.project('"other"'), offline=True)
    assert "--offline" in (caught.value.hint or "")


def test_a_project_for_another_python(workshop: Workshop) -> None:
    root = workshop.project('"alpha"')
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('version = "1.0"', 'version = "1.0"\nrequires-python = ">=3.98"'))
    line = next(at for at, text in enumerate(file.read_text().splitlines(), 1) if "requires-python" in text)
    with pytest.raises(DependencyError, match=r"requires-python is >=3\.98") as caught:
        workshop.build(root)
    assert caught.value.where == f"{file}:{line}"
    assert f'requires-python = ">={RUNNING}"' in (caught.value.hint or "")


def test_a_destination_that_cannot_be_written_leaves_nothing(index: Index, workshop: Workshop) -> None:
    index.add("alpha")
    root = workshop.project('"alpha"')
    (root / "dist").write_text("a file where the folder should be")
    with pytest.raises(ImageError) as caught:
        workshop.build(root)
    assert caught.value.exit_code == 6


def test_a_glob_makes_anew_only_what_it_matches(index: Index, workshop: Workshop, tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        index.add(name, files={f"{name}/__init__.py": "", f"{name}/big.txt": "big"})
    cache = Cache.default()
    files_apart = "packed-modules = false\n"
    workshop.build(workshop.project('"alpha", "beta"', aleph=files_apart))
    segments = set(cache.root.glob("wheels/*/*.segment"))
    root = workshop.project('"alpha", "beta"', aleph=f'{files_apart}exclude = ["alpha/big.txt", "alpha/*.pyc"]\n')
    result = workshop.build(root)
    assert result.image is not None
    files = set(image_files(root / "dist" / result.image.file, tmp_path / "unpacked"))
    assert {path for path in files if path.startswith("alpha/")} == {"alpha/__init__.py"}
    assert f"beta/__pycache__/__init__.{TAG}.pyc" in files
    assert len(set(cache.root.glob("wheels/*/*.segment")) - segments) == 1
    again = workshop.build(workshop.project('"alpha", "beta"', aleph=f'{files_apart}exclude = ["nothing/*"]\n'))
    assert again.image is not None
    assert len(set(cache.root.glob("wheels/*/*.segment")) - segments) == 1
