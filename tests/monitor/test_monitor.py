"""The monitor: what it sees is what the exchange did, through drops, gaps, refusals and silence."""

import asyncio

import pytest

from deribit_ws import Client, State, SubscriptionRejected
from deribit_ws.monitor import Health
from deribit_ws.monitor.lines import as_values, channel_lines, state_line, summary_line
from deribit_ws.testing import Drop, DropChannels, Maintenance, SimulatedExchange, SkipChange
from tests.client.conftest import Build, until
from tests.client.far_end import MemoryExchange
from tests.monitor.conftest import watching
from tests.monitor.scenes import BOOK, INDEX, TICKER

TRADES, GROUPED = "trades.BTC-PERPETUAL.100ms", "book.ETH-PERPETUAL.none.10.100ms"


@pytest.fixture
async def market(build: Build) -> SimulatedExchange:
    """An exchange whose market moves by itself, quickly."""
    started: SimulatedExchange = await build(autoplay=True, step_seconds=0.02)
    return started


def client_of(exchange: SimulatedExchange) -> Client:
    return Client(exchange.url, retry_seconds=0.01)


async def test_counts_are_the_ledgers(market: SimulatedExchange) -> None:
    """Each channel's messages are as many as the exchange sent, and none is in trouble."""
    channels = (BOOK, TICKER, TRADES, GROUPED, INDEX)
    async with watching(client_of(market), *channels) as watched:
        await until(lambda: [*watched.having(Health.OK)] == [*channels], 20)
        await until(
            lambda: all(row.messages > 4 for row in watched.rows.values() if row.channel != INDEX), 20
        )
        snapshot = watched.monitor.latest
        sent = {channel: market.ledger.frames_sent(channel) for channel in channels}

    assert all(0 < row.messages <= sent[row.channel] for row in snapshot.rows)
    assert all(row.lag is not None and abs(row.lag) < 60 for row in snapshot.rows)
    assert all(row.price is not None and row.price > 1_000 for row in snapshot.rows)
    assert watched.events == ["connected"] and snapshot.stats.resyncs == 0
    assert watched.told[0][1]["channels"] == len(channels)


async def test_ladder_is_the_exchanges_book(exchange: SimulatedExchange) -> None:
    """The ladder shows the levels of the exchange's book; a grouped one those of the last message."""
    async with watching(client_of(exchange), BOOK, GROUPED) as watched:
        await until(lambda: all(ladder.valid for ladder in watched.monitor.latest.ladders), 20)
        book, grouped = watched.monitor.latest.ladders
        change_id = watched.monitor._books[BOOK].change_id

    assert change_id is not None
    assert exchange.ledger.book_at("BTC-PERPETUAL", change_id) == ([*book.bids], [*book.asks])
    assert grouped.bids[0][0] < grouped.asks[0][0]


async def test_drop_and_recovery_are_seen(market: SimulatedExchange) -> None:
    """At a drop all channels are down and no book shows a level; then the drop is listed as recovered."""
    async with watching(client_of(market), BOOK, TICKER, GROUPED) as watched:
        await until(lambda: len([*watched.having(Health.OK)]) == 3, 20)
        market.inject(Maintenance(1.0))
        await until(lambda: len([*watched.having(Health.DOWN)]) == 3, 20)
        down = watched.monitor.latest
        await until(lambda: len([*watched.having(Health.OK)]) == 3, 20)
        up = watched.monitor.latest

    assert down.stats.state is not State.CONNECTED
    assert [ladder.valid or ladder.bids or ladder.asks for ladder in down.ladders] == [(), ()]
    assert [(drop.cause, drop.code) for drop in up.stats.last_drops] == [("close_1001", 1001)]
    assert up.stats.last_drops[0].recovered is not None
    assert watched.events == ["connected", "disconnected", "connected"]
    assert watched.told[1][1]["code"] == 1001


async def test_gaps_are_counted(market: SimulatedExchange) -> None:
    """A change that was left out is a gap of its book, trades missed at a drop are one of their channel."""
    async with watching(client_of(market), BOOK, TRADES) as watched:
        await until(lambda: len([*watched.having(Health.OK)]) == 2, 20)
        market.inject(SkipChange(BOOK))
        await until(lambda: watched.rows[BOOK].gaps == 1, 20)
        market.inject(Maintenance(1.0))
        await until(lambda: watched.rows[TRADES].gaps == 1, 20)
        missed = [more["trades"] for event, more in watched.told if event == "gap"]
        notes = [*watched.monitor.notes]

    assert watched.rows[BOOK].gaps == 1, "a drop of the link is no gap"
    assert len(missed) == 1 and missed[0] > 0
    assert any(f"BTC-PERPETUAL: {missed[0]:,} trades did not come" in note for note in notes)


