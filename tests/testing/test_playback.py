"""A recording served: what was recorded and nothing else, to whoever comes, its drops included."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from deribit_ws import Client, Credentials, Disconnected, Gap, Handler
from deribit_ws.orderbook import OrderBook
from deribit_ws.testing import DropChannels
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.playback import PlaybackExchange, channels_in
from deribit_ws.wire.market import BookChange
from tests.testing.peer import Peer

BOOK = "book.BTC-PERPETUAL.100ms"
TICKER = "ticker.BTC-PERPETUAL.100ms"
TRADES = "trades.BTC-PERPETUAL.100ms"
OWN = "user.orders.any.any.raw"
SECOND = 1_000_000_000
NOON = 1_795_348_800 * SECOND


@dataclass(frozen=True)
class Line:
    """A record, as a reader of recordings gives it."""

    t: int
    received: str | None = None
    event: str = ""
    code: int = 0
    reason: str = ""


def said(seconds: float, channel: str, data: Any) -> Line:
    """A message; its frame is spaced as no encoder here would."""
    message = {"method": "subscription", "params": {"channel": channel, "data": data}, "jsonrpc": "2.0"}
    return Line(NOON + round(seconds * SECOND), json.dumps(message, indent=1))


def lost(seconds: float, code: int, reason: str = "") -> Line:
    return Line(NOON + round(seconds * SECOND), event="lost", code=code, reason=reason)


def level(action: str, price: float, amount: float) -> tuple[str, float, float]:
    return action, price, amount


def book(change_id: int, before: int | None, *, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    body = {"timestamp": 1, "change_id": change_id, "instrument_name": "BTC-PERPETUAL"}
    body |= {"type": "snapshot"} if before is None else {"type": "change", "prev_change_id": before}
    return body | {"bids": list(bids), "asks": list(asks)}


SNAPSHOT = book(1, None, bids=[level("new", 10, 1), level("new", 9, 2)], asks=[level("new", 11, 3)])
CHANGE = book(2, 1, bids=[level("delete", 9, 0), level("new", 8, 5)], asks=[level("change", 11, 4)])
LAST = book(3, 2, asks=[level("new", 12, 7)])
TICKS = [said(n, TICKER, {"n": n}) for n in range(10)]


@asynccontextmanager
async def played(lines: list[Line], **options: Any) -> AsyncIterator[tuple[PlaybackExchange, MemoryNetwork]]:
    """An exchange that plays these lines, and the network that leads to it."""
    exchange = PlaybackExchange(
        lambda: lines, channels_in(lines), listen=False, wall_clock=loop_clock(), **options
    )
    async with exchange, exchange.memory() as network:
        yield exchange, network


@asynccontextmanager
async def dialled(exchange: PlaybackExchange, network: MemoryNetwork) -> AsyncIterator[Peer]:
    async with network.session.ws_connect(exchange.url, max_msg_size=0) as socket:
        yield Peer(socket)


async def frames(peer: Peer, seconds: float) -> list[str]:
    """What arrives within a while."""
    heard: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            async for message in peer.socket:
                heard.append(message.data)
    except TimeoutError:
        pass
    return heard


def data_of(heard: list[str]) -> list[Any]:
    return [json.loads(frame)["params"]["data"] for frame in heard]


@pytest.mark.looptime
async def test_says_what_was_recorded_byte_for_byte() -> None:
    """A subscriber gets the recorded frames of its channels, in order, as they were, and no others."""
    lines = [
        said(0, BOOK, SNAPSHOT),
        TICKS[1],
        said(1.5, TRADES, []),
        TICKS[2],
        Line(NOON, '{"id":1,"result":1}'),
    ]
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        accepted = await peer.subscribe(BOOK, TICKER)
        heard = await frames(peer, 5)

    assert sorted(accepted) == [BOOK, TICKER]
    assert heard == [lines[0].received, lines[1].received, lines[3].received]


@pytest.mark.looptime
@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 9.0), (10.0, 0.9), (0.5, 18.0), (math.inf, 0.0)])
async def test_keeps_the_pace(speed: float, seconds: float) -> None:
    """Nine recorded seconds take nine divided by the speed; at the highest, none."""
    loop = asyncio.get_running_loop()
    async with played(TICKS, speed=speed) as (exchange, network), dialled(exchange, network) as peer:
        await peer.subscribe(TICKER)
        began = loop.time()
        for _ in TICKS:
            await peer.socket.receive()
        took = loop.time() - began

    assert took == pytest.approx(seconds, abs=0.05)


@pytest.mark.looptime
async def test_waits_for_the_first_subscription() -> None:
    """Nothing is said, and no time of the recording passes, before somebody has subscribed."""
    async with played(TICKS) as (exchange, network), dialled(exchange, network) as peer:
        await asyncio.sleep(60)
        await peer.subscribe(TICKER)
        heard = await frames(peer, 4.5)

    assert data_of(heard) == [{"n": n} for n in range(5)]


@pytest.mark.looptime
@pytest.mark.parametrize("lines", [[], [lost(1, 1006, "reset"), Line(NOON, '{"id":1,"result":1}')]])
async def test_nothing_to_say(lines: list[Line]) -> None:
    """A recording without messages stands still, and its exchange answers all the same."""
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        accepted = await peer.subscribe(TICKER)
        heard = await frames(peer, 3600)

    assert (accepted, heard) == ([], [])


@pytest.mark.looptime
async def test_other_channels_are_left_out() -> None:
    """A channel that was not recorded is missing in the answer, as the exchange leaves out an unknown one."""
    async with played(TICKS) as (exchange, network), dialled(exchange, network) as peer:
        accepted = await peer.subscribe("ticker.ETH-PERPETUAL.100ms", "nope", TICKER)

    assert accepted == [TICKER]


@pytest.mark.looptime
@pytest.mark.parametrize("late_by", [0.5, 1.5, 2.5])
async def test_late_subscriber_of_a_book_gets_a_snapshot(late_by: float) -> None:
    """A book joined late begins with a snapshot that the next change continues: both end up the same."""
    lines = [
        said(0, BOOK, SNAPSHOT),
        said(1, BOOK, CHANGE),
        said(2, BOOK, book(3, 2)),
        said(3, BOOK, book(4, 3)),
    ]
    lines[2:] = [said(2, BOOK, LAST), said(3, BOOK, book(4, 3, bids=[level("new", 9.5, 6)]))]
    async with (
        played(lines) as (exchange, network),
        dialled(exchange, network) as first,
        dialled(exchange, network) as late,
    ):
        await first.subscribe(BOOK)
        await asyncio.sleep(late_by)
        await late.subscribe(BOOK)
        heard = [data_of(await frames(peer, 5)) for peer in (late, first)]
        states = [book_after(messages) for messages in heard]
        levels = [*heard[0][0]["bids"], *heard[0][0]["asks"]]

    assert heard[0][0]["type"] == "snapshot" and all(amount for _, _, amount in levels)
    assert states[0] == states[1] == ([(10, 1), (9.5, 6), (8, 5)], [(11, 4), (12, 7)], 4)


def book_after(messages: list[Any]) -> tuple[Any, Any, int | None]:
    kept = OrderBook("BTC-PERPETUAL")
    for message in messages:
        kept.apply(msgspec.convert(message, BookChange))
    return list(kept.bids), list(kept.asks), kept.change_id


@pytest.mark.looptime
async def test_late_subscriber_of_a_state_gets_the_last_one() -> None:
    """Of a channel whose messages are whole states, a late subscriber gets the last one at once."""
    async with (
        played(TICKS) as (exchange, network),
        dialled(exchange, network) as first,
        dialled(exchange, network) as late,
    ):
        await first.subscribe(TICKER)
        await asyncio.sleep(3.5)
        await late.subscribe(TICKER)
        heard = await frames(late, 1)

    assert data_of(heard) == [{"n": 3}, {"n": 4}]


class Ear(Handler):
    """Hears of drops."""

    def __init__(self) -> None:
        self.drops: list[Disconnected] = []

    def on_disconnected(self, event: Disconnected) -> None:
        self.drops.append(event)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("code", "reason", "felt"),
    [
        (4000, "bye", "bye"),
        (1001, "", ""),
        (1005, "", ""),
        (1006, "[Errno 104] Connection reset by peer", "[Errno 104] Connection reset by peer"),
        (1006, "ended without a close frame", "ended without a close frame"),
        (1008, "y" * 500, "y" * 123),
    ],
)
async def test_drops_are_played(code: int, reason: str, felt: str) -> None:
    """Where the recorded link was lost, every client loses its own in the recorded way, and only there."""
    lines = [TICKS[0], TICKS[1], lost(1.5, code, reason), TICKS[4]]
    ears = Ear(), Ear()
    async with played(lines) as (exchange, network):
        clients = [Client(exchange.url, session=network.session) for _ in ears]
        for client, ear in zip(clients, ears, strict=True):
            client.add_handler(ear)
        async with clients[0], clients[1]:
            clients[0].register(TICKER, ignore)
            await asyncio.sleep(1.4)
            before = [len(ear.drops) for ear in ears]
            await asyncio.sleep(30)

    assert before == [0, 0]
    assert [(drop.code, drop.reason) for ear in ears for drop in ear.drops] == [(code, felt)] * 2


def ignore(data: bytes) -> None:
    pass


@pytest.mark.looptime
async def test_goes_on_when_somebody_is_back() -> None:
    """After a drop nothing is said until somebody subscribes again, and not before its recorded time."""
    lines = [TICKS[0], lost(1, 4000), TICKS[3], TICKS[4]]
    async with played(lines) as (exchange, network):
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with dialled(exchange, network) as peer:
            await peer.subscribe(TICKER)
            await frames(peer, 30)
        async with dialled(exchange, network) as early:
            await early.subscribe(TICKER)
            first = (await early.socket.receive()).data
            early_at = loop.time() - began

    assert (first, round(early_at)) == (lines[2].received, 3)

    async with played(lines) as (exchange, network):
        async with dialled(exchange, network) as peer:
            await peer.subscribe(TICKER)
            await frames(peer, 30)
        await asyncio.sleep(1000)
        async with dialled(exchange, network) as late:
            await late.subscribe(TICKER)
            heard = await frames(late, 5)

    assert heard == [lines[2].received, lines[3].received]


@pytest.mark.looptime
async def test_the_recorders_own_end_is_no_drop() -> None:
    """That the recording client closed its link in the end ends nobody else's."""
    lines = [TICKS[0], lost(1, 1000, "closed by us")]
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        await peer.subscribe(TICKER)
        await frames(peer, 60)
        time = await peer.result("public/get_time")

    assert time > 0


