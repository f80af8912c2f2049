"""Callbacks that measure how long ago their message was written.

Knows the sender's stamps (see `pacing`). Must not know clients. Same face as `counting`: a contender is given
one or the other.
"""

import time
from typing import Any

from benchmarks.counting import Count
from benchmarks.traffic import STAMP
from deribit_ws.types import BookChange, Ticker, Trade


class Delays(Count):
    """Keeps each message's delay, in ns."""

    def __init__(self, messages: int, marks: list[int]) -> None:
        super().__init__(messages, marks)
        self.delays: list[int] = []

    def figures(self) -> list[float]:
        """Give p50, p99 and p99.9 in µs, of all after the first mark."""
        kept = sorted(self.delays[self.notes[0][0] :])
        return [kept[min(len(kept) - 1, int(len(kept) * share))] / 1000 for share in (0.5, 0.99, 0.999)]

    def stamped(self, stamp: int) -> None:
        """Keep one."""
        self.delays.append(time.perf_counter_ns() - (stamp - STAMP))
        self.left -= 1
        if self.left == self.mark:
            self.reached()


class DictDelays(Delays):
    """Of payloads as dicts and lists."""

    def ticker(self, data: dict[str, Any]) -> None:
        """Take a ticker, or a book's message."""
        self.stamped(data["timestamp"])

    book = ticker

    def trades(self, data: list[Any]) -> None:
        """Take a message of trades."""
        self.stamped(data[0]["timestamp"])


class TypedDelays(Delays):
    """Of typed payloads."""

    def ticker(self, data: Ticker) -> None:
        """Take a ticker."""
        self.stamped(data.timestamp)

    def book(self, data: BookChange) -> None:
        """Take a book's message."""
        self.stamped(data.timestamp)

    def trades(self, data: list[Trade]) -> None:
        """Take a message of trades."""
        self.stamped(data[0].timestamp)


class CoroutineDelays(Delays):
    """Of typed payloads, by coroutine functions."""

    async def ticker(self, data: Ticker) -> None:
        """Take a ticker."""
        self.stamped(data.timestamp)

    async def book(self, data: BookChange) -> None:
        """Take a book's message."""
        self.stamped(data.timestamp)

    async def trades(self, data: list[Trade]) -> None:
        """Take a message of trades."""
        self.stamped(data[0].timestamp)
