"""The traders of the simulated market: what order comes next.

Knows: a book, a mark and chance. Must not know: change_ids, trades, connections. `market` asks for
an order each time one is due, and executes it.

Orders arrive around the mark, so a book follows its mark, and one that lags behind is traded
against. The rates keep about twenty levels a side. What users have in the book it trades with, but
it withdraws nothing of theirs, and does not take their levels for its own.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from deribit_ws.testing.book import Book, Direction, Side, SideName
from deribit_ws.testing.instruments import Instrument

FEWEST_LEVELS = 8  # below this a side is refilled
MOST_LEVELS = 30  # above this its worst level is withdrawn
CANCELS = 0.40  # share of orders that take a level or part of it away
MARKET_ORDERS = 0.12  # share that match at once
MEAN_DISTANCE = 12.0  # of a limit order from the mark, in ticks
SPREAD_OF_SIZES = 1.1  # sigma of the lognormal order size
FURTHEST, FURTHEST_TICKS = 0.015, 1000  # of the mark, and ticks: beyond what the crowd itself rests at
WHOLE_LEVEL = 0.7  # share of cancels that leave nothing


@dataclass(frozen=True, slots=True)
class Limit:
    """An order that may match, and rests where it does not."""

    direction: Direction
    ticks: int
    lots: int


@dataclass(frozen=True, slots=True)
class Take:
    """A market order; `ticks` is the furthest price it takes, None for any."""

    direction: Direction
    lots: int
    ticks: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """A withdrawal from a level."""

    side: SideName
    ticks: int
    lots: int


Order: TypeAlias = Limit | Take | Cancel


def next_order(instrument: Instrument, book: Book, mark: int, rng: Random) -> Order:
    """Choose an order; `mark` is the mark price in ticks."""
    side = book.side(rng.choice(instrument.sides))
    direction = Direction.BUY if side.name == "bids" else Direction.SELL
    levels = side.crowd_levels
    if len(levels) > MOST_LEVELS:
        worst = levels[0] if side.name == "bids" else levels[-1]
        return Cancel(side.name, worst, side.lots(worst))
    if len(levels) < FEWEST_LEVELS:
        return _limit(instrument, direction, mark, rng)
    chance = rng.random()
    if chance < CANCELS:
        return _cancel(book, side.name, rng)
    if chance < CANCELS + MARKET_ORDERS and len(instrument.sides) == 2:
        return _take(instrument, direction, mark, rng)
    return _limit(instrument, direction, mark, rng)


def quote(instrument: Instrument, side: Side, other: Side, mark: int, rng: Random) -> Limit:
    """Choose an order for a side that holds nothing, at a price at which it rests and is not met."""
    direction = Direction.BUY if side.name == "bids" else Direction.SELL
    order = _limit(instrument, direction, mark, rng)
    if other.best is None:
        return order
    if direction is Direction.BUY:
        return replace(order, ticks=max(1, min(order.ticks, other.best - 1)))
    return replace(order, ticks=max(order.ticks, other.best + 1))


def _limit(instrument: Instrument, direction: Direction, mark: int, rng: Random) -> Limit:
    distance = round(rng.expovariate(1 / MEAN_DISTANCE))
    ticks = mark - distance if direction is Direction.BUY else mark + 1 + distance
    return Limit(direction, max(1, ticks), _size(instrument, rng))


def _take(instrument: Instrument, direction: Direction, mark: int, rng: Random) -> Take:
    reach = FURTHEST_TICKS + int(FURTHEST * mark)
    furthest = mark + reach if direction is Direction.BUY else mark - reach
    return Take(direction, _size(instrument, rng), furthest)


def _cancel(book: Book, name: SideName, rng: Random) -> Cancel:
    side = book.side(name)
    ticks = rng.choice(side.prices())
    resting = side.lots(ticks)
    return Cancel(name, ticks, resting if rng.random() < WHOLE_LEVEL else max(1, resting // 2))


def _size(instrument: Instrument, rng: Random) -> int:
    return max(1, round(instrument.typical_lots * rng.lognormvariate(0.0, SPREAD_OF_SIZES)))
