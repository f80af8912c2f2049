"""Heartbeats and the idle cut of one connection.

Knows: Deribit's timing of heartbeat, test_request and the closes that follow. Must not know:
sockets or methods. `session` owns one, tells it what it saw and is told what to do. Source: timings
measured on production; with interval n the first test_request comes at 1.2 n, the others each
n + 0.6 s, an unanswered one closes the socket n seconds later.
"""

import asyncio
from collections.abc import Callable

from deribit_ws.testing.faults import Drop

FIRST_BEAT = 1.2  # times the interval
BEAT_DELAY = 0.6  # seconds on top of the interval
IDLE_CUT = 60.5  # seconds without a request or a subscription
HEARTBEAT = b'{"params":{"type":"heartbeat"},"method":"heartbeat","jsonrpc":"2.0"}'
TEST_REQUEST = b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}'
UNANSWERED = Drop.close(4000, "heartbeat close")


class Pulse:
    """The timers of one connection; `scale` multiplies every time, so that tests can be quick.

    `say` sends a message, `idle` tells whether nothing is subscribed, `end` drops the connection.
    """

    def __init__(
        self,
        *,
        scale: float,
        say: Callable[[bytes], object],
        idle: Callable[[], bool],
        end: Callable[[Drop], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._scale = scale
        self._say = say
        self._idle = idle
        self._end = end
        self._interval: float | None = None
        self._data_flowed = False
        self._beat: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._cut = self._arm_cut()

    def start(self, interval: float) -> None:
        """Beat every `interval` seconds from now on."""
        self.disable()
        self._interval = interval
        self._beat = self._later(interval * FIRST_BEAT, self._strike)

    def disable(self) -> None:
        """Beat no more."""
        for handle in (self._beat, self._deadline):
            if handle:
                handle.cancel()
        self._interval = self._beat = self._deadline = None

    def heard(self) -> None:
        """The client sent something."""
        self._cut.cancel()
        self._cut = self._arm_cut()

    def tested(self) -> None:
        """The client called public/test: the answer to a test_request."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def sent(self) -> None:
        """Data went out: the next beat needs no heartbeat message beside its test_request."""
        self._data_flowed = True

    def stop(self) -> None:
        """Cancel all timers."""
        self.disable()
        self._cut.cancel()

    def _strike(self) -> None:
        assert self._interval is not None, "a beat is only ever due while there is an interval"
        if not self._data_flowed:
            self._say(HEARTBEAT)
        self._data_flowed = False
        self._say(TEST_REQUEST)
        if self._deadline is None:
            self._deadline = self._later(self._interval, self._give_up)
        self._beat = self._later(self._interval + BEAT_DELAY, self._strike)

    def _give_up(self) -> None:
        self._deadline = None
        self._end(UNANSWERED)

    def _arm_cut(self) -> asyncio.TimerHandle:
        return self._later(IDLE_CUT, self._check_idle)

    def _check_idle(self) -> None:
        self._cut = self._arm_cut()
        if self._idle():
            self._end(Drop.fin())

    def _later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(seconds * self._scale, action)
