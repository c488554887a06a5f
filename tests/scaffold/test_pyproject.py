"""pyproject.toml receives what is missing and keeps what stands there."""

import sys

import pytest

from hatch_aleph.errors import ProjectError
from hatch_aleph.installation import requirement
from hatch_aleph.scaffold.applications import Application
from hatch_aleph.scaffold.pyproject import add_preview_profile, add_tables, open_pyproject, set_key
from hatch_aleph.scaffold.requirements import read_declared

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

APP = Application("main:app", "FastAPI", "main.py", 1)


def written(folder, **options):
    edit = open_pyproject(folder)
    add_tables(edit, options.pop("app", APP), **options)
    (folder / "pyproject.toml").write_text(edit.text)
    return edit, tomllib.loads(edit.text)


def test_a_folder_of_source_becomes_a_project(tmp_path):
    (tmp_path / "requirements.txt").write_text("fastapi>=0.110  # web\n\n# more\nuvicorn[standard]\n")
    _, data = written(tmp_path, name="my-api")
    assert data == {
        "project": {"name": "my-api", "version": "0.1.0", "dependencies": ["fastapi>=0.110", "uvicorn[standard]"]},
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "tool": {"aleph": {"entrypoint": "main:app"}},
    }


@pytest.mark.parametrize(
    ("framework", "dependencies"),
    [("FastAPI", ["fastapi"]), ("Django", ["django"]), ("FastHTML", ["python-fasthtml"]), ("a server", [])],
)
def test_a_framework_that_no_file_declares_is_a_dependency(framework, dependencies, tmp_path):
    edit, data = written(tmp_path, app=Application("main:app", framework, "main.py", 1))
    assert data["project"]["dependencies"] == dependencies
    assert any("No file lists dependencies" in note for note in edit.notes) == bool(dependencies)


@pytest.mark.parametrize(
    ("folder", "modules", "requirement", "name"),
    [
        ("fastapi", ["main.py"], "fastapi", "fastapi-app"),
        ("Fast_API", ["main.py"], "fast-api[all]>=1", "fast-api-app"),
        ("mysite", ["manage.py", "mysite/settings.py", "polls/views.py"], "django", "mysite-app"),
        ("microblog", ["microblog.py", "app/routes.py"], "flask", "microblog-app"),
        ("shop", ["shop/main.py", "tests/test_main.py"], "flask", "shop"),
        ("shop", ["main.py"], "flask", "shop"),
    ],
)
def test_a_project_is_not_called_like_a_part_of_it(folder, modules, requirement, name, tmp_path):
    root = tmp_path / folder
    for module in modules:
        (root / module).parent.mkdir(parents=True, exist_ok=True)
        (root / module).touch()
    (root / "requirements.txt").write_text(requirement)
    _, data = written(root)
    assert data["project"]["name"] == name


@pytest.mark.parametrize(
    ("text", "name"),
    [('{"name": "@acme/Price.Feed"}', "acme-price-feed"), ('{"name": null}', "shop"), ("[" * 100_000, "shop")],
)
def test_a_node_project_is_called_as_package_json_calls_it(text, name, tmp_path):
    root = tmp_path / "shop"
    root.mkdir()
    (root / "package.json").write_text(text)
    _, data = written(root, app=Application("node app.js", "Node.js", "package.json", 1, executable=True))
    assert data["project"]["name"] == name


def test_lines_that_go_on_are_joined_as_pip_joins_them(tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "flask \\\n# why\nhttpx # of 2023 \\\nnumpy==2.0 \\\n    --hash=sha256:aa\n# none \\\nuvloop \\"
    )
    assert read_declared(tmp_path).requirements == ("flask", "httpx", "numpy==2.0", "uvloop")
    (tmp_path / "requirements.txt").write_text("flask \\\n\n\nnot a requirement! \\\n\\\n")
    with pytest.raises(ProjectError, match=r"requirements\.txt:4"):
        read_declared(tmp_path)


def test_dependencies_that_a_file_declares_are_all(tmp_path):
    (tmp_path / "requirements.txt").write_text("# none\n")
    _, data = written(tmp_path)
    assert data["project"]["dependencies"] == []


def test_folders_that_a_plain_program_reads_are_selected(tmp_path):
    for name in ("static", "templates", "notes", "migrations"):
        (tmp_path / name).mkdir()
    (tmp_path / "migrations" / "__init__.py").touch()
    edit, data = written(tmp_path)
    assert data["tool"]["hatch"]["build"]["targets"]["aleph"] == {"include": ["/static", "/templates"]}
    assert any("include" in each for each in edit.done)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    _, data = written(tmp_path)
    assert "hatch" not in data["tool"]


