"""Dropped again and again: the waits between dials, and that nothing grows, is lost or comes twice."""

import asyncio
import gc
import logging
import os
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import Client, ConnectFailed, Credentials, Notification, RateLimited, State, Stream, Trade
from deribit_ws.limits.pools import _DEFAULTS
from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    DropOnRequest,
    Maintenance,
    RefuseHandshake,
    SimulatedExchange,
)
from tests.client.conftest import Build, Ears, Make, dropped, until
from tests.client.far_end import MemoryExchange, Message, Refused, Wire

TICKER, TRADES = "ticker.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.raw"
DROPS = int(os.environ.get("DERIBIT_WS_DROPS", "100"))  # 1000 by hand


# --- waits


def limit(wire: Wire) -> Refused:
    """What Deribit does to who asks too much: an error, and the end half a second later."""
    asyncio.get_running_loop().call_later(0.5, wire.drop)
    return Refused(10028)


@pytest.mark.looptime
async def test_drop_after_too_many_requests(memory: MemoryExchange, remember: Make) -> None:
    """A drop that follows a 10028 is answered with a wait of at least 5 s, each time."""

    def refuse(wire: Wire, request: Message) -> Any:
        raise limit(wire)

    memory.answers["private/buy"] = refuse
    async with remember() as client:
        for _ in range(3):
            with pytest.raises(RateLimited):
                await client.call("private/buy")
            await asyncio.sleep(0.6)
            assert client.state is State.CONNECTING
            await client.wait_connected()

    assert all(wait >= 5 for wait in memory.waits)


@pytest.mark.looptime
async def test_read_outlives_too_many_requests(memory: MemoryExchange, remember: Make) -> None:
    """A read that meets a 10028, and the end of the session after it, is answered on the next link; one
    that meets nothing else raises RateLimited by its deadline."""

    def refuse(wire: Wire, request: Message) -> Any:
        if wire.number % 3:
            raise limit(wire)
        return 7

    memory.answers["public/get_time"] = refuse
    async with remember() as client:
        assert await client.call("public/get_time", timeout=60) == 7
        assert len(memory.wires) == 3
        memory.answers["public/get_time"] = lambda wire, request: refuse(wires[0], request)
        wires = memory.wires
        with pytest.raises(RateLimited):
            await client.call("public/get_time", timeout=12)

    assert all(wait >= 5 for wait in memory.waits)


