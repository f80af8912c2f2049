"""The rules of a book channel: which message replaces the book, continues it, repeats it, or breaks it.

Knows: `BookChange`, the chain of change_ids of one channel, and what a book may look like. Must not know:
connections, subscriptions, other channels of the same instrument. Users feed one message after the
other, or `books` does.

Source: docs.deribit.com, book.{instrument_name}.{interval}, and recorded traffic. Only `prev_change_id ==
change_id` proves that nothing is missing: ids jump, since many instruments share one counter.
"""

from deribit_ws.errors import BookGap, UsageError
from deribit_ws.orderbook.levels import Level, Levels
from deribit_ws.wire.market import BookChange


class BookUnsound(BookGap):
    """A message continues the book and yet makes it what no book can be; `why` says what.

    A crossed book, a price or amount that is no number: something must have been missed before. It is a
    `BookGap`, since what is to be done is the same: get a new snapshot.
    """

    def __init__(self, why: str, expected: int, received: int | None) -> None:
        super().__init__(expected, received)
        self.why = why

    def __str__(self) -> str:
        return f"unsound book: {self.why}"


class OrderBook:
    """The order book of one instrument, fed with the messages of one channel, in the order they came.

    It is `valid` from a snapshot to the first doubt. While it is not, both sides are empty, and changes
    are ignored until the next snapshot: nobody can act on levels from before a doubt.

    Args:
        instrument: its name; messages of others are refused.

    Attributes:
        instrument: the name.
        change_id: the exchange's number of this state of the book; None while not valid.
        timestamp: when the book last changed, in ms since the epoch; None while not valid.
        bids: levels by falling price.
        asks: levels by rising price.
        duplicates: messages that came again, or late, and were dropped.
    """

    __slots__ = ("asks", "bids", "change_id", "duplicates", "instrument", "timestamp")

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.change_id: int | None = None
        self.timestamp: int | None = None
        self.bids = Levels(rising=False)
        self.asks = Levels(rising=True)
        self.duplicates = 0

    def __repr__(self) -> str:
        state = f"at {self.change_id}" if self.valid else "not valid"
        return f"<OrderBook {self.instrument} {state}: {len(self.bids)} bids, {len(self.asks)} asks>"

    @property
    def valid(self) -> bool:
        """True while this is the exchange's book at `change_id`."""
        return self.change_id is not None

    @property
    def best_bid(self) -> Level | None:
        """The highest bid; None without bids, and while not valid."""
        return self.bids.best

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask; None without asks, and while not valid."""
        return self.asks.best

    def apply(self, change: BookChange) -> bool:
        """Take the next message; True when the book is now the one at its `change_id`.

        False when it was dropped: it came before (see `duplicates`), or is a change without a snapshot
        before it.

        Raises:
            BookGap: it does not continue the book, which is not valid from here on.
            BookUnsound: the same, because of what it says.
            UsageError: it is of another instrument; nothing changed.
        """
        if change.instrument_name != self.instrument:
            raise UsageError(f"a book of {self.instrument} was given a message of {change.instrument_name}")
        last = self.change_id
        continues = last is not None and change.prev_change_id == last and change.type != "snapshot"
        if not (continues or self._begins_with(change)):
            return False
        # All of it stands here: calls, and looking at fields twice, were an eighth of what a message takes.
        bids, asks = self.bids, self.asks
        if ((changes := change.bids) and not bids._set(changes)) or (
            (changes := change.asks) and not asks._set(changes)
        ):
            raise self._unsound(change, "a price or amount that can't be one")
        # The best prices are the last keys; those of asks have their sign turned.
        if (bid_keys := bids._keys) and (ask_keys := asks._keys) and bid_keys[-1] + ask_keys[-1] >= 0.0:
            why = f"it is crossed, bid {bids[0].price} against ask {asks[0].price}"
            raise self._unsound(change, why)
        self.change_id = change.change_id
        self.timestamp = change.timestamp
        return True

    def invalidate(self) -> None:
        """Forget all levels: something may have been missed. Valid again at the next snapshot."""
        self.change_id = self.timestamp = None
        self.bids._clear()
        self.asks._clear()

    def _begins_with(self, change: BookChange) -> bool:
        """Tell whether a message that does not just continue the book is one to begin anew with."""
        if self._came_before(change):
            self.duplicates += 1
            return False
        if change.is_snapshot:
            self.invalidate()
            return True
        if self.change_id is not None:
            raise self._doubted(BookGap(self.change_id, _previous(change)))
        return False

    def _came_before(self, change: BookChange) -> bool:
        """Tell whether a valid book already has what a message says.

        An older time is wanted as well as older numbers: a counter that began anew must not look like it.
        """
        if self.change_id is None or self.timestamp is None:
            return False
        if change.change_id > self.change_id or change.timestamp > self.timestamp:
            return False
        return change.is_snapshot or (change.prev_change_id or 0) < self.change_id

    def _unsound(self, change: BookChange, why: str) -> BookGap:
        return self._doubted(BookUnsound(why, self.change_id or 0, _previous(change)))

    def _doubted(self, gap: BookGap) -> BookGap:
        self.invalidate()
        return gap


def _previous(change: BookChange) -> int | None:
    return change.prev_change_id if isinstance(change.prev_change_id, int) else None
