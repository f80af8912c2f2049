"""`deribit-ws replay`: a recording's messages as `tail` would have printed them."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import looptime
import pytest

from deribit_ws.cli.pace import Pace
from deribit_ws.cli.recordings import Reading
from tests.cli.conftest import Run
from tests.cli.recorded import BOOK, DAY, TICKER, TRADES, at, event, said, ticker, trade, write
from tests.cli.shell import COMMAND, PATIENCE, ROOT, SOON, environment, ran, running

MAX = ("--speed", "max")
FULL = Path("/dev/full")


def test_prints_what_was_recorded(in_place: Run, tmp_path: Path) -> None:
    """Each message is a line of channel, data and its recorded time of receipt, in order."""
    ended = in_place("replay", str(write(tmp_path / "day.jsonl.gz")), *MAX)

    assert ended.status == 0
    assert [(line["channel"], line["received_at"]) for line in ended.objects] == [
        (BOOK, at(0.4)),
        (TICKER, at(0.5)),
        (TRADES, at(0.6)),
        (TRADES, at(1.8)),
    ]
    assert ended.objects[1]["data"] == ticker(0.5, 90_000.0)


def test_every_digit_is_kept(in_place: Run, tmp_path: Path) -> None:
    """The data of a line is what was received, digit for digit."""
    data = '{"price":0.10000000000000000001,"amount":1E+2,"name":"\\u00e9"}'
    ended = in_place("replay", str(write(tmp_path / "a.jsonl", [said(0, TICKER, data)])), *MAX)

    assert f'"data":{data},"received_at"' in ended.out


def test_tells_drops_with_their_time(in_place: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are told on stderr as `tail` does, with the recorded time; the recorder's own end is no drop."""
    monkeypatch.setenv("TZ", "UTC")
    ended = in_place("replay", str(write(tmp_path / "day.jsonl")), *MAX)

    assert ended.complaints == [
        "12:00:00 connected: link 1",
        "12:00:01 disconnected after 1.2 s: 4000 bye",
        "12:00:01 connected after 0.25 s: link 2",
    ]


def test_text_of_the_exchange_forges_nothing(in_place: Run, tmp_path: Path) -> None:
    """Control characters of a recorded reason or message reach no terminal."""
    lines = [
        event(0, "lost", code=4000, reason="x\x1b[31m\ny"),
        said(1, TICKER, {"name": "\u009b31m\u2028"}),
    ]
    ended = in_place("replay", str(write(tmp_path / "a.jsonl", lines)), *MAX)

    assert "\x1b" not in ended.err and len(ended.complaints) == 2  # with the one that it breaks off
    assert "\u009b" not in ended.out and "\u2028" not in ended.out


@pytest.mark.looptime
@pytest.mark.parametrize(("speed", "took"), [(1.0, 90.0), (10.0, 9.0), (0.5, 180.0), (float("inf"), 0.0)])
async def test_keeps_the_pace(speed: float, took: float, looptime: looptime.LoopTimeEventLoop) -> None:
    """Recorded seconds pass as many times as fast as asked for; at the highest speed none do."""
    pace = Pace(speed)
    began = asyncio.get_running_loop().time()
    for seconds in (5, 6, 50, 50, 95):
        await pace.wait(at(seconds))

    assert asyncio.get_running_loop().time() - began == pytest.approx(took)


def test_a_recording_that_breaks_off(in_place: Run, tmp_path: Path) -> None:
    """What a killed recorder has left is printed up to its last whole line, and it is said so."""
    whole = write(tmp_path / "day.jsonl").read_bytes()
    (tmp_path / "killed.jsonl").write_bytes(whole[: whole.index(b'"n":2') - 9])
    ended = in_place("replay", str(tmp_path / "killed.jsonl"), *MAX)

    assert ended.status == 0 and len(ended.objects) == 3
    assert ended.complaints[-1] == "warning: the recording breaks off; all that was written is here"


def test_frames_that_are_missing_are_told(in_place: Run, tmp_path: Path) -> None:
    """Where the recorder could not keep up, or a line is damaged, it is told there and in the end."""
    damaged = write(tmp_path / "day.jsonl").read_bytes().replace(b'"event":"opened"', b'"event":opened"', 1)
    (tmp_path / "damaged.jsonl").write_bytes(damaged)
    ended = in_place("replay", str(tmp_path / "damaged.jsonl"), *MAX)

    assert ended.status == 0 and len(ended.objects) == 4
    assert "at least 1 frame is missing here" in ended.complaints[0]
    assert ended.complaints[-1] == "warning: at least 1 frame is missing in the recording"


