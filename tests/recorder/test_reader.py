"""A recording is read as far as it was written, whatever became of the file."""

import gzip
import random
import zlib
from pathlib import Path

import pytest

from deribit_ws.recorder import Record, Recording, RecordingError, read_header, read_recording
from deribit_ws.recorder.lines import Header, header_line, record_line
from deribit_ws.recorder.parts import following, part_path

RECORDS = [Record(t, 1, received=f'{{"jsonrpc":"2.0","x":{"9" * (t % 40)}}}') for t in range(25)]


def text_of(records: list[Record], part: int = 0, id: str = "ab") -> bytes:
    header = Header("deribit_ws", 1, id, part, "wss://a/ws", 5)
    return b"".join([header_line(header), *map(record_line, records)])


def flushed(text: bytes) -> bytes:
    """Compress lines as the writer does, with a flush every now and then."""
    deflate, chance = zlib.compressobj(1, wbits=31), random.Random(7)
    parts = []
    for line in text.splitlines(keepends=True):
        parts.append(deflate.compress(line))
        if chance.random() < 0.2:
            parts.append(deflate.flush(zlib.Z_SYNC_FLUSH))
    return b"".join([*parts, deflate.flush()])


def test_all_is_read(path: Path) -> None:
    """A whole recording gives its records in order."""
    path.write_bytes(flushed(text_of(RECORDS)))

    assert list(read_recording(path)) == RECORDS
    assert read_header(path).id == "ab"


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
def test_cut_off_at_any_byte(tmp_path: Path, name: str) -> None:
    """Broken off at any byte, a file gives every line before it that is complete; a first line at least."""
    path, text = tmp_path / name, text_of(RECORDS[:8])
    data = flushed(text) if name.endswith(".gz") else text
    for size in range(len(data)):
        path.write_bytes(data[:size])
        inflate = zlib.decompressobj(31)
        there = inflate.decompress(data[:size]) if name.endswith(".gz") else data[:size]
        whole = there.count(b"\n") - 1  # lines after the header
        if whole < 0:
            with pytest.raises(RecordingError, match="breaks off in its first line"):
                read_recording(path)
        else:
            assert list(read_recording(path)) == RECORDS[:whole]


def test_a_long_recording_is_read_in_blocks(path: Path) -> None:
    """Lines that lie across the pieces a file is read in come out whole."""
    many = [Record(t, 1, received="x" * (t % 3000)) for t in range(2000)]
    path.write_bytes(gzip.compress(text_of(many)))

    assert list(read_recording(path)) == many


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
def test_a_line_of_many_pieces(tmp_path: Path, name: str) -> None:
    """A frame far longer than what is read at once, which its line makes longer still, is read as a whole."""
    frames, path = [b"{}", b"\x01" * 2**21, b"{}"], tmp_path / name
    recording = Recording(path)
    for frame in frames:
        recording.received(frame)
    recording.close()

    assert [record.frame for record in read_recording(path) if record.frame] == frames


def test_a_line_damaged_in_the_middle(path: Path) -> None:
    """A damaged line is told in its place, and reading goes on."""
    lines = text_of(RECORDS[:5]).splitlines(keepends=True)
    lines[3] = b"\x00" * 20 + b"\n"
    path.write_bytes(b"".join(lines))
    events = [record.event for record in read_recording(path)]

    assert events == ["", "", "left_out", "", ""]


def test_compressed_data_damaged_in_the_middle(path: Path) -> None:
    """What follows damage in a compressed file can't be read, and that is told, not hidden."""
    data = bytearray(flushed(text_of(RECORDS * 50)))
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    path.write_bytes(data)
    records = list(read_recording(path))

    assert records[-1].event == "left_out"
    assert len(records) > 100
    assert records[:-1] == (RECORDS * 50)[: len(records) - 1]


def test_parts_are_followed(path: Path) -> None:
    """The parts of one recording are read as one, from the first or from a later one."""
    for number in range(5):
        part_path(path, number).write_bytes(
            gzip.compress(text_of(RECORDS[number * 5 : number * 5 + 5], number))
        )

    assert list(read_recording(path)) == RECORDS
    assert list(read_recording(part_path(path, 3))) == RECORDS[15:]


