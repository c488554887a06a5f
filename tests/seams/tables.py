"""Tables of settings as users write them: every key of the model, valid values by its own limits."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.settings.rules import HOST_MEMORY, HOST_VCPUS

HASHES = st.sampled_from(["a" * 64, "0123456789abcdef" * 4, "Qm" + "Z" * 44, "bafy" + "a2" * 27 + "b"])
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,20}", fullmatch=True)
DOMAINS = st.from_regex(r"[a-z]{1,8}\.(example\.)?org", fullmatch=True)
VARIABLES = st.dictionaries(WORDS.filter(lambda name: name and "=" not in name), WORDS, max_size=4)
PATHS = st.from_regex(r"/(opt|mnt)/[a-z]{3,9}", fullmatch=True).filter(
    lambda path: path not in ("/opt/code", "/opt/packages")
)
FILTERS = st.dictionaries(st.sampled_from(["sender", "channel", "chain"]), WORDS, min_size=1, max_size=3)
ENTRYPOINTS = st.sampled_from(["main:app", "my_api.main:api.app", 'my_api.main:create_app("production", debug=False)'])
COMMANDS = st.sampled_from(["run.sh", "./serve --port 8080", "node server.js --bind 0.0.0.0:8080", "uvicorn main:app"])


def _volumes(mounts: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    def with_mounts(volumes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**volume, "mount": mount} for volume, mount in zip(volumes, mounts, strict=False)]

    immutable = st.fixed_dictionaries({"ref": HASHES}, optional={"use-latest": st.booleans()})
    persistent = st.fixed_dictionaries({"size-mib": st.integers(1, 1953125)})
    several = st.lists(immutable | persistent, max_size=len(mounts)).map(with_mounts)
    return several.map(
        lambda volumes: {
            "immutable": [each for each in volumes if "ref" in each],
            "persistent": [
                {**each, "name": f"data {number}"} for number, each in enumerate(volumes) if "ref" not in each
            ],
        }
    )


KEYS: dict[str, st.SearchStrategy[Any]] = {
    "name": NAMES,
    "runtime": HASHES | st.sampled_from(["debian-12", "debian-11", "nodejs"]),
    "vcpus": st.integers(1, 256),
    "memory": st.integers(128, 1024 * 1024),
    "timeout-seconds": st.floats(1, 3600) | st.integers(1, 3600),
    "internet": st.booleans(),
    "aleph-api": st.booleans(),
    "updatable": st.booleans(),
    "persistent": st.booleans(),
    "variables": VARIABLES,
    "volumes": st.lists(PATHS, unique=True, max_size=4).flatmap(_volumes),
    "channel": st.just(DEFAULT_CHANNEL) | NAMES,
    "payment": st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["credit", "hold", "superfluid"]),
            "chain": st.sampled_from(["ETH", "AVAX", "BASE", "SOL"]),
        },
    ),
    "address": st.sampled_from(["0x" + "aB" * 20, "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"]),
    "subscriptions": st.lists(FILTERS, max_size=3),
    "health": st.fixed_dictionaries(
        {},
        optional={
            "path": st.from_regex(r"/[a-z/]{0,8}", fullmatch=True),
            "status": st.integers(100, 599),
            "timeout-seconds": st.floats(1, 1e6),
        },
    ),
    "secrets": st.fixed_dictionaries({}, optional={"allow": st.lists(WORDS, max_size=3)}),
    "domains": st.lists(DOMAINS, max_size=3),
    "drain-seconds": st.floats(0, 3600),
    "compute-units": st.integers(1, 12),
}
APPS = st.fixed_dictionaries(
    {"entrypoint": ENTRYPOINTS}, optional={"interface": st.sampled_from(["auto", "asgi", "wsgi"])}
)
BARE = st.just({"entrypoint": "main:app", "adapter": False})
EXECUTABLES = st.fixed_dictionaries({"entrypoint": COMMANDS, "interface": st.just("executable")})
BARE_EXECUTABLES = EXECUTABLES.map(lambda table: {**table, "adapter": False, "internet": True})


def _complete(parts: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    table = {**parts[0], **parts[1]}
    if "vcpus" in table or "memory" in table:
        table.pop("compute-units", None)
    units = table.get("compute-units") or table.get("vcpus", 1)
    if table.get("memory", units * 2048) > HOST_MEMORY or table.get("vcpus", 1) > HOST_VCPUS:
        table["oversized"] = True
    return table


TABLES = st.tuples(st.fixed_dictionaries({}, optional=KEYS), APPS | BARE | EXECUTABLES | BARE_EXECUTABLES).map(
    _complete
)
