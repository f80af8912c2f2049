"""Callbacks: who is called with what, in which order, and that nobody's mishap touches anybody else."""

import asyncio
import logging
from typing import Any, Literal

import pytest

from deribit_ws import (
    BookChange,
    Client,
    Connected,
    Credentials,
    Handler,
    Lagged,
    Notification,
    Registration,
    SlowConsumer,
    State,
    Ticker,
    Trade,
    UsageError,
    on,
)
from deribit_ws.testing import Drop, Garble, SimulatedExchange
from tests.client.conftest import Ears, Make, dropped, until
from tests.client.far_end import MemoryExchange

TICKER, QUOTE = "ticker.BTC-PERPETUAL.100ms", "quote.BTC-PERPETUAL"
EMPTY_QUOTE = {
    "timestamp": 1,
    "instrument_name": "BTC-PERPETUAL",
    "best_ask_price": None,
    "best_bid_price": None,
    "best_ask_amount": None,
    "best_bid_amount": None,
}
BOOK, TRADES = "book.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.100ms"
USER = "user.orders.BTC-PERPETUAL.raw"
LOGS = "weather"  # a family of plain values, dropped oldest first
KEY = Credentials("simulated", "secret")


# --- ways to register


async def test_ways_to_register(exchange: SimulatedExchange, make: Make) -> None:
    """Decorators (stacked too), `register` and handler classes each get the messages of their channels."""
    client = make()
    got: dict[str, Any] = {}

    @client.on(TICKER)
    @client.on("ticker.ETH-PERPETUAL.100ms")
    def decorated(ticker: Ticker) -> None:
        got[f"decorated {ticker.instrument_name}"] = ticker

    client.register(QUOTE, lambda quote: got.update(registered=quote))

    class Base(Handler):
        @on("ticker.{instrument}.100ms")
        def tick(self, ticker: Ticker, instrument: str) -> None:
            got[f"base {instrument}"] = ticker

        @on(BOOK)
        async def book(self, change: BookChange) -> None:
            got["base book"] = change

    class Derived(Base):
        async def book(self, change: BookChange) -> None:
            got["derived book"] = change

    added = client.add_handler(Derived(), instrument=["BTC-PERPETUAL", "ETH-PERPETUAL"])
    async with client:
        await until(lambda: len(got) == 6)
        added.cancel()
        added.cancel()
        got.clear()
        exchange.step(5)
        await asyncio.sleep(0.05)

        assert set(got) == {"decorated BTC-PERPETUAL", "decorated ETH-PERPETUAL", "registered"}
    assert decorated.__name__ == "decorated"


async def test_forms(exchange: SimulatedExchange, make: Make) -> None:
    """The first parameter's annotation chooses the form: typed, plain, bytes or Notification."""
    client = make()
    got: dict[str, Any] = {}

    def bare(payload) -> None:  # type: ignore[no-untyped-def]  # no annotation is one of the forms
        got["bare"] = payload

    def typed(payload: Ticker) -> None:
        got["typed"] = payload

    def plain(payload: dict[str, Any]) -> None:
        got["plain"] = payload

    async def anything(payload: Any) -> None:
        got["any"] = payload

    def raw(payload: bytes) -> None:
        got["raw"] = payload

    async def whole(payload: Notification) -> None:
        got["whole"] = payload

    for callback in (bare, typed, plain, anything, raw, whole):
        client.register(TICKER, callback)
    async with client:
        await until(lambda: len(got) == 6)

    assert isinstance(got["bare"], Ticker)
    assert got["typed"] == got["bare"]
    assert got["plain"] == got["any"]
    assert got["plain"]["instrument_name"] == "BTC-PERPETUAL"
    assert got["raw"].startswith(b"{")
    assert (got["whole"].channel, type(got["whole"].data)) == (TICKER, Ticker)


