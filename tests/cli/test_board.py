"""What the demo counts and shows, without a connection."""

import io

import pytest

pytest.importorskip("rich")

from rich.console import Console

from deribit_ws import BookChange, Connected, Disconnected, Trade
from deribit_ws.cli.demo.board import Board, Chain
from deribit_ws.cli.demo.scenario import DISTURBANCES, schedule
from deribit_ws.cli.demo.view import View

INSTRUMENTS = ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "ETH_USDC-PERPETUAL", "BTC-25DEC26")


def change(change_id: int, previous: int | None = None) -> BookChange:
    kind = "snapshot" if previous is None else "change"
    return BookChange(
        timestamp=1, type=kind, change_id=change_id, instrument_name="X", bids=[], asks=[],
        prev_change_id=previous,
    )  # fmt: skip


def test_unbroken_chain_is_no_fault() -> None:
    """A snapshot and changes that follow are right, and so is a new snapshot on a new link."""
    chain = Chain()
    faults = [chain.follow(change(1)), chain.follow(change(5, 1))]
    chain.restart()
    faults.append(chain.follow(change(5)))

    assert faults == [None] * 3
    assert chain.runs == [[1, 5], [5]]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([change(1), change(9, 5)], "a gap"),
        ([change(2, 1)], "before the snapshot"),
        ([change(1), change(1)], "second snapshot"),
    ],
)
def test_broken_chain_is_named(messages: list[BookChange], said: str) -> None:
    """A gap, a missing snapshot or one too many is a fault."""
    chain = Chain()
    faults = [chain.follow(message) for message in messages]

    assert said in (faults[-1] or "")


@pytest.mark.parametrize("seconds", [6, 10, 38, 55])
def test_schedule_fits(seconds: float) -> None:
    """Five drops or more are due in any demo, in order, with time left for the last to recover."""
    due = schedule(seconds)

    assert 5 <= len(due) <= len(DISTURBANCES)
    assert list(due) == sorted(due) and due[0] > 0.5
    assert due[-1] <= seconds - min(0.3 * seconds, 4) + 0.001


def test_default_demo_shows_every_kind() -> None:
    """The demo's usual length has room for all kinds of drops."""
    assert len(schedule(38)) == len(DISTURBANCES) >= 10


@pytest.fixture
def board() -> Board:
    """A board that has seen everything the list of disturbances holds, the last of them not yet over."""
    moment = iter(range(10_000))
    board = Board(INSTRUMENTS, lambda: float(next(moment)), lambda event, more: None)
    board.connected(Connected(1, 29))
    for n, disturbance in enumerate(DISTURBANCES, 2):
        board.disturbed(disturbance.name)
        board.disconnected(Disconnected(1006, "a reason\x1b[31m of some length", 1.5))
        if n <= len(DISTURBANCES):
            board.connected(Connected(n, 29))
    trade = Trade(
        timestamp=1, price=1.0, amount=1.0, direction="buy", instrument_name=INSTRUMENTS[0], trade_seq=7,
        trade_id="7",
    )  # fmt: skip
    for instrument in INSTRUMENTS:
        row = board.rows[instrument]
        row.last = row.mark = row.bid = row.ask = row.index = 123_456.5
        for kind in ("ticker", "book", "trades", "quote", "deribit_price_index", "platform_state"):
            board.messages[f"{kind}.{instrument}"] += 1_000
    board.traded("trades.BTC-PERPETUAL.100ms", INSTRUMENTS[0], [trade])
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
    assert all(disturbance.name in text for disturbance in DISTURBANCES)
    assert all(instrument in text for instrument in INSTRUMENTS) and text.count("123,456.50") == 25
    assert f"now: {DISTURBANCES[-1].name}" in text and "\x1b" not in text


def test_view_begins_empty() -> None:
    """A board on which nothing has happened yet is drawn, too."""
    empty = Board(INSTRUMENTS, lambda: 0.0, lambda event, more: None)
    console = Console(width=80, height=24, file=io.StringIO(), record=True)
    console.print(View(empty, "ws://127.0.0.1:1/", 38.0, lambda: 80).render())

    assert "connecting" in console.export_text()
