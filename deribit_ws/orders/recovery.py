"""Private channels made whole after a drop: what was missed is read, and goes out before what is live.

Knows: which channels begin, end and may lack something, and when to read. Must not know: pages and methods
(`reading`), or what tells two orders apart (`orderflow`). It stands as a gate before the consumers of these
channels. The client's `Restorer` calls it on each connection; `Orders` hears when a channel is whole.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Collection, Iterable, Mapping

import msgspec

from deribit_ws.errors import CallError, DeribitError, ProtocolError, RateLimited, RpcError, WireError
from deribit_ws.handlers.registry import Registry
from deribit_ws.orderflow import Content, Feed, Read, scope_of
from deribit_ws.orders.reading import Reader, Want
from deribit_ws.orders.view import View
from deribit_ws.router import Gate
from deribit_ws.wire.channels import Family
from deribit_ws.wire.methods import Call

logger = logging.getLogger(__name__)

HOLD_SECONDS = 5.0  # from `Connected` on: later live messages go out before what was missed
HOLD_BYTES = 8 * 1024 * 1024  # held at most, of all channels together: as much as a private queue takes
_OVERLAP_MS = 10_000  # channels keep no order among them, and the aggregated ones are seconds late
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # before reading again, the more fail the longer
_LIMITED_SECONDS = 5.0  # after a rate limit at the least
_DOUBT_SECONDS = 10.0  # between two reads for frames nobody could read: they may come in floods
_A_TURN = 256  # messages handed out between two turns of the loop, as the reader does
_SILENT = 50  # orders asked for one by one at a time; each costs a read
_TOLD = 100  # different troubles that are told; more is noise


class Recovery:
    """The gates before one client's private channels, and what is read for them.

    Args:
        registry: routes, holds channels, and tells errors.
        view: told of each channel that is whole, or may lack something, and read anew by the same reads.
    """

    def __init__(self, registry: Registry, view: View) -> None:
        self._registry = registry
        self._view = view
        self._feeds: dict[str, Feed] = {}
        self._begun: dict[str, float] = {}  # channels whose beginning is known on our clock only, so far
        self._current: set[str] = set()  # subscribed on this link
        self._due: dict[str, int] = {}  # those that may lack something, and the number of that doubt
        self._numbers = itertools.count()
        self._time: tuple[int, float] | None = None  # the exchange's, ms, and when it was read, on the loop's
        self._is_timed = False  # on this link: clocks of ours may have slept since an older reading
        self._proven = 0  # ms: on this link, all sent before it was handed out
        self._held_bytes = 0
        self._is_live = False
        self._hold_end: asyncio.TimerHandle | None = None
        self._doubt: asyncio.TimerHandle | None = None
        self._doubt_after = 0.0
        self._wake = asyncio.Event()
        self._told: set[str] = set()
        registry.router.gate_of = self._gate_of
        registry.subscriptions.on_confirmed = self._confirmed
        registry.subscriptions.on_left = self._left

    # --- one connection

    async def prepare(self, call: Call) -> None:
        """Hold from now on what must wait for what was missed; read the exchange's clock, the first time."""
        wanted = {channel for channel in self._registry.subscriptions.wanted if scope_of(channel) is not None}
        for channel in self._feeds.keys() - wanted:
            self._forget(channel)
        for channel, feed in self._feeds.items():
            feed.is_holding = feed.since is not None or channel in self._begun
        if wanted and self._time is None:  # later ones can wait until the link is live
            with contextlib.suppress(RpcError, ProtocolError):  # `keep` asks again, and tells
                await self._read_time(Reader(call, self._tell))

    async def keep(self, call: Call) -> None:
        """Read what was missed whenever something may be; ends with the connection."""
        self._is_live = True
        self._limit_hold()
        reader = Reader(call, self._tell)
        failures = 0
        while True:
            self._wake.clear()
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
                    await self._wake.wait()

    def disconnected(self) -> None:
        """Take it that all channels lack what this link has not proven to have brought."""
        for channel, feed in self._feeds.items():
            if channel in self._current:
                self._prove(feed)
            feed.cut()
            self._view.parted(channel)
        self._current.clear()
        self._due.clear()
        self._proven = 0
        self._is_live = self._is_timed = False
        self._end_hold()
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
        if self._held_bytes > HOLD_BYTES:
            self._release(self._feeds.values())

    def doubt(self) -> None:
        """Read again, but not at every doubt: a frame that nobody can read may have been of any channel."""
        self._suspect(self._current)

    def end(self, error: Exception) -> None:
        """Hand out what is held: no link will come to read what was missed before it."""
        self._release(self._feeds.values())

    # --- channels

    def _confirmed(self, channels: Collection[str]) -> None:
        now = asyncio.get_running_loop().time()
        for channel in channels:
            feed = self._feed_of(channel)
            if feed is None:
                continue
            if feed.since is None and channel not in self._begun and channel not in self._current:
                self._begun[channel] = now
                self._current.add(channel)
                self._settle_beginnings()
                self._view.joined(channel)
            else:
                self._current.add(channel)
                self._fall_due(feed)
        self._wake.set()

    def _left(self, channels: Collection[str]) -> None:
        for channel in channels:
            feed = self._feeds.get(channel)
            if feed is None:
                continue
            if channel in self._registry.subscriptions.wanted:  # to be subscribed anew: a hole until then
                self._fall_due(feed)
            else:
                self._forget(channel)

    def _feed_of(self, channel: str) -> Feed | None:
        feed = self._feeds.get(channel)
        if feed is None and channel in self._registry.subscriptions.wanted:
            scope = scope_of(channel)
            if scope is not None:
                feed = self._feeds[channel] = Feed(channel, scope)
        return feed

    def _forget(self, channel: str) -> None:
        self._release([self._feeds.pop(channel)])
        self._begun.pop(channel, None)
        self._due.pop(channel, None)
        self._current.discard(channel)

    def _fall_due(self, feed: Feed) -> None:
        self._note_due(feed)
        feed.is_holding = True
        self._limit_hold()
        self._wake.set()

    def _note_due(self, feed: Feed) -> None:
        self._prove(feed)
        self._due[feed.channel] = next(self._numbers)
        self._view.parted(feed.channel)

    def _prove(self, feed: Feed) -> None:
        if feed.channel not in self._due and feed.since is not None:
            feed.advance(self._proven - _OVERLAP_MS)

    def _suspect(self, channels: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        doubted = [feed for channel in channels if (feed := self._feeds.get(channel)) is not None]
        if not (doubted and self._is_live):
            return
        for feed in doubted:
            self._note_due(feed)
        if self._doubt is None:
            self._doubt = loop.call_at(max(loop.time(), self._doubt_after), self._look_into)

    def _look_into(self) -> None:
        """Read for what is in doubt; live messages wait from now on only, as they may not for long."""
        self._doubt = None
        self._doubt_after = asyncio.get_running_loop().time() + _DOUBT_SECONDS
        for channel in self._due:
            self._feeds[channel].is_holding = True
        self._limit_hold()
        self._wake.set()

    # --- messages

    def _gate_of(self, channel: str, family: Family) -> Gate | None:
        if not family.is_private or scope_of(channel) is None:
            return None

        def gate(data: bytes) -> None:
            feed = self._feed_of(channel)
            if feed is None:
                self._registry.router.hand_on(channel, data)
            else:
                self._receive(feed, data)

        return gate

    def _receive(self, feed: Feed, data: bytes) -> None:
        try:
            if feed.is_holding:
                feed.hold(data)
                self._count_held(len(data))
                return
            news = feed.sift(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            news = data  # whether it can be read by those who want it, they say
        self._proven = max(self._proven, feed.newest)
        if news is None:
            return
        try:
            self._registry.router.hand_on(feed.channel, news)
        except msgspec.ValidationError:  # it told of something: whatever that was, it can be read
            self._suspect([feed.channel])
            raise

    def _count_held(self, size: int) -> None:
        self._held_bytes += size
        if self._held_bytes > HOLD_BYTES:
            self._held_too_long()

    def _limit_hold(self) -> None:
        if self._is_live and self._hold_end is None and any(f.is_holding for f in self._feeds.values()):
            loop = asyncio.get_running_loop()
            self._hold_end = loop.call_later(HOLD_SECONDS, self._held_too_long)

    def _end_hold(self) -> None:
        if self._hold_end is not None:
            self._hold_end.cancel()
            self._hold_end = None

    def _held_too_long(self) -> None:
        self._end_hold()
        late = [c for c in self._due if c in self._current and self._feeds[c].since is not None]
        self._release(self._feeds.values())
        if late:
            self._tell(
                DeribitError(f"not yet read what was missed of {', '.join(late)}: it comes out of order")
            )

    def _release(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            for message in feed.release():
                self._hand_on(feed.channel, message, recovered=False)
        if not any(feed.is_holding for feed in self._feeds.values()):
            self._held_bytes = 0
            self._end_hold()

    def _hand_on(self, channel: str, data: bytes, *, recovered: bool) -> None:
        try:
            self._registry.router.hand_on(channel, data, recovered=recovered)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._registry.events.report(WireError(f"not the expected data ({error})", data, channel))

    # --- reading

    async def _read_time(self, reader: Reader) -> None:
        now = await reader.time()
        self._time = now, asyncio.get_running_loop().time()  # a little late, so what follows from it is early
        self._is_timed = True
        self._settle_beginnings()

    def _now(self, at: float) -> int:
        assert self._time is not None
        read, read_at = self._time
        return read + int((at - read_at) * 1000)

    def _settle_beginnings(self) -> None:
        if self._time is not None:
            for channel, at in self._begun.items():
                self._feeds[channel].advance(self._now(at))
            self._begun.clear()

    async def _catch_up(self, reader: Reader) -> None:
        if self._feeds and (self._time is None or (self._due and not self._is_timed)):
            await self._read_time(reader)
        if due := {channel: number for channel, number in self._due.items() if channel in self._current}:
            await self._recover(reader, due)
        await self._view.refresh(reader)

    async def _recover(self, reader: Reader, due: Mapping[str, int]) -> None:
        """Make channels whole that may lack something."""
        feeds = [self._feeds[channel] for channel in due]
        now = self._now(asyncio.get_running_loop().time())
        reads = await self._read(reader, feeds, now)
        for feed in feeds:
            if feed.scope.content is Content.PORTFOLIO:
                await self._join(feed, [await reader.portfolio(feed.scope.currency)], now, due[feed.channel])
            else:
                await self._join(feed, reads, now, due[feed.channel])

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
        if any(feed.scope.content is Content.CHANGES and feed.lacks(reads) for feed in feeds):
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

    async def _join(self, feed: Feed, reads: list[Read], now: int, number: int) -> None:
        """Hand out what a channel missed, then what it holds."""
        for count, message in enumerate(feed.missed(reads), 1):
            self._hand_on(feed.channel, message, recovered=True)
            if count % _A_TURN == 0:
                await asyncio.sleep(0)
        if self._due.get(feed.channel) != number:  # given up, or in doubt anew
            return
        self._release([feed])
        del self._due[feed.channel]
        feed.advance(now - _OVERLAP_MS)
        self._view.joined(feed.channel)

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
