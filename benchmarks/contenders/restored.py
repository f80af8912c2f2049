"""Our client through a drop: when its channels spoke again, and when its book was right again.

Knows the package's public names. The sender cuts the first link once all is subscribed. `table` names it.
"""

import asyncio
import time

from benchmarks.counting import Count
from benchmarks.job import Job
from deribit_ws import Client, Credentials, Disconnected, Handler, Ticker


class Restored(Count):
    """When, on the clock all processes share, in ns, things came back."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, [])
        self.dropped = self.first = self.last = self.valid = 0
        self.waiting: set[str] = set()

    def figures(self) -> list[float]:
        """Give when the drop was told, the first and the last channel spoke again, and the book was valid."""
        return [self.dropped, self.first, self.last, self.valid]

    def ticker(self, data: Ticker, instrument: str) -> None:
        """Take a ticker."""
        if self.dropped and self.waiting:
            self.last = time.perf_counter_ns()
            self.first = self.first or self.last
            self.waiting.discard(instrument)
            if not self.waiting:
                self.done.set()


class Drops(Handler):
    """Hears of the drop."""

    def __init__(self, count: Restored, instruments: list[str]) -> None:
        self._count = count
        self._instruments = instruments

    def on_disconnected(self, event: Disconnected) -> None:
        """Begin to wait for every channel."""
        if not self._count.dropped:
            self._count.dropped = time.perf_counter_ns()
            self._count.waiting.update(self._instruments)


async def restored(job: Job) -> Count:
    """Callbacks of tickers, and one live book, logged in."""
    instruments = [name.split(".")[1] for name in job.names]
    count = Restored(len(instruments))
    client = Client(job.url, credentials=Credentials("id", "secret"))
    client.register("ticker.{instrument}.100ms", count.ticker, instrument=instruments[:-1])
    client.add_handler(Drops(count, instruments[:-1]))
    async with client, client.order_book(instruments[-1]) as book:
        async for _ in book:
            if count.dropped and book.valid:
                count.valid = time.perf_counter_ns()
                break
        await asyncio.wait_for(count.done.wait(), 60)
    count.left = 0
    count.reached()
    return count
