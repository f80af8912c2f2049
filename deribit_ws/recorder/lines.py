"""The format of a recording: one line of JSON for each thing that happened.

Knows: what a line looks like, and what it means. Must not know: files, threads, secrets. Pure; `writer` makes
lines and `reader` takes them apart. A file begins with a header; each line after it is a `Record`:
`{"t":…,"n":…,"in":"frame"}`, `{"t":…,"n":…,"out":"frame"}` or `{"t":…,"n":…,"event":"…"}`.
"""

import msgspec

from deribit_ws.errors import DeribitError

VERSION = 1
WHAT = "deribit_ws"  # what a header says it is a recording of

# What `Record.event` may be; a reader passes over one it does not know.
OPENED = "opened"  # a link is open
LIVE = "live"  # all that lived on the last link is rebuilt
LOST = "lost"  # the link ended, with `code` and `reason`
LEFT_OUT = "left_out"  # `frames` frames are missing here; `reason` says why
END = "end"  # the recording was closed in order

JOINED = "it was open before"  # the reason of "opened" where the recording began on a link in use


class RecordingError(DeribitError):
    """A recording can't be written on, or a file is none that can be read."""


class Header(msgspec.Struct, frozen=True):
    """The first line of each file.

    Args:
        recording: "deribit_ws".
        version: of the format.
        id: the same in all parts of one recording.
        part: this file's number among them, from 0.
        url: where the client was connected, without a password or a query.
        began: when this part began, in ns since the epoch.
    """

    recording: str
    version: int
    id: str
    part: int
    url: str
    began: int


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that happened.

    Args:
        t: when, in ns since the epoch, by the clock of the machine that recorded it.
        n: the number of the link, from 1; 0 where it belongs to none.
        received: a frame that came in, as text; None where it is something else.
        sent: a frame that went out, likewise.
        event: what happened, where it is no frame: "opened", "live", "lost", "left_out" or "end".
        code: of "lost": as `ConnectionLost` has it.
        reason: of "lost" and "left_out", and of "opened" where the link was open before.
        reset: of "lost": True where an error below the stream ended it.
        frames: of "left_out": how many, as far as that is known.
        redacted: True where a secret was starred in the frame, which is written anew then.
    """

    t: int
    n: int = 0
    received: str | None = msgspec.field(default=None, name="in")
    sent: str | None = msgspec.field(default=None, name="out")
    event: str = ""
    code: int = 0
    reason: str = ""
    reset: bool = False
    frames: int = 0
    redacted: bool = False

    @property
    def frame(self) -> bytes | None:
        """The frame, in or out, byte for byte; None of an event."""
        text = self.sent if self.received is None else self.received
        return None if text is None else text.encode()

    @property
    def is_out(self) -> bool:
        """True of a frame that went out."""
        return self.sent is not None


_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(Header)
_records = msgspec.json.Decoder(Record)


def header_line(header: Header) -> bytes:
    """Give the first line of a file."""
    return _encode(header) + b"\n"


def record_line(record: Record) -> bytes:
    """Give the line of any record."""
    return _encode(record) + b"\n"


def parse_header(line: bytes) -> Header:
    """Read the first line of a file.

    Raises:
        RecordingError: it is none, or of a later version.
    """
    try:
        header = _header.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RecordingError("not a recording: its first line is no header of one") from None
    if header.recording != WHAT:
        raise RecordingError(f"a recording of {header.recording!r}, not of {WHAT}")
    if header.version != VERSION:
        raise RecordingError(f"a recording of version {header.version}; this can read version {VERSION}")
    return header


def parse_record(line: bytes) -> Record | None:
    """Read one line after the first; None where it is damaged."""
    try:
        return _records.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def parse_records(lines: bytes, before: Record) -> list[Record]:
    """Read many whole lines at once, in half the time; a damaged one gives a `left_out` in its place.

    That has the time and the link of the one before it, which is `before` for the first.
    """
    try:
        return _records.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    records: list[Record] = []
    for line in filter(None, lines.split(b"\n")):
        before = records[-1] if records else before
        damaged = Record(before.t, before.n, event=LEFT_OUT, frames=1, reason="a damaged line")
        records.append(parse_record(line) or damaged)
    return records
