"""The monitor: listens to some channels and to what happens, and gives snapshots of it all.

Knows: the client's public face, and the watch on each channel. Must not know: how a snapshot is shown, what a
terminal is. `cli` runs its parts side by side; all is on one loop, but `latest` may be read by any thread.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from deribit_ws.books import LiveBook
from deribit_ws.channels.names import Interval
from deribit_ws.client import Client
from deribit_ws.client.lifecycle import State
from deribit_ws.client.stats import ClientStats
from deribit_ws.errors import CallTimeout, SubscriptionRejected
from deribit_ws.handlers import Handler
from deribit_ws.marks import Connected, Disconnected, Stale
from deribit_ws.monitor.gist import middle
from deribit_ws.monitor.snapshot import Chart, Health, Ladder, Row, Snapshot
from deribit_ws.monitor.watch import Rate, Watch

REFRESH_SECONDS = 0.25  # between two snapshots: sooner than that no eye follows
DEPTH = 50  # levels of each side of a book in a snapshot: few terminals show more
NOTES = 3  # the latest words on what happened

Tell = Callable[[str, dict[str, Any]], None]  # an event's name, and what there is to say of it


class Monitor(Handler):
    """Watches some channels of a client, which must not have been entered yet.

    Args:
        client: entered and closed by the first of the parts.
        channels: names, each once.
        tell: told what happens, with "at" in seconds since the beginning.
        clock: seconds of a clock that never steps.
        wall: the time of day, ns since the epoch.
    """

    def __init__(
        self,
        client: Client,
        channels: Sequence[str],
        tell: Tell = lambda event, more: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._tell = tell
        self._clock = clock
        self._wall = wall
        self._started = clock()
        self._connected_at: float | None = None
        self._watches = {channel: Watch(channel, clock, self._missed) for channel in channels}
        self._books: dict[str, LiveBook] = {}
        self._rate = Rate()
        self._refusal: asyncio.Future[SubscriptionRejected] = asyncio.get_running_loop().create_future()
        self.notes: deque[str] = deque(maxlen=NOTES)
        client.add_handler(self)
        for watch in self._watches.values():
            if watch.book is None:
                client.register(watch.channel, watch.receive_trades if watch.is_trades else watch.receive)
        self.latest = self._look()

    def parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run side by side, as tasks started in this order, until the first ends."""
        yield self._keep()
        yield self._refresh()
        for watch in self._watches.values():
            if watch.book is not None:
                yield self._follow(watch, *watch.book)

    async def wait_refused(self) -> SubscriptionRejected:
        """Wait until the exchange has refused every channel; give what it said last."""
        error = await asyncio.shield(self._refusal)
        self.latest = self._look()
        return error

    def tell(self, event: str, **more: Any) -> None:
        """Say what happened, with the time it did."""
        self._tell(event, {"at": round(self._clock() - self._started, 3), **more})

    # --- the parts

    async def _keep(self) -> None:
        try:
            async with self._client:
                await self._client.wait_closed()
        except Exception:  # the last look is from before it failed
            self.latest = self._look()
            raise

    async def _refresh(self) -> None:
        while True:
            self.latest = self._look()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _follow(self, watch: Watch, instrument: str, interval: Interval) -> None:
        """Hold a live book open; what it takes to keep it right is the client's business."""
        await self._client.wait_connected()
        # In one go with entering: a book that was subscribed before would have to be asked for anew.
        self._client.register(watch.channel, watch.receive)
        while self._client.state is not State.CLOSED:
            try:
                async with self._client.order_book(instrument, interval=interval) as book:
                    self._books[watch.channel] = book
                    await self._client.wait_closed()
            except CallTimeout:
                continue  # no link for so long: it is asked for again
            except SubscriptionRejected:  # told to `on_error`, too, since the callback's channel is refused
                await self._client.wait_closed()

    # --- what happens

    def on_connected(self, event: Connected) -> None:
        """A link is up."""
        self._connected_at = self._clock()
        # Not the event's: on the first link a book is subscribed later, once it can be entered.
        channels = sum(not _is_refused(watch) for watch in self._watches.values())
        self.tell("connected", link=event.connection, channels=channels)

    def on_disconnected(self, event: Disconnected) -> None:
        """The link is gone."""
        self.tell("disconnected", code=event.code, reason=event.reason, lived_s=round(event.lived, 2))

    def on_stale(self, event: Stale) -> None:
        """A channel is silent that should speak."""
        if (watch := self._watches.get(event.channel)) is not None:
            watch.stale_at = self._clock()
            self._note(f"{event.channel} is silent")
            self.tell("stale", channel=event.channel, silent_s=round(event.seconds, 1))

    def on_error(self, error: Exception) -> None:
        """Channels may have been refused; everything else is logged, and counted by the client."""
        if not isinstance(error, SubscriptionRejected):
            return
        for watch in filter(None, map(self._watches.get, error.channels)):
            watch.refused_at = self._clock()
        self._note(str(error))
        self.tell("refused", channels=list(error.channels), error=str(error.__cause__ or ""))
        if not self._refusal.done() and all(map(_is_refused, self._watches.values())):
            self._refusal.set_result(error)

    def _missed(self, instrument: str, trades: int) -> None:
        self._note(f"{instrument}: {trades:,} trades did not come")
        self.tell("gap", instrument=instrument, trades=trades)

    def _note(self, text: str) -> None:
        self.notes.append(f"{time.strftime('%H:%M:%S')} {text}")

    # --- what is to be seen

    def _look(self) -> Snapshot:
        now, wall, stats = self._clock(), self._wall(), self._client.stats
        is_up = stats.state is State.CONNECTED
        rows = [self._row(watch, now, wall / 1e9, stats) for watch in self._watches.values()]
        for watch, row in zip(self._watches.values(), rows, strict=True):
            watch.keep(now, row.price if is_up else None)
        return Snapshot(
            url=self._client.url.rpartition("@")[2],  # without a password
            time=wall,
            elapsed=now - self._started,
            stats=stats,
            rate=self._rate.of(now, sum(watch.messages for watch in self._watches.values())),
            rows=tuple(rows),
            ladders=tuple(self._ladders(is_up=is_up)),
            charts=tuple(self._charts()),
            notes=tuple(self.notes),
        )

    def _row(self, watch: Watch, now: float, wall: float, stats: ClientStats) -> Row:
        watch.read(wall)
        book = self._books.get(watch.channel)
        lag = watch.lag
        return Row(
            channel=watch.channel,
            health=self._health(watch, is_up=stats.state is State.CONNECTED),
            messages=watch.messages,
            rate=watch.rate.of(now, watch.messages),
            age=None if watch.heard is None else now - watch.heard,
            lag=None if lag is None else lag + (stats.clock_offset or 0.0),
            gaps=book.gaps if book is not None else watch.gaps if watch.is_trades else None,
            price=middle(book.bids[:1], book.asks[:1]) if book is not None else watch.gist.price,
        )

    def _health(self, watch: Watch, *, is_up: bool) -> Health:
        if _is_refused(watch):
            return Health.REFUSED
        if not is_up:
            return Health.DOWN
        if watch.channel in self._books and not self._books[watch.channel].valid:
            return Health.INVALID
        if watch.stale_at is not None and not watch.spoke_since(watch.stale_at):
            return Health.STALE
        return Health.OK if watch.spoke_since(self._connected_at) else Health.QUIET

    def _charts(self) -> Iterator[Chart]:
        """Books last: their ladders say it already."""
        for watch in sorted(self._watches.values(), key=lambda watch: watch.book is not None):
            if any(point is not None for point in watch.points):
                yield Chart(watch.channel, tuple(watch.points))

    def _ladders(self, *, is_up: bool) -> Iterator[Ladder]:
        for watch in self._watches.values():
            book, gist = self._books.get(watch.channel), watch.gist
            if _is_refused(watch):
                continue
            if book is not None:
                yield Ladder(watch.channel, book.valid, tuple(book.bids[:DEPTH]), tuple(book.asks[:DEPTH]))
            elif watch.is_grouped and is_up and watch.spoke_since(self._connected_at):
                yield Ladder(watch.channel, True, gist.bids[:DEPTH], gist.asks[:DEPTH])
            elif watch.book is not None or watch.is_grouped:
                yield Ladder(watch.channel, False, (), ())


def _is_refused(watch: Watch) -> bool:
    return watch.refused_at is not None and not watch.spoke_since(watch.refused_at)
