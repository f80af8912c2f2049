"""The gates before private channels: live messages pass, or wait until what was missed has gone out.

Knows: which channels have begun, are subscribed, and may lack something; how long and how much may be held.
Must not know: how what was missed is read. `recovery` owns one and makes channels whole; subscriptions and
the router tell it what comes.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Hashable, Iterable

import msgspec

from deribit_ws.errors import DeribitError, SlowConsumer
from deribit_ws.handlers.registry import Registry
from deribit_ws.orderflow import Feed, Read, scope_of
from deribit_ws.orders.handing import Handing
from deribit_ws.orders.view import View
from deribit_ws.router import Gate
from deribit_ws.wire.channels import Family

HOLD_SECONDS = 5.0  # from `Connected` on: later live messages go out before what was missed
HOLD_BYTES = 8 * 1024 * 1024  # held at most, of all channels together: as much as a private queue takes
OVERLAP_MS = 10_000  # channels keep no order among them, and the aggregated ones are seconds late
LATE_SECONDS = 3.0  # after the first read on a link the second: a fill was seen to be in no read for 2 s
_SOON_SECONDS = 0.01  # is now: a timer may end that much early, and waiting for the rest would be spinning
_DOUBT_SECONDS = 2.0  # between two reads for frames nobody could read: they may come in floods


class Gates:
    """The private channels of one client, each with what it has handed out and holds.

    Args:
        registry: routes and holds channels.
        view: told of each channel that is whole, or may lack something.

    Attributes:
        feeds: by channel.
        news: set when there is something to read for.
    """

    def __init__(self, registry: Registry, view: View) -> None:
        self._registry = registry
        self._handing = Handing(registry)
        self._view = view
        self.feeds: dict[str, Feed] = {}
        self.news = asyncio.Event()
        self._begun: dict[
            str, float
        ] = {}  # channels whose beginning is known on the loop's clock only, so far
        self._current: set[str] = set()  # subscribed on this link
        self._due: dict[str, int] = {}  # those that may lack something, and the number of that doubt
        self._again: set[str] = set()  # whole, but for what no read shows yet: `since` stays until the second
        self._again_at: float | None = None
        self._numbers = itertools.count()
        self._proven = 0  # ms: on this link, all sent before it was handed out
        self._held: dict[str, int] = {}  # bytes, by channel
        self._is_live = False
        self._hold_end: asyncio.TimerHandle | None = None
        self._doubt: asyncio.TimerHandle | None = None
        self._doubt_after = 0.0
        registry.router.gate_of = self._gate_of
        registry.on_caught_up = self._caught_up
        registry.subscriptions.on_confirmed.append(self._confirmed)
        registry.subscriptions.on_left.append(self._left)

    # --- one connection

    def prepare(self) -> None:
        """Hold from now on what must wait for what was missed."""
        wanted = {channel for channel in self._registry.subscriptions.wanted if scope_of(channel) is not None}
        for channel in self.feeds.keys() - wanted:
            self._forget(channel)
        for channel, feed in self.feeds.items():
            feed.is_holding = feed.since is not None or channel in self._begun

    def live(self) -> None:
        """Take it that the link is live: from now on holding has its end."""
        self._is_live = True
        self._limit_hold()

    def disconnected(self) -> None:
        """Take it that all channels lack what this link has not proven to have brought."""
        for channel, feed in self.feeds.items():
            self._prove(feed)
            feed.cut()
            if not feed.has_held:
                self._held.pop(channel, None)
            self._view.parted(channel)
        self._current.clear()
        self._due.clear()
        self._again.clear()
        self._again_at = None
        self._proven = 0
        self._is_live = False
        self._end_hold()
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
        if sum(self._held.values()) > HOLD_BYTES:
            self._release(self.feeds.values())

    def doubt(self, channel: str | None) -> None:
        """Have a channel read for, or all where nobody knows whose the message was; not at every doubt."""
        self._suspect(self._current if channel is None else self._current & {channel})

    def end(self) -> None:
        """Hand out what is held: no link will come to read what was missed before it."""
        self._release(self.feeds.values())

    # --- for who reads

    @property
    def due(self) -> dict[str, int]:
        """The channels to read for, each with the number of its doubt."""
        return {channel: number for channel, number in self._due.items() if channel in self._current}

    @property
    def recovered(self) -> int:
        """Messages that were missed, read, and handed out since."""
        return self._handing.recovered

    @property
    def have_begun(self) -> bool:
        """Whether channels have begun, and nobody knows when by the exchange's clock."""
        return bool(self._begun)

    def settle_beginnings(self, now: Callable[[float], int]) -> None:
        """Note when channels have begun; `now` gives the exchange's time, ms, for one of the loop's clock."""
        for channel, at in self._begun.items():
            self.feeds[channel].advance(now(at))
        self._begun.clear()

    async def join(self, feed: Feed, reads: Collection[Read], until: int, number: int) -> None:
        """Hand out what a channel missed up to a moment, then what it holds.

        Who could not take something before gets that first, alone.
        """
        for who in feed.creditors:
            await self._handing.recover(feed, feed.owed(who, [*reads], until=until), only=who)
        await self._handing.recover(feed, feed.missed([*reads], until=until))
        if lost := feed.settle():
            self._registry.events.report(SlowConsumer(feed.channel, lost))
        if self._due.get(feed.channel) != number:  # given up, or in doubt anew
            return
        self._release([feed])
        del self._due[feed.channel]
        if feed.scope.has_trades and feed.channel not in self._again:
            self._again.add(feed.channel)
            self._again_at = asyncio.get_running_loop().time() + LATE_SECONDS
        else:
            self._again.discard(feed.channel)
            feed.advance(until - OVERLAP_MS)
        self._view.joined(feed.channel)

    @property
    def until_look(self) -> float | None:
        """Seconds until `look_again`; None where nothing is to be read a second time."""
        return self._again_at and max(0.0, self._again_at - asyncio.get_running_loop().time())

    def look_again(self) -> None:
        """Have read once more, when it is time, what was read on this link: fills may show late.

        The channels stay whole meanwhile, and live messages pass.
        """
        left = self.until_look
        if left is not None and left < _SOON_SECONDS:
            self._again_at = None
            self._due |= {channel: next(self._numbers) for channel in self._again - self._due.keys()}

    def is_second_look(self, channels: Iterable[str]) -> bool:
        """Tell whether all of these were read for on this link before."""
        return self._again.issuperset(channels)

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
                self._view.joined(channel)
            else:
                self._fall_due(feed)
                self._current.add(channel)
        self.news.set()

    def _left(self, channels: Collection[str]) -> None:
        for channel in channels:
            feed = self.feeds.get(channel)
            if feed is None:
                continue
            if self._registry.subscriptions.is_wanted(channel):  # to be subscribed anew: a hole until then
                self._fall_due(feed)
                self._current.discard(channel)
            else:
                self._forget(channel)

    def _feed_of(self, channel: str) -> Feed | None:
        feed = self.feeds.get(channel)
        if feed is None and self._registry.subscriptions.is_wanted(channel):
            scope = scope_of(channel)
            if scope is not None:
                feed = self.feeds[channel] = Feed(channel, scope)
        return feed

    def _forget(self, channel: str) -> None:
        self._release([self.feeds.pop(channel)])
        self._begun.pop(channel, None)
        self._due.pop(channel, None)
        self._current.discard(channel)
        self._again.discard(channel)

    def _fall_due(self, feed: Feed) -> None:
        self._prove(feed)
        self._again.discard(feed.channel)
        self._due[feed.channel] = next(self._numbers)
        feed.is_holding = True
        self._limit_hold()
        self._view.parted(feed.channel)

    def _prove(self, feed: Feed) -> None:
        channel = feed.channel
        may_lack = channel not in self._current or channel in self._due or channel in self._again
        if not may_lack and feed.since is not None:
            feed.advance(self._proven - OVERLAP_MS)

    def _suspect(self, channels: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        doubted = [feed for channel in channels if (feed := self.feeds.get(channel)) is not None]
        if not (doubted and self._is_live):
            return
        for feed in doubted:
            self._fall_due(feed)
        if self._doubt is None:
            self._doubt = loop.call_at(max(loop.time(), self._doubt_after), self._look_into)

    def _look_into(self) -> None:
        self._doubt = None
        self._doubt_after = asyncio.get_running_loop().time() + _DOUBT_SECONDS
        self.news.set()

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
                self._count_held(feed, len(data))
                return
            news = feed.sift(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            news = data  # whether it can be read by those who want it, they say
        self._proven = max(self._proven, feed.newest)
        if news is None:
            return
        self._handing.hand_on(feed, news)

    def _count_held(self, feed: Feed, size: int) -> None:
        self._held[feed.channel] = self._held.get(feed.channel, 0) + size
        if sum(self._held.values()) > HOLD_BYTES:
            self._held_too_long()

    def _limit_hold(self) -> None:
        if self._is_live and self._hold_end is None and any(f.is_holding for f in self.feeds.values()):
            loop = asyncio.get_running_loop()
            self._hold_end = loop.call_later(HOLD_SECONDS, self._held_too_long)

    def _end_hold(self) -> None:
        if self._hold_end is not None:
            self._hold_end.cancel()
            self._hold_end = None

    def _held_too_long(self) -> None:
        self._end_hold()
        if not any(feed.has_held for feed in self.feeds.values()):  # most likely the link is dead
            self._limit_hold()
            return
        waiting = self._due.keys() & self._current - self._again
        late = [
            channel for channel in self._due if channel in waiting and self.feeds[channel].since is not None
        ]
        self._release(self.feeds.values())
        if late:
            self._registry.events.report(
                DeribitError(f"not yet read what was missed of {', '.join(late)}: it comes out of order")
            )

    def _release(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            self._held.pop(feed.channel, None)
            for message in feed.release():
                self._handing.hand_over(feed, message)
        if not any(feed.is_holding for feed in self.feeds.values()):
            self._end_hold()

    def _caught_up(self, consumer: Hashable) -> bool:
        owing = [feed for feed in self.feeds.values() if consumer in feed.creditors]
        for feed in owing:
            if feed.channel in self._current:  # else it is read for when it is
                self._fall_due(feed)
        self.news.set()
        return bool(owing)
