"""From the entrypoint's name to the app that the guest's init calls."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .configuration import Configuration, built_with_other_packages, read_configuration
from .entry import Entry
from .instruction_reader import complete_reads
from .interpreter_setup import keep_child_watcher, prepare, reset_logging
from .native_threads import start_later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .programs import Program
    from .volume_flush import VolumeFlush

# Objects that may be made between two collections while the app is imported: more than most apps import, but one for
# each KiB of memory at most, so that garbage takes a quarter of the machine. Python's own figure is 700 to 10,000.
_IMPORT_THRESHOLD = 400_000
IMPORT_SECONDS = 50.0  # the host waits for 60
START_MARK = "aleph_entry: the program's log begins: "


def start(name: str, init: str) -> Entry:
    """Import what the entrypoint names and wrap it; runs once, inside the init's event loop.

    Args:
        name: The entrypoint.
        init: Name of the module that asks for it.

    Raises:
        AttributeError: When ``name`` is no entrypoint at all.
        LookupError: When it names nothing that can be run.
    """
    configuration = read_configuration()
    complete_reads(init)  # with the init's own msgpack, before the app's can take its place
    if built_with_other_packages(configuration):
        from .programs import Unavailable  # a rare case

        reason = "This program is being updated: its code and its packages do not belong together yet."
        return Entry(Unavailable(reason), configuration.seconds)
    volumes = _volumes(configuration)
    if configuration.interface == "executable":
        reset_logging()
        _mark_log(name)
        from .executable import Executable  # most programs have none

        return Entry(Executable(name, configuration), configuration.seconds, volumes)
    if not all(name.partition(":")):
        # also where Python looks whether a submodule is loaded already, and goes on to import it
        message = f"module {__package__!r} has no {name!r}; an entrypoint is written module:attribute"
        raise AttributeError(message)
    prepare(configuration.code_root, configuration.packages_root)
    if configuration.lazy:
        from .lazy_import import put_off  # few programs ask for it

        put_off(configuration.lazy)
    _mark_log(name)
    return Entry(_program(name, configuration), configuration.seconds, volumes)


def _mark_log(name: str) -> None:
    """Part the log: the host keeps the kernel's lines, the mounts' and the init's in the same one, of every start."""
    print(f"{START_MARK}{name}", file=sys.stderr, flush=True)  # noqa: T201 - the program's log


def _volumes(configuration: Configuration) -> VolumeFlush | None:
    """Watch the persistent volumes, from before the app is imported: it may put something else in place of threads."""
    if not configuration.volumes:
        return None
    from .volume_flush import VolumeFlush, own_devices  # most programs have none

    mounts = own_devices(configuration.volumes)
    return VolumeFlush(mounts) if mounts else None


def _program(name: str, configuration: Configuration) -> Program:
    from .read_ahead import packs_ahead  # executables do without
    from .read_ahead import paused as read_ahead_paused
    from .written_code import looked_up as written_code_looked_up

    policy = asyncio.get_event_loop_policy()
    roots = configuration.code_root, configuration.packages_root
    with _few_collections(), read_ahead_paused(*roots), packs_ahead(), written_code_looked_up(), _failures_told(name):
        from .interfaces import recognise  # after the path is in order

        interface, app = with_room(
            lambda: outside_the_loop(lambda: recognise(find(name), configuration.interface, name))
        )
    keep_child_watcher(policy)
    if interface == "wsgi":
        from .wsgi import WsgiProgram  # most programs are ASGI

        return WsgiProgram(app)
    from .asgi import AsgiProgram  # not needed for WSGI

    return AsgiProgram(app, doubled=interface == "asgi2")


def find(name: str) -> Any:
    """Import ``module:attribute``; the attribute may be dotted, and may be called: ``module:make("x", debug=True)``.

    Raises:
        NoSuchEntrypoint: When there is no such module or attribute.
    """
    module_name, _, attribute = name.partition(":")
    found: Any
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        message = f"there is no module {error.name!r} in the code image, which the entrypoint {name!r} names"
        raise NoSuchEntrypoint(message) from error
    path, call, arguments = attribute.partition("(")
    try:
        for step in path.split("."):
            found = getattr(found, step)
    except AttributeError as error:
        message = f"the entrypoint {name!r} names what {module_name!r} does not have: {error}"
        raise NoSuchEntrypoint(message + _nearest(found, step)) from error
    return _call(found, arguments, name) if call else found


