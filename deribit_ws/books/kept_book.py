"""One channel's book: fed by the reader, shared by all who read it, and what it needs to be right again.

Knows: the book, its readers, since when it waits for a snapshot and how often in vain. Must not know:
subscriptions, tasks, the link. The router feeds it; `books` asks what is due and acts on it.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Protocol

from deribit_ws.errors import BookGap, UsageError
from deribit_ws.orderbook import OrderBook
from deribit_ws.router import Form, Receive
from deribit_ws.wire.channels import Family
from deribit_ws.wire.market import BookChange

GATHER_SECONDS = 0.05  # before a snapshot is asked for: a storm's gaps are known by then, and share calls
# Before the next, when it did not hold: what one call costs is refilled in 0.3 s, then less and less often.
AGAIN_SECONDS = (GATHER_SECONDS, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
SOUND_SECONDS = 10.0  # a book that was right for so long had its trouble behind it
SNAPSHOT_SECONDS = 5.0  # real ones of 131 books came within 0.6 s
ANSWER_SECONDS = 1.0  # between two looks whether the exchange has confirmed the channel at last


class Need(Enum):
    """What a book needs; looked at when it is `due`, which is never while there is no link."""

    NOTHING = "nothing"  # it is valid
    RESYNC = "resync"  # a new snapshot is to be asked for
    SNAPSHOT = "snapshot"  # one is on its way; when due it has not come
    ANSWER = "answer"  # the exchange's word on the channel


_NOTHING = Need.NOTHING  # a global is found faster than a member of an enum


class Reader(Protocol):
    """Who reads a kept book."""

    def changed(self) -> None:
        """The book is another one now; its validity counts too."""


class KeptBook:
    """The book of one channel.

    Args:
        channel: its name, e.g. book.BTC-PERPETUAL.100ms.
        instrument: of the channel.
        needs: told when `due` has moved to an earlier time.
    """

    form = Form.TYPED

    def __init__(self, channel: str, instrument: str, needs: Callable[[], None]) -> None:
        self.channel = channel
        self.book = OrderBook(instrument)
        self.readers: dict[Reader, float | None] = {}  # and the seconds between the audits each wants
        self.need = Need.SNAPSHOT
        self.due = inf  # on the loop's clock
        self.why = ""  # it was doubted last
        self.gaps = 0  # doubts of any kind, drops left out
        self.resyncs = 0  # snapshots asked for anew
        self.missed = 0  # snapshots awaited in vain, in a row
        self.is_begun = False  # subscribed since a snapshot was last asked for: one comes before all changes
        self.relapses = 0  # doubts in a row without a sound time between them
        self.has_cost_a_link = False  # replaced for its sake, and no snapshot came since
        self.record: list[BookChange] | None = None  # what was applied since an audit began
        self.audits = 0
        self.audit_due = inf
        self._needs = needs
        self._valid_since = -inf
        self._loop = asyncio.get_running_loop()

    @property
    def audit_seconds(self) -> float:
        """How often it is to be audited; inf for never."""
        return min((seconds for seconds in self.readers.values() if seconds is not None), default=inf)

    # --- fed by the router

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what takes each message of the channel."""
        return self._receive

    def end(self) -> None:
        """The channel is let go."""
        self.forget()

    def _receive(self, change: BookChange, _: int) -> None:
        book = self.book
        try:
            if not book.apply(change):
                if self.is_begun and self.need is Need.SNAPSHOT:
                    self._passed_over()
                return
        except (BookGap, UsageError) as error:
            self.doubt(str(error))
            return
        if self.need is not _NOTHING:
            self._recovered()
        if self.record is not None:
            self.record.append(change)
        for reader in self.readers:
            reader.changed()

    # --- whether it is right

    def doubt(self, why: str) -> None:
        """Something may be missing: not valid from here on, and a new snapshot is wanted."""
        if self.need is Need.RESYNC:
            return  # it is asked for soon
        if self.need is _NOTHING and self._loop.time() - self._valid_since >= SOUND_SECONDS:
            self.relapses = 0
        self.gaps += 1
        self.why = why
        self.relapses += 1
        self._invalidate(Need.RESYNC, AGAIN_SECONDS[min(self.relapses, len(AGAIN_SECONDS)) - 1])

    def lapse(self) -> None:
        """The channel is subscribed no more; unless we asked for that, and wait for a snapshot, say so."""
        if self.need is _NOTHING:
            self._invalidate(Need.ANSWER, ANSWER_SECONDS)

    def _passed_over(self) -> None:
        """A change came where the snapshot should have stood: it was lost, and is asked for again soon."""
        self.is_begun = False
        self.why = "changes, and no snapshot before them"
        self.await_in(Need.SNAPSHOT, AGAIN_SECONDS[min(self.missed, len(AGAIN_SECONDS) - 1)])

    def forget(self) -> None:
        """The link is gone, and with it what was to be had from it."""
        self.missed = 0
        self.is_begun = False
        self._invalidate(Need.SNAPSHOT, inf)

    def await_in(self, need: Need, seconds: float) -> None:
        """Need something, and be looked at in so many seconds."""
        self.need = need
        self.due = self._loop.time() + seconds
        self._needs()

    def _invalidate(self, need: Need, seconds: float) -> None:
        self.await_in(need, seconds)
        self.record = None
        self.book.invalidate()
        for reader in self.readers:
            reader.changed()

    def _recovered(self) -> None:
        self.need, self.due = _NOTHING, inf
        self._valid_since = self._loop.time()
        self.missed = 0
        self.has_cost_a_link = False
