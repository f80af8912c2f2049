"""The format of a recording, by literal lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deribit_ws.recorder import Header, Record, RecordingError
from deribit_ws.recorder.lines import header_line, parse_header, parse_record, parse_records, record_line

HEADER = b'{"recording":"deribit_ws","version":1,"id":"ab","part":0,"url":"wss://a/ws","began":5}\n'


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Record(7, 1, received='{"a":"\\n"}'), b'{"t":7,"n":1,"in":"{\\"a\\":\\"\\\\n\\"}"}\n'),
        (Record(7, 1, sent="{}"), b'{"t":7,"n":1,"out":"{}"}\n'),
        (Record(7, 1, sent="{}", redacted=True), b'{"t":7,"n":1,"out":"{}","redacted":true}\n'),
        (Record(7, 2, event="opened"), b'{"t":7,"n":2,"event":"opened"}\n'),
        (Record(7, 2, event="live"), b'{"t":7,"n":2,"event":"live"}\n'),
        (
            Record(7, 2, event="lost", code=1006, reason="reset"),
            b'{"t":7,"n":2,"event":"lost","code":1006,"reason":"reset"}\n',
        ),
        (Record(7, 2, event="left_out", frames=12), b'{"t":7,"n":2,"event":"left_out","frames":12}\n'),
        (Record(7, event="end"), b'{"t":7,"event":"end"}\n'),
    ],
)
def test_each_kind_of_line(record: Record, line: bytes) -> None:
    """Each kind of record is written as documented, and read as what it was."""
    assert record_line(record) == line
    assert parse_record(line) == record


def test_the_header() -> None:
    """The first line says what it is, of which version, and where it comes from."""
    header = Header("deribit_ws", 1, "ab", 0, "wss://a/ws", 5)

    assert header_line(header) == HEADER
    assert parse_header(HEADER) == header


@given(st.text(st.characters(codec="utf-8")), st.booleans())
def test_a_frame_is_exact(text: str, is_out: bool) -> None:
    """Any text at all is given back byte for byte, from one line that any JSON reader understands."""
    record = Record(1, 1, sent=text) if is_out else Record(1, 1, received=text)
    line = record_line(record)
    read = parse_record(line)

    assert read is not None
    assert (read.frame, read.is_out) == (text.encode(), is_out)
    assert line.count(b"\n") == 1
    assert json.loads(line)["out" if is_out else "in"] == text


def test_an_event_has_no_frame() -> None:
    """What is no frame says so."""
    assert Record(1, 1, event="live").frame is None


def test_a_damaged_line_is_told() -> None:
    """Of many lines, one that can't be read stands as a frame left out in its place."""
    good = record_line(Record(3, 1, received="{}"))
    records = parse_records(good + b'{"t":4,"n":1,"in":\xff\n' + good, Record(0))

    assert [record.event for record in records] == ["", "left_out", ""]
    assert (records[1].t, records[1].n, records[1].frames) == (3, 1, 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "not a recording"),
        (b"\xff\x00", "not a recording"),
        (b'{"t":1,"n":1,"in":"{}"}', "not a recording"),
        (HEADER.replace(b"deribit_ws", b"other"), "a recording of 'other'"),
        (HEADER.replace(b'"version":1', b'"version":2'), "version 2"),
    ],
)
def test_what_is_no_header(line: bytes, says: str) -> None:
    """A file of something else, or of a later version, is refused in one line."""
    with pytest.raises(RecordingError, match=says):
        parse_header(line)


def test_what_a_later_version_may_add() -> None:
    """Fields and events nobody knows yet do not make a line unreadable."""
    record = parse_record(b'{"t":1,"n":1,"event":"slept","for":5}')

    assert record is not None
    assert record.event == "slept"


def test_a_damaged_line_that_comes_first() -> None:
    """A damaged line that comes first in a block has the time of the record before the block."""
    (record,) = parse_records(b"x", Record(5, 1))

    assert (record.t, record.n, record.event) == (5, 1, "left_out")
