"""What the demo saw and counted, as it saw it.

Knows: prices, counts, marks. Must not know: the exchange, its ledger, or the screen. `listeners`,
`readers` and `trader` write; `view` and `evidence` read. Times are seconds on the loop's clock.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deribit_ws.cli.demo.book_watch import BookWatch
from deribit_ws.cli.demo.order_account import Ending
from deribit_ws.marks import Connected, Disconnected, Gap
from deribit_ws.wire.market import Trade

LOG_LINES = 3
ERRORS_KEPT = 20

Tell = Callable[[str, dict[str, Any]], None]  # an event's name, and what there is to say of it


@dataclass(slots=True)
class Row:
    """One instrument: what is shown of it, and its trades as they were handed out."""

    book: BookWatch
    mark: float | None = None
    trades: list[Trade] = field(default_factory=list)
    recovered: int = 0  # among them, by the client's count
    declared: list[Gap] = field(default_factory=list)
    since: int | None = None  # the exchange's newest trade_seq when the stream had been entered
    until: int | None = None  # the same when the time was over

    @property
    def is_level(self) -> bool:
        """Whether all that was owed when the time was over has come, and the book is right."""
        if self.until is None or self.since is None or not self.book.is_valid:
            return False
        return self.until <= (self.trades[-1].trade_seq if self.trades else self.since)


@dataclass(slots=True)
class Wanted:
    """An order that was wanted, and what became of it."""

    label: str
    ending: Ending = Ending.OPEN
    cut: bool = False  # the link was lost while it was under way
    error: str = ""
    state: str | None = None  # of the order, once it was over


@dataclass(frozen=True, slots=True)
class Injected:
    """A disturbance, and when it happened."""

    name: str
    time: float


class Board:
    """All of it, for one demo."""

    def __init__(self, instruments: tuple[str, ...], clock: Callable[[], float], tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self.started = clock()
        self.rows = {instrument: Row(BookWatch(clock)) for instrument in instruments}
        self.wanted: list[Wanted] = []
        self.messages: Counter[str] = Counter()  # of callbacks, by channel
        self.marks: list[tuple[float, Connected | Disconnected]] = []
        self.injected: list[Injected] = []
        self.faults: list[str] = []  # what no account of numbers would show
        self.errors: list[str] = []  # told to `on_error`
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.logs: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def link(self) -> Connected | Disconnected | None:
        """The last mark: how the connection stands."""
        return self.marks[-1][1] if self.marks else None

    @property
    def trades(self) -> int:
        """How many trades were handed out."""
        return sum(len(row.trades) for row in self.rows.values())

    @property
    def links_lost(self) -> int:
        """How many links were lost so far."""
        return sum(isinstance(mark, Disconnected) for _, mark in self.marks)

    def disturbed(self, name: str) -> None:
        """A disturbance is about to happen."""
        self.injected.append(Injected(name, self._clock()))
        self.tell("fault", kind=name)

    def connected(self, mark: Connected) -> None:
        """A link is up; no book can be right on it yet."""
        down = self._clock() - self.marks[-1][0] if self.marks else None
        self.marks.append((self._clock(), mark))
        self.up.set()
        self.down.clear()
        for row in self.rows.values():
            row.book.connected()
        back = {} if down is None else {"down_ms": round(down * 1000)}
        self.tell("connected", link=mark.connection, channels=mark.channels, **back)

    def disconnected(self, mark: Disconnected) -> None:
        """The link is gone."""
        self.marks.append((self._clock(), mark))
        self.up.clear()
        self.down.set()
        self.tell("disconnected", code=mark.code, reason=mark.reason, lived_s=round(mark.lived, 2))

    def failed(self, error: Exception) -> None:
        """The client reports an error."""
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(f"{type(error).__name__}: {error}")
            self.tell("error", error=self.errors[-1])

    def declared(self, gap: Gap) -> None:
        """Trades are said to be lost."""
        self.rows[gap.instrument].declared.append(gap)
        self.tell("gap", instrument=gap.instrument, first=gap.first, last=gap.last)

    def tell(self, event: str, **more: Any) -> None:
        """Say what happened, with the time it did."""
        self._tell(event, {"at": round(self.elapsed, 3), **more})


def kind_of(channel: str) -> str:
    """The kind of a channel: its first word."""
    return channel.partition(".")[0]
