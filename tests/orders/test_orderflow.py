"""What goes out on one private channel, whatever comes live, late, twice, or by a read."""

import json
from random import Random
from typing import Any

import pytest

from deribit_ws.orderflow import Content, Feed, Read, Standing, scope_of
from deribit_ws.orderflow.expiry import expiry_of
from deribit_ws.orderflow.keys import keyed, order_key, trade_key
from deribit_ws.types import Order, Position, UserChanges

BTC = "BTC-PERPETUAL"
RAW = f"user.orders.{BTC}.raw"
SEEDS = 100


def an_order(id: str, time: int, state: str = "open", **more: Any) -> dict[str, Any]:
    order = {"order_id": id, "last_update_timestamp": time, "order_state": state, "instrument_name": BTC}
    return order | {"filled_amount": 0.0, "amount": 10.0, "price": 50_000.0, "direction": "buy"} | more


def a_trade(number: int, time: int, name: str = BTC) -> dict[str, Any]:
    return {"trade_id": str(number), "timestamp": time, "instrument_name": name}


def a_feed(channel: str = RAW, since: int = 0) -> Feed:
    scope = scope_of(channel)
    assert scope is not None
    feed = Feed(channel, scope)
    feed.advance(since)
    return feed


def a_read(orders: list[Any] = [], trades: list[Any] = [], currency: str = "BTC") -> Read:  # noqa: B006  unchanged
    return Read(currency, [*keyed(orders, order_key)], [*keyed(trades, trade_key)])


def missed(feed: Feed, *reads: Read, until: int = 10_000) -> list[Any]:
    return [json.loads(message) for message in feed.missed(reads, until=until)]


def sifted(feed: Feed, data: Any) -> Any:
    news = feed.sift(json.dumps(data).encode())
    return None if news is None else json.loads(news)


@pytest.mark.parametrize(
    ("channel", "content", "currencies", "is_single"),
    [
        ("user.orders.BTC-PERPETUAL.raw", Content.ORDERS, ("BTC",), True),
        ("user.orders.future.ETH.100ms", Content.ORDERS, ("ETH",), False),
        ("user.orders.any.any.raw", Content.ORDERS, ("BTC", "ETH", "USDC", "USDT", "EURR"), True),
        ("user.trades.SOL_USDC-PERPETUAL.raw", Content.TRADES, ("USDC",), False),
        ("user.trades.ETH_BTC.raw", Content.TRADES, ("ETH", "BTC"), False),
        ("user.combo_trades.any.BTC.100ms", Content.COMBO_TRADES, ("BTC",), False),
        ("user.changes.option.btc.agg2", Content.CHANGES, ("BTC",), True),
        ("user.portfolio.usdc", Content.PORTFOLIO, ("USDC",), True),
    ],
)
def test_scope(channel: str, content: Content, currencies: tuple[str, ...], is_single: bool) -> None:
    """A channel's name tells what its messages carry, and which currencies are read for it."""
    scope = scope_of(channel)

    assert scope is not None
    assert (scope.content, scope.currencies, scope.is_single) == (content, currencies, is_single)


@pytest.mark.parametrize(
    "channel", ["user.lock", "user.isolated.orders.any.any.raw", "book.X.raw", "user", "orders.a.b"]
)
def test_no_scope(channel: str) -> None:
    """Of other channels nothing can be read."""
    assert scope_of(channel) is None


@pytest.mark.parametrize(
    ("channel", "name", "covers"),
    [
        ("user.trades.future.BTC.raw", "BTC-27NOV26", True),
        ("user.trades.future.BTC.raw", "BTC-27NOV26-90000-C", False),
        ("user.trades.option.any.raw", "BTC-27NOV26-90000-C", True),
        ("user.trades.spot.BTC.raw", "ETH_BTC", True),
        ("user.trades.future_combo.BTC.raw", "BTC-FS-27NOV26_PERP", True),
        ("user.trades.option_combo.BTC.raw", "BTC-CS-27NOV26-90000_95000", True),
        ("user.combo_trades.any.BTC.raw", "BTC-PERPETUAL", False),
        ("user.combo_trades.any.BTC.raw", "BTC-FS-27NOV26_PERP", True),
        ("user.trades.any.ETH.raw", "BTC-PERPETUAL", False),
        ("user.trades.BTC-PERPETUAL.raw", "BTC-27NOV26", False),
    ],
)
def test_covers(channel: str, name: str, covers: bool) -> None:
    """What was read goes to the channels it belongs to."""
    scope = scope_of(channel)

    assert scope is not None
    assert scope.covers(name, "BTC") is covers


