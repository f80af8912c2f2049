"""`python -m tests.bytes`: so many inputs, shared out among the promises, and what came of each.

Knows: the promises by name, and how libFuzzer is told and what it says. Must not know: how an input is
judged. Each promise has a process; the first finding ends it, and makes the code 1.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.bytes.promises import PROMISES, Promise

_LONGEST = 4096  # bytes of an input; what is longer has tests of its own (`test_weight`)
_SLOWEST = 10  # seconds for one input: more is a finding
_SHOWN = 3000  # characters of what libFuzzer says of a finding
_MOST_MEMORY = 1024  # MiB
_WEIGHTS = {"books": 0.5, "trades": 0.5, "answers": 2.0, "payloads": 2.0}  # slower, or quicker, than most
_REACHED = re.compile(r"cov: (\d+)")
_RUN = re.compile(r"stat::number_of_executed_units: (\d+)")


class Result(NamedTuple):
    """What fuzzing one promise came to; `finding` is empty where nothing was found."""

    name: str
    inputs: int
    seconds: float
    reached: int
    finding: str

    def __str__(self) -> str:
        rate = self.inputs / self.seconds
        verdict = self.finding or "nothing found"
        return f"{self.name:<10} {self.inputs:>9,} {rate:>9,.0f}/s {self.reached:>7,}  {verdict}"


def fuzzed(name: str, inputs: int, seconds: int, seed: int) -> Result:
    """Fuzz one promise with so many inputs, in at most so many seconds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _write_seeds(Path(folder), PROMISES[name])
        options = {
            "runs": inputs,
            "seed": seed,
            "max_len": _LONGEST,
            "timeout": _SLOWEST,
            "rss_limit_mb": _MOST_MEMORY,
            "max_total_time": seconds,
            **({"dict": f"{folder}/words"} if PROMISES[name].words else {}),
            "artifact_prefix": f"{folder}/found-",
            "print_final_stats": 1,
        }
        told = [f"-{option}={value}" for option, value in options.items()]
        done = subprocess.run(
            [sys.executable, "-m", "tests.bytes.fuzzing", name, *told, f"{folder}/corpus"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        found = [path.read_bytes() for path in Path(folder).glob("found-*")]
    finding = "" if done.returncode == 0 else _told_of(found, done.stdout)
    run, reached = _RUN.search(done.stdout), _REACHED.findall(done.stdout)
    return Result(
        name,
        int(run[1]) if run else 0,
        time.monotonic() - began,
        int(reached[-1]) if reached else 0,
        finding,
    )


def _write_seeds(folder: Path, promise: Promise) -> None:
    (folder / "corpus").mkdir()
    for at, seed in enumerate(promise.seeds):
        (folder / "corpus" / f"{at:03}").write_bytes(seed)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in promise.words)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in escaped))


def _told_of(found: list[bytes], said: str) -> str:
    start = max(said.find("Uncaught Python exception"), len(said) - _SHOWN)  # a crash leaves no such line
    return f"BROKEN by {found[0] if found else b'?'!r}\n{said[start:][:_SHOWN]}"


def main() -> int:
    """Fuzz all promises, or those named; 1 when one was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bytes", description=main.__doc__)
    parser.add_argument("promises", nargs="*", choices=[[], *PROMISES], help=f"of {', '.join(PROMISES)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all")
    parser.add_argument("--seconds", type=int, default=1800, help="in all, at most")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.error("needs atheris: pip install --group fuzz")
    names = chosen.promises or [*PROMISES]
    whole = sum(_WEIGHTS.get(name, 1.0) for name in names)
    print(f"{'promise':<10} {'inputs':>9} {'':>11} {'reached':>7}")
    results = []
    for name in names:
        share = _WEIGHTS.get(name, 1.0) / whole
        inputs, seconds = -int(-chosen.inputs * share // 1), max(1, int(chosen.seconds * share))
        results.append(fuzzed(name, inputs, seconds, chosen.seed))
        print(results[-1], flush=True)
    total, took = sum(r.inputs for r in results), sum(r.seconds for r in results)
    findings = sum(bool(r.finding) for r in results)
    rate = total / took
    print(f"{total:,} inputs in {took:,.0f} s, {rate:,.0f}/s; seed {chosen.seed}; {findings} findings")
    return 1 if findings or total < chosen.inputs else 0
