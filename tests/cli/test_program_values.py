from __future__ import annotations

import pytest

from hatch_aleph.cli.program_values import parse_variables, parse_volume, resources
from hatch_aleph.errors import UsageError
from hatch_aleph.programs.creation import checked
from hatch_aleph.settings.entry_points import is_command


def test_volumes_are_read_as_the_official_command_line_writes_them():
    assert parse_volume("name=data,mount=/opt/data,size_mib=1000", "--persistent-volume") == {
        "name": "data",
        "mount": "/opt/data",
        "size-mib": 1000,
    }
    # The official one takes any `use_latest` for true.
    assert parse_volume("mount=/a,ref=ab,use_latest=False", "--immutable-volume")["use-latest"] is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mount", "expected key=value, not 'mount'"),
        ("mount=/a,size_mib=big", "size_mib is a number of MiB, not 'big'"),
        ("mount=/a,use_latest=perhaps", "use_latest is true or false, not 'perhaps'"),
    ],
)
def test_a_volume_that_cannot_be_read_names_its_option(text, told):
    with pytest.raises(UsageError, match="--persistent-volume") as caught:
        parse_volume(text, "--persistent-volume")
    assert told in caught.value.message


def test_variables():
    assert parse_variables(["A=1,B=x=y", " C = z "]) == {"A": "1", "B": "x=y", "C": "z"}
    with pytest.raises(UsageError, match="KEY=value, not 'b'"):
        parse_variables(["A=a,b"])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((None, None, None), {}),
        ((3, None, None), {"compute-units": 3}),
        ((None, 2, 512), {"vcpus": 2, "memory": 512}),
        ((1, 1, 512), {"vcpus": 1, "memory": 512}),
        ((2, None, 512), {"vcpus": 2, "memory": 512}),
        ((2, 4, None), {"vcpus": 4, "memory": 4096}),
    ],
)
def test_units_give_what_vcpus_and_memory_leave_open(said, expected):
    assert resources(*said) == expected


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        ("main:app", False),
        ("my_api.main:make.app", False),
        ("main:make('x', debug=True)", False),
        ("run.sh", True),
        ("node server.js --bind 0.0.0.0:8080", True),
    ],
)
def test_executables_are_told_from_apps(entrypoint, expected):
    assert is_command(entrypoint) is expected


def test_all_mistakes_at_once_under_the_names_of_their_options():
    with pytest.raises(UsageError) as caught:
        checked(
            {
                "entrypoint": "main",
                "memory": 1,
                "runtime": "debian-13",
                "timeout-seconds": 0.0,
                "variables": {"A" * 200: "x"},
                "volumes": {
                    "persistent": [{"name": "d", "mount": "data", "size-mib": 5}],
                    "ephemeral": [{"mount": "/opt/x", "size-mib": 5}],
                    "immutable": [{"mount": "/opt/code/x", "ref": "ab" * 32}],
                },
            }
        )
    told = caught.value.message
    for expected in ("--memory", "--timeout-seconds", "--persistent-volume[0].mount"):
        assert f"  {expected}: " in told
    assert told.splitlines()[0].endswith("on the command line")
    assert "tool.aleph" not in told


def test_mistakes_that_show_only_together():
    with pytest.raises(UsageError) as caught:
        checked(
            {
                "entrypoint": "main",
                "runtime": "debian-13",
                "variables": {"A" * 200: "x"},
                "volumes": {
                    "ephemeral": [{"mount": "/opt/x", "size-mib": 5}],
                    "immutable": [{"mount": "/opt/code/x", "ref": "ab" * 32}],
                },
            }
        )
    told = caught.value.message
    for expected in ("ENTRYPOINT", "--runtime", "--env-vars", "--ephemeral-volume[0]", "--immutable-volume[0].mount"):
        assert f"  {expected}" in told
    assert caught.value.exit_code == 64


def test_packages_may_be_mounted_where_a_build_would_mount_its_own():
    settings = checked(
        {
            "entrypoint": "main:app",
            "volumes": {"immutable": [{"mount": "/opt/packages", "ref": "ab" * 32}]},
        }
    )
    assert settings.volumes.immutable[0].mount == "/opt/packages"


def test_values_may_hold_commas():
    assert parse_variables(['A=1, B="x,y,z",C=', 'HOSTS="a.example,b.example"']) == {
        "A": "1",
        "B": "x,y,z",
        "C": "",
        "HOSTS": "a.example,b.example",
    }
