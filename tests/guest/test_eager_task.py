"""Tasks that take their first step at once are otherwise those of asyncio: each story is told of both."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect

import pytest

from hatch_aleph.guest.asgi import AsgiProgram
from hatch_aleph.guest.eager_task import start_eagerly
from hatch_aleph.guest.entry import Entry

CURRENT = contextvars.ContextVar("CURRENT", default="of nobody")


def as_asyncio_does(loop, coroutine, name):
    return loop.create_task(coroutine, name=name)


async def is_itself_all_along(told):
    task = asyncio.current_task()
    for delay in (0, 0.001, None):
        if delay is not None:
            await asyncio.sleep(delay)
        told.append(asyncio.current_task() is task)
    told += [task.get_name(), task in asyncio.all_tasks()]


async def keeps_what_it_sets(told):
    CURRENT.set("of the request")
    await asyncio.sleep(0)
    told.append(CURRENT.get())
    await asyncio.sleep(0.001)
    told.append(CURRENT.get())
    await asyncio.get_running_loop().create_task(tells_whose(told))


async def tells_whose(told):
    told.append(CURRENT.get())


async def cancels_itself(told):
    asyncio.current_task().cancel()
    told.append("goes on to where it waits")
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        told.append("cancelled")
        await asyncio.sleep(0)
        told.append("and goes on")


async def cancels_itself_and_what_it_waits_for(told):
    inner = asyncio.get_running_loop().create_task(waits_long(told))
    await asyncio.sleep(0)
    asyncio.current_task().cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await inner
    told.append(inner.cancelled())


async def waits_long(told):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        told.append("the inner one too")
        raise


async def is_cancelled_from_its_first_step(told):
    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
    try:
        await waits_long(told)
    except asyncio.CancelledError:
        told.append("cancelled")


async def has_a_deadline(told):
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(waits_long(told), 0.001)
    told.append("late")


async def gets_results_and_errors(told):
    done = asyncio.get_running_loop().create_future()
    done.set_result("a result at once")
    told.append(await done)
    later = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(later.set_exception, KeyError("an error"))
    try:
        await later
    except KeyError as error:
        told.append(str(error))


async def shows_where_it_stands(told):
    task = asyncio.current_task()
    asyncio.get_running_loop().call_soon(lambda: told.append([frame.f_code.co_name for frame in task.get_stack()]))
    asyncio.get_running_loop().call_soon(lambda: told.append(inspect.iscoroutine(task.get_coro().cr_await)))
    await waits_a_little()


async def waits_a_little():
    await asyncio.sleep(0.01)


async def runs_the_loop_itself(told):
    """As nest_asyncio does for an app that calls ``run_until_complete`` where a loop runs."""
    nested(told, gives_a_turn(told))
    await asyncio.sleep(0.001)
    told.append("and goes on")


async def is_cancelled_in_a_loop_of_its_own(told):
    nested(told, cancels(asyncio.current_task()))
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        told.append("cancelled where it waits")


def nested(told, coroutine):
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    inner = loop.create_task(coroutine)
    asyncio._leave_task(loop, task)
    while not inner.done():
        loop._run_once()
    asyncio._enter_task(loop, task)
    told.append(asyncio.current_task() is task)


async def gives_a_turn(told):
    await asyncio.sleep(0.001)
    told.append("a nested turn")


async def cancels(task):
    await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.001)


async def returns_at_once(told):
    told.append("done")


async def tell(start, story):
    told = []
    CURRENT.set("of the caller")
    caller = asyncio.current_task()
    task = start(asyncio.get_running_loop(), story(told), "request")
    assert asyncio.current_task() is caller
    assert CURRENT.get() == "of the caller"
    await asyncio.wait([task])
    assert (task.cancelled(), task.exception()) == (False, None)
    return told


STORIES = [
    is_itself_all_along,
    keeps_what_it_sets,
    cancels_itself,
    cancels_itself_and_what_it_waits_for,
    is_cancelled_from_its_first_step,
    has_a_deadline,
    gets_results_and_errors,
    shows_where_it_stands,
    runs_the_loop_itself,
    is_cancelled_in_a_loop_of_its_own,
    returns_at_once,
]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
def test_a_task_that_has_begun_is_a_task(story, debug):
    expected = asyncio.run(tell(as_asyncio_does, story), debug=debug)
    assert asyncio.run(tell(start_eagerly, story), debug=debug) == expected != []


def test_what_waits_for_nothing_is_over_at_once():
    async def run():
        told = []
        task = start_eagerly(asyncio.get_running_loop(), returns_at_once(told), "request")
        assert told == ["done"]
        await task

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 has it")
@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.__name__)
def test_an_app_whose_tasks_all_begin_at_once_begins_no_request_twice(story):
    async def run(start):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await tell(start, story)

    assert asyncio.run(run(start_eagerly)) == asyncio.run(run(as_asyncio_does))


def test_one_cancelled_after_its_end_has_ended():
    async def run():
        task = start_eagerly(asyncio.get_running_loop(), returns_at_once([]), "request")
        task.cancel()
        await asyncio.wait([task])
        assert task.done()

    asyncio.run(run())


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_the_first_step_raises_is_the_tasks(cancelled):
    async def fails():
        raise KeyError("at once")

    async def run():
        task = start_eagerly(asyncio.get_running_loop(), fails(), "request")
        if cancelled:
            task.cancel()
        await asyncio.wait([task])
        assert repr(task.exception()) == "KeyError('at once')"

    asyncio.run(run())


async def answers_at_once(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": CURRENT.get().encode()})


def test_a_request_to_such_an_app_takes_no_turn_of_the_event_loop():
    async def run():
        entry, sent, turns = Entry(AsgiProgram(answers_at_once), 30.0), [], []
        lifespan, request = ({"type": "lifespan.startup"}, {"body": b""})
        for scope, given in (({"type": "lifespan"}, lifespan), (SCOPE, request), (SCOPE, request)):
            asyncio.get_running_loop().call_soon(turns.append, scope["type"])
            await entry(scope, of(given), into(sent))
        assert (turns, [message.get("body") for message in sent[-2:]]) == (["lifespan"], [None, b"of nobody"])

    asyncio.run(run())


SCOPE = {"type": "http", "path": "/", "method": "GET", "query_string": "", "headers": []}


def of(message):
    async def receive():
        return message

    return receive


def into(sent):
    async def send(message):
        sent.append(message)

    return send
