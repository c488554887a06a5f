"""Messages that the program is subscribed to: passed on to apps that know them, answered for those that do not."""

from __future__ import annotations

import pytest

EVENT = {"type": "aleph.message", "body": '{"item_hash": "cafe"}'}
HTTP = """
async def http(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""


def ask(guest):
    return guest.ask(dict(EVENT))[1]


def test_an_app_that_knows_events_gets_the_message_once_and_its_first_answer_counts(run):
    text = HTTP + (
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n        return await http(scope, receive, send)\n"
        "    if scope['type'] == 'aleph.message':\n"
        "        message = await receive()\n"
        "        await send({'type': 'done', 'body': message['body'], 'more': message['more_body']})\n"
        "        await send({'type': 'again'})\n"
    )
    guest = run({"main.py": text}, "main:app")
    assert ask(guest) == {"type": "done", "body": EVENT["body"], "more": False}
    assert guest.get("/").body == b"ok"


def test_a_handler_that_comes_back_unawaited_is_awaited(run):
    text = HTTP + (
        "class App:\n"
        "    async def __call__(self, scope, receive=None, send=None):\n"
        "        if scope['type'] != 'aleph.message':\n            return await http(scope, receive, send)\n"
        "        async def handle():\n            await send({'got': scope['body']})\n"
        "        return handle()\n"
        "app = App()\n"
    )
    assert ask(run({"main.py": text}, "main:app")) == {"got": EVENT["body"]}


@pytest.mark.parametrize(
    "reaction", ["raise ValueError(scope['type'])", "return", "scope['path']", "raise SystemExit", "await receive()"]
)
def test_an_app_that_does_not_know_them_is_answered_for(run, reaction):
    text = HTTP + (
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n        return await http(scope, receive, send)\n"
        f"    if scope['type'] == 'aleph.message':\n        {reaction}\n"
    )
    guest = run({"main.py": text}, "main:app")
    assert "did not take" in ask(guest)["error"]
    assert guest.get("/").body == b"ok"


def test_wsgi_apps_are_answered_for(run):
    text = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n"
    guest = run({"main.py": text}, "main:app")
    assert "did not take" in ask(guest)["error"]
