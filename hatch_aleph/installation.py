"""Where the tool that runs here was installed from: it is from there again, for its name alone may be another's."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import sysconfig

_DISTRIBUTION = "hatch-aleph"
_PAGE = "https://github.com/aleph-im/hatch-aleph/blob/main/docs/install.md#platforms"


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


def how_to_complete(tag: str | None = None, version: tuple[int, ...] = sys.version_info[:2]) -> str:
    """Return what to do where a dependency is missing: what to install, and what has no wheel for this machine.

    Args:
        tag: That of wheels made for this machine; by default that of the running Python.
        version: Of Python.
    """
    tag = platform_tag() if tag is None else tag
    lines = [f"Install `{requirement('[deploy]')}`, or with [cli] in place of [deploy] to build without a network."]
    if version >= (3, 14):
        lines.append(
            "Python 3.14 has no wheel of coincurve, which signs: take 3.13, `uv tool install --python 3.13 ...`."
        )
    if "musl" in tag:
        lines.append("On musl (Alpine), aleph-cid has no wheel. Only the SDK asks for it: uv can leave it out.")
    lines.append(f"Which systems have what, and how: {_PAGE}")
    return "\n".join(lines)


def platform_tag() -> str:
    """Return the tag of wheels for the running Python and its machine: ``cp312-cp312-musllinux_1_2_x86_64``."""
    try:
        from packaging.tags import sys_tags
    except ImportError:  # itself the missing one
        return sysconfig.get_platform()
    tags = [str(each) for each in sys_tags()]
    return next((each for each in tags if "-linux_" not in each), tags[0])  # `linux` alone does not name the C library
