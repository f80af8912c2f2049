"""Orders of users: how they are placed, matched, changed, cancelled, and what is refused."""

from typing import Any

import pytest

from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.crowd import FEWEST_LEVELS, MOST_LEVELS
from tests.testing.conftest import Trader
from tests.testing.desk import BTC, QUIET, order
from tests.testing.peer import Message, Peer


async def test_limit_order_rests_in_the_book(venue: SimulatedExchange, trader: Trader) -> None:
    """A limit order that meets nothing is open, and is part of its level."""
    peer = await trader()
    placed = await order(peer, price=0.01, label="mine")
    await order(peer, price=0.01, amount=2.0)
    book = await peer.result("public/get_order_book", instrument_name=QUIET)

    assert placed == {
        "order_id": placed["order_id"],
        "order_state": "open",
        "order_type": "limit",
        "time_in_force": "good_til_cancelled",
        "instrument_name": QUIET,
        "creation_timestamp": 1_795_348_800_000,
        "last_update_timestamp": 1_795_348_800_000,
        "direction": "buy",
        "price": 0.01,
        "label": "mine",
        "amount": 1.0,
        "contracts": 1.0,
        "filled_amount": 0.0,
        "average_price": 0.0,
        "post_only": False,
        "reject_post_only": False,
        "reduce_only": False,
        "is_liquidation": False,
        "risk_reducing": False,
        "replaced": False,
        "mmp": False,
        "api": True,
        "web": False,
        "user_id": 10,
    }
    assert book["bids"] == [[0.01, 3.0]]


@pytest.mark.parametrize(
    ("name", "price", "prefix"),
    [("ETH-PERPETUAL", 2500, "ETH-"), ("BTC_USDC-PERPETUAL", 80_000, "USDC-"), (BTC, 80_000, "")],
)
async def test_order_ids_tell_their_currency(trader: Trader, name: str, price: float, prefix: str) -> None:
    """The order ids of BTC are bare digits, the others begin with what they settle in; all rise."""
    peer = await trader()
    first, second = [(await order(peer, name=name, price=price, amount=10.0))["order_id"] for _ in range(2)]

    assert first.startswith(prefix)
    assert int(first.removeprefix(prefix)) < int(second.removeprefix(prefix))


async def test_fills_by_the_crowd_keep_time_priority(venue: SimulatedExchange, trader: Trader) -> None:
    """At one price the first to come is filled first, user or crowd."""
    first, second = await trader(), await trader("other")
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    one = await order(first, "sell", price=0.02, amount=2.0)
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    two = await order(second, "sell", price=0.02, amount=2.0)
    filled = []
    for amount in (0.5, 1.0, 1.5, 1.0, 2.0):
        event = venue.market.take(QUIET, "buy", amount=amount)
        filled.append([trade.amount for trade in event.trades])

    assert filled == [[0.5], [0.5, 0.5], [1.5], [1.0], [2.0]]
    assert [v["filled_amount"] for v in venue.ledger.versions(one["order_id"])] == [0.0, 0.5, 2.0]
    assert [v["order_state"] for v in venue.ledger.versions(two["order_id"])] == ["open", "filled"]


async def test_the_crowd_withdraws_nothing_of_a_user(venue: SimulatedExchange, trader: Trader) -> None:
    """Orders that the market never reaches stay as they are, and the crowd goes on beside them."""
    peer = await trader()
    far = [await order(peer, name=BTC, price=60_000 + 0.5 * n, amount=10.0) for n in range(40)]
    venue.step(3000)
    still = await peer.result("private/get_open_orders")

    assert still == far
    assert FEWEST_LEVELS // 2 < len(venue.market[BTC].book.bids.crowd_levels) <= MOST_LEVELS + 1


async def test_a_fill_is_one_trade_everywhere(venue: SimulatedExchange, trader: Trader) -> None:
    """A fill has the same number on the public channel, in the answer, and in both users' fills."""
    maker, taker = await trader(), await trader("other")
    await taker.subscribe(f"trades.{QUIET}.raw")
    resting = await order(maker, "sell", price=0.03, amount=2.0)
    answer = await taker.result("private/buy", instrument_name=QUIET, amount=1.5, type="market", label="x")
    ((public,),) = await taker.said(f"trades.{QUIET}.raw")
    ((taken,), (made,)) = (venue.ledger.user_trades[user] for user in (110, 10))
    numbers = ("trade_id", "trade_seq", "price", "amount")

    assert answer["trades"] == [taken]
    assert len({tuple(trade[key] for key in numbers) for trade in (public, taken, made)}) == 1
    assert (taken["direction"], taken["liquidity"], taken["label"]) == ("buy", "T", "x")
    assert (made["direction"], made["liquidity"], made["order_id"]) == ("sell", "M", resting["order_id"])
    assert (answer["order"]["order_state"], answer["order"]["filled_amount"]) == ("filled", 1.5)
    assert (answer["order"]["price"], answer["order"]["average_price"]) == (0.03, 0.03)