def _call(factory: Any, arguments: str, name: str) -> Any:
    import ast  # only for entrypoints that are written as a call

    try:
        call = ast.parse(f"f({arguments}", mode="eval").body
        positional = [ast.literal_eval(one) for one in call.args]  # type: ignore[attr-defined]
        named = {one.arg: ast.literal_eval(one.value) for one in call.keywords}  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, AttributeError) as error:
        message = f"the entrypoint {name!r} may be called with plain values only"
        raise NoSuchEntrypoint(message) from error
    import inspect

    try:
        inspect.signature(factory).bind(*positional, **named)
    except TypeError as error:  # not to be called at all, or not so
        message = f"the entrypoint {name!r} does not fit what it calls: {error}"
        raise NoSuchEntrypoint(message) from None
    except ValueError:  # written in C, without a signature
        pass
    return factory(*positional, **named)


def _nearest(holder: Any, name: str) -> str:
    """Return what may have been meant by a name that is not there."""
    import difflib  # few programs fail
    import importlib.util

    if hasattr(holder, "__path__") and importlib.util.find_spec(f"{holder.__name__}.{name}"):
        return f"; that is a module, and an app in it is written {holder.__name__ + '.' + name + ':app'!r}"
    near = difflib.get_close_matches(name, dir(holder), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _run(work: Callable[[], Any]) -> Any:
    return work()


def with_room(work: Callable[[], Any]) -> Any:
    """Run an import with room for the frames of all calls in it.

    Python 3.11 and later take memory for frames 16 KiB at a time and give it back at once: a call at the end of such a
    piece costs two system calls and a page, and an import, which is nested deep, has hundreds of them. The frame of a
    function that asks for a large stack of its own gets a larger piece, whose rest is for the calls in it.

    Source: ``_PyThreadState_PushFrame`` in CPython's ``Python/pystate.c``.
    """
    code = _run.__code__.replace(co_stacksize=2**15)  # slots, never touched: of 512 KiB half is left
    return FunctionType(code, globals())(work)  # apps that look up the stack ask each frame for its module


def outside_the_loop(work: Callable[[], Any]) -> Any:
    """Run an import as if no event loop were running, so that ``asyncio.run`` at its top works.

    Code that wants the running loop instead (it works under uvicorn) gets a second try with it.
    """
    try:
        with _hidden_loop():
            return work()
    except RuntimeError as error:
        if "no running event loop" not in str(error):
            raise
    return work()


class NoSuchEntrypoint(LookupError):  # noqa: N818 - reads as what happened, in the host's log
    """The entrypoint names what is not there."""


class StartFailed(RuntimeError):  # noqa: N818 - reads as what happened, in the host's log
    """The app could not be imported."""


@contextlib.contextmanager
def _failures_told(name: str) -> Iterator[None]:
    """Log what the app raises while it is imported, and where it hangs; give the host one line.

    Raises:
        StartFailed: What the app raised, and where.
    """
    imported = start_later(IMPORT_SECONDS, _report_hanging_import, threading.get_ident())
    try:
        yield
    except BaseException as error:  # SystemExit would end the init without a word
        from .failure import definition_of, report  # few programs fail

        ours = type(error).__module__.startswith(f"{__package__}.")  # words about the entrypoint
        failure = report("start", error, definition_of(name) if ours else None)
        raise StartFailed(str(failure)) from error
    finally:
        imported()


def _report_hanging_import(thread: int) -> None:
    from .failure import report_hanging, thread_frames

    report_hanging("start", f"the app is not imported after {IMPORT_SECONDS:g} seconds", thread_frames(thread))


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Let the garbage collector rest: imports leave next to no garbage, and a fifth of their time goes into looking.

    It is not stopped, for apps that make much garbage at import. What has been imported is old from the start, else
    one of the first requests would wait until all of it is looked through. Thresholds that the app sets itself stay.
    """
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    most = min(_IMPORT_THRESHOLD, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024)
    gc.set_threshold(most, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == most:
            gc.set_threshold(*before)
            if gc.get_freeze_count() == frozen:  # else the app has done so, for good
                gc.freeze()
                gc.unfreeze()  # into the oldest generation


@contextlib.contextmanager
def _hidden_loop() -> Iterator[None]:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - asyncio exports the pair for such uses
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        if loop is not None:
            asyncio.set_event_loop(loop)
        asyncio._set_running_loop(loop)  # noqa: SLF001
