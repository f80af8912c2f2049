"""The channels of users' orders, fills, changes and sums."""

from typing import Any

import pytest

from deribit_ws.testing import SimulatedExchange
from tests.testing.conftest import Dial, Trader
from tests.testing.desk import BTC, QUIET, order
from tests.testing.peer import Peer


async def ears(peer: Peer, *channels: str) -> None:
    accepted = await peer.subscribe(*channels, scope="private")
    assert sorted(accepted) == sorted(channels)


async def test_raw_orders_come_one_to_a_message(venue: SimulatedExchange, trader: Trader) -> None:
    """A raw channel says each version of each order, one object to a message, and nothing at first."""
    peer = await trader()
    await order(peer, price=0.011)
    channel = f"user.orders.{QUIET}.raw"
    await ears(peer, channel)
    placed = await order(peer, price=0.01)
    venue.market.take(QUIET, "sell", amount=2.0)
    said = await peer.said(channel)

    assert [(one["price"], one["order_state"]) for one in said] == [
        (0.01, "open"),
        (0.011, "filled"),
        (0.01, "filled"),
    ]
    assert said[0] == placed


@pytest.mark.parametrize(
    ("subject", "hears"),
    [
        (BTC, "f"),
        ("any.any", "fo"),
        ("future.any", "f"),
        ("option.BTC", "o"),
        ("any.ETH", ""),
        ("any.BTC", "fo"),
    ],
)
@pytest.mark.parametrize("pace", ["raw", "100ms", "agg2"])
async def test_which_instruments_a_channel_is_about(
    venue: SimulatedExchange, trader: Trader, subject: str, hears: str, pace: str
) -> None:
    """A channel is about one instrument, or about a kind and currency, either of which may be any."""
    peer = await trader()
    await ears(peer, *(f"user.{family}.{subject}.{pace}" for family in ("orders", "trades", "changes")))
    await order(peer, "sell", name=BTC, amount=10.0, type="market")
    await order(peer, price=0.01)
    venue.step(20)
    said: dict[str, list[Any]] = {"orders": [], "trades": [], "changes": []}
    await peer.result("public/get_time")
    for message in peer.heard:
        said[message["params"]["channel"].split(".")[1]].append(message["params"]["data"])
    orders = [one for data in said["orders"] for one in (data if isinstance(data, list) else [data])]
    names = {"f": BTC, "o": QUIET}

    assert {one["instrument_name"] for one in orders} == {names[key] for key in hears}
    assert {data["instrument_name"] for data in said["changes"]} == {names[key] for key in hears}
    assert all(isinstance(data, dict) == (pace == "raw") for data in said["orders"])
    assert [trade["instrument_name"] for data in said["trades"] for trade in data] == [BTC] * ("f" in hears)


async def test_intervals_leave_out_versions_in_between(venue: SimulatedExchange, trader: Trader) -> None:
    """An aggregated channel says the last version of each order, and every fill."""
    peer = await trader()
    await ears(peer, "user.orders.any.any.100ms", "user.trades.any.any.100ms", "user.changes.any.any.100ms")
    placed = await order(peer, price=0.01, amount=3.0)
    for _ in range(3):
        venue.market.take(QUIET, "sell", amount=1.0)
    venue.step(2)
    said: dict[str, Any] = {}
    await peer.result("public/get_time")
    for message in peer.heard:
        said[message["params"]["channel"].split(".")[1]] = message["params"]["data"]
    (changed,) = said["changes"]["orders"]

    assert changed == said["orders"][0] == venue.ledger.versions(placed["order_id"])[-1]
    assert said["trades"] == said["changes"]["trades"] == venue.ledger.fills(placed["order_id"])
    assert [one["size"] for one in said["changes"]["positions"]] == [3.0]


async def test_users_hear_nothing_of_each_other(venue: SimulatedExchange, trader: Trader) -> None:
    """Two users on one channel hear each his own; two connections of one user hear the same."""
    channel = "user.orders.any.any.raw"
    first, again, other = await trader(), await trader(), await trader("other")
    for peer in (first, again, other):
        await ears(peer, channel)
    mine, theirs = await order(first, price=0.01), await order(other, "sell", price=0.02)

    assert await first.said(channel) == await again.said(channel) == [mine]
    assert await other.said(channel) == [theirs]


async def test_a_user_who_comes_back_as_another(venue: SimulatedExchange, dial: Dial) -> None:
    """A channel stays the user's who subscribed, whoever logs in on the connection later."""
    channel = "user.orders.any.any.raw"
    peer = await dial(venue)
    await peer.login()
    await ears(peer, channel)
    await peer.login(client_id="other")
    await order(peer, price=0.01)
    nothing = await peer.said(channel)
    await peer.result("private/unsubscribe", channels=[channel])
    await ears(peer, channel)
    placed = await order(peer, price=0.01)

    assert nothing == []
    assert await peer.said(channel) == [placed]


async def test_portfolio_after_a_fill(venue: SimulatedExchange, trader: Trader) -> None:
    """The sums of a currency are said once something moved them, and are those that can be read."""
    peer = await trader()
    await ears(peer, "user.portfolio.btc", "user.portfolio.any", "user.portfolio.ETH")
    await order(peer, name=BTC, amount=1000.0, type="market")
    venue.step(2)
    await peer.result("public/get_time")
    said = [(message["params"]["channel"], message["params"]["data"]) for message in peer.heard]
    summary = await peer.result("private/get_account_summary", currency="BTC")
    del summary["limits"]

    assert sorted(channel for channel, _ in said) == ["user.portfolio.any", "user.portfolio.btc"]
    assert [data["balance"] for _, data in said] == [summary["balance"]] * 2
    assert said[0][1].keys() == summary.keys()
    assert summary["balance"] == pytest.approx(10 - 0.0005 * 1000 / 90_000, rel=1e-4)


@pytest.mark.parametrize(
    "channel",
    [
        "user.orders.BTC-NEVER.raw",
        "user.orders.any.any.200ms",
        "user.orders.any.any",
        "user.changes.nothing.BTC.raw",
        "user.portfolio.GOLD",
        "user.nonsense.x",
    ],
)
async def test_channels_that_there_are_not(trader: Trader, channel: str) -> None:
    """A user channel of no such instrument, kind, currency or interval is left out."""
    peer = await trader()

    assert await peer.subscribe(channel, scope="private") == []


async def test_published_data_reach_every_user(venue: SimulatedExchange, trader: Trader) -> None:
    """Data made by hand are said to all who listen, whoever they are."""
    channel = "user.orders.any.any.raw"
    peers = [await trader(), await trader("other")]
    for peer in peers:
        await ears(peer, channel)
    venue.publish(channel, {"odd": True})

    assert [await peer.said(channel) for peer in peers] == [[{"odd": True}]] * 2


async def test_expired_instruments_fall_silent(venue: SimulatedExchange, trader: Trader) -> None:
    """The cancels of an instrument that settles are still said on its channels."""
    peer = await trader()
    channel = f"user.orders.{QUIET}.raw"
    await ears(peer, channel)
    await order(peer, price=0.01)
    venue.expire(QUIET)
    *_, last = await peer.said(channel)

    assert (last["order_state"], last["cancel_reason"]) == ("cancelled", "settlement")
    assert await peer.subscribe(channel, scope="private") == []
