"""A link between two ends, and what is on its way between them.

Knows: the loop's clock, delays, how a link is cut. Must not know: what its ends are. `memory_link`
puts transports of its own there, `proxy` puts TCP connections; both are `LinkEnd`s.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from deribit_ws.testing.proxy_course import Course
from deribit_ws.testing.proxy_faults import Ending, Way

READ_SIZE = 256 * 1024  # bytes an end is given at once: what asyncio reads
CLOCK_GRAIN = 1e-6  # seconds: virtual clocks tick in microseconds, and round


class LinkEnd(Protocol):
    """Who sends in one direction and receives in the other."""

    def is_reading(self) -> bool:
        """Whether `hear` may be called now."""

    def hear(self, data: bytes) -> None:
        """Take data that has arrived."""

    def hear_end(self, ending: Ending) -> None:
        """Take the news that the link has ended."""

    def drained(self) -> None:
        """Some of what was sent has arrived, or never will."""


class Transit:
    """What is on its way in one direction, and when it arrives; order is kept.

    Attributes:
        size: bytes on their way.
        half_open: what is sent is lost, and nobody is told.
    """

    sender: LinkEnd
    receiver: LinkEnd

    def __init__(self, delay: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._queue: deque[tuple[float, bytes | Ending]] = deque()
        self._timer: asyncio.Handle | None = None
        self._held = False
        self._over = False  # nothing follows what is on its way
        self.size = 0
        self.half_open = False

    @property
    def arrived_reset(self) -> bool:
        """Whether a reset is here that the receiver, which reads nothing, has not noticed."""
        return bool(self._queue) and self._queue[-1][1] is Ending.RST and self._is_due(self._queue[-1][0])

    @property
    def unread(self) -> bool:
        """Whether data is here that the receiver has not read."""
        return any(isinstance(item, bytes) and self._is_due(due) for due, item in self._queue)

    def send(self, item: bytes | Ending) -> None:
        """Put bytes, or the end, behind what is on its way."""
        if self._over or item == b"":
            return
        self._over = isinstance(item, Ending)
        due = self._loop.time() + self._delay()
        self._queue.append((max(due, self._queue[-1][0]) if self._queue else due, item))
        self.size += len(item) if isinstance(item, bytes) else 0
        self.hurry()

    def lose(self, keep: int = 0) -> None:
        """Forget the bytes on their way, but for the first `keep`."""
        kept: deque[tuple[float, bytes | Ending]] = deque()
        left = keep
        for due, item in self._queue:
            if isinstance(item, Ending):
                kept.append((due, item))
            elif left:
                kept.append((due, item[:left]))
                left -= min(left, len(item))
        self._queue, self.size = kept, keep - left

    def die(self) -> None:
        """The receiver is gone: nothing arrives any more."""
        self._queue.clear()
        self.size = 0
        self._over = True
        self.sender.drained()

    def mute(self) -> None:
        """What is on its way arrives, and nothing after it; nobody is told."""
        self._over = self.half_open = True
        self.sender.drained()

    def unmute(self) -> None:
        """Let a half-open link at least end."""
        if self.half_open:
            self._over = self.half_open = False

    def hold(self, held: bool) -> None:
        """Stop, or go on."""
        self._held = held
        self.hurry()

    def hurry(self) -> None:
        """See to it that the next arrival is on the loop's list."""
        if self._timer is not None or not self._may_arrive():
            return
        due = self._queue[0][0]
        if self._is_due(due):
            self._timer = self._loop.call_soon(self._arrive)
        else:
            self._timer = self._loop.call_at(due, self._arrive)

    def _may_arrive(self) -> bool:
        return bool(self._queue) and not self._held and self.receiver.is_reading()

    def _is_due(self, due: float) -> bool:
        return due <= self._loop.time() + CLOCK_GRAIN

    def _arrive(self) -> None:
        self._timer = None
        if self._may_arrive() and self._is_due(self._queue[0][0]):  # may have been held or lost since
            item = self._queue[0][1]
            if isinstance(item, Ending):
                self._queue.popleft()
                self.receiver.hear_end(item)
            else:  # once a turn of the loop, as from a socket
                data = self._due_bytes()
                self.size -= len(data)
                self.receiver.hear(data)
        self.sender.drained()
        self.hurry()

    def _due_bytes(self) -> bytes:
        portions: list[bytes] = []
        size = 0
        while self._queue and self._is_due(self._queue[0][0]):
            item = self._queue[0][1]
            if isinstance(item, Ending) or (portions and size + len(item) > READ_SIZE):
                break
            self._queue.popleft()
            portions.append(item)
            size += len(item)
        return b"".join(portions)


class Link:
    """A connection of a client with a server.

    Args:
        number: 1 for the first of its network or proxy.
        course: says what passes.
        delay: gives the seconds that bytes sent now take in a direction.
        portion: gives how many of so many bytes on their way survive a cut.

    Attributes:
        open: False once both ends are gone.
    """

    def __init__(
        self, number: int, course: Course, *, delay: Callable[[Way], float], portion: Callable[[int], int]
    ) -> None:
        self.number = number
        self.course = course
        self._portion = portion
        self.transits = {way: Transit(partial(delay, way)) for way in Way}
        self._left: set[Way] = set()

    @property
    def open(self) -> bool:
        """False once both ends are gone."""
        return len(self._left) < len(Way)

    def join(self, client: LinkEnd, server: LinkEnd) -> None:
        """Say who is at the ends."""
        up, down = self.transits[Way.UP], self.transits[Way.DOWN]
        up.sender = down.receiver = client
        down.sender = up.receiver = server

    def carry(self, way: Way, data: bytes) -> bool:
        """Take data on its way; False when it can't even be written."""
        passed = self.course.feed(way, data)
        self.transits[way].send(passed.data)
        if passed.ending:
            self.transits[way.back].lose()
            self._end(passed.ending)
        return not passed.unsent

    def cut(self, how: Ending) -> None:
        """Cut it now; of what is on its way a part still arrives."""
        self.course.ended = True
        for transit in self.transits.values():
            transit.unmute()
            transit.lose(self._portion(transit.size))
        self._end(how)

    def leave(self, way: Way, how: Ending) -> None:
        """The end that sends in this direction is gone."""
        self._left.add(way)
        self.transits[way].send(self.course.flush(way))
        self.transits[way].send(how)
        self.transits[way.back].die()

    def _end(self, how: Ending) -> None:
        for transit in self.transits.values():
            if how is Ending.HALF_OPEN:
                transit.mute()
            else:
                transit.send(how)
