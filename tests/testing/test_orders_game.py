"""Random games of two users and the crowd: what must hold whatever they do."""

import contextlib
import itertools
import json
from collections import defaultdict
from random import Random
from typing import Any

import pytest

from deribit_ws.testing import Direction, SimulatedExchange
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.market import Line
from deribit_ws.testing.own_orders import OwnOrder, State
from deribit_ws.testing.terms import CONDITIONAL, FOK, GTC, GTD, IOC, Terms, Trigger

NOON = 1_795_348_800.0
BTC, QUIET = "BTC-PERPETUAL", "BTC-25DEC26-45000-P"
USERS = (10, 20)
MOVES = 400
SEEDS = 12
NEXT = {
    None: {"open", "filled", "cancelled", "untriggered"},
    "open": {"open", "filled", "cancelled"},
    "untriggered": {"untriggered", "triggered", "cancelled"},
    "filled": set(),
    "cancelled": set(),
    "triggered": set(),
}


class Listener:
    """A subscriber that keeps all it is told."""

    def __init__(self) -> None:
        self.said: defaultdict[str, list[Any]] = defaultdict(list)

    def notify(self, channel: str, framed: bytes, mark: Any) -> None:
        self.said[channel].append(json.loads(framed[framed.index(b'{"jsonrpc"') :])["params"]["data"])


class Game:
    """One exchange, two users who do anything that users can, a crowd that trades among them."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now = NOON
        self.exchange = SimulatedExchange(seed=seed, autoplay=False, wall_clock=lambda: self.now)
        venue = self.exchange._venue
        self.market, self.engine, hub = venue.market, venue.engine, venue.hub
        self.ears = {user: Listener() for user in USERS}
        self.public = Listener()
        for user, ear in self.ears.items():
            for family in ("orders", "trades", "changes"):
                hub.join(ear, f"user.{family}.any.any.raw", user=user)
        for name in (BTC, QUIET):
            hub.join(self.public, f"book.{name}.raw")
            hub.join(self.public, f"trades.{name}.raw")

    def play(self) -> None:
        moves = [self.place] * 8 + [self.edit] * 4 + [self.cancel] * 2 + [self.crowd] * 4 + [self.step] * 2
        for _ in range(MOVES):
            self.now += self.rng.choice((0, 0.001, 5))
            with contextlib.suppress(Refusal):
                self.rng.choice(moves)()
            for name in (BTC, QUIET):
                check_book(self.market[name], self.engine.store.alive())
            for order in self.engine.store.alive():
                self.check_reducing(order)
        self.engine.disconnected(1)

    def check_reducing(self, order: OwnOrder) -> None:
        """An open order that may only reduce is never larger than the position."""
        held = self.engine.positions.lots(order.user_id, order.instrument)
        most = -held if order.direction is Direction.BUY else held
        assert not order.terms.reduce_only or order.state is not State.OPEN or order.left <= most

    def place(self) -> None:
        rng = self.rng
        line, direction = self.market[rng.choice((BTC, QUIET))], rng.choice(list(Direction))
        order_type = rng.choice(("limit",) * 5 + ("market", "market_limit", "stop_market", "take_limit"))
        limit = order_type in ("limit", "take_limit")
        time_in_force = rng.choice((GTC, GTC, GTC, GTD, IOC, FOK)) if order_type == "limit" else None
        terms = Terms(
            line.instrument,
            direction,
            rng.randint(1, 400),
            order_type=order_type,
            ticks=self.near(line) if limit else None,
            time_in_force=time_in_force,
            post_only=limit and time_in_force in (GTC, None) and rng.random() < 0.2,
            reject_post_only=rng.random() < 0.3,
            reduce_only=rng.random() < 0.2,
            trigger=Trigger("last_price", line.instrument.price(self.near(line)))
            if order_type in CONDITIONAL
            else None,
        )
        self.engine.place(rng.choice(USERS), terms, connection=rng.randint(1, 3))

    def near(self, line: Line) -> int:
        middle = 200 if line.instrument.name == QUIET else line.instrument.ticks(line.mark_price)
        return middle + self.rng.randint(-12, 12)

    def edit(self) -> None:
        if order := self.any_order():
            price = self.near(self.market[order.instrument.name]) if self.rng.random() < 0.5 else None
            self.engine.edit(order, lots=self.rng.randint(1, 400), ticks=price if order.terms.ticks else None)

    def cancel(self) -> None:
        if order := self.any_order():
            self.engine.cancel(order)

    def any_order(self) -> OwnOrder | None:
        alive = self.engine.store.alive(self.rng.choice(USERS))
        return self.rng.choice(alive) if alive else None

    def crowd(self) -> None:
        line, side = self.market[self.rng.choice((BTC, QUIET))], self.rng.choice(list(Direction))
        instrument = line.instrument
        amount = instrument.amount(self.rng.randint(1, 500))
        if self.rng.random() < 0.5:
            self.market.take(instrument.name, side, amount=amount)
        else:
            self.market.place(instrument.name, side, price=instrument.price(self.near(line)), amount=amount)

    def step(self) -> None:
        self.exchange.step(self.rng.randint(1, 5))


def check_book(line: Line, alive: list[OwnOrder]) -> None:
    """No level crosses another; each holds the crowd's lots and those of the orders that rest there."""
    book, name = line.book, line.instrument.name
    bid, ask = book.bids.best, book.asks.best
    assert bid is None or ask is None or bid < ask
    found = set()
    for side in (book.bids, book.asks):
        for ticks, lots in side.levels():
            waiting = side.queued(ticks)
            assert lots == sum(one.lots for one in waiting) > 0
            found |= {
                (side.name, ticks, one.order_id, one.lots) for one in waiting if one.order_id is not None
            }
    resting = [one for one in alive if one.instrument.name == name and one.state is State.OPEN]
    assert found == {(o.direction.rests_in, o.terms.ticks, o.order_id, o.left) for o in resting}


