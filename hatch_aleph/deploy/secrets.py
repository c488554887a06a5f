"""Look for secrets in what is about to be published: it is public, and for ever.

The looking is done by detect-secrets, in the fork that is kept up (bc-detect-secrets): detectors that know a key by its
form or by the name it is assigned to. Its entropy detectors stay off, since code for this network is full of hashes.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.build.code_image import ADAPTER
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatch_aleph.artifact import Artifact

VARIABLES = "[tool.aleph] variables"
# Files that are scanned in one go must be text of a size that people write.
_LARGEST = 1 << 20
_DETECTORS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "PrivateKeyDetector",
    "SendGridDetector",
    "SlackDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
# What looks like a secret but is a placeholder, a reference, or a line that says `pragma: allowlist secret`.
_FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
    "detect_secrets.filters.heuristic.is_likely_id_string",
    "detect_secrets.filters.heuristic.is_not_alphanumeric_string",
    "detect_secrets.filters.heuristic.is_potential_uuid",
    "detect_secrets.filters.heuristic.is_prefixed_with_dollar_sign",
    "detect_secrets.filters.heuristic.is_sequential_string",
    "detect_secrets.filters.heuristic.is_templated_secret",
)


@dataclass(frozen=True)
class Finding:
    """Something that looks like a secret; the text itself is not kept.

    Attributes:
        where: File in the code image, or the variables' table.
        line: Line in the file; 0 for a variable.
        name: Name of the variable; empty for a file.
        kind: What it looks like.
    """

    where: str
    line: int
    name: str
    kind: str

    def __str__(self) -> str:
        place = f"{self.where}.{self.name}" if self.name else f"{self.where}:{self.line}"
        return f"{place}: {self.kind}"

    def is_allowed(self, patterns: Iterable[str]) -> bool:
        """Tell whether the settings allow it, by the file's path or the variable's name."""
        subject = self.name or self.where
        return any(fnmatch(subject, pattern) for pattern in patterns)


def check_secrets(artifact: Artifact) -> None:
    """Refuse an artifact that seems to hold secrets.

    Raises:
        PlanError: With each finding's file and line; nothing was sent.
    """
    refuse(
        find_secrets(artifact),
        artifact.manifest.settings.secrets.allow,
        where=str(artifact.path),
        hint="Keep secrets out of the project. For what is harmless, `secrets.allow` in [tool.aleph] takes paths "
        "and names of variables, and a comment `pragma: allowlist secret` marks a line.",
    )


def refuse(findings: Iterable[Finding], allowed: Iterable[str], *, where: str, hint: str) -> None:
    """Refuse what is not allowed of some findings.

    Raises:
        PlanError: With each finding's file and line; nothing was sent.
    """
    patterns = list(allowed)
    found = sorted({str(finding) for finding in findings if not finding.is_allowed(patterns)})
    if found:
        raise PlanError(
            "this looks like secrets, and all that is published is public for ever:\n  " + "\n  ".join(found),
            where=where,
            hint=hint,
        )


def find_secrets(artifact: Artifact) -> Iterator[Finding]:
    """Return what looks like a secret in the code image, the variables and the rest of the manifest."""
    with _scanning() as folder:
        image = artifact.manifest.image("code")
        if image is not None and artifact.file(image).exists():
            yield from _in_code(artifact.file(image), image.encoding, folder / "code")
        yield from _in_variables(artifact.manifest.program_settings.variables, folder)
        yield from _in_manifest(artifact, folder)


def find_in_program(code: Path | None, encoding: str, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Return what looks like a secret in a program's code, an image or a zip archive, and in its variables."""
    with _scanning() as folder:
        if code is not None:
            yield from _in_code(code, encoding, folder / "code")
        yield from _in_variables(variables, folder)


@contextlib.contextmanager
def _scanning() -> Iterator[Path]:
    """Switch the detectors on, and give a folder to unpack into."""
    from detect_secrets.settings import transient_settings

    configuration = {
        "plugins_used": [{"name": name} for name in _DETECTORS],
        "filters_used": [{"path": path} for path in _FILTERS],
    }
    with tempfile.TemporaryDirectory(prefix="hatch-aleph-scan-") as name, transient_settings(configuration):
        yield Path(name)


def _in_code(code: Path, encoding: str, folder: Path) -> Iterator[Finding]:
    folder.mkdir()
    if encoding == "zip":
        from zipfile import ZipFile

        with ZipFile(code) as archive:
            archive.extractall(folder)
    else:
        from hatch_aleph.squashfs import unpack

        unpack(code, folder)
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    for path in files:
        relative = path.relative_to(folder)
        # The adapter is ours, and the same in every program.
        if relative.parts[0] == ADAPTER:
            continue
        for line, kind in _in_file(path):
            yield Finding(relative.as_posix(), line, "", kind)


def _in_variables(variables: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    names = sorted(variables)
    listed = folder / "variables.txt"
    # One a line, in the form in which detectors of assigned names know them.
    listed.write_text("".join(f"{name} = {json.dumps(variables[name])}\n" for name in names), "utf-8")
    for line, kind in _in_file(listed):
        yield Finding(VARIABLES, 0, names[line - 1], kind)


def _in_manifest(artifact: Artifact, folder: Path) -> Iterator[Finding]:
    rest = json.loads(artifact.manifest.to_json())
    rest["program"].pop("variables", None)
    manifest = folder / artifact.path.name
    manifest.write_text(json.dumps(rest, indent=1), "utf-8")
    for line, kind in _in_file(manifest):
        yield Finding(artifact.path.name, line, "", kind)


def _in_file(path: Path) -> Iterator[tuple[int, str]]:
    from detect_secrets.core.scan import scan_file

    if path.stat().st_size > _LARGEST or b"\0" in path.read_bytes():
        return
    for secret in scan_file(str(path)):
        yield secret.line_number, secret.type
