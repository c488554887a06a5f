"""Names by which a deployment is found again: its tag, the notes in its messages, its URLs."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from hatch_aleph.artifact import Image, Manifest

PREFIX = "hatch-aleph"
# Key of our notes in a STORE message's metadata.
NOTES = PREFIX
# The network indexes tags of at most 256 characters: aleph-im/pyaleph, src/aleph/schemas/message_content.py.
MAX_TAG = 256

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|.*\.localhost")


def deployment_tag(project: str, profile: str | None) -> str:
    """Return the one tag of a project and profile.

    A query for several tags means *any of them* and splits at commas, so project and profile stand in one without any.
    """
    name = re.sub(r"[-_.]+", "-", project).lower()
    tag = f"{PREFIX}:{name}" if profile is None else f"{PREFIX}:{name}:{profile}"
    if "," in tag or len(tag) > MAX_TAG:
        raise PlanError(
            "project and profile together make no tag of the network",
            where=tag,
            hint=f"Shorten them: {MAX_TAG} characters at most, and no comma.",
        )
    return tag


def tag_of(manifest: Manifest) -> str:
    """Return the tag of the deployment that an artifact belongs to."""
    return deployment_tag(manifest.project["name"], manifest.profile)


def image_notes(image: Image, manifest: Manifest) -> dict[str, Any]:
    """Return what the STORE message of an image says about it: enough to know it without its bytes."""
    return {
        NOTES: {
            "role": image.role,
            "sha256": image.sha256,
            "cid": image.cid,
            "size": image.size,
            "inputs": image.inputs,
            "mount": image.mount,
            "encoding": image.encoding,
            "version": manifest.project["version"],
        }
    }


def base32_name(item_hash: str) -> str:
    """Return the item hash as a host name's label: base32, lower case, no padding."""
    return base64.b32encode(bytes.fromhex(item_hash)).decode().rstrip("=").lower()


def program_urls(item_hash: str, *, node: str, host: str | None = None) -> tuple[str, ...]:
    """Return the URLs at which a program answers, the one to show first.

    Args:
        item_hash: Of the PROGRAM message.
        node: URL of the node; one on this machine has its host beside it.
        host: URL of a host to use in place of the network's own.
    """
    split = urlsplit(node)
    if host is None and _LOOPBACK.fullmatch(split.hostname or ""):
        host = node
    if host is not None:
        return (f"{host.rstrip('/')}/vm/{item_hash}",)
    return (f"https://{base32_name(item_hash)}.aleph.sh", f"https://aleph.sh/vm/{item_hash}")
