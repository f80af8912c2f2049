"""Lines to stdout, written by a thread, so that a slow reader never holds up the event loop.

Knows: a file descriptor, and what it means when nobody reads it. Must not know: what the lines say.
A blocked write in the loop would miss heartbeats and could not be interrupted by a signal; here it
holds up only the thread, which the process does not wait for when it ends.
"""

import asyncio
import contextlib
import errno
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from deribit_ws.cli.failures import BROKEN_PIPE, Failure

T = TypeVar("T")

MOST_PENDING = 8 * 1024 * 1024  # bytes not yet taken by the reader; beyond it lines are dropped
DRAIN_SECONDS = 0.5  # what is pending at the end may still leave for so long
LOOK_SECONDS = 0.5  # between two looks at whether an idle pipe still has a reader


def is_terminal() -> bool:
    """Whether somebody reads stdout on a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def failure_of(error: OSError) -> Failure:
    """What a failed write means for the command."""
    if error.errno in (errno.EPIPE, errno.ESHUTDOWN):
        return Failure("", BROKEN_PIPE)
    return Failure(f"cannot write: {os.strerror(error.errno or 0)}")


def write_line(text: str, fd: int = 1) -> None:
    """Write one line at once; for the few lines of a command that has nothing else to do meanwhile."""
    try:
        _write(fd, _encoded(text))
    except OSError as error:
        raise failure_of(error) from None


class Output:
    """Writes lines in order. Make it on the running loop; `await close()` when done."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._pending: list[bytes] = []
        self._size = 0
        self._closing = False
        self._wake = threading.Condition()
        self._broken: asyncio.Future[Failure] = self._loop.create_future()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="deribit-ws output", daemon=True)
        self._thread.start()

    def line(self, text: str) -> bool:
        """Have a line written; False if it is dropped because the reader is too slow."""
        data = _encoded(text)
        with self._wake:
            if self._size + len(data) > MOST_PENDING:
                return False
            self._pending.append(data)
            self._size += len(data)
            self._wake.notify()
        return True

    async def wait_broken(self) -> None:
        """Raise `Failure` once nothing can be written any more; until then, wait."""
        raise await asyncio.shield(self._broken)

    async def close(self) -> None:
        """Write what is pending, if the reader takes it soon."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.wait([self._finished], timeout=DRAIN_SECONDS)

    async def ended(self) -> None:
        """Wait until all is written; raise `Failure` if it can't be."""
        await asyncio.wait([self._finished])
        if self._broken.done():
            raise self._broken.result()

    def _run(self) -> None:
        try:
            while (data := self._next()) is not None:
                _write(self._fd, data)
        except OSError as error:
            self._call(self._broken.set_result, failure_of(error))
        self._call(self._finished.set_result, None)

    def _next(self) -> bytes | None:
        with self._wake:
            while not self._pending:
                if self._closing:
                    return None
                if not self._wake.wait(LOOK_SECONDS) and _has_no_reader(self._fd):
                    raise BrokenPipeError(errno.EPIPE, "no reader")
            data = b"".join(self._pending)
            self._pending.clear()
            self._size = 0
        return data

    def _call(self, settle: Callable[[T], None], value: T) -> None:
        # Futures are the loop's; once it is closed nobody waits for them any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(settle, value)


def _encoded(text: str) -> bytes:
    # A terminal may not speak UTF-8; a pipe of JSON lines always does.
    encoding = (sys.stdout.encoding if is_terminal() else None) or "utf-8"
    return (text + "\n").encode(encoding, "backslashreplace")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # whoever shares the pipe with us made it so
            select.select([], [fd], [])


def _has_no_reader(fd: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(fd, 0)  # errors are told without being asked for
    return any(event & select.POLLERR for _, event in poll.poll(0))
