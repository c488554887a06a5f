"""Every error a user can meet: what is wrong, where, and what to do about it.

One class per kind; its ``exit_code`` is what the command line ends with. Exit code 2 is kept for
``plan --detailed-exitcode``, where it means *there are changes*; no error uses it.
"""

from __future__ import annotations

from typing import ClassVar

from hatch_aleph.text import printable

# One section a kind, under its class's name.
PAGE = "https://github.com/aleph-im/hatch-aleph/blob/main/docs/errors.md"


class HatchAlephError(Exception):
    """Base of all errors that are told to the user without a traceback.

    Args:
        message: What is wrong, one sentence without a trailing full stop.
        where: The file, key, distribution, node or message it is about.
        hint: The next step that mends it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return all of it, in words that a terminal only shows: nodes, wheels and file names speak in errors too."""
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.hint:
            lines.append(self.hint)
        return printable("\n".join(lines), keep="\n\t")

    @property
    def help_url(self) -> str:
        """Where the documentation explains its kind: that of the nearest class of this module."""
        kind = next(kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        return f"{PAGE}#{kind.__name__.lower()}"

    @property
    def with_help(self) -> str:
        """All of it, and where its kind is explained: what commands and builds end with."""
        return f"{self}\nSee {self.help_url}"


class UsageError(HatchAlephError):
    """The command line itself is wrong: an unknown option, a missing argument."""

    exit_code = 64


class SettingsError(HatchAlephError):
    """``[tool.aleph]`` says something that cannot be: all problems are listed in one message."""

    exit_code = 3


class ProjectError(HatchAlephError):
    """The project cannot be read or built by its build backend."""

    exit_code = 4


class DependencyError(HatchAlephError):
    """The dependencies cannot be resolved, fetched or run on the runtime."""

    exit_code = 5


class ImageError(HatchAlephError):
    """An image cannot be written or read."""

    exit_code = 6

    @classmethod
    def unwritable(cls, path: object, error: Exception) -> ImageError:
        """Return the error for a file of the artifact that cannot be written."""
        from pathlib import PurePath

        reason = str(getattr(error, "message", None) or getattr(error, "strerror", None) or error)
        for said in ("The file cannot be written: ", "cannot be written: "):
            reason = reason.removeprefix(said)
        hint = "Make room, give write permission, or build elsewhere: --out DIR, or --dist DIR."
        source = getattr(error, "path", None)  # of an error of squashfs: it may be of what goes into the image
        unfinished = source is not None and PurePath(source).name.startswith(f".{PurePath(str(path)).name}.")
        if source not in (None, str(path)) and not unfinished:
            reason = f"{source} {reason}"
            hint = getattr(error, "hint", None) or "Let this user read it, or leave it out by Hatch's `exclude`."
        return cls(f"The file cannot be written: {reason}", where=str(path), hint=hint)


class ArtifactError(HatchAlephError):
    """What a build left in dist/ is missing, incomplete or was changed since."""

    exit_code = 7


class AccountError(HatchAlephError):
    """There is no usable key to sign with."""

    exit_code = 8


class NetworkError(HatchAlephError):
    """A node cannot be reached or answers what no node should."""

    exit_code = 9


class RejectedError(HatchAlephError):
    """The network refused a message or an upload; carries the network's own code and reason."""

    exit_code = 10

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        code: int | None = None,
        item_hash: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.code = code
        self.item_hash = item_hash


class HealthError(HatchAlephError):
    """The program was published but does not answer as it should."""

    exit_code = 11


class GuestError(HatchAlephError):
    """A program cannot be run on this machine."""

    exit_code = 12


class PlanError(HatchAlephError):
    """What is to be done is no longer, or not safely, possible."""

    exit_code = 13


class PluginError(HatchAlephError):
    """A plugin cannot be loaded, or failed in one of its hooks."""

    exit_code = 14


class InstallationError(HatchAlephError):
    """A package that hatch-aleph needs is not installed, or does not load on this machine."""

    exit_code = 15

    @classmethod
    def from_import(cls, error: ImportError) -> InstallationError | None:
        """Return the error for an import that failed; None where it is of our own modules, which is a defect."""
        from hatch_aleph.installation import how_to_complete, platform_tag

        module = (error.name or "").partition(".")[0]
        if module in ("", __package__):
            return None
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not load: {error}"
        return cls(f"hatch-aleph needs {error.name}, which {why} ({platform_tag()})", hint=how_to_complete())
