"""Reading orders and fills back: open ones, recent ones, those of the archive."""

from typing import Any

import pytest

from deribit_ws.testing import SimulatedExchange
from tests.testing.conftest import Clock, Trader
from tests.testing.desk import BTC, QUIET, order
from tests.testing.peer import Message, Peer

MINUTE = 60.0
DAY = 86_400.0


async def ids(peer: Peer, method: str, **params: Any) -> list[str]:
    return [one["order_id"] for one in await peer.result(f"private/{method}", **params)]


async def test_open_orders_can_be_chosen(trader: Trader) -> None:
    """Open orders are read by instrument, currency, kind, type and label."""
    peer = await trader()
    stop: Message = {"type": "stop_limit", "trigger": "mark_price", "trigger_price": 95_000}
    quiet = (await order(peer, price=0.01, label="x"))["order_id"]
    future = (await order(peer, name=BTC, price=80_000, amount=10.0))["order_id"]
    stopped = (await order(peer, name=BTC, price=80_000, amount=10.0, label="x", **stop))["order_id"]
    eth = (await order(peer, name="ETH-PERPETUAL", price=2_500, amount=10.0, label="x"))["order_id"]

    assert await ids(peer, "get_open_orders") == [quiet, future, stopped, eth]
    assert await ids(peer, "get_open_orders", kind="option") == [quiet]
    assert await ids(peer, "get_open_orders", type="stop_all") == [stopped]
    assert await ids(peer, "get_open_orders_by_currency", currency="ETH") == [eth]
    assert await ids(peer, "get_open_orders_by_currency", currency="BTC", type="limit") == [quiet, future]
    assert await ids(peer, "get_open_orders_by_instrument", instrument_name=BTC) == [future, stopped]
    assert await ids(peer, "get_open_orders_by_label", currency="BTC", label="x") == [quiet, stopped]
    assert (await peer.error("private/get_open_orders_by_label", label="x"))["code"] == -32602


async def test_recent_orders_by_label(venue: SimulatedExchange, trader: Trader) -> None:
    """A label gives all its orders of one currency, closed ones included, and nobody else's."""
    peer, other = await trader(), await trader("other")
    closed = await order(peer, price=0.01, label="x", time_in_force="immediate_or_cancel")
    opened = await order(peer, price=0.01, label="x")
    await order(peer, price=0.01, label="y")
    await order(other, price=0.01, label="x")
    found = await peer.result("private/get_order_state_by_label", currency="BTC", label="x")

    assert found == [closed, opened]
    assert await peer.result("private/get_order_state_by_label", currency="ETH", label="x") == []
    assert await peer.result("private/get_order_state", order_id=closed["order_id"]) == closed
    assert (await other.error("private/get_order_state", order_id=closed["order_id"]))["code"] == 10004


async def test_orders_leave_the_recent_store(venue: SimulatedExchange, trader: Trader, clock: Clock) -> None:
    """Half an hour after its end an order is gone, and a minute later it is in the archive alone."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    still = await order(peer, price=0.01, label="x")
    over = await order(peer, price=0.02, label="x")
    history: dict[str, Any] = {"currency": "BTC"}
    seen = []
    for minutes in (30, 30.1, 31.1):
        clock.now = 1_795_348_800.0 + minutes * MINUTE
        await peer.login()
        by_label = await ids(peer, "get_order_state_by_label", currency="BTC", label="x")
        recent = await ids(peer, "get_order_history_by_currency", **history)
        archive = await ids(peer, "get_order_history_by_currency", historical=True, **history)
        seen.append((by_label, recent, archive))
    both, first, last = [still["order_id"], over["order_id"]], [still["order_id"]], [over["order_id"]]

    assert seen == [(both, last, []), (first, [], []), (first, [], last)]
    assert (await peer.error("private/get_order_state", order_id=over["order_id"]))["code"] == 10004


async def test_order_history_in_pages(venue: SimulatedExchange, trader: Trader) -> None:
    """History has what was filled, newest first, in pages; what closed unfilled only if asked for."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=9.0)
    filled = [(await order(peer, price=0.02))["order_id"] for _ in range(5)]
    unfilled = (await order(peer, price=0.01, time_in_force="fill_or_kill"))["order_id"]
    name = {"instrument_name": QUIET}
    method = "get_order_history_by_instrument"
    page = await peer.result(f"private/{method}", count=2, with_continuation=True, **name)
    rest = await ids(peer, method, continuation=page["continuation"], **name)

    assert [one["order_id"] for one in page["orders"]] + rest == filled[::-1]
    assert await ids(peer, method, count=2, offset=1, **name) == filled[::-1][1:3]
    assert await ids(peer, method, count=1, include_unfilled=True, **name) == [unfilled]


