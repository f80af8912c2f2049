"""The rules of a book, with messages as Deribit writes them: what continues it, repeats it, breaks it."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deribit_ws import BookChange, BookGap, UsageError
from deribit_ws.orderbook import BookUnsound, Level, OrderBook

NAME = "BTC-PERPETUAL"
_RECEIVED = re.compile(r"[\d.]+: (.*)")  # cryptofeed's form of a line: time, then the frame


def frame(text: str) -> BookChange:
    """Read a message's data as it stands on the wire."""
    return msgspec.json.decode(text, type=BookChange)


def snapshot(change_id: int, bids: Any, asks: Any, **more: Any) -> BookChange:
    levels = {"bids": [["new", *level] for level in bids], "asks": [["new", *level] for level in asks]}
    data = {"timestamp": change_id, "type": "snapshot", "change_id": change_id, "instrument_name": NAME}
    return frame(json.dumps(data | levels | more))


def change(change_id: int, previous: int | None, bids: Any = (), asks: Any = (), **more: Any) -> BookChange:
    data = {"timestamp": change_id, "type": "change", "change_id": change_id, "instrument_name": NAME}
    link = {} if previous is None else {"prev_change_id": previous}
    return frame(json.dumps(data | {"bids": bids, "asks": asks} | link | more))


@pytest.fixture
def book() -> OrderBook:
    """Make a valid book at change_id 100."""
    book = OrderBook(NAME)
    book.apply(
        snapshot(100, [(50_000.5, 10), (50_000.0, 20), (49_999.5, 30)], [(50_001.0, 5), (50_002.5, 6)])
    )
    return book


def test_as_on_the_wire() -> None:
    """A snapshot and a change as Deribit sends them make the book it has."""
    book = OrderBook(NAME)
    first = frame(
        '{"timestamp":1554373962454,"type":"snapshot","change_id":297217,"instrument_name":"BTC-PERPETUAL",'
        '"bids":[["new",5042.34,3.0e1],["new",5041.94,20.0]],"asks":[["new",5042.64,40.0],["new",5043.3,4e1]]}'
    )
    then = frame(
        '{"timestamp":1554373911330,"type":"change","prev_change_id":297217,"change_id":297218,'
        '"instrument_name":"BTC-PERPETUAL","bids":[["delete",5041.94,0.0],["new",5042.5,3.2e4]],'
        '"asks":[["change",5042.64,10]]}'
    )

    assert book.apply(first)
    assert (book.valid, book.change_id, book.timestamp) == (True, 297217, 1554373962454)
    assert book.apply(then)
    assert list(book.bids) == [(5042.5, 32_000.0), (5042.34, 30.0)]
    assert list(book.asks) == [(5042.64, 10.0), (5043.3, 40.0)]
    assert (book.best_bid, book.best_ask) == (Level(5042.5, 32_000.0), Level(5042.64, 10.0))


def test_amount_decides(book: OrderBook) -> None:
    """An amount of 0 removes a level and any other sets it, whatever the verb says."""
    levels = [["delete", 50_000.5, 7], ["new", 50_000.0, 0], ["change", 49_000, 1], ["delete", 48_000, 0]]
    book.apply(change(101, 100, levels, [["gone", 50_001.0, 0.0]]))

    assert list(book.bids) == [(50_000.5, 7), (49_999.5, 30), (49_000, 1)]
    assert list(book.asks) == [(50_002.5, 6)]
    assert book.bids.amount_at(49_000) == 1 and book.bids.amount_at(50_000.0) == 0


def test_gap(book: OrderBook) -> None:
    """What does not continue the book raises BookGap; the book is empty and not valid from then on."""
    with pytest.raises(BookGap) as caught:
        book.apply(change(105, 103, [["new", 50_000.9, 1]]))

    assert (caught.value.expected, caught.value.received) == (100, 103)
    assert (book.valid, book.change_id, book.timestamp) == (False, None, None)
    assert (book.best_bid, book.best_ask, list(book.bids), len(book.asks)) == (None, None, [], 0)
    assert not book.apply(change(106, 105))
    assert book.apply(snapshot(107, [(1, 1)], [])) and book.valid
    assert (list(book.bids), list(book.asks)) == ([(1, 1)], [])


