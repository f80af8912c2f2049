"""Instruments that are listed and expire while the exchange runs."""

from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws.testing import Drop, SimulatedExchange
from tests.testing.conftest import NOON, Build, Dial
from tests.testing.peer import Message, Peer

NEW = "BTC-27NOV26-91000-C"
OLD = "BTC-27NOV26-90000-C"
CREATION, STATE = "instrument.creation.option.BTC", "instrument.state.option.BTC"


@pytest.fixture
async def exchange(build: Build) -> SimulatedExchange:
    return await build(wall_clock=lambda: NOON)


async def names(peer: Peer, **params: Any) -> list[str]:
    params = {"currency": "any"} | params
    return [entry["instrument_name"] for entry in await peer.result("public/get_instruments", **params)]


async def states(peer: Peer) -> list[tuple[str, str]]:
    return [(told["instrument_name"], told["state"]) for told in await peer.said(STATE)]


async def test_a_new_instrument_is_told_in_full(exchange: SimulatedExchange, peer: Peer) -> None:
    """A listing is told with the whole instrument, then as open, and get_instrument says the same."""
    await peer.subscribe(CREATION, STATE)
    assert exchange.add_instrument(NEW) == NEW
    told = [message["params"] for message in await heard(peer)]
    asked = await peer.result("public/get_instrument", instrument_name=NEW)

    assert [params["channel"] for params in told] == [CREATION, STATE]
    assert told[0]["data"] == asked | {"timestamp": int(NOON * 1000)}
    assert told[1]["data"] == {"timestamp": int(NOON * 1000), "state": "open", "instrument_name": NEW}
    assert (asked["strike"], asked["option_type"], asked["kind"]) == (91_000, "call", "option")
    assert asked["expiration_timestamp"] == 1_795_766_400_000  # Friday 27 November, 08:00 UTC
    assert asked["creation_timestamp"] == int(NOON * 1000)
    assert (asked["is_active"], asked["state"]) == (True, "open")


async def heard(peer: Peer) -> list[Message]:
    await peer.result("public/test")
    messages, peer.heard = peer.heard, []
    return messages


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        ("instrument.creation.option.BTC", [NEW]),
        ("instrument.creation.any.BTC", [NEW, "BTC-18DEC26"]),
        ("instrument.creation.option.any", [NEW, "ETH-4DEC26-3100-P"]),
        ("instrument.creation.any.any", [NEW, "ETH-4DEC26-3100-P", "BTC-18DEC26"]),
        ("instrument.creation.future.ETH", []),
        ("instrument.state.any.any", [NEW, "ETH-4DEC26-3100-P", "BTC-18DEC26"]),
    ],
)
async def test_who_hears_of_a_listing(
    exchange: SimulatedExchange, peer: Peer, channel: str, told: list[str]
) -> None:
    """A listing is told by kind and currency, and on `any` of either."""
    await peer.subscribe(channel)
    added = [exchange.add_instrument(NEW), exchange.list_option("ETH", strike=3_100, side="put", fridays=2)]
    added.append(exchange.add_instrument("BTC-18DEC26"))
    said = [data["instrument_name"] for data in await peer.said(channel)]

    assert added == [NEW, "ETH-4DEC26-3100-P", "BTC-18DEC26"]
    assert said == told


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("SOL-27NOV26", "'SOL'"),
        ("BTC", "no such date"),
        ("BTC-27NOP26", "27NOP26"),
        ("BTC-XNOV26", "XNOV26"),
        ("BTC-27NOV26-1-X", "neither"),
        ("BTC-27NOV26-1", "neither"),
        (OLD, "listed before"),
    ],
)
def test_what_cannot_be_listed(name: str, fault: str) -> None:
    """A name that is none, of another coin, or listed already, is refused with the reason."""
    exchange = SimulatedExchange(wall_clock=lambda: NOON)
    with pytest.raises(ValueError, match=fault):
        exchange.add_instrument(name)


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (lambda exchange: exchange.list_option("SOL", strike=100), "'SOL'"),
        (lambda exchange: exchange.list_option(strike=100, side="P"), "side 'P'"),
        (lambda exchange: exchange.expire("x"), "x: not listed"),
        (lambda exchange: exchange.set_state("x", "open"), "x: not listed"),
        (lambda exchange: exchange.narrow_key("x", "trade:read"), "x: no account"),
        (lambda exchange: exchange.expire_tokens(7), "connection 7"),
        (lambda exchange: exchange.inject(Drop.rst(), 7), "connection 7"),
    ],
)
def test_what_there_is_not(act: Callable[[SimulatedExchange], object], fault: str) -> None:
    """A control that is given what there is not says so, by name."""
    with pytest.raises(ValueError, match=fault):
        act(SimulatedExchange())


