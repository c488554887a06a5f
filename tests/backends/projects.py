"""Small projects: every build backend in every layout that it knows."""

from __future__ import annotations

import subprocess
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLUGINS = {
    "hatch-vcs": '[tool.hatch.version]\nsource = "vcs"\nraw-options = { search_parent_directories = true }\n',
    "hatch-requirements-txt": '[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ["requirements.txt"]\n',
    "uv-dynamic-versioning": '[tool.hatch.version]\nsource = "uv-dynamic-versioning"\n',
    "hatch-fancy-pypi-readme": (
        '[tool.hatch.metadata.hooks.fancy-pypi-readme]\ncontent-type = "text/markdown"\n'
        'fragments = [{ text = "Hello" }]\n'
    ),
    "hatch-nodejs-version": '[tool.hatch.version]\nsource = "nodejs"\n',
    "hatch-build-scripts": (
        '[[tool.hatch.build.hooks.build-scripts.scripts]]\nout_dir = "{package}"\n'
        'commands = ["echo made > made.txt"]\nartifacts = ["made.txt"]\n'
    ),
}
LAYOUTS = ("flat", "src", "namespace", "several", "names", "links", "subfolder", "hooks", "ignored")


def write(folder: Path, backend: str, layout: str) -> Path | None:
    """Write a project into a folder, commit it, and return its root; None for what the backend does not know."""
    made = BACKENDS[backend.partition("+")[0]](backend, layout)
    if made is None:
        return None
    root = folder / "services" / "demo" if layout == "subfolder" else folder / "demo"
    prefix, packages = where(layout)
    files = {
        ".gitignore": "generated.txt\n",
        "README.md": "# Demo\n",
        "requirements.txt": "idna\n",
        "package.json": '{"name": "demo", "version": "1.0.0"}\n',
        **made,
    }
    for package in packages:
        path = prefix + package.replace(".", "/")
        files |= {f"{path}/__init__.py": "", f"{path}/app.py": "app = None\n", f"{path}/data.txt": "data\n"}
    path = prefix + packages[0].replace(".", "/")
    if layout == "names":
        names = ("build", "dist", "venv", "target")
        files |= {f"{path}/{name}/__init__.py": "" for name in names}
        files |= {f"{path}/static/{name}/app.js": name for name in (*names, "node_modules")}
    if layout == "ignored":
        files[f"{path}/generated.txt"] = "ignored by git\n"
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), "utf-8")
    if layout == "links":
        (root / "shared.txt").write_text("shared\n")
        (root / path / "linked.txt").symlink_to("../" * (path.count("/") + 1) + "shared.txt")
    repository = folder if layout == "subfolder" else root
    git = ("git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x"), ("tag", "v1.0.0")):
        subprocess.run([*git, *command], check=True)
    return root


def where(layout: str) -> tuple[str, list[str]]:
    """Return the folder of a layout's packages, and their names."""
    if layout == "namespace":
        return "src/", ["acme.demo"]
    packages = ["demo", "other"] if layout == "several" else ["demo"]
    return ("" if layout in ("flat", "several", "subfolder") else "src/"), packages


def project(layout: str, backend: str, *requires: str, dynamic: tuple[str, ...] = (), more: str = "") -> str:
    """Return a pyproject.toml."""
    lines = ["[project]", 'name = "demo"', 'description = "Demo"']
    if "version" not in dynamic:
        lines.append('version = "1.0.0"')
    if "dependencies" not in dynamic:
        lines.append('dependencies = ["idna"]')
    lines += [f"dynamic = {list(dynamic)!r}"] if dynamic else []
    return "\n".join([*lines, build_system(backend, *requires), aleph(layout), textwrap.dedent(more)])


def build_system(backend: str, *requires: str) -> str:
    return f"[build-system]\nrequires = {list(requires)!r}\nbuild-backend = {backend!r}"


def aleph(layout: str) -> str:
    return f"[tool.aleph]\nentrypoint = {where(layout)[1][0] + '.app:app'!r}"


def hatchling(backend: str, layout: str) -> dict[str, str] | None:
    prefix, packages = where(layout)
    plugin = backend.partition("+")[2]
    folders = [prefix + each.replace(".", "/") if layout != "namespace" else "src/acme" for each in packages]
    more = f"[tool.hatch.build.targets.wheel]\npackages = {folders!r}\n"
    more += PLUGINS.get(plugin, "").replace("{package}", folders[0])
    dynamic = {
        "hatch-vcs": ("version",), "uv-dynamic-versioning": ("version",), "hatch-nodejs-version": ("version",),
        "hatch-requirements-txt": ("dependencies",), "hatch-fancy-pypi-readme": ("readme",),
    }.get(plugin, ())  # fmt: skip
    files = {}
    if layout == "hooks":
        if plugin == "hatch-build-scripts":
            return None
        more += '[tool.hatch.build.hooks.custom]\npath = "hook.py"\n'
        files["hook.py"] = (
            "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
            "from pathlib import Path\n"
            "class Hook(BuildHookInterface):\n"
            "    def initialize(self, version, build_data):\n"
            "        import tempfile\n"
            "        made = Path(tempfile.mkdtemp()) / 'made.txt'\n"
            "        made.write_text('made')\n"
            "        build_data['force_include'][str(made)] = 'demo/made.txt'\n"
        )
    if layout == "ignored":
        more += 'artifacts = ["generated.txt"]\n' if not plugin else ""
    requires = ("hatchling", plugin) if plugin else ("hatchling",)
    return {"pyproject.toml": project(layout, "hatchling.build", *requires, dynamic=dynamic, more=more), **files}


