"""Streams: typed messages and marks in order, and a plain word about every way they can end."""

import asyncio
from typing import Any

import pytest

from deribit_ws import (
    Connected,
    ConnectFailed,
    Disconnected,
    Lagged,
    Notification,
    SlowConsumer,
    State,
    SubscriptionRejected,
    Ticker,
    UsageError,
)
from deribit_ws.errors import Retry
from deribit_ws.testing import Drop, SimulatedExchange
from tests.client.conftest import Ears, Make, dropped, until
from tests.client.far_end import MemoryExchange

TICKER, BOOK, LOGS = "ticker.BTC-PERPETUAL.100ms", "book.BTC-PERPETUAL.100ms", "weather"


async def test_notifications_are_typed(exchange: SimulatedExchange, make: Make) -> None:
    """A stream gives Notifications of typed data, of all its channels; overlapping ones once."""
    client = make()
    wanted = client.stream("ticker.{name}.100ms", TICKER, TICKER, name=["BTC-PERPETUAL"])
    async with client, wanted as stream:
        first = await anext(stream)
        exchange.step(1)
        second = await anext(stream)
        await client.call("public/test")

        assert len(stream._queue) == 0
    assert (type(first), type(first.data), first.channel) == (Notification, Ticker, TICKER)
    assert second.data.timestamp >= first.data.timestamp


async def test_marks_in_order(exchange: SimulatedExchange, make: Make) -> None:
    """With marks=True, Disconnected and Connected stand where they happened among the data."""
    async with make() as client, client.stream(BOOK, marks=True) as stream:
        for _ in range(3):
            exchange.step(2)
            await client.call("public/test")
            await dropped(exchange, client)
        await client.call("public/test")
        await client.aclose()
        items = [item async for item in stream]

    kinds = [type(item).__name__ if not isinstance(item, Notification) else item.data.type for item in items]
    assert " ".join(kinds).replace("change ", "") == " ".join(
        ["snapshot", *["Disconnected", "Connected", "snapshot"] * 3]
    )
    assert [item.connection for item in items if isinstance(item, Connected)] == [2, 3, 4]
    assert all(item.lived >= 0 for item in items if isinstance(item, Disconnected))


@pytest.mark.looptime
async def test_lagged_stands_before_what_came_later(
    memory: MemoryExchange, remember: Make, ears: Ears
) -> None:
    """A slow reader gets Lagged before the data that follows the hole, and handlers hear of it."""
    async with remember() as client, client.stream(LOGS, marks=True, maxsize=3) as stream:
        for n in range(10):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(1)
        items = [await anext(stream) for _ in range(4)]

    assert items[0] == Lagged(LOGS, 7)
    assert [item.data for item in items[1:]] == [[7], [8], [9]]
    assert ears.marks[1] == Lagged(LOGS, 7)


async def test_wrong_use(make: Make) -> None:
    """Not entered, entered twice, a second reader, no channel, a stray value: UsageError."""
    async with make() as client:
        stream = client.stream("weather", overflow="drop_oldest")
        with pytest.raises(UsageError, match="async with"):
            await anext(stream)
        with pytest.raises(UsageError):
            client.stream()
        with pytest.raises(UsageError, match="placeholder"):
            client.stream(TICKER, name="x")
        with pytest.raises(UsageError, match="overflow"):
            client.stream(TICKER, overflow="never")
        async with client.stream("platform_state") as stream:
            with pytest.raises(UsageError, match="once"):
                await stream.__aenter__()
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="another task"):
                await anext(stream)
            reading.cancel()
            await asyncio.wait([reading])


async def test_entering_twice_leaves_the_first(exchange: SimulatedExchange, make: Make) -> None:
    """A second entry is refused without harm to the first."""
    async with make() as client, client.stream(TICKER) as stream:
        with pytest.raises(UsageError):
            await stream.__aenter__()
        await anext(stream)
        exchange.step(1)

        assert (await anext(stream)).channel == TICKER


