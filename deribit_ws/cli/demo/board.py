"""What the demo's callbacks saw and counted, as they saw it.

Knows: messages, marks, the change_id chain of each book. Must not know: the exchange, its ledger,
or the screen. `listeners` writes; `view` and `account` read. Times are seconds on the loop's clock.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deribit_ws.marks import Connected, Disconnected
from deribit_ws.wire.market import BookChange, Trade

LOG_LINES = 3
ERRORS_KEPT = 20

Tell = Callable[[str, dict[str, Any]], None]  # an event's name, and what there is to say of it


@dataclass(slots=True)
class Row:
    """What is shown of one instrument."""

    last: float | None = None
    mark: float | None = None
    bid: float | None = None
    ask: float | None = None
    index: float | None = None
    trades: int = 0


@dataclass(frozen=True, slots=True)
class Injected:
    """A disturbance, and when it happened."""

    name: str
    time: float


@dataclass(slots=True)
class Chain:
    """The change_ids of one book: a snapshot on each link, then each change on the one before."""

    last: int | None = None
    runs: list[list[int]] = field(default_factory=list)  # one per link

    def restart(self) -> None:
        """A new link: what was true of the last one is no more."""
        self.last = None
        self.runs.append([])

    def follow(self, change: BookChange) -> str | None:
        """Take the next message; say what is wrong with it, if something is."""
        before, self.last = self.last, change.change_id
        if not self.runs:
            self.runs.append([])
        self.runs[-1].append(change.change_id)
        if change.is_snapshot:
            return None if before is None else "a second snapshot on one link"
        if before is None:
            return "a change before the snapshot"
        if change.prev_change_id != before:
            return f"a gap: {change.prev_change_id} after {before}"
        return None


class Board:
    """All of it, for one demo."""

    def __init__(self, instruments: tuple[str, ...], clock: Callable[[], float], tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self.started = clock()
        self.rows = {instrument: Row() for instrument in instruments}
        self.messages: Counter[str] = Counter()  # by channel
        self.trades: defaultdict[str, list[int]] = defaultdict(list)  # channel → trade_seq, as delivered
        self.chains: defaultdict[str, Chain] = defaultdict(Chain)
        self.marks: list[tuple[float, Connected | Disconnected]] = []
        self.injected: list[Injected] = []
        self.faults: list[str] = []  # of the data: what must never happen on one link
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

    def disturbed(self, name: str) -> None:
        """A disturbance is about to happen."""
        self.injected.append(Injected(name, self._clock()))
        self.tell("fault", kind=name)

    def connected(self, mark: Connected) -> None:
        """A link is up: every book on it begins anew."""
        down = self._clock() - self.marks[-1][0] if self.marks else None
        self.marks.append((self._clock(), mark))
        self.up.set()
        self.down.clear()
        for chain in self.chains.values():
            chain.restart()
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

    def changed(self, channel: str, change: BookChange) -> None:
        """A book said something."""
        self.messages[channel] += 1
        if (fault := self.chains[channel].follow(change)) and len(self.faults) < ERRORS_KEPT:
            self.faults.append(f"{channel}: {fault}")

    def traded(self, channel: str, instrument: str, trades: list[Trade]) -> None:
        """Trades were told."""
        self.messages[channel] += 1
        self.trades[channel] += [trade.trade_seq for trade in trades]
        self.rows[instrument].trades += len(trades)

    def tell(self, event: str, **more: Any) -> None:
        """Say what happened, with the time it did."""
        self._tell(event, {"at": round(self.elapsed, 3), **more})


def kind_of(channel: str) -> str:
    """The kind of a channel: its first word."""
    return channel.partition(".")[0]
