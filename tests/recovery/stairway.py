"""The stairway: the link is cut after N bytes, for every N through a whole dialogue; all of it still holds.

The idea is aio-pika's. `python -m tests.recovery.stairway` takes every step, in virtual time or (`--sockets`)
over loopback, and `--way up --only 1234` one of them again; `test_stairway` takes some. Knows which steps
there are. Must not know how one is taken (`step`).
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import looptime

from deribit_ws.testing.proxy_faults import Way
from deribit_ws.testing.proxy_links import Links
from tests.recovery.step import WAYS, Outcome, Step, lived, run, told_of

AT_ONCE = 12  # steps side by side over sockets, each with little to do and long to wait
_SHORT = 125  # bytes; a longer text, up to 64 kB, has two more of header (RFC 6455, 5.2)
_HEADERS = {Way.UP: (6, 8), Way.DOWN: (2, 4)}  # the client's are masked


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the dialogue is in bytes when nobody cuts it, and where its frames begin."""

    total: int
    edges: frozenset[int]

    def places(self, evenly: Iterable[int]) -> list[int]:
        """Add to some places those around the edge of each frame: bytes within one are much alike."""
        around = {edge + near for edge in self.edges for near in (-1, 0, 1)}
        return sorted({*evenly, *(place for place in around if 0 <= place < self.total)})


def planned(way: str, seed: int = 0) -> Plan:
    """Measure the dialogue; it needs no second link then."""
    edges: set[int] = set()
    counted = (Way.UP, Way.DOWN) if WAYS[way] is None else (WAYS[way],)
    ends = dict.fromkeys(Way, 0)  # of the last frame each way: several may be written at once

    def told(links: Links, frame_way: Way, text: bytes) -> None:
        passed = links.links[1].course.passed
        begin = max(passed[frame_way], ends[frame_way])
        ends[frame_way] = begin + _HEADERS[frame_way][len(text) > _SHORT] + len(text)
        if frame_way in counted:
            edges.add(begin + (_passed(links, counted) - passed[frame_way]))

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        links, _ = runner.run(lived(Step(way, 0, seed), [], cancels=True, told=told))
    assert len(links.links) == 1, "it needed a second link, though nobody cut the first"
    return Plan(_passed(links, counted), frozenset(edges))


def _passed(links: Links, ways: Iterable[Way | None]) -> int:
    return sum(count for way, count in links.links[1].course.passed.items() if way in ways)


def in_memory(steps: list[Step], jobs: int) -> Iterator[Outcome]:
    """Take steps in virtual time, in so many processes."""
    if jobs == 1:
        yield from map(run, steps)
        return
    with ProcessPoolExecutor(jobs, initializer=partial(logging.disable, logging.CRITICAL)) as pool:
        yield from pool.map(run, steps, chunksize=8)


def over_sockets(steps: list[Step]) -> list[Outcome]:
    """Take steps over loopback, some side by side."""

    async def climb() -> list[Outcome]:
        seats = asyncio.Semaphore(AT_ONCE)

        async def one(step: Step) -> Outcome:
            async with seats:
                return await told_of(step)

        outcomes = await asyncio.gather(*map(one, steps))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks are left: {left}"
        return outcomes

    return asyncio.run(climb())


def summed(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Count what steps came to, and tell each that failed as it comes."""
    sums = Counter(
        dict.fromkeys(("steps", "links", "not cut", "with fills out of order as told", "failed"), 0)
    )
    for outcome in outcomes:
        sums["steps"] += 1
        sums["links"] += outcome.links
        sums["not cut"] += not outcome.was_cut
        sums["with fills out of order as told"] += outcome.was_late
        sums["failed"] += bool(outcome.fault)
        if outcome.fault:
            print(f"FAILED {outcome.step}: {outcome.fault}", flush=True)
    return sums


def main() -> int:
    """Take the steps asked for; tell each that failed, and a verdict."""
    parser = argparse.ArgumentParser(description="Cut the link after every N bytes of a whole dialogue.")
    parser.add_argument("--stride", type=int, default=1, help="bytes from one step to the next")
    parser.add_argument(
        "--edges", action="store_true", help="also just before, at and after each frame's end"
    )
    parser.add_argument("--first", type=int, default=0, help="bytes of the first step")
    parser.add_argument("--way", choices=WAYS, action="append", help="default: each")
    parser.add_argument("--only", type=int, action="append", help="bytes of the one step to take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--sockets", action="store_true", help="over TCP, in real time")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # each cut is a warning or two
    failed = 0
    for way in given.way or WAYS:
        begun, plan = time.perf_counter(), planned(way, given.seed)
        evenly = range(given.first, plan.total, given.stride)
        places = given.only or (plan.places(evenly) if given.edges else evenly)
        steps = [Step(way, nbytes, given.seed, given.sockets) for nbytes in places]
        sums = summed(over_sockets(steps) if given.sockets else in_memory(steps, given.jobs))
        failed += sums["failed"]
        told = ", ".join(f"{count} {what}" for what, count in sums.items())
        seconds = time.perf_counter() - begun
        size = f"{plan.total} bytes, {len(plan.edges)} frames"
        print(f"seed {given.seed}, {way}: {size}; {told}; {seconds:.0f} s", flush=True)
    print("held" if not failed else f"FAILED: {failed} steps")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
