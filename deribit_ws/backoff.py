"""How long to wait before the next dial: a count of steps, and the wait each step stands for.

Knows: steps, seconds, chance. Must not know: clocks, sockets or why a link ended. Failures add
steps and healthy seconds take them back, so a server that accepts and then closes is dialled ever
more slowly, while a rare drop costs next to nothing. `reconnect` owns one per client.
"""

from collections.abc import Callable

FIRST_WAIT = 0.25  # seconds: the first wait is spread over this, so a herd of clients does not dial as one
FORGIVEN_AFTER = 30.0  # seconds of healthy life that take every step back
_MANY_STEPS = 60  # beyond it 2**step only makes large numbers; the longest wait is reached long before


class Backoff:
    """The waits between dials.

    Args:
        longest: seconds; no wait from here exceeds it (a `floor` may).
        random: gives a float in [0, 1), as `random.random`.
    """

    __slots__ = ("_longest", "_random", "steps")

    def __init__(self, longest: float, random: Callable[[], float]) -> None:
        self._longest = longest
        self._random = random
        self.steps = 0

    def failed(self, healthy: float = 0.0) -> None:
        """Count a failed dial or a lost link that had been healthy for `healthy` seconds."""
        forgiven = self.steps if healthy >= FORGIVEN_AFTER else int(healthy)
        self.steps = max(0, self.steps - forgiven) + 1

    def wait(self, floor: float = 0.0) -> float:
        """Give the seconds to wait before the next dial, at least `floor`; 0 when nothing has failed."""
        if self.steps == 0:
            return floor
        if self.steps == 1:
            return max(floor, self._random() * min(self._longest, FIRST_WAIT))
        ceiling = min(self._longest, FIRST_WAIT * 2.0 ** min(self.steps - 1, _MANY_STEPS))
        return max(floor, ceiling * (0.5 + self._random() / 2))
