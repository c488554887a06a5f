from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.deploy.secrets import VARIABLES, check_secrets, find_secrets
from hatch_aleph.errors import PlanError
from hatch_aleph.squashfs import scan, write_image
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Artifact

GITHUB = "ghp_" + "1a2b3c4d5e6f7g8h9i0jk1l2m3n4o5p6q7r8"
KEY = base64.b64encode(bytes(range(256)) * 4).decode()
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY[:64]}\n{KEY[64:128]}\n-----END RSA PRIVATE KEY-----\n"


def built(tmp_path: Path, files: dict[str, str], **parts: object) -> Artifact:
    """Return an artifact whose code image holds some files."""
    tree = tmp_path / "tree"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    image = tmp_path / "code.squashfs"
    write_image(scan(tree), image)
    return make_artifact(tmp_path / "dist", code=image.read_bytes(), **parts)  # type: ignore[arg-type]


def test_findings_name_file_line_and_kind_but_not_the_secret(tmp_path: Path) -> None:
    artifact = built(tmp_path, {"app/main.py": f'import os\n\nTOKEN = "{GITHUB}"\n', "certs/key.txt": PEM})
    with pytest.raises(PlanError) as raised:
        check_secrets(artifact)
    assert "app/main.py:3: GitHub Token" in raised.value.message
    assert "certs/key.txt:2: Private Key" in raised.value.message
    assert GITHUB not in str(raised.value)


def test_variables_are_found_by_name(tmp_path: Path) -> None:
    artifact = built(tmp_path, {"main.py": ""}, variables={"DB_PASSWORD": "tr0ub4dor-and-3", "REGION": "eu-west-1"})
    assert [(each.where, each.name) for each in find_secrets(artifact)] == [(VARIABLES, "DB_PASSWORD")]


def test_what_is_no_secret_passes(tmp_path: Path) -> None:
    harmless = (
        'password = os.environ["PASSWORD"]\n'
        "api_key = settings.api_key\n"
        'RUNTIME = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"\n'
        'CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"\n'
        f'TOKEN = "{GITHUB}"  # pragma: allowlist secret\n'
    )
    check_secrets(built(tmp_path, {"main.py": harmless}, variables={"LOG_LEVEL": "debug"}))


def test_the_settings_allow_by_path_and_by_name(tmp_path: Path) -> None:
    settings = {"secrets": {"allow": ["tests/*", "DEMO_PASSWORD"]}}
    files = {"tests/data.py": f'TOKEN = "{GITHUB}"\n'}
    check_secrets(built(tmp_path, files, variables={"DEMO_PASSWORD": "tr0ub4dor-and-3"}, settings=settings))


def test_large_and_binary_files_are_passed_over(tmp_path: Path) -> None:
    assert not list(find_secrets(built(tmp_path, {"data.bin": f"\0{GITHUB}", "big.txt": f"{GITHUB}\n" * 30_000})))