def setuptools(backend: str, layout: str) -> dict[str, str] | None:
    prefix, packages = where(layout)
    root = prefix.rstrip("/") or "."
    hook = (
        "from setuptools.command.build_py import build_py\n"
        "from pathlib import Path\n"
        "class Made(build_py):\n"
        "    def run(self):\n"
        "        super().run()\n"
        "        (Path(self.build_lib) / 'demo' / 'made.txt').write_text('made')\n"
    )
    form = backend.partition("+")[2]
    found = "find_namespace" if layout == "namespace" else "find"
    only = [f"{each}*" for each in packages] if layout != "namespace" else ["acme*"]
    command = ", cmdclass={'build_py': Made}" if layout == "hooks" else ""
    head = f"from setuptools import setup, {found}_packages\n" + (hook if layout == "hooks" else "")
    system = build_system("setuptools.build_meta", "setuptools")
    if form == "pyproject":
        more = (
            f"[tool.setuptools.packages.find]\nwhere = [{root!r}]\ninclude = {only!r}\n"
            f"namespaces = {'true' if layout == 'namespace' else 'false'}\n"
            '[tool.setuptools.package-data]\n"*" = ["**/*.txt", "**/*.js"]\n'
        )
        files = {"pyproject.toml": project(layout, "setuptools.build_meta", "setuptools", more=more)}
        return files | ({"setup.py": f"{head}setup(cmdclass={{'build_py': Made}})\n"} if layout == "hooks" else {})
    if form == "setup.cfg":
        if layout == "hooks":
            return None
        text = (
            "[metadata]\nname = demo\nversion = 1.0.0\ndescription = Demo\n"
            f"[options]\npackages = {found}:\ninstall_requires = idna\n"
            + (f"package_dir =\n    = {root}\n" if prefix else "")
            + f"[options.packages.find]\nwhere = {root}\ninclude = {', '.join(only)}\n"
            "[options.package_data]\n* = **/*.txt, **/*.js\n"
        )
        return {"pyproject.toml": f"{system}\n{aleph(layout)}\n", "setup.cfg": text}
    folder = f"package_dir={{'': {root!r}}}, " if prefix else ""
    text = (
        f"{head}setup(name='demo', version='1.0.0', description='Demo', install_requires=['idna'], {folder}"
        f"packages={found}_packages({root!r}, include={only!r}), "
        f"package_data={{'': ['**/*.txt', '**/*.js']}}{command})\n"
    )
    return {"pyproject.toml": f"{aleph(layout)}\n", "setup.py": text}


def poetry(backend: str, layout: str) -> dict[str, str] | None:
    if layout == "links":
        return None  # Poetry itself fails at links out of its `from`
    prefix, packages = where(layout)
    tops = dict.fromkeys(each.partition(".")[0] for each in packages)
    source = f', from = "{prefix.rstrip("/")}"' if prefix else ""
    selected = "packages = [" + ", ".join(f'{{ include = "{top}"{source} }}' for top in tops) + "]\n"
    script = 'build = "make.py"\n' if layout == "hooks" else ""
    files = {}
    if layout == "hooks":
        selected += 'include = [{ path = "src/demo/made.txt", format = "wheel" }]\n'
        files["make.py"] = "from pathlib import Path\nPath('src/demo/made.txt').write_text('made')\n"
        return None  # the script writes into the tree, which is the project's own wish
    if backend.endswith("+1"):
        table = (
            '[tool.poetry]\nname = "demo"\nversion = "1.0.0"\ndescription = "Demo"\nauthors = ["x <x@example.org>"]\n'
            f'{selected}{script}[tool.poetry.dependencies]\npython = ">=3.9"\nidna = "*"\n'
        )
        system = build_system("poetry.core.masonry.api", "poetry-core<2")
        return {"pyproject.toml": f"{table}{system}\n{aleph(layout)}\n", **files}
    more = f"[tool.poetry]\n{selected}"
    return {"pyproject.toml": project(layout, "poetry.core.masonry.api", "poetry-core>=2", more=more), **files}


