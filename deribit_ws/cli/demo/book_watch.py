"""One order book, looked at each time it changes, and held against the exchange's.

Knows: what a book shows, and a truth to compare it with. Must not know: where the truth comes
from. `readers` makes it look; `board` keeps one for each instrument. Times are seconds on one clock.
"""

from collections.abc import Callable, Sequence

from deribit_ws.books import LiveBook
from deribit_ws.orderbook import OrderBook

Sides = tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]]  # bids and asks, best first
Shown = LiveBook | OrderBook


class BookWatch:
    """What was seen of one book."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.bid: float | None = None
        self.ask: float | None = None
        self.is_valid = False
        self.compared = self.equal = self.crossed = self.stale = 0
        self.resyncs = 0  # new snapshots asked for, as the client counts
        self.unlike = ""  # the first difference
        self.spells: list[float] = []  # seconds of each time it was not valid, once it had been
        self._book: Shown | None = None
        self._since: float | None = None  # when it became not valid

    def look(self, book: Shown, truth: Callable[[int], Sides | None]) -> None:
        """Look at it; nothing may be awaited in between, or it would be another one."""
        self._book = book
        self._note_validity(book.valid)
        self.bid = book.bids[0].price if book.bids else None
        self.ask = book.asks[0].price if book.asks else None
        if book.valid and book.change_id is not None:
            self._compare(book, truth(book.change_id))

    def connected(self) -> None:
        """A link is up: nothing came over it yet, so whatever the book shows is from before."""
        if self._book is not None and self._book.valid:
            self.stale += 1

    def _note_validity(self, valid: bool) -> None:
        if self.is_valid and not valid:
            self._since = self._clock()
        elif valid and self._since is not None:
            self.spells.append(self._clock() - self._since)
            self._since = None
        self.is_valid = valid

    def _compare(self, book: Shown, truth: Sides | None) -> None:
        self.compared += 1
        if self.bid is not None and self.ask is not None and self.bid >= self.ask:
            self.crossed += 1
        if truth is not None and list(book.bids) == list(truth[0]) and list(book.asks) == list(truth[1]):
            self.equal += 1
        elif not self.unlike:
            has = "it has other levels" if truth is not None else "there never was such a book"
            self.unlike = f"first at change_id {book.change_id}: {has}"