async def test_cancelled_read_loses_nothing(exchange: SimulatedExchange, make: Make) -> None:
    """A cancelled `anext` takes no message with it, and the stream goes on."""
    async with make() as client, client.stream(BOOK) as stream:
        assert (await anext(stream)).data.is_snapshot
        last = None
        for _ in range(20):
            try:
                async with asyncio.timeout(0.003):
                    while True:
                        change = (await anext(stream)).data
                        assert last is None or change.prev_change_id == last
                        last = change.change_id
            except TimeoutError:
                exchange.step(1)


async def test_break_ends_the_subscription(exchange: SimulatedExchange, make: Make) -> None:
    """Leaving `async with` lets the channel go."""
    async with make() as client:
        async with client.stream(TICKER) as stream:
            async for _ in stream:
                break
        await until(lambda: not exchange.connections[1].channels)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_closed_client_ends_streams(exchange: SimulatedExchange, make: Make) -> None:
    """When the client is closed a waiting reader's loop ends; what came before is still given."""
    async with make() as client, client.stream(TICKER) as stream:
        await until(lambda: len(stream._queue))
        await client.aclose()

        assert [item.channel async for item in stream] == [TICKER]


@pytest.mark.looptime
async def test_waiting_reader_hears_the_end(memory: MemoryExchange, remember: Make) -> None:
    """A reader that waits while the client closes is woken."""
    async with remember() as client, client.stream(LOGS) as stream:
        reading = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(1)
        await client.aclose()

        assert await reading is None


@pytest.mark.looptime
async def test_fatal_end_is_raised(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """What ends the client for good is raised by streams, told to on_error, and by wait_closed."""
    async with remember() as client:
        memory.refusals.append(ConnectFailed("TLS verification failed", retry=Retry.NEVER))
        async with client.stream(LOGS) as stream:
            memory.wire.tell(LOGS, [1])
            memory.wire.drop()
            assert (await anext(stream)).data == [1]
            for _ in range(2):
                with pytest.raises(ConnectFailed):
                    await anext(stream)
        with pytest.raises(ConnectFailed):
            await client.wait_closed()

        assert (client.state, [type(error) for error in ears.errors]) == (State.CLOSED, [ConnectFailed])


async def test_rejected_stream_holds_nothing(exchange: SimulatedExchange, make: Make) -> None:
    """A rejected stream leaves no route, no reference and no queue behind."""
    async with make() as client:
        for _ in range(3):
            with pytest.raises(SubscriptionRejected):
                async with client.stream(TICKER, "quote.NOPE"):
                    pass
        await until(lambda: not exchange.connections[1].channels)

        assert not client._registry._registrations
        assert not client._registry._streams
        assert not client._registry.subscriptions.wanted


@pytest.mark.looptime
async def test_fail(memory: MemoryExchange, remember: Make) -> None:
    """Under "fail" a reader that is too slow gets what is queued, then SlowConsumer; the link stays."""
    async with remember() as client:
        async with client.stream(LOGS, overflow="fail", maxsize=3) as stream:
            for n in range(10):
                memory.wire.tell(LOGS, [n])
            await asyncio.sleep(1)
            got: list[Any] = []
            with pytest.raises(SlowConsumer):
                async for item in stream:
                    got.append(item.data)

        assert got == [[0], [1], [2]]
        assert (len(memory.wires), client.state) == (1, State.CONNECTED)


@pytest.mark.looptime
async def test_block(memory: MemoryExchange, remember: Make) -> None:
    """Under "block" a slow reader holds up reading, and loses nothing."""
    async with remember() as client, client.stream(LOGS, overflow="block", maxsize=4) as stream:
        for n in range(40):
            memory.wire.tell(LOGS, [n])
        got: list[int] = []
        while len(got) < 40:
            got.append((await anext(stream)).data[0])
            await asyncio.sleep(0.3)

    assert (got, len(memory.wires)) == (list(range(40)), 1)


async def test_entered_while_down(exchange: SimulatedExchange, make: Make) -> None:
    """A stream may be entered while the link is down: it is open once the next one has its channels."""
    async with make() as client:
        last = max(exchange.connections)
        exchange.inject(Drop.rst())
        async with client.stream(TICKER, marks=True) as stream:
            await until(lambda: max(exchange.connections, default=0) > last)
            items = [await anext(stream)]
            while not isinstance(items[-1], Notification):
                items.append(await anext(stream))

    assert items[-1].channel == TICKER