@pytest.mark.parametrize(
    ("entrypoint", "file", "selected"),
    [
        ("site.wsgi:application", "server/site/wsgi.py", {"only-include": ["server"], "sources": ["server"]}),
        ("site:create()", "a/b/site/__init__.py", {"only-include": ["a/b"], "sources": ["a/b"]}),
        ("pkg.app:app", "src/pkg/app.py", None),
        ("pkg.app:app", "pkg/app.py", None),
        ("pkg.app:app", "Procfile", None),
        ("pkg.app:app", "", None),
    ],
)
def test_the_folder_that_is_imported_from_is_told_to_the_backend(entrypoint, file, selected, tmp_path):
    _, data = written(tmp_path, app=Application(entrypoint, "Django", file, 1))
    assert data["tool"].get("hatch", {}).get("build", {}).get("targets", {}).get("wheel") == selected


@pytest.mark.parametrize("table", ["[build-system]\nbuild-backend = 'setuptools.build_meta'", "[tool.hatch.build]\n"])
def test_what_is_built_is_left_to_who_has_said_it(table, tmp_path):
    (tmp_path / "pyproject.toml").write_text(f"{table}\n[project]\nname = 'x'\n")
    _, data = written(tmp_path, app=Application("site.wsgi:application", "Django", "server/site/wsgi.py", 1))
    assert "targets" not in data["tool"].get("hatch", {}).get("build", {})


