"""Tables of what others have published show it as it is: no markup, no terminal sequences, nothing that is lost."""

from __future__ import annotations

from hatch_aleph.cli import run
from tests.local.node.support import Account, Client, program_message

HOSTILE = ["[/x]", "[prod] blue", "\x1b[31mred\x1b]0;title\x07", "\u202eevil", "漢字", "[link=http://x]y[/]"]
SAFE = str.maketrans({"\x1b": r"\x1b", "\x07": r"\x07", "\u202e": r"\u202e"})


def test_names_and_tags_of_others(node, client: Client, capsys) -> None:
    owner = Account("hostile")
    client.faucet(owner)
    for name in HOSTILE:
        code = client.store(owner, b"code" + name.encode(), tags=[name])
        client.post(program_message(owner, code, metadata={"name": name}, variables={"A": name}))
    address = ["--address", owner.address]
    for command in (
        ["list", *address], ["list", "--long", *address], ["status", "--all", *address], ["file", "list", *address],
        ["message", "list", *address], ["volume", "list", owner.address],
    ):  # fmt: skip
        capsys.readouterr()
        ended = run([*command, "--node", node.url])
        out, err = capsys.readouterr()
        assert ended in (0, 1), err
        assert not set("\x1b\x07\u202e") & set(out), command
        for name in HOSTILE if command[0] in ("list", "status") else ():
            assert name.translate(SAFE) in out, command
