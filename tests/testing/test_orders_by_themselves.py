"""What happens to orders without a request: triggers, the end of a day, of a connection, of an instrument."""

import asyncio

import pytest

from deribit_ws.testing import DelayRequest, Drop, SimulatedExchange
from deribit_ws.testing.memory import loop_clock
from tests.testing.conftest import Clock, Trader
from tests.testing.desk import BTC, QUIET, order
from tests.testing.peer import Message, Peer


@pytest.mark.parametrize(
    ("side", "kind", "trigger_price", "begins"),
    [
        ("sell", "stop_market", 0.02, "down"),
        ("buy", "stop_limit", 0.04, "up"),
        ("sell", "take_limit", 0.04, "up"),
        ("buy", "take_market", 0.02, "down"),
    ],
)
async def test_triggers_wait_for_their_price(
    venue: SimulatedExchange, trader: Trader, side: str, kind: str, trigger_price: float, begins: str
) -> None:
    """A stop runs after the price and a take waits for a better one; the order comes once it is there."""
    peer = await trader()
    terms: Message = {"type": kind, "trigger": "last_price", "trigger_price": trigger_price}
    if kind.endswith("limit"):
        terms["price"] = 0.03
    trade(venue, 0.03)
    placed = await order(peer, side, label="x", **terms)
    venue.step()
    trade(venue, 0.05 if begins == "down" else 0.01)
    venue.step()
    waiting = (await peer.result("private/get_order_state", order_id=placed["order_id"]))["order_state"]
    trade(venue, trigger_price)
    venue.step()
    begun, child = venue.ledger.labelled("x")

    assert placed["price"] == (0.03 if kind.endswith("limit") else "market_price")
    assert (placed["order_state"], placed["triggered"], waiting) == ("untriggered", False, "untriggered")
    assert placed["order_id"].startswith(f"{'SL' if kind.startswith('stop') else 'TP'}T{side[0].upper()}-")
    assert (begun["order_state"], begun["triggered"]) == ("triggered", True)
    assert child["trigger_order_id"] == placed["order_id"]
    assert child["order_type"] == kind.partition("_")[2]


def trade(venue: SimulatedExchange, price: float) -> None:
    """Let the crowd trade at a price, and leave the book empty."""
    venue.market.place(QUIET, "sell", price=price, amount=1.0)
    venue.market.take(QUIET, "buy", amount=1.0)


async def test_a_triggered_stop_sells_at_the_market(venue: SimulatedExchange, trader: Trader) -> None:
    """A stop on the mark price is filled in full as a market order once the mark is there."""
    peer = await trader()
    mark = venue.market[BTC].mark_price
    terms: Message = {"type": "stop_market", "trigger": "mark_price", "trigger_price": round(mark + 500)}
    placed = await order(peer, "sell", name=BTC, amount=10.0, **terms)
    venue.step()
    child = [one for one in venue.ledger.last_versions(10).values() if one.get("trigger_order_id")]

    assert [(one["order_state"], one["filled_amount"]) for one in child] == [("filled", 10.0)]
    assert (await peer.error("private/cancel", order_id=placed["order_id"]))["code"] == 11044


async def test_trailing_stop_follows_the_best_price(venue: SimulatedExchange, trader: Trader) -> None:
    """A trailing stop rises with the price, never falls, and begins when the price is back that far."""
    peer = await trader()
    trade(venue, 0.03)
    placed = await order(peer, "sell", type="trailing_stop", trigger="last_price", trigger_offset=0.01)
    prices = []
    for price in (0.03, 0.05, 0.045, 0.041):
        trade(venue, price)
        venue.step()
        state = await peer.result("private/get_order_state", order_id=placed["order_id"])
        prices.append((state["trigger_price"], state["order_state"]))
    trade(venue, 0.04)
    venue.step()

    assert prices == [(0.02, "untriggered")] + [(0.04, "untriggered")] * 3
    assert venue.ledger.last_versions(10)[placed["order_id"]]["order_state"] == "triggered"


async def test_an_untriggered_order_can_be_edited(venue: SimulatedExchange, trader: Trader) -> None:
    """A trigger order's trigger and size can be changed while it waits."""
    peer = await trader()
    terms: Message = {"type": "stop_market", "trigger": "index_price", "trigger_price": 99_000}
    placed = await order(peer, name=BTC, amount=10.0, **terms)
    answer = await peer.result("private/edit", order_id=placed["order_id"], amount=20.0, trigger_price=80_000)
    venue.step()

    assert (answer["order"]["trigger_price"], answer["order"]["amount"]) == (80_000.0, 20.0)
    assert venue.ledger.last_versions(10)[placed["order_id"]]["order_state"] == "triggered"


