"""The exchange's idea of the time, which may be off from this machine's.

Knows: a wall clock and an offset. Must not know: who asks, or timers (those are the event loop's).
All that the exchange writes or checks (timestamps, usIn, signatures, expiries of instruments) goes
by the clock; how long a token lives goes by the wall clock alone, as a duration has no offset.
"""

from collections.abc import Callable


class Clock:
    """Epoch seconds; `offset` is how many the exchange is ahead, and may change at any time."""

    __slots__ = ("offset", "wall")

    def __init__(self, wall: Callable[[], float], offset: float = 0.0) -> None:
        self.wall = wall
        self.offset = offset

    def __call__(self) -> float:
        """What the exchange takes the time to be."""
        return self.wall() + self.offset
