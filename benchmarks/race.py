"""Contenders in turns: processes on cores of their own, A B A B, and ratios of neighbours.

Knows processes, cores and the two command lines (`sender`, `contender`). Must not know what is compared, or
why: `throughput`, `growth` and the others call it. A machine's speed drifts by more than the contenders
differ, so only ratios of runs that stood side by side count; their median is given with the smallest and
the largest.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.contenders.table import CONTENDERS
from benchmarks.counting import Note
from benchmarks.job import Options
from benchmarks.traffic import CHUNK, Prepared, Traffic, prepare

SLOWEST = 5_000  # messages a second; what a run may take for its messages on a very busy machine
ROOT = Path(__file__).resolve().parent.parent
RUN_SECONDS = 60  # and what it should last; no run is meant to take a tenth of it


class Failed(Exception):
    """A contender did not come to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run.

    Attributes:
        notes: messages, seconds, CPU seconds and bytes resident at each mark and at the end.
        sums: trades, levels and bytes counted.
        peak: bytes resident at most.
        figures: what else was measured.
    """

    notes: list[Note]
    sums: list[int]
    peak: int
    figures: list[float]

    @property
    def rate(self) -> float:
        """Messages a second, from the first mark to the end."""
        first, last = self.notes[0], self.notes[-1]
        return (last[0] - first[0]) / (last[1] - first[1])

    @property
    def cpu_rate(self) -> float:
        """Messages a second of CPU time."""
        first, last = self.notes[0], self.notes[-1]
        return (last[0] - first[0]) / (last[2] - first[2])


# Bytes, of glibc's malloc: what may lie free at the end of the heap, and what is mapped by itself.
_KEPT = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}


class Arena:
    """The sender, the prepared traffic, and the cores.

    Args:
        folder: for the files of frames.
        seconds: about how long a run should last.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        self.message_bytes: dict[str, float] = {}  # by kind of traffic
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.cores = (cores[-1], cores[0]) if len(cores) > 1 else None  # contender's, sender's
        self._environment = dict(os.environ)

    @contextlib.contextmanager
    def keeping_memory(self) -> Iterator[None]:
        """Have contenders keep what they free, where their allocator is glibc's.

        By itself it gives a small heap back to the system with nearly every read of the socket, and fetches
        it again: a seventh of what a message costs the bare loop over ten channels. Over ten thousand the
        heap is larger and stays, which has nothing to do with the work.
        """
        usual = self._environment
        self._environment = usual | _KEPT
        try:
            yield
        finally:
            self._environment = usual

    @contextlib.contextmanager
    def sender(self) -> Iterator[tuple[int, Any]]:
        """Start a sender; give its port, and its words as they come."""
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sender"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            try:
                self._pin(process.pid, 1)
                assert process.stdout is not None
                yield int(process.stdout.readline()), process.stdout
            finally:
                process.kill()

    def run(
        self, port: int, name: str, traffic: Traffic, options: Options | None = None, **wish: int
    ) -> Outcome:
        """Run one contender on some traffic.

        Raises:
            Failed: it ended badly, not at all, or saw something else than was sent.
        """
        prepared = prepare(traffic, self.folder)
        self.message_bytes[traffic.kind] = prepared.message_bytes
        messages = wish.pop("messages", traffic.messages)
        asked = {"file": str(prepared.path), "messages": messages, "channels": traffic.channels, **wish}
        url = f"ws://127.0.0.1:{port}/ws/api/v2?{urlencode(asked)}"
        said = self._said(name, url, options or Options(marks=[max(1000, traffic.channels)]), messages)
        outcome = Outcome(**said)
        if messages == traffic.messages:
            _judge(name, outcome, prepared)
        return outcome

    def _said(self, name: str, url: str, options: Options, messages: int) -> dict[str, Any]:
        limit = RUN_SECONDS + messages / SLOWEST
        command = [sys.executable, "-m", "benchmarks.contender", name, url, json.dumps(asdict(options))]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
        ) as p:
            self._pin(p.pid, 0)
            try:
                said, complaints = p.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                p.kill()
                raise Failed(f"{name}: not done after {limit:.0f} s") from None
        if p.returncode:
            raise Failed(f"{name}: {complaints.strip()[-2000:]}")
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def _pin(self, pid: int, place: int) -> None:
        if self.cores is not None:
            with contextlib.suppress(OSError):  # where it is not allowed, the system places them
                os.sched_setaffinity(pid, {self.cores[place]})

    def traffic(self, name: str, kind: str, channels: int = 10) -> Traffic:
        """Give traffic for a run of one contender, as long as runs should last."""
        contender = CONTENDERS[name]
        messages = max(4, round(contender.speed * self.seconds / CHUNK)) * CHUNK
        return Traffic(kind, messages, channels, interval=contender.interval)


def _judge(name: str, outcome: Outcome, prepared: Prepared) -> None:
    for seen, sent in zip(outcome.sums, prepared.sums[-1], strict=True):
        if seen not in (0, sent):  # none is 0 in all traffic; a contender may not count all of them
            raise Failed(f"{name} saw {outcome.sums} of {prepared.sums[-1]}")


@dataclass(slots=True)
class Pairing:
    """A contender beside its base, round by round.

    Attributes:
        name: of the contender.
        rates: its messages a second.
        ratios: its rate by that of the base in the same round.
        cpu_ratios: the same of CPU time.
        fault: why there is nothing.
    """

    name: str
    rates: list[float]
    ratios: list[float]
    cpu_ratios: list[float]
    fault: str = ""

    @property
    def rate(self) -> float:
        """Its median."""
        return median(self.rates)


def race(
    arena: Arena, base: str, others: list[str], kind: str, rounds: int, channels: int = 10
) -> list[Pairing]:
    """Run `base` beside each of `others`, in turns; `base` among the others is the control."""
    pairings = [Pairing(name, [], [], [], _absent(base, name)) for name in others]
    with arena.sender() as (port, _):
        for number in range(rounds):
            for pairing in pairings:
                if not pairing.fault:
                    _meet(arena, port, base, pairing, kind, channels, swapped=number % 2 == 1)
            print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return pairings


def _absent(*names: str) -> str:
    missing = [needed for name in names for needed in CONTENDERS[name].missing()]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _meet(
    arena: Arena, port: int, base: str, pairing: Pairing, kind: str, channels: int, *, swapped: bool
) -> None:
    """Run the two, in either order, so that a drift favours neither."""
    order = [base, pairing.name]
    try:
        runs = [
            arena.run(port, name, arena.traffic(name, kind, channels))
            for name in order[:: -1 if swapped else 1]
        ]
    except Failed as failed:
        pairing.fault = str(failed)
        print(f"  {failed}", file=sys.stderr, flush=True)
        return
    first, second = runs[:: -1 if swapped else 1]
    pairing.rates.append(second.rate)
    pairing.ratios.append(second.rate / first.rate)
    pairing.cpu_ratios.append(second.cpu_rate / first.cpu_rate)