async def test_good_til_day_ends_at_eight(venue: SimulatedExchange, trader: Trader, clock: Clock) -> None:
    """An order good for the day is cancelled at the next 08:00 UTC."""
    peer = await trader()
    placed = await order(peer, price=0.01, time_in_force="good_til_day")
    states = []
    for hours in (19.9, 20.0):  # since noon
        clock.now = 1_795_348_800.0 + hours * 3600
        venue.step()
        last = venue.ledger.last_versions(10)[placed["order_id"]]
        states.append((last["order_state"], last.get("cancel_reason")))

    assert states == [("open", None), ("cancelled", "settlement")]


@pytest.mark.parametrize("end", ["close", "drop", "logout", "nothing asked"])
async def test_cancel_on_disconnect(venue: SimulatedExchange, trader: Trader, end: str) -> None:
    """The end of a connection cancels the orders made on it, if so asked, and unless it logs out."""
    leaver, stayer = await trader(), await trader()
    if end != "nothing asked":
        await leaver.result("private/enable_cancel_on_disconnect")
    gone, stays = await order(leaver, price=0.01), await order(stayer, price=0.01)
    await stayer.subscribe("user.orders.any.any.raw", scope="private")
    await leave(venue, leaver, end)
    await venue.ledger.until(lambda: len(venue.ledger.farewells) == 1)
    await asyncio.sleep(0)
    last = venue.ledger.last_versions(10)
    cancels = end in ("close", "drop")
    said = await stayer.said("user.orders.any.any.raw")

    assert last[stays["order_id"]]["order_state"] == "open"
    assert last[gone["order_id"]].get("cancel_reason") == ("cancel_on_disconnect" if cancels else None)
    assert [one["order_id"] for one in said] == [gone["order_id"]] * cancels
    assert venue.market[QUIET].book.bids.lots(100) == (10 if cancels else 20)


async def leave(venue: SimulatedExchange, peer: Peer, how: str) -> None:
    match how:
        case "drop":
            venue.inject(Drop.rst(), connection=1)
        case "logout":
            await peer.ask("private/logout")
            await peer.ending()
        case _:
            await peer.socket.close()


@pytest.mark.looptime
async def test_an_order_may_be_executed_after_its_connection() -> None:
    """A delayed request is executed late, whoever is gone by then, and not after its valid_until."""
    exchange = SimulatedExchange(listen=False, autoplay=False, wall_clock=loop_clock())
    async with exchange, exchange.memory() as network:
        peer, later = [Peer(await network.session.ws_connect(exchange.url)) for _ in range(2)]
        for each in (peer, later):
            await each.login()
        for seconds in (5, 10):
            exchange.inject(DelayRequest("private/buy", seconds))
        terms: Message = {"instrument_name": QUIET, "amount": 1.0, "price": 0.01}
        terms["valid_until"] = exchange.market.now_ms() + 7_000
        for label in ("in time", "too late"):
            await peer.ask("private/buy", label=label, **terms)
        await peer.result("public/get_time")
        await peer.socket.close()
        nothing = await later.result("private/get_order_state_by_label", currency="BTC", label="in time")
        await exchange.ledger.until(lambda: bool(exchange.ledger.refusals_of(13888)))
        (found,) = await later.result("private/get_order_state_by_label", currency="BTC", label="in time")
        await later.socket.close()

    assert nothing == []
    assert (found["order_state"], found["user_id"]) == ("open", 10)
    assert found["creation_timestamp"] == terms["valid_until"] - 2_000
    assert exchange.ledger.labelled("too late") == []


async def test_cancel_on_disconnect_of_the_account(venue: SimulatedExchange, trader: Trader) -> None:
    """Asked for the account, it holds for every later connection."""
    first = await trader()
    await first.result("private/enable_cancel_on_disconnect", scope="account")
    later = await trader()
    placed = await order(later, price=0.01)
    await later.socket.close()
    await venue.ledger.until(lambda: len(venue.ledger.farewells) == 1)

    assert venue.ledger.last_versions(10)[placed["order_id"]]["cancel_reason"] == "cancel_on_disconnect"


async def test_orders_end_with_their_instrument(venue: SimulatedExchange, trader: Trader) -> None:
    """An instrument that settles takes its orders with it, those that wait for a trigger too."""
    peer = await trader()
    await order(peer, price=0.01)
    await order(peer, type="stop_market", trigger="last_price", trigger_price=0.05)
    stays = await order(peer, name=BTC, price=80_000, amount=10.0)
    venue.expire(QUIET)
    venue.step()
    ends = [one.get("cancel_reason") for one in venue.ledger.last_versions(10).values()]

    assert ends == ["settlement", "settlement", None]
    assert await peer.result("private/get_open_orders") == [stays]
