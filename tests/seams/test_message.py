"""The two sides of the map between settings and message agree, and go no further than the network's own models."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from aleph_message.models import ProgramContent
from hypothesis import given

from hatch_aleph import runtimes
from hatch_aleph.settings import Payment, PublishSettings, Settings, Volumes, load_settings
from hatch_aleph.settings.model import PUBLIC_FIELDS
from hatch_aleph.settings.parse import parse, to_table
from hatch_aleph.settings.program_message import ABSENT, PLACES, program_content, settings_of, value_at, with_settings
from tests.seams.tables import TABLES

HASH = "a" * 64


def content_of(settings: Settings, encoding: str = "squashfs") -> dict[str, Any]:
    runtime = runtimes.find(settings.runtime, settings.python)
    assert runtime is not None
    return program_content(settings, runtime, name="project", encoding=encoding)


def as_signed(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "code": {**content["code"], "ref": HASH}, "address": "0x" + "1" * 40, "time": 1.0}


def in_message(settings: Settings) -> Settings:
    """Return what a message can tell of settings; all else is as if it were not said."""
    vcpus, memory = settings.resources
    runtime = runtimes.find(settings.runtime)
    assert runtime is not None
    return Settings(
        entrypoint=settings.entrypoint,
        name=settings.name or "project",
        interface="executable" if settings.interface == "executable" else "auto",
        adapter=settings.adapter,
        runtime=runtime.item_hash,
        vcpus=vcpus,
        memory=memory,
        timeout_seconds=float(math.ceil(settings.timeout_seconds)),
        **{
            name: getattr(settings, name)
            for name in (
                "internet",
                "aleph_api",
                "updatable",
                "persistent",
                "variables",
                "volumes",
                "payment",
                "subscriptions",
            )
        },
    )


@given(TABLES)
def test_what_settings_accept_the_networks_models_accept(table):
    ProgramContent.model_validate(as_signed(content_of(load_settings(table))))


@given(TABLES)
def test_settings_survive_the_way_through_a_message(table):
    settings = load_settings(table)
    content = content_of(settings)
    assert settings_of(json.loads(json.dumps(content))) == in_message(settings)
    assert content_of(settings_of(content)) == content


@given(TABLES)
def test_what_publishing_needs_survives_the_way_through_a_manifest(table):
    publishing = load_settings(table).publishing
    assert parse(PublishSettings, json.loads(json.dumps(to_table(publishing))), []) == publishing


def test_what_is_absent_is_what_the_networks_models_take_it_for():
    least = {
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": HASH},
        "runtime": {"ref": HASH, "comment": ""},
        "on": {"http": True},
        "environment": {},
        "resources": {},
        "address": "0x" + "1" * 40,
        "time": 1.0,
    }
    model = ProgramContent.model_validate(least).model_dump(mode="json")
    for path, taken in ABSENT.items():
        found: Any = model
        for step in path.split("."):
            found = (found or {}).get(step)
        # None has a meaning beside the models: no payment is paid by holding, no variables are none.
        assert taken == found or (found is None and taken in (False, "hold", {})), path
        assert value_at(least, path) == taken


# Another value for each key, beside one program that leaves all to the defaults; flags and lists of texts have theirs.
OTHER: dict[str, dict[str, Any]] = {
    "entrypoint": {"entrypoint": "other:app"},
    "name": {"name": "other"},
    "interface": {"interface": "executable", "adapter": False, "internet": True},
    "runtime": {"runtime": "debian-11"},
    "python": {"python": "3.12"},
    "prune": {"prune": ("tests",)},
    "budget_mib": {"budget_mib": 5},
    "compute_units": {"compute_units": 3},
    "vcpus": {"vcpus": 3},
    "memory": {"memory": 512},
    "timeout_seconds": {"timeout_seconds": 5.0},
    "variables": {"variables": {"A": "1"}},
    "volumes": {
        "volumes": load_settings(
            {"entrypoint": "a:b", "volumes": {"immutable": [{"ref": HASH, "mount": "/opt/x"}]}}
        ).volumes
    },
    "channel": {"channel": "OTHER"},
    "payment": {"payment": Payment("hold")},
    "address": {"address": "0x" + "2" * 40},
    "subscriptions": {"subscriptions": ({"sender": "0x2"},)},
    "compression": {"compression": load_settings({"entrypoint": "a:b", "compression": {"level": 3}}).compression},
    "health": {"health": load_settings({"entrypoint": "a:b", "health": {"path": "/x"}}).health},
    "secrets": {"secrets": load_settings({"entrypoint": "a:b", "secrets": {"allow": ["x"]}}).secrets},
}


def leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        path: leaf
        for key, item in value.items()
        for path, leaf in leaves(item, f"{prefix}.{key}" if prefix else key).items()
    }


@pytest.mark.parametrize("key", [item.name for item in PUBLIC_FIELDS])
def test_each_setting_stands_where_the_map_says(key):
    before = Settings(entrypoint="main:app", internet=key == "interface", adapter=key != "interface")
    value = getattr(before, key)
    after = dataclasses.replace(before, **OTHER.get(key, {key: not value if isinstance(value, bool) else ("x",)}))
    old, new = content_of(before), content_of(after)
    changed = {path for path in {*leaves(old), *leaves(new)} if leaves(old).get(path) != leaves(new).get(path)}
    places = PLACES.get(key, ())
    assert bool(changed) is bool(places), f"{key} changes {changed}"
    assert all(any(path == place or path.startswith(f"{place}.") for place in places) for path in changed)
    # And it can be changed alone in a message of anybody's.
    foreign = {**old, "authorized_keys": ["x"], "metadata": {"name": "project", "else": 1}}
    assert with_settings(foreign, new, [key])["authorized_keys"] == ["x"]
    assert with_settings(old, new, [key]) == (new if places else old)
    assert (getattr(after.publishing, key, None) != getattr(before.publishing, key, None)) is (
        key in {item.name for item in dataclasses.fields(PublishSettings)}
    )


def test_a_message_of_another_tool():
    content = as_signed(content_of(Settings(entrypoint="main:app", adapter=False)))
    content |= {
        "payment": None,
        "metadata": None,
        "variables": None,
        "environment": {},
        "resources": {"vcpus": 2},
        "on": {"http": True, "persistent": None, "message": None},
        "volumes": [{"comment": "x", "size_mib": 5}, {"ref": HASH, "use_latest": None}],
    }
    settings = settings_of(content)
    assert (settings.payment, settings.name, settings.variables) == (Payment("hold"), None, {})
    assert (settings.internet, settings.aleph_api, settings.persistent) == (False, False, False)
    assert (settings.resources, settings.timeout_seconds) == ((2, 128), 1.0)
    assert len(settings.volumes.persistent) == len(settings.volumes.immutable) == 1
    assert settings.volumes != Volumes()
