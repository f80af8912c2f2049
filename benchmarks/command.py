"""The command: runs the sections asked for, prints them, and writes the page when all were asked for.

Knows the sections and the machine. `__main__` calls it.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import book_parts, growth, imports, latency, memory, restore, throughput
from benchmarks.race import ROOT, Arena, Failed
from benchmarks.report import Section, goals_table
from benchmarks.traffic import WEIGHTS

SECTIONS = ("throughput", "book", "growth", "latency", "restore", "memory", "import")
ROUNDS = 7  # at least as many as a median with a spread wants
SECONDS = (
    1.0  # of a run: long enough for a hundred thousand messages, short enough for a machine to stay the same
)
LIBRARIES = (
    "deribit_ws", "aiohttp", "msgspec", "orjson", "websockets", "picows", "uvloop", "ccxt", "cryptofeed",
)  # fmt: skip
PAGE = "performance.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for."""
    asked = _arguments(argv)
    sections = asked.sections or list(SECTIONS)
    folder = asked.out or ROOT / "docs"
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as frames:
        arena = Arena(Path(frames), 0.05 if asked.quick else asked.seconds)
        found = []
        for name in sections:
            print(f"{name} …", file=sys.stderr, flush=True)
            found.append(_measure(name, arena, asked, folder))
            print(found[-1].text(), flush=True)
    print(goals_table(goal for section in found for goal in section.goals).text())
    if sections == list(SECTIONS) and (asked.out or not asked.quick):
        (folder / PAGE).write_text(_page(found, arena))
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print tables.")
    parser.add_argument(
        "sections", nargs="*", type=_section, help=f"of {', '.join(SECTIONS)}; all, if none is named"
    )
    parser.add_argument("--rounds", type=int, default=0, help=f"{ROUNDS}, or 2 with --quick")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="about how long a run lasts (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a little of everything; proves that it runs")
    parser.add_argument("--out", type=Path, help="folder for the page and the picture (docs)")
    return parser.parse_args(argv)


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"no such section: {name}")
    return name


def _measure(name: str, arena: Arena, asked: argparse.Namespace, folder: Path) -> Section:
    rounds = asked.rounds or (2 if asked.quick else ROUNDS)
    quick = asked.quick
    ways: dict[str, Callable[[], Section]] = {
        "throughput": lambda: throughput.measure(arena, rounds),
        "book": lambda: book_parts.measure(arena, rounds),
        "growth": lambda: growth.measure(arena, min(rounds, ROUNDS), folder, quick=quick),
        "latency": lambda: latency.measure(arena, rounds),
        "restore": lambda: restore.measure(arena, rounds, (1, 50) if quick else restore.CHANNELS),
        "memory": lambda: memory.measure(arena, min(rounds, 3), quick=quick),
        "import": lambda: imports.measure(3) if quick else imports.measure(),
    }
    try:
        return ways[name]()
    except Failed as failed:
        print(failed, file=sys.stderr, flush=True)
        return Section(name.capitalize(), f"Not measured: {str(failed).splitlines()[-1]}")


def _page(sections: Sequence[Section], arena: Arena) -> str:
    goals = goals_table(goal for section in sections for goal in section.goals)
    parts = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit it by hand. Run that again to have the figures of your own"
        " machine. One part: `make bench ARGS=latency`; a little of all, and roughly: `ARGS=--quick`.",
        "",
        _circumstances(),
        "",
        _traffic(arena),
        "",
        "## Goals",
        "",
        goals.markdown(),
        "",
    ]
    return "\n".join([*parts, *(section.markdown() for section in sections)])


def _circumstances() -> str:
    versions = ", ".join(f"{name} {version}" for name in LIBRARIES if (version := _version(name)))
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, {python}, {machine}; {versions}. The machine is shared"
        " and noisy: absolute figures are worth little, ratios of runs side by side more."
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _traffic(arena: Arena) -> str:
    mix = ", ".join(f"{share} % {family}" for family, share in WEIGHTS.items())
    size = f"{arena.message_bytes.get('mixed', 0):.0f}"
    return (
        f"Mixed traffic is {mix} messages over ten channels (four tickers, three books, three of trades),"
        f" {size} bytes a message with its frame, in Deribit's key order; books hang together by their"
        " change_id, trades by their trade_seq. The sender answers the calls a client makes, then writes"
        " prepared frames as fast as they are taken."
    )
