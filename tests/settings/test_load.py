"""What [tool.aleph] may say, and how mistakes are told."""

import pytest

from hatch_aleph import runtimes
from hatch_aleph.errors import SettingsError
from hatch_aleph.runtimes import DEBIAN_11, DEBIAN_12
from hatch_aleph.settings import ImmutableVolume, Payment, PersistentVolume, load_settings

HASH = "a" * 64


def test_everything_the_official_create_command_can_say():
    settings = load_settings(
        {
            "entrypoint": "my_api.main:app",
            "name": "test",
            "interface": "asgi",
            "runtime": HASH,
            "python": "3.12",
            "extras": ["fast"],
            "groups": ["server"],
            "vcpus": 2,
            "memory": 512,
            "timeout-seconds": 60,
            "internet": True,
            "updatable": True,
            "persistent": True,
            "variables": {"KEY": "value"},
            "volumes": {
                "persistent": [{"name": "data", "mount": "/opt/data", "size-mib": 1000}],
                "immutable": [{"ref": HASH, "mount": "/opt/models", "use-latest": False}],
            },
            "channel": "TEST",
            "payment": {"type": "hold", "chain": "AVAX"},
            "address": "0x" + "1" * 40,
            "subscriptions": [{"sender": "0x2", "channel": "TEST"}],
            "compression": {"codec": "zstd", "level": 15},
            "adapter": False,
        }
    )
    assert settings.resources == (2, 512)
    assert settings.volumes.persistent == (PersistentVolume("data", "/opt/data", 1000),)
    assert settings.volumes.immutable == (ImmutableVolume(HASH, "/opt/models", use_latest=False),)
    assert settings.payment == Payment("hold", "AVAX")
    assert settings.subscriptions == ({"sender": "0x2", "channel": "TEST"},)
    assert not settings.adapter


