"""Recorded channels as streams, and what somebody who subscribes late gets first.

Knows: channels by name, the levels of a book. Must not know: records, when anything is said, links.
`playback` relays each recorded message through the hub here; sessions join and leave it as any other.
"""

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec

from deribit_ws.testing import frames
from deribit_ws.testing.feeds import StillFeed
from deribit_ws.testing.hub import PUBLIC, Hub, Subscriber
from deribit_ws.wire.channels import family_of
from deribit_ws.wire.market import BookChange

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_book_change = msgspec.json.Decoder(BookChange, strict=False).decode


class _Memory:
    """What a late subscriber of a channel gets first: here nothing."""

    def hear(self, data: bytes) -> None:
        """Remember a message."""

    def first(self) -> Any:
        """What comes first, None if nothing."""

    def forget(self) -> None:
        """Forget what was heard."""


class _Latest(_Memory):
    """Of a channel whose messages are whole states: the last one."""

    def __init__(self) -> None:
        self._data: bytes | None = None

    def hear(self, data: bytes) -> None:
        self._data = data

    def first(self) -> Any:
        return None if self._data is None else msgspec.Raw(self._data)

    def forget(self) -> None:
        self._data = None


class _Book(_Memory):
    """Of a book: a snapshot of all levels, which the next change continues."""

    def __init__(self) -> None:
        self._last: BookChange | None = None  # None: in doubt, until a snapshot
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}

    def hear(self, data: bytes) -> None:
        try:
            change = _book_change(data)
        except UNREADABLE:
            self._last = None
            return
        if change.is_snapshot:
            self._bids, self._asks = {}, {}
        elif self._last is None or change.prev_change_id != self._last.change_id:
            self._last = None
            return
        self._last = change
        for side, levels in ((self._bids, change.bids), (self._asks, change.asks)):
            for _, price, amount in levels:
                if amount:
                    side[price] = amount
                else:
                    side.pop(price, None)

    def first(self) -> Any:
        if self._last is None:
            return None
        bids, asks = sorted(self._bids.items(), reverse=True), sorted(self._asks.items())
        return {
            "timestamp": self._last.timestamp,
            "type": "snapshot",
            "change_id": self._last.change_id,
            "instrument_name": self._last.instrument_name,
            "bids": [("new", *level) for level in bids],
            "asks": [("new", *level) for level in asks],
        }

    def forget(self) -> None:
        self._last = None


def _memory(channel: str) -> _Memory:
    match channel.split("."):
        case ["book", _, _]:
            return _Book()
        case _:
            return _Latest() if family_of(channel).is_state else _Memory()


class _RecordedFeed(StillFeed):
    """A recorded channel: says nothing by itself."""

    def __init__(self, channel: str, memory: _Memory) -> None:
        self._memory = memory
        self.subjects = frozenset({channel})

    def first(self) -> Any:
        return self._memory.first()


class RecordedHub(Hub):
    """Streams of the channels that were recorded, and of no others.

    Attributes:
        channels: which these are.
        occupied, empty: set while somebody, or nobody, is subscribed.
    """

    channels: Collection[str] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._memories: dict[str, _Memory] = {}
        self.occupied = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    def relay(self, channel: str, data: bytes, frame: bytes) -> None:
        """Send a frame, as it is, to everybody subscribed."""
        self._remembered(channel).hear(data)
        for stream in self._by_subject.get(channel, ()):
            self._send(stream, frames.frame(frame), None)

    def forget(self) -> None:
        """Let what comes next begin anew, as on a new link."""
        for memory in self._memories.values():
            memory.forget()

    def join(self, subscriber: Subscriber, channel: str, *, user: int = PUBLIC, mute: bool = False) -> None:
        """Begin to send a channel to somebody."""
        super().join(subscriber, channel, user=user, mute=mute)
        self.empty.clear()
        self.occupied.set()

    def leave(self, subscriber: Subscriber, channel: str, *, user: int = PUBLIC) -> None:
        """Stop sending a channel to somebody."""
        super().leave(subscriber, channel, user=user)
        if not self._streams:
            self.occupied.clear()
            self.empty.set()

    def _feed(self, channel: str, user: int) -> _RecordedFeed | None:
        return _RecordedFeed(channel, self._remembered(channel)) if channel in self.channels else None

    def _remembered(self, channel: str) -> _Memory:
        memory = self._memories.get(channel)
        if memory is None:
            memory = self._memories[channel] = _memory(channel)
        return memory