def test_without_proof(book: OrderBook) -> None:
    """A change that names nothing before it is a gap."""
    with pytest.raises(BookGap) as caught:
        book.apply(change(101, None))

    assert caught.value.received is None and not book.valid


def test_type_left_out() -> None:
    """Without a type, a message that names nothing before it is the snapshot."""
    book = OrderBook(NAME)
    for message in (snapshot(1, [(5, 1)], []), change(2, 1, [["new", 6, 1]])):
        untyped = json.loads(msgspec.json.encode(message))
        del untyped["type"]
        assert book.apply(frame(json.dumps(untyped)))

    assert list(book.bids) == [(6, 1), (5, 1)]


def test_snapshot_that_names_a_change_before_it(book: OrderBook) -> None:
    """A snapshot replaces the book even when it carries a prev_change_id."""
    book.apply(snapshot(200, [(3, 1)], [(4, 1)], prev_change_id=150))

    assert (book.change_id, list(book.bids), list(book.asks)) == (200, [(3, 1)], [(4, 1)])


def test_empty_book_begins_at_zero() -> None:
    """An empty book is valid at change_id 0, and continued by a change that names 0."""
    book = OrderBook(NAME)
    book.apply(snapshot(0, [], []))
    empty = (book.valid, book.change_id, book.best_bid, book.best_ask)
    book.apply(change(7, 0, [["new", 1.0, 1]]))

    assert empty == (True, 0, None, None)
    assert (book.change_id, book.best_bid) == (7, (1.0, 1.0))


def test_duplicates(book: OrderBook) -> None:
    """What came before, change or snapshot, is dropped and counted; the book stays as it is, and valid."""
    second = change(110, 100, [["new", 50_000.6, 1]])
    book.apply(second)
    expected = list(book.bids)
    taken = [book.apply(message) for message in (second, second, snapshot(110, [], []), change(100, 90))]

    assert taken == [False] * 4
    assert (book.valid, book.change_id, book.duplicates, list(book.bids)) == (True, 110, 4, expected)
    assert book.apply(change(111, 110))


def test_counter_that_began_anew(book: OrderBook) -> None:
    """Lower numbers of a later time are no duplicates: a change breaks the book, a snapshot replaces it."""
    other = OrderBook(NAME)
    other.apply(snapshot(100, [(1, 1)], []))

    with pytest.raises(BookGap):
        book.apply(change(5, 4, timestamp=101))
    assert other.apply(snapshot(5, [(2, 2)], [], timestamp=101))
    assert (other.change_id, other.best_bid) == (5, (2, 2))


def test_numbers_that_make_no_sense(book: OrderBook) -> None:
    """What names the last change continues the book, whatever its number; what names a later is a gap."""
    book.apply(change(100, 100, [["new", 50_000.9, 1]]))

    assert book.bids.amount_at(50_000.9) == 1
    with pytest.raises(BookGap):
        book.apply(change(99, 150))


@pytest.mark.parametrize(("bids", "asks"), [([["new", 50_001.0, 1]], []), ([], [["new", 49_999.0, 1]])])
def test_never_crossed(book: OrderBook, bids: Any, asks: Any) -> None:
    """A change after which a bid meets an ask makes the book not valid, and says so as a BookGap."""
    with pytest.raises(BookUnsound, match="crossed") as caught:
        book.apply(change(101, 100, bids, asks))

    assert (caught.value.expected, caught.value.received) == (100, 100)
    assert BookGap in type(caught.value).__mro__
    assert not book.valid and not book.bids and not book.asks


def test_crossed_snapshot(book: OrderBook) -> None:
    """A crossed snapshot is no book; the prices are told as they are."""
    with pytest.raises(BookUnsound, match=r"crossed, bid 104123\.25 against ask 104123\.0"):
        book.apply(snapshot(200, [(104_123.25, 1)], [(104_123, 1)]))

    assert not book.valid


def test_order_within_a_message(book: OrderBook) -> None:
    """Sides that pass each other are judged when the whole message is applied."""
    bids = [["new", 50_003.0, 1]]
    asks = [["delete", 50_001.0, 0], ["delete", 50_002.5, 0], ["new", 50_004.0, 1]]

    assert book.apply(change(101, 100, bids, asks))
    assert (book.bids[0].price, book.asks[0].price) == (50_003.0, 50_004.0)


