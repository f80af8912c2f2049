"""When what was recorded is due again.

Knows: the loop's clock, recorded times, a speed. Must not know: what is due. `replay` keeps it.
"""

import asyncio

SHORTEST_SLEEP = 0.001  # seconds; below it a sleep takes longer than it should


class Pace:
    """Lets time pass as it was recorded, `speed` times as fast. Make it on the running loop."""

    def __init__(self, speed: float) -> None:
        self._ns_a_second = 1e9 * speed
        self._loop = asyncio.get_running_loop()
        self._began: float | None = None
        self._first = self._last = 0

    async def wait(self, t: int) -> None:
        """Wait until `t`, in recorded ns, is due; the first one is at once."""
        now = self._loop.time()
        if self._began is None or t < self._last:  # the clock was set back while it was recorded
            self._began, self._first = now, t
        self._last = t
        ahead = self._began + (t - self._first) / self._ns_a_second - now
        if ahead > SHORTEST_SLEEP:
            await asyncio.sleep(ahead)
