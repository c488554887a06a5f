from __future__ import annotations

import hashlib
import json
import threading
import time
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hatch_aleph.errors import NetworkError, RejectedError, UsageError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.answers import Limits, MessageStatus
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.keys import Key
from hatch_aleph.network.messages import aggregate_content, sign_message, store_content
from hatch_aleph.network.money import Price
from tests.network.scripted import RECORDED, Answer, ScriptedNode, as_json, as_text, recorded, unused_url
from tests.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.answers import NetworkMessage
    from hatch_aleph.network.messages import SignedMessage

H = "ab" * 32
CREDIT = {"chain": "ETH", "type": "credit"}


def serve(node: ScriptedNode, *names: str) -> str:
    """Let a node answer with recorded messages, and return the hash of the last."""
    item_hash = str(RECORDED[names[-1]]["json"]["item_hash"])
    node.on("GET", f"/api/v0/messages/{item_hash}", *map(recorded, names))
    return item_hash


def store(account: Account, data: bytes, payment: dict[str, str] | None = CREDIT) -> SignedMessage:
    content = store_content(account.address, hashlib.sha256(data).hexdigest(), "storage", time=1.0, payment=payment)
    return sign_message(account, "STORE", content, channel="TEST", time=1.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.squashfs"
    path.write_bytes(b"hsqs" * 1000)
    return path


def test_publish_sends_the_signed_message_as_it_is(client: NodeClient, node: ScriptedNode, account: Account) -> None:
    message = store(account, b"x")
    node.on("POST", "/api/v0/messages", recorded("known again"))
    assert client.publish(message) is MessageStatus.PENDING
    assert node.asked[0].json == {"sync": False, "message": message.to_json()}


def test_publish_of_what_is_not_understood(client: NodeClient, node: ScriptedNode, account: Account) -> None:
    node.on("POST", "/api/v0/messages", recorded("bad format"))
    with pytest.raises(RejectedError, match="InvalidMessageFormat") as caught:
        client.publish(store(account, b"x"))
    assert caught.value.code == 0


def test_publish_of_a_rejected_message_leaves_the_reason_to_wait(
    client: NodeClient, node: ScriptedNode, account: Account
) -> None:
    node.on("POST", "/api/v0/messages", recorded("rejected by post"))
    assert client.publish(store(account, b"x")) is MessageStatus.REJECTED


def test_upload_is_multipart_with_the_message_first(
    client: NodeClient, node: ScriptedNode, account: Account, file: Path
) -> None:
    message = store(account, file.read_bytes())
    node.on("POST", "/api/v0/storage/add_file", as_json({"status": "success", "hash": message.content["item_hash"]}))
    sent: list[int] = []
    assert client.upload(message, file, progress=sent.append) is MessageStatus.PROCESSED
    body = node.asked[0].body
    assert body.index(b'name="metadata"') < body.index(b'name="file"')
    assert message.signature.encode() in body
    assert file.read_bytes() in body
    assert sent[-1] == file.stat().st_size


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("bad signature", 1, "signature"),
        ("hash mismatch", None, "build and deploy again"),
        ("too large", None, "too large"),
        ("ipfs off", None, "IPFS is disabled"),
    ],
)
def test_refused_uploads_tell_why(
    client: NodeClient, node: ScriptedNode, account: Account, file: Path, answer: str, code: int | None, words: str
) -> None:
    node.on("POST", "/api/v0/storage/add_file", recorded(answer))
    with pytest.raises(RejectedError, match=words) as caught:
        client.upload(store(account, file.read_bytes()), file)
    assert caught.value.code == code
    assert len(node.asked) == 1


def test_unpaid_upload_tells_figures(client: NodeClient, node: ScriptedNode, account: Account, file: Path) -> None:
    node.on("POST", "/api/v0/storage/add_file", recorded("unpaid"))
    node.on("POST", "/api/v0/price/estimate", recorded("store price"))
    node.on("GET", f"/api/v0/addresses/{account.address}/balance", recorded("balance"))
    with pytest.raises(RejectedError, match=r"a day of it costs \$0\.00011, there is \$1,000,000\.00") as caught:
        client.upload(store(account, file.read_bytes()), file)
    assert caught.value.code == 6


