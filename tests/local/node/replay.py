"""Re-enact recorded exchanges: the same messages by keys of our own, the answers with their names put back.

Recorded uploads are described, not kept, so the replay makes files of the same size, signs each message anew with the
recorded content (addresses, files and messages renamed), asks the node the same, and names everything in the answer as
it was recorded. What is left different is a difference of the nodes.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local.node.support import Account, Client

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"
_FILE = re.compile(r"<(\d+) bytes, sha256 ([0-9a-f]{64})>")
_HASH = re.compile(r"[0-9a-f]{64}")

OWNER = "0xB380C200822E5626f99DF90c1D5e38Be416ca55c"
EARLIER = 1_795_558_000.0
# What was stored before the recording began, with its size where an answer shows it.
RUNTIME = "cd5f3213f1a0506b483551f5fa7a75c9326f650251cb611801d04cd7f452fc14"
VOLUME = "c22039deeadd4b575315bc4373f956bd988013d281060839809e409782da089f"
STORED_BEFORE = (
    RUNTIME,
    VOLUME,
    "de67502198bd2ce972a1dd93f14fd5906e9c8a0a06b2b3457c8208d70898284e",
    "19c85f13762f0a000f7ed7b1f86f360ef246dee44bd20704a1de87b826b26f3b",
    "9560f0039dcfc0cc9551b801a345945cc8ef2a91718e51f9e151e0b6ea3aa45e",
)
PROGRAMS_BEFORE = (
    "4ea59323a4c75a01cdeef820d3fa77f7becc2cdaa19813bc7190a2c8fdc0fb6e",
    "91803c59fde2f51e4b08174b022bfcef7f9d625a7940272ab3bb977c9a192ccb",
)
# Case 27: an original and two amends.
AMENDED = (
    "9c72bb1917e73b36bd9a8c15c63d787678437843d0c0ac4b2d90f6544363339b",
    "6858231e49f357759a2a18c7c752ff09e3b7d06531f28e238c0bd1286c66ad9f",
    "3eef5e844582826b1209582c92803935a4a875c728f907af1d89e21dfbc2377c",
)
FILES_OF_AMENDED = (
    "00000000000000000000000000000000000000000000000000000000000000v1",
    "12a433b2037d2e555dea79cbf1dca5af1bd1eb6e822dfa12fb92cc359ba2d718",
    "132e8191c68576b0302bffaf3e185512f65ba4fa205c4fb95d0fbf841a85ab6c",
)
# Case 80: what was confirmed on chain before the credits ran out.
SMALL = "8a920aa027984fc1fe606afc9dcced05916c7d9d16a7182217f61f7f3cb1fa73"
BIG = "0c13fc24469e188f786214c19be68a7375c89fe443c0a4d393577fdddeed710a"
PROGRAM = "c350f9af11131f5e7e30caadc0c0462646bc537061704d7d1bf6bb411fec54c5"
# Cases 63 to 65: another owner's files and programs, of which only costs and lists were recorded.
RICH_OWNER = "0xEfad749Cd709D2a3CeB53B38315eBf9E587da059"
RICH_RUNTIME = "f" * 62 + "63"
RICH_FILES = {
    "bf9337b075e514daac7c25021c80395478f9ff0447fc3fb5dce55c26b157914e": (
        "46b4b9d7a3980f38f41ea45d2fdf582c6f972a0d2f0f023c97cd6a44102bdb01",
        1_000_000,
        1_795_850_465.789713,
    ),
    "699db97a6717a49e093feab6cbfbb67a8cc0bd20d05e35b93a27b70342ff0865": (
        "40e7f3b19cde37b94bc5c60c751a2670ec2ad4d7446cc61ba51bc211e22d4356",
        30_000_000,
        1_795_850_467.023575,
    ),
}
RICH_PROGRAMS = {  # with their virtual cores, of which the costs tell
    "e82c0d10f26ea799966c6988e4d7fb6a48f648b5659aacd44d35408203d1c105": 1,
    "1bf07e898905366d308f2471d5bfa9c01c0b99cff407b775d80cd7d2e4c9f40e": 4,
    "88d7536b62696effca2ac2b76cb7ab19c1c9b54664f9d442486a588c1ec2eb8f": 6,
}
SIZES = {
    RICH_RUNTIME: 1,
    **{h: size for h, (_, size, _) in RICH_FILES.items()},
    VOLUME: 17,
    BIG: 30 * 1024 * 1024,
    **dict.fromkeys(AMENDED, 10),
}


def load_cases() -> dict[str, dict[str, Any]]:
    cases = (json.loads(path.read_text("utf-8")) for path in sorted(GOLDEN.glob("*.json")))
    return {case["case"]: case for case in cases}


def is_made_up(item_hash: str) -> bool:
    """Say whether a hash was invented to lead nowhere (one byte, repeated)."""
    return item_hash == item_hash[:2] * 32


def recorded_message(exchange: dict[str, Any]) -> dict[str, Any] | None:
    body = exchange["request"].get("body")
    if not isinstance(body, dict):
        return None
    if "multipart" in body:
        metadata = body["multipart"]["metadata"]
        return metadata["message"] if metadata else None
    return body.get("message")


def shown_message(exchange: dict[str, Any]) -> dict[str, Any] | None:
    """Find a whole message in an answer: of some, the sending was not recorded."""
    body = exchange["response"]["body"]
    message = body.get("message") if isinstance(body, dict) else None
    return message if message and message.get("item_content") and "signature" in message else None


def _shown_signature(item_hash: str) -> str:
    """Find the signature of a message that some answer shows, though neither its sending nor its content."""
    if item_hash in AMENDED:
        for exchange in load_cases()["27-amend-rollback"]["exchanges"]:
            body = exchange["response"]["body"]
            if body.get("item_hash") == item_hash and "message" in body:
                return body["message"]["signature"]
    return f"signature of {item_hash}"


def _unrecorded(item_hash: str, type_: str, time: float, content: dict[str, Any]) -> dict[str, Any]:
    content = {"address": OWNER, "time": time, "payment": {"chain": "ETH", "type": "credit"}, **content}
    return {
        "sender": OWNER if content["address"] == OWNER else content["address"],
        "chain": "ETH",
        "type": type_,
        "time": time,
        "channel": "ALEPH-CLOUDSOLUTIONS",
        "item_type": "inline",
        "item_content": json.dumps(content),
        "item_hash": item_hash,
        "signature": _shown_signature(item_hash),
    }


def _unrecorded_store(item_hash: str, file_hash: str | None = None, time: float = EARLIER, **content: Any) -> Any:
    file_hash = file_hash or hashlib.sha256(item_hash.encode()).hexdigest()
    return _unrecorded(item_hash, "STORE", time, {"item_type": "storage", "item_hash": file_hash, **content})


def _unrecorded_program(item_hash: str, *, allow_amend: bool = False, **changes: Any) -> Any:
    content = {
        "type": "vm-function",
        "allow_amend": allow_amend,
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": RUNTIME, "use_latest": True},
        "runtime": {"ref": RUNTIME, "use_latest": True, "comment": ""},
        "on": {"http": True, "persistent": False},
        "environment": {"reproducible": False, "internet": False, "aleph_api": True, "shared_cache": False},
        "resources": {"vcpus": 1, "memory": 512, "seconds": 30},
        **changes,
    }
    return _unrecorded(item_hash, "PROGRAM", EARLIER, content)


UNRECORDED = {
    message["item_hash"]: message
    for message in (
        *(_unrecorded_store(item_hash) for item_hash in STORED_BEFORE),
        _unrecorded_program(PROGRAMS_BEFORE[0], allow_amend=False),
        _unrecorded_program(PROGRAMS_BEFORE[1], allow_amend=True),
        _unrecorded_store(AMENDED[0], FILES_OF_AMENDED[0], 1795558951.147872),
        _unrecorded_store(AMENDED[2], FILES_OF_AMENDED[2], 1795558952.213162, ref=AMENDED[0]),
        _unrecorded_store(RICH_RUNTIME),
        *(_unrecorded_store(each, file, at, address=RICH_OWNER) for each, (file, _, at) in RICH_FILES.items()),
        *(
            _unrecorded_program(
                item_hash,
                address=RICH_OWNER,
                code={
                    "encoding": "squashfs",
                    "entrypoint": "main:app",
                    "ref": next(iter(RICH_FILES)),
                    "use_latest": True,
                },
                runtime={"ref": RICH_RUNTIME, "use_latest": True, "comment": ""},
                resources={"vcpus": cores, "memory": 512, "seconds": 30},
            )
            for item_hash, cores in RICH_PROGRAMS.items()
        ),
    )
}


class Replay:
    """Renames and signs everything that was recorded, and asks a node for it."""

    def __init__(self, cases: dict[str, dict[str, Any]], client: Client) -> None:
        self.client = client
        self.accounts: dict[str, Account] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        exchanges = [exchange for case in cases.values() for exchange in case["exchanges"]]
        for exchange in exchanges:
            body = exchange["request"].get("body")
            if isinstance(body, dict) and "multipart" in body:
                size, file_hash = _FILE.fullmatch(body["multipart"]["file"]).groups()
                self.make_file(file_hash, int(size))
        recorded = {message["item_hash"]: message for message in map(shown_message, exchanges) if message}
        recorded |= {message["item_hash"]: message for message in map(recorded_message, exchanges) if message}
        recorded |= UNRECORDED
        for message in recorded.values():
            self.account(message["sender"])
        self._sign_all(recorded)

    def account(self, address: str) -> Account:
        if address not in self.accounts:
            self.accounts[address] = Account(f"golden {address}")
            self._names[address] = self.accounts[address].address
        return self.accounts[address]

    def make_file(self, file_hash: str, size: int) -> bytes:
        if file_hash not in self.files:
            seed = hashlib.sha256(file_hash.encode()).digest()
            self.files[file_hash] = (seed * (size // 32 + 1))[:size]
            self._names[file_hash] = hashlib.sha256(self.files[file_hash]).hexdigest()
        return self.files[file_hash]

    def _sign_all(self, recorded: dict[str, dict[str, Any]]) -> None:
        """Sign each message after those it refers to, so that it can name them."""
        waiting = dict(recorded)
        while waiting:
            for item_hash, message in list(waiting.items()):
                named = set(_HASH.findall(message["item_content"]))
                if not named & (waiting.keys() - {item_hash}):
                    self._sign(waiting.pop(item_hash))

    def _sign(self, message: dict[str, Any]) -> None:
        if message["type"] == "STORE":
            self.make_file(json.loads(message["item_content"])["item_hash"], SIZES.get(message["item_hash"], 16))
        account, content = self.account(message["sender"]), self.rename(message["item_content"])
        item_hash = hashlib.sha256(content.encode()).hexdigest()
        forged = self._is_forged(message)
        other = hashlib.sha256(b"another content").hexdigest() if forged else item_hash
        signature = account.sign_text(f"{message['chain']}\n{account.address}\n{message['type']}\n{other}")
        self.messages[message["item_hash"]] = {
            **{key: message[key] for key in ("type", "channel", "time", "chain", "item_type")},
            "sender": account.address,
            "item_content": content,
            "item_hash": item_hash,
            "signature": signature,
        }
        self._names[message["item_hash"]] = item_hash
        if not forged:  # a forged signature was that of another message
            self._names[message["signature"]] = signature

    @staticmethod
    def _is_forged(message: dict[str, Any]) -> bool:
        if message["item_hash"] in UNRECORDED:
            return False
        signed = f"{message['chain']}\n{message['sender']}\n{message['type']}\n{message['item_hash']}"
        return Account.signer(signed, message["signature"]) != message["sender"]

    def rename(self, text: str) -> str:
        for old, new in self._names.items():
            text = text.replace(old, new)
        return text

    def restore(self, value: Any) -> Any:
        text = json.dumps(value)
        for old, new in self._names.items():
            text = text.replace(new, old)
        return json.loads(text)

    def send(self, item_hash: str) -> Any:
        """Send a message that was sent before the recording began; a STORE with its file."""
        message = self.messages[item_hash]
        if message["type"] != "STORE":
            return self.client.post(message)
        file_hash = self.restore(json.loads(message["item_content"])["item_hash"])
        return self.client.upload(self.files[file_hash], message)

    def ask(self, exchange: dict[str, Any], poll: Callable[[Any], bool]) -> dict[str, Any]:
        """Send what was sent; return status, content type and body, named as recorded."""
        request = exchange["request"]
        body = request["body"]
        if isinstance(body, dict) and "multipart" in body:
            answer = self._upload(body["multipart"])
        elif request["method"] == "POST" and isinstance(body, dict):
            sent = {**body, "message": self.messages[body["message"]["item_hash"]]}
            answer = self.client.http.post(request["path"], json=sent)
        elif request["method"] == "POST":
            answer = self.client.http.post(request["path"], files={"file": b"only a file"})
        else:
            answer = self.client.http.get(self.rename(request["path"]))
            while not poll(answer):
                answer = self.client.http.get(self.rename(request["path"]))
        is_json = answer.headers["content-type"].startswith("application/json") or answer.text.startswith("[{")
        text: Any = answer.json() if is_json else {"_text": answer.text, "_len": len(answer.text)}
        return {
            "status": answer.status_code,
            "content_type": answer.headers["content-type"],
            "body": self.restore(text),
        }

    def _upload(self, multipart: dict[str, Any]) -> Any:
        data = self.files[_FILE.fullmatch(multipart["file"]).group(2)]
        metadata = multipart["metadata"]
        if metadata is None:
            return self.client.upload(data)
        return self.client.upload(data, self.messages[metadata["message"]["item_hash"]], metadata["sync"])
