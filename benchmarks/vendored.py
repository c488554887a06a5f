"""Much downloaded distributions with compiled parts: all vendored into one image, each imported by a CPython 3.11.

    python benchmarks/vendored.py [--keep DIR]

Needs a CPython 3.11 on x86_64 Linux and the package index.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hatch_aleph import interpreters
from hatch_aleph.artifact import Artifact
from hatch_aleph.squashfs import unpack

# Distribution: the module whose import loads its compiled part.
MODULES = {
    "aiohttp": "aiohttp._http_parser",
    "asyncpg": "asyncpg.pgproto.pgproto",
    "bcrypt": "bcrypt",
    "brotli": "brotli",
    "cffi": "_cffi_backend",
    "charset-normalizer": "charset_normalizer",
    "cryptography": "cryptography.hazmat.bindings._rust",
    "frozenlist": "frozenlist._frozenlist",
    "greenlet": "greenlet",
    "grpcio": "grpc",
    "httptools": "httptools",
    "kiwisolver": "kiwisolver",
    "lxml": "lxml.etree",
    "lz4": "lz4.frame",
    "markupsafe": "markupsafe._speedups",
    "matplotlib": "matplotlib.ft2font",
    "msgpack": "msgpack._cmsgpack",
    "multidict": "multidict._multidict",
    "numpy": "numpy.linalg",
    "orjson": "orjson",
    "pandas": "pandas",
    "pillow": "PIL._imaging",
    "protobuf": "google._upb._message",
    "psutil": "psutil",
    "psycopg2-binary": "psycopg2",
    "pycryptodome": "Crypto.Cipher.AES",
    "pydantic-core": "pydantic_core",
    "pynacl": "nacl.bindings",
    "pyyaml": "yaml._yaml",
    "regex": "regex",
    "rpds-py": "rpds",
    "scikit-learn": "sklearn.linear_model",
    "scipy": "scipy.optimize",
    "sqlalchemy": "sqlalchemy",
    "uvloop": "uvloop",
    "websockets": "websockets.speedups",
    "wrapt": "wrapt",
    "xxhash": "xxhash",
    "zstandard": "zstandard",
}


def main() -> None:
    """Build, unpack, import; exit with 1 when something fails without a word at build time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for project and image")
    options = parser.parse_args()
    python = interpreters.find("3.11")
    if python is None:
        sys.exit("needs a CPython 3.11")
    with tempfile.TemporaryDirectory(prefix="vendored-") as temporary:
        root = options.keep or Path(temporary)
        root.mkdir(exist_ok=True)
        (root / "main.py").write_text("async def app(scope, receive, send): ...\n")
        (root / "pyproject.toml").write_text(
            f'[project]\nname = "vendored"\nversion = "1"\ndependencies = {sorted(MODULES)!r}\n'
            '[tool.aleph]\nentrypoint = "main:app"\n'
        )
        subprocess.run([sys.executable, "-m", "hatch_aleph", "build", "--project", root], check=True)
        artifact = Artifact.find(root / "dist")
        image = artifact.manifest.image("packages")
        assert image is not None
        unpacked = Path(temporary) / "unpacked"
        unpack(artifact.file(image), unpacked)
        told = "\n".join(artifact.manifest.warnings)
        failed = []
        for name, module in MODULES.items():
            code = f"import sys; sys.path.insert(0, {str(unpacked)!r}); import {module}"
            environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
            done = subprocess.run(
                [str(python.path), "-OO", "-S", "-c", code], check=False, capture_output=True, text=True, env=environ
            )
            if done.returncode:
                print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                if name not in told:
                    failed.append(name)
        print(f"{len(MODULES) - len(failed)} of {len(MODULES)} imported or told; warnings: {told or 'none'}")
        sys.exit(bool(failed))


if __name__ == "__main__":
    main()
