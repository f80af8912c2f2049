"""The market itself: what must hold whatever the seed."""

import math
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deribit_ws.testing.book import Book, Direction
from deribit_ws.testing.crowd import Take, next_order
from deribit_ws.testing.events import BookEvent
from deribit_ws.testing.instruments import BTC_PERPETUAL, expiry_after, expiry_name, listing
from deribit_ws.testing.market import Market
from deribit_ws.testing.options import value

NOON = 1_795_348_800.0  # Sunday 22 November 2026, 12:00 UTC
SWEPT_BY_CHANCE = 127  # a seed whose first steps once left ETH-PERPETUAL without bids


def market(seed: int) -> Market:
    return Market(listing(NOON), rng=Random(seed), wall_clock=lambda: NOON, step_seconds=0.05)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_books_never_cross(seed: int) -> None:
    """No book ever crosses, and no level ever holds nothing or less."""
    moving = market(seed)
    for _ in range(60):
        moving.step()
        for line in moving.lines.values():
            bid, ask = line.book.bids.best, line.book.asks.best

            assert bid is None or ask is None or bid < ask
            assert all(lots > 0 for side in (line.book.bids, line.book.asks) for _, lots in side.levels())


@given(seed=st.integers(0, 2**32), swept=st.sampled_from([*Direction]))
@example(seed=SWEPT_BY_CHANCE, swept=Direction.SELL)
@settings(max_examples=25, deadline=None)
def test_a_perpetual_is_quoted_on_both_sides(seed: int, swept: Direction) -> None:
    """Whatever was taken, by chance or by hand, a step leaves no side of a perpetual empty."""
    moving = market(seed)
    perpetuals = [line for line in moving.lines.values() if line.instrument.perpetual]
    assert perpetuals and all(line.book.bids and line.book.asks for line in perpetuals)
    for line in perpetuals:
        moving.take(line.instrument.name, swept, amount=1e9)
        assert not line.book.side("asks" if swept is Direction.BUY else "bids")
    moving.step()

    for line in perpetuals:
        bid, ask = line.book.bids.best, line.book.asks.best
        assert bid is not None and ask is not None and bid < ask


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_trades_come_out_of_the_book(seed: int) -> None:
    """A trade is at a price that was in the book, and its amount leaves that level."""
    moving, events = market(seed), list[BookEvent]()
    moving.listen(events.append)
    for _ in range(60):
        moving.step()

    for event in events:
        instrument = moving[event.instrument_name].instrument
        taken = [change for change in event.changes if change.after < change.before][: len(event.trades)]

        assert [(instrument.price(c.ticks), instrument.amount(c.before - c.after)) for c in taken] == [
            (trade.price, trade.amount) for trade in event.trades
        ]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_numbers_rise_as_the_exchange_counts(seed: int) -> None:
    """trade_seq has no holes, trade_ids rise, change_ids chain and rise across a family's books."""
    moving, events = market(seed), list[BookEvent]()
    start = {name: line.change_id for name, line in moving.lines.items()}
    moving.listen(events.append)
    for _ in range(60):
        moving.step()

    for name, line in moving.lines.items():
        seqs = [trade.trade_seq for trade in line.trades]
        chain = [start[name], *(e.change_id for e in events if e.instrument_name == name)]

        assert seqs == list(range(line.next_trade_seq - len(seqs), line.next_trade_seq))
        assert [e.prev_change_id for e in events if e.instrument_name == name] == chain[:-1]
    inverse = [e.change_id for e in events if "USDC" not in e.instrument_name]

    assert inverse == sorted(set(inverse))


def test_trade_ids_have_the_prefix_of_their_currency() -> None:
    """BTC trade ids are bare digits, the others name their currency."""
    moving = market(7)
    for _ in range(200):
        moving.step()

    assert moving["BTC-PERPETUAL"].trades[0].trade_id.isdigit()
    assert moving["ETH-PERPETUAL"].trades[0].trade_id.startswith("ETH-")
    assert moving["BTC_USDC-PERPETUAL"].trades[0].trade_id.startswith("BTC_USDC-")


def test_the_same_seed_gives_the_same_market() -> None:
    """Two markets of one seed and clock make the same trades."""
    one, other = market(3), market(3)
    for moving in (one, other):
        for _ in range(50):
            moving.step()

    assert list(one["BTC-PERPETUAL"].trades) == list(other["BTC-PERPETUAL"].trades)
    assert list(one["BTC-PERPETUAL"].trades) != list(market(4)["BTC-PERPETUAL"].trades)


