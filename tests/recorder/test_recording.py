"""A recording under way: what it notes, where it goes, and what becomes of it when something fails."""

import asyncio
import errno
import gzip
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deribit_ws.errors import UsageError
from deribit_ws.recorder import Recording, RecordingError, read_header, read_recording
from deribit_ws.recorder import recording as room
from deribit_ws.recorder.files import Files
from deribit_ws.recorder.parts import part_path
from deribit_ws.shown import SECRETS

FRAME = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"x","data":1}}'


def size_of(path: Path) -> int:
    """The bytes of all files beside a path, and of its own."""
    return sum(file.stat().st_size for file in path.parent.iterdir())


def kinds(path: Path) -> list[str]:
    return [record.event or ("out" if record.is_out else "in") for record in read_recording(path)]


async def test_everything_is_noted_in_order(path: Path) -> None:
    """What links tell is in the file, in order, with times that do not go back and the link's number."""
    before = time.time_ns()
    async with Recording(path, "wss://user:password@a/ws?token=1") as recording:
        recording.opened(3)
        recording.sent(b"{}")
        recording.received(FRAME)
        recording.live()
        recording.lost(1006, "reset")
    records = list(read_recording(path))

    assert kinds(path) == ["opened", "out", "in", "live", "lost", "end"]
    assert {record.n for record in records[:-1]} == {3}
    assert [record.t for record in records] == sorted(record.t for record in records)
    assert before <= records[0].t <= records[-1].t <= time.time_ns()
    assert (records[2].frame, records[4].code, records[4].reason) == (FRAME, 1006, "reset")
    assert read_header(path).url == "wss://a/ws"
    assert (recording.messages, recording.bytes, recording.drops) == (1, len(FRAME), 0)
    assert recording.written == size_of(path)


