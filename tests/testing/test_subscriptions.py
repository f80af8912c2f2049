"""Which channels a connection really gets."""

import pytest

from deribit_ws.testing import DropChannels, SimulatedExchange
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Peer

BTC, ETH = "BTC-PERPETUAL", "ETH-PERPETUAL"
GOOD = [f"{family}.{name}.100ms" for family in ("book", "ticker", "trades") for name in (BTC, ETH)]


async def test_the_answer_lists_what_was_subscribed_in_another_order(
    exchange: SimulatedExchange, peer: Peer
) -> None:
    """The answer names every channel subscribed, not in the order asked."""
    accepted = await peer.subscribe(*GOOD)

    assert accepted != GOOD
    assert sorted(accepted) == sorted(GOOD) == sorted(exchange.connections[1].channels)


@pytest.mark.parametrize(
    "channel",
    [
        "book.NONE-SUCH.100ms",
        f"book.{BTC}.50ms",
        f"book.{BTC}.none.50.100ms",
        f"book.{BTC}.3.10.100ms",
        "book.BTC-27NOV26-90000-C.5.10.100ms",
        f"ticker.{BTC}",
        f"quote.{BTC}.100ms",
        "trades.bond.BTC.100ms",
        "trades.any.XYZ.100ms",
        "deribit_price_index.xyz_usd",
        "nonsense",
        "",
        "user.nonsense.x",
        "user.orders.any.any.100ms",  # an account's own channels need private/subscribe
    ],
)
async def test_unknown_channels_are_left_out(peer: Peer, channel: str) -> None:
    """A channel that does not exist is left out without an error."""
    assert await peer.subscribe(channel, f"quote.{BTC}") == [f"quote.{BTC}"]
    assert await peer.subscribe(channel) == []


async def test_raw_without_a_login_fails_the_whole_call(exchange: SimulatedExchange, peer: Peer) -> None:
    """One .raw channel without a login refuses the good channels too; with one it is subscribed."""
    error = await peer.error("public/subscribe", channels=[f"quote.{BTC}", f"book.{BTC}.raw"])

    assert error["code"] == 13778
    assert error["message"] == "raw_subscriptions_not_available_for_unauthorized"
    assert not exchange.connections[1].channels
    await peer.login()

    assert await peer.subscribe(f"book.{BTC}.raw") == [f"book.{BTC}.raw"]


async def test_a_second_subscription_brings_no_second_snapshot(
    exchange: SimulatedExchange, peer: Peer
) -> None:
    """Subscribing again is acknowledged, gives no snapshot, and the stream goes on once."""
    channel = f"book.{BTC}.100ms"
    await peer.subscribe(channel)
    again = await peer.subscribe(channel, channel)
    exchange.step(2)

    assert again == [channel]
    assert [data["type"] for data in await peer.said()] == ["snapshot", "change"]


async def test_unsubscribing_lists_what_it_removed(exchange: SimulatedExchange, peer: Peer) -> None:
    """Unsubscribing names only what was subscribed, and that falls silent."""
    await peer.subscribe(*GOOD)
    removed = await peer.result("public/unsubscribe", channels=[*GOOD[:2], f"quote.{BTC}", "nonsense"])
    await peer.said()
    exchange.step(40)

    assert sorted(removed) == sorted(GOOD[:2])
    assert await peer.said(GOOD[0]) == []


async def test_subscribing_anew_brings_a_new_snapshot(exchange: SimulatedExchange, peer: Peer) -> None:
    """Unsubscribing and subscribing again gives a snapshot of now."""
    channel = f"book.{BTC}.100ms"
    await peer.subscribe(channel)
    await peer.result("public/unsubscribe", channels=[channel])
    exchange.step(5)
    await peer.subscribe(channel)
    first, second = await peer.said()

    assert (first["type"], second["type"]) == ("snapshot", "snapshot")
    assert second["change_id"] == exchange.market[BTC].change_id


@pytest.mark.parametrize("scope", ["public", "private"])
async def test_all_can_be_unsubscribed(exchange: SimulatedExchange, peer: Peer, scope: str) -> None:
    """unsubscribe_all leaves nothing."""
    await peer.login()
    await peer.subscribe(*GOOD)

    assert await peer.result(f"{scope}/unsubscribe_all") == "ok"
    assert not exchange.connections[1].channels


async def test_private_subscribe_takes_public_channels_too(peer: Peer) -> None:
    """private/subscribe takes both kinds, and refuses all without a login."""
    both = [f"quote.{BTC}", "user.trades.any.any.raw", "user.portfolio.btc"]

    assert (await peer.error("private/subscribe", channels=both))["code"] == 13009
    await peer.login()

    assert sorted(await peer.subscribe(*both, scope="private")) == sorted(both)
    assert sorted(await peer.result("private/unsubscribe", channels=both)) == sorted(both)


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        (f"incremental_ticker.{BTC}", "incremental_ticker.NONE-SUCH"),
        (f"perpetual.{BTC}.100ms", "perpetual.BTC-27NOV26-90000-C.100ms"),
        (f"chart.trades.{BTC}.60", f"chart.trades.{BTC}.61"),
        ("deribit_price_ranking.btc_usd", "deribit_price_ranking.xyz_usd"),
        ("markprice.options.btc_usd", "markprice.options.xyz_usd"),
        ("instrument.state.any.any", "instrument.state.bond.any"),
        ("block_rfq.trades.any", "block_rfq.trades.XYZ"),
        ("platform_state.public_methods_state", "platform_state.nonsense"),
    ],
)
async def test_channels_on_which_nothing_happens(
    exchange: SimulatedExchange, peer: Peer, channel: str, wrong: str
) -> None:
    """Other documented channels can be subscribed too, and carry only what a test publishes."""
    accepted = await peer.subscribe(channel, wrong)
    exchange.step(40)
    exchange.publish(channel, {"seen": True})
    exchange.publish(wrong, {"seen": False})

    assert accepted == [channel]
    assert await peer.said() == [{"seen": True}]


async def test_own_data_on_a_channel(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """A test can send data of its own on any channel, to whom it is subscribed."""
    channel, order, stranger = "user.orders.any.any.raw", {"price": "market_price"}, await dial(exchange)
    await peer.login()
    await peer.subscribe(channel, scope="private")
    exchange.publish(channel, order)

    assert await peer.said(channel) == [order]
    assert await stranger.said() == []


async def test_nothing_survives_a_connection(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """A new connection has no subscription of the one before."""
    await peer.subscribe(*GOOD)
    await peer.socket.close()
    second = await dial(exchange)
    exchange.step(20)

    assert await second.said() == []
    assert list(exchange.connections) == [2]


async def test_channels_can_be_made_to_fail(exchange: SimulatedExchange, peer: Peer) -> None:
    """Channels that a fault leaves out are missing from the answer until faults are cleared."""
    exchange.inject(DropChannels(GOOD[0], GOOD[1]))
    partial = await peer.subscribe(*GOOD)
    exchange.inject(DropChannels("*"))
    none = await peer.subscribe(*GOOD)
    exchange.clear_faults()

    assert none == []
    assert sorted(partial) == sorted(GOOD[2:])
    assert sorted(await peer.subscribe(*GOOD)) == sorted(GOOD)


async def test_hundreds_of_books(build: Build, dial: Dial) -> None:
    """With extra options five hundred books can be subscribed in one call."""
    exchange = await build(extra_options=500)
    peer = await dial(exchange)
    channels = [f"book.{name}.agg2" for name in exchange.instruments[-500:]]

    assert len(await peer.subscribe(*channels)) == 500
    exchange.step(20)

    assert len(await peer.said()) >= 500
