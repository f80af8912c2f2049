"""What it costs to import the package, beside aiohttp alone.

Knows interpreters. `command` calls it.
"""

import os
import subprocess
import sys
import tempfile

from benchmarks.race import ROOT
from benchmarks.report import Goal, Section, Table, spread

ROUNDS = 21  # imports are short, and a machine's noise is not
BARE, OURS = "import aiohttp", "import deribit_ws"
STATEMENTS = (BARE, OURS, "from deribit_ws import Client")  # the last pays for what a lazy import puts off
WORDS = """Fresh interpreters, in turns; the time is that of the one import statement, in milliseconds. All
bytecode was compiled before, as an installer does."""


def measure(rounds: int = ROUNDS) -> Section:
    """Import both, again and again."""
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as bytecode:
        for statement in STATEMENTS:
            _milliseconds(statement, bytecode)
        for _ in range(rounds):
            for statement, taken in times.items():
                taken.append(_milliseconds(statement, bytecode))
    ratios = {
        statement: [mine / its for mine, its in zip(taken, times[BARE], strict=True)]
        for statement, taken in times.items()
    }
    rows = [[f"`{name}`", spread(taken), spread(ratios[name])] for name, taken in times.items()]
    table = Table(["", "ms (least–most)", "ratio"], rows)
    goal = Goal(f"`{OURS}` / `{BARE}`", "≤", 1.25, ratios[OURS])
    return Section("Import", WORDS, [("Time of an import.", table)], [goal])


def _milliseconds(statement: str, bytecode: str) -> float:
    code = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    env = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=env
    )
    return float(done.stdout) * 1000
