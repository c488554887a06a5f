"""What options of programs say: volumes, variables, resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE = re.compile(r"(\d{1,9}) ?([mg](?:i?b)?)?", re.IGNORECASE)
_MACHINE = re.compile(r"(\d{1,3})vcpus?-(\d{1,6} ?[mg]i?b)", re.IGNORECASE)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')  # outside of quotes
_INTEGERS = ("size-mib",)
_FLAGS = ("use-latest",)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def mebibytes(text: str) -> int | None:
    """Return a size in MiB, from ``2048``, ``2GB``, ``2GiB`` or ``512mb``, counted by 1024; None if it is none."""
    match = _SIZE.fullmatch(text.strip())
    return int(match[1]) * (1024 if (match[2] or "m").lower().startswith("g") else 1) if match else None


def machine(text: str) -> tuple[int, int] | None:
    """Return vCPUs and MiB of a machine, as ``1vcpu-2gb``; None if it is none."""
    match = _MACHINE.fullmatch(text.strip())
    memory = mebibytes(match[2]) if match else None
    return (int(match[1]), memory) if match and memory is not None else None


def parse_volume(text: str, option: str) -> dict[str, Any]:
    """Read ``name=data,mount=/opt/data,size_mib=1000``.

    Raises:
        UsageError: A part is no ``key=value``, or a value is not of its kind. Which keys there must be is checked with
            the settings.
    """
    volume: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        key = name.strip().replace("_", "-")
        if not equals or not key:
            raise UsageError(
                f"{option}: expected key=value, not {part!r}", hint=f"Such as {option} mount=/opt/data,size_mib=100"
            )
        volume[key] = _typed(key, value.strip(), option)
    return volume


def _typed(key: str, value: str, option: str) -> Any:
    if key in _INTEGERS:
        size = mebibytes(value)
        if size is None:
            raise UsageError(
                f"{option}: {key.replace('-', '_')} is a number of MiB, not {value!r}", hint="Or with its unit: 2GB."
            )
        return size
    if key in _FLAGS:
        if value.lower() not in _TRUTH:
            raise UsageError(f"{option}: {key.replace('-', '_')} is true or false, not {value!r}")
        return _TRUTH[value.lower()]
    return value


def parse_variables(texts: Iterable[str]) -> dict[str, str]:
    """Read ``KEY=value,KEY="value, with commas"``; the option may be repeated.

    Raises:
        UsageError: A part has no ``=``.
    """
    variables: dict[str, str] = {}
    for part in (part for text in texts for part in _COMMA.split(text) if part.strip()):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"--env-vars: expected KEY=value, not {part.strip()!r}",
                hint="Commas separate the list; a value that holds some is quoted: --env-vars 'A=1,B=\"x,y\"'.",
            )
        value = value.strip()
        quoted = "," in value and value.startswith('"') and value.endswith('"')
        variables[name.strip()] = value[1:-1] if quoted else value
    return variables


def resources(
    compute_units: int | None, vcpus: int | None, memory: int | None, size: tuple[int, int] | None = None
) -> dict[str, int]:
    """Return the keys of the resources; what is said of vcpus and memory wins over the units', as in the manual.

    Raises:
        UsageError: A size is said beside one of the others.
    """
    if size is not None:
        if (compute_units, vcpus, memory) != (None, None, None):
            raise UsageError("--size excludes --compute-units, --vcpus and --memory")
        return {"vcpus": size[0], "memory": size[1]}
    if compute_units is None or (vcpus is None and memory is None):
        said = {"compute-units": compute_units, "vcpus": vcpus, "memory": memory}
        return {key: value for key, value in said.items() if value is not None}
    return {"vcpus": vcpus or compute_units, "memory": memory or compute_units * 2048}
