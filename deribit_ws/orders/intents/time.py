"""The exchange's time, asked for when it is needed: until when an order is valid, and when that is over.

Knows: `public/get_time`, and how old a reading is. Must not know: orders, or this machine's time of day.
`intents` sets deadlines by it, `doubts` waits until they have passed.

Two questions, two answers. A deadline is set by the likeliest time. That it has passed is proved by the
least time: an answer says what the exchange's clock showed before it was sent, so that the time since it
was received can be added whatever the round trip was.
"""

import asyncio

from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.methods.calls import TypedCall
from deribit_ws.orders.intents.reads import Reads

_KEPT_SECONDS = 300.0  # a clock 100 ppm off has moved 30 ms by then: nothing beside the margin below
_SHARED_SECONDS = 1.0  # a reading this young serves whoever else is in doubt
_PROMPT_SECONDS = 1.0  # a round trip; half of it is what the likeliest time may be off by
_PROMPT_TRIES = 3
_MARGIN_MS = 1_000  # the matching engine's clock and the one that answers may differ


class ExchangeTime:
    """Tells the exchange's time, asking for it where the last reading is too old.

    Args:
        ask: makes calls.
        reads: makes those that must not fail.
        clock: takes the readings, and carries them on.
    """

    def __init__(self, ask: TypedCall, reads: Reads, clock: ExchangeClock) -> None:
        self._ask = ask
        self._reads = reads
        self._clock = clock
        self._read_ms = 0.0
        self._received = -float("inf")  # by the clock's ticks
        self._is_doubted = False
        self._one_asks = asyncio.Lock()

    @property
    def ticks(self) -> float:
        """Seconds of a clock that never steps."""
        return self._clock.ticks()

    @property
    def now_ms(self) -> int:
        """The exchange's time, ms since the epoch, as likely as can be told."""
        return self._clock.now_ms()

    @property
    def least_ms(self) -> float:
        """The exchange's time, ms since the epoch, at the least: on any of its clocks it is later."""
        return self._least_ms() - _MARGIN_MS

    async def now(self, timeout: float | None) -> int:
        """Give the exchange's time, ms since the epoch; raises what `public/get_time` does."""
        if self._age > _KEPT_SECONDS:
            async with self._one_asks:
                if self._age > _KEPT_SECONDS:
                    await self._measure_promptly(timeout)
        return self.now_ms

    def doubt(self) -> None:
        """Have it asked again at the next need: the exchange found that the last reading is off."""
        self._is_doubted = True

    async def then_ms(self, ticks: float) -> float:
        """Give the exchange's time when the clock's ticks were at a number; raises as `wait_past`."""
        if self._age > _KEPT_SECONDS:
            await self._reads.answer(lambda: self._measure(None))
        return self.now_ms - (self.ticks - ticks) * 1000

    async def wait_past(self, moment_ms: float) -> None:
        """Wait until the exchange's clock is surely past a moment, ms since the epoch, and a second more.

        Raises:
            Unanswerable: the client is closed.
        """
        async with self._one_asks:
            if self._age > _SHARED_SECONDS and self._least_ms() <= moment_ms + _MARGIN_MS:
                await self._reads.answer(lambda: self._measure(None))
        # A machine that sleeps meanwhile stops its ticks and waits longer, never less.
        await self._reads.pause(max(0.0, moment_ms + _MARGIN_MS - self._least_ms()) / 1000)

    @property
    def _age(self) -> float:
        return float("inf") if self._is_doubted else self.ticks - self._received

    def _least_ms(self) -> float:
        return self._read_ms + (self.ticks - self._received) * 1000 if self._read_ms else 0.0

    async def _measure_promptly(self, timeout: float | None) -> None:
        """Measure; again where the question waited for a link or for credits, which puts the middle off."""
        for _ in range(_PROMPT_TRIES):
            began = self.ticks
            await self._measure(timeout)
            if self.ticks - began <= _PROMPT_SECONDS:
                return

    async def _measure(self, timeout: float | None) -> None:
        sent = self.ticks
        answer: int = await self._ask("public/get_time", {}, int, timeout)
        self._read_ms, self._received, self._is_doubted = answer, self.ticks, False
        self._clock.measured(answer, sent, self._received)
