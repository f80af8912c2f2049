"""The iterator: what a turn of the loop does, how it is left, and that nothing of it stays behind."""

import asyncio
import contextlib
import gc
import inspect
import itertools
import threading
import time
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from deribit_ws import PRODUCTION, ConnectionLost, UsageError, WebSocket, websocket_generator
from deribit_ws.websockets import WebSocketGenerator
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold

Script = Callable[[Line], Awaitable[None]]


async def stall(line: Line) -> None:
    """Accept, and never answer the upgrade."""


async def ignore(line: Line) -> None:
    """Answer neither PINGs nor a close."""
    line.answers_pings = line.answers_close = False
    await line.upgrade()


async def accept_then_close(line: Line) -> None:
    await line.upgrade(frames.encode_close(1000))


def quick(url: str, **options: Any) -> WebSocketGenerator:
    return websocket_generator(url, **{"retry_seconds": 0.02, "close_timeout": 0.2} | options)


# --- what was agreed


def test_defaults() -> None:
    """The defaults are those that were promised."""
    options = inspect.signature(websocket_generator).parameters

    assert {name: option.default for name, option in options.items()} == {
        "url": PRODUCTION,
        "retry_seconds": 30.0,
        "session": None,
        "open_timeout": 10.0,
        "close_timeout": 1.0,
        "ping_interval": 15.0,
        "ping_timeout": 5.0,
        "max_message": 16 * 1024 * 1024,
        "compress": False,
    }


def test_made_without_a_loop() -> None:
    """It can be made, and dropped again, where no loop runs."""
    assert isinstance(websocket_generator(), AsyncIterator)


@pytest.mark.parametrize(
    "option", ["retry_seconds", "open_timeout", "close_timeout", "ping_interval", "ping_timeout"]
)
def test_times_are_positive(option: str) -> None:
    """A time that is not positive is refused where it is given."""
    with pytest.raises(UsageError):
        websocket_generator(**{option: 0})  # type: ignore[arg-type]  # one of several


# --- a turn of the loop


async def test_each_turn_gives_a_live_one() -> None:
    """Each turn closes the last websocket with 1000 and gives a new one that is open."""
    async with FarEnd(hold) as far, quick(far.url) as websockets:
        turns = 0
        async for websocket in websockets:
            turns += 1
            assert websocket.open
            assert [line.close_code for line in far.lines] == [1000] * (turns - 1) + [None]
            if turns == 4:
                break

        assert len(far.lines) == 4


async def test_continue_pays_the_back_off() -> None:
    """Leaving an open websocket for the next turn costs the same wait as a drop."""
    async with FarEnd(hold) as far, quick(far.url, retry_seconds=0.2) as websockets:
        async for _ in websockets:
            if len(far.lines) == 4:
                break

        assert all(wait >= 0.1 for wait in far.waits[1:])


async def test_first_dial_waits_for_nothing() -> None:
    """The first dial is made at once."""
    async with FarEnd(hold) as far, websocket_generator(far.url) as websockets:
        before = asyncio.get_running_loop().time()
        await anext(websockets)

        assert far.accepts[0] - before < 0.1


async def test_half_open_peer_does_not_hold_up_the_next() -> None:
    """The next dial comes within the close timeout and the back-off, though the last peer answers nothing."""
    async with FarEnd(ignore, hold) as far, quick(far.url) as websockets:
        await anext(websockets)
        before = time.monotonic()
        await anext(websockets)
        took = time.monotonic() - before

        assert 0.2 <= took < 0.2 + 0.02 + 0.15
        assert far.lines[0].close_code == 1000


async def test_cancelled_while_dialling() -> None:
    """An `anext` cancelled in the dial leaves nothing of it, and the iterator usable."""
    async with FarEnd(stall, hold) as far, quick(far.url) as websockets:
        turn = asyncio.create_task(anext(websockets))
        await far.until_accepted(1)
        turn.cancel()
        await asyncio.wait([turn])
        await far.lines[0].until_gone()

        assert turn.cancelled()
        assert (await anext(websockets)).open


async def test_cancelled_while_closing() -> None:
    """An `anext` cancelled while it closes the last websocket has the next one finish, and count it."""
    async with FarEnd(ignore, hold) as far, quick(far.url) as websockets:
        await asyncio.create_task(anext(websockets))
        turn = asyncio.create_task(anext(websockets))
        await far.lines[0].until(lambda line: line.close_code)
        turn.cancel()
        await asyncio.wait([turn])

        assert turn.cancelled()
        assert (await anext(websockets)).open
        assert far.lines[0].gone or far.lines[0].ended


