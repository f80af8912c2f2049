"""The thread that writes a recording: it makes lines of what was noted, and hands them to the files.

Knows: what waits, how a line is made, when to flush. Must not know: loops, connections. `recording` notes
things on the loop's thread, which must cost it next to nothing; all the rest is done here.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from deribit_ws.journal import note
from deribit_ws.recorder.files import Files
from deribit_ws.recorder.hiding import Hiding
from deribit_ws.recorder.lines import LEFT_OUT, Record, RecordingError, record_line

logger = logging.getLogger("deribit_ws.recorder")

FLUSH_SECONDS = 0.2  # between two flushes: with what writing takes, about 0.25 s are lost when killed
# Lines made between two moments at which the loop's thread may go on: some 100 µs. Compressing them lets it;
# else Python itself would make it wait for 5 ms.
_SLICE = 64
FRAME_OBJECTS = 200  # bytes that the objects around a waiting frame take

Frame = tuple[int, int, bytes, bool]  # when, on which link, the frame, whether it went out


class Writer:
    """Writes what is put into `waiting`, until it is stopped or nothing can be written any more.

    Args:
        files: where to; owned from here on.
        hiding: stars secrets.
        failed: told on the writer's thread when nothing can be written any more.

    Attributes:
        waiting: frames and events; others append, this takes.
        taken: the bytes of all frames taken so far, with the objects around them; below all bounds once
            nothing is taken any more.
    """

    def __init__(self, files: Files, hiding: Hiding, failed: Callable[[RecordingError], None]) -> None:
        self._files = files
        self._hiding = hiding
        self._failed = failed
        self._stop = threading.Event()
        self._flushed_at = time.monotonic()
        self.waiting: deque[Frame | Record] = deque()
        self.taken: float = 0
        # A daemon: it must not keep a program alive that forgot to close; `recording` sees to the end.
        self._thread = threading.Thread(target=self._run, name="deribit_ws recording", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end; it takes a moment, see `join`."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(FLUSH_SECONDS):
                self._write_waiting()
            self._write_waiting()
            self._files.finish()
        except Exception as error:
            self._give_up(error)
        finally:
            self.taken = float("-inf")

    def _give_up(self, error: Exception) -> None:
        self.taken = float("-inf")  # before it is told: what comes from then on is counted as left out
        self._files.abandon()
        self.waiting.clear()
        if not isinstance(error, OSError):
            note(logger, logging.ERROR, "writer_failed", "the writer of a recording failed", error=error)
        what = getattr(error, "strerror", None) or repr(error)
        self._failed(RecordingError(f"{self._files.path}: {what}; the recording ends here"))

    def _write_waiting(self) -> None:
        while self.waiting:
            items = [self.waiting.popleft() for _ in range(min(_SLICE, len(self.waiting)))]
            self._files.write(b"".join(map(self._line, items)))
            self.taken += sum(len(item[2]) + FRAME_OBJECTS for item in items if isinstance(item, tuple))
            if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        self._files.flush()
        self._flushed_at = time.monotonic()

    def _line(self, item: Frame | Record) -> bytes:
        if isinstance(item, Record):
            reason = self._hiding.without_words(item.reason)
            return record_line(
                item if reason == item.reason else msgspec.structs.replace(item, reason=reason)
            )
        t, n, frame, is_out = item
        try:
            text = frame.decode()
        except UnicodeDecodeError:
            return record_line(Record(t, n, event=LEFT_OUT, frames=1, reason="not UTF-8"))
        shown = self._hiding.hidden(text)
        redacted = shown is not text
        if is_out:
            return record_line(Record(t, n, sent=shown, redacted=redacted))
        return record_line(Record(t, n, received=shown, redacted=redacted))