def test_quiet_instruments() -> None:
    """One option is only ever offered, another has never been quoted and stands at change_id 0."""
    moving = market(1)
    for _ in range(300):
        moving.step()
    offered, dormant = moving["BTC-25DEC26-180000-C"], moving["BTC-25DEC26-45000-P"]

    assert len(offered.book.asks) > 0
    assert len(offered.book.bids) == 0
    assert offered.last_price is None
    assert (dormant.change_id, len(dormant.book.bids), len(dormant.book.asks)) == (0, 0, 0)


def test_books_follow_their_marks() -> None:
    """After many steps the middle of each traded book is still near its mark."""
    moving = market(5)
    for _ in range(2000):
        moving.step()
    for line in list(moving.lines.values())[:5]:
        bid, ask = line.book.bids.best, line.book.asks.best

        assert bid is not None and ask is not None
        middle = line.instrument.price(bid + ask) / 2
        assert middle == pytest.approx(line.mark_price, rel=0.002)


def test_the_crowd_takes_no_price_far_from_the_mark() -> None:
    """However little is in the book, a market order of the crowd's goes only so far from the mark."""
    rng, moving = Random(1), market(1)
    reached = set()
    for _ in range(500):
        moving.step()
        order = next_order(BTC_PERPETUAL, moving["BTC-PERPETUAL"].book, 180_000, rng)
        reached |= {order.ticks} if isinstance(order, Take) else set()

    assert reached == {180_000 - 3_700, 180_000 + 3_700}


def test_orders_by_hand() -> None:
    """An order placed by hand matches what crosses it, and rests with what is left."""
    moving = market(1)
    dormant = moving["BTC-25DEC26-45000-P"]
    first = moving.place("BTC-25DEC26-45000-P", "sell", price=0.01, amount=2)
    second = moving.place("BTC-25DEC26-45000-P", Direction.BUY, price=0.02, amount=3)

    assert (first.prev_change_id, first.trades) == (0, ())
    assert [(t.price, t.amount, t.direction, t.iv) for t in second.trades] == [
        (0.01, 2.0, "buy", dormant.mark_iv)
    ]
    assert dormant.book.bids.levels() == [(200, 10)]
    assert moving.take("BTC-25DEC26-45000-P", "sell", amount=99).trades[0].amount == 1.0


@given(
    orders=st.lists(
        st.tuples(st.sampled_from(Direction), st.integers(1, 12) | st.none(), st.integers(1, 9)), max_size=60
    )
)
def test_matching_keeps_every_lot(orders: list[tuple[Direction, int | None, int]]) -> None:
    """What comes in either trades, rests or is a market order's rest; nothing is made or lost."""
    book = Book()
    for direction, ticks, lots in orders:
        before = _resting(book)
        changes, fills = book.submit(direction, ticks, lots)
        filled = sum(fill.lots for fill in fills)
        rested = lots - filled if ticks is not None else 0

        assert _resting(book) == before - filled + rested
        assert all(change.before != change.after for change in changes)


def _resting(book: Book) -> int:
    return sum(lots for side in (book.bids, book.asks) for _, lots in side.levels())


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (NOON, "27NOV26"),  # a Sunday: the Friday of that week
        (NOON + 4 * 86_400, "4DEC26"),  # Thursday noon: less than a day is left, so the next
        (1_767_225_600.0, "2JAN26"),  # across a new year
    ],
)
def test_expiries_are_fridays(now: float, name: str) -> None:
    """The next expiry is a Friday 08:00 UTC at least a day away, named as Deribit does."""
    expiry = expiry_after(now, 1)

    assert expiry_name(expiry) == name
    assert expiry % 86_400 == 8 * 3600


def test_option_values() -> None:
    """Puts and calls differ by forward minus strike, and the greeks have their textbook signs."""
    terms = {"forward": 90_000.0, "strike": 95_000.0, "years": 0.1, "volatility": 0.5}
    call, put = value("call", **terms), value("put", **terms)
    bumped = value("call", **(terms | {"forward": 90_001.0}))

    assert call.price - put.price == pytest.approx(-5000.0)
    assert call.delta == pytest.approx(bumped.price - call.price, rel=1e-3)
    assert call.delta - put.delta == pytest.approx(1.0)
    assert call.gamma > 0 > call.theta
    assert math.isclose(call.vega, put.vega)
