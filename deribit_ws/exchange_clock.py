"""The exchange's clock, reckoned here: its time of day carried on by a clock of ours that never steps.

Knows: one reading of the exchange's time, and how long ago it was. Must not know: who asked for it.
`auth` signs with it. Until there is a reading it tells this machine's time.
"""

from collections.abc import Callable


class ExchangeClock:
    """Tells the exchange's time.

    Args:
        wall: this machine's time of day, seconds since the epoch; it may be wrong and may step.
        ticks: seconds of a clock that never steps.
    """

    def __init__(self, wall: Callable[[], float], ticks: Callable[[], float]) -> None:
        self._wall = wall
        self.ticks = ticks
        self._read_ms: float | None = None
        self._read_at = 0.0

    def measured(self, exchange_ms: float, sent: float, received: float) -> None:
        """Take a reading: what the exchange answered to a question sent and answered at these ticks."""
        self._read_ms = exchange_ms
        self._read_at = (sent + received) / 2  # most likely when it looked at its clock

    def now_ms(self) -> int:
        """Give the exchange's time, ms since the epoch."""
        if self._read_ms is None:
            return round(self._wall() * 1000)
        return round(self._read_ms + (self.ticks() - self._read_at) * 1000)

    @property
    def offset(self) -> float | None:
        """Give by how many seconds the exchange is ahead of this machine; None before the first reading."""
        return None if self._read_ms is None else self.now_ms() / 1000 - self._wall()