async def test_fills_in_pages(venue: SimulatedExchange, trader: Trader) -> None:
    """Fills are read by trade_seq, id or time, either way round, with whether there are more."""
    peer = await trader()
    placed = await order(peer, price=0.01, amount=7.0)
    for _ in range(7):
        venue.market.take(QUIET, "sell", amount=1.0)
    made = list(venue.ledger.user_trades[10])
    name = {"instrument_name": QUIET}
    by_seq = await peer.result(
        "private/get_user_trades_by_instrument",
        start_seq=made[1]["trade_seq"], end_seq=made[5]["trade_seq"], count=3, sorting="asc", **name,
    )  # fmt: skip
    by_id = await peer.result(
        "private/get_user_trades_by_currency",
        currency="BTC", start_id=made[2]["trade_id"], end_id=made[4]["trade_id"], count=3,
    )  # fmt: skip
    by_time = await peer.result(
        "private/get_user_trades_by_currency_and_time",
        currency="BTC", start_timestamp=made[0]["timestamp"], end_timestamp=made[0]["timestamp"],
    )  # fmt: skip
    none = await peer.result("private/get_user_trades_by_currency", currency="BTC", kind="future")

    assert by_seq == {"trades": made[1:4], "has_more": True}
    assert by_id == {"trades": made[4:1:-1], "has_more": False}
    assert by_time == {"trades": made[::-1], "has_more": False}
    assert none == {"trades": [], "has_more": False}
    by_order = await peer.result(
        "private/get_user_trades_by_order", order_id=placed["order_id"], sorting="asc"
    )
    assert by_order == made


async def test_fills_leave_the_recent_store(venue: SimulatedExchange, trader: Trader, clock: Clock) -> None:
    """After a day fills are gone, and a minute later they are in the archive alone."""
    peer = await trader()
    await order(peer, name=BTC, type="market", amount=10.0)
    made = list(venue.ledger.user_trades[10])
    seen = []
    for seconds in (DAY, DAY + 30, DAY + 61):
        clock.now = 1_795_348_800.0 + seconds
        await peer.login()
        for historical in (False, True):
            answer = await peer.result(
                "private/get_user_trades_by_instrument",
                instrument_name=BTC,
                historical=historical,
                sorting="asc",
            )
            seen.append(answer["trades"] == made)

    assert seen == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("get_user_trades_by_currency", {"currency": "GOLD"}),
        ("get_user_trades_by_currency", {"currency": "BTC", "start_id": "x"}),
        ("get_user_trades_by_currency_and_time", {"currency": "BTC"}),
        ("get_user_trades_by_instrument", {"instrument_name": "X"}),
        ("get_open_orders", {"type": "odd"}),
        ("get_order_history_by_currency", {"currency": "BTC", "continuation": "x"}),
        ("cancel_all_by_kind_or_type", {"currency": [["BTC"]]}),
        ("get_order_state_by_label", {}),
    ],
)
async def test_wrong_parameters(trader: Trader, method: str, params: dict[str, Any]) -> None:
    """A parameter that is wrong or missing is refused, and named."""
    peer = await trader()
    error = await peer.error(f"private/{method}", **params)

    assert error["code"] == -32602
    assert error["data"]["param"] in {
        "currency",
        "start_id",
        "start_timestamp",
        "instrument_name",
        "type",
        "continuation",
    }


async def test_trigger_orders_have_a_history(venue: SimulatedExchange, trader: Trader) -> None:
    """The history of trigger orders has them with their states, newest first, and no others."""
    peer = await trader()
    await order(peer, price=0.01)
    stop: Message = {
        "name": BTC,
        "type": "stop_market",
        "trigger": "mark_price",
        "trigger_price": 95_000,
        "amount": 10.0,
    }
    kept, cancelled = await order(peer, **stop), await order(peer, **stop)
    await peer.result("private/cancel", order_id=cancelled["order_id"])
    history = await peer.result("private/get_trigger_order_history", currency="BTC")

    assert [(one["trigger_order_id"], one["order_state"]) for one in history["entries"]] == [
        (cancelled["order_id"], "cancelled"),
        (kept["order_id"], "untriggered"),
    ]
