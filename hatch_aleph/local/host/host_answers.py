"""What a host makes of the bytes that come out of a VM: each rule that a client notices is a function here.

Source: run_code_on_request in ``src/aleph/vm/orchestrator/run.py`` and error_middleware in ``supervisor.py`` of
aleph-im/aleph-vm.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.spec import Answer, ProgramSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.errors import HatchAlephError

# The host never tells a client how a body was encoded, but leaves the body as it is.
DROPPED_HEADERS = frozenset({"content-encoding", "transfer-encoding", "vary"})
_NOT_FOUND = 404


def of_result(raw: bytes, spec: ProgramSpec) -> Answer:
    """Return the client's answer for what the guest sent back.

    Nothing at all is a 502, a traceback a 500 whose body is the traceback, and whatever the host trips over a 500
    that names the exception.
    """
    import msgpack

    if not raw:
        return text(502, "VM did not respond and was shut down", reason="No response from VM")
    try:
        result = msgpack.loads(raw, raw=False)
    except ValueError:
        return text(502, "", reason="Invalid response from VM")
    try:
        if "traceback" in result:
            return _traceback(result["traceback"])
        return _not_found_as_json(_of_program(result, spec))
    except Exception as error:  # noqa: BLE001 - the host answers 500 for whatever it trips over
        return failure(500, str(error), error_type=str(type(error)))


def _traceback(lines: str) -> Answer:
    body = lines.encode()
    return Answer(500, _headers("text/plain", body), body, reason="Error in VM execution", detail=_last_line(lines))


def _of_program(result: dict[str, Any], spec: ProgramSpec) -> Answer:
    head, body = result["headers"], result["body"]["body"]
    encoded = body.encode() if isinstance(body, str) else bytes(body)
    headers = [(name.decode().lower(), value.decode()) for name, value in head["headers"]]
    if all(name != "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(body))))
    own = {"aleph-program-itemhash": spec.item_hash, "aleph-program-code-ref": spec.code_ref}
    kept = [(name, value) for name, value in headers if name not in DROPPED_HEADERS and name not in own]
    return Answer(status=int(head["status"]), headers=(*kept, *own.items()), body=encoded)


def _not_found_as_json(answer: Answer) -> Answer:
    """Replace a program's 404: its headers are lost, its body becomes text in JSON; a body that is no text raises."""
    if answer.status != _NOT_FOUND:
        return answer
    return failure(_NOT_FOUND, answer.body.decode(_charset(answer.header("content-type"))))


def _charset(content_type: str | None) -> str:
    parameters = (content_type or "").lower().split(";")[1:]
    named = (value.strip() for key, _, value in (p.partition("=") for p in parameters) if key.strip() == "charset")
    return next(named, "utf-8")


def failure(status: int, error: str, *, detail: str = "", **more: str) -> Answer:
    """Return an error of the host's own, in JSON.

    The network's hosts tell a client only ``error``; ``detail`` is this host's addition and says why.
    """
    content = {"error": error, **more, **({"detail": detail} if detail else {})}
    body = json.dumps(content).encode()
    return Answer(status, _headers("application/json; charset=utf-8", body), body, detail=detail)


def text(status: int, content: str, *, reason: str | None = None) -> Answer:
    """Return a plain text answer of the host."""
    body = content.encode()
    return Answer(status, _headers("text/plain; charset=utf-8", body), body, reason=reason)


def timed_out() -> Answer:
    """Return the answer for a program that took longer than ``resources.seconds``; its machine runs on."""
    return failure(504, "Program did not respond within `resource.seconds`")


def too_large(limit: int, size: int) -> Answer:
    """Return the answer for a body over the host's limit (aiohttp's ``client_max_size``)."""
    return failure(413, f"Maximum request body size {limit} exceeded, actual body size {size}")


def not_ready(error: HatchAlephError) -> Answer:
    """Return the answer for a program that has no machine, by what kept it from one: see ``failures``."""
    status, said = getattr(error, "answer", (500, "500: Unhandled error during initialisation"))
    return failure(status, said, detail=getattr(error, "cause", str(error)))


def crashed() -> Answer:
    """Return the answer to a request that meets a machine which ended between two requests."""
    kind = "<class 'aleph.vm.controllers.firecracker.executable.VmInitNotConnectedError'>"
    return failure(500, "MicroVM may have crashed", error_type=kind)


def _headers(content_type: str, body: bytes) -> tuple[tuple[str, str], ...]:
    return (("content-type", content_type), ("content-length", str(len(body))))


def _last_line(lines: str) -> str:
    return next(iter(reversed([line for line in lines.splitlines() if line.strip()])), "")


def header_lines(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Encode header pairs as they arrive at a host."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
