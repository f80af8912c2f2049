"""Silence: a dead link is found by PING and time alone, and a living one is never taken for dead."""

import asyncio
import time

import pytest

from deribit_ws import ConnectionLost, websocket_generator
from deribit_ws.websockets import WebSocketGenerator
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line

INTERVAL, TIMEOUT = 0.06, 0.06  # seconds; the defaults are 15 and 5


def impatient(url: str) -> WebSocketGenerator:
    return websocket_generator(url, ping_interval=INTERVAL, ping_timeout=TIMEOUT, close_timeout=0.1)


async def fall_silent(line: Line) -> None:
    line.answers_pings = line.answers_close = False
    await line.upgrade()


async def test_silence_is_found() -> None:
    """A peer that says nothing, and answers no PING, is lost when interval and timeout are over."""
    async with FarEnd(fall_silent) as far, impatient(far.url) as websockets:
        began = time.monotonic()
        websocket = await anext(websockets)
        with pytest.raises(ConnectionLost) as lost:
            await websocket.recv()
        took = time.monotonic() - began

        assert INTERVAL + TIMEOUT <= took < INTERVAL + TIMEOUT + 0.15
        assert (lost.value.code, "silent for 0.12 s" in lost.value.reason) == (1006, True)
        await far.last.until_gone()
        assert far.last.pings == 1


async def test_pong_is_life() -> None:
    """A peer that only ever answers PINGs is kept."""
    async with (
        FarEnd() as far,
        websocket_generator(far.url, ping_interval=0.02, ping_timeout=0.1) as websockets,
    ):
        websocket = await anext(websockets)
        await far.last.until(lambda line: line.pings >= 5)

        assert websocket.close_code is None


async def test_data_is_life() -> None:
    """A peer that talks is sent no PING."""

    async def talk(line: Line) -> None:
        await fall_silent(line)
        for _ in range(20):
            line.text("tick")
            await asyncio.sleep(INTERVAL / 5)

    async with FarEnd(talk) as far, impatient(far.url) as websockets:
        websocket = await anext(websockets)
        for _ in range(20):
            await websocket.recv()

        assert far.last.pings == 0


async def test_trickle_is_life() -> None:
    """A message so long that it comes for longer than interval and timeout does not pass for silence."""

    async def trickle(line: Line) -> None:
        await fall_silent(line)
        for byte in frames.encode(frames.TEXT, b"x" * 30):
            line.write(bytes([byte]))
            await asyncio.sleep(INTERVAL / 5)

    async with FarEnd(trickle) as far, impatient(far.url) as websockets:
        websocket = await anext(websockets)

        assert await websocket.recv() == "x" * 30


async def test_unread_data_is_life() -> None:
    """A body that reads nothing for long loses no link, though its PONGs can't be seen behind the data."""
    message = b"x" * 100_000

    async def flood(line: Line) -> None:
        await fall_silent(line)
        line.write(frames.encode(frames.TEXT, message) * 300)

    async with FarEnd(flood) as far, impatient(far.url) as websockets:
        websocket = await anext(websockets)
        await asyncio.sleep(2 * (INTERVAL + TIMEOUT))
        got = [await websocket.recv() for _ in range(300)]

        assert {len(message) for message in got} == {100_000}


async def test_silence_after_a_full_inbox() -> None:
    """Silence is found also after the reader had been far behind."""

    async def flood(line: Line) -> None:
        await fall_silent(line)
        line.write(frames.encode(frames.TEXT, b"x" * 10) * 3000)

    async with FarEnd(flood) as far, impatient(far.url) as websockets:
        websocket = await anext(websockets)
        await asyncio.sleep(2 * (INTERVAL + TIMEOUT))
        with pytest.raises(ConnectionLost) as lost:
            async with asyncio.timeout(3 * (INTERVAL + TIMEOUT)):
                while True:
                    await websocket.recv()

        assert "silent" in lost.value.reason


@pytest.mark.parametrize("blocked", [INTERVAL + 0.05, 2 * INTERVAL + TIMEOUT + 0.05])
async def test_blocked_loop(blocked: float) -> None:
    """A loop that stood still reads what has come meanwhile before it judges a link as silent."""

    async def talk(line: Line) -> None:
        await line.upgrade()
        line.answers_pings = False
        for number in range(20):
            line.text(str(number))
            await asyncio.sleep(INTERVAL / 4)

    async with FarEnd(talk) as far, impatient(far.url) as websockets:
        websocket = await anext(websockets)
        got: list[str] = []
        while len(got) < 10:
            got.append(await websocket.recv())
            if len(got) % 5 == 0:
                time.sleep(blocked)  # noqa: ASYNC251  # the fault of this test

        assert got == [str(number) for number in range(10)]


async def test_blocked_between_ping_and_pong() -> None:
    """A PONG that came while the loop stood still counts."""
    async with (
        FarEnd() as far,
        websocket_generator(far.url, ping_interval=INTERVAL, ping_timeout=0.05) as websockets,
    ):
        websocket = await anext(websockets)
        await far.last.until(lambda line: line.pings)
        time.sleep(0.2)  # noqa: ASYNC251  # the fault of this test
        await asyncio.sleep(0.05)

        assert websocket.close_code is None


async def test_no_ping() -> None:
    """With `ping_interval=None` no PING is sent, and silence is no fault."""
    async with (
        FarEnd(fall_silent) as far,
        websocket_generator(far.url, ping_interval=None, ping_timeout=0.05, close_timeout=0.1) as websockets,
    ):
        websocket = await anext(websockets)
        await asyncio.sleep(0.2)

        assert (far.last.pings, websocket.close_code) == (0, None)


async def test_silence_with_a_stuck_send() -> None:
    """A half-open peer is found although what we sent is stuck and no PING gets out."""

    async def deafen(line: Line) -> None:
        await line.upgrade()
        line.deafen()

    async with FarEnd(deafen) as far:
        async for websocket in impatient(far.url):
            with pytest.raises(ConnectionLost):
                async with asyncio.timeout(1):
                    while True:
                        await websocket.send("x" * 1_000_000)
            break


async def test_fin_with_a_stuck_send() -> None:
    """A peer that ends its side and reads no more is lost at once, although our writing is stuck."""

    async def half_close(line: Line) -> None:
        await line.upgrade()
        line.deafen()
        await asyncio.sleep(0.1)
        line.transport.write_eof()

    async with FarEnd(half_close) as far:
        async for websocket in websocket_generator(far.url):
            with pytest.raises(ConnectionLost):
                async with asyncio.timeout(1):
                    while True:
                        await websocket.send("x" * 1_000_000)
            break
