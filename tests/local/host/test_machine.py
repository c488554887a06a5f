"""A machine runs a program as the guest does."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hatch_aleph.local.host import StartError
from tests.local.host.conftest import ECHO


def test_the_guest_gives_an_app_six_keys_with_decoded_path_and_query(run):
    async def use(machine):
        headers = [("Host", "x"), ("X-Mixed", "Case")]
        return await machine.request("POST", "/a%20b/%41?q=a%20b+c%2541%26", headers, b"payload")

    answer = run(ECHO, use, variables={"VARIABLE": "said"})
    told = json.loads(answer.body)
    assert answer.status == 200
    assert told["keys"] == ["headers", "method", "path", "query_string", "type"]
    assert told["path"] == "/a b/A"
    assert told["query_string"] == "q=a b c%41%26"
    assert told["headers"] == [["list", "host", "x"], ["list", "x-mixed", "Case"]]
    assert (told["body"], told["more"]) == ("payload", False)
    assert told["variable"] == "said"
    assert told["optimized"]


def test_code_is_found_where_the_sandbox_allows_it(run, place, isolation):
    where = dataclasses.replace(place, isolation=isolation)

    async def use(machine):
        return json.loads((await machine.request("GET", "/")).body)

    told = run(ECHO, use, where=where)
    if isolation.sandbox:
        assert told["file"] == "/opt/code/main.py"
        assert told["path_list"][:4] == ["/opt/code", "/opt/packages", "/root", "/opt/aleph/libs"]
    else:
        assert told["file"].startswith(str(place.cache))


def test_a_program_that_raises_at_import_is_told_with_its_traceback(run):
    with pytest.raises(StartError) as caught:
        run("import nothing_of_that_name", None)
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in caught.value.cause