def test_versions_once() -> None:
    """A version of an order goes out once, and never after a newer one; one that comes back is a new one."""
    feed = a_feed()
    first, second = an_order("1", 10), an_order("1", 10, price=51_000.0)

    assert [sifted(feed, one) for one in (first, first, second, first)] == [first, None, second, first]
    assert sifted(feed, an_order("1", 12, "filled", filled_amount=10.0)) is not None
    assert sifted(feed, an_order("1", 12)) is None
    assert sifted(feed, an_order("1", 11)) is None


def test_news_of_a_list() -> None:
    """Of a list that brings what is known, the rest goes out, as it came."""
    feed = a_feed("user.trades.any.BTC.100ms")
    sifted(feed, [a_trade(1, 10)])
    late = [a_trade(1, 10), a_trade(2, 11) | {"unheard_of": None}]

    assert sifted(feed, late) == late[1:]


def test_news_of_changes() -> None:
    """Of changes that bring what is known, the rest goes out, with all that stands beside it."""
    feed = a_feed("user.changes.any.any.raw")
    message = {
        "instrument_name": BTC,
        "trades": [a_trade(1, 10)],
        "orders": [an_order("1", 10)],
        "positions": [1],
    }
    sifted(feed, message)
    later = message | {"orders": [an_order("1", 11)]}

    assert sifted(feed, message) is None
    assert sifted(feed, later) == later | {"trades": []}
    assert sifted(feed, {"instrument_name": BTC, "positions": []}) is not None


def test_missed_in_order() -> None:
    """What was missed goes out in the order in which it happened, ids deciding within a millisecond."""
    feed = a_feed("user.trades.any.any.raw", since=10)
    reads = [
        a_read(trades=[a_trade(10, 30), a_trade(9, 30), a_trade(1, 9)]),
        a_read(trades=[a_trade(5, 20, "ETH-PERPETUAL")], currency="ETH"),
    ]

    assert [[trade["trade_id"] for trade in message] for message in missed(feed, *reads)] == [
        ["5", "9", "10"]
    ]


def test_missed_until() -> None:
    """What happened after the moment up to which it is asked for is left to come live."""
    feed = a_feed("user.orders.any.any.100ms")
    sifted(feed, [an_order("1", 5)])
    read = a_read([an_order("1", 21, "filled"), an_order("2", 20), an_order("3", 21)])

    assert missed(feed, read, until=20) == [[an_order("2", 20)]]


def test_missed_changes() -> None:
    """Missed changes come an instrument a message, with its position now."""
    feed = a_feed("user.changes.any.any.raw")
    other = an_order("2", 5) | {"instrument_name": "BTC-27NOV26"}
    read = a_read([an_order("1", 10), other], [a_trade(1, 9)])
    positions = Read(positions=[{"instrument_name": BTC, "size": 10.0}])

    assert missed(feed, read, positions) == [
        {"trades": [], "positions": [], "orders": [other], "instrument_name": "BTC-27NOV26"},
        {
            "trades": [a_trade(1, 9)],
            "positions": [{"instrument_name": BTC, "size": 10.0}],
            "orders": [an_order("1", 10)],
            "instrument_name": BTC,
        },
    ]


def test_held_across_links() -> None:
    """What is held when the link goes comes with what was missed, in its place."""
    feed = a_feed()
    feed.is_holding = True
    feed.hold(json.dumps(an_order("2", 20)).encode())
    feed.cut()

    assert [order["order_id"] for order in missed(feed, a_read([an_order("3", 30), an_order("1", 10)]))] == [
        "1",
        "2",
        "3",
    ]
    assert feed.release() == []


