"""The code of a program that has no project: a folder that is packed here, or an image or archive as it is."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph import runtimes
from hatch_aleph.artifact import SUFFIX, Artifact, FileHashes, Image, Manifest, hash_file
from hatch_aleph.build.bytecode import find_interpreter
from hatch_aleph.build.cache import Cache
from hatch_aleph.build.code_image import check_zip_size, pack_code
from hatch_aleph.build.compatibility import incompatibilities, unheard_events
from hatch_aleph.build.module_lookup import holds_module, missing_attribute
from hatch_aleph.commands import typed
from hatch_aleph.deploy.secrets import files_of, find_in_program, of_own_key, own_key
from hatch_aleph.errors import ImageError, NetworkError, ProjectError
from hatch_aleph.files import JUNK, scratch_folder
from hatch_aleph.scaffold.syntax import wsgi_kind
from hatch_aleph.secrets import find_by_names, refuse
from hatch_aleph.settings import CODE_MOUNT, PublishSettings
from hatch_aleph.settings.program_message import value_at
from hatch_aleph.squashfs import Entry, SquashfsError, list_image, scan, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_aleph.deploy.session import Session
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs.pool import Job

Encoding = Literal["squashfs", "zip"]


@dataclass(frozen=True)
class Code:
    """A file that is ready to be published as a program's code.

    Attributes:
        file: The image or archive.
        encoding: What it is.
        hashes: Its names on the network, and its size.
        adapter: Whether it holds the entry adapter.
    """

    file: Path
    encoding: Encoding
    hashes: FileHashes
    adapter: bool


def try_here(session: Session, code: Code, content: Mapping[str, Any], beside: Job | None = None) -> None:
    """Run code here before it is published, if the session tries what it publishes.

    Args:
        session: Tries it.
        code: The code.
        content: Of the message of the program.
        beside: Checks that go on meanwhile; one that fails ends the trial with its error.

    Raises:
        GuestError: It does not start.
        HealthError: It starts, but does not answer as it should.
    """
    if session.smoke is None:
        return
    image = Image.of("code", code.file, mount=CODE_MOUNT, inputs="", encoding=code.encoding, hashes=code.hashes)
    runtime = runtimes.find(str(value_at(content, "runtime.ref"))) or runtimes.DEFAULT
    project = {"name": str(value_at(content, "metadata.name") or "program"), "version": "0"}
    manifest = Manifest(project, None, content, (image,), (), runtime, {}, PublishSettings(health=session.check))
    session.observer.step("smoke")
    session.smoke(Artifact(code.file.with_name(f"program{SUFFIX}"), manifest), beside=beside)
    session.observer.done("smoke")


def try_published(session: Session, content: Mapping[str, Any]) -> None:
    """Run code that is published already under what a new program is to say, if the session tries what it publishes.

    Code that no node gives is told and passed over, as what this machine cannot run is.

    Args:
        session: Tries it.
        content: Of the message of the program; its code is there, as :func:`.preflight.check_program` has seen.

    Raises:
        GuestError: It does not start.
        HealthError: It starts, but does not answer as it should.
    """
    if session.smoke is None:
        return
    ref, encoding = str(value_at(content, "code.ref")), value_at(content, "code.encoding")
    with scratch_folder() as folder:
        file = folder / f"code.{encoding}"
        follows = value_at(content, "code.use_latest")
        stored = session.client.newest_content(ref) if follows else session.client.message(ref)
        session.notice(f"Fetching the program's code: {ref}")
        try:
            session.client.download(stored.file_hash if stored else ref, file)
        except NetworkError as error:
            session.notice(f"The program is not tried here: {error}")
            return
        try_here(session, Code(file, encoding, hash_file(file), adapter=False), content)


def check_secrets(
    session: Session, settings: Settings, file: Path | None, encoding: str = "squashfs", *, where: object, scan: bool
) -> None:
    """Refuse code and variables in which something looks like a secret, or the account's own key stands.

    Args:
        session: Who signs; learns that it is being done.
        settings: Its variables, and what they allow.
        file: The code, an image or archive; None when it stays.
        encoding: Of the code.
        where: What is published, for the message.
        scan: Look for other secrets than the own key.

    Raises:
        PlanError: With each finding's file and line.
    """
    session.observer.step("scan")
    found = find_in_program(file, encoding, settings.variables, own_key(session.account))
    refuse(
        found if scan else of_own_key(found),
        settings.secrets.allow,
        where=str(where),
        hint="Keep secrets out of it. What is harmless is allowed by its path or variable's name (--allow-secret); "
        "--no-secret-scan looks for the key that signs alone.",
    )
    session.observer.done("scan")


def prepare_code(
    path: Path,
    settings: Settings,
    folder: Path,
    *,
    notice: Callable[[str], None],
    packed_as: Encoding = "squashfs",
) -> Code:
    """Check what is to be published, and pack it if it is a folder.

    Args:
        path: A folder, a ``.squashfs`` image or a ``.zip`` archive.
        settings: Say the entrypoint, its interface, and for a folder whether the adapter goes in.
        folder: Receives a packed folder.
        notice: Is told what was left out.
        packed_as: How a folder is packed; an image or archive stays what it is.

    Raises:
        ProjectError: There is nothing to run, or it could not run in the guest.
        ImageError: It cannot be read, is damaged, or is too large.
    """
    if path.is_dir():
        file, encoding = _pack(path, settings, folder, notice, packed_as)
        return Code(file, encoding, hash_file(file), settings.adapter)
    if not path.is_file():
        raise ProjectError("There is no such folder or file", where=str(path))
    encoding = _encoding(path)
    if encoding == "zip":
        names = _zip_names(path)
        if settings.interface == "executable" and not settings.internet:
            raise ProjectError(
                "An executable in an archive runs bare, and bare ones are out of reach without internet",
                where=str(path),
                hint="Use --internet, or name its folder instead, which is packed with the adapter.",
            )
    else:
        names = _image_names(path)
        if settings.interface == "executable":
            raise ProjectError(
                "An executable in an image never starts: the guest first changes its mode, and images are read-only",
                where=str(path),
                hint="Name its folder instead, which is packed with the adapter that starts it.",
            )
    _tell_unread(path, names, notice)
    _check_entrypoint(path, settings, names)
    sources = {name: content().read() for name, content in files_of(path, encoding) if name.endswith(".py")}
    _refuse_wsgi(path, sources, settings)
    _check_attribute(path, [Entry(name, "file", 0o644, text) for name, text in sources.items()], settings)
    for each in unheard_events(sources, settings):
        notice(each)
    return Code(path, encoding, hash_file(path), adapter=False)


def _encoding(path: Path) -> Encoding:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"hsqs":
        return "squashfs"
    if magic[:2] == b"PK":
        return "zip"
    raise ProjectError(
        "Expected a folder, a squashfs image or a zip archive", where=str(path), hint="A single file: name its folder."
    )


def _pack(
    path: Path, settings: Settings, folder: Path, notice: Callable[[str], None], packed_as: Encoding
) -> tuple[Path, Encoding]:
    runtime = runtimes.chosen(settings.runtime, settings.python)
    try:
        entries = _selected(path, notice)
    except SquashfsError as error:
        raise ImageError(str(error), where=str(path)) from error
    _refuse_links_out(path, entries, settings.allow_links)
    hint = "Move it out of the folder. If it is harmless, allow it by name: --allow-secret PATH"
    refuse(find_by_names(entries), settings.secrets.allow, where=str(path), hint=hint, error=ProjectError)
    names = [entry.path for entry in entries if entry.kind != "directory"]
    _tell_unread(path, names, notice)
    _check_entrypoint(path, settings, names)
    if not settings.adapter:
        _refuse_wsgi(path, {each.path: each.read() for each in entries if each.path.endswith(".py")}, settings)
    _check_attribute(path, entries, settings)
    for each in incompatibilities(settings, [entry for entry in entries if entry.kind == "file"], runtime):
        notice(each)
    cache = Cache.default()
    packed = pack_code(
        entries,
        settings,
        runtime,
        folder / "code",
        where=str(path),
        interpreter=find_interpreter(runtime, cache, notice) if settings.bytecode else None,
        cache=cache,
        encoding=packed_as,
    )
    return packed.file, packed.encoding


def _refuse_links_out(path: Path, entries: Sequence[Entry], allowed: Sequence[str]) -> None:
    """Refuse links that lead out of the folder: they would tell what is where on this machine, and lead nowhere."""
    root = path.resolve()
    links = [each for each in entries if each.kind == "symlink" and not any(fnmatch(each.path, a) for a in allowed)]
    out = [each.path for each in links if not (root / each.path).resolve().is_relative_to(root)]
    if out:
        raise ProjectError(
            f"Links lead out of the folder: {', '.join(out)}",
            where=str(path),
            hint="Put the files in their place. What is meant for the guest is allowed by name: --allow-link PATH",
        )


def _selected(path: Path, notice: Callable[[str], None]) -> list[Entry]:
    entries = list(scan(path))
    # A virtual environment may have any name; this file makes it one.
    environments = {str(PurePosixPath(e.path).parent) for e in entries if PurePosixPath(e.path).name == "pyvenv.cfg"}
    kept, left_out = [], set()
    for entry in entries:
        out = _left_out(PurePosixPath(entry.path), environments)
        if out is None:
            kept.append(entry)
        else:
            left_out.add(out)
    if left_out:
        notice(f"Left out: {', '.join(sorted(left_out))}")
    return kept


def _left_out(path: PurePosixPath, environments: set[str]) -> str | None:
    for depth, part in enumerate(path.parts, 1):
        above = PurePosixPath(*path.parts[:depth])
        if part in JUNK or (str(above) in environments and str(above) != "."):
            return str(above)
    return None


def _check_entrypoint(path: Path, settings: Settings, names: Sequence[str]) -> None:
    if settings.interface == "executable":
        command = next(iter(settings.entrypoint.split(maxsplit=1)), "").removeprefix("./")
        # With the adapter the command may be a program of the runtime, such as `node server.js`.
        if command not in names and (not settings.adapter or "/" in command):
            raise ProjectError(f"There is no file {command!r} in it", where=str(path), hint=_shown(names))
        return
    module = settings.entrypoint.partition(":")[0]
    if not holds_module(names, module):
        raise ProjectError(
            f"There is no module {module!r} in it, which the entrypoint names", where=str(path), hint=_shown(names)
        )


def _check_attribute(path: Path, entries: Sequence[Entry], settings: Settings) -> None:
    wrong = None if settings.interface == "executable" else missing_attribute(entries, settings.entrypoint)
    if wrong:
        raise ProjectError(wrong, where=str(path))


def _refuse_wsgi(path: Path, sources: Mapping[str, bytes], settings: Settings) -> None:
    """Refuse an app that the guest cannot call without the adapter."""
    kind = None if settings.interface == "executable" else wsgi_kind(sources, settings.entrypoint)
    if kind:
        raise ProjectError(
            f"{settings.entrypoint} is a WSGI application ({kind}): without the adapter the guest calls ASGI alone",
            where=str(path),
            hint="Name its folder, and leave out --no-adapter: a folder is packed with the adapter.",
        )


def _tell_unread(path: Path, names: Sequence[str], notice: Callable[[str], None]) -> None:
    """Tell of dependencies beside the code that nobody installs: a program without a project has none."""
    inside = [name for name in _DECLARING if name in names and _declares(path / name)]
    beside = [name for name in _DECLARING if (path.parent / name).is_file() and _declares(path.parent / name)]
    unread = inside or [f"../{name}" for name in beside]
    if unread:
        notice(
            f"Dependencies of {', '.join(unread)} are not installed: the program has what its runtime holds and what "
            f"lies in {path.name}. A project gets its packages: {typed('init')} in its folder, then {typed('deploy')}."
        )


def _declares(file: Path) -> bool:
    """Tell whether a file names dependencies; one that is in an archive is taken to do so."""
    return file.suffix != ".toml" or not file.is_file() or b"dependencies" in file.read_bytes()


_DECLARING = ("requirements.txt", "pyproject.toml", "Pipfile")


def _shown(names: Sequence[str]) -> str:
    top = sorted({name.split("/")[0] for name in names})
    return f"It holds: {', '.join(top[:12]) or 'nothing'}{' ...' if len(top) > 12 else ''}"  # noqa: PLR2004 - a line


def _image_names(path: Path) -> list[str]:
    try:
        verify(path)
        return [member.path for member in list_image(path) if member.kind != "directory"]
    except SquashfsError as error:
        raise ImageError(str(error), where=str(path)) from error


def _zip_names(path: Path) -> list[str]:
    check_zip_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            names = archive.namelist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise ImageError(f"The archive cannot be read: {error}", where=str(path)) from error
    if damaged:
        raise ImageError(f"The archive is damaged: {damaged}", where=str(path))
    climbing = next((name for name in names if name.startswith("/") or ".." in PurePosixPath(name).parts), None)
    if climbing:
        raise ImageError(f"The archive holds a file outside of its tree: {climbing}", where=str(path))
    return [name for name in names if not name.endswith("/")]
