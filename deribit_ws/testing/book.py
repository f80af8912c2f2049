"""One order book: amounts resting at prices, and the matching of what comes in.

Knows: whole ticks and whole lots, so nothing is ever rounded. Must not know: names, change_ids,
time or who is watching. `market` owns one per instrument and numbers what happens in it;
`feeds` and `payloads` read the levels.
"""

from bisect import bisect_left, insort
from enum import StrEnum
from typing import Literal, NamedTuple

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
    """Part of an order that met a resting level."""

    ticks: int
    lots: int


class Side:
    """The levels of one side."""

    __slots__ = ("_best", "_ladder", "_lots", "name")

    def __init__(self, name: SideName) -> None:
        self.name: SideName = name
        self._lots: dict[int, int] = {}
        self._ladder: list[int] = []  # ascending prices
        self._best = -1 if name == "bids" else 0

    def __len__(self) -> int:
        return len(self._ladder)

    @property
    def best(self) -> int | None:
        """The best price in ticks, None when the side is empty."""
        return self._ladder[self._best] if self._ladder else None

    @property
    def worst(self) -> int | None:
        """The price furthest from the other side."""
        return self._ladder[-1 - self._best] if self._ladder else None

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


class Book:
    """Two sides that never cross."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side("bids")
        self.asks = Side("asks")

    def side(self, name: SideName) -> Side:
        """A side by the name it has on the wire."""
        return self.bids if name == "bids" else self.asks

    def submit(
        self, direction: Direction, ticks: int | None, lots: int
    ) -> tuple[list[LevelChange], list[Fill]]:
        """Match an order against the other side; what is left of a limit order rests.

        `ticks` None is a market order: what the other side cannot fill is forgotten.
        """
        other = self.asks if direction is Direction.BUY else self.bids
        changes: list[LevelChange] = []
        fills: list[Fill] = []
        while lots and (best := other.best) is not None and _reaches(direction, ticks, best):
            resting = other.lots(best)
            taken = min(lots, resting)
            lots -= taken
            changes.append(other.put(best, resting - taken))
            fills.append(Fill(best, taken))
        if lots and ticks is not None:
            own = self.side(direction.rests_in)
            changes.append(own.put(ticks, own.lots(ticks) + lots))
        return changes, fills

    def cancel(self, name: SideName, ticks: int, lots: int) -> list[LevelChange]:
        """Take up to `lots` from a level; nothing changes where nothing rests."""
        side = self.side(name)
        resting = side.lots(ticks)
        return [side.put(ticks, max(0, resting - lots))] if resting else []


def _reaches(direction: Direction, ticks: int | None, best: int) -> bool:
    if ticks is None:
        return True
    return ticks >= best if direction is Direction.BUY else ticks <= best
