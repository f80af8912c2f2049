"""`deribit-ws record`: all that came over the links, in a file that is readable however it ends."""

import asyncio
import json
import os
import pty
import signal
from pathlib import Path

import pytest

from deribit_ws.cli import progress
from deribit_ws.recorder import Record, read_recording
from deribit_ws.testing import Drop, SimulatedExchange
from tests.cli.conftest import Run
from tests.cli.shell import COMMAND, PATIENCE, ROOT, SOON, environment, ran, running, unmeasured, until

BOOK = "book.BTC-PERPETUAL.100ms"
TRADES = "trades.BTC-PERPETUAL.100ms"
RAW = "book.BTC-PERPETUAL.raw"
LOGIN = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}


def data_of(records: list[Record], channel: str) -> list[object]:
    """The data of one channel, in the order of a recording."""
    messages = (json.loads(record.received) for record in records if record.received is not None)
    said = (message["params"] for message in messages if message.get("method") == "subscription")
    return [params["data"] for params in said if params["channel"] == channel]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def events(records: list[Record]) -> list[str]:
    return [record.event for record in records if record.event]


async def test_records_what_was_sent(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """The file holds what the exchange sent on each link, and the drop between them; stdout the summary."""
    out = tmp_path / "day.jsonl.gz"
    async with running("record", BOOK, TRADES, "--url", exchange.url, "--out", str(out)) as record:
        await until(lambda: exchange.ledger.frames_sent(BOOK, 1) > 5)
        exchange.inject(Drop.close(4000, "bye"))
        await until(lambda: exchange.ledger.frames_sent(BOOK, 2) > 5)
        ended = await record.end(signal.SIGINT)
    records = list(read_recording(out))
    ids = [change["change_id"] for change in data_of(records, BOOK)]  # type: ignore[index]  # it is JSON
    sent = exchange.ledger.change_ids_sent(BOOK)

    assert ended.status == 130 and ended.seconds < SOON
    assert ids == sent[: len(ids)] and len(ids) >= len(sent) - 2
    assert events(records) == ["opened", "live", "lost", "opened", "live", "lost", "end"]
    assert [record.code for record in records if record.event == "lost"] == [4000, 1000]
    (summary,) = ended.objects
    assert (summary["event"], summary["file"], summary["drops"]) == ("summary", str(out), 1)
    assert summary["messages"] == sum(record.received is not None for record in records)
    assert [line.split()[1] for line in ended.complaints] == ["connected:", "disconnected", "connected"]


async def test_what_is_recorded_replays(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """`replay` prints what `record` has written."""
    out = str(tmp_path / "day.jsonl")
    recorded = await ran("record", TRADES, BOOK, "--url", exchange.url, "--out", out, "--for", "1s")
    replayed = await ran("replay", out, "--speed", "max")

    assert recorded.status == 0 and 1 <= recorded.objects[0]["seconds"] < 5
    assert replayed.status == 0 and {line["channel"] for line in replayed.objects} == {TRADES, BOOK}


async def test_parts_are_one_recording(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """With --rotate there are several files, which are read as one."""
    out = tmp_path / "day.jsonl"
    words = ("--rotate", "5kB", "--for", "2s", "--out", str(out))
    await ran("record", BOOK, "--url", exchange.url, *words)
    replayed = await ran("replay", str(out), "--speed", "max")
    ids = [line["data"]["change_id"] for line in replayed.objects]

    assert len(names(tmp_path)) > 1
    assert len(ids) > 5 and ids == exchange.ledger.change_ids_sent(BOOK)[: len(ids)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_while_dialling(exchange: SimulatedExchange, tmp_path: Path, number: signal.Signals) -> None:
    """A signal before there is a link ends it soon, and leaves no empty file behind."""
    url = "ws://127.0.0.1:1/ws/api/v2"
    async with running("record", BOOK, "--url", url, "--out", str(tmp_path / "a.jsonl")) as record:
        assert record.process.stderr is not None
        await record.process.stderr.readline()  # that it is dialling again
        ended = await record.end(number)

    assert ended.status == 128 + number and ended.seconds < SOON and ended.out == ""
    assert names(tmp_path) == []


def test_a_file_is_never_overwritten(in_place: Run, tmp_path: Path) -> None:
    """A file that is there is refused with one line, before anything is dialled, and stays as it was."""
    out = tmp_path / "day.jsonl.gz"
    out.write_text("mine")
    ended = in_place("record", BOOK, "--out", str(out))

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and str(out) in ended.err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([BOOK], "--out"),
        (["--out", "a.jsonl"], "CHANNEL"),
        (["ticker.*", "--out", "a.jsonl"], "ticker.*"),
        ([BOOK, "--out", "no/such/folder/a.jsonl"], "no/such/folder/a.jsonl"),
        ([BOOK, "--out", ""], "--out"),
        ([BOOK, "--out", "a.jsonl", "--for", "60"], "90s, 15m"),
        ([BOOK, "--out", "a.jsonl", "--for", "0s"], "'0s'"),
        ([BOOK, "--out", "a.jsonl", "--for", "1w"], "'1w'"),
        ([BOOK, "--out", "a.jsonl", "--for", "-1h"], "--for"),
        ([BOOK, "--out", "a.jsonl", "--rotate", "100"], "100MB"),
        ([BOOK, "--out", "a.jsonl", "--rotate", "0MB"], "'0MB'"),
        ([BOOK, "--out", "a.jsonl", "--rotate", "often"], "'often'"),
        ([RAW, "--out", "a.jsonl"], "DERIBIT_CLIENT_ID"),
    ],
)
def test_wrong_words_are_one_line(
    in_place: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], named: str
) -> None:
    """What can't be done as asked is one line that names it and status 2, and leaves no file."""
    monkeypatch.chdir(tmp_path)
    ended = in_place("record", *words)

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and named in ended.err
    assert names(tmp_path) == []


async def test_refused_channels(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """With no channel left it ends with status 1, one line, and no file; one among others is a warning."""
    out = str(tmp_path / "a.jsonl")
    alone = await ran("record", "nope.nope", "--url", exchange.url, "--out", out)
    beside = await ran("record", "nope.nope", BOOK, "--url", exchange.url, "--out", out, "--for", "1s")

    assert (alone.status, alone.out, len(alone.complaints)) == (1, "", 1) and "nope.nope" in alone.err
    assert beside.status == 0 and beside.err.count("nope.nope") == 1


async def test_no_secret_is_written(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """Of a login neither the key's secret nor the tokens are in the file."""
    out = tmp_path / "a.jsonl"
    ended = await ran("record", RAW, "--url", exchange.url, "--out", str(out), "--for", "1s", **LOGIN)
    text = out.read_text()

    assert ended.status == 0 and data_of(list(read_recording(out)), RAW)
    assert "public/auth" in text and "***" in text
    assert '\\"secret\\"' not in text and "access_token" in text


async def test_a_full_disk_is_one_line(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """A disk that takes no more ends it with status 1 and says so; what was written before can be read."""
    out = tmp_path / "a.jsonl"
    words = f"ulimit -f 64; exec {' '.join(COMMAND)} record {BOOK} --url {exchange.url} --out {out}"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", words, stdout=pipe, stderr=pipe, cwd=ROOT, env=unmeasured()
    )
    async with asyncio.timeout(PATIENCE):
        summary, err = await process.communicate()

    assert process.returncode == 1 and b"Traceback" not in err
    assert b"File too large" in err and b"can be read" in err.splitlines()[-1]
    assert json.loads(summary)["messages"] > 0
    assert len(data_of(list(read_recording(out)), BOOK)) > 10


@pytest.mark.parametrize(("time", "number", "status"), [("1s", None, 1), ("1h", signal.SIGINT, 130)])
async def test_nothing_received_is_told(
    tmp_path: Path, time: str, number: signal.Signals | None, status: int
) -> None:
    """A recording that never had a link is taken away, with a word on it and no status of success."""
    out = tmp_path / "a.jsonl"
    closed = "ws://127.0.0.1:1/"  # nobody listens at port 1
    async with running("record", BOOK, "--url", closed, "--out", str(out), "--for", time) as record:
        if number is not None:
            await until(out.exists)
        ended = await record.end(number)

    assert (ended.status, ended.out) == (status, "")
    assert ended.complaints[-1] == f"deribit-ws: nothing was received: {out} was not kept"
    assert names(tmp_path) == []


# --- on a terminal


async def on_a_terminal(*words: str, **environ: str) -> str:
    """What the command writes to a terminal of 80 columns, all of it."""
    master, slave = pty.openpty()
    screen = environment(COLUMNS="80", LINES="24", **environ)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=screen
    )
    os.close(slave)
    written = bytearray()
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def read() -> None:
        try:
            written.extend(os.read(master, 65536))
        except OSError:  # how a terminal says that nobody writes to it any more
            loop.remove_reader(master)
            closed.set()

    loop.add_reader(master, read)
    try:
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
            await process.wait()
    finally:
        loop.remove_reader(master)
        os.close(master)
    return written.decode()


async def test_progress_is_rewritten_in_place(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """On a terminal one line shows messages, rate, size and drops, and is gone at the end."""
    words = ("--url", exchange.url, "--out", str(tmp_path / "a.jsonl"), "--for", "2s")
    screen = await on_a_terminal("record", BOOK, *words)
    lines = [line.rpartition("\x1b[K")[2] for line in screen.replace("\r\n", "\n").split("\n")]
    shown = [line for line in lines if " messages  " in line]

    assert len(shown) >= 2 and screen.count("\x1b[A") >= len(shown) - 1
    assert all("/s  " in line and line.endswith("0 drops") and len(line) < 80 for line in shown)
    assert lines[-2].startswith(str(tmp_path / "a.jsonl")) and "received" in lines[-2]


async def test_no_color_is_plain(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """With NO_COLOR a terminal gets no escapes."""
    words = ("--url", exchange.url, "--out", str(tmp_path / "a.jsonl"), "--for", "1s")
    screen = await on_a_terminal("record", BOOK, *words, NO_COLOR="1")

    assert "\x1b" not in screen and "a.jsonl: " in screen


async def test_a_log_gets_a_line_now_and_then(
    exchange: SimulatedExchange,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a pipe the progress is a plain line with the time, as often as a log can bear."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    line = progress.ProgressLine(lambda: "5 messages")
    showing = asyncio.create_task(line.keep_showing())
    await asyncio.sleep(0.3)  # real time: it is a thread that writes
    showing.cancel()
    await line.close()
    err = capfd.readouterr().err

    assert 2 <= len(err.splitlines()) <= 8
    assert all(one.endswith(" 5 messages") and one[2] == ":" for one in err.splitlines())