@pytest.mark.parametrize("refused", [TICKER, BOOK])
async def test_a_refused_channel_is_told(market: SimulatedExchange, refused: str) -> None:
    """A channel that the exchange does not give is marked, told once, and the others go on."""
    market.inject(DropChannels(refused))
    async with watching(client_of(market), TRADES, refused) as watched:
        await until(lambda: [*watched.having(Health.REFUSED)] == [refused], 20)
        await until(lambda: [*watched.having(Health.OK)] == [TRADES], 20)
        market.inject(Drop.rst())
        await until(lambda: watched.monitor.latest.stats.connections == 2, 20)
        await until(lambda: [*watched.having(Health.OK)] == [TRADES], 20)

    assert watched.events.count("refused") == 1
    assert [ladder.channel for ladder in watched.monitor.latest.ladders] == []


async def test_all_refused_is_an_end(market: SimulatedExchange) -> None:
    """Once no channel is left, whoever waits for that is given what the exchange said."""
    market.inject(DropChannels(BOOK, TICKER))
    async with watching(client_of(market), BOOK, TICKER) as watched:
        async with asyncio.timeout(20):
            error = await watched.monitor.wait_refused()
            last = watched.monitor.latest

    assert isinstance(error, SubscriptionRejected)
    assert watched.events.count("refused") == 2
    assert [row.health for row in last.rows] == [Health.REFUSED] * len(last.rows)  # and not from before it
    assert last.stats.connections == 1


@pytest.mark.looptime
async def test_stale_until_it_speaks(memory: MemoryExchange) -> None:
    """An index that stops is stale, and told so; one word from it and it is well again."""
    price = {"index_name": "btc_usd", "price": 5.0, "timestamp": 1}
    async with watching(Client("ws://x", heartbeat=None), INDEX) as watched:
        await asyncio.sleep(1)
        quiet = watched.rows[INDEX]
        memory.wire.tell(INDEX, price)
        await asyncio.sleep(1)
        well = watched.rows[INDEX]
        await asyncio.sleep(20)
        stale = watched.rows[INDEX]
        memory.wire.tell(INDEX, price)
        await asyncio.sleep(1)
        again = watched.rows[INDEX]

    assert [row.health for row in (quiet, well, stale, again)] == [
        Health.QUIET, Health.OK, Health.STALE, Health.OK,
    ]  # fmt: skip
    assert (quiet.age, round(stale.age or 0), again.messages) == (None, 21, 2)
    assert watched.events == ["connected", "stale"]


async def test_lag_is_by_the_exchanges_clock(build: Build) -> None:
    """However wrong this machine's clock is, the lag is right: the first answer tells the exchange's time."""
    exchange = await build(autoplay=True, step_seconds=0.02, clock_offset=-3_600.0)
    async with watching(client_of(exchange), TICKER) as watched:
        await until(lambda: watched.rows[TICKER].lag is not None, 20)
        snapshot = watched.monitor.latest

    assert snapshot.lag is not None and abs(snapshot.lag) < 60
    assert "lag ~" not in state_line(snapshot)


async def test_a_dead_exchange_is_waited_for(exchange: SimulatedExchange) -> None:
    """While no link can be had the monitor still gives snapshots, and says that there is none."""
    client = client_of(exchange)
    await exchange.stop()
    async with watching(client, BOOK) as watched:
        await until(lambda: watched.monitor.latest.stats.dials_failed > 1, 20)
        row = watched.rows[BOOK]

    assert (row.health, row.age, row.messages) == (Health.DOWN, None, 0)
    assert "connecting" in state_line(watched.monitor.latest)


async def test_lines_say_the_same(market: SimulatedExchange) -> None:
    """Plain lines and JSON are made of the same snapshot, ASCII, and short where nothing is wrong."""
    async with watching(client_of(market), BOOK, TICKER) as watched:
        await until(lambda: len([*watched.having(Health.OK)]) == 2, 20)
        snapshot = watched.monitor.latest
    lines = [state_line(snapshot), *channel_lines(snapshot), summary_line(snapshot)]
    values = as_values(snapshot)

    assert len(lines[0]) <= 80 and "  up " in lines[0] and "drops 0" in lines[0]
    assert all(line.isascii() for line in lines)
    assert BOOK in lines[1] and "  ok  " in lines[1] and "gaps 0" in lines[1]
    assert "non_matching_engine" in lines[3]
    assert values["state"] == "connected" and values["channels"][BOOK]["state"] == "ok"
    assert values["books"][BOOK]["valid"] and values["books"][BOOK]["best_bid"][0] > 1_000
