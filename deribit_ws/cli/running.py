"""Running a command on an event loop until it is done, or until a signal ends it, soon and surely.

Knows: SIGINT, SIGTERM, exit statuses. Must not know: what runs. `command` is the only caller.
`client.run()` has the like in `signals`, but can't tell which signal came, and waits for look-ups
of names, whose threads nobody can cancel.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any

BY_SIGNAL = 128  # a shell reports 128 + the signal's number, and so do we: 130 and 143
STOP_SECONDS = 1.8  # for closing sockets and last words; then the process ends whatever it does


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run `work` and give its status; a signal cancels it, and gives 128 + its number unless it failed."""
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.hear)
    try:
        return asyncio.run(stop.guard(work))
    finally:
        die_quietly(stop.last_word)


def die_quietly(disposition: signal.Handlers = signal.SIG_DFL) -> None:
    """Have signals end the process as they end a program that isn't Python: without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, disposition)


def backstop(seconds: float, status: int) -> threading.Timer:
    """End the process after so many seconds, whatever it is stuck in, unless cancelled before."""
    timer = threading.Timer(seconds, os._exit, [status])
    timer.daemon = True
    timer.start()
    return timer


class _Stop:
    """The first signal, and what it cancels.

    A handler of Python's own rather than the loop's: it also runs when the loop is blocked, say in a
    write to a terminal that was stopped with Ctrl-S.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[int] | None = None

    @property
    def last_word(self) -> signal.Handlers:
        """What a signal shall do from now on: once one was heard, no second may change the status."""
        return signal.SIG_DFL if self._number is None else signal.SIG_IGN

    def hear(self, number: int, _: FrameType | None) -> None:
        if self._number is not None:
            return
        self._number = number
        backstop(STOP_SECONDS, BY_SIGNAL + number)
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def guard(self, work: Coroutine[Any, Any, int]) -> int:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(work, name="deribit-ws command")
        if self._number is not None:  # it came before there was anything to cancel
            self._task.cancel()
        try:
            status = await self._task
        except asyncio.CancelledError:
            if self._number is None:
                raise
            status = 0
        return status if self._number is None else status or BY_SIGNAL + self._number
