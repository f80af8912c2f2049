"""Row 46: a client is left in every way, in every phase of its life, and nothing of it stays.

Knows the ways out of a client. Must not know how it came where it is (`phases`), or what counts as left
behind (`remains`). `rows` and the tests call it, in virtual time. `generators` does it to the generator.
"""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from deribit_ws import Client, Connected, Handler, UsageError
from tests.lifetime.cancelled import judge
from tests.lifetime.phases import Met, Phase, all_phases, arrange
from tests.lifetime.remains import watched
from tests.lifetime.stage import BTC, TICKER, staged

LEAVING_SECONDS = 2.0  # by the scoreboard; closing in order takes a tenth of it
GUARD_SECONDS = 30.0  # for a case as a whole, where nothing should take so long


class Closer(Handler):
    """Hears of the first connection, and closes the client from there when told to."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.goes = asyncio.Event()

    async def on_connected(self, event: Connected) -> None:
        """Wait for the word, then close."""
        await self.goes.wait()
        await self._client.aclose()


class Owner:
    """The task that enters the client, and reads a stream, trades and a book until told to leave."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.is_open = asyncio.Event()
        self.leaves = asyncio.Event()
        self.closer = Closer(client)
        client.add_handler(self.closer)
        self.keeps = True  # what was opened is closed again; else it is dropped where it lies
        self.task: asyncio.Task[None] = asyncio.create_task(self._own(), name="owner")

    async def _own(self) -> None:
        async with self.client as client, contextlib.AsyncExitStack() as stack:
            readings: list[Any] = [
                client.stream(TICKER, marks=True),
                client.trades(BTC),
                client.order_book(BTC),
            ]
            for reading in readings:
                await stack.enter_async_context(reading)
            readers = [asyncio.create_task(self._read(reading), name="reader") for reading in readings]
            self.is_open.set()
            try:
                await asyncio.wait([*readers])  # each ends with the client, or by `break`
            finally:
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
            if not self.keeps:
                stack.pop_all()
                del readings, readers, reading
                gc.collect()

    async def _read(self, reading: Any) -> None:
        async with asyncio.TaskGroup() as group:
            told = group.create_task(self.leaves.wait(), name="told to leave")
            group.create_task(_broken_off(reading, told), name="reading")


async def _broken_off(reading: Any, told: "asyncio.Task[bool]") -> None:
    """Read until told to leave, which is heard while waiting for the next item too."""
    coming: asyncio.Task[Any] | None = None
    try:
        while not told.done():
            coming = asyncio.ensure_future(anext(reading))
            await asyncio.wait([coming, told], return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                coming.result()
    except StopAsyncIteration:
        told.cancel()
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait([coming])


Way = Callable[[Client, Owner], Awaitable[None]]


async def cancelled(_: Client, owner: Owner) -> None:
    """Its owner is cancelled."""
    owner.task.cancel()


async def broken_off(_: Client, owner: Owner) -> None:
    """Its readers break off, and its owner leaves."""
    owner.leaves.set()


async def dropped(_: Client, owner: Owner) -> None:
    """As before; but its stream, trades and book are left to the garbage collector."""
    owner.keeps = False
    owner.leaves.set()


async def closed(client: Client, _: Owner) -> None:
    """Another task closes it."""
    await client.aclose()


async def closed_twice(client: Client, _: Owner) -> None:
    """Another task closes it, twice."""
    await client.aclose()
    await client.aclose()


async def closed_by_two(client: Client, _: Owner) -> None:
    """Two tasks close it at the same time, and a third a turn later."""
    others = [asyncio.create_task(client.aclose(), name="closing too") for _ in range(2)]
    await asyncio.sleep(0)
    await client.aclose()
    await asyncio.gather(*others)


async def closed_in_vain(client: Client, _: Owner) -> None:
    """The task that closes it is cancelled over it, and another takes its time-out over it."""
    first = asyncio.create_task(client.aclose(), name="closing first")
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await client.aclose()
    await client.aclose()


async def closed_and_cancelled(client: Client, owner: Owner) -> None:
    """Another task closes it, and its owner is cancelled on its own way out."""
    closing = asyncio.create_task(client.aclose(), name="closing")
    for _ in range(3):
        await asyncio.sleep(0)
        owner.task.cancel()
    await closing


async def closed_by_hook(_: Client, owner: Owner) -> None:
    """A hook of a handler's closes it."""
    owner.closer.goes.set()


WAYS: tuple[Way, ...] = (
    cancelled,
    broken_off,
    dropped,
    closed,
    closed_twice,
    closed_by_two,
    closed_in_vain,
    closed_and_cancelled,
    closed_by_hook,
)
_OF_AN_OPEN_ONE = (broken_off, dropped, closed_by_hook)  # ways that only a client has that was entered


async def left(phase: Phase, met: Met, way: Way, seed: int) -> None:
    """Bring a client there, leave it so, and judge what stays; raises AssertionError."""
    where = f"seed {seed}, {way.__name__} while {phase.name} {met.value}"
    with watched() as remains:
        async with staged(seed) as stage, asyncio.timeout(GUARD_SECONDS):
            remains.begin()
            client = stage.client()
            owner = Owner(client)
            if met is not Met.FIRST:
                await owner.is_open.wait()
            await arrange(stage, client, phase, met)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await way(client, owner)
            await asyncio.wait([owner.task])
            took = loop.time() - began

            assert took <= LEAVING_SECONDS, f"{where}: it took {took:.2f} s"
            _judge_end(owner.task, way, met, where)
            stage.exchange.clear_faults()
            await judge(remains, stage, client, where)


def _judge_end(task: "asyncio.Task[None]", way: Way, met: Met, where: str) -> None:
    if way in (cancelled, closed_and_cancelled):
        assert task.cancelled(), f"{where}: {task!r}"
        return
    assert not task.cancelled(), f"{where}: it ended as cancelled"
    error = task.exception()
    if met is Met.FIRST:  # documented: closed before there was a link
        assert isinstance(error, UsageError), f"{where}: {error!r}"
    else:
        assert error is None, f"{where}: {error!r}"


def cases() -> Iterator[tuple[Phase, Met, Way]]:
    """Give each phase with each way out that it has."""
    for phase, met in all_phases():
        for way in WAYS:
            if met is not Met.FIRST or way not in _OF_AN_OPEN_ONE:
                yield phase, met, way


async def everyhow(seed: int) -> int:
    """Leave a client in every way in every phase; give how many cases those were."""
    count = 0
    for count, (phase, met, way) in enumerate(cases(), 1):  # noqa: B007  the last is what is given
        await left(phase, met, way, seed)
    return count
