"""Queues between the reader and slow consumers: bounded, and clear about what happens when full.

Knows: the overflow policies and how much is waiting. Must not know: channels' meaning, tasks, who
reads. Plain data structures; nothing here awaits. `consumers` puts one before each coroutine
function and each stream.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")
_Item = tuple[int, str, int, T]  # its place among all that was put, channel, size, item
_NEVER = float("inf")

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


# The path of every message: an enum's members are looked up slowly.
_LATEST, _DROP_OLDEST, _FINE, _FULL = Overflow.LATEST, Overflow.DROP_OLDEST, Verdict.FINE, Verdict.FULL


class BoundedQueue(Generic[T]):
    """A FIFO of items with their channel and size, which may come under different policies.

    Nothing overtakes an item of the channel "" (a mark), and it never counts as too much. Else an item
    under LATEST takes the turn of the one it replaces, so that a busy channel is not put off for ever.

    Args:
        maxsize: items; KEEP and BLOCK may pass it, and LATEST by at most one of each channel.
        max_bytes: bytes as received; an empty queue takes an item of any size.
    """

    __slots__ = (
        "_bytes",
        "_droppable",
        "_fixed",
        "_mark",
        "_max_bytes",
        "_maxsize",
        "_newest",
        "_place",
        "_states",
        "count",
        "lost",
    )

    def __init__(self, maxsize: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._maxsize = maxsize
        self._max_bytes = max_bytes
        self._fixed: deque[_Item[T]] = deque()
        self._droppable: deque[_Item[T]] = deque()
        # Items under LATEST. Once the queue is full, all of them move to `_newest`, one per channel, and
        # later ones go there until it is empty again: each moves once, so that a put stays O(1).
        self._states: deque[_Item[T]] = deque()
        self._newest: OrderedDict[str, _Item[T]] = OrderedDict()
        self._place = 0  # of the last item put
        self._mark = 0  # the place of the last mark
        self.count = 0  # items waiting
        self._bytes = 0
        self.lost: dict[str, int] = {}  # channel → items dropped since it was last read

    def __len__(self) -> int:
        return self.count

    @property
    def bytes(self) -> int:
        """Bytes waiting, as received."""
        return self._bytes

    @property
    def has_room(self) -> bool:
        """True when it is at most half full, so that a reader does not stop and go at every item."""
        return self.count <= self._maxsize // 2 and self._bytes <= self._max_bytes // 2

    def put(self, channel: str, size: int, item: T, policy: Overflow) -> Verdict:
        """Add an item under `policy`, and say what that asks of the owner."""
        self._place = place = self._place + 1
        count, waiting = self.count + 1, self._bytes + size
        verdict = _FINE
        if (count > self._maxsize or waiting > self._max_bytes) and channel:
            verdict = self._make_room(channel, size, policy)
            if verdict is _FULL:
                return verdict
            count, waiting = self.count + 1, self._bytes + size
        if policy is _LATEST and self._newest:
            self._replace((place, channel, size, item))
            return verdict
        if policy is _LATEST:
            line = self._states
        else:
            line = self._droppable if policy is _DROP_OLDEST else self._fixed
        line.append((place, channel, size, item))
        self.count, self._bytes = count, waiting
        if not channel:
            self._mark = place
        return verdict

    def take(self) -> T:
        """Remove and give the oldest item; raise IndexError when there is none."""
        line, place = self._fixed, self._fixed[0][0] if self._fixed else _NEVER
        if self._droppable and self._droppable[0][0] < place:
            line, place = self._droppable, self._droppable[0][0]
        if self._states and self._states[0][0] < place:
            line, place = self._states, self._states[0][0]
        if self._newest and next(iter(self._newest.values()))[0] < place:
            entry = self._newest.popitem(last=False)[1]
        else:
            entry = line.popleft()
        self.count -= 1
        self._bytes -= entry[2]
        return entry[3]

    def take_lost(self) -> Iterable[tuple[str, int]]:
        """Give and forget how many items of each channel were dropped."""
        if not self.lost:
            return ()
        lost, self.lost = self.lost, {}
        return lost.items()

    def clear(self) -> None:
        """Drop everything."""
        for line in (self._fixed, self._droppable, self._states, self._newest):
            line.clear()
        self.count = self._bytes = 0

    def _fits(self, size: int, policy: Overflow) -> bool:
        fits_bytes = self._bytes + size <= self._max_bytes or not self.count
        return fits_bytes and (policy is Overflow.KEEP or self.count < self._maxsize)

    def _make_room(self, channel: str, size: int, policy: Overflow) -> Verdict:
        """Let go what may go: states that were replaced first, then the oldest events."""
        if self._fits(size, policy):
            return Verdict.FINE
        self._conflate()
        if policy is Overflow.LATEST:
            return Verdict.FINE
        verdict = Verdict.FINE
        while self._droppable and not self._fits(size, policy):
            _, gone, gone_size, _ = self._droppable.popleft()
            self.count -= 1
            self._bytes -= gone_size
            self._lose(gone)
            verdict = Verdict.LAGGED
        if policy is Overflow.DROP_OLDEST or self._fits(size, policy):
            return verdict
        if policy is Overflow.BLOCK:
            return Verdict.PAUSE
        self._lose(channel)
        return Verdict.FULL

    def _lose(self, channel: str) -> None:
        self.lost[channel] = self.lost.get(channel, 0) + 1

    def _conflate(self) -> None:
        while self._states:
            entry = self._states.popleft()
            self.count -= 1
            self._bytes -= entry[2]
            self._replace(entry)

    def _replace(self, entry: _Item[T]) -> None:
        place, channel, size, item = entry
        old = self._newest.get(channel)
        if old is not None:
            self.count -= 1
            self._bytes -= old[2]
            if old[0] > self._mark:
                place = old[0]
            else:
                del self._newest[channel]  # a mark came between: the new one stays behind it
        self._newest[channel] = (place, channel, size, item)
        self.count += 1
        self._bytes += size