@pytest.mark.parametrize(
    ("terms", "state", "filled"),
    [
        ({"type": "market"}, "cancelled", 2.0),
        ({"price": 0.02, "time_in_force": "immediate_or_cancel"}, "cancelled", 1.0),
        ({"price": 0.01, "time_in_force": "immediate_or_cancel"}, "cancelled", 0.0),
        ({"price": 0.03, "time_in_force": "fill_or_kill"}, "cancelled", 0.0),
        ({"price": 0.02}, "open", 1.0),
        ({"type": "market_limit"}, "open", 1.0),
        ({"price": 0.03, "amount": 2.0, "time_in_force": "fill_or_kill"}, "filled", 2.0),
    ],
)
async def test_what_an_order_takes(
    venue: SimulatedExchange, trader: Trader, terms: dict[str, Any], state: str, filled: float
) -> None:
    """Each type and time in force takes what it may, and rests or is forgotten with what is left."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    venue.market.place(QUIET, "sell", price=0.03, amount=1.0)
    asked: Message = {"amount": 3.0} | terms
    placed = await order(peer, **asked)
    bids = venue.market[QUIET].book.bids.levels()

    assert (placed["order_state"], placed["filled_amount"]) == (state, filled)
    assert bids == ([(200, 20)] if state == "open" else [])


async def test_market_orders_go_only_so_far(venue: SimulatedExchange, trader: Trader) -> None:
    """A market order on a future takes nothing beyond the limit of prices, nor does the crowd by itself."""
    maker, taker = await trader(), await trader("other")
    far = await order(maker, name=BTC, price=60_000, amount=10.0)
    answer = await order(taker, "sell", name=BTC, amount=9_000_000.0, type="market")
    venue.step(500)
    still = await maker.result("private/get_order_state", order_id=far["order_id"])

    assert answer["order_state"] == "cancelled"
    assert 88_000 < answer["price"] < answer["average_price"] < 90_500
    assert still == far


async def test_an_edited_market_limit_order_stays_a_limit_order(
    venue: SimulatedExchange, trader: Trader
) -> None:
    """A market_limit order rests at the price it took, and goes on resting when it is made larger."""
    peer = await trader()
    nothing = await order(peer, type="market_limit")
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    placed = await order(peer, amount=2.0, type="market_limit")
    edited = (await peer.result("private/edit", order_id=placed["order_id"], amount=3.0))["order"]

    assert (nothing["order_state"], nothing["filled_amount"]) == ("cancelled", 0.0)
    assert (placed["order_type"], placed["original_order_type"]) == ("limit", "market_limit")
    assert (edited["order_state"], edited["price"], edited["filled_amount"]) == ("open", 0.02, 1.0)


async def test_post_only_never_takes(venue: SimulatedExchange, trader: Trader) -> None:
    """A post-only order stands one tick inside of what it would meet, or is refused if it says so."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    placed = await order(peer, price=0.05, post_only=True)
    refused = await peer.error(
        "private/buy", instrument_name=QUIET, amount=1.0, price=0.05, post_only=True, reject_post_only=True
    )

    assert (placed["price"], placed["order_state"]) == (0.0199, "open")
    assert (refused["code"], refused["message"]) == (11054, "post_only_reject")


async def test_nobody_trades_with_himself(venue: SimulatedExchange, trader: Trader) -> None:
    """A user's resting orders which his own order would meet are cancelled, and others' are filled."""
    peer, other = await trader(), await trader("other")
    own = await order(peer, "sell", price=0.02)
    await order(other, "sell", price=0.02)
    beyond = await order(peer, "sell", price=0.03)
    taken = await order(peer, price=0.04)
    state = {one["order_id"]: one["order_state"] for one in venue.ledger.last_versions(10).values()}

    assert state == {own["order_id"]: "cancelled", beyond["order_id"]: "open", taken["order_id"]: "filled"}


