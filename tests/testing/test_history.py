"""The history of trades by currency: pages, bounds, kinds, and what is refused."""

from typing import Any

import pytest

from deribit_ws.testing import HistoryLag, SimulatedExchange
from tests.testing.conftest import Build, Clock, Dial
from tests.testing.peer import Peer

METHOD = "public/get_last_trades_by_currency"
OLD = "BTC-27NOV26-90000-C"


def made(exchange: SimulatedExchange, currency: str, kind: str = "any") -> list[tuple[int, str]]:
    """(number, trade_id) of all trades of a currency the ledger knows, in order of their numbers."""
    lines = [*exchange.market.lines.values(), *exchange.market.expired.values()]
    return sorted(
        (int(trade.trade_id.split("-")[-1]), trade.trade_id)
        for line in lines
        if line.instrument.settlement == currency and kind in ("any", line.instrument.kind)
        for trade in exchange.ledger.trades[line.instrument.name]
    )


async def pages(peer: Peer, **params: Any) -> list[str]:
    """All ids of a range, page by page: each next one starts at the last id, and leaves it out."""
    got: list[str] = []
    more = True
    while more:
        page = await peer.result(METHOD, **params, sorting="asc")
        ids = [trade["trade_id"] for trade in page["trades"]]
        got += ids[1:] if got else ids
        params["start_id"], more = got[-1], page["has_more"]
    return got


@pytest.mark.parametrize(
    ("currency", "kind"),
    [
        ("BTC", "any"),
        ("BTC", "option"),
        ("ETH", "any"),
        ("ETH", "future"),
        ("USDC", "any"),
        ("USDC", "future"),
    ],
)
async def test_paging_by_id(exchange: SimulatedExchange, peer: Peer, currency: str, kind: str) -> None:
    """Pages by start_id and has_more give every trade of a currency and kind once, in order."""
    exchange.step(200)
    ids = [trade_id for _, trade_id in made(exchange, currency, kind)]
    asked = {"currency": currency, "kind": kind, "start_id": ids[2], "end_id": ids[-3], "count": 7}

    assert await pages(peer, **asked) == ids[2:-2]


async def test_expired_instruments_stay_in_the_history(exchange: SimulatedExchange, peer: Peer) -> None:
    """Trades of an instrument that has expired are among those of its currency."""
    exchange.market.place(OLD, "sell", price=0.0001, amount=1)
    last = exchange.market.take(OLD, "buy", amount=1).trades[-1]
    exchange.expire(OLD)
    page = await peer.result(METHOD, currency="BTC", kind="option", start_id=last.trade_id)

    assert [trade["trade_id"] for trade in page["trades"]] == [last.trade_id]
    assert page["trades"][0]["instrument_name"] == OLD


async def test_the_newest_come_first(exchange: SimulatedExchange, peer: Peer) -> None:
    """Without a range the last ten come, newest first; a page never exceeds a thousand."""
    exchange.step(300)
    ids = [trade_id for _, trade_id in made(exchange, "BTC")]
    ten = await peer.result(METHOD, currency="BTC")
    most = await peer.result(METHOD, currency="BTC", count=5000)

    assert [trade["trade_id"] for trade in ten["trades"]] == ids[:-11:-1]
    assert ten["has_more"]
    assert len(most["trades"]) == min(1000, len(ids))


async def test_by_time(build: Build, dial: Dial, clock: Clock) -> None:
    """Trades of a currency can be asked for between two times, both included."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    for _ in range(20):
        clock.now += 1
        exchange.step(5)
    since, until = round((clock.now - 15) * 1000), round((clock.now - 10) * 1000)
    page = await peer.result(
        f"{METHOD}_and_time",
        currency="BTC",
        start_timestamp=since,
        end_timestamp=until,
        count=1000,
        sorting="asc",
    )
    wanted = sorted(
        (trade.timestamp, int(trade.trade_id))
        for line in exchange.market.lines.values()
        if line.instrument.settlement == "BTC"
        for trade in line.trades
        if since <= trade.timestamp <= until
    )

    assert len(wanted) > 10
    assert [(trade["timestamp"], int(trade["trade_id"])) for trade in page["trades"]] == wanted
    assert not page["has_more"]


async def test_what_is_too_old_is_gone(build: Build, dial: Dial) -> None:
    """Beyond the history there is nothing, and has_more does not promise it."""
    exchange = await build(history=20)
    peer = await dial(exchange)
    exchange.step(300)
    ids = [trade_id for _, trade_id in made(exchange, "USDC")]
    page = await peer.result(METHOD, currency="USDC", start_id=ids[0], count=1000, sorting="asc")
    kept = [trade["trade_id"] for trade in page["trades"]]

    assert len(kept) < len(ids)
    assert kept[-1] == ids[-1]
    assert not page["has_more"]


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "currency"),
        ({"currency": "any"}, "currency"),
        ({"currency": "BTC", "kind": "spoon"}, "kind"),
        ({"currency": "BTC", "start_id": 17}, "start_id"),
        ({"currency": "BTC", "start_id": "ETH-17"}, "start_id"),
        ({"currency": "ETH", "start_id": "17"}, "start_id"),
        ({"currency": "USDC", "end_id": "BTC_USDC-x"}, "end_id"),
        ({"currency": "BTC", "count": 0}, "count"),
        ({"currency": "BTC", "sorting": "up"}, "sorting"),
    ],
)
async def test_wrong_parameters_are_named(peer: Peer, params: dict[str, Any], name: str) -> None:
    """An id of another currency, or none at all, is refused with -32602 and the parameter's name."""
    error = await peer.error(METHOD, **params)

    assert (error["code"], error["data"]["param"]) == (-32602, name)


@pytest.mark.parametrize("by", [{"currency": "BTC"}, {"instrument_name": "BTC-PERPETUAL"}])
async def test_a_history_that_lags(build: Build, dial: Dial, clock: Clock, by: dict[str, Any]) -> None:
    """The history can lag behind the channels: a trade is in it only so many seconds later."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    lag = HistoryLag(2.0)
    exchange.inject(lag)
    clock.now += 60
    exchange.market.place("BTC-PERPETUAL", "sell", price=1.0, amount=10)
    last = exchange.market.take("BTC-PERPETUAL", "buy", amount=10).trades[-1]
    method = "public/get_last_trades_by_" + ("currency" if "currency" in by else "instrument")
    given = []
    for seconds in (0, 1.9, 0.2):
        clock.now += seconds
        page = await peer.result(method, **by)
        given.append(last.trade_id in [trade["trade_id"] for trade in page["trades"]])
    exchange.clear_faults()

    assert given == [False, False, True]