def test_unpaid_upload_without_figures(client: NodeClient, node: ScriptedNode, account: Account, file: Path) -> None:
    node.on("POST", "/api/v0/storage/add_file", recorded("unpaid"))
    with pytest.raises(RejectedError, match="tokens") as caught:
        client.upload(store(account, file.read_bytes(), None), file)
    assert caught.value.code == 5


def test_rejected_upload_that_says_success(
    client: NodeClient, node: ScriptedNode, account: Account, file: Path
) -> None:
    node.on("POST", "/api/v0/storage/add_file", as_json({"status": "success", "hash": H}, 422))
    assert client.upload(store(account, file.read_bytes()), file) is MessageStatus.REJECTED


def test_status_and_message(client: NodeClient, node: ScriptedNode) -> None:
    message = client.message(serve(node, "store processed"))
    assert message
    expected = RECORDED["store processed"]["json"]["message"]
    assert (message.item_hash, message.type, message.owner) == (expected["item_hash"], "STORE", expected["sender"])
    assert message.content == json.loads(expected["item_content"])
    assert message.content_time == expected["content"]["time"]
    assert client.status(H) is None
    node.on("GET", f"/api/v0/messages/{H}/status", recorded("store processed"))
    assert client.status(H) is MessageStatus.PROCESSED


def test_a_content_that_lies_apart_is_the_one_that_was_signed(client: NodeClient, node: ScriptedNode) -> None:
    signer = Signer(7)

    def show(text: bytes, status: int = 200) -> str:
        item_hash = hashlib.sha256(text).hexdigest()
        envelope = {"item_type": "storage", "item_content": None, "item_hash": item_hash}
        message = signer.message("POST", {"type": "of the node", "content": {}}, **envelope)
        answer = {**RECORDED["store processed"]["json"], "item_hash": item_hash, "message": message}
        node.on("GET", f"/api/v0/messages/{item_hash}", as_json(answer))
        node.on("GET", f"/api/v0/storage/raw/{item_hash}", Answer(status, text))
        return item_hash

    message = client.message(show(b'{"type": "of the signer"}'))
    assert message
    assert (message.content["type"], message.owner) == ("of the signer", signer.address)
    for text in (b"[]", b"no JSON"):
        with pytest.raises(NetworkError, match="is no JSON object"):
            client.message(show(text))
    with pytest.raises(NetworkError, match="HTTP 500"):
        client.message(show(b"{}", 500))


@pytest.mark.parametrize(
    ("name", "status", "attribute", "value"),
    [
        (
            "forgotten",
            "forgotten",
            "forgotten_by",
            ("b2015fabb4e7d3df70dd403011db4ae7c6f25ffa109898cb5559cd06249079d3",),
        ),
        ("removing", "removing", "reason", "credit_insufficient"),
        ("pending program", "pending", "type", "PROGRAM"),
        ("rejected 6", "rejected", "error_code", 6),
    ],
)
def test_messages_of_every_status(
    client: NodeClient, node: ScriptedNode, name: str, status: str, attribute: str, value: Any
) -> None:
    message = client.message(serve(node, name))
    assert message
    assert message.status.value == status
    assert getattr(message, attribute) == value
    assert message.time > 1795558000


def test_wait_until_processed(client: NodeClient, node: ScriptedNode, pauses: list[float]) -> None:
    item_hash = str(RECORDED["store processed"]["json"]["item_hash"])
    pending = as_json({"status": "pending", "item_hash": item_hash, "messages": []})
    path = f"/api/v0/messages/{item_hash}"
    node.on("GET", path, recorded("unknown message"), pending, recorded("store processed"))
    assert client.wait(item_hash).status is MessageStatus.PROCESSED
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("rejected 6", 6, r"required: \$0\.00011 \(108 credits\), available: \$0\.00 \(0 credits\)"),
        ("rejected 5", 5, r"required: 400\.000000000000000000 ALEPH, available: 0 ALEPH"),
        ("rejected 301", 301, "abababababab"),
        ("rejected 503", 503, "File 9db5bf.* used on vm 230ee9"),
        ("rejected 501", 501, "message: bf57b36"),
        ("forgotten", None, "was forgotten by b2015f"),
    ],
)
def test_wait_tells_rejections_in_words(
    client: NodeClient, node: ScriptedNode, name: str, code: int | None, words: str
) -> None:
    item_hash = serve(node, name)
    with pytest.raises(RejectedError, match=words) as caught:
        client.wait(item_hash)
    assert caught.value.code == code
    assert caught.value.hint


