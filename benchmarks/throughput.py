"""Messages a second: every way to listen, beside loops written by hand and beside other clients.

Knows which comparisons are wanted and the goals. Must not know processes. `command` calls it.
"""

from collections.abc import Sequence

from benchmarks.contenders.table import CONTENDERS
from benchmarks.race import Arena, Pairing, race
from benchmarks.report import Goal, Section, Table, spread

BASE = "aiohttp-orjson-bytes"  # the fastest loop that gives a dict: the others are measured against it
MIXED = (
    BASE,  # against itself, as the control: it must give 1.0
    "aiohttp-orjson",
    "aiohttp-json",
    "aiohttp-msgspec",
    "websockets-json",
    "websockets-orjson",
    "picows-msgspec",
    "typed",
    "dict",
    "bytes",
    "coroutine",
    "stream",
    "typed-uvloop",
    "bytes-uvloop",
)
CHANNELS = 10
BOOKS = 4  # the perpetuals; of options, which share a symbol there, the peers would keep one book
WORDS = """Each contender is a process of its own on a core of its own, the sender on another. Every run
stands beside one of the base, in turns; the ratio is that of the two, and its median over the rounds
counts, not the figures of any one run. *CPU* is the same ratio by CPU time: where the machine is busy with
other things it is steadier. The callbacks of all contenders do the same: read a field or two, count,
compare the count."""


def measure(arena: Arena, rounds: int) -> Section:
    """Compare them all."""
    section = Section("Throughput", WORDS)
    mixed = _compared(arena, section, "Mixed traffic", BASE, MIXED, "mixed", rounds)
    for name, goal in (("typed", 1.0), ("bytes", 1.6), ("coroutine", 0.7)):
        what = f"{CONTENDERS[name].label} / {CONTENDERS[BASE].label}"
        section.goals.append(Goal(what, "≥", goal, mixed[name].ratios))
    for peer, goal in (("ccxt", 8), ("cryptofeed", 4), ("websockets-json", 3)):
        _beside(arena, section, "typed", peer, "mixed", goal, rounds)
    for peer, goal in (("ccxt", 8), ("cryptofeed", 3)):
        _beside(arena, section, "order-book", peer, "book", goal, rounds)
    _compared(arena, section, "Books only", BASE, (BASE, "order-book"), "book", rounds)
    _compared(arena, section, "Trades only", BASE, (BASE, "trades"), "trades", rounds)
    return section


def _compared(
    arena: Arena, section: Section, title: str, base: str, names: Sequence[str], kind: str, rounds: int
) -> dict[str, Pairing]:
    pairings = race(arena, base, list(names), kind, rounds, BOOKS if kind == "book" else CHANNELS)
    head = ["", "messages/s", "ratio (least–most)", "CPU ratio"]
    caption = f"{title}; the base of the ratios is {CONTENDERS[base].label}."
    section.tables.append((caption, Table(head, [_row(pairing, base) for pairing in pairings])))
    return {pairing.name: pairing for pairing in pairings}


def _row(pairing: Pairing, base: str) -> list[str]:
    label = CONTENDERS[pairing.name].label + (" (control)" if pairing.name == base else "")
    if pairing.fault:
        return [label, pairing.fault.splitlines()[-1], "–", "–"]
    return [label, f"{pairing.rate:,.0f}", spread(pairing.ratios), spread(pairing.cpu_ratios)]


def _beside(
    arena: Arena, section: Section, ours: str, peer: str, kind: str, goal: float, rounds: int
) -> None:
    title = "Mixed traffic" if kind == "mixed" else "Books only"
    pairings = _compared(arena, section, title, peer, (ours,), kind, rounds)
    what = f"{CONTENDERS[ours].label} / {CONTENDERS[peer].label}"
    section.goals.append(Goal(what, "≥", goal, pairings[ours].ratios))