@pytest.mark.looptime
async def test_begins_anew_when_all_have_left() -> None:
    """After its end, and once everybody has left, the next one to come is played all of it again."""
    told: list[str] = []
    async with played(TICKS[:3], tell=told.append) as (exchange, network):
        rounds = []
        for _ in range(2):
            async with dialled(exchange, network) as peer:
                await peer.subscribe(TICKER)
                rounds.append(data_of(await frames(peer, 10)))
            await exchange.ledger.until(lambda: not exchange.connections)

    assert rounds == [[{"n": 0}, {"n": 1}, {"n": 2}]] * 2
    assert len(told) == 2 and all("over" in line for line in told)


@pytest.mark.looptime
async def test_a_clock_that_was_set_back() -> None:
    """Where the clock that recorded it was set back, it goes on at once, and then at its pace."""
    lines = [*TICKS[8:], *TICKS[:3]]
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        await peer.subscribe(TICKER)
        heard = await frames(peer, 2.5)
        later = await frames(peer, 1)

    assert [data["n"] for data in data_of(heard)] == [8, 9, 0, 1]
    assert [data["n"] for data in data_of(later)] == [2]


@pytest.mark.looptime
async def test_nothing_is_lost_at_the_highest_speed() -> None:
    """As fast as they are taken means taken: a client that reads slowly gets every message, in order."""
    lines = [said(n, TICKER, {"n": n, "filler": "x" * 2000}) for n in range(4000)]
    options = {"speed": math.inf, "output_limit": 3 << 20}
    async with played(lines, **options) as (exchange, network), dialled(exchange, network) as peer:
        await peer.subscribe(TICKER)
        numbers: list[int] = []
        while len(numbers) < len(lines):
            numbers.append(json.loads((await peer.socket.receive()).data)["params"]["data"]["n"])
            if len(numbers) % 500 == 0:
                await asyncio.sleep(1)

    assert numbers == list(range(4000))