def pdm(_backend: str, layout: str) -> dict[str, str] | None:
    prefix, packages = where(layout)
    more = f"[tool.pdm.build]\nincludes = {[prefix + each.replace('.', '/') for each in packages]!r}\n"
    more += f"package-dir = {prefix.rstrip('/')!r}\n" if prefix else ""
    files = {}
    if layout == "hooks":
        files["pdm_build.py"] = (
            "def pdm_build_update_files(context, files):\n"
            "    made = context.ensure_build_dir() / 'made.txt'\n"
            "    made.write_text('made')\n"
            "    files['demo/made.txt'] = made\n"
        )
    return {"pyproject.toml": project(layout, "pdm.backend", "pdm-backend", more=more), **files}


def flit(_backend: str, layout: str) -> dict[str, str] | None:
    if layout in ("several", "hooks"):
        return None
    more = f"[tool.flit.module]\nname = {where(layout)[1][0]!r}\n"
    return {"pyproject.toml": project(layout, "flit_core.buildapi", "flit_core>=3.4", more=more)}


def uv_build(_backend: str, layout: str) -> dict[str, str] | None:
    if layout == "hooks":
        return None
    prefix, packages = where(layout)
    more = f"[tool.uv.build-backend]\nmodule-name = {packages!r}\nmodule-root = {prefix.rstrip('/')!r}\n"
    return {"pyproject.toml": project(layout, "uv_build", "uv_build>=0.9", more=more)}


def maturin(_backend: str, layout: str) -> dict[str, str] | None:
    if layout in ("several", "hooks", "namespace"):
        return None
    prefix, _ = where(layout)
    more = (
        f'[tool.maturin]\nbindings = "bin"\npython-source = {prefix.rstrip("/") or "."!r}\npython-packages = ["demo"]\n'
    )
    more = more.replace("python-source = .", 'python-source = "."').replace(
        "python-source = src", 'python-source = "src"'
    )
    return {
        "pyproject.toml": project(layout, "maturin", "maturin>=1.7,<2", more=more),
        "Cargo.toml": (
            '[package]\nname = "demo"\nversion = "1.0.0"\nedition = "2021"\n'
            '[[bin]]\nname = "demo-tool"\npath = "rust/main.rs"\n'
        ),
        "Cargo.lock": (
            "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\n"
            'version = 4\n\n[[package]]\nname = "demo"\nversion = "1.0.0"\n'
        ),
        "rust/main.rs": 'fn main() { println!("hello"); }\n',
    }


NATIVE = (
    "#include <Python.h>\n"
    'static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", 0, -1, 0};\n'
    "PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }\n"
)


def scikit_build(_backend: str, layout: str) -> dict[str, str] | None:
    if layout in ("hooks", "namespace"):
        return None
    prefix, packages = where(layout)
    more = f"[tool.scikit-build]\nwheel.packages = {[prefix + each for each in packages]!r}\n"
    return {
        "pyproject.toml": project(layout, "scikit_build_core.build", "scikit-build-core", more=more),
        "CMakeLists.txt": (
            "cmake_minimum_required(VERSION 3.18)\nproject(demo LANGUAGES C)\n"
            "find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n"
            "python_add_library(_native MODULE native.c WITH_SOABI)\n"
            "install(TARGETS _native DESTINATION demo)\n"
        ),
        "native.c": NATIVE,
    }


def meson(_backend: str, layout: str) -> dict[str, str] | None:
    if layout in ("hooks", "namespace", "several", "names", "links", "ignored"):
        return None
    prefix, _ = where(layout)
    sources = [f"{prefix}demo/{name}" for name in ("__init__.py", "app.py", "data.txt")]
    return {
        "pyproject.toml": project(layout, "mesonpy", "meson-python", "ninja"),
        "meson.build": (
            "project('demo', 'c', version: '1.0.0')\n"
            "py = import('python').find_installation(pure: false)\n"
            "py.extension_module('_native', 'native.c', subdir: 'demo', install: true)\n"
            f"py.install_sources({sources!r}, subdir: 'demo')\n"
        ),
        "native.c": NATIVE,
    }


BACKENDS: dict[str, Callable[[str, str], dict[str, str] | None]] = {
    "hatchling": hatchling,
    "setuptools": setuptools,
    "poetry": poetry,
    "pdm": pdm,
    "flit": flit,
    "uv_build": uv_build,
    "maturin": maturin,
    "scikit-build-core": scikit_build,
    "meson-python": meson,
}
NAMES = (
    "hatchling",
    *(f"hatchling+{plugin}" for plugin in PLUGINS),
    *(f"setuptools+{form}" for form in ("pyproject", "setup.cfg", "setup.py")),
    "poetry+1",
    "poetry+2",
    "pdm",
    "flit",
    "uv_build",
    "maturin",
    "scikit-build-core",
    "meson-python",
)


def cells() -> Iterator[tuple[str, str]]:
    """Yield each backend with each layout that it knows."""
    for backend in NAMES:
        for layout in LAYOUTS:
            if BACKENDS[backend.partition("+")[0]](backend, layout) is not None:
                yield backend, layout
