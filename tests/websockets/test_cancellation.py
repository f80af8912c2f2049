"""Cancelled at every step: no turn of the event loop exists in which a cancellation does harm."""

import asyncio

import pytest

from deribit_ws import ConnectionLost, websocket_generator
from deribit_ws.websockets import WebSocketGenerator
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold

STEPS = 60  # turns of the loop; a link is dialled, used, lost and dialled again within half of them


def quick(url: str) -> WebSocketGenerator:
    return websocket_generator(url, 0.0001, close_timeout=0.2)


async def greet_and_close(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    line.close(4000)


async def steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def use(websockets: WebSocketGenerator) -> None:
    async for websocket in websockets:
        try:
            await websocket.send("hello")
            await websocket.recv()
            await websocket.recv()
        except ConnectionLost:
            continue


@pytest.mark.parametrize("bare", [True, False])
async def test_consumer(bare: bool) -> None:
    """A consumer cancelled at any step ends cancelled, and leaves neither task nor socket."""

    async def consume() -> None:
        if bare:
            return await use(quick(far.url))
        async with quick(far.url) as websockets:
            return await use(websockets)

    reached = 0
    async with FarEnd(greet_and_close) as far:
        for count in range(STEPS):
            before = asyncio.all_tasks()
            task = asyncio.create_task(consume())
            await steps(count)
            task.cancel()
            await asyncio.wait([task])
            reached += bool(far.lines) and far.last.texts != []
            await steps(5)
            left = [found for found in asyncio.all_tasks() - before if "reader" in found.get_name()]

            assert task.cancelled()
            assert left == []
        for line in far.lines:
            await line.until_gone()

    assert 0 < reached < STEPS  # before the link, on it and after it


async def test_turn() -> None:
    """A turn cancelled at any step leaves the iterator usable, and the next turn gives a live websocket."""
    async with FarEnd(hold) as far:
        for count in range(STEPS):
            async with quick(far.url) as websockets:
                turn = asyncio.create_task(anext(websockets))
                await steps(count)
                turn.cancel()
                await asyncio.wait([turn])

                assert (await anext(websockets)).open


async def test_second_turn() -> None:
    """So does one that had to close a websocket first: this one is closed, and only once."""
    async with FarEnd(hold) as far:
        for count in range(STEPS):
            async with quick(far.url) as websockets:
                await asyncio.create_task(anext(websockets))
                first = far.last
                turn = asyncio.create_task(anext(websockets))
                await steps(count)
                turn.cancel()
                await asyncio.wait([turn])

                assert (await anext(websockets)).open
                await first.until_gone()
                assert sum(frame.opcode == frames.CLOSE for frame in first.received) == 1


async def test_aclose() -> None:
    """`aclose` at any step of a consumer ends its loop without an exception."""
    async with FarEnd(greet_and_close) as far:
        for count in range(STEPS):
            websockets = quick(far.url)
            task = asyncio.create_task(use(websockets))
            await steps(count)
            await websockets.aclose()
            await asyncio.wait([task], timeout=1)

            assert task.done()
            assert task.exception() is None