def test_what_stands_there_stays_with_its_comments_and_order(tmp_path):
    text = (
        '# mine\n[tool.ruff] # lint\nline-length = 100\n\n[project]\nname = "x"\nversion = "1"\n\n'
        '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)
    edit, data = written(tmp_path)
    assert edit.text.startswith(text)
    assert data["tool"] == {"ruff": {"line-length": 100}, "aleph": {"entrypoint": "main:app"}}


def test_a_second_run_changes_nothing(tmp_path):
    first, _ = written(tmp_path, hatch=True)
    add_preview_profile(first)
    (tmp_path / "pyproject.toml").write_text(first.text)
    second, data = written(tmp_path, hatch=True)
    add_preview_profile(second)
    assert (second.text, second.done) == (first.text, [])
    assert data["tool"]["hatch"]["env"] == {"requires": [requirement()], "collectors": {"aleph": {}}}
    assert data["tool"]["aleph"]["profiles"] == {"pr-*": {}}


def test_an_entry_point_that_stands_there_is_kept(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n[tool.aleph]\nentrypoint = "a:b"\n')
    _, data = written(tmp_path)
    assert data["tool"]["aleph"]["entrypoint"] == "a:b"


@pytest.mark.parametrize(
    ("files", "backend"),
    [
        ({"pyproject.toml": '[tool.poetry]\nname = "x"\n'}, "poetry.core.masonry.api"),
        ({"setup.py": "from setuptools import setup\nsetup()"}, "setuptools.build_meta:__legacy__"),
        ({"setup.cfg": "[metadata]\nname = x\n"}, "setuptools.build_meta"),
        ({"pyproject.toml": '[project]\nname = "x"\nversion = "1"\n'}, "hatchling.build"),
    ],
)
def test_the_backend_is_the_one_that_reads_the_project_s_metadata(files, backend, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    _, data = written(tmp_path)
    assert data["build-system"]["build-backend"] == backend
    assert ("project" in data) == (backend == "hatchling.build")


def test_executables_are_written_as_such(tmp_path):
    _, data = written(tmp_path, app=Application("node server.js", "Node.js", "package.json", 1, executable=True))
    assert data["tool"]["aleph"] == {"entrypoint": "node server.js", "interface": "executable"}


def test_what_is_no_toml_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(ProjectError, match=r"pyproject\.toml"):
        open_pyproject(tmp_path)


def test_requirements_are_read_as_pip_reads_them(tmp_path):
    (tmp_path / "base.txt").write_text("httpx\n")
    (tmp_path / "requirements.txt").write_text(
        "-r base.txt\n--index-url https://example.org/simple\n-c constraints.txt\nhttpx\n"
        'numpy==2.0 \\\n    --hash=sha256:aa\nuvloop; sys_platform != "win32"\n'
    )
    declared = read_declared(tmp_path)
    assert declared.requirements == ("httpx", "numpy==2.0", 'uvloop; sys_platform != "win32"')
    assert [note.partition(":")[0] for note in declared.notes] == ["requirements.txt", "requirements.txt"]


def test_a_pipfile_is_read(tmp_path):
    (tmp_path / "Pipfile").write_text(
        '[packages]\nflask = "*"\n'
        'requests = {version = ">=2", extras = ["socks"], markers = "python_version > \'3\'"}\n'
        'lib = {git = "https://example.org/lib.git", ref = "v1"}\n[dev-packages]\npytest = "*"\n'
    )
    assert read_declared(tmp_path).requirements == (
        "flask",
        'requests[socks]>=2; python_version > "3"',
        "lib @ git+https://example.org/lib.git@v1",
    )


@pytest.mark.parametrize("line", ["-e ./lib", "./lib", "not a requirement!"])
def test_a_line_that_cannot_be_taken_over_stops(line, tmp_path):
    (tmp_path / "requirements.txt").write_text(f"httpx\n{line}\n")
    with pytest.raises(ProjectError, match=r"requirements\.txt:2"):
        read_declared(tmp_path)


@pytest.mark.parametrize(
    ("text", "described"), [("[flake8]\nmax-line-length = 100\n", False), ("[metadata]\nname = shop\n", True)]
)
def test_a_setup_cfg_of_linters_alone_describes_no_project(text, described, tmp_path):
    (tmp_path / "setup.cfg").write_text(text)
    (tmp_path / "requirements.txt").write_text("flask\n")
    _, data = written(tmp_path)
    assert ("project" in data) is not described
    assert data["build-system"]["build-backend"] == ("setuptools.build_meta" if described else "hatchling.build")
    if not described:
        assert data["project"]["dependencies"] == ["flask"]


@pytest.mark.parametrize(
    "text",
    [
        '[tool.aleph]\nentrypoint = "a:b"  # here\npersistent = false  # cheap\n[[tool.aleph.volumes.immutable]]\n',
        '[tool.aleph]\r\nentrypoint = "a:b"\r\npersistent = false  # cheap\r\n',
        '\ufeff[tool.aleph]\nentrypoint = "a:b"\n"persistent" = false\n',
        '[tool]\naleph = {entrypoint = "a:b", persistent = false}\n',
        'tool.aleph.entrypoint = "a:b"\ntool.aleph.persistent = false\n[project]\nname = "x"\n',
        '[tool.aleph]\npersistent = false\ndomains = [\n  "a.b",  # one\n  "c.d",\n]\n[tool.ruff]\n',
    ],
)
def test_a_key_is_set_and_nothing_else_is_touched(tmp_path, text):
    file = tmp_path / "pyproject.toml"
    file.write_bytes(text.encode())
    edit = open_pyproject(tmp_path)
    set_key(edit, "persistent", True, None)
    file.write_bytes(edit.content)
    assert file.read_bytes() == text.replace("false", "true").encode()


def test_a_key_of_a_profile_is_set_where_the_profile_stands_by_its_own_name(tmp_path):
    text = (
        '[tool.aleph]\nentrypoint = "a:b"\n[tool.aleph.profiles.staging]\nmemory = 512\n[tool.aleph.profiles."pr-*"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(text)
    edit = open_pyproject(tmp_path)
    set_key(edit, "variables", {"STAGE": "1"}, "staging")
    table = tomllib.loads(edit.text)["tool"]["aleph"]
    assert table["profiles"] == {"staging": {"memory": 512, "variables": {"STAGE": "1"}}, "pr-*": {}}
    with pytest.raises(ProjectError, match=r"\[tool\.aleph\.profiles\.pr-12\] does not stand in the file"):
        set_key(edit, "persistent", True, "pr-12")


def test_tables_that_stand_there_are_completed(tmp_path):
    text = '[project]\nname = "x"\nversion = "1"\n[tool.aleph]\nmemory = 512\n[tool.hatch.env]\nrequires = ["other"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    _, data = written(tmp_path, hatch=True)
    assert data["tool"]["aleph"] == {"memory": 512, "entrypoint": "main:app"}
    assert data["tool"]["hatch"]["env"] == {"requires": ["other", requirement()], "collectors": {"aleph": {}}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", b"\xff"),
        ("setup.cfg", b"no section"),
        ("requirements.txt", b"flask\xff"),
        ("Pipfile", b"[packages"),
        ("Pipfile", b'[packages]\nlib = {path = "./lib"}\n'),
    ],
)
def test_what_cannot_be_read_or_taken_over_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ProjectError) as caught:
        written(tmp_path)
    assert name in str(caught.value.where)
    assert not (tmp_path / "pyproject.toml").exists() or name == "pyproject.toml"


def test_an_index_of_a_pipfile_is_not_taken_over_in_silence(tmp_path):
    (tmp_path / "Pipfile").write_text('[[source]]\nurl = "https://example.org/simple"\n[packages]\nflask = "*"\n')
    declared = read_declared(tmp_path)
    assert declared.requirements == ("flask",)
    assert any("[[source]]" in note for note in declared.notes)


def test_requirements_that_name_each_other_are_read_once(tmp_path):
    (tmp_path / "requirements.txt").write_text("flask\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("httpx\n-r requirements.txt\n")
    assert read_declared(tmp_path).requirements == ("flask", "httpx")