async def test_feeds_of_a_new_instrument(exchange: SimulatedExchange, peer: Peer) -> None:
    """Its channels exist from its listing on, with an empty book at first; wide ones include it."""
    book, ticker, wide = f"book.{NEW}.100ms", f"ticker.{NEW}.100ms", "trades.option.BTC.100ms"
    before = await peer.subscribe(book, ticker, wide)
    exchange.add_instrument(NEW)
    after = await peer.subscribe(book, ticker)
    (first,) = await peer.said(book)
    for step in range(5):
        exchange.market.place(NEW, "sell", price=0.05 + step / 1000, amount=1)
    exchange.market.take(NEW, "buy", amount=1)
    exchange.step(2)
    said = {channel: [] for channel in (book, ticker, wide)}  # type: dict[str, list[Any]]
    for message in await heard(peer):
        said[message["params"]["channel"]].append(message["params"]["data"])

    assert (before, sorted(after)) == ([wide], [book, ticker])
    assert (first["type"], first["change_id"], first["bids"], first["asks"]) == ("snapshot", 0, [], [])
    assert said[book][0]["prev_change_id"] == 0
    assert said[ticker][-1]["instrument_name"] == NEW
    assert [trade["trade_seq"] for trade in said[wide][0] if trade["instrument_name"] == NEW] == [1]
    assert exchange.ledger.trade_seqs_made(NEW)[0] == 1
    assert exchange.ledger.trade_seqs_sent(wide, NEW)[0] == 1


async def test_an_expiry(exchange: SimulatedExchange, peer: Peer) -> None:
    """An expiry is told as settlement, then delivered; the instrument is then among the expired ones."""
    await peer.subscribe(STATE)
    exchange.expire(OLD)
    gone = await peer.result("public/get_instrument", instrument_name=OLD)

    assert await states(peer) == [(OLD, "settlement"), (OLD, "delivered")]
    assert (gone["state"], gone["is_active"]) == ("delivered", False)
    assert OLD not in await names(peer)
    assert OLD not in exchange.instruments
    assert await names(peer, expired=True) == [OLD]
    assert await names(peer, expired=True, currency="ETH") == []
    assert (await peer.error("public/ticker", instrument_name=OLD))["data"]["param"] == "instrument_name"


async def test_the_feeds_of_an_expired_instrument_end(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """Its channels say what was pending and no more, and nobody can subscribe them; others go on."""
    channels = [f"book.{OLD}.100ms", f"ticker.{OLD}.agg2", f"trades.{OLD}.100ms", f"chart.trades.{OLD}.60"]
    await peer.subscribe(*channels, "trades.option.BTC.agg2")
    exchange.market.place(OLD, "sell", price=0.0001, amount=1)
    exchange.market.take(OLD, "buy", amount=1)
    await peer.said()
    exchange.expire(OLD)
    pending = await peer.said(f"book.{OLD}.100ms")
    exchange.step(60)
    later = {message["params"]["channel"] for message in await heard(peer)}
    other = await dial(exchange)

    assert len(pending) == 1
    assert later == {"trades.option.BTC.agg2"}
    assert await other.subscribe(*channels, "quote.BTC-PERPETUAL") == ["quote.BTC-PERPETUAL"]
    assert sorted(await peer.result("public/unsubscribe", channels=channels)) == sorted(channels)
    past = await other.result("public/get_last_trades_by_instrument", instrument_name=OLD)
    assert past["trades"][0]["instrument_name"] == OLD


async def test_expiry_by_the_clock(build: Build, dial: Dial) -> None:
    """An instrument expires by itself when the exchange's clock passes its expiration."""
    exchange = await build(wall_clock=lambda: NOON)
    peer = await dial(exchange)
    await peer.subscribe(STATE)
    friday = 1_795_766_400.0
    exchange.clock_offset = friday - NOON - 1
    exchange.step()
    before = await states(peer)
    exchange.clock_offset += 1
    exchange.step()
    after = await states(peer)

    assert before == []
    assert after == [
        (OLD, "settlement"),
        (OLD, "delivered"),
        ("BTC-27NOV26-90000-P", "settlement"),
        ("BTC-27NOV26-90000-P", "delivered"),
    ]


@pytest.mark.parametrize("state", ["locked", "settlement", "inactive", "halted", "archivized", "unheard_of"])
async def test_other_states(exchange: SimulatedExchange, peer: Peer, state: str) -> None:
    """Any state can be told; it shows in every read, and nobody trades in it."""
    await peer.subscribe(STATE)
    exchange.set_state(OLD, state)
    change_id = exchange.market[OLD].change_id
    exchange.step(50)
    ticker = await peer.result("public/ticker", instrument_name=OLD)
    listed = await peer.result("public/get_instrument", instrument_name=OLD)

    assert await states(peer) == [(OLD, state)]
    assert (ticker["state"], listed["state"]) == (state, state)
    assert listed["is_active"] is (state not in ("inactive", "archivized"))
    assert exchange.market[OLD].change_id == change_id
    exchange.set_state(OLD, "open")
    exchange.step(50)
    assert exchange.market[OLD].change_id > change_id


async def test_hundreds_of_strikes(exchange: SimulatedExchange, peer: Peer) -> None:
    """A whole new expiry can be listed and taken away again."""
    await peer.subscribe(CREATION, "instrument.state.any.any")
    at_first = exchange.instruments
    strikes = [exchange.list_option(strike=50_000 + 250 * n, fridays=3) for n in range(300)]
    listed = await names(peer, currency="BTC", kind="option")
    for name in strikes:
        exchange.expire(name)

    assert set(strikes) < set(listed)
    assert [told["instrument_name"] for told in await peer.said(CREATION)] == strikes
    assert exchange.instruments == at_first
    exchange.step(5)
