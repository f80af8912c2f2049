"""Ears of a soak run: they hear everything, judge it as it comes, and keep next to nothing of it.

Knows the public face of the client. Must not know the far end. A run of ten million messages can't be
written down and judged later: what was right is only counted, and of what was wrong the first few are kept.
"""

import asyncio
import contextlib
import logging
from array import array
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from deribit_ws import Connected, Disconnected, Gap, Handler
from deribit_ws.books import LiveBook
from tests.soak.venue import book_digest, number_of

TOLD = 10  # faults of one kind that are kept in words
_LIFE_LINES = (("never_lived", "never came to life"), ("failed_dials", "dialling again in"))

JudgeBook = Callable[[LiveBook], Awaitable[bool]]


class Faults(list[str]):
    """What was wrong, in words; the first few of it."""

    total = 0

    def tell(self, what: str) -> None:
        """Count a fault."""
        self.total += 1
        if len(self) < TOLD:
            self.append(what)


class MarkEars(Handler):
    """Hears marks: the pairs of each drop, and how long it took from one to the other."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.books: list[LiveBook] = []  # looked at whenever a drop is told
        self.connected = self.disconnected = self.gaps = self.errors = 0
        self.last_errors: list[str] = []
        self.recoveries = array("d")  # seconds from Disconnected to Connected
        self.connected_at = self.disconnected_at = 0.0
        self._number = 0

    def on_connected(self, event: Connected) -> None:
        """Hear that a link is up, after the last one was told as gone."""
        if self.connected != self.disconnected:
            self._faults.tell(f"{event}: the last link was not told as gone")
        if event.connection <= self._number:
            self._faults.tell(f"{event}: after connection {self._number}")
        self._number = event.connection
        self.connected_at = asyncio.get_running_loop().time()
        if self.connected:
            self.recoveries.append(self.connected_at - self.disconnected_at)
        self.connected += 1

    def on_disconnected(self, event: Disconnected) -> None:
        """Hear that a link is gone, after it was told as up."""
        self.disconnected += 1
        if self.connected != self.disconnected:
            self._faults.tell(f"{event}: there was no link")
        for book in self.books:
            if book.valid or book.best_bid or book.best_ask:
                self._faults.tell(f"{book} is shown as true when the link is gone")
        self.disconnected_at = asyncio.get_running_loop().time()

    def on_gap(self, event: Gap) -> None:
        """Count trades declared lost."""
        self.gaps += event.last - event.first + 1

    def on_error(self, error: Exception) -> None:
        """Count what is reported."""
        self.errors += 1
        self.last_errors = [*self.last_errors[1 - TOLD :], f"{type(error).__name__}: {error}"]


class LifeLines(logging.Handler):
    """Reads in the log of the drops that no mark tells: dials that failed, and links that never lived."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.never_lived = self.failed_dials = self.tracebacks = 0
        self.others: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        line = record.getMessage()
        self.tracebacks += record.exc_info is not None
        for name, words in _LIFE_LINES:
            if words in line:
                setattr(self, name, getattr(self, name) + 1)
        if record.levelno >= logging.ERROR and len(self.others) < TOLD:
            self.others.append(line)


@contextlib.contextmanager
def listening(lines: LifeLines) -> Iterator[None]:
    """Have the package's log read, and nothing of it printed."""
    logger = logging.getLogger("deribit_ws")
    logger.addHandler(lines)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.propagate = propagates


class Ear(Protocol):
    """What hears one thing, for as long as it is let."""

    async def read(self) -> None:
        """Hear all of it."""


@dataclass
class TradeEar:
    """One flow of trades. A trade_seq is dense: whether each came once, and in order, is arithmetic."""

    trades: Any
    faults: Faults
    first: dict[str, int] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)

    async def read(self) -> None:
        """Hear all of them."""
        at = self.at
        async for trade in self.trades:
            name, seq = trade.instrument_name, trade.trade_seq
            if at.setdefault(name, seq - 1) != seq - 1:
                self.faults.tell(f"{self.trades.channel}: trade {seq} of {name} after {at[name]}")
            elif name not in self.first:
                self.first[name] = seq
            at[name] = seq

    @property
    def delivered(self) -> int:
        """How many came."""
        return sum(at - self.first[name] + 1 for name, at in self.at.items() if name in self.first)

    def late(self, before: dict[str, int]) -> list[str]:
        """Say what lacks its first trades; `before` is the last made of each when it was open."""
        return [
            f"{self.trades.channel}: {name} begins at {seq}, after {before[name]}"
            for name, seq in self.first.items()
            if name in before and seq > before[name] + 1
        ]

    def behind(self, made: dict[str, int], before: dict[str, int]) -> list[str]:
        """Say of which instruments it lacks something; `before` is the last made when it was open."""
        return [
            f"{self.trades.channel}: {name} at {self.at.get(name)} of {last}"
            for name, last in made.items()
            if last > before.get(name, 0) and self.at.get(name, before.get(name, 0)) != last
        ]


@dataclass
class BookEar:
    """One open book, looked at whenever it says that it is another; every so many looks it is judged."""

    book: LiveBook
    judged: JudgeBook
    faults: Faults
    every: int
    looks: int = 0
    valid: int = 0
    sampled: int = 0

    async def read(self) -> None:
        """Look at it."""
        async for book in self.book:
            self.looks += 1
            self._look(book)
            if book.valid and self.valid % self.every == 0:
                await self.judge()

    def _look(self, book: LiveBook) -> None:
        bid, ask = book.best_bid, book.best_ask
        self.valid += book.valid
        if not book.valid and (bid or ask):
            self.faults.tell(f"{book} is not valid, and shows levels")
        if bid and ask and bid.price >= ask.price:
            self.faults.tell(f"{book} is crossed")

    async def judge(self) -> None:
        """Hold it, valid as it is, against what is right."""
        said = str(self.book)
        self.sampled += 1
        if not await self.judged(self.book):
            self.faults.tell(f"{said} is not the exchange's")


def digest(book: LiveBook) -> str:
    """Give a few characters that stand for the levels of a book."""
    return book_digest(book.bids, book.asks)


@dataclass
class FillEar:
    """The fills that one stream of a private channel gives, as a count and a sum of their ids."""

    stream: Any
    count: int = 0
    total: int = 0

    async def read(self) -> None:
        """Hear all of them."""
        async for notification in self.stream:
            data = notification.data
            for fill in data if isinstance(data, list) else data.trades or ():
                self.count += 1
                self.total += number_of(fill.trade_id)

    @property
    def digest(self) -> list[int]:
        """What the far end calls `digest_of`."""
        return [self.count, self.total % 2**64]