@pytest.mark.parametrize(
    ("terms", "code", "data"),
    [
        (
            {"instrument_name": "BTC-NEVER"},
            -32602,
            {"param": "instrument_name", "reason": "instrument not found"},
        ),
        (
            {"amount": 15.0},
            -32602,
            {"param": "amount", "reason": "must be a multiple of the minimum order size"},
        ),
        ({"contracts": 2.0}, -32602, {"param": "contracts", "reason": "must agree with amount"}),
        ({"label": "x" * 65}, -32602, {"param": "label", "reason": "no longer than 64"}),
        ({"type": "iceberg"}, -32602, {"param": "type", "reason": "wrong format"}),
        ({"post_only": True, "time_in_force": "fill_or_kill"}, -32602, None),
        ({"type": "market", "time_in_force": "good_til_cancelled"}, -32602, None),
        ({"price": 80_000.3}, 10043, None),
        ({"price": 100_000}, 10007, None),
        ({"valid_until": 1_795_348_799_999}, 13888, None),
        ({"reduce_only": True}, -32602, None),
        ({"type": "stop_limit", "trigger_price": 91_000}, -32602, {"param": "trigger", "reason": "required"}),
        ({"advanced": "usd"}, 10033, None),
    ],
)
async def test_refused_orders(
    venue: SimulatedExchange, trader: Trader, terms: Message, code: int, data: Any
) -> None:
    """What is wrong with an order is told, and no order comes of it."""
    peer = await trader()
    asked = {"instrument_name": BTC, "amount": 10.0, "price": 80_000} | terms
    error = await peer.error("private/buy", **asked)

    assert error["code"] == code
    assert data is None or error["data"] == data
    assert not venue.ledger.orders


async def test_an_order_in_time_is_taken(trader: Trader) -> None:
    """An order that may begin until now begins."""
    placed = await order(await trader(), price=0.01, valid_until=1_795_348_800_000)

    assert placed["order_state"] == "open"


async def test_orders_need_their_scope(trader: Trader, venue: SimulatedExchange) -> None:
    """A login that may only read trades places nothing."""
    reader = await trader("reader")

    assert (await reader.error("private/buy", instrument_name=QUIET, amount=1.0, price=0.01))["code"] == 13021
    assert await reader.result("private/get_open_orders") == []


async def test_no_orders_while_closed(venue: SimulatedExchange, trader: Trader) -> None:
    """An instrument that is locked takes no order and no edit, but cancels."""
    peer = await trader()
    placed = await order(peer, price=0.01)
    venue.set_state(QUIET, "locked")
    buy = await peer.error("private/buy", instrument_name=QUIET, amount=1.0, price=0.01)
    edit = await peer.error("private/edit", order_id=placed["order_id"], amount=2.0)
    cancelled = await peer.result("private/cancel", order_id=placed["order_id"])

    assert (buy["code"], edit["code"]) == (13019, 13019)
    assert cancelled["order_state"] == "cancelled"


async def test_smaller_keeps_its_place_and_larger_does_not(venue: SimulatedExchange, trader: Trader) -> None:
    """An edit that only makes an order smaller keeps its place in the queue, any other goes to the end."""
    peer, other = await trader(), await trader("other")
    placed = await order(peer, "sell", price=0.02, amount=3.0)
    behind = await order(other, "sell", price=0.02, amount=1.0)
    smaller = (await peer.result("private/edit", order_id=placed["order_id"], amount=2.0))["order"]
    venue.market.take(QUIET, "buy", amount=1.0)
    larger = (await peer.result("private/edit", order_id=placed["order_id"], amount=4.0))["order"]
    venue.market.take(QUIET, "buy", amount=1.0)

    assert (smaller["amount"], smaller["replaced"], larger["amount"]) == (2.0, True, 4.0)
    assert larger["filled_amount"] == 1.0
    assert venue.ledger.last_versions()[behind["order_id"]]["order_state"] == "filled"


async def test_an_edit_may_match(venue: SimulatedExchange, trader: Trader) -> None:
    """An order whose new price meets others is filled, and the answer has the trades."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    placed = await order(peer, price=0.01, label="mine")
    answer = await peer.result(
        "private/edit_by_label", instrument_name=QUIET, label="mine", amount=1.0, price=0.03
    )

    assert answer["order"]["order_id"] == placed["order_id"]
    assert (answer["order"]["order_state"], answer["trades"][0]["price"]) == ("filled", 0.02)


async def test_refused_edits(venue: SimulatedExchange, trader: Trader) -> None:
    """What can't be edited says why: unknown, over, filled that far, not the only one of its label."""
    peer, other = await trader(), await trader("other")
    first, second = [await order(peer, "sell", price=0.02, amount=3.0, label="two") for _ in range(2)]
    venue.market.take(QUIET, "buy", amount=1.0)
    await peer.result("private/cancel", order_id=second["order_id"])

    async def refusal(who: Peer, order_id: str, **terms: Any) -> int:
        code: int = (await who.error("private/edit", order_id=order_id, **terms))["code"]
        return code

    assert await refusal(peer, "1", amount=1.0) == 10004
    assert await refusal(other, first["order_id"], amount=1.0) == 10004
    assert await refusal(peer, second["order_id"], amount=1.0) == 11044
    assert await refusal(peer, first["order_id"], amount=1.0) == 11008
    await order(peer, "sell", price=0.02, label="two")
    by_label = {"instrument_name": QUIET, "amount": 1.0}
    assert (await peer.error("private/edit_by_label", label="two", **by_label))["code"] == 13032
    assert (await peer.error("private/edit_by_label", label="none", **by_label))["code"] == 10004


