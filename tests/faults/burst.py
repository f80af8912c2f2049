"""Row 34: a hundred thousand messages at once.

Knows: how a burst is sent, how fast it must be taken in, and for how long the loop may be busy with it in
one go. The latter is measured with the exchange in a thread of its own, in seconds of this thread's work:
what else runs on the machine is not the client's.
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deribit_ws import Client, Handler, Lagged, Ticker
from deribit_ws.testing import Say, SimulatedExchange
from tests.faults.load import EVENTS, NUMBERS, TICKER, framed
from tests.faults.row import SOCKETS, alone, row
from tests.faults.stage import Layer, Recovery, Stage
from tests.faults.staying import ours

TITLE = "burst of 100,000 messages in one write, or in a second"
COUNT = 100_000
PARTS = 20  # where they come in a second
DRAIN_RATE = 10_000  # messages a second at the least, on two slow cores that exchange and proxy share
OTHERS_SECONDS = COUNT / DRAIN_RATE  # what stands behind them on the same line waits no longer either
OUTPUT_BYTES = 256 << 20  # all of it may wait
BLOCK_SECONDS = 0.05  # the loop may be busy in one go
CALLBACK_SECONDS = 0.0001  # of work at each of the first messages: a thousand of them fill a buffer
BUSY_CALLS = 10_000
BURST_SECONDS = 60.0  # for the whole of it, however busy the machine is


class _Taken(Handler):
    """What was given, and what was told to be left out."""

    def __init__(self) -> None:
        self.plain = self.events = self.slow = self.lagged = 0
        self.last = -1
        self.is_in_order = True

    def on_lagged(self, event: Lagged) -> None:
        self.lagged += event.n

    def ticker(self, ticker: Ticker) -> None:
        if ticker.timestamp in NUMBERS:
            self.is_in_order &= ticker.timestamp == self.last + 1
            self.last = ticker.timestamp
            self.plain += 1

    async def event(self, event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.events += 1


class _Busy(_Taken):
    """The same, with a callback that has something to do at first: what is buffered then takes its time."""

    def ticker(self, ticker: Ticker) -> None:
        super().ticker(ticker)
        until = time.thread_time() + CALLBACK_SECONDS
        while self.plain <= BUSY_CALLS and time.thread_time() < until:
            pass


def _burst(first: int, count: int) -> bytes:
    """Make so many messages, a tenth of them for a coroutine function."""
    return b"".join(
        framed(EVENTS if n % 10 == 9 else TICKER, n - n // 10) for n in range(first, first + count)
    )


@row(34, TITLE, SOCKETS, exchange={"output_limit": OUTPUT_BYTES}, most_seeds=5)
async def burst(stage: Stage) -> None:
    """All are delivered in order, or told as left out; link and books stay, and nothing waits for long."""
    client, taken, clock = ours(stage).client, _Taken(), asyncio.get_running_loop().time
    ears = client.add_handler(taken)
    registrations = [client.register(TICKER, taken.ticker), client.register(EVENTS, taken.event)]
    await stage.until(lambda: {TICKER, EVENTS} <= {*stage.exchange.connections[stage.newest].channels})
    parts = stage.choose(1, PARTS)
    bursts = [_burst(number * COUNT // parts, COUNT // parts) for number in range(parts)]
    drops, began = stage.subject.observed.drops, clock()
    for raw in bursts:
        stage.exchange.inject(Say(raw=raw))
        await asyncio.sleep(1 / parts if parts > 1 else 0)
    await stage.until(lambda: taken.plain + taken.events + taken.lagged >= COUNT)
    stage.recoveries.append(Recovery(clock() - began, OTHERS_SECONDS))
    ears.cancel()
    for registration in registrations:
        registration.cancel()
    await stage.until(lambda: not {TICKER, EVENTS} & {*stage.exchange.connections[stage.newest].channels})

    assert taken.plain == COUNT * 9 // 10 and taken.is_in_order, f"{taken.plain} states"
    assert taken.events + taken.lagged == COUNT // 10, f"{taken.events} events, {taken.lagged} left out"
    assert stage.subject.observed.drops == drops
    assert stage.subject.observed.longest_silence <= OTHERS_SECONDS
    assert not any(book.gaps for book in ours(stage).books)


@contextmanager
def _exchange_apart() -> Iterator[tuple[asyncio.AbstractEventLoop, SimulatedExchange]]:
    """Run an exchange in a thread of its own."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    exchange = SimulatedExchange(output_limit=OUTPUT_BYTES)

    async def live() -> None:
        async with exchange:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[live()])
    thread.start()
    ready.wait(BURST_SECONDS)
    try:
        yield loop, exchange
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


async def longest_block(seed: int) -> float:
    """Give for how long the loop was busy in one go, at most, while a burst was taken in."""
    taken, longest = _Busy(), 0.0
    with _exchange_apart() as (loop, exchange):
        client = Client(exchange.url)
        client.register(TICKER, taken.ticker)
        client.register(EVENTS, taken.event)
        client.add_handler(taken)
        async with asyncio.timeout(BURST_SECONDS), client:
            loop.call_soon_threadsafe(exchange.inject, Say(raw=_burst(0, COUNT)))
            before = time.thread_time()
            while taken.plain + taken.events + taken.lagged < COUNT:
                await asyncio.sleep(0)
                now = time.thread_time()
                longest, before = max(longest, now - before), now
    return longest


def _in_suite() -> str | None:
    return "measured by `python -m tests.faults`" if "PYTEST_CURRENT_TEST" in os.environ else None


alone(34, TITLE, Layer.SOCKETS, longest_block, bound=BLOCK_SECONDS, why_not=_in_suite, most_seeds=5)