@settings(max_examples=25, deadline=None)  # a disk may be slow
@given(
    st.lists(st.text(st.characters(codec="utf-8")), max_size=9), st.sampled_from(["", ".gz"]), st.booleans()
)
def test_any_frames_are_exact(texts: list[str], ending: str, in_parts: bool) -> None:
    """Frames of any text, out and in, are read back byte for byte, compressed or not, from as many parts."""
    frames = [text.encode() for text in texts if not any(name in text for name in SECRETS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"day.jsonl{ending}"
        recording = Recording(path, rotate_bytes=50 if in_parts else None)
        for frame in frames:
            recording.sent(frame)
            recording.received(frame)
        recording.close()
        records = [record for record in read_recording(path) if not record.event]

    assert [record.frame for record in records] == [frame for frame in frames for _ in range(2)]
    assert [record.is_out for record in records] == [True, False] * len(frames)


def test_it_needs_no_loop(path: Path) -> None:
    """A recording can be made and closed where no loop runs; closing twice is closing once."""
    recording = Recording(path)
    recording.close()
    recording.close()

    assert kinds(path) == ["end"]
    assert "closed" in repr(recording)


def test_without_gz_it_is_plain_text(tmp_path: Path) -> None:
    """A name that does not end in .gz gives lines that can be read as they are."""
    path = tmp_path / "day.jsonl"
    Recording(path).close()

    assert path.read_bytes().endswith(b'"event":"end"}\n')


def test_gzip_itself_reads_it(path: Path) -> None:
    """A closed recording is an ordinary gzip file."""
    Recording(path).close()

    assert gzip.decompress(path.read_bytes()).count(b"\n") == 2


def test_nothing_is_written_over(path: Path) -> None:
    """A file that is there already is refused and left as it is, as is one a later part would be."""
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        Recording(path)

    assert path.read_bytes() == b"mine"
    path.unlink()
    part_path(path, 1).write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        Recording(path, rotate_bytes=1000)
    assert not path.exists()


@pytest.mark.parametrize("options", [{"rotate_bytes": 0}, {"rotate_seconds": -1}, {"rotate_seconds": "1h"}])
def test_wrong_bounds(path: Path, options: dict[str, Any]) -> None:
    """A bound that is none is told at once, and no file is made."""
    with pytest.raises(UsageError, match="positive"):
        Recording(path, **options)

    assert not path.exists()


@pytest.mark.parametrize("name", ["", ".", "a\0b", "a" * 300])
@pytest.mark.parametrize("options", [{}, {"rotate_bytes": 10}])
def test_no_such_path(name: str, options: dict[str, Any]) -> None:
    """What no file can be called is told at once."""
    with pytest.raises(UsageError):
        Recording(name, **options)


def test_no_such_folder(tmp_path: Path) -> None:
    """A file that can't be made is told at once."""
    with pytest.raises(UsageError, match="No such file or directory"):
        Recording(tmp_path / "none" / "day.jsonl.gz")


async def test_parts_by_size(path: Path) -> None:
    """Each part has its header and the same id; together they hold everything once."""
    async with Recording(path, rotate_bytes=2000) as recording:
        recording.opened(1)
        for number in range(3000):
            recording.received(b'{"x":%d}' % number)
            if number % 1000 == 999:
                await asyncio.to_thread(_wait_until, lambda: recording._writer.taken >= recording._put)
    frames = [record.frame for record in read_recording(path) if record.frame]
    headers = [read_header(part_path(path, number)) for number in range(3)]

    assert frames == [b'{"x":%d}' % number for number in range(3000)]
    assert [header.part for header in headers] == [0, 1, 2]
    assert len({header.id for header in headers}) == 1
    assert recording.written == size_of(path)


async def test_parts_by_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many seconds the next line begins another part."""
    async with Recording(path, rotate_seconds=0.3) as recording:
        recording.opened(1)
        await asyncio.to_thread(_wait_until, lambda: recording.written > 100)
        await asyncio.sleep(0.3)  # what is tested is this machine's own clock
        recording.received(FRAME)
    events = [record.event for record in read_recording(part_path(path, 1))]

    assert events == ["", "end"]
    assert kinds(path) == ["opened", "in", "end"]


class Full(Files):
    """A disk that takes so many bytes and no more."""

    room_left = 400

    def _put(self, data: bytes) -> None:
        fits, type(self).room_left = data[: self.room_left], max(0, self.room_left - len(data))
        super()._put(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Full, "room_left", 400)
    monkeypatch.setattr(room, "Files", Full)


async def test_a_full_disk(tmp_path: Path, full: None) -> None:
    """A disk that is full ends the recording with one error, told on the loop; what was written stays."""
    told: asyncio.Future[tuple[RecordingError, int]] = asyncio.get_running_loop().create_future()
    path = tmp_path / "day.jsonl"
    recording = Recording(path, on_error=lambda error: told.set_result((error, threading.get_ident())))
    recording.opened(1)
    for _ in range(10):
        recording.received(FRAME)
    error, thread = await told
    drops = recording.drops  # some, if the writer was quicker than we
    recording.received(FRAME)

    assert thread == threading.get_ident()
    assert str(error) == f"{path}: No space left on device; the recording ends here"
    assert recording.error is error
    assert recording.drops == drops + 1
    await recording.aclose()
    assert kinds(path)[:2] == ["opened", "in"]
    assert "end" not in kinds(path)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until it is told to."""
    free, wait = threading.Event(), Files.write
    made = threading.Event()

    def write(self: Files, lines: bytes) -> None:
        if made.is_set():
            free.wait()
        made.set()  # the header is written at once
        wait(self, lines)

    monkeypatch.setattr(Files, "write", write)
    yield free
    free.set()


async def test_what_waits_is_bounded(
    path: Path, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk does not keep up, frames are left out and counted, in the file too; then it goes on."""
    monkeypatch.setattr(room, "MOST_WAITING", 3000)
    recording = Recording(path)
    recording.opened(1)
    for _ in range(50):
        recording.received(FRAME)
    kept = 50 - recording.drops
    stuck.set()
    await asyncio.to_thread(_wait_until, lambda: len(recording._writer.waiting) == 0)
    await asyncio.to_thread(_wait_until, lambda: recording._writer.taken >= recording._put)
    recording.received(FRAME)
    await recording.aclose()
    left_out = [record for record in read_recording(path) if record.event == "left_out"]

    assert 0 < kept < 50
    assert kinds(path) == ["opened", *["in"] * kept, "left_out", "in", "end"]
    assert [record.frames for record in left_out] == [50 - kept]


async def test_what_is_left_out_is_told_on_its_link(
    path: Path, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames that are missing at the end of a link are told before its end, with its number."""
    monkeypatch.setattr(room, "MOST_WAITING", 1000)
    recording = Recording(path)
    recording.opened(1)
    for _ in range(50):
        recording.received(FRAME)
    recording.lost(1006, "reset")
    recording.opened(2)
    stuck.set()
    await recording.aclose()
    events = [(record.n, record.event) for record in read_recording(path) if record.event]

    assert events == [(1, "opened"), (1, "left_out"), (1, "lost"), (2, "opened"), (0, "end")]


async def test_a_frame_that_is_no_text(path: Path) -> None:
    """A frame that is not UTF-8, which no link hands out, is told as left out."""
    async with Recording(path) as recording:
        recording.opened(1)
        recording.received(b"\xff")
    left_out = list(read_recording(path))[1]

    assert (left_out.event, left_out.reason) == ("left_out", "not UTF-8")


async def test_what_a_peer_says_at_the_end_is_searched_too(path: Path) -> None:
    """The reason of a close frame shows no secret."""
    async with Recording(path, hidden=["planted-secret"]) as recording:
        recording.opened(1)
        recording.lost(4000, "bad planted-secret")

    assert next(record.reason for record in read_recording(path) if record.event == "lost") == "bad ***"


def _wait_until(done: Callable[[], bool]) -> None:
    """Wait for the writer's thread, which has no event to be waited for."""
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until
        time.sleep(0.005)
