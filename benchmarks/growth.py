"""What a message costs as the work grows: more channels, patterns, callbacks, bytes, levels.

Knows which sizes are looked at, and the goal. Must not know processes. `command` calls it. Ours stands beside
the bare loop on the same traffic, since more channels cost any program's caches; what counts is the ratio of
ratios.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.contenders.table import CONTENDERS
from benchmarks.job import Options
from benchmarks.picture import Panel, draw
from benchmarks.race import Arena
from benchmarks.report import Goal, Section, Table
from benchmarks.throughput import BASE
from benchmarks.traffic import CHUNK, Traffic

PICTURE = "performance-growth.svg"
WINDOW_BYTES = 40  # about, for each level of a window's both sides
MOST_BYTES = 100_000_000  # of a file of frames
WORDS = """CPU time a message takes as one thing grows, beside the bare loop on the same traffic (medians of
the rounds). *Ratio of ratios* is how much more a message costs us than in the first row, divided by how
much more it costs the bare loop. Both keep the memory they free (MALLOC_TRIM_THRESHOLD_ and
MALLOC_MMAP_THRESHOLD_): else glibc gives that of the bare loop back and fetches it again at nearly every
read, but only while its heap is small, so that a message would cost it a seventh more over ten channels than
over ten thousand."""


@dataclass(frozen=True, slots=True)
class Point:
    """One size: of what, how big, and the traffic and options that make it so."""

    x: int
    traffic: Traffic
    options: Options
    ours: str = "typed"


def measure(arena: Arena, rounds: int, folder: Path, *, quick: bool = False) -> Section:
    """Measure all curves; the picture goes into `folder`."""
    section = Section("Cost as the work grows", WORDS, pictures=[PICTURE])
    panels = []
    for title, across, points in _curves(arena, quick):
        with arena.keeping_memory():
            times = [_times(arena, point, rounds) for point in points]
        section.tables.append((f"{title}.", _table(across, points, times)))
        curves = {
            who: [(float(point.x), median(each[number])) for point, each in zip(points, times, strict=True)]
            for number, who in enumerate(("ours", "bare loop"))
        }
        panels.append(Panel(title, across, "µs of CPU a message", curves))
    draw(panels, folder / PICTURE)
    section.goals.append(_goal(arena, rounds, quick))
    return section


def _curves(arena: Arena, quick: bool) -> Iterator[tuple[str, str, list[Point]]]:
    marks = Options()
    sizes = (10, 1000) if quick else (10, 100, 1_000, 10_000)
    yield "Channels", "channels", [_of_channels(arena, size, 1) for size in sizes]
    spread = (1, 100) if quick else (1, 10, 100, 1_000)
    yield (
        "Patterns, over 1,000 channels",
        "patterns",
        [_of_channels(arena, 1000, size, x=size) for size in spread],
    )
    several = (1, 10) if quick else (1, 10, 100)
    yield (
        "Callbacks on one channel",
        "callbacks",
        [
            Point(size, _long(arena, "ticker", 1, 1 + size // 20), replace(marks, callbacks=size))
            for size in several
        ],
    )
    levels = (2, 50) if quick else (2, 25, 250, 2_500, 25_000)
    windows = [_window(arena, size) for size in levels]
    yield (
        "Bytes of a message",
        "bytes",
        [
            Point(window.levels * WINDOW_BYTES + 150, window, Options(marks=[window.chunk]))
            for window in windows
        ],
    )
    depths = (10, 100) if quick else (10, 100, 1_000, 5_000)
    yield (
        "Levels of a live book's side",
        "levels",
        [
            Point(size, replace(_long(arena, "book", 3, 2), levels=size), marks, "order-book")
            for size in depths
        ],
    )


def _long(arena: Arena, kind: str, channels: int, slower: int = 1) -> Traffic:
    """Give traffic that a contender of common speed takes as long for as a run should last."""
    chunks = max(4, channels * 2 // CHUNK, round(250_000 * arena.seconds / slower / CHUNK))
    return Traffic(kind, chunks * CHUNK, channels)


def _of_channels(arena: Arena, channels: int, patterns: int, x: int = 0) -> Point:
    options = Options(marks=[max(1000, channels)], patterns=patterns)
    return Point(x or channels, _long(arena, "ticker", channels), options)


def _window(arena: Arena, levels: int) -> Traffic:
    one = Traffic("window", 0, 1, levels)
    wanted = min(MOST_BYTES, 100e6 * arena.seconds) / (levels * WINDOW_BYTES + 150)
    return replace(one, messages=min(500, max(3, int(wanted / one.chunk))) * one.chunk)


def _times(arena: Arena, point: Point, rounds: int) -> tuple[list[float], list[float]]:
    """Give µs a message, of ours and of the bare loop, round by round."""
    ours: list[float] = []
    bare: list[float] = []
    with arena.sender() as (port, _):
        for number in range(rounds):
            for name in (point.ours, BASE)[:: -1 if number % 2 else 1]:
                outcome = arena.run(port, name, point.traffic, point.options)
                (bare if name == BASE else ours).append(1e6 / outcome.cpu_rate)
    return ours, bare


def _table(across: str, points: Sequence[Point], times: Sequence[tuple[list[float], list[float]]]) -> Table:
    medians = [(median(ours), median(bare)) for ours, bare in times]
    first_ours, first_bare = medians[0]
    rows = [
        [f"{point.x:,}", f"{ours:.2f}", f"{bare:.2f}", f"{ours / first_ours / (bare / first_bare):.2f}"]
        for point, (ours, bare) in zip(points, medians, strict=True)
    ]
    ours_label = CONTENDERS[points[0].ours].label
    return Table([across, f"{ours_label}, µs", f"{CONTENDERS[BASE].label}, µs", "ratio of ratios"], rows)


def _goal(arena: Arena, rounds: int, quick: bool) -> Goal:
    """Compare the largest with the smallest, all four runs of a round side by side."""
    large = _of_channels(arena, *((1_000, 100) if quick else (10_000, 1_000)))
    small = _of_channels(arena, 10, 1)
    small = replace(small, traffic=replace(small.traffic, messages=large.traffic.messages))
    ratios = []
    with arena.keeping_memory(), arena.sender() as (port, _):
        for _ in range(rounds):
            times = [
                1e6 / arena.run(port, name, point.traffic, point.options).cpu_rate
                for point in (small, large)
                for name in ("typed", BASE)
            ]
            ratios.append(times[2] / times[0] / (times[3] / times[1]))
    what = "time a message, 10,000 channels and 1,000 patterns / 10 and 1, by the bare loop's own ratio"
    return Goal(what, "≤", 1.05, ratios)