@pytest.mark.parametrize("command", [("replay",), ("export", "--to", "csv"), ("simulate", "--from")])
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "No such file"),
        (b"", "not a recording"),
        (b"hello\n", "not a recording"),
        (b"\x1f\x8b and no more of it", "not a recording"),
        (b'{"recording":"deribit_ws","version":99,"id":"a","part":0,"url":"","began":1}\n', "version 99"),
        (b'{"recording":"other","version":1,"id":"a","part":0,"url":"","began":1}\n', "'other'"),
    ],
)
def test_what_is_no_recording_is_one_line(
    in_place: Run, tmp_path: Path, command: tuple[str, ...], content: bytes | None, named: str
) -> None:
    """A file that is not there or is none ends every reader with status 2 and one line that names it."""
    path = tmp_path / "day.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    ended = in_place(*command, str(path))

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and named in ended.err and str(path) in ended.err


def test_a_folder_is_no_recording(in_place: Run, tmp_path: Path) -> None:
    """A folder in place of a file is one line."""
    ended = in_place("replay", str(tmp_path))

    assert ended.status == 2 and len(ended.complaints) == 1 and "directory" in ended.err


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast", ""])
def test_wrong_speed_is_one_line(in_place: Run, tmp_path: Path, speed: str) -> None:
    """A speed that is none is named, with what may be said instead."""
    ended = in_place("replay", str(write(tmp_path / "a.jsonl")), "--speed", speed)

    assert ended.status == 2 and len(ended.complaints) == 1
    assert repr(speed) in ended.err and "max" in ended.err


async def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    """At the highest speed into a reader that rests, nothing is dropped: every line arrives, in order."""
    lines = [said(n, TICKER, {"n": n, "filler": "x" * 20_000}) for n in range(600)]  # beyond what may wait
    async with running("replay", str(write(tmp_path / "a.jsonl", lines)), *MAX) as replay:
        assert replay.process.stdout is not None
        replay.process.stdout._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no public way
        await asyncio.sleep(1.5)  # real time: longer than a command that ends would wait for its reader
        replay.process.stdout._transport.resume_reading()  # type: ignore[attr-defined]  # as above
        ended = await replay.end()

    assert ended.status == 0
    assert [line["data"]["n"] for line in ended.objects] == list(range(600))


async def test_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    """When the reader of its output has left, it ends with 141 and says nothing of a pipe."""
    lines = [said(n, TICKER, {"n": n, "filler": "x" * 20_000}) for n in range(600)]
    async with running("replay", str(write(tmp_path / "a.jsonl", lines)), *MAX) as replay:
        await replay.line()
        assert replay.process.stdout is not None
        replay.process.stdout._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way
        status = await replay.process.wait()
        assert replay.process.stderr is not None
        err = (await replay.process.stderr.read()).decode()

    assert status == 141 and "roken" not in err and "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    """A replay that waits for its next message is ended by a signal, soon."""
    lines = [said(0, TICKER, ticker(0, 1.0)), said(3600, TICKER, ticker(1, 1.0))]
    async with running("replay", str(write(tmp_path / "a.jsonl", lines))) as replay:
        await replay.line()
        ended = await replay.end(number)

    assert ended.status == 128 + number and ended.seconds < SOON


async def test_says_the_same_as_a_process(tmp_path: Path) -> None:
    """As a process of its own it prints the same."""
    ended = await ran("replay", str(write(tmp_path / "day.jsonl.gz")), "--speed", "1000")

    assert ended.status == 0
    assert [line["data"][0]["trade_seq"] for line in ended.objects if line["channel"] == TRADES] == [1, 5]
    assert json.loads(ended.out.splitlines()[2])["data"][1] == trade(0.6, 2)


@pytest.mark.parametrize("name", ["day.jsonl", "day.jsonl.gz"])
def test_how_far_it_is(tmp_path: Path, name: str) -> None:
    """What part of a recording has been read grows to the whole, over all its parts."""
    write(tmp_path / name, [said(n, TICKER, {"n": n, "filler": "x" * 5000}) for n in range(400)])
    second = name.replace("day.", "day.1.")
    write(tmp_path / second, DAY, part=1)
    reading = Reading(str(tmp_path / name))
    shares = [reading.share for _ in reading]

    assert len(shares) == 400 + len(DAY) and shares == sorted(shares)
    assert 0 < shares[0] < 1 and reading.share == 1


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_no_success(tmp_path: Path) -> None:
    """Lines that could not be written are told, with status 1, however few they are."""
    words = (*COMMAND, "replay", str(write(tmp_path / "day.jsonl")), *MAX)
    with FULL.open("wb") as full:
        replay = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, env=environment(), timeout=PATIENCE
        )

    assert replay.returncode == 1
    assert replay.stderr.decode().splitlines()[-1] == "deribit-ws: cannot write: No space left on device"


async def test_a_pipe_is_no_recording(tmp_path: Path) -> None:
    """A pipe, which can't be read twice, is refused at once rather than waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ended = await ran("replay", str(pipe))

    assert ended.status == 2
    assert ended.err == f"deribit-ws: {pipe}: a pipe or device; a recording is read more than once\n"
