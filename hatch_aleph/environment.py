"""The environment that all we start inherits: the key that signs is taken out of it before anything is started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

KEY_VARIABLE = "ALEPH_PRIVATE_KEY"

_withdrawn: dict[str, str] = {}


def withdraw_key(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take the key out of the environment: build backends and hooks, uv, compilers and programs would all see it.

    Every way into this tool begins with it: the command line, and what Hatch calls.
    """
    value = environ.pop(KEY_VARIABLE, None)
    if value:
        _withdrawn[KEY_VARIABLE] = value


def variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment as it is now: build hooks and others, in threads beside, may change it meanwhile."""
    return {name: value for name in environ if (value := environ.get(name)) is not None}


def key_of_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key that the environment gave, or gives."""
    return environ.get(KEY_VARIABLE) or (_withdrawn.get(KEY_VARIABLE) if environ is os.environ else None)
