from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from deribit_ws.testing import Account, SimulatedExchange
from tests.testing.peer import Peer

NOON = 1_795_348_800.0  # 22 November 2026, 12:00 UTC, a Sunday
Build = Callable[..., Awaitable[SimulatedExchange]]
Dial = Callable[..., Awaitable[Peer]]
Trader = Callable[..., Awaitable[Peer]]


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Start exchanges that move only by hand; they stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> SimulatedExchange:
            return await stack.enter_async_context(SimulatedExchange(**({"autoplay": False} | options)))

        yield start


@pytest.fixture
async def exchange(build: Build) -> SimulatedExchange:
    return await build()


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Connect bare clients; they close with the test."""
    peers: list[Peer] = []
    patience = aiohttp.ClientWSTimeout(ws_close=0.05)  # with an exchange that does not answer the close
    async with aiohttp.ClientSession() as session:

        async def connect(exchange: SimulatedExchange) -> Peer:
            peers.append(Peer(await session.ws_connect(exchange.url, max_msg_size=0, timeout=patience)))
            return peers[-1]

        yield connect
        for peer in peers:
            await peer.socket.close()


@pytest.fixture
async def peer(exchange: SimulatedExchange, dial: Dial) -> Peer:
    return await dial(exchange)


@pytest.fixture
async def venue(build: Build, clock: Clock) -> SimulatedExchange:
    """An exchange with two users who may trade and one who may only read, and no credits to run out."""
    accounts = {"simulated": "secret", "other": "secret", "reader": Account("secret", "trade:read")}
    return await build(wall_clock=clock, accounts=accounts, credits=None)


@pytest.fixture
def trader(venue: SimulatedExchange, dial: Dial) -> Trader:
    """Connect to it as somebody."""

    async def connect(client_id: str = "simulated") -> Peer:
        peer = await dial(venue)
        await peer.login(client_id=client_id)
        return peer

    return connect
