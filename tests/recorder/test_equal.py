"""What was recorded of an exchange is heard again as it was heard live, by everything that can listen."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import Client, Disconnected, Handler, Notification, State, Ticker
from deribit_ws.recorder import read_recording
from deribit_ws.testing import Drop, Garble, Say, SimulatedExchange, SkipChange
from tests.recorder.conftest import replay

TICKER, BOOK, TRADES = (f"{family}.BTC-PERPETUAL.100ms" for family in ("ticker", "book", "trades"))
STRAY = '{"jsonrpc":"2.0","error":{"code":11050,"message":"bad_request"}}'


class Bot(Handler):
    """Listens in every way there is, and writes down what it hears."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: dict[str, list[Any]] = {}
        client.add_handler(self)
        client.register(TICKER, self.typed)
        client.register(TICKER, self.raw)
        client.register(TRADES, self.later)
        client.register("ticker.{name}.100ms", self.whole)

    def note(self, what: str, item: Any) -> None:
        self.heard.setdefault(what, []).append(item)

    def typed(self, ticker: Ticker) -> None:
        self.note("typed", ticker)

    def raw(self, data: bytes) -> None:
        self.note("bytes", data)

    async def later(self, trades: list[Any]) -> None:
        await asyncio.sleep(0)
        self.note("coroutine", trades)

    def whole(self, notification: Notification) -> None:
        self.note("notification", (notification.channel, notification.data))
        self.note("received_at", notification.received_at)

    def on_connected(self, event: Any) -> None:
        self.note("marks", event)

    def on_disconnected(self, event: Disconnected) -> None:
        self.note("marks", (event.code, event.reason))

    def on_error(self, error: Exception) -> None:
        self.note("errors", str(error))

    async def listen(self, opened: asyncio.Event | None = None) -> None:
        """Read a stream with marks and keep a book, until the client ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_stream())
            group.create_task(self._read_book(opened or asyncio.Event()))

    async def _read_stream(self) -> None:
        async with self.client.stream(BOOK, TRADES, marks=True) as stream:
            async for item in stream:
                if isinstance(item, Disconnected):
                    self.note("stream", (item.code, item.reason))
                else:
                    self.note("stream", (item.channel, item.data) if isinstance(item, Notification) else item)

    async def _read_book(self, opened: asyncio.Event) -> None:
        async with self.client.order_book("BTC-PERPETUAL") as book:
            opened.set()

            @self.client.on(BOOK)
            def after_each(_: bytes) -> None:  # registered later, so called after the book has changed
                if book.valid or "book" in self.heard:  # from its first snapshot on
                    state = book.valid, book.change_id, list(book.bids), list(book.asks)
                    self.note("book", state)

            await self.client.wait_closed()


async def _misbehave(exchange: SimulatedExchange, client: Client) -> None:
    """Three links, with gaps, garbage, strays and drops on them."""
    for drop in (Drop.rst(), Drop.close(1001, "going away"), None):
        for fault in (SkipChange(BOOK), Garble(TICKER), Garble(BOOK), Say(STRAY)):
            exchange.inject(fault)
            exchange.step(4)
            await client.call("public/test")
        if drop is not None:
            exchange.inject(drop)
            await _until(lambda: client.state is not State.CONNECTED)
            await client.wait_connected()


async def _until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not seen():  # noqa: ASYNC110  what is seen has no event of its own
            await asyncio.sleep(0.002)


async def recorded(path: Path) -> Bot:
    """Have a bot listen to an exchange that misbehaves, and record it."""
    async with SimulatedExchange(seed=7, autoplay=False, step_seconds=0.1) as exchange:
        client = Client(exchange.url, retry_seconds=0.01)
        bot, opened = Bot(client), asyncio.Event()
        client.record(path)
        async with client, asyncio.TaskGroup() as group:
            group.create_task(bot.listen(opened))
            await opened.wait()
            await _misbehave(exchange, client)
            await _until(lambda: client.stats.queue_depth == 0)  # closing stops coroutine functions
            await client.aclose()
    return bot


@pytest.mark.parametrize("speed", ["max", 50.0, 0.9])
async def test_replay_equals_live(path: Path, speed: Any) -> None:
    """Every kind of listener hears the very sequence that it heard live, drops, gaps and garbage included."""
    live = await recorded(path)
    client = replay(path, speed)
    again = Bot(client)
    async with client:
        await again.listen()
    times = [record.t for record in read_recording(path) if record.received and TICKER in record.received]

    assert live.heard.pop("received_at") != again.heard["received_at"]
    assert set(again.heard.pop("received_at")) <= set(times)
    assert again.heard.keys() == live.heard.keys()
    # Whoever enters the book is a task, which a busy machine may resume a message later than the other time.
    looks, most = sorted((len(live.heard["book"]), len(again.heard["book"])))
    assert looks > 20 and most - looks <= 4
    for heard in live.heard, again.heard:
        del heard["book"][: len(heard["book"]) - looks]
    for what, items in live.heard.items():
        assert again.heard[what] == items, what
    assert len(live.heard["marks"]) == 5
    assert {False, True} == {valid for valid, *_ in live.heard["book"]}
