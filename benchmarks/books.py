"""Books that change like real ones: mostly near the top, a few levels at a time, never crossed.

Knows how Deribit writes a snapshot, a change and a window. Must not know frames or channels.
`traffic` has one for each channel of a book.
"""

from random import Random

NEAR = 8.0  # mean distance from the top, in levels, of what changes
FAR_SHARE = 0.05  # of changes that are anywhere
DELETED_SHARE = 0.3  # of changes to a level that is there, while the side is deep enough
SIZES = (1, 1, 2, 3)  # levels a message changes


class Side:
    """Bids or asks: places on a grid of prices, 0 the best; about half of them are taken."""

    def __init__(self, best: float, step: float, levels: int, rng: Random) -> None:
        self._rng = rng
        self._levels = levels
        self._prices = [round(best + step * place, 6) for place in range(2 * levels)]
        self._amounts = {place: self._amount() for place in range(0, 2 * levels, 2)}

    def _amount(self) -> float:
        return float(self._rng.randrange(10, 400_000, 10))

    def whole(self) -> list[tuple[str, float, float]]:
        """Give all levels, best first, as a snapshot has them."""
        return [("new", self._prices[place], self._amounts[place]) for place in sorted(self._amounts)]

    def best(self) -> float:
        """Give the best price."""
        return self._prices[min(self._amounts)]

    def change(self, count: int) -> list[tuple[str, float, float]]:
        """Change so many levels."""
        places = {self._place() for _ in range(count)}
        return [self._changed(place) for place in sorted(places)]

    def _place(self) -> int:
        rng, last = self._rng, len(self._prices) - 1
        return rng.randint(0, last) if rng.random() < FAR_SHARE else min(last, int(rng.expovariate(1 / NEAR)))

    def _changed(self, place: int) -> tuple[str, float, float]:
        amounts, price = self._amounts, self._prices[place]
        if place not in amounts:
            amounts[place] = self._amount()
            return "new", price, amounts[place]
        if len(amounts) > self._levels * 0.75 and self._rng.random() < DELETED_SHARE:
            del amounts[place]
            return "delete", price, 0.0
        amounts[place] = self._amount()
        return "change", price, amounts[place]


class Book:
    """Two sides and their change_id."""

    def __init__(self, instrument: str, price: float, tick: float, levels: int, rng: Random) -> None:
        self._instrument = instrument
        self._rng = rng
        self._bids = Side(price - tick, -tick, levels, rng)
        self._asks = Side(price, tick, levels, rng)
        self.change_id = 0

    def tops(self) -> list[float]:
        """Give the best bid and the best ask."""
        return [self._bids.best(), self._asks.best()]

    def message(self, time: int) -> str:
        """Give the snapshot at first, then a change."""
        last, self.change_id = self.change_id, self.change_id + self._rng.randint(1, 900) or 1
        if not last:
            self.change_id += 193_809_616_000
            return self._written(time, "snapshot", self._bids.whole(), self._asks.whole(), "")
        count, both = self._rng.choice(SIZES), self._rng.random() < 0.3
        on_bids = both or self._rng.random() < 0.5
        bids = self._bids.change(count) if on_bids else []
        asks = self._asks.change(count) if both or not on_bids else []
        return self._written(time, "change", bids, asks, f',"prev_change_id":{last}')

    def _written(
        self,
        time: int,
        type: str,
        bids: list[tuple[str, float, float]],
        asks: list[tuple[str, float, float]],
        rest: str,
    ) -> str:
        return (
            f'{{"timestamp":{time},"type":"{type}","change_id":{self.change_id},'
            f'"instrument_name":"{self._instrument}","bids":{_levels(bids)},"asks":{_levels(asks)}{rest}}}'
        )

    def window(self, time: int) -> str:
        """Give the whole book as a grouped one is written, without a chain."""
        self.change_id += 1
        bids, asks = (_pairs(side.whole()) for side in (self._bids, self._asks))
        return (
            f'{{"timestamp":{time},"change_id":{self.change_id},"instrument_name":"{self._instrument}",'
            f'"bids":{bids},"asks":{asks}}}'
        )


def _levels(levels: list[tuple[str, float, float]]) -> str:
    return "[" + ",".join(f'["{action}",{price},{amount}]' for action, price, amount in levels) + "]"


def _pairs(levels: list[tuple[str, float, float]]) -> str:
    return "[" + ",".join(f"[{price},{amount}]" for _, price, amount in levels) + "]"
