"""The command line: every command parses, calls one function of a room below, and renders.

Only this room prints and exits. Commands are imported when they are called for, so that each start is as short as its
own command allows.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.output import Output, encode_all, keep_stdout
from hatch_aleph.cli.tables import colours
from hatch_aleph.commands import COMMANDS, overview, version
from hatch_aleph.errors import HatchAlephError, InstallationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INTERRUPTED = 130
_MOMENT = 0.05  # seconds


class LazyGroup(click.Group):
    """A group whose commands are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"hatch_aleph.cli.{module}"), attribute)
        return command

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - as above
        """Return the overview, which imports no command."""
        return overview()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one; ``program NAME`` is NAME, as in the official manual."""
        args = args[1:] if args[0] == "program" and args[1:] else args
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            if near:
                raise click.UsageError(f"No such command {name!r}. Did you mean `{near[0]}`?", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(version(), message="%(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Deploy Python projects to the Aleph Cloud network from pyproject.toml."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code: the one boundary where errors become words."""
    as_json = "--json" in arguments
    try:
        _stop_on_signals()
        encode_all()
        if as_json:
            keep_stdout()
        result = cli.main(args=list(arguments), prog_name="hatch-aleph", standalone_mode=False, color=colours())
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        # What is no value of this place may be a key that was meant for another one: the log keeps its beginning alone.
        message = re.sub(r"(?i)((?:0x)?[0-9a-f]{6})[0-9a-f]{58,}", r"\1…", error.format_message())
        usage = UsageError(message, hint=_usage_hint(error))
        return Output(as_json=as_json).failure(usage)
    except HatchAlephError as error:
        return Output(as_json=as_json).failure(error)
    except (KeyboardInterrupt, click.Abort) as error:
        # A no says what it leaves (questions.Declined); Ctrl-C is an Abort without words.
        Output(as_json=as_json).notice(str(error) or "Interrupted.")
        # CPython remembers an interrupt inside exec(text), by which dataclasses are made, and would end by SIGINT.
        exec("")  # noqa: S102 - of nothing
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away: nothing more to say, to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), (Output.lines or sys.stdout).fileno())
        return 1
    except Exception as error:
        if os.environ.get("HATCH_ALEPH_DEBUG"):
            raise
        return Output(as_json=as_json).failure(_unexpected(error))
    return result if isinstance(result, int) else 0


def _unexpected(error: Exception) -> HatchAlephError:
    """Return the error for what no room has foreseen: a full disk, a missing package, else a defect."""
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOSPC, errno.EDQUOT):
        hint = "Make room; the same command goes on from there."
    elif code in (errno.EROFS, errno.EACCES, errno.EPERM):
        hint = "Give write permission, or name other folders: --dist, --state-folder, HATCH_ALEPH_CACHE, TMPDIR."
    elif isinstance(error, ImportError) and (incomplete := InstallationError.from_import(error)):
        return incomplete
    else:
        return HatchAlephError(
            f"This is a defect in hatch-aleph: {type(error).__name__}: {error}",
            hint="Set HATCH_ALEPH_DEBUG=1 to see where, and please report it.",
        )
    return HatchAlephError(str(error), hint=hint)


def _usage_hint(error: click.ClickException) -> str | None:
    context: Any = getattr(error, "ctx", None)
    return f"Try: {context.command_path} --help" if context else None


def _stop_on_signals() -> None:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt: Hatch may start us with SIGINT ignored.

    Where Python calls a destructor or what waits for the end of an object, as imports do, exceptions are lost: the
    signal then comes once more, a moment later.
    """

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def not_raised(lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            from threading import Event, Thread

            told = Event()  # what is raised in here would be lost as well, so it comes when this has ended

            def again() -> None:
                told.wait()
                time.sleep(_MOMENT)
                os.kill(os.getpid(), signal.SIGINT)

            Thread(target=again, daemon=True).start()
            told.set()
        else:
            sys.__unraisablehook__(lost)

    if sys.unraisablehook is sys.__unraisablehook__:  # nobody else's, as in tests
        sys.unraisablehook = not_raised
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), stop)
