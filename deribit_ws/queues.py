"""Queues between the reader and slow consumers: bounded, and clear about what happens when full.

Knows: the overflow policies and how much is waiting. Must not know: channels' meaning, tasks, who
reads. Plain data structures; nothing here awaits. `consumers` puts one before each coroutine
function and each stream.
"""

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ITEMS = 1024  # per consumer: some seconds of a busy channel
MAX_BYTES = 8 * 1024 * 1024  # per consumer, counted as received


class Overflow(Enum):
    """What happens when a consumer's queue is full."""

    LATEST = "latest"  # only the newest of each channel is kept until the consumer catches up
    DROP_OLDEST = "drop_oldest"  # the oldest go, and `Lagged` says how many
    KEEP = "keep"  # nothing goes: only the bytes are bounded; beyond them the link is replaced
    FAIL = "fail"  # the consumer ends with `SlowConsumer`
    BLOCK = "block"  # reading stops for a while; beyond it the link is replaced


class Verdict(Enum):
    """What a full queue asks of its owner."""

    FINE = "fine"
    LAGGED = "lagged"  # `lost` has grown
    FULL = "full"  # not taken: the policy is to fail, or to keep and nothing more fits
    PAUSE = "pause"  # taken, but reading should stop until `has_room`


class BoundedQueue(Generic[T]):
    """A FIFO of items with their channel and size.

    Args:
        maxsize: items; a single item over the byte bound is still taken by an empty queue.
        max_bytes: bytes as received.
    """

    __slots__ = ("_bytes", "_items", "_max_bytes", "_maxsize", "_newest", "_newest_next", "lost")

    def __init__(self, maxsize: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._maxsize = maxsize
        self._max_bytes = max_bytes
        self._items: deque[tuple[str, int, T, Overflow]] = deque()
        # Once full, items under LATEST stand here, one per channel, until the queue is empty again.
        self._newest: dict[str, tuple[int, T]] = {}
        self._newest_next = False
        self._bytes = 0
        self.lost: dict[str, int] = {}  # channel → items dropped since it was last read

    def __len__(self) -> int:
        return len(self._items) + len(self._newest)

    @property
    def bytes(self) -> int:
        """Bytes waiting, as received."""
        return self._bytes

    @property
    def has_room(self) -> bool:
        """True when it is at most half full, so that a reader does not stop and go at every item."""
        return len(self) <= self._maxsize // 2 and self._bytes <= self._max_bytes // 2

    def put(self, channel: str, size: int, item: T, policy: Overflow) -> Verdict:
        """Add an item under `policy`, and say what that asks of the owner."""
        if not self._items and not self._newest:
            return self._append(channel, size, item, policy)
        if self._newest and policy is Overflow.LATEST:
            return self._replace(channel, size, item)
        if self._fits(size, policy):
            return self._append(channel, size, item, policy)
        match policy:
            case Overflow.LATEST:
                self._conflate()
                return self._replace(channel, size, item)
            case Overflow.DROP_OLDEST:
                return self._push_out(channel, size, item, policy)
            case Overflow.BLOCK:
                self._append(channel, size, item, policy)
                return Verdict.PAUSE
            case Overflow.KEEP | Overflow.FAIL:
                self.lost[channel] = self.lost.get(channel, 0) + 1
                return Verdict.FULL

    def take(self) -> T:
        """Remove and give the oldest item; raise IndexError when there is none."""
        # In turns, where both hold something: a busy channel must not starve the conflated ones.
        self._newest_next = bool(self._newest) and not (self._newest_next and self._items)
        if self._newest_next:
            size, item = self._newest.pop(next(iter(self._newest)))
        else:
            _, size, item, _ = self._items.popleft()
        self._bytes -= size
        return item

    def take_lost(self) -> Iterator[tuple[str, int]]:
        """Give and forget how many items of each channel were dropped."""
        lost, self.lost = self.lost, {}
        yield from lost.items()

    def clear(self) -> None:
        """Drop everything."""
        self._items.clear()
        self._newest.clear()
        self._bytes = 0

    def _fits(self, size: int, policy: Overflow) -> bool:
        fits_bytes = self._bytes + size <= self._max_bytes
        return fits_bytes and (policy is Overflow.KEEP or len(self) < self._maxsize)

    def _append(self, channel: str, size: int, item: T, policy: Overflow) -> Verdict:
        self._items.append((channel, size, item, policy))
        self._bytes += size
        return Verdict.FINE

    def _push_out(self, channel: str, size: int, item: T, policy: Overflow) -> Verdict:
        while not self._fits(size, policy):
            # Only what may be dropped: a queue can serve channels of several policies.
            at = next((n for n, old in enumerate(self._items) if old[3] is policy), None)
            if at is None:
                break
            gone, gone_size, _, _ = self._items[at]
            del self._items[at]
            self._bytes -= gone_size
            self.lost[gone] = self.lost.get(gone, 0) + 1
        self._append(channel, size, item, policy)
        return Verdict.LAGGED

    def _conflate(self) -> None:
        items, self._items = self._items, deque()
        for entry in items:
            channel, size, item, policy = entry
            if policy is Overflow.LATEST:
                self._bytes -= size
                self._replace(channel, size, item)
            else:
                self._items.append(entry)

    def _replace(self, channel: str, size: int, item: T) -> Verdict:
        old = self._newest.get(channel)
        self._bytes += size - (old[0] if old is not None else 0)
        self._newest[channel] = (size, item)
        return Verdict.FINE
