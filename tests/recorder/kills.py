"""`python -m tests.recorder.kills 100`: a recording is killed with SIGKILL at random moments, and read back.

Each time a process of its own records a client of a busy simulated exchange, and says on a pipe, after each
flush, how many lines it has handed to the system by then. Whenever it dies, all of those lines must be read
back, whole and without a hole in their middle. How much older than the kill the last one is, is printed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deribit_ws.recorder import Record, read_recording

_ROOT = Path(__file__).resolve().parent.parent.parent
_START_SECONDS = 60.0  # for the process to begin
_LIVES = (0.0, 1.5)  # seconds that it may live from its first flush of a line on


@dataclass(frozen=True, slots=True)
class Kill:
    """What was left behind: lines that were handed over, lines read back, and how old the last was (s)."""

    handed: int
    read: int
    lag: float
    holes: int

    @property
    def lost(self) -> int:
        """Complete lines that are not there."""
        return max(0, self.handed - self.read)


def kill_once(path: Path, chance: random.Random) -> Kill:
    """Have a recording made at `path`, and kill it."""
    down, up = os.pipe()
    command = [sys.executable, "-m", "tests.recorder.kills", "--record", str(path), str(up)]
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen(command, pass_fds=[up], cwd=_ROOT, stderr=quiet) as process,
        os.fdopen(down, "rb", 0) as told,
    ):
        os.close(up)
        said = told.read(8)
        while not int.from_bytes(said[-8:]):  # the header is flushed alone
            said += told.read(8)
        time.sleep(chance.uniform(*_LIVES))
        at = time.time_ns()
        process.send_signal(signal.SIGKILL)
        process.wait(_START_SECONDS)
        while more := told.read(65536):
            said += more
    whole = len(said) // 8 * 8
    handed = int.from_bytes(said[whole - 8 : whole])
    records = list(read_recording(path))
    lag = (at - records[-1].t) / 1e9 if records else 0.0
    return Kill(handed, len(records), lag, sum(_holes(records)))


def _holes(records: list[Record]) -> Iterator[int]:
    """Give 1 for each change of a book that is missing between two others, on one link."""
    last: dict[tuple[int, str], int] = {}
    for record in records:
        if record.received is None or '"change_id"' not in record.received:
            continue
        params = json.loads(record.received)["params"]
        book, data = (record.n, params["channel"]), params["data"]
        if book in last and data["type"] == "change":
            yield int(data["prev_change_id"] != last[book])
        last[book] = data["change_id"]


def _record(path: str, told: int) -> None:
    """Record a busy client until killed."""
    import asyncio

    from deribit_ws import Client
    from deribit_ws.recorder.files import Files
    from deribit_ws.testing import Drop, SimulatedExchange

    lines = -1  # the header is none
    write, flush = Files.write, Files.flush

    def counted(self: Files, data: bytes) -> None:
        nonlocal lines
        write(self, data)
        lines += data.count(b"\n")

    def reported(self: Files) -> None:
        flush(self)
        os.write(told, lines.to_bytes(8))

    Files.write, Files.flush = counted, reported  # type: ignore[assignment, method-assign]  # to see what it hands over

    async def main() -> None:
        async with SimulatedExchange(seed=7, step_seconds=0.005) as exchange:
            client = Client(exchange.url, retry_seconds=0.01)
            client.register("book.{name}.100ms", lambda data: None, name=list(exchange.instruments)[:20])
            client.register("ticker.{name}.100ms", lambda data: None, name=list(exchange.instruments)[:20])
            client.record(path)
            async with client:
                while True:
                    await asyncio.sleep(0.4)
                    exchange.inject(Drop.rst())

    asyncio.run(main())


def main(count: int, seed: int = 0) -> int:
    """Kill so many recordings; print what became of them; 1 where a line was lost."""
    chance, kills = random.Random(seed), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            name = "day.jsonl.gz" if number % 2 else "day.jsonl"
            kills.append(kill_once(Path(folder) / f"{number:04}-{name}", chance))
    lags = sorted(kill.lag for kill in kills)
    lost, holes = sum(kill.lost for kill in kills), sum(kill.holes for kill in kills)
    print(
        f"{count} kills: {sum(kill.handed for kill in kills):,} lines handed over, {lost} lost, {holes} holes"
    )
    print(f"the last line was {lags[len(lags) // 2]:.2f} s old (median), {lags[-1]:.2f} s at most")
    return int(lost > 0 or holes > 0)


if __name__ == "__main__":
    if sys.argv[1] == "--record":
        _record(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1])))