def test_what_a_node_has_lost_is_sent_again(node: ScriptedNode) -> None:
    now, sent = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    item_hash = str(RECORDED["store processed"]["json"]["item_hash"])
    path = f"/api/v0/messages/{item_hash}"
    node.on("GET", path, recorded("unknown message"))

    def send_again() -> None:
        sent.append(now[0])
        node.on("GET", path, recorded("store processed"))

    with NodeClient([node.url], sleep=sleep, monotonic=lambda: now[0]) as client:
        assert client.wait(item_hash, lost=send_again).status is MessageStatus.PROCESSED
    assert len(sent) == 1
    assert 30 <= sent[0] < 36


@pytest.mark.parametrize(("known", "words"), [(True, "PROGRAM is still pending"), (False, "not know")])
def test_wait_ends_at_the_deadline(node: ScriptedNode, known: bool, words: str) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    item_hash = serve(node, "pending program") if known else H
    with (
        NodeClient([node.url], sleep=sleep, monotonic=lambda: now[0]) as client,
        pytest.raises(NetworkError, match=words),
    ):
        client.wait(item_hash, deadline=60)
    assert 55 < now[0] <= 62
    assert len(node.asked) < 40


@cache
def entry(number: int) -> dict[str, Any]:
    """Return the envelope of a STORE message whose time and metadata are a number."""
    account = account_from_key(Key(bytes(range(1, 33)), "test"), "ETH")
    content = store_content(
        account.address, H, "storage", time=float(number), payment=None, metadata={"n": number}, tags=["p/production"]
    )
    return sign_message(account, "STORE", content, channel="TEST", time=float(number)).to_json()


def numbers(messages: Iterable[NetworkMessage]) -> list[int]:
    return [message.content["metadata"]["n"] for message in messages]


def test_list_of_a_real_node(client: NodeClient, node: ScriptedNode) -> None:
    node.on("GET", "/api/v0/messages.json", recorded("list"))
    found = list(client.messages(types=["STORE"], owners=["0xB380C200822E5626f99DF90c1D5e38Be416ca55c"]))
    assert [message.item_hash for message in found] == [
        message["item_hash"] for message in RECORDED["list"]["json"]["messages"]
    ]
    assert all(message.status is MessageStatus.PROCESSED and message.content for message in found)


def test_pages_are_followed_and_shifted_messages_told_once(client: NodeClient, node: ScriptedNode) -> None:
    # While page one was read, two messages arrived: 300 and 299 slip onto page two.
    first = as_json({"messages": [entry(n) for n in range(500, 300, -1)]})
    second = as_json({"messages": [entry(n) for n in range(302, 200, -1)]})
    node.on("GET", "/api/v0/messages.json", first, second)
    assert numbers(client.messages(tags=["p/production"])) == list(range(500, 200, -1))
    assert ["page=1" in node.asked[0].path, "page=2" in node.asked[1].path] == [True, True]


def test_an_aggregate_that_the_network_would_not_take_is_passed_over(client: NodeClient, node: ScriptedNode) -> None:
    owner = Signer(7)
    said = [owner.message("AGGREGATE", {"key": "domains", "content": each}) for each in ([1], {"a": 2}, None, "x")]
    node.on("GET", "/api/v0/messages.json", as_json({"messages": said}))
    assert client.aggregate(owner.address, ["domains"]) == {"domains": {"a": 2}}


def test_a_node_that_ignores_pages_ends(client: NodeClient, node: ScriptedNode) -> None:
    node.on("GET", "/api/v0/messages.json", as_json({"messages": [entry(n) for n in range(200)]}))
    assert len(list(client.messages())) == 200
    assert len(node.asked) == 2


def test_a_node_that_ignores_pages_ends_where_what_it_says_is_left_out(client: NodeClient, node: ScriptedNode) -> None:
    """What is filtered on this side is no less told again."""
    listed = as_json({"messages": [entry(n) for n in range(200)]})
    node.on("GET", "/api/v0/messages.json", *[listed] * 4, as_json({"messages": []}))  # the last one stays
    assert list(client.messages(keys=("security",))) == []
    assert list(client.messages(tags=("another",), strict=False)) == []
    assert len(node.asked) == 4