async def test_cancelling_does_not_skip_the_back_off() -> None:
    """Whoever gives up waiting, and asks again, waits for what is left and not for less."""
    async with FarEnd(accept_then_close) as far, quick(far.url, retry_seconds=0.2) as websockets:
        for _ in range(2):
            await asyncio.wait_for(anext(websockets), 1)
        began = time.monotonic()
        for _ in range(1000):
            try:
                await asyncio.wait_for(anext(websockets), 0.01)
            except TimeoutError:
                continue
            break

        assert far.waits[1] >= 0.1
        assert time.monotonic() - began >= 0.05


async def test_wait_for() -> None:
    """`wait_for(anext(…))`, which is a task of its own each time before 3.12, acts for its caller."""
    async with FarEnd(hold) as far, quick(far.url) as websockets:
        await anext(websockets)
        for _ in range(2):
            assert (await asyncio.wait_for(anext(websockets), 1)).open

        assert len(far.lines) == 3


# --- one consumer


async def test_second_consumer_while_dialling() -> None:
    """While one task dials, another is refused, and the first one is not disturbed."""
    async with FarEnd(stall) as far, quick(far.url) as websockets:
        first = asyncio.create_task(anext(websockets))
        await far.until_accepted(1)
        with pytest.raises(UsageError):
            await anext(websockets)

        assert not first.done()
        first.cancel()
        await asyncio.wait([first])


async def test_second_consumer_while_open() -> None:
    """While one task holds an open websocket, another is refused, and the websocket stays open."""
    async with FarEnd(hold) as far, quick(far.url) as websockets:
        given, done = asyncio.Event(), asyncio.Event()

        async def first() -> bool:
            websocket = await anext(websockets)
            given.set()
            await done.wait()
            return websocket.open

        task = asyncio.create_task(first())
        await given.wait()
        with pytest.raises(UsageError):
            await anext(websockets)
        done.set()

        assert await task
        assert len(far.lines) == 1


async def test_second_consumer_in_wait_for() -> None:
    """A `wait_for` does not make another task's `anext` welcome."""
    async with FarEnd(hold) as far, quick(far.url) as websockets:
        websocket = await anext(websockets)
        with pytest.raises(UsageError):
            await asyncio.wait_for(asyncio.create_task(_through_another(websockets)), 1)

        assert websocket.open


async def _through_another(websockets: WebSocketGenerator) -> WebSocket:
    return await asyncio.create_task(anext(websockets))


async def test_next_consumer() -> None:
    """When the first consumer is gone, another may go on."""
    async with FarEnd(hold) as far, quick(far.url) as websockets:
        await asyncio.create_task(anext(websockets))

        assert (await anext(websockets)).open


# --- aclose


async def test_aclose() -> None:
    """`aclose` closes the websocket in order and ends the iteration, for ever and as often as asked."""
    async with FarEnd(hold) as far:
        websockets = quick(far.url)
        websocket = await anext(websockets)
        await websockets.aclose()
        await far.last.until_gone()
        await websockets.aclose()

        assert (far.last.close_code, websocket.open) == (1000, False)
        assert [item async for item in websockets] == []


async def test_aclose_before_the_first_turn() -> None:
    """One that was never iterated can be closed, and then gives nothing."""
    websockets = quick("ws://127.0.0.1:9/")
    await websockets.aclose()

    assert [item async for item in websockets] == []


@pytest.mark.parametrize("closers", [1, 2])
@pytest.mark.parametrize("moment", ["dial", "back-off", "closing", "open", "recv"])
async def test_aclose_from_another_task(moment: str, closers: int) -> None:
    """`aclose` from other tasks ends a consumer wherever it is, without an exception of its own."""
    scripts: dict[str, list[Script]] = {
        "dial": [stall],
        "back-off": [accept_then_close],
        "closing": [ignore],
        "open": [hold],
        "recv": [hold],
    }
    there = asyncio.Event()

    async def consume() -> str:
        async for websocket in websockets:
            there.set()
            try:
                if moment == "recv":
                    await websocket.recv()
                if moment == "open":
                    await asyncio.sleep(0.1)
            except ConnectionLost:
                continue
        return "ended"

    async with FarEnd(*scripts[moment]) as far:
        websockets = quick(far.url, retry_seconds=60.0 if moment == "back-off" else 0.02)
        task = asyncio.create_task(consume())
        await far.until_accepted(2 if moment == "back-off" else 1)
        if moment != "dial":
            await there.wait()
        if moment == "closing":
            await far.last.until(lambda line: line.close_code)
        await asyncio.sleep(0.02)
        before = time.monotonic()
        async with asyncio.TaskGroup() as closing:
            for _ in range(closers):
                closing.create_task(websockets.aclose())

        assert time.monotonic() - before < 0.4
        assert await task == "ended"
        assert task.cancelling() == 0