def test_compute_units_are_vcpus_and_memory():
    assert load_settings({"entrypoint": "a:b", "compute-units": 3}).resources == (3, 6144)
    assert load_settings({"entrypoint": "a:b"}).resources == (1, 2048)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"entrypint": "a:b"}, "tool.aleph.entrypint: unknown key; did you mean `entrypoint`?"),
        ({"memory": 512}, "tool.aleph.entrypoint: required, but missing"),
        (
            {"entrypoint": "main"},
            "tool.aleph.entrypoint: expected `module:attribute`, not 'main'; for a program of any",
        ),
        ({"entrypoint": "a:b", "memory": "512"}, "tool.aleph.memory: expected an integer, not '512'"),
        ({"entrypoint": "a:b", "internet": 1}, "tool.aleph.internet: expected true or false, not 1"),
        ({"entrypoint": "a:b", "memory": 5}, "tool.aleph.memory: expected an integer, 128 to 1048576, not 5"),
        ({"entrypoint": "a:b", "interface": "wsgy"}, "not 'wsgy'; did you mean `wsgi`?"),
        ({"entrypoint": "a:b", "runtime": "debian12"}, "did you mean `debian-12`?"),
        ({"entrypoint": "a:b", "runtime": "63f0"}, "tool.aleph.runtime: expected an item hash or one of debian-12"),
        (
            {"entrypoint": "a:b", "volumes": {"immutable": [{"ref": "xyz", "mount": "/opt/a"}]}},
            "tool.aleph.volumes.immutable[0].ref: expected an item hash",
        ),
        (
            {"entrypoint": "a:b", "volumes": {"immutable": [{"ref": HASH, "mount": "/opt/packages/x"}]}},
            "tool.aleph.volumes.immutable[0].mount: /opt/packages/x clashes with the packages at /opt/packages",
        ),
        (
            {"entrypoint": "a:b", "volumes": {"persistent": [{"name": "d", "mount": "/data", "size-mib": 1}]}},
            "tool.aleph.volumes.persistent[0].mount: the guest zips all of /data",
        ),
        (
            {"entrypoint": "a:b", "volumes": {"ephemeral": [{"mount": "/opt/t", "size-mib": 1}]}},
            "tool.aleph.volumes.ephemeral[0]: hosts do not implement ephemeral volumes",
        ),
        ({"entrypoint": "a:b", "compute-units": 1, "memory": 512}, "say either compute-units, or vcpus and memory"),
        (
            {"entrypoint": "run.sh", "interface": "executable", "adapter": False},
            "tool.aleph.internet: without it the guest's own executable mode is out of reach",
        ),
        ({"entrypoint": "a:b", "variables": {"A=B": "x"}}, "tool.aleph.variables.A=B: a name has"),
        ({"entrypoint": "a:b", "variables": {"A": "x" * 4097}}, "tool.aleph.variables.A: a value has at most 4096"),
        ({"entrypoint": "a:b", "payment": {"type": "credits"}}, "tool.aleph.payment.type: expected one of credit"),
        ({"entrypoint": "a:b", "payment": "credit"}, "tool.aleph.payment: expected a table, not 'credit'"),
        ({"entrypoint": "a:b", "extras": "fast"}, "tool.aleph.extras: expected a list, not 'fast'"),
        ({"entrypoint": "a:b", "compression": {"codec": "gzip", "level": 12}}, "gzip has levels 1 to 9"),
        ({"entrypoint": "a:b", "prune": ["test"]}, "not 'test'; did you mean `tests`?"),
        ({"entrypoint": "a:b", "python": "3.12"}, "tool.aleph.python: the runtime debian-12 has Python 3.11: leave"),
        (
            {"entrypoint": "a:b", "python": "3.12", "runtime": DEBIAN_12.item_hash},
            "tool.aleph.python: the runtime debian-12 has Python 3.11: leave",
        ),
        (
            {"entrypoint": "a:b", "python": "3.11", "runtime": DEBIAN_11.item_hash},
            "tool.aleph.python: the runtime debian-11 has Python 3.9: leave",
        ),
        ({"entrypoint": "a:b", "memory": 8193}, "tool.aleph.memory: hosts keep 8192 MiB for all programs together"),
        ({"entrypoint": "a:b", "compute-units": 5}, "tool.aleph.compute-units: hosts keep 8192 MiB for all"),
        ({"entrypoint": "a:b", "vcpus": 33}, "tool.aleph.vcpus: hosts start no machine of more than 32 virtual CPUs"),
        (
            {"entrypoint": "a:b", "strategy": "replace"},
            "tool.aleph.strategy: each update has a new item hash and URL then, so it needs `domains`",
        ),
        (
            {
                "entrypoint": "a:b",
                "strategy": "replace",
                "domains": ["api.example.org"],
                "volumes": {"persistent": [{"name": "d", "mount": "/opt/d", "size-mib": 1}]},
            },
            "tool.aleph.strategy: a new program begins with empty persistent volumes",
        ),
        ({"entrypoint": "a:b", "domains": ["https://a.org"]}, "tool.aleph.domains[0]: expected a domain such as"),
        ({"entrypoint": "a:b", "domains": ["../../etc"]}, "tool.aleph.domains[0]: expected a domain such as"),
        ({"entrypoint": "a:b", "address": "me"}, "tool.aleph.address: expected 0x and 40 hexadecimal digits, or a"),
        (
            {"entrypoint": "a:b", "timeout-seconds": float("nan")},
            "tool.aleph.timeout-seconds: expected a number that is",
        ),
        (
            {"entrypoint": "a:b", "health": {"timeout-seconds": float("inf")}},
            "health.timeout-seconds: expected a number",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{}]},
            "tool.aleph.subscriptions[0]: an empty filter starts the program",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"content": {}}]},
            "tool.aleph.subscriptions[0]: an empty filter starts the program",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"item_hash": "zz"}]},
            "item_hash: no message has it: 'zz' is no item",
        ),
        ({"entrypoint": "a:b", "subscriptions": [{"content": {"a": [["x"]]}}]}, "content.a: expected a string"),
        ({"entrypoint": "a:b", "subscriptions": [{"content": {"a": {"b": True}}}]}, "content.a.b: expected a string"),
        ({"entrypoint": "a:b", "subscriptions": [{"sendr": "0x"}]}, "subscriptions[0].sendr: no message has it; hosts"),
        (
            {"entrypoint": "a:b", "subscriptions": [{"size": "5"}]},
            "subscriptions[0].size: no message has it; hosts compare",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"sender": ["0x"]}]},
            "subscriptions[0].sender: expected a string, the",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"channel": 5}]},
            "subscriptions[0].channel: expected a string, the only",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"type": "post"}]},
            "subscriptions[0].type: expected one of POST, AGG",
        ),
        ({"entrypoint": "a:b", "subscriptions": [{"content": "x"}]}, "subscriptions[0].content: expected a table, the"),
        (
            {"entrypoint": "a:b", "subscriptions": [{"content": {"ref": 5}}]},
            "subscriptions[0].content.ref: expected a string, the only kind",
        ),
        (
            {"entrypoint": "a:b", "subscriptions": [{"content": {"content": {"a": "b"}}}]},
            "subscriptions[0].content.content: hosts do not look into what a POST",
        ),
        (
            {
                "entrypoint": "a:b",
                "volumes": {
                    "persistent": [
                        {"name": "my.data", "mount": "/opt/a", "size-mib": 1},
                        {"name": "my_data", "mount": "/opt/b", "size-mib": 1},
                    ]
                },
            },
            "volumes.persistent[1].name: 'my_data' is the same file on a host as 'my.data'",
        ),
        ({"entrypoint": "a:b", "profiles": {"x": {"memry": 1}}}, "tool.aleph.profiles.x.memry: unknown key; did you"),
        ({"entrypoint": "a:b", "profiles": ["x"]}, "tool.aleph.profiles: expected tables, such as"),
        ({"entrypoint": "a:b", "profiles": {"a/b": {}}}, "tool.aleph.profiles.a/b: a profile's name has letters"),
        (
            {"entrypoint": "a:b", "variables": {f"A{number}": "" for number in range(257)}},
            "tool.aleph.variables: the network takes at most 256",
        ),
        (
            {
                "entrypoint": "a:b",
                "volumes": {"immutable": [{"ref": HASH, "mount": f"/opt/x{number}"} for number in range(24)]},
            },
            "tool.aleph.volumes: a host attaches at most 23 beside code and packages",
        ),
        (
            {"entrypoint": "a:b", "volumes": {"immutable": [{"mount": "/opt/x"}]}},
            "tool.aleph.volumes.immutable[0]: expected either ref",
        ),
        (
            {"entrypoint": "a:b", "volumes": {"immutable": [{"path": "x", "mount": "/opt/x", "use-latest": False}]}},
            "immutable[0].use-latest: a volume that is published from a path follows its amends",
        ),
    ],
)
def test_a_mistake_names_its_key_what_was_expected_and_the_nearest_name(table, expected):
    with pytest.raises(SettingsError) as caught:
        load_settings(table)
    assert expected in str(caught.value)
    assert "1 mistake in" in str(caught.value) or "entrypint" in table


