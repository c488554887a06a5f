"""V-PROGRAM messages: kept, priced, listed, forgotten, and what they use is protected."""

from __future__ import annotations

import hashlib

from tests.local.node.support import Account, forget_message


def verifiable(account: Account, refs: list[str], **changes) -> dict:
    runtime, data, tree, more, more_tree = refs
    root = hashlib.sha256(b"root").hexdigest()
    content = {
        "allow_amend": False,
        "environment": {"internet": True},
        "resources": {"vcpus": 1, "memory": 4096, "seconds": 30},
        "payment": {"chain": "ETH", "type": "credit"},
        "runtime": {"ref": runtime, "comment": ""},
        "workload": {"ref": data, "hash_tree": tree, "roothash": root},
        "volumes": [{"ref": more, "hash_tree": more_tree, "roothash": root, "comment": ""}],
        "verification": {"backend": "sev_snp", "measurements": [MEASUREMENT]},
        "metadata": {"tags": ["verifiable"]},
        **changes,
    }
    return account.sign("V-PROGRAM", content)


MEASUREMENT = {"platform": "sev_snp", "registers": {"launch": "ab" * 48}, "vcpu_type": "EPYC-v4"}


def test_a_verifiable_program_lives_and_holds_on_to_its_files(client, rich):
    refs = [client.store(rich, f"part {number}".encode()) for number in range(5)]
    message = verifiable(rich, refs)
    answer = client.post(message)
    assert answer.status_code == 200, answer.text
    item_hash = message["item_hash"]
    assert client.message(item_hash)["message"]["type"] == "V-PROGRAM"
    listed = client.get("/api/v0/messages.json", msgTypes="V-PROGRAM", tags="verifiable", owners=rich.address)
    assert [each["item_hash"] for each in listed["messages"]] == [item_hash]
    price = client.get(f"/api/v0/price/{item_hash}")
    assert price["payment_type"] == "credit"
    assert [part["name"] for part in price["detail"]] == ["instance_confidential", "EXECUTION_VOLUME_DISCOUNT"]
    for ref in refs:
        forget = forget_message(rich, ref)
        assert client.post(forget).status_code == 422, ref
        assert client.message(forget["item_hash"])["error_code"] == 503
    assert client.post(forget_message(rich, item_hash)).status_code == 200
    assert client.post(forget_message(rich, *refs)).status_code == 200


def test_what_a_verifiable_program_may_not_be_is_no_message(client, rich):
    refs = [client.store(rich, f"piece {number}".encode()) for number in range(5)]
    for changes in ({"allow_amend": True}, {"payment": {"chain": "ETH", "type": "hold"}}, {"variables": {"A": "b"}}):
        assert client.post(verifiable(rich, refs, **changes)).status_code == 422, changes


def test_a_poor_owner_gets_none(client, poor, rich):
    refs = [client.store(rich, f"share {number}".encode()) for number in range(5)]
    message = verifiable(poor, refs)
    assert client.post(message).status_code == 422
    assert client.message(message["item_hash"])["error_code"] == 6
