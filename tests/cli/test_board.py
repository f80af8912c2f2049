"""What the demo counts and shows, without a connection."""

import io

import pytest

pytest.importorskip("rich")

from rich.console import Console

from deribit_ws import BookChange, Connected, Disconnected, Trade
from deribit_ws.cli.demo.board import Board, Row, Wanted
from deribit_ws.cli.demo.book_watch import BookWatch, Sides
from deribit_ws.cli.demo.order_account import Ending
from deribit_ws.cli.demo.scenario import STORY, schedule
from deribit_ws.cli.demo.view import View
from deribit_ws.orderbook import OrderBook

INSTRUMENTS = ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "ETH_USDC-PERPETUAL", "BTC-25DEC26")


def trade(seq: int) -> Trade:
    return Trade(
        timestamp=1, price=1.0, amount=1.0, direction="buy", instrument_name="X", trade_seq=seq, trade_id="7"
    )  # fmt: skip


def change(change_id: int, previous: int | None, bid: float, ask: float) -> BookChange:
    kind = "snapshot" if previous is None else "change"
    return BookChange(
        timestamp=1, type=kind, change_id=change_id, instrument_name="X", prev_change_id=previous,
        bids=[("new", bid, 1.0)], asks=[("new", ask, 1.0)],
    )  # fmt: skip


def truth(change_id: int) -> Sides | None:
    """Two states of one book, at 1 and at 2."""
    bids = [(10.0, 1.0), (9.0, 1.0)][2 - change_id :] if change_id <= 2 else None
    return None if bids is None else (bids, [(11.0, 1.0)])


def test_watch_holds_a_book_against_the_truth() -> None:
    """Each valid state is compared in full; the first difference is kept in words."""
    watch, book = BookWatch(lambda: 0.0), OrderBook("X")
    watch.look(book, truth)
    nothing = watch.compared
    book.apply(change(1, None, 9.0, 11.0))
    watch.look(book, truth)
    right = (watch.compared, watch.equal, watch.unlike)
    book.apply(change(2, 1, 10.5, 11.0))  # 10.0 in truth
    watch.look(book, truth)
    book.apply(change(3, 2, 10.4, 11.0))  # there is no such state
    watch.look(book, truth)

    assert (nothing, *right) == (0, 1, 1, "")
    assert (watch.compared, watch.equal, watch.crossed) == (3, 1, 0)
    assert "at change_id 2: it has other levels" in watch.unlike


def test_watch_sees_a_crossed_book() -> None:
    """A bid at or above an ask is counted, whatever the truth says."""
    watch, book = BookWatch(lambda: 0.0), OrderBook("X")
    book.apply(change(1, None, 9.0, 11.0))
    book.asks._set([("new", 9.0, 1.0)])  # `apply` would not let it be
    watch.look(book, lambda change_id: (book.bids, book.asks))

    assert (watch.crossed, watch.equal) == (1, 1)


def test_watch_measures_how_long_a_book_is_not_valid() -> None:
    """From when it was seen not to be valid to when it was again; before the first time nothing counts."""
    now = iter([3.0, 4.5])
    watch, book = BookWatch(lambda: next(now)), OrderBook("X")
    for state in (None, change(1, None, 9.0, 11.0), None, None, change(1, None, 9.0, 11.0)):
        book.apply(state) if state else book.invalidate()
        watch.look(book, truth)

    assert watch.spells == [1.5] and watch.is_valid


def test_watch_tells_a_book_that_outlives_its_link() -> None:
    """A book that is still valid when a new link is up shows levels from before the drop."""
    watch, book = BookWatch(lambda: 0.0), OrderBook("X")
    book.apply(change(1, None, 9.0, 11.0))
    watch.look(book, truth)
    watch.connected()
    stale = watch.stale
    book.invalidate()
    watch.connected()

    assert (stale, watch.stale) == (1, 1)


@pytest.mark.parametrize(
    ("trades", "until", "valid", "level"),
    [
        ([], None, True, False),  # the time is not over
        ([], 7, True, True),  # nothing was made since it was entered
        ([8], 8, True, True),
        ([8], 9, True, False),
        ([8, 9, 10], 9, True, True),
        ([8], 8, False, False),
    ],
)
def test_row_is_level(trades: list[int], until: int | None, valid: bool, level: bool) -> None:
    """A row has given all that is owed when the last trade of the time has come, and its book is right."""
    row = Row(BookWatch(lambda: 0.0), trades=[trade(seq) for seq in trades], since=7, until=until)
    row.book.is_valid = valid

    assert row.is_level is level


@pytest.mark.parametrize("seconds", [6, 10, 38, 55])
def test_schedule_fits(seconds: float) -> None:
    """Five drops or more are due in any demo, in order, with time left for the last to recover."""
    due = schedule(seconds)

    assert 5 <= len(due) <= len(STORY)
    assert list(due) == sorted(due) and due[0] > 0.5
    assert due[-1] <= seconds - min(0.3 * seconds, 4) + 0.001


def test_default_demo_shows_every_kind() -> None:
    """The demo's usual length has room for all kinds of drops."""
    assert len(schedule(38)) == len(STORY) >= 10


@pytest.fixture
def board() -> Board:
    """A board that has seen everything the list of disturbances holds, the last of them not yet over."""
    moment = iter(range(10_000))
    board = Board(INSTRUMENTS, lambda: float(next(moment)), lambda event, more: None)
    board.connected(Connected(1, 29))
    for n, disturbance in enumerate(STORY, 2):
        board.disturbed(disturbance.name)
        board.disconnected(Disconnected(1006, "a reason\x1b[31m of some length", 1.5))
        if n <= len(STORY):
            board.connected(Connected(n, 29))
    for instrument in INSTRUMENTS:
        row = board.rows[instrument]
        row.mark = row.book.bid = row.book.ask = 123_456.5
        row.trades, row.recovered, row.book.compared = [trade(7)] * 12_345, 9_999, 250
        for kind in ("ticker", "quote", "deribit_price_index", "platform_state"):
            board.messages[f"{kind}.{instrument}"] += 1_000
    board.wanted += [Wanted("a", ending) for ending in Ending for _ in range(30)]
    board.logs.extend("18:00:00 warning: something long " * 5 for _ in range(5))
    return board


@pytest.mark.parametrize("width", [80, 200])
def test_view_fits_the_screen(board: Board, width: int) -> None:
    """A full board is drawn within 24 lines and the width there is, every drop and instrument on it."""
    console = Console(width=width, height=24, record=True, file=io.StringIO(), no_color=True)
    console.print(View(board, "ws://127.0.0.1:12345/ws/api/v2", 38.0, lambda: min(width, 100)).render())
    text = console.export_text()
    lines = text.splitlines()

    assert len(lines) <= 24 and max(map(len, lines)) <= width
    assert all(disturbance.name in text for disturbance in STORY)
    assert all(instrument in text for instrument in INSTRUMENTS) and text.count("123,456.50") == 15
    assert text.count("12,345") == text.count("9,999") == text.count("not valid") == len(INSTRUMENTS)
    assert "books 1,250  equal 0" in text and "own orders 120  placed 30" in text
    assert f"now: {STORY[-1].name}" in text and "\x1b" not in text


def test_view_begins_empty() -> None:
    """A board on which nothing has happened yet is drawn, too."""
    empty = Board(INSTRUMENTS, lambda: 0.0, lambda event, more: None)
    console = Console(width=80, height=24, file=io.StringIO(), record=True)
    console.print(View(empty, "ws://127.0.0.1:1/", 38.0, lambda: 80).render())

    assert "connecting" in console.export_text()