@pytest.mark.looptime
async def test_nobody_holds_up_the_others() -> None:
    """At the highest speed, a client that reads nothing is dropped as too slow, and the rest goes on."""
    lines = [said(n, TICKER, {"n": n, "filler": "x" * 2000}) for n in range(3000)]
    async with (
        played(lines, speed=math.inf) as (exchange, network),
        dialled(exchange, network) as stuck,
        dialled(exchange, network) as peer,
    ):
        assert stuck.socket._response.connection is not None
        transport = stuck.socket._response.connection.transport
        assert transport is not None
        await stuck.subscribe(TICKER)
        transport.pause_reading()
        await peer.subscribe(TICKER)
        heard = await frames(peer, 60)
        slow = [drop.fault.reason for drop in exchange.ledger.drops]

    assert data_of(heard)[-1]["n"] == 2999
    assert slow == ["connection_too_slow"]


@pytest.mark.looptime
async def test_what_is_not_recorded_is_refused() -> None:
    """Methods that would ask a market are refused as not implemented, also once faults were cleared."""
    async with played(TICKS) as (exchange, network), dialled(exchange, network) as peer:
        errors = [await peer.error("public/get_order_book", instrument_name="BTC-PERPETUAL")]
        exchange.inject(DropChannels(TICKER))
        exchange.clear_faults()
        errors.append(await peer.error("public/ticker", instrument_name="BTC-PERPETUAL"))
        accepted = await peer.subscribe(TICKER)

    assert [error["code"] for error in errors] == [10033, 10033]
    assert accepted == [TICKER]