def test_an_address_that_may_be_a_key_is_not_repeated():
    key = "0x" + "9f" * 32
    for said in (key, key[2:], "S" * 87):
        with pytest.raises(SettingsError) as caught:
            load_settings({"entrypoint": "a:b", "address": said})
        assert said[:20] not in str(caught.value)


def test_a_runtime_that_nobody_knows_is_none():
    assert runtimes.chosen("debian-12") == DEBIAN_12
    with pytest.raises(SettingsError, match="Unknown runtime debian-99"):
        runtimes.chosen("debian-99")


def test_what_a_host_could_do_all_the_same():
    assert load_settings({"entrypoint": "a:b", "vcpus": 64, "oversized": True}).resources[0] == 64
    assert load_settings({"entrypoint": "a:b", "memory": 16384, "oversized": True}).resources == (1, 16384)
    assert load_settings({"entrypoint": "a:b", "python": "3.12", "runtime": HASH}).python == "3.12"
    filters = [{"type": "POST", "content": {"ref": "x", "type": "amend"}}, {"content": {"code": {"ref": HASH}}}]
    assert load_settings({"entrypoint": "a:b", "subscriptions": filters}).subscriptions == tuple(filters)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        load_settings({"entrypint": "a:b", "memory": "x", "payment": {"typ": "credit"}})
    lines = str(caught.value).splitlines()
    assert lines[0] == "pyproject.toml: 4 mistakes in [tool.aleph]"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "tool.aleph.entrypint",
        "tool.aleph.memory",
        "tool.aleph.payment.typ",
        "tool.aleph.entrypoint",
    ]


def test_no_table_at_all():
    with pytest.raises(SettingsError, match=r"There is no \[tool.aleph\] table"):
        load_settings(None)


TABLE = {
    "entrypoint": "a:b",
    "compute-units": 2,
    "variables": {"A": "1", "B": "2"},
    "extras": ["x"],
    "profiles": {
        "staging": {"memory": 512, "variables": {"B": "3"}, "extras": []},
        "pr-*": {"entrypoint": "preview:app"},
    },
}


def test_a_profile_overrides_key_by_key():
    settings = load_settings(TABLE, "staging")
    assert settings.profile == "staging"
    assert settings.resources == (1, 512)
    assert settings.variables == {"A": "1", "B": "3"}
    assert settings.extras == ()
    assert load_settings(TABLE).variables == {"A": "1", "B": "2"}


def test_a_profile_s_compute_units_replace_the_common_memory():
    table = {"entrypoint": "a:b", "vcpus": 2, "memory": 512, "profiles": {"small": {"compute-units": 1}}}
    assert load_settings(table, "small").resources == (1, 2048)


def test_a_profile_named_by_a_glob():
    settings = load_settings(TABLE, "pr-12")
    assert (settings.profile, settings.entrypoint) == ("pr-12", "preview:app")


@pytest.mark.parametrize(
    ("profile", "expected"),
    [("stagin", "no such profile (known are staging, pr-*); did you mean `staging`?"), ("../x", "letters, digits")],
)
def test_an_unknown_profile_is_an_error(profile, expected):
    with pytest.raises(SettingsError) as caught:
        load_settings(TABLE, profile)
    assert expected in str(caught.value)


def test_a_mistake_in_the_common_table_is_told_once_with_a_profile():
    with pytest.raises(SettingsError) as caught:
        load_settings({**TABLE, "memry": 1}, "staging")
    assert str(caught.value).count("memry") == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gunicorn 'main:app", "No closing quotation"),
        ("gunicorn 'main:make(config)'", "the arguments of a factory are literals"),
    ],
)
def test_a_command_line_that_nothing_can_run_is_a_mistake_of_its_key(command, said):
    """For every command: `create` takes it from its own argument, and ended with a traceback."""
    with pytest.raises(SettingsError) as told:
        load_settings({"entrypoint": command, "interface": "executable", "internet": True})
    assert f"tool.aleph.entrypoint: {said}" in told.value.message
    assert told.value.message.endswith(f": {command!r}")
