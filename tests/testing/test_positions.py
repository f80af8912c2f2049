"""What users hold, and what their accounts are worth."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.instruments import BTC_PERPETUAL, BTC_USDC_PERPETUAL
from deribit_ws.testing.positions import Position
from tests.testing.conftest import Trader
from tests.testing.desk import BTC, QUIET, order

Trades = list[tuple[int, int]]  # lots, negative for a sale, and a price
TRADES = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(50, 200)), max_size=20)


async def test_a_position_opens_grows_and_turns(venue: SimulatedExchange, trader: Trader) -> None:
    """A position is the sum of its fills; its average price is of what is still open."""
    peer, name = await trader(), {"instrument_name": QUIET}
    seen = []
    for side, price, amount in (
        ("buy", 0.02, 1.0),
        ("buy", 0.03, 1.0),
        ("sell", 0.04, 1.5),
        ("sell", 0.01, 2.0),
    ):
        venue.market.place(QUIET, "sell" if side == "buy" else "buy", price=price, amount=amount)
        await order(peer, side, price=price, amount=amount)
        shown = await peer.result("private/get_position", **name)
        seen.append((shown["direction"], shown["size"], shown["average_price"]))

    assert seen == [("buy", 1.0, 0.02), ("buy", 2.0, 0.025), ("buy", 0.5, 0.025), ("sell", -1.5, 0.01)]
    assert [one["size"] for one in await peer.result("private/get_positions", currency="BTC")] == [-1.5]
    assert await peer.result("private/get_positions", kind="future") == []


@given(trades=TRADES)
@settings(max_examples=60, deadline=None)
def test_profit_is_what_was_paid_and_received(trades: Trades) -> None:
    """Realized and floating profit together are what all trades come to at the last price."""
    for instrument in (BTC_PERPETUAL, BTC_USDC_PERPETUAL):
        held, last = Position(instrument), 123.0
        coins = 0.0
        for lots, price in trades:
            held.trade(lots, float(price))
            amount = instrument.amount(lots)
            inverse = instrument is BTC_PERPETUAL
            coins += amount / price - amount / last if inverse else amount * (last - price)

        assert held.lots == sum(lots for lots, _ in trades)
        assert held.realized + held.floating(last) == pytest.approx(coins, abs=1e-9)


async def test_closing_a_position(venue: SimulatedExchange, trader: Trader) -> None:
    """Closing sells what is held and no more; without a position it is refused."""
    peer, name = await trader(), {"instrument_name": BTC, "type": "market"}
    nothing = await peer.error("private/close_position", **name)
    await order(peer, name=BTC, type="market", amount=100.0)
    closed = await peer.result("private/close_position", **name)
    shown = await peer.result("private/get_position", instrument_name=BTC)

    assert nothing["code"] == -32602
    assert (closed["order"]["direction"], closed["order"]["reduce_only"]) == ("sell", True)
    assert (closed["order"]["order_state"], shown["size"], shown["direction"]) == ("filled", 0.0, "zero")


async def test_reduce_only_never_turns_a_position(venue: SimulatedExchange, trader: Trader) -> None:
    """A reduce-only order is cut to the position, shrinks with it, and goes when it is gone."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=3.0)
    await order(peer, price=0.02, amount=3.0)
    resting = await order(peer, "sell", price=0.03, amount=9.0, reduce_only=True)
    venue.market.place(QUIET, "buy", price=0.01, amount=3.0)
    await order(peer, "sell", price=0.01, amount=1.0)
    await order(peer, "sell", price=0.01, amount=2.0)
    versions = venue.ledger.versions(resting["order_id"])

    assert [(one["amount"], one["order_state"]) for one in versions] == [
        (3.0, "open"),
        (2.0, "open"),
        (2.0, "cancelled"),
    ]
    assert not venue.market[QUIET].book.asks


async def test_sums_of_an_account(venue: SimulatedExchange, trader: Trader) -> None:
    """Equity is balance and profit, and margin is kept back from what is available."""
    peer = await trader()
    await order(peer, name=BTC, type="market", amount=5_000.0)
    venue.step(200)
    sums: dict[str, Any] = await peer.result("private/get_account_summary", currency="BTC")
    position = await peer.result("private/get_position", instrument_name=BTC)
    other: dict[str, Any] = await peer.result("private/get_account_summary", currency="ETH")

    assert sums["equity"] == pytest.approx(sums["balance"] + sums["session_rpl"] + sums["session_upl"])
    assert sums["session_upl"] == pytest.approx(position["floating_profit_loss"]) != 0
    assert sums["initial_margin"] == pytest.approx(5_000 / venue.market[BTC].mark_price * 0.02)
    assert sums["available_funds"] == pytest.approx(sums["equity"] - sums["initial_margin"])
    assert sums["delta_total"] == pytest.approx(position["size_currency"])
    assert (other["equity"], other["balance"]) == (100.0, 100.0)


async def test_positions_end_with_their_instrument(venue: SimulatedExchange, trader: Trader) -> None:
    """At expiry a position is settled in cash at the mark, and is no more."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    await order(peer, price=0.02)
    mark = venue.market[QUIET].mark_price
    venue.expire(QUIET)
    sums = await peer.result("private/get_account_summary", currency="BTC")

    assert await peer.result("private/get_positions") == []
    assert sums["balance"] == pytest.approx(10 - 0.02 - 0.0005 + mark)
