"""Memory: what a subscribed channel holds, and whether a long run grows.

Knows the sizes and the goals. Must not know processes. `command` calls it.
"""

from statistics import median

from benchmarks.job import Options
from benchmarks.race import Arena
from benchmarks.report import Goal, Section, Table
from benchmarks.throughput import BASE
from benchmarks.traffic import Traffic

FEW, MANY = 10, 10_000
STEADY = 5_000_000  # messages, and as many before them
CYCLE = 200_000  # messages of the file that is sent again and again
TENTHS = 10
NOISE = 256 * 1024  # bytes; a heap that does not grow still gives and takes pages of this order
RUNS = 3
WORDS = """Bytes resident. A channel's share is what 10,000 channels hold more than 10, once each has
spoken. A long run is twice 5 million messages of mixed traffic, and growth is over the second 5 million. At a
moment of chance, most often in the first million, a process on aiohttp comes to hold some 0.6 MiB more, and
then no more than that: the bare loop too. So there are three runs, and the least growth counts, for a leak
would be in each; *none* means no more than 256 KiB, the order of what any process takes and gives back."""


def measure(arena: Arena, rounds: int, *, quick: bool = False) -> Section:
    """Measure both."""
    section = Section("Memory", WORDS)
    _channels(arena, section, rounds, 1_000 if quick else MANY)
    _steady(arena, section, STEADY // 25 if quick else STEADY)
    return section


def _channels(arena: Arena, section: Section, rounds: int, many: int) -> None:
    rows, shares = [], {}
    for name, label in ((BASE, "bare loop"), ("typed", "ours")):
        found = [_held(arena, name, many) for _ in range(rounds)]
        shares[name] = [(large - small) / (many - FEW) / 1024 for small, large in found]
        columns = [median(column) / 2**20 for column in zip(*found, strict=True)]
        rows.append([label, *(f"{column:.1f}" for column in columns), f"{median(shares[name]):.2f}"])
    head = ["", f"MiB with {FEW}", f"MiB with {many:,}", "KiB a channel"]
    section.tables.append(("Subscribed channels.", Table(head, rows)))
    section.goals.append(Goal("memory per subscribed channel", "≤", 2, shares["typed"], " KiB"))


def _held(arena: Arena, name: str, many: int) -> tuple[int, int]:
    """Give the bytes resident at the end, with few channels and with many."""
    with arena.sender() as (port, _):
        few, lots = (
            arena.run(port, name, Traffic("ticker", 2 * MANY, channels)).notes[-1][3]
            for channels in (FEW, many)
        )
    return few, lots


def _steady(arena: Arena, section: Section, messages: int) -> None:
    marks = Options(marks=[2 * messages * tenth // TENTHS for tenth in range(1, TENTHS)])
    with arena.sender() as (port, _):
        bare, *ours = (
            arena.run(port, name, Traffic("mixed", CYCLE), marks, messages=2 * messages).notes
            for name in (BASE, *["typed"] * RUNS)
        )
    rows = [
        [f"{notes[0][0]:,}", *(f"{held / 2**20:.2f}" for _, _, _, held in notes)]
        for notes in zip(bare, *ours, strict=True)
    ]
    head = ["MiB after messages", "bare loop", *(f"ours, run {n}" for n in range(1, RUNS + 1))]
    section.tables.append(("Long runs.", Table(head, rows)))
    grown = min(notes[-1][3] - notes[TENTHS // 2 - 1][3] for notes in ours)
    beyond = max(0, grown - NOISE) / 1024
    section.goals.append(Goal("growth over 5 M messages, beyond noise", "≤", 0, [beyond], " KiB"))
