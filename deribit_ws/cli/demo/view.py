"""The live view: one screen of 80 by 24 that says how the client is doing.

Knows: rich, and the board. Must not know: the client, the exchange. It is drawn by a thread of
rich's own, so that a slow terminal never holds up the event loop; it only reads.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deribit_ws.cli.demo.board import Board, Row, kind_of
from deribit_ws.cli.demo.drop_account import Cut
from deribit_ws.cli.demo.order_account import Ending
from deribit_ws.cli.demo.report import ms
from deribit_ws.cli.printable import printable
from deribit_ws.marks import Connected, Disconnected

FRAMES_A_SECOND = 8
WIDEST = 100  # columns; beyond it the eye has too far to go
DROP_ROWS = 7  # two columns of these: fourteen drops
_KINDS = {
    "ticker": "ticker",
    "quote": "quote",
    "deribit_price_index": "index",
    "platform_state": "platform",
}


@contextmanager
def showing(board: Board, url: str, seconds: float) -> Iterator[None]:
    """Show the board on the alternate screen; leave the terminal as it was."""
    console = Console(highlight=False)
    view = View(board, url, seconds, width=lambda: min(console.width, WIDEST))
    with Live(
        get_renderable=view.render,
        console=console,
        screen=True,
        refresh_per_second=FRAMES_A_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield


class View:
    """Draws a board."""

    def __init__(self, board: Board, url: str, seconds: float, width: Callable[[], int]) -> None:
        self._board = board
        self._url = url
        self._seconds = seconds
        self._width = width

    def render(self) -> RenderableType:
        """One picture."""
        return Group(
            self._title(),
            Text("─" * self._width(), style="dim"),
            self._instruments(),
            self._orders(),
            self._messages(),
            self._now(),
            Text("─" * self._width(), style="dim"),
            self._drops(),
            *self._logs(),
        )

    def _line(self, left: Text, right: Text) -> Table:
        line = Table.grid(expand=False)
        line.width = self._width()
        line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        line.add_column(justify="right", no_wrap=True)
        line.add_row(left, right)
        return line

    def _title(self) -> RenderableType:
        left = Text("deribit-ws demo", style="bold") + Text(f"  {self._url}", style="dim not bold")
        elapsed = min(self._board.elapsed, self._seconds)
        return self._line(
            left, Text(f"{self._board.trades:,} trades, {elapsed:.0f} of {self._seconds:.0f} s")
        )

    def _instruments(self) -> RenderableType:
        table = Table(box=None, padding=(0, 1, 0, 0), width=self._width(), header_style="dim")
        table.add_column("Instrument", no_wrap=True)
        for name in ("Mark", "Bid", "Ask"):
            table.add_column(name, justify="right", no_wrap=True, min_width=9)
        table.add_column("Book", no_wrap=True, min_width=9)
        for name in ("Trades", "recovered"):
            table.add_column(name, justify="right", no_wrap=True)
        for instrument, row in list(self._board.rows.items()):
            table.add_row(instrument, *_prices(row), _validity(row), f"{len(row.trades):,}", _recovered(row))
        return table

    def _orders(self) -> RenderableType:
        endings = Counter(one.ending for one in list(self._board.wanted))
        return _counts(
            {
                "own orders": endings.total(),
                "placed": endings[Ending.PLACED],
                "proved not placed": endings[Ending.NOT_PLACED],
                "being found out": endings[Ending.OPEN],
            }
        )

    def _messages(self) -> RenderableType:
        kinds: Counter[str] = Counter()
        for channel, messages in list(self._board.messages.items()):
            kinds[kind_of(channel)] += messages
        watches = [row.book for row in list(self._board.rows.values())]
        compared = {"books": sum(watch.compared for watch in watches)}
        equal = {"equal": sum(watch.equal for watch in watches)}
        return _counts({shown: kinds[kind] for kind, shown in _KINDS.items()} | compared | equal)

    def _now(self) -> RenderableType:
        match self._board.link:
            case Connected(connection=n, channels=channels):
                state = Text("● connected", style="green")
                state += Text(f"  link {n}, {channels} channels", style="dim")
            case Disconnected(code=code, reason=reason):
                state = Text("○ down", style="bold red")
                state += Text(f"  {code} {printable(reason)}", style="not bold dim")
            case _:
                state = Text("○ connecting", style="yellow")
        return self._line(state, Text(self._fault(), style="bold yellow"))

    def _fault(self) -> str:
        """The disturbance whose effect is still felt."""
        injected, marks = list(self._board.injected), list(self._board.marks)
        if not injected:
            return ""
        felt = [m for t, m in marks if t >= injected[-1].time]
        return "" if any(isinstance(m, Connected) for m in felt) else f"now: {injected[-1].name}"

    def _drops(self) -> RenderableType:
        cells = list(self._drop_cells())
        shown = cells[-2 * DROP_ROWS :]
        table = Table(box=None, padding=(0, 2, 0, 0), width=self._width(), header_style="dim")
        for _ in range(2):
            table.add_column("Drops so far", no_wrap=True, ratio=3)
            table.add_column("back in", justify="right", no_wrap=True, ratio=1)
        empty = (Text(), Text())
        for row in range(DROP_ROWS):
            left, right = (shown[i] if i < len(shown) else empty for i in (row, row + DROP_ROWS))
            table.add_row(*left, *right)
        return table

    def _drop_cells(self) -> Iterator[tuple[Text, Text]]:
        for n, (name, cut) in enumerate(drops(self._board), 1):
            if cut is None or cut.back is None:
                back = Text("…", style="yellow")
            else:
                back = Text(ms((cut.back - cut.time) * 1000), style="green")
            yield Text(f"{n:>2} {name}"), back

    def _logs(self) -> Iterator[RenderableType]:
        for line in list(self._board.logs):
            text = Text(line, style="dim", no_wrap=True, overflow="ellipsis")
            text.truncate(self._width(), overflow="ellipsis")
            yield text


def drops(board: Board) -> Iterator[tuple[str, Cut | None]]:
    """Each disturbance so far, with the drop it caused."""
    marks, injected = list(board.marks), list(board.injected)
    for n, one in enumerate(injected):
        until = injected[n + 1].time if n + 1 < len(injected) else float("inf")
        felt = [(t, m) for t, m in marks if one.time <= t < until]
        lost = next((t for t, m in felt if isinstance(m, Disconnected)), None)
        back = next((t for t, m in felt if isinstance(m, Connected)), None)
        yield one.name, None if lost is None else Cut(lost, back)


def _counts(counts: dict[str, int]) -> Text:
    words = [Text(f"{name} ", style="dim") + Text(f"{n:,}", style="not dim") for name, n in counts.items()]
    return Text("  ", no_wrap=True, overflow="ellipsis").join(words)


def _validity(row: Row) -> Text:
    return Text("valid", style="green") if row.book.is_valid else Text("not valid", style="bold red")


def _recovered(row: Row) -> Text:
    return Text(f"{row.recovered:,}", style="green" if row.recovered else "dim")


def _prices(row: Row) -> Iterator[Text]:
    for price in (row.mark, row.book.bid, row.book.ask):
        yield Text("–", style="dim") if price is None else Text(_price(price))


def _price(price: float) -> str:
    return f"{price:.4f}" if abs(price) < 1 else f"{price:,.2f}"
