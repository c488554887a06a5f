from __future__ import annotations

import pytest

from hatch_aleph.commands import typed


def test_a_command_is_written_as_it_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HATCH_ENV_ACTIVE", raising=False)
    assert typed("deploy") == "`hatch-aleph deploy`"
    assert typed("update ITEM_HASH", "my app") == "`hatch-aleph update ITEM_HASH 'my app'`"


def test_in_the_environment_of_hatch_it_is_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATCH_ENV_ACTIVE", "aleph")
    assert typed("deploy --yes") == "`hatch run aleph:deploy --yes`"


def test_a_hint_cannot_name_what_is_no_command() -> None:
    with pytest.raises(KeyError):
        typed("deplyo")
