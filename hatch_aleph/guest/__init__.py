"""Entry adapter: makes any ASGI or WSGI app behave in the VM as it does under uvicorn or gunicorn.

The build copies these modules into the code image as the package ``aleph_entry``. The guest's init
(``runtimes/aleph-debian-12-python/init1.py`` in aleph-im/aleph-vm) imports that package and asks it for
the attribute that stands after the first colon of the message's entrypoint, so
``aleph_entry:my_api.main:app`` arrives here as ``getattr(aleph_entry, "my_api.main:app")``.

Standard library only, Python 3.9 or later. Importing the package loads nothing but this file.
"""

from __future__ import annotations

import _imp
import marshal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def __getattr__(name: str) -> Any:
    """Give the app that the guest's init runs for the entrypoint ``name``.

    Raises:
        AttributeError: For names that Python itself looks up.
        LookupError: When the entrypoint names nothing that can be run.
    """
    if name.startswith("_"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    start = load()  # importing the package must have no effect and cost nothing
    return start(name, sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001 - see instruction_reader


def load() -> Callable[[str, str], Any]:
    """Import what every program needs and return what starts it.

    A garbage collection that falls into it would find nothing, and take a quarter of its time.
    """
    import gc

    collects = gc.isenabled()
    gc.disable()
    try:
        _import_bundle(__path__[0])
        from .entrypoint import start  # "from . import" would ask __getattr__
    finally:
        if collects:
            gc.enable()
    return start


def _import_bundle(folder: str) -> None:
    """Import the modules of which the build has put the bytecode into one file: finding each takes as long as running.

    Without such a file for this Python they are imported as any others.
    """
    try:
        with open(f"{folder}/__pycache__/{__name__}.{sys.implementation.cache_tag}.bundle", "rb") as file:  # noqa: PTH123 - at every cold start
            bundle = marshal.loads(file.read())  # noqa: S302 - of our own image, like its bytecode
    except FileNotFoundError:
        return
    own: Any = __spec__
    set_file_name = getattr(_imp, "_fix_co_filename", lambda _code, _path: None)
    for name, body in bundle:  # each imports only what stands before it
        if f"{__name__}.{name}" in sys.modules:  # somebody asks a second time
            continue
        path = f"{folder}/{name}.py"
        module = type(sys)(f"{__name__}.{name}")
        module.__file__, module.__package__ = path, __name__
        spec = type(own)(module.__name__, type(own.loader)(module.__name__, path), origin=path)
        spec.has_location = True
        module.__spec__, module.__loader__ = spec, spec.loader
        code = marshal.loads(body)  # noqa: S302 - likewise
        set_file_name(code, path)
        sys.modules[module.__name__] = globals()[name] = module
        exec(code, vars(module))  # noqa: S102 - as an import does