@pytest.mark.parametrize(
    ("harmed", "says"),
    [
        (None, "part 2 is not there"),
        (b"", "part 2 is not there"),
        (b"\x1f\x8b" + b"\xff" * 100, "part 2 can't be read"),
        (gzip.compress(text_of(RECORDS, 2, id="other")), "part 2 is not there"),
    ],
)
def test_a_part_in_the_middle_is_missing(path: Path, harmed: bytes | None, says: str) -> None:
    """What follows a part that is gone or harmed is read, and the place tells that something is missing."""
    for number in (0, 1, 3, 4):
        part_path(path, number).write_bytes(text_of(RECORDS[number * 5 : number * 5 + 5], number))
    if harmed is not None:
        part_path(path, 2).write_bytes(harmed)

    records = list(read_recording(path))

    assert [*records[:10], *records[11:]] == RECORDS[:10] + RECORDS[15:]
    assert (records[10].event, records[10].reason, records[10].t) == ("left_out", says, RECORDS[9].t)


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_last_part_that_is_harmed(path: Path, is_closed: bool) -> None:
    """One that can't be read is told, but not of a recording that was closed in order before."""
    records = [*RECORDS, Record(30, event="end")] if is_closed else RECORDS
    path.write_bytes(text_of(records))
    part_path(path, 1).write_bytes(b"something else\n")

    found = list(read_recording(path))

    assert found[: len(records)] == records
    assert [record.reason for record in found[len(records) :]] == (
        [] if is_closed else ["part 1 can't be read"]
    )


def test_another_recordings_part_is_none(path: Path) -> None:
    """A file that has the name of a later part but is of another recording is left alone."""
    path.write_bytes(gzip.compress(text_of(RECORDS)))
    part_path(path, 1).write_bytes(gzip.compress(text_of(RECORDS, 1, id="other")))

    assert list(read_recording(path)) == RECORDS


def test_a_part_killed_in_its_first_line(path: Path) -> None:
    """A last part without a whole line ends the recording."""
    path.write_bytes(gzip.compress(text_of(RECORDS)))
    part_path(path, 1).write_bytes(b"\x1f\x8b")

    assert list(read_recording(path)) == RECORDS


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "breaks off"),
        (b"hello\n", "not a recording"),
        (b"\x00" * 200_000, "not a recording"),
        (b"\x1f\x8b" + b"\xff" * 100, "not a recording"),
        (gzip.compress(b"\x00" * 10_000_000), "not a recording"),
    ],
)
def test_what_is_no_recording(path: Path, data: bytes, says: str) -> None:
    """A file of anything else is refused at once, with its name."""
    path.write_bytes(data)

    with pytest.raises(RecordingError, match=f"{path.name}: .*{says}"):
        read_recording(path)


def test_no_file(path: Path, tmp_path: Path) -> None:
    """A file that is not there, or a folder, is told as such."""
    with pytest.raises(RecordingError, match="No such file"):
        read_recording(path)
    with pytest.raises(RecordingError, match="directory"):
        read_recording(tmp_path)


def test_members_one_after_the_other(path: Path) -> None:
    """A file whose compressed members were written one after the other is read to its end."""
    lines = text_of(RECORDS).splitlines(keepends=True)
    path.write_bytes(b"".join(map(gzip.compress, lines)))

    assert list(read_recording(path)) == RECORDS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("day.jsonl.gz", "day.1.jsonl.gz"),
        ("day.jsonl", "day.1.jsonl"),
        ("a.b.jsonl.gz", "a.b.1.jsonl.gz"),
        ("day.gz", "day.1.gz"),
        ("day", "day.1"),
    ],
)
def test_names_of_parts(first: str, second: str) -> None:
    """The number stands before the ending; the next part is found from any."""
    assert part_path(Path(first), 1) == Path(second)
    assert following(Path(first), 0) == Path(second)
    assert following(Path(second), 1) == part_path(Path(first), 2)
