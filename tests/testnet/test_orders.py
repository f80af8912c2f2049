"""Checks that place orders, put to the orders of the simulated exchange."""

from typing import Any

import pytest

from deribit_ws.testing import FailRequest, SimulatedExchange
from tests.testnet.conftest import Build, judge

pytestmark = pytest.mark.looptime


def placed(exchange: SimulatedExchange) -> list[dict[str, Any]]:
    """The parameters of every order that was sent."""
    return [
        request.params
        for method in ("buy", "sell")
        for request in exchange.ledger.requests_of(f"private/{method}")
    ]


def swept(exchange: SimulatedExchange) -> list[str]:
    """The labels of which every order was to be cancelled."""
    return [request.params["label"] for request in exchange.ledger.requests_of("private/cancel_by_label")]


@pytest.mark.parametrize("name", ["cancel-on-disconnect", "logout"])
async def test_drop_and_logout_are_told_apart(build: Build, name: str) -> None:
    """A drop is seen to cancel orders, a logout to leave them, and nothing is left resting by either."""
    exchange = await build()
    verdicts = await judge(exchange, name, may_act=True)
    (order,) = exchange.ledger.last_versions().values()

    assert {verdict for verdict, _ in verdicts.values()} == {"CONFIRMED"}, verdicts
    assert swept(exchange) == [order["label"]] == [terms["label"] for terms in placed(exchange)]
    assert order["order_state"] == "cancelled"


async def test_orders_are_small_and_far_away(build: Build) -> None:
    """An order is the smallest there is, post-only, a fifth below the mark price, and on a tick."""
    exchange = await build()
    await judge(exchange, "logout", may_act=True)
    (order,) = placed(exchange)

    assert (order["amount"], order["post_only"], order["reject_post_only"]) == (10.0, True, True)
    assert 50_000 < order["price"] < 80_000  # the simulated market begins at 90,000
    assert order["price"] % 0.5 == 0


async def test_shapes_of_orders(build: Build) -> None:
    """The channels that speak of an order confirm their shapes; a label that is missing is refuted."""
    verdicts = await judge(await build(), "order-channels", may_act=True)

    assert {name for name, (verdict, _) in verdicts.items() if verdict == "CONFIRMED"} == {
        "order-channels/user.orders.BTC-PERPETUAL.raw",
        "order-channels/user.orders.BTC-PERPETUAL.100ms",
        "order-channels/user.orders.any.any.100ms",
        "order-channels/user.changes.BTC-PERPETUAL.raw",
        "order-channels/user.changes.BTC-PERPETUAL.100ms",
        "order-channels/snapshots",
    }
    assert verdicts["order-channels/label"] == ("REFUTED", "label found: nowhere")


async def test_price_of_a_stop_order(build: Build) -> None:
    """The price of a stop market order is read as it comes."""
    verdicts = await judge(await build(), "price-of-a-trigger-order", may_act=True)

    assert verdicts["price-of-a-trigger-order"] == ("CONFIRMED", "price 'market_price', untriggered")


@pytest.mark.parametrize(("outlives", "verdict"), [(False, "CONFIRMED"), (True, "REFUTED")])
async def test_data_after_the_token(build: Build, outlives: bool, verdict: str) -> None:
    """Whether private data go on without a token is told from an order of another connection."""
    exchange = await build(private_outlives_token=outlives)
    verdicts = await judge(exchange, "data-after-the-token", may_act=True, seconds=20)

    assert verdicts["data-after-the-token"][0] == verdict, verdicts


async def test_refused_order_is_swept_all_the_same(build: Build) -> None:
    """An order of which only an error came back is cancelled by its label, and nothing is decided."""
    exchange = await build()
    exchange.inject(FailRequest("private/buy", 10001))
    verdicts = await judge(exchange, "logout", may_act=True)

    assert verdicts["logout"] == ("UNDECIDED", "private/buy was refused: 10001 error")
    assert len(swept(exchange)) == 1


async def test_order_that_may_be_left_is_told(build: Build) -> None:
    """Where an order could not be cancelled, the user is told its label."""
    exchange = await build()
    exchange.refuse("private/cancel_by_label", 13028)
    verdicts = await judge(exchange, "logout", may_act=True)

    verdict, seen = verdicts["logout"]
    assert verdict == "UNDECIDED"
    assert f"LOOK AFTER THE ORDER labelled {placed(exchange)[0]['label']}" in seen
