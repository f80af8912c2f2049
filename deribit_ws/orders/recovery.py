"""Private channels made whole after a drop: what was missed is read, and goes out before what is live.

Knows: when to read, for which channels, and from when on. Must not know: methods and pages (`reading`), what
stands before consumers (`gates`), or what tells two orders apart (`orderflow`). The client's `Restorer` calls
it on each connection.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from deribit_ws.errors import (
    CallError,
    DeribitError,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    RequestNotSent,
)
from deribit_ws.handlers.registry import Registry
from deribit_ws.journal import counted, note
from deribit_ws.orderflow import Content, Feed, Read
from deribit_ws.orders.gates import Gates
from deribit_ws.orders.reading import Reader, Want
from deribit_ws.orders.view import View
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.orders")

T = TypeVar("T")

_APART_MS = 100  # the exchange's machines may disagree by some ms, and stores that are read be behind
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # before reading again, the more fail the longer
_LIMITED_SECONDS = 5.0  # after a rate limit at the least
_FRESH_SECONDS = 60.0  # so old a reading of the exchange's clock is good for: ours may sleep
_TOLD = 100  # different troubles that are told; more is noise


class Recovery:
    """What is read for one client's private channels.

    Args:
        registry: routes, holds channels, and tells errors.
        view: told of each channel that is whole, or may lack something, and read anew by the same reads.
        ended: told when no other link will come.
    """

    def __init__(self, registry: Registry, view: View, ended: Callable[[Exception], None]) -> None:
        self._ended = ended
        self._registry = registry
        self._view = view
        self._gates = Gates(registry, view)
        self._time: tuple[int, float] | None = None  # the exchange's, ms, and when it was read, on the loop's
        self._told: set[str] = set()

    # --- one connection

    async def prepare(self, call: Call) -> None:
        """Hold from now on what must wait for what was missed; what is to be read can wait for the link."""
        self._gates.prepare()

    async def keep(self, call: Call) -> None:
        """Read what was missed whenever something may be; ends with the connection."""
        self._gates.live()
        reader = Reader(call, self._tell)
        failures = 0
        while True:
            self._gates.news.clear()
            self._gates.look_again()
            if self._time is not None:
                self._view.outdate(self._now)
            try:
                await self._catch_up(reader)
                failures = 0
                wait = self._until_look()
            except (CallError, ProtocolError) as error:
                wait = _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)]
                wait = max(wait, _LIMITED_SECONDS) if isinstance(error, RateLimited) else wait
                failures += 1
                self._failed(error, wait)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._gates.news.wait()

    def disconnected(self) -> None:
        """Take it that the link is gone, and all it brought was handed out."""
        self._gates.disconnected()

    def doubt(self, channel: str | None) -> None:
        """Read again: a message can't be read, of this channel or, where that is unknown, of any."""
        self._gates.doubt(channel)

    def end(self, error: Exception) -> None:
        """Take it that no other link will come, because of `error`."""
        self._ended(error)
        self._gates.end()
        self._view.end(error)

    # --- reading

    async def _settle_beginnings(self, reader: Reader) -> None:
        now = asyncio.get_running_loop().time()
        if self._time is None or now - self._time[1] > _FRESH_SECONDS:
            await self._read_time(reader)
        else:
            self._gates.settle_beginnings(self._at)

    async def _read_time(self, reader: Reader) -> int:
        now = await reader.time()
        self._time = now, asyncio.get_running_loop().time()  # a little late, so what follows from it is early
        self._gates.settle_beginnings(self._at)
        return now

    def _until_look(self) -> float | None:
        """Seconds until something is to be read though nothing calls for it; None for never."""
        waits = (self._gates.until_look, self._time and self._view.until_outdated(self._now))
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def _now(self) -> int:
        return self._at(asyncio.get_running_loop().time())

    def _at(self, at: float) -> int:
        """Give the exchange's time, ms, for one of the loop's clock; rather too early than too late."""
        assert self._time is not None
        read, read_at = self._time
        return read + int((at - read_at) * 1000)

    async def _catch_up(self, reader: Reader) -> None:
        if self._gates.have_begun:
            await self._settle_beginnings(reader)
        results = await _each(self._recovered(reader, due)) if (due := self._gates.due) else []
        await self._view.refresh(reader)
        _raise_first(results)

    async def _recovered(self, reader: Reader, due: Mapping[str, int]) -> None:
        at, before, tally = asyncio.get_running_loop().time(), self._gates.recovered, self._registry.tally
        is_first = not self._gates.is_second_look(due)
        tally.back_fills += is_first
        try:
            await self._recover(reader, due)
        finally:
            count = self._gates.recovered - before
            tally.recovered += count
        note(
            logger,
            logging.INFO if is_first or count else logging.DEBUG,
            "own_recovered",
            f"{counted(len(due), 'private channel')} whole again: "
            f"{counted(count, 'message')} read in %(seconds).2f s",
            channels=len(due),
            count=count,
            seconds=asyncio.get_running_loop().time() - at,
        )

    async def _recover(self, reader: Reader, due: Mapping[str, int]) -> None:
        """Make channels whole that may lack something; what can't be read holds up only those that need it.

        Raises:
            CallError, ProtocolError: some could not be made whole now.
        """
        feeds = [self._gates.feeds[channel] for channel in due]
        # Subscribed before the exchange read its clock, they bring live whatever comes after that moment.
        now = await self._read_time(reader) + _APART_MS
        await asyncio.sleep(_APART_MS / 1000)
        sums = [feed for feed in feeds if feed.scope.content is Content.PORTFOLIO]
        results = await _each(
            *(self._join_sums(reader, feed, now, due[feed.channel]) for feed in sums),
            self._join_events(reader, [feed for feed in feeds if feed not in sums], now, due),
        )
        _raise_first(results)

    async def _join_sums(self, reader: Reader, feed: Feed, now: int, number: int) -> None:
        await self._gates.join(feed, [await reader.portfolio(feed.scope.currency)], now, number)

    async def _join_events(
        self, reader: Reader, feeds: Collection[Feed], now: int, due: Mapping[str, int]
    ) -> None:
        wants = _wants(feeds)
        results = await _each(*(reader.currency(currency, want, now) for currency, want in wants.items()))
        reads = [result for result in results if isinstance(result, Read)]
        missing = wants.keys() - {read.currency for read in reads}
        readable = [feed for feed in feeds if missing.isdisjoint(feed.scope.currencies)]
        for feed in readable:
            if not feed.scope.has_orders:
                await self._gates.join(feed, reads, now, due[feed.channel])
        with_orders = [feed for feed in readable if feed.scope.has_orders]
        reads += await self._read_more(reader, with_orders, reads, now)
        for feed in with_orders:
            await self._gates.join(feed, reads, now, due[feed.channel])
        _raise_first(results)

    async def _read_more(
        self, reader: Reader, feeds: Collection[Feed], reads: Sequence[Read], now: int
    ) -> list[Read]:
        """Read what channels with orders need beside that; what it is, is known only now."""
        more = [await self._read_silent(reader, feeds, reads)]
        changes = (feed for feed in feeds if feed.scope.content is Content.CHANGES)
        if any(feed.lacks([*reads, *more], until=now) for feed in changes):
            more.append(Read(positions=await reader.positions()))
        return more

    async def _read_silent(self, reader: Reader, feeds: Collection[Feed], reads: Iterable[Read]) -> Read:
        """Read what became of orders that were open, and are in no list."""
        known = set().union(*(feed.open_ids() | self._view.open_ids(feed.channel) for feed in feeds))
        silent = known - _order_ids(reads)
        read = await reader.states(sorted(silent))
        for feed in feeds:
            feed.forget(silent - _order_ids([read]))
        return read

    def _failed(self, error: CallError | ProtocolError, wait: float) -> None:
        if isinstance(error, ProtocolError) and self._time is not None:
            self._tell(error)
        # A link that broke, as is told elsewhere: no second read comes on it.
        level = logging.DEBUG if isinstance(error, OutcomeUnknown | RequestNotSent) else logging.WARNING
        text = "what was missed on private channels (%(why)s): to be read again in %(seconds)g s"
        note(logger, level, "own_unread", text, why=str(error), seconds=wait)

    def _tell(self, error: DeribitError) -> None:
        """Tell a trouble once; most of them come again on each connection."""
        if str(error) not in self._told and len(self._told) < _TOLD:
            self._told.add(str(error))
            self._registry.events.report(error)


def _wants(feeds: Iterable[Feed]) -> dict[str, Want]:
    wants: dict[str, Want] = {}
    for feed in feeds:
        scope = feed.scope
        if feed.since is None or scope.content is Content.PORTFOLIO:
            continue
        for currency in scope.currencies:
            known = wants.get(currency, Want(feed.since))
            wants[currency] = Want(
                min(known.since, feed.since),
                orders=known.orders or scope.has_orders,
                trades=known.trades or scope.has_trades,
                combos=known.combos or scope.content is Content.COMBO_TRADES,
            )
    return wants


async def _each(*works: Coroutine[Any, Any, T]) -> list[T | CallError | ProtocolError]:
    """Do several things at a time; give what each gave, or how it failed."""
    results: list[T | CallError | ProtocolError] = []
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, CallError | ProtocolError):
            raise result
        results.append(result)
    return results


def _raise_first(results: Iterable[object]) -> None:
    for result in results:
        if isinstance(result, CallError | ProtocolError):
            raise result


def _order_ids(reads: Iterable[Read]) -> set[str]:
    return {key.order_id for read in reads for key, _ in read.orders}
