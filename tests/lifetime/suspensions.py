"""Running a coroutine while its suspensions are counted, so that something can befall it at any of them.

Knows the protocol of coroutines and asyncio's futures. Must not know what runs.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from enum import Enum
from typing import Any


class Moment(Enum):
    """When, of a suspension, the blow falls."""

    BEGUN = "begun"  # as the wait begins
    OVER = "over"  # when what is awaited is done, and the task not yet awake: its result is lost
    CLOCK = "clock"  # at a time of the loop's clock, whatever the task waits for


class Steps:
    """Counts the suspensions of one task, and strikes at the one it was told.

    Args:
        at: the suspension, counted from 1, or with CLOCK the milliseconds from now; 0 strikes never.
        moment: of it; a bare `sleep(0)` has nothing but its beginning.
        strike: what is to happen.
    """

    def __init__(self, at: int, moment: Moment, strike: Callable[[], object]) -> None:
        self.count = 0
        self.ended = False
        self.struck_at: float | None = None  # loop time
        self._at = at
        self._moment = moment
        self._strike = strike
        if moment is Moment.CLOCK:
            asyncio.get_running_loop().call_later(at / 1000, self._now)

    @types.coroutine
    def through(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Run `work` in the task that awaits this; give what it gives."""
        try:
            awaited = work.send(None)
            while True:
                self._suspended(awaited)
                try:
                    sent = yield awaited
                except BaseException as error:
                    awaited = work.throw(error)
                else:
                    awaited = work.send(sent)
        except StopIteration as end:
            return end.value
        finally:
            self.ended = True

    def _suspended(self, awaited: Any) -> None:
        self.count += 1
        if self.count != self._at or self._moment is Moment.CLOCK:
            return
        if self._moment is Moment.BEGUN or awaited is None:
            self._now()
            return
        awaited.add_done_callback(lambda _: self._now())  # runs before the task's own, which wakes it

    def _now(self) -> None:
        if self.struck_at is None and not self.ended:
            self.struck_at = asyncio.get_running_loop().time()
            self._strike()