@pytest.mark.looptime
async def test_private_channels_need_a_login() -> None:
    """A recorded private channel is given to whoever is logged in, and to nobody else."""
    lines = [said(0, OWN, {"order_id": "1"}), TICKS[1]]
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        refused = await peer.error("private/subscribe", channels=[OWN])
        await peer.login()
        accepted = await peer.subscribe(OWN, TICKER, scope="private")
        heard = await frames(peer, 5)

    assert refused["code"] == 13009
    assert sorted(accepted) == [TICKER, OWN] and heard == [line.received for line in lines]


@pytest.mark.looptime
async def test_a_client_lives_through_it() -> None:
    """The real client gets each recorded message once, over the recorded drops, and a valid book."""
    lines = [said(0, BOOK, SNAPSHOT), *TICKS[:3], lost(2.5, 1006, "Connection reset by peer")]
    lines += [said(3, BOOK, book(9, None, bids=[level("new", 7, 1)], asks=[level("new", 8, 1)])), *TICKS[4:]]
    async with played(lines) as (exchange, network):
        client = Client(exchange.url, session=network.session, credentials=Credentials("simulated", "secret"))
        numbers: list[int] = []

        def count(data: bytes) -> None:
            numbers.append(json.loads(data)["n"])

        client.register(TICKER, count)
        async with client, client.order_book("BTC-PERPETUAL") as kept:
            await asyncio.sleep(30)
            state = kept.valid, kept.best_bid, kept.change_id

    assert numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert state == (True, (7, 1), 9)


def trade(seconds: float, seq: int, name: str = "BTC-PERPETUAL") -> dict[str, Any]:
    times = {
        "timestamp": (NOON + round(seconds * SECOND)) // 1_000_000,
        "trade_seq": seq,
        "trade_id": str(seq),
    }
    return times | {"instrument_name": name, "price": 1.0, "amount": 1.0, "direction": "buy"}


@pytest.mark.looptime
async def test_history_is_what_was_played() -> None:
    """The methods that read past trades give those said so far, each once, by sequence, time or id."""
    option = "BTC-25DEC26-90000-C"
    lines = [said(1, TRADES, [trade(1, 4), trade(1, 5)]), said(2, TRADES, [trade(2, 9)])]
    lines += [
        said(3, "trades.any.BTC.100ms", [trade(2, 9), trade(3, 30, option)]),
        said(99, TRADES, [trade(99, 10)]),
    ]
    async with played(lines) as (exchange, network), dialled(exchange, network) as peer:
        await peer.subscribe(TRADES)
        await asyncio.sleep(10)

        async def seqs(method: str, **params: Any) -> list[int]:
            page = await peer.result(f"public/get_last_trades_by_{method}", **params)
            return [trade["trade_seq"] for trade in page["trades"]]

        name = {"instrument_name": "BTC-PERPETUAL"}
        asked = [
            await seqs("instrument", **name),
            await seqs("instrument", **name, start_seq=5, sorting="asc"),
            await seqs("instrument", instrument_name="ETH-PERPETUAL"),
            await seqs(
                "instrument_and_time", **name, start_timestamp=trade(2, 0)["timestamp"], end_timestamp=2**60
            ),
            await seqs("currency", currency="BTC", sorting="asc"),
            await seqs("currency", currency="BTC", kind="option"),
            await seqs("currency", currency="BTC", start_id="5", count=2, sorting="asc"),
            await seqs("currency", currency="USDC"),
        ]

    assert asked == [[9, 5, 4], [5, 9], [], [9], [4, 5, 9, 30], [30], [5, 9], []]


@pytest.mark.looptime
async def test_a_clients_trades_live_through_it() -> None:
    """The client's stream of trades gives each recorded one once, and calls a gap what was not recorded."""
    lines = [said(1, TRADES, [trade(1, 4)]), said(2, TRADES, [trade(2, 5)]), lost(3, 4000)]
    lines += [said(4, TRADES, [trade(4, 8)]), said(5, TRADES, [trade(5, 9)])]
    async with played(lines) as (exchange, network):
        client = Client(exchange.url, session=network.session)
        got: list[Any] = []
        async with client, client.trades("BTC-PERPETUAL", marks=True) as trades:
            try:
                async with asyncio.timeout(60):
                    async for item in trades:
                        got.append(getattr(item, "trade_seq", item))
            except TimeoutError:
                pass

    assert [item for item in got if isinstance(item, int | Gap)] == [4, 5, Gap("BTC-PERPETUAL", 6, 7), 8, 9]
