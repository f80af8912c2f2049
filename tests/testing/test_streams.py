"""What the channels say agrees with the market, whatever the interval."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from deribit_ws.testing import SimulatedExchange
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Message, Peer

BTC, ETH, DORMANT = "BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-25DEC26-45000-P"
NOON = 1_795_348_800.0  # Sunday 22 November 2026, 12:00 UTC: what DORMANT's name depends on


@pytest.fixture
async def exchange(build: Build) -> SimulatedExchange:
    return await build(wall_clock=lambda: NOON)


class Replica:
    """A book kept as a client would, from the messages alone."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
        self.change_id = -1

    def apply(self, data: Message) -> None:
        if data["type"] == "snapshot":
            assert "prev_change_id" not in data
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert data["prev_change_id"] == self.change_id
        self.change_id = data["change_id"]
        for name, side in self.sides.items():
            for action, price, amount in data[name]:
                assert action == ("delete" if not amount else "change" if price in side else "new")
                side[price] = amount
                if not amount:
                    del side[price]

    def levels(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return sorted(self.sides["bids"].items(), reverse=True), sorted(self.sides["asks"].items())


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
@pytest.mark.parametrize("instrument", [BTC, "ETH_USDC-PERPETUAL", "BTC-27NOV26-90000-C", DORMANT])
async def test_replaying_a_book_gives_the_book(
    exchange: SimulatedExchange, peer: Peer, interval: str, instrument: str
) -> None:
    """Snapshot and changes of each interval chain without a hole and rebuild the book at each change_id."""
    channel, replica, seen = f"book.{instrument}.{interval}", Replica(), 0
    await peer.login()
    await peer.subscribe(channel)
    for _ in range(10):
        exchange.step(15)
        if instrument == DORMANT:
            exchange.market.place(DORMANT, "buy", price=0.001, amount=1)
        for data in await peer.said(channel):
            replica.apply(data)
            seen += 1

            assert replica.levels() == exchange.ledger.book_at(instrument, replica.change_id)

    assert seen > 5
    assert exchange.ledger.change_ids_sent(channel)[-1] == replica.change_id


async def test_a_snapshot_lists_all_levels_best_first(exchange: SimulatedExchange, peer: Peer) -> None:
    """A book begins with every level as new, bids descending, asks ascending."""
    await peer.subscribe(f"book.{BTC}.100ms")
    (data,) = await peer.said()
    bids, asks = data["bids"], data["asks"]

    assert data["type"] == "snapshot"
    assert {level[0] for level in bids + asks} == {"new"}
    assert [price for _, price, _ in bids] == sorted((p for _, p, _ in bids), reverse=True)
    assert [price for _, price, _ in asks] == sorted(p for _, p, _ in asks)
    assert len(bids) == len(exchange.market[BTC].book.bids)


async def test_newcomers_continue_the_same_chain(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """Who joins an aggregated book in the middle of an interval gets a snapshot that the next change fits."""
    channel, second = f"book.{BTC}.agg2", await dial(exchange)
    await peer.subscribe(channel)
    exchange.step(7)
    await second.subscribe(channel)
    exchange.step(40)
    for client in (peer, second):
        replica = Replica()
        for data in await client.said(channel):
            replica.apply(data)

        assert replica.levels() == exchange.ledger.book_at(BTC, replica.change_id)


async def test_an_empty_book_begins_at_zero(exchange: SimulatedExchange, peer: Peer) -> None:
    """A book nobody has quoted has change_id 0, and its first change says prev_change_id 0."""
    await peer.subscribe(f"book.{DORMANT}.100ms")
    exchange.market.place(DORMANT, "sell", price=0.002, amount=1)
    exchange.step(2)
    snapshot, change = await peer.said()

    assert (snapshot["change_id"], snapshot["bids"], snapshot["asks"]) == (0, [], [])
    assert change["prev_change_id"] == 0
    assert change["asks"] == [["new", 0.002, 1.0]]


async def test_deleted_levels_have_amount_zero(exchange: SimulatedExchange, peer: Peer) -> None:
    """A level that is gone is a delete with amount 0.0."""
    exchange.market.place(DORMANT, "sell", price=0.002, amount=1)
    await peer.subscribe(f"book.{DORMANT}.100ms")
    exchange.market.take(DORMANT, "buy", amount=1)
    exchange.step(2)

    assert (await peer.said())[1]["asks"] == [["delete", 0.002, 0.0]]


async def test_a_change_undone_within_an_interval_is_not_told(
    exchange: SimulatedExchange, peer: Peer
) -> None:
    """An aggregated book stays silent when all levels are back where they were, and still chains after."""
    await peer.subscribe(f"book.{DORMANT}.100ms")
    exchange.market.place(DORMANT, "sell", price=0.002, amount=1)
    exchange.market.take(DORMANT, "buy", amount=1)
    exchange.step(2)
    silent = await peer.said()
    exchange.market.place(DORMANT, "buy", price=0.001, amount=1)
    exchange.step(2)

    assert [data["type"] for data in silent] == ["snapshot"]
    assert (await peer.said())[0]["prev_change_id"] == 0


@pytest.mark.parametrize(
    ("group", "depth", "width"), [("none", 1, None), ("none", 20, None), ("5", 10, 5), ("250", 20, 250)]
)
async def test_grouped_books_show_the_best_levels(
    exchange: SimulatedExchange, peer: Peer, group: str, depth: int, width: int | None
) -> None:
    """A grouped book is the whole window in pairs, best first, amounts summed away from the middle."""
    channel = f"book.{BTC}.{group}.{depth}.100ms"
    await peer.subscribe(channel)
    exchange.step(20)
    last = (await peer.said(channel))[-1]
    at = exchange.ledger.book_at(BTC, last["change_id"])
    assert at is not None
    bids, asks = defaultdict[float, float](float), defaultdict[float, float](float)
    for price, amount in at[0]:
        bids[price // width * width if width else price] += amount
    for price, amount in at[1]:
        asks[-(-price // width) * width if width else price] += amount

    assert {"type", "prev_change_id"}.isdisjoint(last)
    assert last["bids"] == [list(level) for level in sorted(bids.items(), reverse=True)[:depth]]
    assert last["asks"] == [list(level) for level in sorted(asks.items())[:depth]]


async def test_groups_of_eth_are_hundredths(exchange: SimulatedExchange, peer: Peer) -> None:
    """For ETH a group of 100 means one dollar."""
    await peer.subscribe(f"book.{ETH}.100.10.100ms")
    (window,) = await peer.said()

    assert all(price == int(price) for price, _ in window["bids"] + window["asks"])


async def test_ticker_and_quote_show_the_top_of_the_book(exchange: SimulatedExchange, peer: Peer) -> None:
    """After each event the last raw ticker, the last quote and the book agree on the best prices."""
    await peer.login()
    for instrument in exchange.instruments:
        await peer.subscribe(f"ticker.{instrument}.raw", f"quote.{instrument}", f"book.{instrument}.raw")
    last: dict[str, Any] = {}
    for _ in range(10):
        exchange.step(3)
        await peer.result("public/get_time")
        for message in peer.heard:
            last[message["params"]["channel"]] = message["params"]["data"]
        for instrument in exchange.instruments:
            ticker, quote = last[f"ticker.{instrument}.raw"], last[f"quote.{instrument}"]
            sides = exchange.ledger.book_at(instrument, last[f"book.{instrument}.raw"]["change_id"])
            assert sides is not None
            for name, side in zip(("bid", "ask"), sides, strict=True):
                best = side[0] if side else (None, None)

                assert (ticker[f"best_{name}_price"], ticker[f"best_{name}_amount"]) == best
                assert (quote[f"best_{name}_price"], quote[f"best_{name}_amount"]) == best


async def test_quotes_come_only_when_the_top_differs(exchange: SimulatedExchange, peer: Peer) -> None:
    """No quote repeats the one before it."""
    await peer.subscribe(f"quote.{BTC}")
    exchange.step(50)
    quotes = [{k: v for k, v in data.items() if k != "timestamp"} for data in await peer.said()]

    assert len(quotes) > 10
    assert all(one != other for one, other in pairwise(quotes[1:]))


async def test_options_are_valued(exchange: SimulatedExchange, peer: Peer) -> None:
    """An option's ticker has greeks, volatilities that stand as its prices do, and names its underlying."""
    await peer.subscribe("ticker.BTC-27NOV26-90000-C.100ms", "ticker.BTC-25DEC26-180000-C.100ms")
    near, far = sorted(await peer.said(), key=lambda data: str(data["instrument_name"]), reverse=True)

    assert 0.4 < near["greeks"]["delta"] < 0.6
    for side, best in (("bid", "best_bid_price"), ("ask", "best_ask_price")):
        assert (near[f"{side}_iv"] < near["mark_iv"]) == (near[best] < near["mark_price"])
        assert abs(near[f"{side}_iv"] - near["mark_iv"]) < 2
    assert (near["underlying_index"], far["underlying_index"]) == ("SYN.BTC-27NOV26", "BTC-25DEC26")


async def test_what_never_traded_has_nulls(exchange: SimulatedExchange, peer: Peer) -> None:
    """An option that never traded has no last price, no statistics and no best prices."""
    await peer.subscribe(f"ticker.{DORMANT}.100ms")
    exchange.step(100)
    (ticker,) = await peer.said()

    assert ticker["last_price"] is None
    assert set(ticker["stats"].values()) == {None}
    assert ticker["best_bid_price"] is None


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
async def test_each_trade_is_told_once(exchange: SimulatedExchange, peer: Peer, interval: str) -> None:
    """Every trade made since the subscription comes once and in order, at any interval."""
    channel = f"trades.{BTC}.{interval}"
    await peer.login()
    await peer.subscribe(channel)
    since = exchange.market[BTC].next_trade_seq
    exchange.step(200)
    seqs = [trade["trade_seq"] for batch in await peer.said() for trade in batch]

    assert len(seqs) > 20
    assert seqs == exchange.ledger.trade_seqs_made(BTC, since=since)
    assert seqs == exchange.ledger.trade_seqs_sent(channel)


@pytest.mark.parametrize(
    ("channel", "kinds", "settlements"),
    [
        ("trades.any.any.100ms", {"future", "option"}, {"BTC", "ETH", "USDC"}),
        ("trades.future.any.100ms", {"future"}, {"BTC", "ETH", "USDC"}),
        ("trades.option.any.100ms", {"option"}, {"BTC", "ETH"}),
        ("trades.any.USDC.100ms", {"future"}, {"USDC"}),
        ("trades.spot.any.100ms", set(), set()),
    ],
)
async def test_wide_trades_cover_their_kind_and_currency(
    exchange: SimulatedExchange, peer: Peer, channel: str, kinds: set[str], settlements: set[str]
) -> None:
    """A channel of a kind and a currency has the trades of exactly those instruments."""
    await peer.subscribe(channel)
    exchange.step(400)
    names = {trade["instrument_name"] for batch in await peer.said() for trade in batch}
    traded = [exchange.market[name].instrument for name in names]

    assert {instrument.kind for instrument in traded} == kinds
    assert {instrument.settlement for instrument in traded} == settlements


async def test_indices_come_each_second(exchange: SimulatedExchange, peer: Peer) -> None:
    """An index is told at once and then each second of market time."""
    await peer.subscribe("deribit_price_index.btc_usd")
    exchange.step(60)
    prices = [data["price"] for data in await peer.said()]

    assert len(prices) == 4
    assert prices[-1] == exchange.market.indices["btc_usd"]


async def test_the_platform_talks_about_its_indices(exchange: SimulatedExchange, peer: Peer) -> None:
    """platform_state has no first message, then one index a second."""
    await peer.subscribe("platform_state")
    at_once = await peer.said()
    exchange.step(40)

    assert at_once == []
    assert [set(data) for data in await peer.said()] == [{"price_index", "locked", "reasons"}] * 2


async def test_a_quiet_book_says_nothing(exchange: SimulatedExchange, peer: Peer) -> None:
    """A book without changes sends its snapshot and no more."""
    await peer.subscribe(f"book.{DORMANT}.100ms")
    exchange.step(300)

    assert len(await peer.said()) == 1


async def test_notifications_have_the_key_order_of_the_wire(peer: Peer) -> None:
    """A notification's envelope is jsonrpc, method, params{channel, data}, in that order."""
    await peer.subscribe("deribit_price_index.btc_usd")
    text = await peer.socket.receive_str()

    assert text.startswith(
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"deribit_price_index.btc_usd","data":{'
    )


async def test_the_market_moves_by_itself(build: Build, dial: Dial) -> None:
    """With autoplay the market moves without being told."""
    playing = await build(autoplay=True, step_seconds=0.001)
    watcher = await dial(playing)
    await watcher.subscribe(f"book.{BTC}.100ms")
    for _ in range(3):
        assert (await watcher.socket.receive_json())["method"] == "subscription"
