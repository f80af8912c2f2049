"""A recording under way: told of all that happens on a client's links, it has a thread write it down.

Knows: what to note, how much may wait, and how it ends. Must not know: how lines or files are made. It is a
`Tap`: the links call it on the loop's thread, and each call costs well below a microsecond.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from deribit_ws.errors import require_positive
from deribit_ws.journal import note
from deribit_ws.recorder.files import Files
from deribit_ws.recorder.hiding import Hiding
from deribit_ws.recorder.lines import (
    END,
    JOINED,
    LEFT_OUT,
    LIVE,
    LOST,
    OPENED,
    VERSION,
    WHAT,
    Header,
    Record,
    RecordingError,
    header_line,
)
from deribit_ws.recorder.writer import FRAME_OBJECTS, Writer

logger = logging.getLogger("deribit_ws.recorder")

_now = time.time_ns  # a name of its own: it is asked for once a frame
MOST_WAITING = 64 * 1024 * 1024  # bytes of memory that may wait for the writer; some seconds of all there is


class Recording:
    """What happens on a client's links, written to files while it happens.

    `close` it, or use it as `async with recording:`; a client closes its own. Killed at any moment, what was
    received until a quarter of a second before stays readable: each line that was handed to the system is.
    It takes longer where the machine itself does. A power cut may cost more: nothing waits for the disk.

    Args:
        path: of the file; compressed where its name ends in .gz. Later parts are `….1.jsonl.gz` and so on.
        url: where the client is connected; what may be secret in it is left out.
        rotate_bytes: begin another part after so many bytes in the file; None never does.
        rotate_seconds: begin another part after so many seconds; None never does.
        hidden: secrets that are starred wherever they stand, beside those that are known by their names.
        joins: the link told of first was open before: what was done on it until then is not recorded.
        on_error: told once, on the loop's thread, when nothing can be written any more; else it is logged.
        on_closed: told once that nothing more is taken.

    Attributes:
        path: of the first file.
        messages: frames received.
        bytes: their size, as received.
        drops: frames, in or out, that are not in the file: the disk was too slow, or would take no more.
        error: why nothing is written any more; None while all is well.

    Raises:
        UsageError: there is such a file already, or none can be made, or a bound is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        url: str = "",
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        hidden: Iterable[str] = (),
        joins: bool = False,
        on_error: Callable[[RecordingError], None] | None = None,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        given = {"rotate_bytes": rotate_bytes, "rotate_seconds": rotate_seconds}
        require_positive(**{name: value for name, value in given.items() if value is not None})
        self.path = Path(path)
        self.messages = 0
        self.bytes = 0
        self.drops = 0
        self.error: RecordingError | None = None
        self._on_error = on_error
        self._on_closed = on_closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._joins = joins
        self._number = 0
        self._put = 0  # the bytes of all frames noted, with the objects around them
        self._missing = 0  # frames left out since the last that was not
        self._closed = False
        header = Header(WHAT, VERSION, secrets.token_hex(8), 0, _shown(url), time.time_ns())
        self._files = Files(
            self.path, _headers(header), rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds
        )
        self._writer = Writer(self._files, Hiding(hidden), self._failed)
        self._note = self._writer.waiting.append
        atexit.register(self.close)

    def __repr__(self) -> str:
        state = "failed" if self.error else "closed" if self._closed else "open"
        return f"<Recording {str(self.path)!r} {state}, {self.messages} messages>"

    @property
    def written(self) -> int:
        """Bytes in the files so far."""
        return self._files.written

    # --- told by the links, on the loop's thread

    def opened(self, number: int) -> None:
        """Link `number` is open."""
        self._loop = asyncio.get_running_loop()
        self._own_up()  # with the number of the last link
        self._number = number
        self._tell(OPENED, reason=JOINED if self._joins else "")
        self._joins = False

    def received(self, frame: bytes) -> None:
        """This frame arrived."""
        size = len(frame)
        self.messages += 1
        self.bytes += size
        self._put = put = self._put + size + FRAME_OBJECTS
        if put - self._writer.taken > MOST_WAITING or self._missing:
            self._strained(frame, False)
        else:
            self._note((_now(), self._number, frame, False))

    def sent(self, frame: bytes) -> None:
        """This frame was written."""
        self._put += len(frame) + FRAME_OBJECTS
        self._strained(frame, True)

    def live(self) -> None:
        """All is rebuilt."""
        self._tell(LIVE)

    def lost(self, code: int, reason: str, *, is_reset: bool = False) -> None:
        """The link ended."""
        self._tell(LOST, code=code, reason=reason, reset=is_reset)

    # --- the end

    def close(self) -> None:
        """Write what is left and close the file; blocks for as long as that takes. May be repeated."""
        self._end()
        self._writer.join()

    async def aclose(self) -> None:
        """The same, while the loop goes on."""
        self._end()
        await asyncio.to_thread(self._writer.join)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._on_closed is not None:
            self._on_closed()
        self._own_up()
        self._note(Record(time.time_ns(), event=END))
        self._writer.stop()

    # --- inside

    def _strained(self, frame: bytes, is_out: bool) -> None:
        """Note a frame, unless too much waits; then leave it out."""
        if self._put - self._writer.taken > MOST_WAITING:
            self._put -= len(frame) + FRAME_OBJECTS
            self._missing += 1
            self.drops += 1
            return
        self._own_up()
        self._note((_now(), self._number, frame, is_out))

    def _own_up(self) -> None:
        missing, self._missing = self._missing, 0
        if missing:
            self._tell(LEFT_OUT, frames=missing, reason="the disk was too slow")

    def _tell(self, event: str, **more: Any) -> None:
        if self._missing:  # before what comes next: they are missing on this link
            self._own_up()
        if self.error is None:
            self._note(Record(time.time_ns(), self._number, event=event, **more))

    def _failed(self, error: RecordingError) -> None:
        """Called on the writer's thread."""
        self.error = error
        if self._loop is None or self._on_error is None:
            note(logger, logging.ERROR, "recording_ended", "%(why)s", why=str(error))
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._on_error, error)


def _headers(first: Header) -> Callable[[int], bytes]:
    def header(number: int) -> bytes:
        began = time.time_ns() if number else first.began
        return header_line(Header(first.recording, first.version, first.id, number, first.url, began))

    return header


def _shown(url: str) -> str:
    """Give where a URL leads, without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else ""
