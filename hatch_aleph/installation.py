"""Where the tool that runs here was installed from: it is from there again, for its name alone may be another's."""

from __future__ import annotations

import importlib.metadata
import json

_DISTRIBUTION = "hatch-aleph"


def requirement(extras: str = "") -> str:
    """Return the requirement that installs this very tool: by its version from an index, else by its address.

    Args:
        extras: Such as ``[deploy]``.
    """
    distribution = importlib.metadata.distribution(_DISTRIBUTION)
    text = distribution.read_text("direct_url.json")
    if text is None:
        return f"{_DISTRIBUTION}{extras}=={distribution.version}"
    source = json.loads(text)
    version_control = source.get("vcs_info")
    if version_control:
        return f"{_DISTRIBUTION}{extras} @ {version_control['vcs']}+{source['url']}@{version_control['commit_id']}"
    return f"{_DISTRIBUTION}{extras} @ {source['url']}"