async def test_aclose_and_a_cancellation_of_the_users() -> None:
    """When the user cancels the consumer in the same moment, the consumer is cancelled."""
    async with FarEnd(stall) as far:
        websockets = quick(far.url)
        turn = asyncio.create_task(anext(websockets))
        await far.until_accepted(1)
        turn.cancel()
        await websockets.aclose()
        await asyncio.wait([turn])

        assert turn.cancelled()


async def test_async_with() -> None:
    """`async with` closes in order, answer included, before the next line runs."""
    async with FarEnd(hold) as far:
        async with quick(far.url) as websockets:
            async for _ in websockets:
                break
            kept = far.last.close_code

        assert (kept, far.last.close_code) == (None, 1000)


# --- a bare `async for` that is left


async def test_break() -> None:
    """After `break` the close frame is out and the socket closed before the next line runs, with no task."""
    async with FarEnd(hold) as far:
        tasks = during = asyncio.all_tasks()
        async for _ in quick(far.url):
            during = asyncio.all_tasks()
            break
        after = asyncio.all_tasks()
        seen = far.last.unread()
        await far.last.until_gone()

        assert [(frame.opcode, frame.close_code) for frame in seen] == [(frames.CLOSE, 1000)]
        assert after == during
        assert {task.get_name() for task in during - tasks if "_play" not in repr(task)} == {
            "deribit_ws websocket reader"
        }


async def test_exception() -> None:
    """An exception that leaves the loop finds the socket closed where it is caught."""
    seen: list[frames.Frame] = []
    async with FarEnd(hold) as far:
        try:
            async for _ in quick(far.url):
                raise LookupError
        except LookupError:
            seen = far.last.unread()

        assert [frame.close_code for frame in seen] == [1000]


async def test_cancelled_body() -> None:
    """A consumer cancelled in its body has closed the socket when its task ends."""
    async with FarEnd(hold) as far:

        async def consume() -> None:
            async for websocket in quick(far.url):
                await websocket.recv()

        task = asyncio.create_task(consume())
        await far.until_accepted(1)
        await far.last.until(lambda line: line.upgraded)
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        seen = far.last.unread()

        assert task.cancelled()
        assert [frame.close_code for frame in [*far.last.received, *seen]] == [1000]


async def test_item_kept() -> None:
    """An item that is kept after the loop was left is closed all the same, and says so."""
    async with FarEnd(hold) as far:
        websockets = quick(far.url)
        websocket = await anext(websockets)
        del websockets
        with pytest.raises(ConnectionLost, match="was dropped"):
            await websocket.recv()
        with pytest.raises(ConnectionLost):
            await websocket.send("late")

        assert not websocket.open


async def test_left_during_the_dial() -> None:
    """A bare loop cancelled in the dial leaves nothing behind."""
    async with FarEnd(stall) as far:

        async def consume() -> None:
            async for _ in quick(far.url):
                pass

        task = asyncio.create_task(consume())
        await far.until_accepted(1)
        task.cancel()
        await asyncio.wait([task])
        await far.last.until_gone()

        assert task.cancelled()


async def test_left_with_a_half_open_peer() -> None:
    """A bare loop is left at once, and its socket freed, though the peer is deaf and our writing stuck."""

    async def deafen(line: Line) -> None:
        await ignore(line)
        line.deafen()

    socket: Any = None
    async with FarEnd(deafen) as far:
        async for websocket in quick(far.url):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    while True:
                        await websocket.send("x" * 1_000_000)
            socket = websocket.aiohttp.get_extra_info("socket")
            break
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert socket.fileno() == -1


@pytest.mark.parametrize("unread", [0, 10, 5000])
async def test_item_never_refers_to_the_iterator(unread: int) -> None:
    """Neither an item nor its reader task, whatever it waits for, keeps the iterator alive."""

    async def talk(line: Line) -> None:
        await line.upgrade(frames.encode(frames.TEXT, b"x") * unread)

    async with FarEnd(talk) as far:
        websockets = quick(far.url)
        websocket = await anext(websockets)
        await asyncio.sleep(0.02)
        gone = weakref.ref(websockets)
        gc.disable()
        try:
            del websockets

            assert gone() is None
        finally:
            gc.enable()
        del websocket


async def test_dropped_in_another_thread() -> None:
    """Dropping the last reference in another thread closes the socket through the loop's own thread."""
    async with FarEnd(hold) as far:
        holder = [quick(far.url)]
        websocket = await anext(holder[0])
        threads: set[int] = set()
        seen: Any = websocket.aiohttp
        write = seen.send_frame

        def spy(*args: Any) -> Any:
            threads.add(threading.get_ident())
            return write(*args)

        seen.send_frame = spy
        thread = threading.Thread(target=holder.clear)
        thread.start()
        thread.join()
        await far.last.until(lambda line: line.close_code)
        with pytest.raises(ConnectionLost):
            await websocket.recv()

        assert far.last.close_code == 1000
        assert threads == {threading.get_ident()}


