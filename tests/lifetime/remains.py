"""What a client or generator leaves behind when it is gone: nothing, and what that means by machine.

Knows tasks, descriptors, warnings, the complaints of loops and of the interpreter. Must not know what was
left, or why. Everything in here that cuts a client's life short holds it against `Remains`.
"""

import asyncio
import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from tests.conftest import open_sockets

TURNS = 5  # of the loop, in which what was closed in the last breath may finish
LATER_SECONDS = 1.0  # by the scoreboard's G6: tasks and descriptors are back to where they were within it


class Remains:
    """Watches a stretch of a loop's life; `check` raises AssertionError when something of it is left."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sockets: set[str] = set()

    def begin(self) -> Self:
        """Take what is there now as what was there before."""
        self._tasks = asyncio.all_tasks()
        self._sockets = open_sockets()
        return self

    async def check(self, where: str, *, seconds: float = LATER_SECONDS) -> None:
        """Wait for at most `seconds` until all is gone; then nothing was complained of."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        for _ in range(TURNS):
            await asyncio.sleep(0)
        while (self._left() or self._open()) and loop.time() < due:  # noqa: ASYNC110  neither has an event
            await asyncio.sleep(0.01)
        left, still_open = self._left(), self._open()

        assert not left, f"{where}: tasks are left: {left}"
        assert not still_open, f"{where}: sockets are open: {still_open}"
        self.heard(where)

    def heard(self, where: str) -> None:
        """Raise when something was complained of, by the loop, the interpreter or in the log."""
        assert not self.complaints, f"{where}: {self.complaints}"

    def _left(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - self._tasks

    def _open(self) -> set[str]:
        return open_sockets() - self._sockets


class _Ears(logging.Handler):
    """Hears what a user would be shown as an error; a drop is a warning and is meant."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(f"log: {record.getMessage()}")


@contextmanager
def watched() -> Iterator[Remains]:
    """Watch from here on, in a running loop; at the end, what only shows when garbage is collected."""
    remains = Remains()
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: remains.complaints.append(f"loop: {context}"))
    unraisable = sys.unraisablehook
    sys.unraisablehook = lambda args: remains.complaints.append(f"{args.exc_value!r} in {args.object!r}")
    ears = _Ears(remains.complaints)
    logging.getLogger("deribit_ws").addHandler(ears)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            remains.begin()
            yield remains
            gc.collect()
        remains.complaints += [f"warning: {one.category.__name__}: {one.message}" for one in said]
    finally:
        logging.getLogger("deribit_ws").removeHandler(ears)
        sys.unraisablehook = unraisable
        loop.set_exception_handler(handler)
    remains.heard("when garbage was collected")
