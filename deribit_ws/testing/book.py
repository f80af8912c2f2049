"""One order book: amounts resting at prices, and the matching of what comes in.

Knows: whole ticks and whole lots, so nothing is ever rounded; price before time. Must not know:
names, change_ids, the clock, or whose an order is beyond its id. `market` owns one per instrument
and numbers what happens in it; `feeds` and `payloads` read the levels.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import StrEnum
from typing import Literal, NamedTuple

from deribit_ws.testing.level_queue import LevelQueue, Resting

SideName = Literal["bids", "asks"]


class Direction(StrEnum):
    """Which way the party that came last traded."""

    BUY = "buy"
    SELL = "sell"

    @property
    def rests_in(self) -> SideName:
        """The side an order of this direction waits in."""
        return "bids" if self is Direction.BUY else "asks"


class LevelChange(NamedTuple):
    """The amount at one price went from `before` to `after` lots; 0 means no level."""

    side: SideName
    ticks: int
    before: int
    after: int


class Fill(NamedTuple):
    """Part of an order that met a resting level; `maker` None: what the crowd had there."""

    ticks: int
    lots: int
    maker: Resting | None = None


class Side:
    """The levels of one side."""

    __slots__ = ("_best", "_ladder", "_lots", "_queues", "name")

    def __init__(self, name: SideName) -> None:
        self.name: SideName = name
        self._lots: dict[int, int] = {}
        self._ladder: list[int] = []  # ascending prices
        self._best = -1 if name == "bids" else 0
        self._queues: dict[int, LevelQueue] = {}  # of the levels in which a user's order rests

    def __len__(self) -> int:
        return len(self._ladder)

    @property
    def best(self) -> int | None:
        """The best price in ticks, None when the side is empty."""
        return self._ladder[self._best] if self._ladder else None

    @property
    def crowd_levels(self) -> list[int]:
        """The prices at which the crowd waits, ascending; not to be changed."""
        if not self._queues:
            return self._ladder
        alone = {ticks for ticks, queue in self._queues.items() if not queue.crowd}
        return [ticks for ticks in self._ladder if ticks not in alone]

    def lots(self, ticks: int) -> int:
        """What rests at a price."""
        return self._lots.get(ticks, 0)

    def prices(self) -> list[int]:
        """All prices in ticks, best first."""
        return self._ladder[::-1] if self._best else self._ladder[:]

    def levels(self, depth: int | None = None) -> list[tuple[int, int]]:
        """(ticks, lots) of the best `depth` levels, best first; all of them by default."""
        return [(ticks, self._lots[ticks]) for ticks in self.prices()[:depth]]

    def put(self, ticks: int, lots: int) -> LevelChange:
        """Make `lots` rest at a price; 0 removes the level."""
        before = self._lots.get(ticks, 0)
        if lots:
            self._lots[ticks] = lots
            if not before:
                insort(self._ladder, ticks)
        elif before:
            del self._lots[ticks]
            del self._ladder[bisect_left(self._ladder, ticks)]
        return LevelChange(self.name, ticks, before, lots)

    def add(self, ticks: int, lots: int, order: Resting | None = None) -> LevelChange:
        """Let lots rest at the end of a level's queue: a user's order, or (None) the crowd's."""
        if order is not None and ticks not in self._queues:
            self._queues[ticks] = LevelQueue(self.lots(ticks))
        if queue := self._queues.get(ticks):
            queue.add(Resting(None, lots) if order is None else order)
        return self.put(ticks, self.lots(ticks) + lots)

    def take(self, ticks: int, lots: int) -> tuple[LevelChange, list[Fill]]:
        """Meet up to so many lots of a level, in the order in which they came."""
        resting = self.lots(ticks)
        taken = min(lots, resting)
        fills = [Fill(ticks, taken)]
        if queue := self._queues.get(ticks):
            met = queue.take(taken)
            fills = [Fill(ticks, part, None if who.order_id is None else who) for who, part in met]
            self._tidy(ticks)
        return self.put(ticks, resting - taken), fills

    def withdraw(self, ticks: int, lots: int) -> list[LevelChange]:
        """Take up to so many of the crowd's lots away; nothing changes where it has none."""
        resting = self.lots(ticks)
        queue = self._queues.get(ticks)
        taken = queue.withdraw(lots) if queue else min(lots, resting)
        return [self.put(ticks, resting - taken)] if taken else []

    def shrink(self, ticks: int, order: Resting, lots: int) -> LevelChange:
        """Take lots of a user's order away; what is left of it keeps its place."""
        self._queues[ticks].shrink(order, lots)
        self._tidy(ticks)
        return self.put(ticks, self.lots(ticks) - lots)

    def queued(self, ticks: int) -> list[Resting]:
        """Who waits at a price, first to last."""
        queue = self._queues.get(ticks)
        return queue.slots if queue else [Resting(None, self.lots(ticks))]

    def _tidy(self, ticks: int) -> None:
        if not self._queues[ticks].owned:
            del self._queues[ticks]


class Book:
    """Two sides that never cross."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side("bids")
        self.asks = Side("asks")

    def side(self, name: SideName) -> Side:
        """A side by the name it has on the wire."""
        return self.bids if name == "bids" else self.asks

    def against(self, direction: Direction) -> Side:
        """The side that an order of this direction meets."""
        return self.asks if direction is Direction.BUY else self.bids

    def submit(
        self,
        direction: Direction,
        ticks: int | None,
        lots: int,
        *,
        order: Resting | None = None,
        rests: bool = True,
    ) -> tuple[list[LevelChange], list[Fill]]:
        """Match an order against the other side; what is left of a limit order rests, as `order` if given.

        `ticks` None is a market order: what the other side cannot fill is forgotten, as it is where
        `rests` is false.
        """
        other = self.against(direction)
        changes: list[LevelChange] = []
        fills: list[Fill] = []
        while lots and (best := other.best) is not None and _reaches(direction, ticks, best):
            change, met = other.take(best, lots)
            lots -= change.before - change.after
            changes.append(change)
            fills += met
        if lots and ticks is not None and rests:
            if order is not None:
                order.lots = lots
            changes.append(self.side(direction.rests_in).add(ticks, lots, order))
        return changes, fills

    def ahead(self, direction: Direction, ticks: int | None) -> Iterator[Resting]:
        """What an order would meet if it were large enough, first to last."""
        other = self.against(direction)
        for price in other.prices():
            if not _reaches(direction, ticks, price):
                return
            yield from other.queued(price)


def _reaches(direction: Direction, ticks: int | None, best: int) -> bool:
    if ticks is None:
        return True
    return ticks >= best if direction is Direction.BUY else ticks <= best
