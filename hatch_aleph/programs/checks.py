"""What can be known to fail before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import PlanError, RejectedError
from hatch_aleph.network.messages import check_content, store_content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from hatch_aleph.artifact import FileHashes
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.programs.code import Code
    from hatch_aleph.settings import Settings

# Stands for the item hash of code that is yet to be signed.
NO_REF = "0" * 64


def check_refs(client: NodeClient, content: Mapping[str, Any]) -> None:
    """Check that runtime and volumes are there: without them the network retries for minutes, then refuses.

    Raises:
        PlanError: One is unknown, gone, no STORE message, or an amend where an original is needed.
    """
    parts = [("runtime", content["runtime"]), *(("volume", each) for each in content.get("volumes") or ())]
    for role, part in parts:
        ref = part.get("ref")
        if ref is None:
            continue
        message = client.message(ref)
        if message is None or not message.status.is_live:
            state = "unknown to the network" if message is None else message.status.value
            raise PlanError(f"the {role} is {state}", where=ref, hint="Check its item hash, and `--node`.")
        if message.type != "STORE":
            raise PlanError(f"the {role} is a {message.type}, not a STORE message", where=ref)
        original = message.content.get("ref")
        if part.get("use_latest", True) and original is not None:
            raise PlanError(f"the {role} is an amend", where=ref, hint=f"Name its original: {original}")


def check_program(content: Mapping[str, Any]) -> None:
    """Check a program's content by the network's own model, before its code is published.

    Raises:
        RejectedError: The network would not understand it.
    """
    code = {**content["code"], "ref": content["code"].get("ref") or NO_REF}
    check_content("PROGRAM", {**content, "code": code, "time": 0.0})


def check_secrets(code: Code | None, settings: Settings, *, where: str) -> None:
    """Refuse code and variables in which something looks like a secret.

    Raises:
        PlanError: With each finding's file and line.
    """
    from hatch_aleph.deploy.secrets import find_in_program, refuse

    file, encoding = (code.file, code.encoding) if code else (None, "squashfs")
    refuse(
        find_in_program(file, encoding, settings.variables),
        settings.secrets.allow,
        where=where,
        hint="Keep secrets out of it. What is harmless is allowed by its path or variable's name (--allow-secret); "
        "--no-secret-scan does not look.",
    )


def check_affordable(client: NodeClient, content: Mapping[str, Any], code: FileHashes | None = None) -> Decimal:
    """Return what a program and the code that is yet to be published cost in a day, in credits.

    The network wants a day of *everything* that the account pays for: what it has live already is judged there.

    Raises:
        RejectedError: There is not even enough for this program.
    """
    sizes = {} if code is None else {NO_REF: code.size}
    priced = {**content, "code": {**content["code"], "ref": content["code"].get("ref") or NO_REF}, "time": 0.0}
    needed = client.estimate(priced, "PROGRAM", sizes).per_day
    payer = str(content["address"])
    if code is not None:
        store = store_content(payer, code.sha256, "storage", time=0.0, payment=content.get("payment"))
        needed += client.estimate(store, "STORE", {code.sha256: code.size}).per_day
    credits = client.balance(payer).credits  # noqa: A001 - the network's word
    if credits < needed:
        raise RejectedError(
            f"the account does not have enough credits: a day costs {needed:,.0f}, there are {credits:,.0f}",
            where=payer,
            hint="Top up credits; on a local node: hatch-aleph faucet " + payer,
            code=6,
        )
    return needed
