"""The manifest of a build: the program's message content as far as a build can know it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph import __version__
from hatch_aleph.artifact import Distribution, Image, Manifest
from hatch_aleph.errors import SettingsError
from hatch_aleph.itemhash import UNSIGNED
from hatch_aleph.settings.message import program_content
from hatch_aleph.settings.parse import toml_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_aleph.build.context import BuildContext

__all__ = ["check_program", "program_content", "write_manifest"]

_FREE_TEXT = 128  # characters; the models limit metadata to more


def write_manifest(
    context: BuildContext, images: tuple[Image, ...], distributions: tuple[Distribution, ...]
) -> Manifest:
    """Put a manifest together."""
    project, settings, runtime = context.project, context.settings, context.runtime
    code = next(image for image in images if image.role == "code")
    program = program_content(settings, runtime, name=project.name, encoding=code.encoding)
    return Manifest(
        project={"name": project.name, "version": project.version},
        profile=settings.profile,
        program=program,
        images=images,
        distributions=tuple(sorted(distributions, key=lambda each: each.name)),
        runtime={**asdict(runtime), "glibc": list(runtime.glibc)},
        tool={"name": "hatch-aleph", "version": __version__},
        settings={
            "channel": settings.channel,
            "payment": asdict(settings.payment),
            "address": settings.address,
            "health": {toml_name(name): value for name, value in asdict(settings.health).items()},
            "domains": list(settings.domains),
            "secrets": list(settings.secrets.allow),
        },
        warnings=tuple(context.warnings),
    )


def check_program(context: BuildContext) -> None:
    """Check early what the manifest will say of the program.

    Raises:
        SettingsError: When the network would refuse the content.
    """
    encoding = "zip" if context.bare_executable else "squashfs"
    program = program_content(context.settings, context.runtime, name=context.project.name, encoding=encoding)
    _validate(program, str(context.project.root / "pyproject.toml"))


def _validate(program: dict[str, Any], where: str) -> None:
    """Check a program by the network's models, once for each form: importing them takes as long as a small build.

    A build environment does not have them: there the rules of ``[tool.aleph]`` stand alone, and ``deploy`` asks the
    models before it sends anything.
    """
    import importlib.util

    from hatch_aleph.build.cache import Cache

    if importlib.util.find_spec("aleph_message") is None:
        return
    cache = Cache.default()
    key = _form(program)
    if cache.load("builds", key):
        return
    from aleph_message.models import ProgramContent
    from pydantic import ValidationError

    content = {**program, "code": {**program["code"], "ref": UNSIGNED}, "address": "0x0", "time": 0.0}
    try:
        ProgramContent.model_validate(content)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise SettingsError("the network would refuse this program:\n" + "\n".join(lines), where=where) from error
    cache.store("builds", key, True)


def _form(program: Mapping[str, Any]) -> str:
    """Return what two programs share that differ in nothing but texts which the models take as they are."""
    import importlib.util

    from hatch_aleph.build.cache import key_of

    found = importlib.util.find_spec("aleph_message")
    models = Path(found.origin) if found and found.origin else Path(__file__)
    form = {
        **program,
        "code": {**program["code"], "entrypoint": ""},
        "runtime": {**program["runtime"], "comment": ""},
        "metadata": {
            name: "" if isinstance(value, str) and len(value) <= _FREE_TEXT else value
            for name, value in program["metadata"].items()
        },
    }
    return key_of("program", str(models), models.stat().st_mtime_ns, form)
