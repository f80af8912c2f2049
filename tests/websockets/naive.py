"""The naive generator on aiohttp, kept as a control: what is promised must fail here, or it proves nothing.

`naive` is what everybody writes first; each of the others has one more common mistake. Nobody should
use any of them.
"""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncGenerator

import aiohttp

logger = logging.getLogger(__name__)

Socket = aiohttp.ClientWebSocketResponse
DELAY = 0.2  # seconds; what it means to wait between two dials


async def naive(url: str, *, heartbeat: float | None = None) -> AsyncGenerator[Socket, None]:
    """Dial for ever, and wait a little after an exception."""
    while True:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url, heartbeat=heartbeat) as ws:
                yield ws
        except Exception as error:
            logger.info("again: %s", error)
            await asyncio.sleep(DELAY)
            continue


async def heartbeat(url: str) -> AsyncGenerator[Socket, None]:
    """Use aiohttp's heartbeat against half-open links."""
    async for ws in naive(url, heartbeat=0.15):
        yield ws


async def unawaited(url: str) -> AsyncGenerator[Socket, None]:
    """Forget the `await` of the wait."""
    while True:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
                yield ws
        except Exception:
            asyncio.sleep(DELAY)  # type: ignore[unused-coroutine]  # the mistake that is shown here
            continue


async def blocking(url: str) -> AsyncGenerator[Socket, None]:
    """Wait with `time.sleep`."""
    while True:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
                yield ws
        except Exception:
            time.sleep(DELAY)  # noqa: ASYNC251  # the mistake that is shown here
            continue


async def catching_all(url: str) -> AsyncGenerator[Socket, None]:
    """Catch everything; of the "for ever" only ten turns are kept, so that a test run ends."""
    for _ in range(10):
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
                yield ws
        except BaseException:
            continue


async def timing_out(url: str) -> AsyncGenerator[Socket, None]:
    """Put a time limit on the dial, and let it span the `yield`."""
    while True:
        async with asyncio.timeout(0.1), aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
            yield ws


async def helped(url: str) -> AsyncGenerator[Socket, None]:
    """Start a task for each connection, and leave it to itself."""
    async for ws in naive(url):
        _running.append(asyncio.create_task(_keep_alive(ws)))
        yield ws


async def leaking(url: str) -> AsyncGenerator[Socket, None]:
    """Make a session for each connection, and never close it."""
    while True:
        try:
            async with aiohttp.ClientSession().ws_connect(url) as ws:
                yield ws
        except Exception:
            await asyncio.sleep(DELAY)
            continue


_running: list[asyncio.Task[None]] = []


async def _keep_alive(ws: Socket) -> None:
    while True:
        await asyncio.sleep(15)
        await ws.ping()


async def tidy() -> None:
    """End what the controls left running, and let their clean-up, which runs when it likes, run now."""
    gc.collect()
    await asyncio.sleep(0)
    for task in _running:
        task.cancel()
    _running.clear()
    current = asyncio.current_task()
    if left := [task for task in asyncio.all_tasks() if task is not current]:
        await asyncio.wait(left, timeout=1)
    await asyncio.sleep(0.01)