@pytest.mark.looptime
async def test_received_at_is_when_it_was_received(
    memory: MemoryExchange, remember: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`received_at` is the time of receipt, however late a slow callback gets to it."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("time.time_ns", lambda: round(loop.time() * 1e9))
    client = remember()
    times: list[float] = []

    @client.on(LOGS)
    async def slow(notification: Notification) -> None:
        times.append(notification.received_at / 1e9)
        await asyncio.sleep(10)

    async with client:
        began = loop.time()
        memory.wire.tell(LOGS, [])
        memory.wire.tell(LOGS, [])
        await asyncio.sleep(30)

    assert times == pytest.approx([began, began], abs=0.1)


async def test_wildcards_only_route(exchange: SimulatedExchange, make: Make) -> None:
    """A pattern with a wildcard subscribes nothing, and gets what others subscribe."""
    client = make()
    channels: list[Any] = []
    client.register("ticker.>", lambda note: channels.append(note))
    wild = client.register("{family}.BTC-PERPETUAL.*", lambda payload, family: channels.append(family))
    async with client:
        assert (wild.channels, len(exchange.connections[1].channels)) == ((), 0)
        await client.subscribe(BOOK, TICKER)
        await until(lambda: len(channels) == 3)

    assert {name for name in channels if isinstance(name, str)} == {"book", "ticker"}


@pytest.mark.looptime
async def test_plain_in_place_and_async_in_order(memory: MemoryExchange, remember: Make) -> None:
    """Plain functions run in place; coroutine functions run one call at a time, in order."""
    client = remember()
    plain: list[int] = []
    ordered: list[int] = []
    running = 0

    @client.on(LOGS)
    def now(payload: list[Any]) -> None:
        plain.append(payload[0])

    @client.on(LOGS)
    async def later(payload: list[Any]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep((payload[0] * 7) % 5)
        ordered.append(payload[0])
        running -= 1

    async with client:
        for n in range(50):
            memory.wire.tell(LOGS, [n])
        for _ in range(150):
            await asyncio.sleep(0)
        assert plain == list(range(50))
        await asyncio.sleep(300)

    assert ordered == list(range(50))


# --- mishaps


@pytest.mark.looptime
async def test_mishaps_are_isolated(
    memory: MemoryExchange, remember: Make, ears: Ears, caplog: pytest.LogCaptureFixture
) -> None:
    """A mishap (an exception, a stray cancellation) in one callback is logged, told once, and isolated."""
    client = remember()
    fine: list[Any] = []

    async def cancelled() -> None:
        task = asyncio.ensure_future(asyncio.sleep(0))
        task.cancel()
        await task

    def plain(payload: object) -> None:
        raise LookupError("plain")

    def stray(payload: object) -> None:
        raise asyncio.CancelledError("another's")

    async def coroutine(payload: object) -> None:
        raise LookupError("coroutine")

    async def met_a_cancelled_task(payload: object) -> None:
        await cancelled()

    def forgotten(payload: object) -> Any:
        return cancelled()

    callbacks = (plain, stray, coroutine, met_a_cancelled_task, forgotten)
    for callback in callbacks:
        client.register(LOGS, callback)
    client.register(LOGS, fine.append)
    async with client:
        memory.wire.tell(LOGS, [1])
        await asyncio.sleep(1)
        memory.wire.tell(LOGS, [2])
        await asyncio.sleep(1)

        assert (client.state, len(memory.wires)) == (State.CONNECTED, 1)
    assert fine == [[1], [2]]
    assert len(ears.errors) == 2 * len(callbacks)
    assert all(isinstance(error, Exception) for error in ears.errors)
    for callback in callbacks:
        assert f"{callback.__name__} failed on {LOGS}" in caplog.text


@pytest.mark.looptime
@pytest.mark.parametrize("mishap", [LookupError("hook"), asyncio.CancelledError("hook")])
async def test_failing_hooks(
    memory: MemoryExchange, remember: Make, ears: Ears, mishap: BaseException
) -> None:
    """Hooks that fail, `on_error` among them, are logged and harm neither the link nor other handlers."""

    class Plain(Handler):
        def on_connected(self, event: Connected) -> None:
            raise mishap

        def on_error(self, error: Exception) -> None:
            raise mishap

    class Coroutine(Handler):
        async def on_connected(self, event: Connected) -> None:
            raise LookupError("async")

        async def on_error(self, error: Exception) -> None:
            raise LookupError("async on_error")

    client = remember()
    client.add_handler(Plain())
    client.add_handler(Coroutine())
    async with client:
        await asyncio.sleep(1)

        assert client.state is State.CONNECTED
    assert len(ears.errors) == 2


async def test_garbled_messages(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A message that can't be read is told to on_error; the link and later messages go on."""
    client = make()
    got: list[Any] = []
    client.register(QUOTE, got.append)
    async with client:
        kinds: list[Literal["truncated", "wrong_shape", "no_data"]] = ["truncated", "wrong_shape", "no_data"]
        for kind in kinds:
            exchange.inject(Garble(QUOTE, kind=kind))
            exchange.step(20)
            await asyncio.sleep(0.02)
        got.clear()
        exchange.step(20)
        await until(lambda: got)

        assert len(exchange.ledger.handshakes) == 1
    assert [type(error).__name__ for error in ears.errors] == ["WireError"] * 3


@pytest.mark.looptime
async def test_cancelled_by_another_callback(memory: MemoryExchange, remember: Make) -> None:
    """A registration cancelled by another callback gets not even the message under way."""
    client = remember()
    got: list[str] = []
    held: list[Registration] = []

    def first(payload: object) -> None:
        got.append("first")
        for registration in held:
            registration.cancel()

    async def third(payload: object) -> None:
        got.append("third")

    client.register(LOGS, first)
    held.append(client.register(LOGS, lambda payload: got.append("second")))
    held.append(client.register(LOGS, third))
    async with client:
        memory.wire.tell(LOGS, [])
        await asyncio.sleep(1)

    assert got == ["first"]


@pytest.mark.looptime
async def test_cancel_drops_what_is_queued(memory: MemoryExchange, remember: Make) -> None:
    """`cancel` lets the call under way finish, and makes no more."""
    client = remember()
    got: list[Any] = []

    @client.on("weather")
    def nothing(payload: object) -> None:
        """Keeps the channel."""

    async def slow(payload: list[Any]) -> None:
        await asyncio.sleep(5)
        got.append(payload)

    registration = client.register(LOGS, slow)
    async with client:
        for n in range(5):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(7)
        registration.cancel()
        await asyncio.sleep(60)

    assert got == [[0], [1]]


# --- overflow


@pytest.mark.looptime
async def test_latest(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A slow callback of a state channel gets the newest of each, and no mark."""
    client = remember()
    got: list[Any] = []
    prices = [f"deribit_price_index.{name}" for name in ("a", "b", "c")]

    async def slow(price: Any) -> None:
        await asyncio.sleep(1)
        got.append((price["index_name"], price["timestamp"]))

    client.register("deribit_price_index.{name}", slow, name=["a", "b", "c"], maxsize=4)
    async with client:
        for n in range(100):
            for channel in prices:
                body = {"index_name": channel[-1], "price": 1.0, "timestamp": n}
                memory.wire.tell(channel, body)
        await asyncio.sleep(60)

    assert {("a", 99), ("b", 99), ("c", 99)} <= set(got)
    assert len(got) <= 8
    assert set(ears.names) == {"Connected", "Stale"}  # stale: the indices said nothing more for a minute


@pytest.mark.looptime
async def test_drop_oldest(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A slow callback of public events loses the oldest, and Lagged says how many."""
    client = remember()
    got: list[int] = []

    @client.on(LOGS, maxsize=10)
    async def slow(payload: list[Any]) -> None:
        await asyncio.sleep(1)
        got.append(payload[0])

    async with client:
        for n in range(100):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(60)

    lost = sum(mark.n for mark in ears.marks if isinstance(mark, Lagged) and mark.channel == LOGS)
    assert (len(got) + lost, got[-10:]) == (100, list(range(90, 100)))


@pytest.mark.looptime
async def test_keep(
    memory: MemoryExchange, remember: Make, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    """user.* is never dropped unsaid: beyond the bound SlowConsumer is told and the link replaced.

    What is missed while the callback is still behind is made good by one more link once it caught up.
    """
    monkeypatch.setattr("deribit_ws.handlers.queues.BoundedQueue.__init__.__defaults__", (1024, 1000))
    client = remember(credentials=KEY)
    got: list[int] = []

    @client.on(USER)
    async def slow(payload: list[Any]) -> None:
        await asyncio.sleep(1)
        got.append(payload[0])

    async with client:
        for n in range(120):  # 142 of 7 bytes fit
            memory.wire.tell(USER, [10000 + n])
        await asyncio.sleep(0.5)
        assert len(memory.wires) == 1
        for n in range(120):
            memory.wire.tell(USER, [10120 + n])
        await asyncio.sleep(10)
        assert len(memory.wires) == 2
        for n in range(100):
            memory.wire.tell(USER, [10500 + n])
        await asyncio.sleep(10)
        assert len(memory.wires) == 2
        await asyncio.sleep(200)

        assert len(memory.wires) == 3
    assert [type(error) for error in ears.errors] == [SlowConsumer, SlowConsumer]
    assert got[:142] == list(range(10000, 10142))


@pytest.mark.looptime
async def test_fail(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Under "fail" a full queue ends the registration with SlowConsumer; the link stays."""
    client = remember()

    @client.on(LOGS, overflow="fail", maxsize=5)
    async def slow(payload: object) -> None:
        await asyncio.sleep(1)

    async with client:
        for n in range(20):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(1)

        assert memory.wire.methods[-1] == "public/unsubscribe"
        assert (len(memory.wires), [type(error) for error in ears.errors]) == (1, [SlowConsumer])


@pytest.mark.looptime
async def test_block(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Under "block" reading pauses while a queue is full, nothing is lost, and others wait too."""
    client = remember()
    slow_got: list[int] = []
    fast_got: list[int] = []

    @client.on(LOGS, overflow="block", maxsize=4)
    async def slow(payload: list[Any]) -> None:
        await asyncio.sleep(0.5)
        slow_got.append(payload[0])

    client.register(LOGS, lambda payload: fast_got.append(payload[0]))
    async with client:
        for n in range(50):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(2)
        assert len(fast_got) < 15
        await asyncio.sleep(60)

    assert slow_got == fast_got == list(range(50))
    assert ears.names == ["Connected"]


@pytest.mark.looptime
async def test_block_for_too_long(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A callback that blocks for 5 s gets SlowConsumer told and the link replaced; later ones are read."""
    loop = asyncio.get_running_loop()
    client = remember()
    fast_got: list[Any] = []

    @client.on(LOGS, overflow="block", maxsize=4)
    async def stuck(payload: object) -> None:
        await asyncio.sleep(3600)

    client.register(QUOTE, fast_got.append)
    async with client:
        began = loop.time()
        for n in range(10):
            memory.wire.tell(LOGS, [n])
        await until(lambda: len(memory.wires) == 2, 60)
        assert 5 <= loop.time() - began <= 5.6
        assert [type(error) for error in ears.errors] == [SlowConsumer]
        await asyncio.sleep(1)
        memory.wire.tell(QUOTE, EMPTY_QUOTE)
        await asyncio.sleep(20)

        assert (len(fast_got), len(memory.wires)) == (1, 2)


@pytest.mark.looptime
async def test_lost_while_blocked(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A link lost while a callback blocks takes the block with it: the next one is not replaced for it."""
    client = remember()

    @client.on(LOGS, overflow="block", maxsize=4)
    async def stuck(payload: object) -> None:
        await asyncio.sleep(3600)

    async with client:
        for n in range(10):
            memory.wire.tell(LOGS, [n])
        await asyncio.sleep(3)
        client._registry.link.lose(1006, "meanwhile")  # type: ignore[union-attr]  # there is one
        await asyncio.sleep(10)

        assert (len(memory.wires), ears.errors) == (2, [])


@pytest.mark.parametrize("bad", [{"overflow": "sometimes"}, {"maxsize": 0}])
async def test_impossible_policies(make: Make, bad: dict[str, Any]) -> None:
    """A policy that is none, or a queue without room, is a UsageError; so is one for a plain function."""
    client = make()

    async def callback(payload: object) -> None:
        """Never called."""

    with pytest.raises(UsageError):
        client.register(LOGS, callback, **bad)
    with pytest.raises(UsageError, match="in place"):
        client.register(LOGS, print, maxsize=5)
    await client.aclose()


# --- hooks


async def test_marks_come_in_pairs(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Each drop tells exactly one Disconnected and one Connected, in order, to plain and async hooks."""
    heard: list[Any] = []

    class Coroutine(Handler):
        async def on_connected(self, event: Any) -> None:
            await asyncio.sleep(0)
            heard.append(event)

        on_disconnected = on_connected

    client = make()
    client.add_handler(Coroutine())
    client.register(TICKER, lambda payload: None)
    ways = [Drop.rst(), Drop.fin(), Drop.fin(inside_frame=True), Drop.close(1000), Drop.close(4000, "why")]
    async with client:
        for drop in ways:
            await dropped(exchange, client, drop)
        await until(lambda: len(heard) == 11)

    assert ears.names == ["Connected", *["Disconnected", "Connected"] * 5]
    assert heard == ears.marks
    assert [mark.connection for mark in ears.marks if isinstance(mark, Connected)] == [1, 2, 3, 4, 5, 6]
    assert (ears.marks[9].code, ears.marks[9].reason) == (4000, "why")


@pytest.mark.looptime
async def test_handler_removed_by_a_hook(memory: MemoryExchange, remember: Make) -> None:
    """A handler cancelled in another's hook is told no more, not even of the same mark."""
    client = remember()
    told: list[str] = []

    class First(Handler):
        def on_connected(self, event: Connected) -> None:
            added.cancel()

    class Second(Handler):
        def on_connected(self, event: Connected) -> None:
            told.append("second")

    client.add_handler(First())
    added = client.add_handler(Second())
    async with client:
        assert told == []


async def test_handlers_that_do_not_fit(make: Make) -> None:
    """No handler instance, one added twice, an unknown placeholder: UsageError, and nothing stays."""
    client = make()

    class Desk(Handler):
        @on("ticker.{instrument}.100ms")
        def tick(self, ticker: Ticker, instrument: str) -> None: ...

        @on(BOOK)
        def book(self, change: Trade) -> None: ...

    with pytest.raises(UsageError, match="no Handler"):
        client.add_handler(Desk)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(UsageError, match="placeholder"):
        client.add_handler(Desk(), nothing="x")
    with pytest.raises(UsageError, match="change"):
        client.add_handler(Desk(), instrument="BTC-PERPETUAL")
    assert not client._registry.subscriptions.wanted
    handler = Handler()
    client.add_handler(handler)
    with pytest.raises(UsageError, match="already"):
        client.add_handler(handler)
    await client.aclose()


async def test_own_copy_of_the_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A drop is one WARNING, a new link one INFO."""
    caplog.set_level(logging.INFO, "deribit_ws")
    client: Client = make()
    async with client:
        assert [record.levelname for record in caplog.records] == ["INFO"]
