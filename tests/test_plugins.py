"""Plugins are found, called and, when they fail, named."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pluggy
import pytest

from hatch_aleph import hookspecs, runtimes
from hatch_aleph.errors import AccountError, HatchAlephError, PlanError, PluginError, SettingsError
from hatch_aleph.hookspecs import hookimpl
from hatch_aleph.network.accounts import load_account
from hatch_aleph.plugins import PLUGINS, Plugins, Publication, publishing
from hatch_aleph.runtimes import Runtime
from hatch_aleph.settings import load_settings

OWN = Runtime(name="own", item_hash="b" * 64, python="3.13", glibc=(2, 40))


def plugins_of(*made: object) -> Plugins:
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    for each in made:
        manager.register(each, name=type(each).__name__)
    return Plugins(manager)


@pytest.fixture
def registered(monkeypatch):
    def register(plugin):
        monkeypatch.setattr(PLUGINS, "_manager", plugins_of(plugin).manager)

    return register


class Told:
    def __init__(self):
        self.calls = []

    @hookimpl
    def aleph_before_publish(self, publication):
        self.calls.append(("before", publication.command))

    @hookimpl
    def aleph_after_publish(self, publication, item_hash, url):
        self.calls.append(("after", item_hash, url))

    @hookimpl
    def aleph_publish_failed(self, error):
        self.calls.append(("failed", error.message))


PUBLICATION = Publication("create", "0x1", "http://127.0.0.1")


def test_a_publication_is_told_before_and_after():
    told = Told()
    with publishing(PUBLICATION, plugins_of(told)) as answers:
        answers("a" * 64, "http://x")
    assert told.calls == [("before", "create"), ("after", "a" * 64, "http://x")]


def test_a_failed_publication_is_told_and_stays_the_error():
    told = Told()

    class Worse(Told):
        @hookimpl
        def aleph_publish_failed(self):
            raise KeyError("x")

    with pytest.raises(PlanError, match="no") as caught, publishing(PUBLICATION, plugins_of(told, Worse())):
        raise PlanError("no", hint="Go home.")
    assert told.calls[0] == ("before", "create")
    assert "Go home." in str(caught.value)
    assert "The plugin Worse failed in aleph_publish_failed" in str(caught.value)


class Failing:
    @hookimpl
    def aleph_before_publish(self):
        raise ZeroDivisionError("by nought")

    @hookimpl
    def aleph_extra_files(self):
        yield None
        raise OSError("late")

    @hookimpl
    def aleph_check_plan(self):
        raise HatchAlephError("as it is")


def test_a_failing_plugin_is_named_with_what_failed_and_where():
    plugins = plugins_of(Told(), Failing())
    said = "The plugin Failing failed in aleph_before_publish: ZeroDivisionError: by nought"
    with pytest.raises(PluginError, match=said) as caught:
        plugins.call("aleph_before_publish", publication=PUBLICATION, artifact=None)
    assert caught.value.where.startswith(f"{__file__}:")
    assert caught.value.exit_code == 14
    with pytest.raises(PluginError, match="The plugin Failing failed in aleph_extra_files: OSError: late"):
        plugins.call("aleph_extra_files", project=None, settings=None)
    with pytest.raises(HatchAlephError, match="as it is") as own:
        plugins.call("aleph_check_plan", artifact=None, changes={})
    assert not isinstance(own.value, PluginError)


class WithKey:
    def __init__(self, key):
        self.key = key

    @hookimpl
    def aleph_account(self, chain):
        if self.key is None:
            raise ValueError("no key of ab" + "cd" * 31)
        return load_account(private_key=self.key, chain=chain)


def test_an_account_of_a_plugin_signs_when_nothing_names_a_key(registered, tmp_path):
    environ = {"ALEPH_CONFIG_HOME": str(tmp_path)}
    with pytest.raises(AccountError):
        load_account(environ=environ)
    registered(WithKey("11" * 32))
    given = load_account(environ=environ)
    assert given.address == load_account(private_key="11" * 32).address
    assert given.sign({"chain": "ETH", "type": "STORE", "item_hash": "a" * 64, "sender": given.address})["signature"]
    assert load_account(environ={"ALEPH_PRIVATE_KEY": "22" * 32}).address != given.address


def test_a_key_in_an_error_of_a_plugin_is_not_shown(registered, tmp_path):
    registered(WithKey(None))
    with pytest.raises(PluginError, match=r"The plugin WithKey failed in aleph_account: ValueError\n") as caught:
        load_account(environ={"ALEPH_CONFIG_HOME": str(tmp_path)})
    assert "cdcd" not in "".join(traceback.format_exception(caught.value))


REPLACED = Runtime(name="newer", item_hash=runtimes.DEBIAN_12.item_hash, python="3.12", glibc=(2, 39))


class WithRuntime:
    @hookimpl
    def aleph_runtimes(self):
        return [OWN, Runtime(name="debian-12", item_hash="c" * 64, python="2.7", glibc=(2, 0)), REPLACED]


def test_runtimes_of_plugins_are_known_wherever_settings_are_checked(registered):
    with pytest.raises(SettingsError, match="one of debian-12"):
        load_settings({"entrypoint": "main:app", "runtime": "own"})
    registered(WithRuntime())
    assert load_settings({"entrypoint": "main:app", "runtime": "own"}).runtime == "own"
    assert runtimes.find("own") is OWN
    assert runtimes.find("b" * 64) is OWN
    assert runtimes.find("debian-12") is runtimes.DEBIAN_12
    assert runtimes.find(runtimes.DEBIAN_12.item_hash) is REPLACED
    told = {"entrypoint": "main:app", "runtime": runtimes.DEBIAN_12.item_hash, "python": "3.12"}
    assert load_settings(told).python == "3.12"
    with pytest.raises(SettingsError, match="did you mean `own`"):
        load_settings({"entrypoint": "main:app", "runtime": "owm"})


class WithSettings:
    @hookimpl
    def aleph_settings(self, table, profile):
        table.setdefault("variables", {})["PROFILE"] = profile or ""
        table.pop("company", None)


def test_settings_may_be_changed_before_they_are_checked(registered):
    table = {"entrypoint": "main:app", "company": "x", "profiles": {"staging": {}}}
    with pytest.raises(SettingsError, match="company: unknown key"):
        load_settings(table)
    registered(WithSettings())
    assert load_settings(table, "staging").variables == {"PROFILE": "staging"}
    assert "variables" not in table


def test_without_plugins_nothing_is_loaded():
    code = (
        "import sys; from hatch_aleph.plugins import PLUGINS; assert PLUGINS.call('aleph_runtimes') == [];"
        "print([name for name in ('pluggy', 'importlib.metadata') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed == "[]\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere", "The plugin broken (my-plugin 1.0) cannot be loaded: ModuleNotFoundError: No module named"),
        (
            "from hatch_aleph.hookspecs import hookimpl\n@hookimpl\ndef aleph_nonsense(): ...",
            "The plugin broken (my-plugin 1.0) cannot be loaded: PluginValidationError: unknown hook 'aleph_nonsense'",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path, source, said):
    (tmp_path / "my_plugin.py").write_text(source, "utf-8")
    info = tmp_path / "my_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[hatch_aleph]\nbroken = my_plugin\n", "utf-8")
    code = "from hatch_aleph.plugins import PLUGINS; PLUGINS.call('aleph_runtimes')"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}
    )
    assert said in done.stderr