@pytest.mark.looptime
async def test_subscribing_too_much(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A 10028 to a subscribe call, and the drop after it, slow the client down; nothing is given up."""

    def refuse(wire: Wire, request: Message) -> Any:
        if wire.number < 4:
            raise limit(wire)
        return request["params"]["channels"]

    memory.answers["public/subscribe"] = refuse
    async with remember() as client:
        await client.subscribe(TICKER)

        assert [len(wire.asked("public/subscribe")) for wire in memory.wires] == [1, 1, 1, 1]
        assert all(wait >= 5 for wait in memory.waits)
        assert ears.errors == []


@pytest.mark.looptime
async def test_old_rate_limit_is_forgotten(memory: MemoryExchange, remember: Make) -> None:
    """A drop long after a 10028 has nothing to do with it, and is dialled at once."""

    def refuse(_: Wire, __: Message) -> Any:
        raise Refused(10028)

    memory.answers["public/get_index_price"] = refuse
    async with remember() as client:
        await asyncio.gather(client.call("public/get_index_price"), return_exceptions=True)
        await asyncio.sleep(3600)
        dropped_at = asyncio.get_running_loop().time()
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2)

        assert memory.dials[1] - dropped_at < 1


@pytest.mark.looptime
async def test_backoff_forgets_on_health(memory: MemoryExchange, remember: Make) -> None:
    """After half a minute of health a drop costs a first wait again, whatever came before."""
    client = remember(retry_seconds=30)
    async with client:
        for _ in range(8):
            memory.wire.drop()
            count = len(memory.wires)
            await until(lambda count=count: len(memory.wires) > count, 60)  # type: ignore[misc]  # bound at once
            await client.wait_connected()
        assert memory.waits[-1] > 5
        await asyncio.sleep(31)
        gone = asyncio.get_running_loop().time()
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 10)

        assert memory.dials[-1] - gone <= 0.3


@pytest.mark.looptime
async def test_maintenance_of_two_minutes(memory: MemoryExchange, remember: Make) -> None:
    """An exchange that refuses for 120 s is dialled at most about 12 times a minute, then found again."""
    loop = asyncio.get_running_loop()
    over = loop.time() + 120
    dial = memory.dial

    async def refused() -> Wire:
        if memory.wires and loop.time() < over:
            memory.dials.append(loop.time())
            raise ConnectFailed("HTTP 503 instead of a websocket", status=503)
        return await dial()

    memory.dial = refused  # type: ignore[method-assign]  # the far end's own mood
    async with remember(retry_seconds=30) as client:
        memory.wire.drop(1001)
        await until(lambda: len(memory.wires) == 2, 200)
        await client.wait_connected()

    assert loop.time() - over <= 31
    assert len(memory.dials) <= 16


async def test_maintenance(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Maintenance (said, closed with 1001, refused, back) is outlived, with all subscriptions."""
    client = make(retry_seconds=0.05)
    said: list[Any] = []
    client.register("platform_state", said.append)
    client.register(TICKER, lambda payload: None)
    async with client:
        exchange.inject(Maintenance(0.3))
        await until(lambda: 2 in exchange.connections and client.state is State.CONNECTED)

        assert set(exchange.connections[2].channels) == {"platform_state", TICKER}
    assert said[0].maintenance is True
    assert (ears.names, ears.marks[1].code) == (["Connected", "Disconnected", "Connected"], 1001)
    assert len(exchange.ledger.handshakes) <= 16


async def test_accept_then_close(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A server that accepts and closes is not dialled in a hot loop, and no mark is told of such links."""
    exchange.inject(AcceptThenClose(times=10_000))
    entering = asyncio.create_task(make(retry_seconds=0.1).__aenter__())
    await asyncio.sleep(1)
    dials = len(exchange.ledger.handshakes)
    exchange.clear_faults()
    client = await entering
    await client.aclose()

    assert dials <= 3 + 1 / 0.05
    assert ears.names == ["Connected"]


async def test_too_many_connections(
    exchange: SimulatedExchange, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """HTTP 429 once a link has lived is dialled again after its floor, said in a WARNING."""
    client = make()
    async with client:
        exchange.inject(RefuseHandshake(429))
        exchange.inject(Drop.rst())
        await until(lambda: "429" in caplog.text)

        assert "dialling again in 5.00 s" in caplog.text


async def test_refused_after_it_has_lived(
    exchange: SimulatedExchange, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A 403 once a link has lived is no end: it is dialled again, 5 s later."""
    client = make()
    async with client:
        exchange.inject(RefuseHandshake(403))
        exchange.inject(Drop.rst())
        await until(lambda: "403" in caplog.text)

        assert (client.state, "dialling again in 5.00 s" in caplog.text) == (State.CONNECTING, True)


# --- many drops


def held() -> int:
    """Bytes that the client's own lines have allocated; the exchange here remembers every connection."""
    gc.collect()
    mine = [tracemalloc.Filter(True, "*/deribit_ws/*"), tracemalloc.Filter(False, "*/testing/*")]
    return sum(line.size for line in tracemalloc.take_snapshot().filter_traces(mine).statistics("filename"))


def files() -> int:
    """Open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


ENDLESS = dict.fromkeys(_DEFAULTS, (1e9, 1e9))  # requests a second and burst of each pool
WAYS = [
    Drop.rst(),
    Drop.fin(),
    Drop.fin(inside_frame=True),
    Drop.close(1000),
    Drop.close(1001),
    Drop.close(4000, "heartbeat close"),
    Drop.close(),
]


class Crowd:
    """A client with consumers of every kind, and what they were given."""

    def __init__(self, exchange: SimulatedExchange, ears: Ears) -> None:
        self.client = Client(exchange.url, retry_seconds=0.005, credentials=Credentials("a", "b"))
        self.client.add_handler(ears)
        self.delivered: list[int] = []
        self.streamed: list[int] = []
        self.client.register(TRADES, self.collect)
        self.client.register("book.{name}.100ms", lambda book: None, name=["BTC-PERPETUAL", "ETH-PERPETUAL"])
        self.client.register("user.orders.BTC-PERPETUAL.raw", lambda order: None)
        self.wanted = {
            TRADES,
            "book.BTC-PERPETUAL.100ms",
            "book.ETH-PERPETUAL.100ms",
            "user.orders.BTC-PERPETUAL.raw",
        }

    def collect(self, trades: list[Trade]) -> None:
        self.delivered.extend(trade.trade_seq for trade in trades)

    async def read(self, stream: Stream[Any]) -> None:
        async for item in stream:
            if isinstance(item, Notification):
                self.streamed.extend(trade.trade_seq for trade in item.data)


async def test_many_drops(
    build: Build, ears: Ears, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Dropped in any way, again and again: nothing grows, no dial too many, marks come in pairs, each
    trade sent on a live link comes once, and the subscriptions are whole at the end."""
    monkeypatch.setattr("deribit_ws.limits.pools._DEFAULTS", ENDLESS)  # else the credits make it minutes
    caplog.set_level(logging.CRITICAL, "deribit_ws")  # else pytest keeps every record, and what it is about
    rng = random.Random(7)
    exchange: SimulatedExchange = await build(accounts={"a": "b"}, credits=None)
    crowd = Crowd(exchange, ears)
    tasks = descriptors = memory = 0
    async with crowd.client as client, client.stream(TRADES, marks=True) as stream:
        reading = asyncio.create_task(crowd.read(stream))
        tracemalloc.start()
        for number in range(DROPS):
            exchange.step(rng.randrange(3))
            if rng.random() < 0.5:
                await client.call("public/get_time")
            await asyncio.sleep(rng.choice([0, 0, rng.random() * 0.01]))
            await dropped(exchange, client, rng.choice(WAYS))
            if number == DROPS // 5:
                tasks, descriptors, memory = len(asyncio.all_tasks()), files(), held()
        await client.call("public/get_time")
        grown = held() - memory
        tracemalloc.stop()
        assert set(exchange.connections[max(exchange.connections)].channels) == crowd.wanted
        assert len(asyncio.all_tasks()) <= tasks + 1
        assert files() <= descriptors + 2
    await reading

    assert DROPS + 1 <= len(exchange.ledger.handshakes) <= DROPS + 3
    assert ears.names == ["Connected", *["Disconnected", "Connected"] * DROPS]
    assert crowd.delivered == sorted(set(crowd.delivered)) == crowd.streamed
    sent = exchange.ledger.trade_seqs_sent(TRADES)
    assert set(crowd.delivered) <= set(sent)
    # What the exchange wrote just before it reset the connection may die with it; nothing else may.
    assert len(sent) - len(crowd.delivered) <= 0.2 * len(sent)
    assert grown < 1_000 * DROPS  # 1 MiB per 1,000 faults


async def test_trades_sent_before_an_orderly_end(exchange: SimulatedExchange, make: Make) -> None:
    """What was sent before a close frame or FIN is delivered, all of it, once."""
    client = make()
    delivered: list[int] = []
    channel = "trades.BTC-PERPETUAL.100ms"

    @client.on(channel)
    async def collect(trades: list[Trade]) -> None:
        delivered.extend(trade.trade_seq for trade in trades)

    async with client:
        for drop in [Drop.fin(), Drop.close(1000), Drop.fin(inside_frame=True)] * 5:
            exchange.step(20)
            await dropped(exchange, client, drop)
        await client.call("public/test")
        await asyncio.sleep(0.01)

    assert delivered == exchange.ledger.trade_seqs_sent(channel)


@pytest.mark.parametrize("before_reply", [True, False])
async def test_drops_around_each_request(exchange: SimulatedExchange, make: Make, before_reply: bool) -> None:
    """Fifty links lost around the subscribe call are outlived, and the next has all."""
    client = make(retry_seconds=0.005)
    client.register(TICKER, lambda payload: None)
    async with client:
        exchange.inject(DropOnRequest("public/subscribe", Drop.rst(), times=10, before_reply=before_reply))
        exchange.inject(Drop.rst())
        await until(lambda: len(exchange.ledger.handshakes) == 12)
        await until(lambda: client.state is State.CONNECTED)
        number = max(exchange.connections)
        await until(lambda: set(exchange.connections[number].channels) == {TICKER})


@pytest.mark.looptime
async def test_mute_link_is_left_at_once(memory: MemoryExchange, remember: Make) -> None:
    """A half-open peer does not hold up the next dial with its close handshake."""
    async with remember(heartbeat=None):
        wire = memory.wire
        wire.deaf = wire.swallows_close = True
        memory.mute("public/test")
        await until(lambda: len(memory.dials) == 2, 60)

        assert memory.waits[0] <= 20.6
        assert wire.closed == "abandoned"
