"""``hatch-aleph serve`` and ``run``: a program on this machine, as the VM would run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hatch_aleph.cli.context import Context, own_folder, with_context
from hatch_aleph.cli.item_hash_type import item_hash_argument
from hatch_aleph.cli.server_end import run_server, stop_on_signals
from hatch_aleph.cli.value_types import EXISTING_FILE
from hatch_aleph.commands import typed
from hatch_aleph.errors import HatchAlephError, UsageError

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact
    from hatch_aleph.local.host import ProgramSpec
    from hatch_aleph.project import Project

DEFAULT_PORT = 8000
_NOT_WATCHED = ("dist", "build", ".aleph", ".nox")  # beside those that watchfiles leaves out itself

_PORT = click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 takes a free one."
)
_AS_REAL = click.option(
    "--as-real", is_flag=True, help="Start and stop it as slowly as the network's hosts do, with what fails meanwhile."
)
_PYTHON = click.option("--python", type=EXISTING_FILE, help="Interpreter of the runtime's version.")


@click.command(epilog="Example: hatch-aleph serve --port 8000 --reload")
@with_context("named", "project", "artifact", "node")
@_PORT
@_PYTHON
@click.option("--reload", "watch", is_flag=True, help="Build and start again when a file of the project changes.")
@_AS_REAL
@click.option("--bare", is_flag=True, help="Without the entry adapter, to see what it cures.")
@click.option(
    "--runtime-image",
    type=EXISTING_FILE,
    help="Run it in this image of the runtime, under its own init (Linux, root).",
)
def serve(
    context: Context,
    *,
    port: int,
    python: Path | None,
    watch: bool,
    as_real: bool,
    bare: bool,
    runtime_image: Path | None,
) -> None:
    """Build the project and run it here, as the VM would: same Python, same paths, same quirks.

    MANIFEST is the artifact of a build; without it the project is built. Volumes that are named by `ref` are fetched
    from the node, those of a `path` are packed.
    """
    own = context.project_folder.resolve() / ".aleph"

    async def spec() -> ProgramSpec:
        from hatch_aleph.cli.smoke import spec_of

        artifact = context.artifact_here(own / "serve")
        program = await spec_of(artifact, context.output.notice, context.client, runtime=runtime_image)
        return _bare(program, artifact) if bare else program

    async def changed() -> ProgramSpec:
        while True:
            await _next_change(context.project)
            try:
                return await spec()
            except HatchAlephError as error:  # the old one runs on until the mistake is mended
                context.output.failure(error)

    _serve(
        context,
        spec,
        port=port,
        python=python,
        changed=changed if watch else None,
        volumes=own,
        then="It starts again with the next change." if watch else f"Mend it, then: {typed('serve')}, once more.",
        as_real=as_real,
    )


@click.command(epilog="Example: hatch-aleph run 3a1f... --node https://api2.aleph.im")
@with_context("node", "account", "owner")
@item_hash_argument()
@_PORT
@_PYTHON
@click.option(
    "--inside-runtime", is_flag=True, help="Run it in the runtime's own image, under its own init (Linux, root)."
)
def run(context: Context, *, item_hash: str, port: int, python: Path | None, inside_runtime: bool) -> None:
    """Fetch a live program from a node and run it here."""
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.local.host import Source, published

    with context.client() as client:
        item_hash = context.completed(client, item_hash)

    async def spec() -> ProgramSpec:
        source = Source(context.client, Cache.default().host)
        try:
            found = await published(source, item_hash, runtime_image=inside_runtime)
            walls = (
                "--inside-runtime gives it the rights of root" if inside_runtime else "It runs on this machine's kernel"
            )
            context.output.notice(
                f"The program belongs to {found.owner}. {walls}: programs of strangers belong into a virtual machine."
            )
            return found
        finally:
            source.close()

    _serve(
        context,
        spec,
        port=port,
        python=python,
        changed=None,
        volumes=Path(".aleph"),
        then="The next request tries it again.",
    )


def _serve(
    context: Context,
    spec: Any,
    *,
    port: int,
    python: Path | None,
    changed: Any,
    volumes: Path,
    then: str,
    as_real: bool = False,
) -> None:
    from hatch_aleph.build.cache import Cache
    from hatch_aleph.cli.program_console import ProgramConsole
    from hatch_aleph.local.host import GuestApi, Limits, place_here, serve_images
    from hatch_aleph.network.nodes import checked

    own_folder(volumes)

    def opened(url: str) -> None:
        stop_on_signals()
        context.output.rest()
        context.output.event("ready", url=url)
        if not context.output.as_json:
            context.output.say(f"Serving at {url} (Ctrl-C ends it)", err=True)

    async def main() -> None:
        program = await spec()
        place = place_here(
            program.python,
            cache=Cache.default().host,
            volumes=volumes / "volumes",
            python=python,
            notice=context.output.notice,
        )
        await serve_images(
            program,
            place,
            port,
            observer=ProgramConsole(context.output, then, volumes / "serve.log").observer,
            limits=Limits.as_real() if as_real else Limits(),
            opened=opened,
            changed=changed,
            guest_api=GuestApi(checked(context.nodes[0])),
        )

    run_server(context.output, main())


def _bare(spec: ProgramSpec, artifact: Artifact) -> ProgramSpec:
    """Return the program with its own entrypoint instead of the adapter's."""
    import dataclasses

    from hatch_aleph.settings.entry_points import is_command, parse_entrypoint

    said = artifact.manifest.program_settings.entrypoint
    if not is_command(said) and not parse_entrypoint(said).is_plain:
        raise UsageError(
            f"Without the adapter the guest loads `module:attribute` alone, not {said!r}.",
            hint="Leave out --no-adapter, or name the app itself as the entry point.",
        )
    return dataclasses.replace(spec, entrypoint=said)


async def _next_change(project: Project) -> None:
    """Return once a file of the project has changed."""
    from watchfiles import DefaultFilter, awatch

    ignored = (*DefaultFilter.ignore_dirs, *_NOT_WATCHED)
    async for _ in awatch(project.root, watch_filter=DefaultFilter(ignore_dirs=ignored)):
        return