@pytest.fixture(scope="module", params=range(SEEDS), ids=lambda seed: f"seed{seed}")
def game(request: pytest.FixtureRequest) -> Game:
    played = Game(request.param)
    played.play()
    return played


def test_histories_are_legal(game: Game) -> None:
    """An order's versions follow each other as states may, fills only add up, time goes forward."""
    ended = defaultdict[str, int](int)
    for user in USERS:
        histories = defaultdict[str, list[dict[str, Any]]](list)
        for version in game.exchange.ledger.orders[user]:
            histories[version["order_id"]].append(version)
        for versions in histories.values():
            states = [None, *(one["order_state"] for one in versions)]
            ended[str(states[-1])] += 1

            assert all(after in NEXT[before] for before, after in itertools.pairwise(states)), versions
            for key in ("filled_amount", "last_update_timestamp"):
                assert versions == sorted(versions, key=lambda one: one[key])
            assert all(
                (v["filled_amount"] == v["amount"]) == (v["order_state"] == "filled") for v in versions
            )
    assert min(ended["filled"], ended["cancelled"], ended["triggered"]) > 0


def test_fills_add_up(game: Game) -> None:
    """An order is filled by its fills, a position is their sum, and each is one public trade, met once."""
    ledger = game.exchange.ledger
    public = {t.trade_id: t for name in (BTC, QUIET) for t in ledger.trades[name]}
    sides = defaultdict[str, list[tuple[int, str, str]]](list)
    for user in USERS:
        filled, held = defaultdict[str, float](float), defaultdict[str, float](float)
        for fill in ledger.user_trades[user]:
            trade = public[fill["trade_id"]]
            signed = fill["amount"] if fill["direction"] == "buy" else -fill["amount"]
            filled[fill["order_id"]] += fill["amount"]
            held[fill["instrument_name"]] += signed
            sides[fill["trade_id"]].append((user, fill["direction"], fill["liquidity"]))

            assert (fill["trade_seq"], fill["price"], fill["amount"]) == (
                trade.trade_seq,
                trade.price,
                trade.amount,
            )
            assert (fill["direction"] == trade.direction) == (fill["liquidity"] == "T")
        for order_id, last in ledger.last_versions(user).items():
            assert last["filled_amount"] == pytest.approx(filled[order_id])
        for name, size in held.items():
            assert game.engine.positions.shown(user, game.market[name])["size"] == pytest.approx(size)
    for met in sides.values():
        assert [len({one[k] for one in met}) for k in range(3)] == [len(met)] * 3  # nobody meets himself
    assert any(len(met) == 2 for met in sides.values())


def test_channels_say_what_happened(game: Game) -> None:
    """The raw channels say each version and each fill once, in order, and to its user alone."""
    for user, ear in game.ears.items():
        orders, fills = list(game.exchange.ledger.orders[user]), list(game.exchange.ledger.user_trades[user])
        changes = ear.said["user.changes.any.any.raw"]

        assert ear.said["user.orders.any.any.raw"] == orders
        assert [one for data in ear.said["user.trades.any.any.raw"] for one in data] == fills
        assert [one for data in changes for one in data["orders"]] == orders
        assert [one for data in changes for one in data["trades"]] == fills


@pytest.mark.parametrize("name", [BTC, QUIET])
def test_public_channels_include_users(game: Game, name: str) -> None:
    """The book and trades channels, replayed, are the book and the trades, users' part included."""
    line = game.market[name]
    levels: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    last = None
    for said in game.public.said[f"book.{name}.raw"]:
        assert said.get("prev_change_id") == last
        last = said["change_id"]
        for side, side_levels in levels.items():
            for action, price, amount in said[side]:
                side_levels[price] = amount
                if action == "delete":
                    del side_levels[price]
    seqs = [trade["trade_seq"] for data in game.public.said[f"trades.{name}.raw"] for trade in data]

    for resting in (line.book.bids, line.book.asks):
        held = {line.instrument.price(t): line.instrument.amount(n) for t, n in resting.levels()}
        assert levels[resting.name] == held
    assert seqs == list(range(line.next_trade_seq - len(seqs), line.next_trade_seq))


def test_games_repeat() -> None:
    """The same seed and the same moves give the same orders and the same market."""
    one, other = Game(3), Game(3)
    one.play()
    other.play()

    assert one.exchange.ledger.orders == other.exchange.ledger.orders
    assert one.market[BTC].book.bids.levels() == other.market[BTC].book.bids.levels()
