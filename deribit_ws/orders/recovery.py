"""Private channels made whole after a drop: what was missed is read, and goes out before what is live.

Knows: when to read, for which channels, and from when on. Must not know: methods and pages (`reading`), what
stands before consumers (`gates`), or what tells two orders apart (`orderflow`). The client's `Restorer` calls
it on each connection.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping

from deribit_ws.errors import CallError, DeribitError, ProtocolError, RateLimited
from deribit_ws.handlers.registry import Registry
from deribit_ws.orderflow import Content, Feed, Read
from deribit_ws.orders.gates import Gates
from deribit_ws.orders.reading import Reader, Want
from deribit_ws.orders.view import View
from deribit_ws.wire.methods import Call

logger = logging.getLogger(__name__)

_APART_MS = 100  # the exchange's machines may disagree by some ms, and stores that are read be behind
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # before reading again, the more fail the longer
_LIMITED_SECONDS = 5.0  # after a rate limit at the least
_FRESH_SECONDS = 60.0  # so old a reading of the exchange's clock is good for: ours may sleep
_SILENT = 50  # orders asked for one by one at a time; each costs a read
_TOLD = 100  # different troubles that are told; more is noise


class Recovery:
    """What is read for one client's private channels.

    Args:
        registry: routes, holds channels, and tells errors.
        view: told of each channel that is whole, or may lack something, and read anew by the same reads.
    """

    def __init__(self, registry: Registry, view: View) -> None:
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
            wait: float | None = None
            try:
                await self._catch_up(reader)
                failures = 0
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
        self._gates.end()

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

    def _at(self, at: float) -> int:
        """Give the exchange's time, ms, for one of the loop's clock; rather too early than too late."""
        assert self._time is not None
        read, read_at = self._time
        return read + int((at - read_at) * 1000)

    async def _catch_up(self, reader: Reader) -> None:
        if self._gates.have_begun:
            await self._settle_beginnings(reader)
        if due := self._gates.due:
            await self._recover(reader, due)
        await self._view.refresh(reader)

    async def _recover(self, reader: Reader, due: Mapping[str, int]) -> None:
        """Make channels whole that may lack something."""
        feeds = [self._gates.feeds[channel] for channel in due]
        # Subscribed before the exchange read its clock, they bring live whatever comes after that moment.
        now = await self._read_time(reader) + _APART_MS
        await asyncio.sleep(_APART_MS / 1000)
        reads = await self._read(reader, feeds, now)
        for feed in feeds:
            if feed.scope.content is Content.PORTFOLIO:
                await self._gates.join(
                    feed, [await reader.portfolio(feed.scope.currency)], now, due[feed.channel]
                )
            else:
                await self._gates.join(feed, reads, now, due[feed.channel])

    async def _read(self, reader: Reader, feeds: Collection[Feed], now: int) -> list[Read]:
        """Read what some channels may lack, each currency once."""
        wants = _wants(feeds)
        reading = (reader.currency(currency, want, now) for currency, want in wants.items())
        reads: list[Read] = []
        for read in await asyncio.gather(*reading, return_exceptions=True):
            if isinstance(read, BaseException):
                raise read
            reads.append(read)
        if any(want.orders for want in wants.values()):
            reads.append(await self._read_silent(reader, feeds, reads))
        if any(feed.scope.content is Content.CHANGES and feed.lacks(reads, until=now) for feed in feeds):
            reads.append(Read(positions=await reader.positions()))
        return reads

    async def _read_silent(self, reader: Reader, feeds: Collection[Feed], reads: Collection[Read]) -> Read:
        """Read what became of orders that were open, and are in no list."""
        known = set().union(*(feed.open_ids() | self._view.open_ids(feed.channel) for feed in feeds))
        listed = {key.order_id for read in reads for key, _ in read.orders}
        asked = sorted(known - listed)[:_SILENT]
        read = await reader.states(asked)
        for feed in feeds:
            feed.forget(set(asked) - {key.order_id for key, _ in read.orders})
        return read

    def _failed(self, error: CallError | ProtocolError, wait: float) -> None:
        if isinstance(error, ProtocolError) and self._time is not None:
            self._tell(error)
        logger.warning("what was missed on private channels (%s): to be read again in %g s", error, wait)

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