class Play:
    """An account to which anything happens, and one feed of it that lags, repeats, and loses its link."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.feed = a_feed("user.changes.any.any.raw")
        self.now = 0
        self.orders: dict[str, list[dict[str, Any]]] = {}
        self.trades: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.lagging: list[bytes] = []
        self.is_up = True

    def play(self, moves: int) -> None:
        for _ in range(moves):
            self.now += self.rng.randint(1, 3)
            self.move()
        self.feed.is_holding = True
        self.recover()

    def move(self) -> None:
        match self.rng.randrange(12):
            case 0 if self.is_up:
                self.is_up = False
                self.feed.cut()
            case 1 if not self.is_up:
                self.is_up = self.feed.is_holding = True
            case 2 if self.is_up and self.lagging:
                self.receive(self.lagging.pop(0))
            case 3 if self.is_up and self.feed.is_holding:
                self.recover()
            case _:
                self.happen()

    def happen(self) -> None:
        """Change an order, and tell it where there is a link."""
        id = str(self.rng.randint(1, 8))
        last = self.orders.get(id, [{"order_state": "open", "filled_amount": 0.0}])[-1]
        if last["order_state"] == "filled":
            return
        filled = last["filled_amount"] + self.rng.choice((0, 0, 1, 2))
        made = [a_trade(len(self.trades) + 1, self.now)] if filled > last["filled_amount"] else []
        state, price = "filled" if filled > 5 else "open", float(self.rng.randint(1, 3))
        order = an_order(id, self.now, state, filled_amount=filled, price=price)
        self.orders.setdefault(id, []).append(order)
        self.trades += made
        if self.is_up:
            message = json.dumps({"instrument_name": BTC, "orders": [order], "trades": made}).encode()
            self.receive(message)
            self.lagging += [message] * (self.rng.random() < 0.2)

    def receive(self, message: bytes) -> None:
        if self.feed.is_holding:
            self.feed.hold(message)
        elif news := self.feed.sift(message):
            self.heard.append(json.loads(news))

    def recover(self) -> None:
        read = a_read([versions[-1] for versions in self.orders.values()], self.trades)
        self.heard += missed(self.feed, read, until=self.now)
        self.heard += map(json.loads, self.feed.release())
        self.feed.advance(self.now - 20)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_interleaving(seed: int) -> None:
    """Whatever comes live, late, twice or by reads: each fill goes out once, none is left out; versions of an
    order rise, and the last one goes out."""
    play = Play(seed)
    play.play(200)
    fills = [trade["trade_id"] for message in play.heard for trade in message["trades"]]
    orders = [order for message in play.heard for order in message["orders"]]

    assert sorted(fills, key=int) == [trade["trade_id"] for trade in play.trades], seed
    for id, made in play.orders.items():
        given = [made.index(order) for order in orders if order["order_id"] == id]
        assert given == sorted(set(given)), (seed, id)
        assert given[-1] == len(made) - 1, (seed, id)


# --- the account as it stands


def told(*orders: Order, positions: list[Position] | None = None) -> UserChanges:
    return UserChanges(instrument_name=BTC, orders=list(orders), positions=positions or [])


def the_order(id: str, time: int, state: str = "open", **more: Any) -> Order:
    return Order(**an_order(id, time, state, **more))


def test_newest_version_stands() -> None:
    """An older version of an order never replaces a newer one, whichever way it comes."""
    standing = Standing()
    standing.take(told(the_order("1", 10, "filled", filled_amount=10.0)), 0.0)
    standing.take_order(the_order("1", 9), 0.0)
    standing.complete([the_order("1", 9)], [], 0.0)

    assert standing.open == {}
    assert standing.get("1") == the_order("1", 10, "filled", filled_amount=10.0)


def test_closed_are_kept_for_a_while() -> None:
    """An order that ended can be looked at for 30 minutes."""
    standing = Standing()
    standing.take_order(the_order("1", 10, "cancelled"), 0.0)
    standing.take_order(the_order("2", 10, "cancelled"), 1799.0)
    assert standing.get("1") is not None
    standing.take_order(the_order("3", 10), 1800.0)

    assert standing.get("1") is None
    assert standing.get("2") is not None


def test_read_as_a_whole() -> None:
    """A read replaces all that nothing newer was told of since it began."""
    standing = Standing()
    position = Position(instrument_name=BTC, size=1.0, direction="buy")
    standing.take(told(the_order("gone", 1), positions=[position]), 0.0)
    standing.begin()
    standing.take(told(the_order("new", 5)), 0.0)
    standing.complete([the_order("old", 2)], [Position(instrument_name="X", size=2.0, direction="buy")], 0.0)

    assert standing.open.keys() == {"new", "old"}
    assert standing.positions.keys() == {"X"}


def owed(feed: Feed, who: object, *reads: Read, until: int = 10_000) -> list[Any]:
    return [json.loads(message) for message in feed.owed(who, reads, until=until)]


def refuse(feed: Feed, data: Any, *who: object) -> None:
    sifted(feed, data)
    feed.handed_out(json.dumps(data).encode(), refused=set(who), is_for_all=True)


def test_owed_to_one() -> None:
    """Who could not take a fill is owed it, from before it on; to all others it is no news."""
    feed = a_feed("user.trades.any.BTC.raw", since=5)
    refuse(feed, [a_trade(1, 10), a_trade(2, 10)], "slow")
    sifted(feed, [a_trade(3, 20)])
    feed.advance(1_000)
    read = a_read(trades=[a_trade(n, 10) for n in (1, 2)] + [a_trade(3, 20), a_trade(4, 1_001)])

    assert feed.since == 10
    assert feed.lacks([read], until=10_000)
    assert owed(feed, "slow", read) == [[a_trade(1, 10), a_trade(2, 10)]]
    assert missed(feed, read) == [[a_trade(4, 1_001)]]
    assert feed.settle() == 0 and not feed.creditors
    feed.advance(1_000)
    assert not feed.lacks([read], until=10_000) and feed.since == 1_000


def test_owed_and_refused_again() -> None:
    """What is refused again stays owed; what was never found is given up, and counted."""
    feed = a_feed("user.trades.any.BTC.raw")
    refuse(feed, [a_trade(1, 10), a_trade(2, 10), a_trade(3, 11)], "slow", "other")
    read = a_read(trades=[a_trade(1, 10), a_trade(2, 10)])
    for message in feed.owed("slow", [read], until=100):
        feed.handed_out(message, refused={"slow"}, is_for_all=False)
    assert owed(feed, "other", read, until=100) == [[a_trade(1, 10), a_trade(2, 10)]]

    assert feed.settle() == 2  # the third one, to both
    assert feed.creditors == ("slow",)
    assert owed(feed, "slow", read) == [[a_trade(1, 10), a_trade(2, 10)]]
    assert feed.settle() == 0 and not feed.creditors


def test_owed_order_overtaken() -> None:
    """An order that is owed, and has changed since, goes out once, with what all missed."""
    feed = a_feed()
    refuse(feed, an_order("1", 10), "slow")
    read = a_read([an_order("1", 20, "filled", filled_amount=10.0)])

    assert feed.open_ids() == {"1"}
    assert owed(feed, "slow", read) == []
    [message] = feed.missed([read], until=10_000)
    feed.handed_out(message, refused=(), is_for_all=True)
    assert (feed.settle(), feed.creditors) == (0, ())


def test_owed_of_the_future() -> None:
    """What happened after the moment of a read stays owed until the next."""
    feed = a_feed("user.trades.any.BTC.raw")
    refuse(feed, [a_trade(1, 500)], "slow")

    assert owed(feed, "slow", a_read(), until=100) == []
    assert (feed.settle(), feed.creditors) == (0, ("slow",))


@pytest.mark.parametrize(
    ("name", "expiry"),
    [
        ("BTC-PERPETUAL", None),
        ("BTC_USDC-PERPETUAL", None),
        ("ETH_USDC", None),
        ("BTC-22SEP26", 1_790_064_000_000),
        ("BTC-2SEP26-60000-C", 1_788_336_000_000),
        ("XRP_USDC-22SEP26-0d6-P", 1_790_064_000_000),
        ("BTC-FS-30OCT26_22SEP26", 1_790_064_000_000),
        ("BTC-FS-22SEP26_PERP", 1_790_064_000_000),
        ("BTC-CS-22SEP26-60000_70000", 1_790_064_000_000),
    ],
)
def test_expiry_in_a_name(name: str, expiry: int | None) -> None:
    """A name says when its instrument ends, at 08:00 UTC; a combo's the first of its dates."""
    assert expiry_of(name) == expiry