def test_a_node_that_lists_without_end_is_given_up(
    client: NodeClient, node: ScriptedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hatch_aleph.network.search._MOST_PAGES", 2)
    monkeypatch.setattr("hatch_aleph.network.client._MOST_PAGES", 2)
    pages = [as_json({"messages": [entry(n) for n in range(at, at + 200)]}) for at in (0, 200, 400)]
    node.on("GET", "/api/v0/messages.json", *pages)
    with pytest.raises(NetworkError, match="lists messages without end: 400 so far"):
        list(client.messages(verify=False))
    assert len(node.asked) == 2
    for kind in ("credit", "hold"):
        priced = [{"item_hash": f"{n:064x}", "payment_type": kind, f"cost_{kind}": "1"} for n in range(3000)]
        answers = [as_json({"resources": priced[at : at + 1000]}) for at in (0, 1000, 2000)]
        node.on("GET", f"payment_type={kind}", *answers)
    assert len(client.prices("0x1")) == 2000
    assert len(node.asked) == 6


@pytest.mark.parametrize("newest_first", [True, False])
def test_statuses_are_asked_apart_and_merged_by_time(
    client: NodeClient, node: ScriptedNode, newest_first: bool
) -> None:
    order = sorted([1, 4, 5], reverse=newest_first)
    node.on("GET", "msgStatuses=processed", as_json({"messages": [entry(n) for n in order]}))
    node.on("GET", "msgStatuses=removing", as_json({"messages": [entry(3)]}))
    found = list(client.messages(statuses=("processed", "removing"), newest_first=newest_first))
    assert numbers(found) == sorted([1, 3, 4, 5], reverse=newest_first)
    assert [message.status.value for message in found if message.time == 3] == ["removing"]


@pytest.mark.parametrize("filters", [("hashes",), ("refs",), ("owners",), ("hashes", "refs", "owners")])
def test_long_filters_fit_into_request_lines(client: NodeClient, node: ScriptedNode, filters: tuple[str, ...]) -> None:
    node.on("GET", "/api/v0/messages.json", as_json({"messages": []}))
    values = [f"{n:064x}" for n in range(150)]
    assert list(client.messages(**dict.fromkeys(filters, values))) == []
    assert max(len(asked.path) for asked in node.asked) < 8000
    asked = [parse_qs(urlsplit(each.path).query) for each in node.asked]
    named = {tuple(part[name][0].split(",")) for part in asked for name in filters}
    assert {value for group in named for value in group} == set(values)
    combined = [tuple(part[name][0] for name in filters) for part in asked]
    assert len(combined) == len(set(combined)) == len(named) ** len(filters)


def test_a_tag_with_a_comma_cannot_be_looked_for(client: NodeClient) -> None:
    with pytest.raises(UsageError, match="comma"):
        client.messages(tags=["a,b"])


def test_money(client: NodeClient, node: ScriptedNode, account: Account) -> None:
    node.on("GET", f"/api/v0/addresses/{account.address}/balance", recorded("balance"))
    balance = client.balance(account.address)
    assert (balance.tokens, balance.credits) == (Decimal(100000), Decimal(1000000000000))
    assert balance.free == Decimal("100000.0") - Decimal("800.0000082651774")
    node.on("POST", "/api/v0/price/estimate", recorded("program estimate"))
    price = client.estimate(
        {"address": account.address, "code": {"ref": H}, "volumes": [{"ref": H}, {"ref": "0" * 64}]},
        sizes={H: 2**20 + 1},
    )
    assert price.payment_type == "credit"
    assert price.per_day == Decimal("6.111111111111111111") * 86400
    assert price.held == 0
    sent = node.asked[-1].json["message"]
    assert "signature" not in sent
    assert '"code":{"ref":"' + H + '","estimated_size_mib":2}' in sent["item_content"]
    assert sent["item_content"].count("estimated_size_mib") == 2


def test_price_of_what_is_not_live(client: NodeClient, node: ScriptedNode) -> None:
    with pytest.raises(RejectedError, match="unknown"):
        client.price(H)
    node.on("GET", f"/api/v0/messages/{H}/status", recorded("pending program"))
    with pytest.raises(RejectedError, match="pending"):
        client.price(H)
    node.on("GET", f"/api/v0/messages/{H}/status", recorded("removing"))
    node.on("GET", f"/api/v0/price/{H}", recorded("store price"))
    assert client.price(H).per_day == Decimal("0.001247742293793479") * 86400


def test_limits(client: NodeClient, node: ScriptedNode) -> None:
    assert client.limits() == Limits()
    node.on("GET", "/api/v0/storage/limits.json", recorded("limits"))
    assert client.limits() == Limits(storage=104857600, ipfs=1073741824)


def test_a_node_tells_whether_it_has_a_file(client: NodeClient, node: ScriptedNode) -> None:
    assert client.has_file(H) is False
    node.on("HEAD", f"/api/v0/storage/raw/{H}", Answer())
    assert client.has_file(H) is True


def test_download_checks_the_hash_and_replaces_at_once(client: NodeClient, node: ScriptedNode, tmp_path: Path) -> None:
    data = b"data" * 100_000
    name = hashlib.sha256(data).hexdigest()
    target = tmp_path / "deep" / "file"
    node.on("GET", f"/api/v0/storage/raw/{name}", Answer(200, data[:-1] + b"X"), Answer(200, data))
    seen: list[int] = []
    client.download(name, target, seen.append)
    assert target.read_bytes() == data
    assert seen[-1] == len(data)
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_download_of_wrong_bytes_leaves_what_was_there(client: NodeClient, node: ScriptedNode, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")
    node.on("GET", f"/api/v0/storage/raw/{H}", Answer(200, b"wrong"))
    with pytest.raises(NetworkError, match="other bytes"):
        client.download(H, target)
    assert target.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_aggregates_are_put_together_from_signed_messages(
    client: NodeClient, node: ScriptedNode, account: Account
) -> None:
    node.on("GET", "/api/v0/messages.json", as_json({"messages": []}))
    assert client.aggregate("0x1", ["domains"]) == {}
    said = [
        aggregate_content(account.address, "domains", content, time=time)
        for time, content in [(2.0, {"a.org": None, "b.org": {"message_id": H}}), (1.0, {"a.org": 1, "c.org": 2})]
    ]
    signed = [sign_message(account, "AGGREGATE", each, channel="TEST", time=1.0).to_json() for each in said]
    node.on("GET", "/api/v0/messages.json", as_json({"messages": signed}))
    assert client.aggregate(account.address, ["domains"]) == {
        "domains": {"a.org": None, "b.org": {"message_id": H}, "c.org": 2}
    }


def test_runtimes_of_both_aggregates_and_nothing_from_noise(client: NodeClient, node: ScriptedNode) -> None:
    data = {
        "runtimes": {
            "entries": [
                {"id": "a", "name": "Debian", "type": "program", "item_hash": H, "default": True},
                {"id": "b", "name": "Rescue", "type": "rescue", "item_hash": H},
                {"id": "c", "type": "program"},
                7,
            ]
        },
        "vm-images": {"runtimes": {"py": {"hash": H}, "bad": []}, "defaults": {"runtime": "py"}},
    }
    path = "/api/v0/aggregates/0xFba561a84A537fCaa567bb7A2257e7142701ae2A.json"
    node.on("GET", path, as_json({"address": "0x", "data": data, "info": {}}))
    assert client.runtimes() == {"Debian": H, "py": H}
    node.on("GET", path, as_json({"data": {"runtimes": [], "vm-images": {"runtimes": 3, "defaults": 1}}}))
    assert client.runtimes() == {}


def test_clock_offset_is_exact_to_a_second(node: ScriptedNode) -> None:
    node.on("GET", "/api/v0/version", as_json({"version": "1"}))
    with NodeClient([node.url], clock=lambda: time.time() - 300) as client:
        begun = time.monotonic()
        offset = client.clock_offset()
        assert offset == pytest.approx(300, abs=1 + (time.monotonic() - begun) / 2)  # a busy machine answers late
    with NodeClient([node.url]) as client:
        begun = time.monotonic()
        offset = client.clock_offset()
        assert offset == pytest.approx(0, abs=1 + (time.monotonic() - begun) / 2)


def test_a_clock_that_is_not_told_is_not_guessed(client: NodeClient, node: ScriptedNode, pauses: list[float]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    node.on("GET", "/api/v0/version", Answer(raw=head + b"{}"))
    with pytest.raises(NetworkError, match="without a date"):
        client.clock_offset()


def test_what_no_node_knows_is_not_asked_for(client: NodeClient, node: ScriptedNode) -> None:
    assert client.status("no item hash") is None
    assert not node.asked


def test_a_node_without_a_faucet_is_named(client: NodeClient, account: Account) -> None:
    with pytest.raises(UsageError, match=r"has no faucet \(HTTP 404\)"):
        client.faucet(account.address, credit=1, tokens=0)


def test_no_node_at_all() -> None:
    with pytest.raises(UsageError, match="No node is named"):
        NodeClient([])


def test_next_node_helps_and_is_kept(node: ScriptedNode, pauses: list[float]) -> None:
    dead = unused_url()
    node.on("GET", f"/api/v0/messages/{H}/status", recorded("store processed"))
    with NodeClient([dead, node.url], sleep=pauses.append) as client:
        assert client.status(H) is MessageStatus.PROCESSED
        assert client.status(H) is MessageStatus.PROCESSED
    assert pauses == []


def test_offline_names_node_and_next_step(pauses: list[float]) -> None:
    told: list[str] = []
    with (
        NodeClient([unused_url()], sleep=pauses.append, notice=told.append) as client,
        pytest.raises(NetworkError, match="cannot be reached") as caught,
    ):
        client.status(H)
    assert "--node" in str(caught.value)
    assert len(pauses) == len(told) == 3
    assert pauses[0] < pauses[1] < pauses[2]


def test_a_password_in_an_address_is_never_told(pauses: list[float]) -> None:
    url = unused_url().replace("//", "//user:hunter2@")
    told: list[str] = []
    with NodeClient([url], sleep=pauses.append, notice=told.append) as client:
        with pytest.raises(NetworkError) as caught:
            client.status(H)
        assert "hunter2" not in str(caught.value) + "".join(told) + "".join(client.nodes)


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x:99999999", "http://[", "https://x/?q=1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError):
        NodeClient([url])


def test_overload_is_waited_out(client: NodeClient, node: ScriptedNode, pauses: list[float]) -> None:
    busy = Answer(503, b"busy", {"Retry-After": "7"})
    node.on("GET", f"/api/v0/messages/{H}/status", busy, as_text("boom", 500), recorded("store processed"))
    assert client.status(H) is MessageStatus.PROCESSED
    assert pauses[0] == 7
    assert len(pauses) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_node_of_this_machine_is_not_asked_through_a_proxy(
    node: ScriptedNode, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, unused_url())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with NodeClient([node.url.replace("127.0.0.1", host)], sleep=lambda _seconds: None) as client:
        assert client.limits() == Limits()


def test_lists_of_several_statuses_are_asked_for_at_once(
    client: NodeClient, node: ScriptedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a node far away each answer takes its time: these do not wait for one another."""
    together = threading.Barrier(3)

    def answer(_method: str, _path: str) -> Answer:
        together.wait(timeout=20)  # breaks when they come one after another
        return as_json({"messages": []})

    monkeypatch.setattr(node, "take", answer)
    assert list(client.messages(types=("PROGRAM",), statuses=("processed", "removing", "removed"))) == []


def test_prices_of_all_ways_of_paying_are_asked_for_at_once(
    client: NodeClient, node: ScriptedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2)

    def answer(_method: str, path: str) -> Answer:
        together.wait(timeout=20)
        (kind,) = parse_qs(urlsplit(path).query)["payment_type"]
        return as_json({"resources": [{"item_hash": kind, f"cost_{kind}": "0.5"}]})

    monkeypatch.setattr(node, "take", answer)
    assert client.prices("0x1") == {kind: Price(kind, Decimal("0.5")) for kind in ("credit", "hold")}


def test_prices_of_another_way_of_paying_are_not_taken_for_this_one(client: NodeClient, node: ScriptedNode) -> None:
    each = {"item_hash": "ab" * 32, "owner": "0x1", "cost_credit": "2", "cost_hold": "0", "payment_type": "credit"}
    node.on("GET", "/api/v0/costs", as_json({"resources": [each]}))  # as heph, whatever was asked for
    assert {key: (price.payment_type, price.cost) for key, price in client.prices("0x1").items()} == {H: ("credit", 2)}
