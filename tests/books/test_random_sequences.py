"""Ten thousand sequences of drop, duplicate, reorder, skip and reconnect, against a model of its own.

The model shares nothing with the book: it writes down the whole book at each change_id, and makes its
messages by comparing two such states. `DERIBIT_BOOK_SEQUENCES` sets another number of sequences, and
`DERIBIT_BOOK_SEED` the first seed; a failure names its seed.
"""

import os
from collections.abc import Iterator, Mapping
from random import Random

import pytest

from deribit_ws import BookChange, BookGap
from deribit_ws.orderbook import OrderBook

SEQUENCES = int(os.environ.get("DERIBIT_BOOK_SEQUENCES", "10000"))
FIRST = int(os.environ.get("DERIBIT_BOOK_SEED", "0"))
PARTS = 10  # tests, so that a failure or a time limit hits a part only
NAME = "BTC-PERPETUAL"

Levels = Mapping[int, int]  # ticks → lots
State = tuple[Levels, Levels]


class Venue:
    """An exchange's book: its states by change_id, and what it says of them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._middle = 1_000
        self.id = rng.choice((0, rng.randrange(1, 1_000)))
        self.states: dict[int, State] = {self.id: ({}, {})}
        self.time = 1

    def move(self) -> BookChange:
        """Go to another state; say what changed."""
        rng, before = self._rng, self.states[self.id]
        self._middle += rng.choice((-2, -1, 0, 0, 1, 2))
        bids = {
            ticks: lots for ticks, lots in before[0].items() if ticks < self._middle and rng.random() > 0.1
        }
        asks = {
            ticks: lots for ticks, lots in before[1].items() if ticks > self._middle and rng.random() > 0.1
        }
        for _ in range(rng.randrange(4)):
            bids[self._middle - rng.randrange(1, 9)] = rng.randrange(1, 99)
            asks[self._middle + rng.randrange(1, 9)] = rng.randrange(1, 99)
        previous, self.id = self.id, self.id + rng.choice((1, 1, 2, 50))
        self.time += rng.randrange(3)
        self.states[self.id] = (bids, asks)
        changes = self._difference(before[0], bids), self._difference(before[1], asks)
        return self._message("change", *changes, previous)

    def snapshot(self) -> BookChange:
        """Say the whole present state."""
        bids, asks = (
            [("new", t / 2, lots * 10.0) for t, lots in side.items()] for side in self.states[self.id]
        )
        return self._message("snapshot", bids, asks, self.id - 1 if self._rng.random() < 0.1 else None)

    def _difference(self, before: Levels, after: Levels) -> list[tuple[str, float, float]]:
        verbs = ("new", "change", "delete", "?")  # which says nothing that the amount does not
        changed = [t for t in before.keys() | after.keys() if before.get(t) != after.get(t)]
        return [(self._rng.choice(verbs), t / 2, after.get(t, 0) * 10.0) for t in changed]

    def _message(
        self,
        kind: str,
        bids: list[tuple[str, float, float]],
        asks: list[tuple[str, float, float]],
        previous: int | None,
    ) -> BookChange:
        return BookChange(
            timestamp=self.time,
            type=kind,
            change_id=self.id,
            instrument_name=NAME,
            bids=bids,
            asks=asks,
            prev_change_id=previous,
        )


def disturbed(rng: Random, messages: list[BookChange]) -> Iterator[BookChange]:
    """Let a few messages go missing, come twice, or late."""
    late: BookChange | None = None
    skipping = 0
    for message in messages:
        fate = rng.random()
        if skipping or fate < 0.04:
            skipping = rng.randrange(3) if not skipping else skipping - 1
            continue
        if fate < 0.09 and late is None:
            late = message
            continue
        yield message
        if fate > 0.92:
            yield message
        if late is not None and rng.random() < 0.6:
            yield late
            late = None


def check(book: OrderBook, venue: Venue) -> None:
    """Compare a book with the state the venue had at its change_id."""
    if book.change_id is None:
        assert not book.valid and not book.bids and not book.asks and book.best_bid is book.best_ask is None
        return
    bids, asks = venue.states[book.change_id]
    assert list(book.bids) == [(t / 2, lots * 10.0) for t, lots in sorted(bids.items(), reverse=True)]
    assert list(book.asks) == [(t / 2, lots * 10.0) for t, lots in sorted(asks.items())]
    assert not (bids and asks) or book.bids[0].price < book.asks[0].price


def play(rng: Random) -> int:
    """Play one sequence; give how many messages found the book valid."""
    venue, book, valid = Venue(rng), OrderBook(NAME), 0
    for _ in range(rng.randrange(1, 5)):  # stretches between two new snapshots, some of them reconnections
        if rng.random() < 0.5:
            book.invalidate()
        messages = [venue.snapshot(), *(venue.move() for _ in range(rng.randrange(1, 9)))]
        for message in disturbed(rng, messages):
            try:
                applied = book.apply(message)
            except BookGap:
                assert not book.valid
            else:
                assert not applied or book.change_id == message.change_id
            check(book, venue)
            valid += book.valid
    book.invalidate()  # as after a resync: from here on nothing is disturbed
    for message in (venue.snapshot(), venue.move(), venue.move()):
        assert book.apply(message)
        check(book, venue)
    assert book.change_id == venue.id
    return valid


@pytest.mark.parametrize("part", range(PARTS))
def test_valid_means_equal(part: int) -> None:
    """Whatever is lost, repeated or late: a valid book is the exchange's at its change_id, never crossed."""
    valid = 0
    for seed in range(FIRST + part * SEQUENCES // PARTS, FIRST + (part + 1) * SEQUENCES // PARTS):
        try:
            valid += play(Random(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error

    assert valid > SEQUENCES // PARTS  # it is not by never being valid that they are right
