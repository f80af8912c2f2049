"""Reading a recording: its records in order, over all its parts, as far as they were written.

Knows: files, gzip, parts. Must not know: loops, links, what the frames say. Memory is constant, however long
the recording. A file that breaks off at any byte (a killed process, a full disk) gives every line that is
complete; what is damaged in the middle is told as a `left_out` record, never passed over in silence.
All of it blocks: a program with a loop reads in a thread.
"""

import contextlib
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from deribit_ws.recorder.lines import (
    END,
    LEFT_OUT,
    Header,
    Record,
    RecordingError,
    parse_header,
    parse_records,
)
from deribit_ws.recorder.parts import following

_GZIP = b"\x1f\x8b"  # how such a file begins, whatever its name
_WBITS = 31  # zlib's word for gzip's own header and trailer
_BLOCK = 256 * 1024  # bytes of text at once: some 500 records, a millisecond of work
_MOST_PARTS_MISSED = 100  # in a row: behind them no part is looked for
_LONGEST_HEADER = 64 * 1024  # bytes; a file without a line end in so many is no recording


class _BrokenOffError(RecordingError):
    """A file has no line that is whole."""


class _NoFileError(RecordingError):
    """There is no such file."""


def read_header(path: str | os.PathLike[str]) -> Header:
    """Give what the recording at `path` says of itself; raise RecordingError where it is none."""
    with _opened(Path(path)) as file:
        return _begun(Path(path), _texts(file))[0]


def read_recording(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Give all records of the recording that begins at `path`, those of its later parts too, in order.

    Raises:
        RecordingError: there is no such file, or it is no recording that this version can read.
    """
    return chain.from_iterable(read_blocks(path))


def read_blocks(
    path: str | os.PathLike[str], told: Callable[[int], object] = lambda _: None
) -> Generator[list[Record]]:
    """Give the same, some hundred records at a time: cheaper where there are millions.

    `told` hears how many bytes of the files have been read so far.
    """
    read_header(path)  # what is no recording is told now, not at the first record
    return _blocks(Path(path), told)


def _blocks(path: Path, told: Callable[[int], object]) -> Generator[list[Record]]:
    read = 0  # bytes of the files before
    last: Record | None = None
    part: Path | None = path
    while part is not None:
        with _opened(part) as file:
            texts = _texts(file)
            header, rest = _begun(part, texts)
            for records in _records(rest, texts, last or Record(header.began)):
                last = records[-1]
                told(read + file.tell())
                yield records
            read += file.tell()
        if last is not None and last.event == END:
            return
        part, missing = _next_part(part, header)
        if missing:
            last = last or Record(header.began)
            yield [Record(last.t, last.n, event=LEFT_OUT, frames=1, reason=missing)]


def _next_part(path: Path, header: Header) -> tuple[Path | None, str]:
    """Give the part that goes on after the one at `path`, None after the last; and what is missing before."""
    damaged = ""
    for number in range(header.part + 1, header.part + 1 + _MOST_PARTS_MISSED):
        path = following(path, number - 1)
        try:
            if read_header(path).id != header.id:
                continue  # another recording's, which happens to have the name
        except (_NoFileError, _BrokenOffError):  # the latter was killed in its first line: it holds nothing
            continue
        except RecordingError:
            damaged = damaged or f"part {number} can't be read"
            continue
        is_next = number == header.part + 1
        return path, "" if is_next else damaged or f"part {header.part + 1} is not there"
    return None, damaged


def _records(rest: bytes, texts: Iterator[bytes], last: Record) -> Iterator[list[Record]]:
    """Parse whole lines; what follows the last line end was broken off."""
    begun: list[bytes] = []  # of a line: joined only where it ends, for it may be of many pieces
    try:
        for text in chain([rest], texts):
            whole, end, tail = text.rpartition(b"\n")
            if end:
                whole, begun = b"".join([*begun, whole]), []
            begun.append(tail)
            if end and (records := parse_records(whole, last)):
                last = records[-1]
                yield records
    except zlib.error:
        yield [Record(last.t, last.n, event=LEFT_OUT, frames=1, reason="the rest of a file is damaged")]


def _begun(path: Path, texts: Iterator[bytes]) -> tuple[Header, bytes]:
    """Read the header; give it, and what of the first text follows it."""
    text = b""
    try:
        while b"\n" not in text and len(text) < _LONGEST_HEADER and (more := next(texts, b"")):
            text += more
    except zlib.error:
        raise RecordingError(f"{path}: not a recording, or its beginning is damaged") from None
    line, end, rest = text.partition(b"\n")
    if not end:
        raise _BrokenOffError(f"{path}: not a recording, or it breaks off in its first line")
    try:
        return parse_header(line), rest
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from None


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise _NoFileError(f"{path}: {error.strerror}") from None
    except (OSError, ValueError) as error:  # ValueError: there can't be such a path
        raise RecordingError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _texts(file: IO[bytes]) -> Iterator[bytes]:
    """Give a file's text in pieces; raise zlib.error where it is damaged, end where it breaks off."""
    data = file.read(_BLOCK)
    if data.startswith(_GZIP):
        yield from _inflated(file, data)
        return
    while data:
        yield data
        data = file.read(_BLOCK)


def _inflated(file: IO[bytes], data: bytes) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_WBITS)
    while data:
        before = inflate.copy()
        try:
            text = inflate.decompress(data, _BLOCK)
        except zlib.error:
            yield from _up_to_damage(before, data)
            raise
        if text:
            yield text
        data = inflate.unconsumed_tail
        if inflate.eof:  # some tools write several gzip members one after the other
            data, inflate = inflate.unused_data, zlib.decompressobj(_WBITS)
        data = data or file.read(_BLOCK)


def _up_to_damage(inflate: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Give what zlib throws away where it finds damage: the text that stood before it."""
    with contextlib.suppress(zlib.error):
        for at in range(len(data)):
            if text := inflate.decompress(data[at : at + 1]):
                yield text