def test_loop_closed_first() -> None:
    """Dropped after its loop was closed, it warns once that it could not close the websocket."""
    stop = threading.Event()
    url: list[str] = []

    async def serve(ready: threading.Event) -> None:
        async with FarEnd(hold) as far:
            url.append(far.url)
            ready.set()
            await asyncio.to_thread(stop.wait)

    ready = threading.Event()
    server = threading.Thread(target=lambda: asyncio.run(serve(ready)))
    server.start()
    ready.wait()
    loop = asyncio.new_event_loop()
    websockets = quick(url[0])
    websocket = loop.run_until_complete(anext(websockets))
    loop.close()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        del websockets, websocket
        gc.collect()
    stop.set()
    server.join()

    assert [(warning.category, "event loop closed" in str(warning.message)) for warning in said] == [
        (ResourceWarning, True)
    ]


def test_asyncio_run_ends_first() -> None:
    """Dropped after `asyncio.run`, which ends every task, it has nothing left to warn of."""

    async def leave() -> tuple[WebSocketGenerator, WebSocket]:
        async with FarEnd(hold) as far:
            websockets = quick(far.url)
            return websockets, await anext(websockets)

    kept = asyncio.run(leave())
    del kept
    gc.collect()


# --- the session


async def test_users_session() -> None:
    """A session passed in is used with its headers, never closed, and its tracers are left as they were."""
    trace = aiohttp.TraceConfig()
    async with (
        FarEnd(hold) as far,
        aiohttp.ClientSession(headers={"X-Mine": "yes"}, trace_configs=[trace]) as session,
    ):
        async with quick(far.url, session=session) as websockets:
            await anext(websockets)
            assert session.trace_configs == [trace]
        async for _ in quick(far.url, session=session):
            break

        assert not session.closed
        assert session.trace_configs == [trace]
        assert all("X-Mine: yes" in line.request for line in far.lines)


async def test_no_session_of_ours_stays() -> None:
    """Between two dials no session of ours exists that could be left open."""
    async with FarEnd(hold, stall) as far, quick(far.url, open_timeout=0.1) as websockets:
        await anext(websockets)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(websockets), 0.3)
        sessions = [found for found in gc.get_objects() if type(found) is aiohttp.ClientSession]

        assert [session for session in sessions if not session.closed] == []


# --- what is promised to hold for long


async def test_accept_then_close_for_real() -> None:
    """Against a server that accepts and closes, real dials are spaced as the back-off says."""
    async with FarEnd(accept_then_close) as far:
        dials = 0
        async for websocket in websocket_generator(far.url, 0.3):
            with pytest.raises(ConnectionLost):
                await websocket.recv()
            dials += 1
            if dials == 5:
                break

        assert far.waits[0] < 0.25 + 0.1
        assert all(0.15 <= wait < 0.3 + 0.1 for wait in far.waits[1:])


async def fin(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    line.fin()


async def rst(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    line.rst()


async def rst_at_once(line: Line) -> None:
    line.rst()


async def half_a_frame(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"), frames.encode(frames.TEXT, b"hello")[:4])
    line.fin()


async def garbage(line: Line) -> None:
    await line.upgrade(b"\xff\xff\xff")


async def refuse(line: Line) -> None:
    await line.answer(503)


async def test_thousand_drops() -> None:
    """A thousand drops in a row, of every kind, take a thousand dials and leave no task, no item."""
    count = 1000
    kinds: list[Script] = [fin, rst, rst_at_once, half_a_frame, garbage, refuse, accept_then_close, hold]
    scripts = itertools.islice(itertools.cycle(kinds), count - 1)
    async with FarEnd(*scripts, hold) as far:
        tasks = len(asyncio.all_tasks())
        async with quick(far.url, retry_seconds=0.0005) as websockets:
            async for websocket in websockets:
                if len(far.lines) == count:
                    break
                if len(far.lines) % len(kinds) == 0:
                    continue  # on `hold`, the drop is ours
                with contextlib.suppress(ConnectionLost):
                    while True:
                        await websocket.recv()
            await asyncio.sleep(0.05)
            gc.collect()
            items = [found for found in gc.get_objects() if type(found) is WebSocket]
            running = [task for task in asyncio.all_tasks() if not task.done()]

        assert len(far.lines) == count
        assert len(running) <= tasks + 1
        assert len(items) == 1
