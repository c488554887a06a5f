"""Metadata comes from wherever the project keeps it."""

import pytest

from hatch_aleph.errors import ProjectError
from hatch_aleph.project import load_project, read_pyproject
from hatch_aleph.scaffold.pyproject import open_pyproject


def test_static_metadata(make_project):
    project = load_project(make_project())
    assert (project.name, project.version, project.stem) == ("my-api", "1.0", "my_api-1.0")


def test_a_version_that_hatchling_finds(make_project):
    root = make_project(
        {
            "pyproject.toml": """
                [project]
                name = "My.API"
                dynamic = ["version"]
                dependencies = ["starlette"]
                [project.optional-dependencies]
                fast = ["uvloop"]
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
                [tool.hatch.version]
                path = "my_api/__init__.py"
            """,
            "my_api/__init__.py": '__version__ = "2.3"',
        }
    )
    project = load_project(root)
    assert project.stem == "my_api-2.3"
    assert project.dependencies == ("starlette",)
    assert project.extras == {"fast": ("uvloop",)}


@pytest.mark.index
def test_a_version_that_another_backend_finds(make_project):
    root = make_project(
        {
            "pyproject.toml": """
                [project]
                name = "other"
                dynamic = ["version", "dependencies", "optional-dependencies"]
                [build-system]
                requires = ["setuptools"]
                build-backend = "setuptools.build_meta"
                [tool.setuptools]
                packages = ["other"]
                [tool.setuptools.dynamic]
                version = { attr = "other.VERSION" }
                dependencies = { file = ["requirements.txt"] }
                optional-dependencies.fast = { file = ["fast.txt"] }
            """,
            "other/__init__.py": 'VERSION = "4.5"',
            "requirements.txt": "starlette>=0.30; python_version >= '3.9'\n",
            "fast.txt": "uvloop; python_version >= '3.9'\n",
        }
    )
    project = load_project(root)
    assert project.version == "4.5"
    assert project.dependencies == ('starlette>=0.30; python_version >= "3.9"',)
    assert project.extras == {"fast": ('uvloop; python_version >= "3.9"',)}
    assert sorted(path.name for path in root.iterdir()) == [
        "fast.txt",
        "main.py",
        "other",
        "pyproject.toml",
        "requirements.txt",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not toml", "not TOML"),
        ("[tool.aleph]", r"There is no \[project\] table with a name"),
        ('[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"', "There is no .project. table"),
        ('[project]\nname = "x"', "project.version is missing"),
        (
            """
            [project]
            name = "x"
            dynamic = ["version"]
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [tool.hatch.version]
            path = "missing.py"
            """,
            "missing.py",
        ),
    ],
)
def test_metadata_that_cannot_be_read(make_project, text, expected):
    root = make_project()
    (root / "pyproject.toml").write_text(text, "utf-8")
    with pytest.raises(ProjectError, match=expected):
        load_project(root)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("project = 5", "project: expected a table, not 5"),
        ('[project]\nname = "x"\nversion = 1', "project.version: expected a string, not 1"),
        ("[project]\nname = 1", "project.name: expected a string"),
        ('[project]\nname = "x"\ndynamic = 5', "project.dynamic: expected a list"),
        ('[project]\nname = "x"\nversion = "1"\ndependencies = [1]', r"project.dependencies\[0\]: expected a string"),
        (
            '[project]\nname = "x"\nversion = "1"\noptional-dependencies = [1]',
            "optional-dependencies: expected a table",
        ),
        ('[project]\nname = "x"\nversion = "1"\noptional-dependencies.a = 1', "dependencies.a: expected a list"),
        ('[project]\nname = "x"\nversion = "1"\nrequires-python = 3', "project.requires-python: expected a string"),
        ("build-system = 5", "build-system: expected a table"),
        ("dependency-groups = 5", "dependency-groups: expected a table"),
        ("tool = 5", "tool: expected a table"),
        ("tool.aleph = 5", "tool.aleph: expected a table"),
        ("tool.hatch = 5", "tool.hatch: expected a table"),
        ("tool.hatch.build.targets.aleph = 5", "tool.hatch.build.targets.aleph: expected a table"),
        ("tool.uv.sources = 5", "tool.uv.sources: expected a table"),
        ("tool.uv.sources.foo = 5", "tool.uv.sources.foo: expected a table or a list of tables, not 5"),
        ("a = " + "[" * 20_000, "nested too deeply"),
    ],
)
def test_a_key_of_another_kind_is_named(make_project, text, told):
    root = make_project()
    (root / "pyproject.toml").write_text(text, "utf-8")
    with pytest.raises(ProjectError, match=told) as caught:
        load_project(root)
    assert caught.value.where == str(root / "pyproject.toml")


@pytest.mark.parametrize("name", ["pyproject.toml", "hatch.toml"])
def test_a_file_that_is_no_text_is_named(name, make_project):
    root = make_project()
    (root / name).write_bytes(b"\xff")
    with pytest.raises(ProjectError, match=r"The file (is not TOML|cannot be read)") as caught:
        read_pyproject(root)
    assert caught.value.where == str(root / name)


def test_no_project_at_all(tmp_path):
    with pytest.raises(ProjectError, match="No such file"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.aleph]\nmemory = " + "9" * 5000, "The file is not TOML"),
        ("a = " + "[" * 5000, "The file is (nested too deeply|not TOML)"),
        ("[[tool.aleph]]\nmemory = 128\n", r"\btool\.aleph\b"),
    ],
    ids=["a number without end", "nested without end", "tables for one"],
)
@pytest.mark.parametrize("read", [read_pyproject, open_pyproject])
def test_toml_of_any_shape_is_an_error_of_the_project(read, text, said, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("read", [read_pyproject, open_pyproject])
def test_what_is_no_file_is_not_read(read, tmp_path):
    (tmp_path / "pyproject.toml").symlink_to("/dev/zero")
    with pytest.raises(ProjectError, match="This is no file"):
        read(tmp_path)
