from __future__ import annotations

import time

import pytest

from hatch_aleph.deploy.program_log import read_logs, reason_in_log
from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.executions import Allocation
from hatch_aleph.network.urls import Hosts
from tests.clock import brief
from tests.programs.rig import ask
from tests.programs.test_revision import created


def test_a_local_node_has_the_host_beside_it(session, client, account, app):
    made = created(session, app())
    with pytest.raises(NetworkError, match="no execution"):
        read_logs(client, account, made.item_hash, Hosts(client.nodes[0]))
    ask(made.urls[0] + "/some/path")
    for _ in range(50):  # what a program prints takes its own way
        lines = read_logs(client, account, made.item_hash, Hosts(client.nodes[0]))
        if any("was asked for /some/path" in line.text for line in lines):
            break
        time.sleep(0.1)
    assert any("was asked for /some/path" in line.text for line in lines)
    assert all(line.time and line.source == "stdout" for line in lines)


def test_a_program_of_the_network_needs_a_host_named_or_scheduled(network, session, account, app):
    on_demand = created(session, app())
    persistent = created(session, app("other"), persistent=True)
    ask(persistent.urls[0])
    # A node that is reached by another name than this machine's own has no host beside it.
    with NodeClient([network.url], sleep=brief) as client:

        def elsewhere(host: str | None) -> Hosts:
            return Hosts("https://api2.aleph.im", ask_scheduler=lambda *_, **__: Allocation(host, "scheduled"))

        with pytest.raises(UsageError, match="Which host") as caught:
            read_logs(client, account, on_demand.item_hash, elsewhere(network.url))
        assert "--domain" in str(caught.value.hint)
        with pytest.raises(UsageError, match="scheduler has no host"):
            read_logs(client, account, persistent.item_hash, elsewhere(None))
        assert read_logs(client, account, persistent.item_hash, elsewhere(network.url))
        failing = elsewhere(network.url), persistent.item_hash, account
        assert reason_in_log(*failing, persistent=True)
        assert not reason_in_log(*failing, persistent=False)  # one on demand runs anywhere
        assert read_logs(client, account, persistent.item_hash, Hosts("https://api2.aleph.im", network.url))


def test_a_host_that_is_not_there(client, account):
    with pytest.raises(NetworkError, match="cannot be reached"):
        read_logs(client, account, "ab" * 32, Hosts(client.nodes[0], "http://127.0.0.1:9"))
