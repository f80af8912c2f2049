"""Checks that place orders, on an exchange lent the few order methods which the simulated one lacks."""

from typing import Any

import pytest

from deribit_ws.testing import FailRequest, SimulatedExchange
from deribit_ws.testing.calls import Call
from deribit_ws.testing.methods import METHODS
from tests.testnet.conftest import Build, judge

pytestmark = pytest.mark.looptime


class Desk:
    """Orders that rest until they are cancelled; a drop under cancel-on-disconnect cancels them too."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self.exchange = exchange
        self.placed: list[dict[str, Any]] = []
        self.swept: list[str] = []

    def buy(self, call: Call) -> dict[str, Any]:
        terms = call.params.values
        price = terms.get("price", "market_price")
        order = {"order_id": str(len(self.placed)), "order_state": "open", **terms, "price": price}
        self.placed.append(order)
        bundle = {"instrument_name": "BTC-PERPETUAL", "trades": [], "orders": [order], "positions": []}
        self.exchange.publish("user.orders.BTC-PERPETUAL.raw", order)
        self.exchange.publish("user.orders.any.any.100ms", [order])
        self.exchange.publish("user.changes.BTC-PERPETUAL.raw", bundle)
        return {"order": order, "trades": []}

    def state(self, call: Call) -> dict[str, Any]:
        order = self.placed[int(call.params.values["order_id"])]
        if any(farewell.cancels_orders for farewell in self.exchange.ledger.farewells):
            order |= {"order_state": "cancelled", "cancel_reason": "cancel_on_disconnect"}
        return order

    def sweep(self, call: Call) -> int:
        self.swept.append(call.params.values["label"])
        return 1


async def lend(build: Build, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An exchange that takes orders."""
    desk = Desk(await build())
    monkeypatch.setitem(METHODS, "private/buy", desk.buy)
    monkeypatch.setitem(METHODS, "private/get_order_state", desk.state)
    monkeypatch.setitem(METHODS, "private/cancel_by_label", desk.sweep)
    return desk


async def test_drop_and_logout_are_told_apart(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drop is seen to cancel orders, a logout to leave them, and nothing is left resting by either."""
    for name in ("cancel-on-disconnect", "logout"):
        desk = await lend(build, monkeypatch)
        verdicts = await judge(desk.exchange, name, may_act=True)

        assert {verdict for verdict, _ in verdicts.values()} == {"CONFIRMED"}, verdicts
        assert desk.swept == [order["label"] for order in desk.placed]
        assert len(desk.placed) == 1


async def test_orders_are_small_and_far_away(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order is the smallest there is, post-only, a fifth below the mark price, and on a tick."""
    desk = await lend(build, monkeypatch)
    await judge(desk.exchange, "logout", may_act=True)
    (order,) = desk.placed

    assert (order["amount"], order["post_only"], order["reject_post_only"]) == (10.0, True, True)
    assert 50_000 < order["price"] < 80_000  # the simulated market begins at 90,000
    assert order["price"] % 0.5 == 0


async def test_shapes_of_orders(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channels that speak of an order confirm their shapes; a label that is missing is refuted."""
    desk = await lend(build, monkeypatch)
    verdicts = await judge(desk.exchange, "order-channels", may_act=True)

    assert {name for name, (verdict, _) in verdicts.items() if verdict == "CONFIRMED"} == {
        "order-channels/user.orders.BTC-PERPETUAL.raw",
        "order-channels/user.orders.any.any.100ms",
        "order-channels/user.changes.BTC-PERPETUAL.raw",
        "order-channels/snapshots",
    }
    assert verdicts["order-channels/label"] == ("REFUTED", "label found: nowhere")


async def test_price_of_a_stop_order(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The price of a stop market order is read as it comes."""
    desk = await lend(build, monkeypatch)
    verdicts = await judge(desk.exchange, "price-of-a-trigger-order", may_act=True)

    assert verdicts["price-of-a-trigger-order"] == ("CONFIRMED", "price 'market_price', open")


@pytest.mark.parametrize(("outlives", "verdict"), [(False, "CONFIRMED"), (True, "REFUTED")])
async def test_data_after_the_token(
    build: Build, monkeypatch: pytest.MonkeyPatch, outlives: bool, verdict: str
) -> None:
    """Whether private data go on without a token is told from an order of another connection."""
    desk = Desk(await build(private_outlives_token=outlives))
    monkeypatch.setitem(METHODS, "private/buy", desk.buy)
    verdicts = await judge(desk.exchange, "data-after-the-token", may_act=True, seconds=20)

    assert verdicts["data-after-the-token"][0] == verdict, verdicts


async def test_refused_order_is_swept_all_the_same(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order of which only an error came back is cancelled by its label, and nothing is decided."""
    desk = await lend(build, monkeypatch)
    desk.exchange.inject(FailRequest("private/buy", 10001))
    verdicts = await judge(desk.exchange, "logout", may_act=True)

    assert verdicts["logout"] == ("UNDECIDED", "private/buy was refused: 10001 error")
    assert len(desk.swept) == 1


async def test_order_that_may_be_left_is_told(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an order could not be cancelled, the user is told its label."""
    desk = await lend(build, monkeypatch)
    desk.exchange.refuse("private/cancel_by_label", 13028)
    verdicts = await judge(desk.exchange, "logout", may_act=True)

    verdict, seen = verdicts["logout"]
    assert verdict == "UNDECIDED"
    assert f"LOOK AFTER THE ORDER labelled {desk.placed[0]['label']}" in seen