async def test_post_only_edit_that_would_take_ends_the_order(
    venue: SimulatedExchange, trader: Trader
) -> None:
    """An edit that would make a rejecting post-only order match cancels it."""
    peer = await trader()
    venue.market.place(QUIET, "sell", price=0.02, amount=1.0)
    placed = await order(peer, price=0.01, post_only=True, reject_post_only=True)
    edited = (await peer.result("private/edit", order_id=placed["order_id"], amount=1.0, price=0.02))["order"]

    assert (edited["order_state"], edited["cancel_reason"]) == ("cancelled", "edit_post_only_reject")
    assert not venue.market[QUIET].book.bids


async def test_cancelling_twice(venue: SimulatedExchange, trader: Trader) -> None:
    """A cancel gives the order, and empties its level; a second is refused, as is a stranger's."""
    peer, other = await trader(), await trader("other")
    placed = await order(peer, price=0.01)
    stranger = await other.error("private/cancel", order_id=placed["order_id"])
    cancelled = await peer.result("private/cancel", order_id=placed["order_id"])
    again = await peer.error("private/cancel", order_id=placed["order_id"])

    assert (cancelled["order_state"], cancelled["cancel_reason"]) == ("cancelled", "user_request")
    assert (again["code"], stranger["code"]) == (11044, 10004)
    assert not venue.market[QUIET].book.bids


@pytest.mark.parametrize(
    ("method", "params", "left"),
    [
        ("cancel_all", {}, ""),
        ("cancel_all_by_currency", {"currency": "BTC"}, "eu"),
        ("cancel_all_by_currency", {"currency": "BTC", "kind": "option"}, "bseu"),
        ("cancel_all_by_currency", {"currency": "BTC", "type": "trigger_all"}, "bqeu"),
        ("cancel_all_by_currency_pair", {"currency_pair": "btc_usd"}, "eu"),
        ("cancel_all_by_instrument", {"instrument_name": BTC}, "qeu"),
        ("cancel_all_by_instrument", {"instrument_name": BTC, "type": "limit"}, "qseu"),
        ("cancel_all_by_kind_or_type", {"currency": ["ETH", "USDC"], "kind": "future"}, "bqs"),
        ("cancel_all_by_kind_or_type", {"currency": "any", "type": "stop"}, "bqeu"),
        ("cancel_by_label", {"label": "even"}, "bsu"),
        ("cancel_by_label", {"label": "even", "currency": "ETH"}, "bqsu"),
    ],
)
async def test_ways_to_cancel_many(
    venue: SimulatedExchange, trader: Trader, method: str, params: Message, left: str
) -> None:
    """Each way to cancel many cancels what it names, and nobody else's, and tells how many."""
    peer, other = await trader(), await trader("other")
    strangers = await order(other, price=0.01, label="even")
    stop: Message = {"type": "stop_market", "trigger": "mark_price", "trigger_price": 99_000}
    placed = {
        "b": await order(peer, name=BTC, price=80_000, amount=10.0, label="odd"),
        "q": await order(peer, name=QUIET, price=0.01, label="even"),
        "s": await order(peer, name=BTC, amount=10.0, label="odd", **stop),
        "e": await order(peer, name="ETH-PERPETUAL", price=2_500, amount=10.0, label="even"),
        "u": await order(peer, name="BTC_USDC-PERPETUAL", price=80_000, amount=0.01, label="odd"),
    }
    told = await peer.result(f"private/{method}", **params)
    still = {one["order_id"] for one in await peer.result("private/get_open_orders")}

    assert {key for key, one in placed.items() if one["order_id"] in still} == set(left)
    assert told == 5 - len(left)
    assert await other.result("private/get_open_orders") == [strangers]
    assert len(await peer.result("private/cancel_all", detailed=True)) == len(left)