IMPOSSIBLE = (-5.0, float("inf"), float("nan"))


@pytest.mark.parametrize(
    "level",
    [
        (float("inf"), 1.0),
        (float("nan"), 1.0),
        (float("inf"), 0.0),
        *((price, amount) for price in (1.0, 50_000.0) for amount in IMPOSSIBLE),
    ],
)
def test_no_number(book: OrderBook, level: tuple[float, float]) -> None:
    """A price or amount that can't be one makes the book not valid, whether the price is new or not."""
    odd = msgspec.structs.replace(change(101, 100), bids=[("new", *level)])

    with pytest.raises(BookUnsound):
        book.apply(odd)
    assert not book.valid and not book.bids


def test_change_of_nothing() -> None:
    """A change that names no other as its last begins no book: only a snapshot does."""
    book = OrderBook(NAME)

    assert not book.apply(change(101, None, [["new", 50_000.0, 1]], prev_change_id=None))
    assert not book.valid and not book.bids


def test_negative_prices() -> None:
    """Combos trade at negative prices, and at zero."""
    book = OrderBook(NAME)
    book.apply(snapshot(1, [(-20.5, 1), (-21, 2)], [(-20.0, 1), (0, 3), (1, 4)]))
    book.apply(change(2, 1, [["delete", -20.5, 0]], [["change", 0, 9]]))

    assert (book.best_bid, [tuple(ask) for ask in book.asks]) == ((-21, 2), [(-20, 1), (0, 9), (1, 4)])


def test_another_instrument(book: OrderBook) -> None:
    """A message of another instrument is a slip of the caller's, and changes nothing."""
    other = msgspec.structs.replace(change(101, 100), instrument_name="ETH-PERPETUAL")

    with pytest.raises(UsageError, match="ETH-PERPETUAL"):
        book.apply(other)
    assert book.valid


def test_views(book: OrderBook) -> None:
    """Sides are sequences, best first: indexed from both ends, sliced, searched, counted."""
    bids = book.bids

    assert (len(bids), bids[0], bids[-1]) == (3, Level(50_000.5, 10), Level(49_999.5, 30))
    assert bids[:2] == [(50_000.5, 10), (50_000.0, 20)] and bids[::-1] == list(reversed(bids))
    assert bids[1:100:2] == [(50_000.0, 20)] and (50_000.0, 20) in bids
    assert [price for price, _ in book.asks] == [50_001.0, 50_002.5]
    with pytest.raises(IndexError):
        book.asks[2]
    with pytest.raises(IndexError):
        book.asks[-3]
    assert "50000.5 × 10" in repr(bids) and "at 100" in repr(book)


def test_going_over_a_side_that_changes(book: OrderBook) -> None:
    """Levels of two states are never mixed: going on after a change raises; a slice stays as it was."""
    levels, kept = iter(book.bids), book.bids[:]
    next(levels)
    book.apply(change(101, 100, [["delete", 50_000.0, 0]]))

    with pytest.raises(RuntimeError, match="slice"):
        next(levels)
    assert len(kept) == 3


def test_invalidate(book: OrderBook) -> None:
    """A book may be doubted by its owner; a later snapshot makes it valid, with an older number too."""
    book.invalidate()
    emptied = (book.valid, len(book.bids), book.best_ask)

    assert emptied == (False, 0, None)
    assert book.apply(snapshot(50, [(1, 1)], [])) and book.change_id == 50


def test_recorded_books(captures: Path) -> None:
    """Every book message that was ever recorded makes books without a gap, and never a crossed one."""
    books: dict[str, OrderBook] = {}
    count = 0
    for recording in sorted((captures / "cryptofeed").iterdir()):
        for line in recording.read_text().splitlines():
            found = _RECEIVED.match(line)
            message = json.loads(found[1]) if found and found[1].startswith("{") else {}
            params = message.get("params") or {}
            if str(params.get("channel", "")).startswith("book.") and "type" in params["data"]:
                data = msgspec.convert(params["data"], BookChange, strict=False)
                count += books.setdefault(params["channel"], OrderBook(data.instrument_name)).apply(data)

    assert count > 40 and all(book.valid for book in books.values())
