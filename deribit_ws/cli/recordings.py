"""A recording as the commands read it: checked first, counted on the way, its faults told at the end.

Knows: where a recording's reader is, and what of it a user should hear. Must not know: what is done with
the records. `replay`, `export` and `simulate` read theirs through it.
"""

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from deribit_ws.cli.failures import USAGE, Failure
from deribit_ws.recorder import Header, Record, RecordingError, read_blocks, read_header
from deribit_ws.recorder.parts import following
from deribit_ws.wire.codec import decode_envelope

LIVE, LOST, LEFT_OUT, END = "live", "lost", "left_out", "end"  # events of a recording
_CLOSED_BY_US = (1000, "closed by us")  # how a link ends that the client itself closed


def is_drop(record: Record) -> bool:
    """Whether the link was lost here, rather than closed by the client."""
    return record.event == LOST and (record.code, record.reason) != _CLOSED_BY_US


def message_of(record: Record) -> tuple[str, bytes] | None:
    """The channel and data of a recorded notification; None of anything else, and of what can't be read."""
    if record.received is None:
        return None
    try:
        params = decode_envelope(record.received.encode()).params
    except (msgspec.DecodeError, RecursionError):
        return None
    if params is None or params.channel is None or params.data is msgspec.UNSET:
        return None
    return params.channel, bytes(params.data)


def missing(frames: int) -> str:
    """How many frames are not there, as far as that is known."""
    return "at least " + ("1 frame is missing" if frames == 1 else f"{frames:,} frames are missing")


class Reading:
    """A recording, to be gone through any number of times; the counts are those of the latest.

    Attributes:
        header: what the recording says of itself.
        records, drops, left_out: records given, links lost, and frames known to be missing, so far.
        is_whole: whether it was closed in order; else it breaks off.

    Raises:
        Failure: there is no such recording.
    """

    def __init__(self, file: str) -> None:
        self.path = Path(file)
        self.header = self._header()
        self._size = _size(self.path, self.header.part)
        self._forget()

    def __iter__(self) -> Iterator[Record]:
        self._forget()
        with closing(read_blocks(self.path, self._told)) as blocks:
            for block in blocks:
                for record in block:
                    if record.event:
                        self._note(record)
                    yield record
                self.records += len(block)

    @property
    def share(self) -> float:
        """What part of it has been read."""
        return min(1.0, self._read / self._size)

    @property
    def faults(self) -> list[str]:
        """What the user should know of its state, now that it was gone through."""
        faults = []
        if self.left_out:
            faults.append(f"{missing(self.left_out)} in the recording")
        if not self.is_whole:
            faults.append("the recording breaks off; all that was written is here")
        return faults

    def _note(self, record: Record) -> None:
        if is_drop(record):
            self.drops += 1
        elif record.event == LEFT_OUT:
            self.left_out += record.frames
        elif record.event == END:
            self.is_whole = True

    def _forget(self) -> None:
        self.records = self.drops = self.left_out = 0
        self.is_whole = False
        self._read = 0

    def _told(self, read: int) -> None:
        self._read = read

    def _header(self) -> Header:
        if _is_pipe(self.path):
            raise Failure(f"{self.path}: a pipe or device; a recording is read more than once", USAGE)
        try:
            return read_header(self.path)
        except RecordingError as error:
            raise Failure(str(error), USAGE) from None


def _is_pipe(path: Path) -> bool:
    """Whether it is neither a file nor a folder: to open it might wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # who opens it says why
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _size(part: Path, number: int) -> int:
    """The bytes of a recording that begins with this part, as far as its parts follow each other."""
    size = 0
    while part.is_file():
        size += part.stat().st_size
        part, number = following(part, number), number + 1
    return size
