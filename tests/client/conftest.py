"""What tests of the client share: an exchange on loopback, one in memory, and ears for what is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from deribit_ws import Client, Handler, State
from deribit_ws.testing import Drop, SimulatedExchange
from tests.client.far_end import MemoryExchange

Make = Callable[..., Client]
Build = Callable[..., Any]


class Ears(Handler):
    """Remembers all that is told, in order."""

    def __init__(self) -> None:
        self.marks: list[Any] = []
        self.errors: list[Exception] = []

    def on_connected(self, event: Any) -> None:
        self.marks.append(event)

    on_disconnected = on_gap = on_lagged = on_stale = on_connected

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)

    @property
    def names(self) -> list[str]:
        """The kinds of marks."""
        return [type(mark).__name__ for mark in self.marks]


async def until(seen: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until something holds; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not seen():  # noqa: ASYNC110  what is seen has no event of its own
            await asyncio.sleep(0.002 if seconds <= 5 else 0.05)


async def dropped(exchange: SimulatedExchange, client: Client, how: Drop | None = None) -> None:
    """Drop the newest connection, and wait until the next one is live."""
    last = max(exchange.connections)
    exchange.inject(how or Drop.rst(), last)
    await until(lambda: max(exchange.connections, default=0) > last)
    await until(lambda: client.state is State.CONNECTED)


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Start exchanges that move only by hand; they stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> SimulatedExchange:
            options = {"autoplay": False, "step_seconds": 0.1} | options
            return await stack.enter_async_context(SimulatedExchange(**options))

        yield start


@pytest.fixture
async def exchange(build: Build) -> SimulatedExchange:
    started: SimulatedExchange = await build()
    return started


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def make(exchange: SimulatedExchange, ears: Ears) -> Make:
    """Make clients of the exchange on loopback, that dial again soon."""

    def make_client(**options: Any) -> Client:
        client = Client(exchange.url, **({"retry_seconds": 0.01} | options))
        client.add_handler(ears)
        return client

    return make_client


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryExchange:
    """An exchange in memory: clients made after this dial it, whatever their URL."""
    far_end = MemoryExchange()
    monkeypatch.setattr("deribit_ws.client.client.Dialer", lambda url, **options: far_end)
    return far_end


@pytest.fixture
def remember(memory: MemoryExchange, ears: Ears) -> Make:
    """Make clients of the exchange in memory."""

    def make_client(**options: Any) -> Client:
        client = Client("ws://localhost", **options)
        client.add_handler(ears)
        return client

    return make_client
