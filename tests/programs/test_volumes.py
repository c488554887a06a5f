from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hatch_aleph.deploy.health import Health
from hatch_aleph.errors import HealthError, PlanError
from hatch_aleph.programs.creation import checked, create
from hatch_aleph.programs.volumes import publish
from tests.programs.test_revision import Interrupted, kinds


class Asking(Health):
    """Keeps what it is told to ask."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def confirm(self, hosts, item_hash, *arguments, **options):
        self.asked.append((item_hash, options["amended"]))
        return super().confirm(hosts, item_hash, *arguments, **options)


class Silent(Health):
    """Sees no answer."""

    def confirm(self, *_arguments, **_options):
        raise HealthError("no answer")


@pytest.fixture
def mounted(session, app, tmp_path):
    """A volume, and two programs that mount it, one of which follows it."""
    model = tmp_path / "model.txt"
    model.write_text("one", "utf-8")
    ref = publish(session, model)
    made = []
    for follows in (True, False):
        volumes = {"immutable": [{"ref": ref, "mount": "/opt/model", "use-latest": follows}]}
        table = {"entrypoint": "main:app", "name": f"app-{follows}", "volumes": volumes}
        made.append(create(session, app("hello"), checked(table)).item_hash)
    return model, ref, made


@pytest.mark.parametrize("cut", [Interrupted, Silent])
def test_an_amend_whose_programs_were_not_seen_to_answer_is_finished_by_the_next_run(
    network, session, account, mounted, notices, cut
):
    model, ref, programs = mounted
    model.write_text("two", "utf-8")
    with pytest.raises((KeyboardInterrupt, HealthError)):
        publish(replace(session, health=cut()), model, amends=ref)
    sent = kinds(network, account)
    asking = replace(session, health=Asking())
    assert publish(asking, model, amends=ref) == ref
    assert sorted(asking.health.asked) == sorted((each, True) for each in programs)
    assert "not seen every program answer" in notices[-1]
    assert publish(asking, model, amends=ref) == ref  # now they have answered
    assert len(asking.health.asked) == len(programs)
    assert kinds(network, account) == sent


def test_content_that_another_machine_has_sent_asks_nobody(session, mounted, tmp_path):
    model, ref, _ = mounted
    model.write_text("two", "utf-8")
    elsewhere = replace(session, folder=tmp_path / "elsewhere")
    publish(elsewhere, model, amends=ref)
    asking = replace(session, health=Asking())
    publish(asking, model, amends=ref)
    assert asking.health.asked == []


def test_what_is_no_volume_is_not_amended(network, session, account, mounted):
    model, ref, programs = mounted
    model.write_text("two", "utf-8")
    publish(session, model, amends=ref)
    amend = session.client.newest_content(ref).item_hash
    sent = kinds(network, account)
    for wrong, said in (
        (amend, f"This is an amend of a volume.*Name its original: {ref}"),
        (programs[0], "it is a PROGRAM that is processed"),
        ("ab" * 32, "it is unknown"),
    ):
        with pytest.raises(PlanError) as caught:
            publish(session, model, amends=wrong)
        assert re.search(said, caught.value.with_help, re.DOTALL)
    assert kinds(network, account) == sent
