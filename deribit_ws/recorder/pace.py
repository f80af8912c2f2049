"""When what was recorded is due, and whether the client that it is played to keeps up.

Knows: recorded time, the loop's clock, how much waits in the client's queues. Must not know: files, frames,
links. `player` has one; its links ask it before each frame.
"""

import asyncio
import itertools
from collections.abc import Callable

_GRAIN_SECONDS = 0.001  # what is due within this is played at once: a shorter sleep costs more than it is
_TURN_SECONDS = 0.005  # what is played between two turns of the loop, as on a real link
_TURN_FRAMES = 64  # the same, so that no queue is much fuller than `_WAITING` when it is looked at
_WAITING = 64  # messages in the client's queues, below which more is played at the highest speed
_LOOK_AGAIN_SECONDS = 0.001  # more between each two later looks: whoever is slow waits for something itself
_LONGEST_LOOK = 0.05  # seconds between two looks at most
_STALLED_SECONDS = 5.0  # after this, queues that do not change are taken for ones that nobody reads
PATIENCE_SECONDS = 1.0  # for the client to do what the recorded one did; the same program takes a moment
_QUICK_LOOKS = 20  # turns of the loop, in which a program does all that takes no time
_UNREAD = 1024  # messages more that such queues take before they are looked at again: a queue's usual bound


class Pace:
    """The pace of one player; made on the running loop.

    Args:
        speed: recorded seconds in one of the loop's; infinite is as fast as the client takes it.
        depth: gives how many messages wait in the client's queues.

    Attributes:
        now_ns: when what is played just now was recorded, in ns since the epoch.
        is_patient: the client has kept step with the recorded one so far.
    """

    def __init__(self, speed: float, depth: Callable[[], int]) -> None:
        self._per_ns = 1e-9 / speed
        self._is_bounded = speed != float("inf")
        self._depth = depth
        self._clock = asyncio.get_running_loop().time
        self._since, self._origin, self._last = 0.0, 0, 0
        self._turn_ends, self._left = 0.0, 0
        self._unread = 0  # in queues that nobody seems to read
        self.is_patient = True
        self.now_ns = 0

    def begin(self, t: int) -> None:
        """Take it that what was recorded at `t` happens now."""
        self._since, self._origin, self._last = self._clock(), t, 0
        self.now_ns = t

    def must_wait(self, t: int) -> bool:
        """Tell whether to `wait` before what was recorded at `t` is played; asked once for each frame."""
        now = self._clock()
        self._left -= 1
        return self._left < 0 or now > self._turn_ends or self._due(t) > now + _GRAIN_SECONDS

    async def wait(self, t: int) -> None:
        """Wait until what was recorded at `t` is due, and the loop has had its turn."""
        await asyncio.sleep(max(0.0, self._due(t) - self._clock()))
        if not self._is_bounded:
            await self._room()
        self._turn_ends, self._left = self._clock() + _TURN_SECONDS, _TURN_FRAMES

    def _due(self, t: int) -> float:
        if t < self._last:  # the clock that recorded it was set back: what follows keeps its own distances
            self._since, self._origin = self._since + (self._last - self._origin) * self._per_ns, t
        self._last = t
        return self._since + (t - self._origin) * self._per_ns

    async def _room(self) -> None:
        """Wait until little waits in the client's queues, but for those that nobody reads."""
        depth = await self._drained(max(_WAITING, self._unread))
        self._unread = depth + _UNREAD if depth > _WAITING else 0

    async def await_client(self, has_done: Callable[[], bool]) -> None:
        """Wait until the client has done what the recorded one did; but only once in vain."""
        left, looks = PATIENCE_SECONDS, itertools.count()
        while self.is_patient and not has_done():
            asked, began = _until_next(next(looks)), self._clock()
            await asyncio.sleep(asked)
            # A machine that stood still meanwhile gave the client no chance: that is not counted.
            left -= min(self._clock() - began, asked + _TURN_SECONDS)
            self.is_patient = left > 0

    async def settled(self) -> None:
        """Wait until nothing waits in the client's queues, but for those that nobody reads."""
        await self._drained(0)

    async def _drained(self, most: int) -> int:
        """Wait until at most so many wait, or nothing changes any more; give how many wait."""
        depth, since, looks = self._depth(), self._clock(), _QUICK_LOOKS
        while depth > most and self._clock() - since < _STALLED_SECONDS:
            before = depth
            await asyncio.sleep(_until_next(looks))
            depth, looks = self._depth(), looks + 1
            if depth != before:
                since, looks = self._clock(), _QUICK_LOOKS
        return depth


def _until_next(looks: int) -> float:
    """Give the seconds until something is looked at again that has not changed in so many looks."""
    return 0.0 if looks < _QUICK_LOOKS else min(_LONGEST_LOOK, _LOOK_AGAIN_SECONDS * (looks - _QUICK_LOOKS))
