"""What stands in a program's way and can be read without an index is said before the first build."""

import json

import pytest

from hatch_aleph.scaffold.cautions import cautions, of_their_time


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"project": {"requires-python": ">=3.12"}}, "requires-python >=3.12, and programs run on Python 3.11"),
        ({"tool": {"poetry": {"dependencies": {"python": "^3.13"}}}}, "requires-python >=3.13,<4"),
        ({"project": {"requires-python": ">=3.10"}}, None),
        ({"tool": {"poetry": {"dependencies": {"python": "^3.9"}}}}, None),
        ({"project": {"requires-python": ">=3.12"}, "tool": {"aleph": {"runtime": "ab" * 32, "python": "3.12"}}}, None),
    ],
)
def test_a_python_that_the_runtime_does_not_have(tables, said, tmp_path):
    told = cautions(tmp_path, tables, [], "FastAPI")
    assert [said in each for each in told] == ([True] if said else [])
    if said:
        assert 'requires-python = ">=3.11"' in told[0]
        assert "debian-12 3.11" in told[0]


@pytest.mark.parametrize(
    ("requirement", "instead"),
    [
        ("django>=6.0,<6.1", '"django~=5.2.0"'),
        ("Django[argon2]==6.1", '"Django[argon2]~=5.2.0"'),
        ("django==6.*", '"django~=5.2.0"'),
        ("django>=4.2", None),
        ("django", None),
        ("django==5.1.15", None),
        ("django @ https://example.org/django.zip", None),
        ("no requirement!", None),
    ],
)
def test_a_series_that_has_left_the_runtime_s_python_behind(requirement, instead, tmp_path):
    told = cautions(tmp_path, {}, [requirement], "Django")
    assert [instead in each for each in told] == ([True] if instead else [])


def test_front_ends_that_npm_builds_are_named_with_what_to_type(tmp_path):
    for place, text in {
        "web/package.json": json.dumps({"scripts": {"build": "vite build"}}),
        "tools/package.json": json.dumps({"scripts": {"lint": "eslint"}}),
        "node_modules/other/package.json": json.dumps({"scripts": {"build": "tsc"}}),
        "odd/package.json": "[",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    (told,) = cautions(tmp_path, {}, [], "Litestar")
    assert "(cd web && npm install && npm run build)" in told
    assert "tools" not in told
    assert "other" not in told
    assert cautions(tmp_path, {}, [], "Node.js") == []


def test_packages_of_npm_that_nothing_puts_into_the_image(tmp_path):
    (tmp_path / "package.json").write_text('{"dependencies": {"express": "^5.0.0"}}')
    (told,) = cautions(tmp_path, {}, [], "Node.js")
    assert 'artifacts = ["node_modules"]' in told
    target = {"artifacts": ["node_modules"]}
    pyproject = {"tool": {"hatch": {"build": {"targets": {"aleph": target}}}}}
    assert cautions(tmp_path, pyproject, [], "Node.js") == []
    (tmp_path / "package.json").write_text('{"dependencies": {}}')
    assert cautions(tmp_path, {}, [], "Node.js") == []


def test_what_django_s_settings_ask_of_a_server(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "settings.py").write_text(
        'ALLOWED_HOSTS = ["example.org", ".railway.app"]\n'
        'STATICFILES_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"\n'
        "SECRET_KEY = 'django-insecure-a#b'\n"
    )
    hosts, static, key = cautions(tmp_path, {}, [], "Django")
    assert key.startswith("site/settings.py:3 has the key that signs sessions")
    assert hosts.startswith("site/settings.py:1 names the hosts that are answered")
    assert static.startswith("site/settings.py:2 ")
    assert "collectstatic" in static
    (tmp_path / "site" / "settings.py").write_text(
        'ALLOWED_HOSTS = ["*"]\nALLOWED_HOSTS = env("HOSTS")\nSECRET_KEY = _secret_key()\n'
    )
    assert cautions(tmp_path, {}, [], "Django") == []


def test_libraries_of_another_time(tmp_path):
    told = of_their_time({"project": {"dependencies": ["fastapi", "jinja2==3.1", "httpx>=0.28"]}})
    assert told
    assert "versions of fastapi were taken" in told
    assert "exclude-newer" in told
    assert of_their_time({"project": {"dependencies": ["jinja2==3.1"]}}) is None
    bounded = {"project": {"dependencies": ["fastapi"]}, "tool": {"uv": {"exclude-newer": "2023-06-30T00:00:00Z"}}}
    assert of_their_time(bounded) is None
