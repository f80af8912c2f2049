"""`python -m tests.soak --drops 1000 --messages 10000000`: long runs, told line by line, with a verdict.

Knows the command line and signals. The runs are `drops` and `flood`.
"""

import argparse
import asyncio
import signal
import sys
import time

from tests.soak.drops import soak
from tests.soak.ears import Faults
from tests.soak.flood import flood


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


async def run(given: argparse.Namespace) -> int:
    """Make the runs asked for; a SIGINT ends the one under way, which is judged by what it saw."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    faults: list[Faults] = []
    if given.drops and not stop.is_set():
        say(f"--- {given.drops} drops, seed {given.seed}")
        faults.append(await soak(given.drops, seed=given.seed, free=given.free, say=say, stop=stop))
        _verdict(faults[-1])
    if given.messages and not stop.is_set():
        say(f"--- {given.messages} messages, {given.cuts} drops among them, seed {given.seed}")
        faults.append(await flood(given.messages, given.cuts, seed=given.seed, say=say, stop=stop))
        _verdict(faults[-1])
    if stop.is_set():
        say("stopped early")
    return 1 if any(faults) else 0


def _verdict(faults: Faults) -> None:
    for fault in faults:
        say(f"FAILED: {fault}")
    say(f"FAILED: {faults.total} promises" if faults else "held")


def main() -> int:
    """Read the command line, run, and say how it went."""
    parser = argparse.ArgumentParser(description="Drops in a row, and millions of messages.")
    parser.add_argument("--drops", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--cuts", type=int, default=100, help="drops among the messages")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--free", action="store_true", help="let the exchange charge no credits")
    given = parser.parse_args()
    began = time.monotonic()
    code = asyncio.run(run(given))
    say(f"{time.monotonic() - began:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
