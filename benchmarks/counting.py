"""What every contender's callbacks do: look at the payload, count, and note the time at a few marks.

Knows payloads in three forms, and no client. A contender hands each message to `ticker`, `book` or `trades`
of the form it reads; all contenders pay the same for it. Nobody can skip work: what was counted is compared
with what was sent.
"""

import asyncio
import resource
import time
from pathlib import Path
from typing import Any

from deribit_ws.types import BookChange, GroupedBook, Ticker, Trade

PAGE = resource.getpagesize()
Note = tuple[int, float, float, int]  # messages so far, seconds, CPU seconds, bytes resident


def resident() -> int:
    """Give the bytes this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Count:
    """The state all forms share.

    Args:
        messages: how many will come.
        marks: after how many to note the time, beside the end.
    """

    def __init__(self, messages: int, marks: list[int]) -> None:
        self._messages = messages
        self._marks = sorted({messages - mark for mark in marks})
        self.left = messages
        self.mark = self._next_mark()
        self.n_trades = 0
        self.n_levels = 0
        self.n_bytes = 0
        self.price = 0.0
        self.notes: list[Note] = []
        self.done = asyncio.Event()

    def _next_mark(self) -> int:
        return self._marks.pop() if self._marks else 0

    def figures(self) -> list[float]:
        """Give what else was measured."""
        return []

    def reached(self) -> None:
        """Note a mark."""
        self.notes.append((self._messages - self.left, time.perf_counter(), time.process_time(), resident()))
        if self.left == 0:
            self.done.set()
        self.mark = self._next_mark()


class DictCount(Count):
    """Of payloads as dicts and lists."""

    def ticker(self, data: dict[str, Any]) -> None:
        """Take a ticker."""
        self.price = data["mark_price"]
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def book(self, data: dict[str, Any]) -> None:
        """Take a book's message."""
        self.n_levels += len(data["bids"]) + len(data["asks"])
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def trades(self, data: list[Any]) -> None:
        """Take a message of trades."""
        self.n_trades += len(data)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def window(self, data: dict[str, Any]) -> None:
        """Take a whole book."""
        self.n_levels += len(data["bids"]) + len(data["asks"])
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()


class TypedCount(Count):
    """Of typed payloads."""

    def ticker(self, data: Ticker) -> None:
        """Take a ticker."""
        self.price = data.mark_price
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def book(self, data: BookChange) -> None:
        """Take a book's message."""
        self.n_levels += len(data.bids) + len(data.asks)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def trades(self, data: list[Trade]) -> None:
        """Take a message of trades."""
        self.n_trades += len(data)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    def window(self, data: GroupedBook) -> None:
        """Take a whole book."""
        self.n_levels += len(data.bids) + len(data.asks)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()


class BytesCount(Count):
    """Of payloads nobody has read."""

    def ticker(self, data: bytes) -> None:
        """Take any message."""
        self.n_bytes += len(data)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    book = trades = window = ticker


class CoroutineCount(Count):
    """Of typed payloads, by coroutine functions."""

    async def ticker(self, data: Ticker) -> None:
        """Take a ticker."""
        self.price = data.mark_price
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    async def book(self, data: BookChange) -> None:
        """Take a book's message."""
        self.n_levels += len(data.bids) + len(data.asks)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()

    async def trades(self, data: list[Trade]) -> None:
        """Take a message of trades."""
        self.n_trades += len(data)
        self.left = left = self.left - 1
        if left == self.mark:
            self.reached()
