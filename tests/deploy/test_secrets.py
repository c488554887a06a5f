from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.deploy.secrets import check_secrets, find_secrets, own_key
from hatch_aleph.errors import PlanError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.keys import Key
from hatch_aleph.secrets import OWN_KEY, VARIABLES
from hatch_aleph.squashfs import Entry, scan, write_image
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
    assert "app/main.py:3: GitHub token" in raised.value.message
    assert "certs/key.txt:1: private key" in raised.value.message
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


def test_large_and_binary_files_are_searched(tmp_path: Path) -> None:
    files = {"data.bin": f"\0\1\2{GITHUB}", "big.txt": "a line\n" * 300_000 + f"{GITHUB}\n"}
    found = list(find_secrets(built(tmp_path, files)))
    assert [(each.where, each.line) for each in found] == [("big.txt", 300_001), ("data.bin", 1)]


def test_the_key_that_signs_is_found_in_packages_and_manifest_too(tmp_path: Path) -> None:
    key = Key(bytes(range(1, 64, 2)), "test")
    account = account_from_key(key, "ETH")
    write_image([Entry("lib/data.bin", "file", 0o644, b"\0" + key.secret)], tmp_path / "packages.squashfs")
    artifact = built(
        tmp_path,
        {"main.py": f"x = {list(key.secret)}\n"},
        packages=(tmp_path / "packages.squashfs").read_bytes(),
        variables={"A": key.secret.hex()},
    )
    found = {each.where for each in find_secrets(artifact, own_key(account)) if each.kind == OWN_KEY}
    assert found == {"main.py", "lib/data.bin", VARIABLES}
    with pytest.raises(PlanError, match="the key that signs") as raised:
        check_secrets(artifact, account)
    assert key.secret.hex() not in str(raised.value)
