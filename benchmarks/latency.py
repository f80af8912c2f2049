"""From the sender's clock to the callback: p50, p99 and p99.9 at three rates, beside the bare loop.

Knows the rates and the goal. Must not know processes. `command` calls it.
"""

from statistics import median

from benchmarks.contenders.table import CONTENDERS
from benchmarks.job import Options
from benchmarks.race import Arena, Failed
from benchmarks.report import Goal, Section, Table
from benchmarks.throughput import BASE
from benchmarks.traffic import Traffic

RATES = (1_000, 5_000, 50_000)
NAMES = (BASE, "typed", "coroutine")
GOAL_RATE = 5_000
CYCLE = 5_000  # messages, sent again and again with new stamps
WARM_SHARE = 10  # the first tenth is not counted
WORDS = """The sender writes each message on its own at a steady pace and puts the clock into it; all
processes of a machine share that clock. A late message is sent at once and stamped when it is written.
Microseconds, medians of the rounds."""


def measure(arena: Arena, rounds: int) -> Section:
    """Measure at each rate."""
    section = Section("Latency", WORDS)
    rows = []
    for rate in RATES:
        found = _rounds(arena, rate, rounds)
        rows += [_row(rate, name, found[name]) for name in NAMES]
        if rate == GOAL_RATE:
            ratios = [ours[1] / bare[1] for ours, bare in zip(found["typed"], found[BASE], strict=True)]
            section.goals.append(Goal(f"p99 at {rate:,} messages/s / bare loop's", "≤", 1.5, ratios))
    head = ["", "messages/s", "p50", "p99", "p99.9", "p99 / bare loop's"]
    section.tables.append(("From the write to the callback.", Table(head, _with_ratios(rows))))
    return section


Figures = list[list[float]]  # of each round: p50, p99, p99.9


def _rounds(arena: Arena, rate: int, rounds: int) -> dict[str, Figures]:
    messages = max(1000, int(rate * arena.seconds * 2))
    options = Options(marks=[messages // WARM_SHARE], delays=True)
    traffic = Traffic("mixed", CYCLE, stamped=True)
    found: dict[str, Figures] = {name: [] for name in NAMES}
    with arena.sender() as (port, _):
        for number in range(rounds):
            for name in NAMES[:: -1 if number % 2 else 1]:
                outcome = arena.run(port, name, traffic, options, rate=rate, messages=messages)
                if not outcome.figures:
                    raise Failed(f"{name}: no delays")
                found[name].append(outcome.figures)
    return found


def _row(rate: int, name: str, figures: Figures) -> list[str]:
    columns = [median(column) for column in zip(*figures, strict=True)]
    return [CONTENDERS[name].label, f"{rate:,}", *(f"{column:,.0f}" for column in columns)]


def _with_ratios(rows: list[list[str]]) -> list[list[str]]:
    bare: dict[str, float] = {}
    for row in rows:
        p99 = float(row[3].replace(",", ""))
        bare.setdefault(row[1], p99)
        row.append(f"{p99 / bare[row[1]]:.2f}")
    return rows
