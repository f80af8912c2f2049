"""The package's own ways to listen, each as its documents show it.

Knows the public names only. `table` names them.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from benchmarks.counting import Count
from benchmarks.job import Job
from deribit_ws import Client, Ticker
from deribit_ws.books import LiveBook


def _ignored(data: Ticker) -> None:
    """Take what another callback of the same channel counts, in the form that one takes."""


async def _by_callbacks(job: Job, form: str) -> Count:
    count = job.count(form)
    client = Client(job.url)
    for pattern, instruments in _patterns(job):
        for _ in range(job.options.callbacks - 1):
            client.register(pattern, _ignored, instrument=instruments)
        client.register(pattern, job.callback(count, pattern), instrument=instruments)
    async with client:
        await count.done.wait()
    assert isinstance(count, Count)
    return count


def _patterns(job: Job) -> Iterator[tuple[str, list[str]]]:
    """Spread the channels over patterns, each with some instruments."""
    families: dict[str, list[str]] = {}
    for name in job.names:
        family, instrument, rest = name.split(".", 2)
        families.setdefault(f"{family}.{{instrument}}.{rest}", []).append(instrument)
    for pattern, instruments in families.items():
        size = max(1, len(instruments) // job.options.patterns)
        for at in range(0, len(instruments), size):
            yield pattern, instruments[at : at + size]


async def typed(job: Job) -> Count:
    """Plain functions that take typed payloads."""
    return await _by_callbacks(job, "typed")


async def plain(job: Job) -> Count:
    """Plain functions that take dicts."""
    return await _by_callbacks(job, "dict")


async def raw(job: Job) -> Count:
    """Plain functions that take bytes."""
    return await _by_callbacks(job, "bytes")


async def coroutine(job: Job) -> Count:
    """Coroutine functions that take typed payloads."""
    return await _by_callbacks(job, "coroutine")


async def stream(job: Job) -> Count:
    """A stream of all channels, read by one `async for`."""
    count: Count = job.count("typed")
    callbacks = job.callbacks(count)
    async with Client(job.url) as client, client.stream(*job.names) as stream:
        async for notification in stream:
            callbacks[notification.channel](notification.data)
            if not count.left:
                break
    return count


async def order_book(job: Job) -> Count:
    """Live order books, each gone over by a task that reads the best prices."""
    count = Count(job.messages, [])
    count.notes.clear()
    async with Client(job.url) as client, contextlib.AsyncExitStack() as stack:
        books = [client.order_book(name.split(".")[1]) for name in job.names]
        async with asyncio.TaskGroup() as group:
            for book in books:
                group.create_task(_watch(book, job, count, stack))
        count.left = 0
        count.reached()
    return count


async def _watch(book: LiveBook, job: Job, count: Count, stack: contextlib.AsyncExitStack) -> None:
    channel = f"book.{book.instrument}.{book.interval}"
    last = job.prepared.change_ids[channel]
    await stack.enter_async_context(book)
    async for _ in book:
        if not count.notes:
            count.reached()
        if book.valid:
            assert book.best_bid is not None and book.best_ask is not None
            count.price = book.best_bid.price
            if book.change_id == last:
                assert [book.best_bid.price, book.best_ask.price] == job.prepared.tops[channel]
                return


async def trades(job: Job) -> Count:
    """Trades of each instrument, each once and in order; reading where to begin counts, too."""
    count = Count(job.messages, [])
    count.reached()
    expected = job.prepared.sums[-1][0]
    async with Client(job.url) as client:
        tasks = [
            asyncio.create_task(_count_trades(client, name.split(".")[1], count, expected))
            for name in job.names
        ]
        await count.done.wait()
        for task in tasks:
            task.cancel()
    return count


async def _count_trades(client: Client, instrument: str, count: Count, expected: int) -> None:
    async with client.trades(instrument) as trades:
        async for trade in trades:
            count.price = trade.price
            count.n_trades += 1
            if count.n_trades == expected:
                count.left = 0
                count.reached()
