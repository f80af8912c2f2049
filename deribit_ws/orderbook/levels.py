"""One side of an order book: its levels by price, best first.

Knows: how levels are kept sorted and read. Must not know: change_ids, or which messages may be applied.
`order_book` owns two and is the only one to change them; users read them.

Prices stand in a plain sorted list with the best one last, beside a dict of amounts: nearly all changes
are near the top, and there an insertion moves next to nothing. `benchmarks/order_book.py` has the figures.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple, overload

from deribit_ws.wire.market import Level as LevelChange

# Changes at once beyond which sorting anew is cheaper: a snapshot gives its best level first, each of which
# would be inserted before all others, and 100,000 of them took 2.5 s.
_MANY = 500


class Level(NamedTuple):
    """One price of a book, in the quote currency, and what rests there: USD (inverse) or base coin."""

    price: float
    amount: float


class Levels(Sequence[Level]):
    """The levels of one side, best first: to index, slice, go over and count, as they are at that moment.

    A view: it moves with its book. Indexing and slicing build only what they give; a slice is a list of
    its own, which stays as it is. Going over a side that changes meanwhile raises RuntimeError.
    """

    __slots__ = ("_amounts", "_keys", "_moves", "_sign")

    def __init__(self, *, rising: bool) -> None:
        self._sign = -1.0 if rising else 1.0  # what makes the best price the greatest key
        self._keys: list[float] = []  # prices times the sign, ascending
        self._amounts: dict[float, float] = {}  # by price
        self._moves = 0

    @property
    def best(self) -> Level | None:
        """The best level, None on an empty side."""
        if not self._keys:
            return None
        price = self._sign * self._keys[-1]
        return Level(price, self._amounts[price])

    def amount_at(self, price: float) -> float:
        """Give what rests at a price, 0.0 where nothing does."""
        return self._amounts.get(price, 0.0)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, at: int) -> Level: ...

    @overload
    def __getitem__(self, at: slice) -> list[Level]: ...

    def __getitem__(self, at: int | slice) -> Level | list[Level]:
        keys, sign, amounts = self._keys, self._sign, self._amounts
        if isinstance(at, slice):  # the best is the last: 0 and -1, 1 and -2, … change places
            prices = [sign * keys[~place] for place in range(*at.indices(len(keys)))]
            return [Level(price, amounts[price]) for price in prices]
        price = sign * keys[~at]
        return Level(price, amounts[price])

    def __iter__(self) -> Iterator[Level]:
        began, amounts, sign = self._moves, self._amounts, self._sign
        for key in reversed(self._keys):
            if self._moves != began:
                raise RuntimeError("the book changed while its levels were gone over: take a slice first")
            price = sign * key
            yield Level(price, amounts[price])

    def __repr__(self) -> str:
        shown = ", ".join(f"{price} × {amount}" for price, amount in self[:3])
        return f"<{len(self)} levels: {shown}{', …' if len(self) > 3 else ''}>"

    # --- for the book

    def _set(self, changes: Sequence[LevelChange]) -> bool:
        """Set amounts at prices, 0 removes, whatever the verb; False at one that is no price or amount."""
        self._moves += 1
        if len(changes) > _MANY:
            return self._set_many(changes)
        keys, amounts, sign = self._keys, self._amounts, self._sign
        for _, price, amount in changes:
            if price in amounts:  # most often; and it was looked at when it came, which saves comparisons
                if 0.0 < amount < inf:
                    amounts[price] = amount
                elif amount == 0.0:
                    del amounts[price]
                    del keys[bisect_left(keys, sign * price)]
                else:
                    return False
            elif not (0.0 <= amount < inf and -inf < price < inf):
                return False
            elif amount:
                insort(keys, sign * price)
                amounts[price] = amount
        return True

    def _set_many(self, changes: Sequence[LevelChange]) -> bool:
        amounts, sign = self._amounts, self._sign
        for _, price, amount in changes:
            if not (0.0 <= amount < inf and -inf < price < inf):
                return False
            amounts[price] = amount
        self._amounts = {price: amount for price, amount in amounts.items() if amount}
        self._keys = sorted(sign * price for price in self._amounts)
        return True

    def _clear(self) -> None:
        self._moves += 1
        self._keys.clear()
        self._amounts.clear()
