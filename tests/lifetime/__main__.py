"""`python -m tests.lifetime`: the three rows of a client's lifetime at full size; non-zero when one falls.

Knows the rows and their loops. Prints a line per row and seed, with the figures of the row of signals.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable

import looptime

from tests.lifetime import rows, signalled


async def _signalled(seed: int) -> int:
    ends = await signalled.signalled(seed)
    seconds = sorted(took for _, took in ends)
    slowest = max(ends, key=lambda end: end[1])
    print(f"   ends after p50 {seconds[len(seconds) // 2]:.2f} s, at most {slowest[1]:.2f} s ({slowest[0]})")
    return len(ends)


def _played(row: str, play: Callable[[int], Awaitable[int]], seed: int, *, virtual: bool) -> bool:
    begun = time.perf_counter()
    make_loop = looptime.new_event_loop if virtual else asyncio.new_event_loop
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            count = runner.run(_counted(play, seed))
    except (AssertionError, BaseExceptionGroup) as fallen:
        print(f"{row}, seed {seed}: FAILED: {fallen!r}", flush=True)
        return False
    print(f"{row}, seed {seed}: {count} cases held; {time.perf_counter() - begun:.0f} s", flush=True)
    return True


async def _counted(play: Callable[[int], Awaitable[int]], seed: int) -> int:
    return await play(seed)


def main() -> int:
    """Play the rows asked for, seed by seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--stride", type=int, default=1, help="of the cases of row 45, play each so manieth")
    parser.add_argument("--row", type=int, choices=(45, 46, 47), action="append", help="default: each")
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # each drop is one or two
    plays: dict[int, tuple[str, Callable[[int], Awaitable[int]]]] = {
        45: ("45 cancelled everywhere", lambda seed: rows.cancelled_everywhere(seed, given.stride)),
        46: ("46 left anyhow", rows.left_anyhow),
        47: ("47 signalled", _signalled),
    }
    held = [
        _played(*plays[number], seed, virtual=number != 47)
        for number in given.row or plays
        for seed in range(given.first, given.first + given.seeds)
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
