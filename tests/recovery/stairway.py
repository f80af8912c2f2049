"""The stairway: the link is cut after N bytes, for every N through a whole dialogue; all of it still holds.

The idea is aio-pika's. `python -m tests.recovery.stairway` takes every step, in virtual time or (`--sockets`)
over loopback; `test_stairway` some. Each step is a run of its own, with an exchange, a client and a chance of
its own, so that `--way up --only 1234` repeats it. Knows how a step is made. Must not know what is said
(`dialogue`) or what is right (`judge`).
"""

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import looptime

from deribit_ws import Client, Credentials
from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy import ChaosProxy
from deribit_ws.testing.proxy_faults import CutAfter, Ending, Way
from deribit_ws.testing.proxy_links import Links
from tests.recovery.dialogue import Dialogue
from tests.recovery.judge import behind, judge, was_late

KEY = Credentials("simulated", "secret")
Told = Callable[[Links, Way], object]  # of each frame, as it is written
WAYS: dict[str, Way | None] = {"up": Way.UP, "down": Way.DOWN, "both": None}
OPTIONS: dict[str, Any] = {"step_seconds": 0.1, "heartbeat_scale": 0.1}  # a test_request comes each second
QUIET_SECONDS = 60.0  # in which all must have been delivered; a half-open link takes up to 20.6 to be found
LATE_SECONDS = 0.3  # between two looks whether it is so; also in which what comes a second time would come
LONGEST = 300.0  # seconds for a step
RECOVERY_BYTES = (1_500, 15_000)  # a cut of a later link: while it logs in, or while it recovers
LATENCY = (0.001, 0.01)  # seconds, each way, in memory
AT_ONCE = 12  # steps side by side over sockets, each with little to do and long to wait


@dataclass(frozen=True, slots=True)
class Step:
    """A cut of the first link after `nbytes`, of later ones by chance, and everything else that is chance's."""

    way: str
    nbytes: int
    seed: int = 0
    sockets: bool = False

    @property
    def rng(self) -> Random:
        """All chance of this step."""
        return Random(f"{self.seed} {self.way} {self.nbytes}")

    def cuts(self, rng: Random) -> list[CutAfter]:
        """Give the cut of each link, the first one first."""
        endings = [Ending.RST] * 5 + [Ending.FIN] * 5 + [Ending.HALF_OPEN] * (not self.sockets)
        cuts = [CutAfter(self.nbytes, WAYS[self.way], rng.choice(endings))]
        while len(cuts) < 4 and rng.random() < 0.4:
            nbytes = rng.randrange(rng.choice(RECOVERY_BYTES))
            cuts.append(CutAfter(nbytes, rng.choice(list(WAYS.values())), rng.choice(endings)))
        return cuts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to: `fault` is what was wrong, in words, "" where nothing was."""

    step: Step
    fault: str
    links: int = 0
    was_cut: bool = True
    was_late: bool = False  # fills came out of order, as the client said


async def take(step: Step) -> Outcome:
    """Hold the dialogue with the link cut, and judge it.

    Raises:
        AssertionError: something was lost, came twice, or was not true; or a task was left.
    """
    random.seed(step.seed)  # the back-off's
    rng = step.rng
    cuts, cancels = step.cuts(rng), rng.random() < 0.5
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    others = asyncio.all_tasks()
    async with asyncio.timeout(LONGEST):
        links, dialogue = await _lived(step, cuts, cancels=cancels)
    for _ in range(5):  # what was closed in the last breath may finish
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - others
    assert step.sockets or not left, f"tasks are left: {left}"
    assert not complaints, f"the loop complained: {complaints}"
    return Outcome(step, "", len(links.links), links.links[1].course.ended, was_late(dialogue))


async def _lived(
    step: Step, cuts: list[CutAfter], *, cancels: bool, told: Told | None = None
) -> tuple[Links, Dialogue]:
    """Let a client live through the dialogue and the cuts; give the links it had, and what it heard."""
    async with _stage(step, told) as (exchange, links, url, session):
        client = Client(
            url, credentials=KEY, session=session, retry_seconds=0.05, cancel_on_disconnect=cancels
        )
        dialogue = Dialogue(exchange, client)
        cutter = asyncio.create_task(_cut(exchange, links, cuts))
        await asyncio.sleep(0)  # the first is armed
        async with client:
            await _talk(dialogue, links, cutter)
        return links, dialogue


async def _talk(dialogue: Dialogue, links: Links, cutter: asyncio.Task[None]) -> None:
    await dialogue.begin()
    async with dialogue.open() as readers:
        await dialogue.hold()
        cutter.cancel()
        await asyncio.wait([cutter])
        links.clear_faults()
        dialogue.still()
        await asyncio.sleep(LATE_SECONDS)
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                while behind(dialogue) or links.links[max(links.links)].course.ended:
                    await asyncio.sleep(LATE_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not delivered: {behind(dialogue)}") from None
        for reader in readers:
            if reader.done():
                reader.result()
        assert not any(reader.done() for reader in readers), "a reader ended"
        judge(dialogue)


async def _cut(exchange: SimulatedExchange, links: Links, cuts: Iterable[CutAfter]) -> None:
    """Arm the cut of each link once the one before it is made."""
    for number, cut in enumerate(cuts):
        await exchange.ledger.until(lambda number=number: len(links.links) >= number)  # type: ignore[misc]  # bound
        links.inject(cut)


@asynccontextmanager
async def _stage(step: Step, told: Told | None) -> AsyncIterator[tuple[SimulatedExchange, Links, str, Any]]:
    """An exchange, the links that lead to it, where to dial, and with what."""
    if step.sockets:
        async with (
            SimulatedExchange(seed=step.seed, **OPTIONS) as exchange,
            ChaosProxy(exchange.url, seed=step.seed) as proxy,
        ):
            yield exchange, proxy, proxy.url, None
        return
    exchange = SimulatedExchange(seed=step.seed, listen=False, wall_clock=loop_clock(), **OPTIONS)
    network: MemoryNetwork
    on_frame = told and (lambda _, way, __: told(network, way))
    async with exchange, exchange.memory(seed=step.seed, latency=LATENCY, on_frame=on_frame) as network:
        yield exchange, network, exchange.url, network.session


# --- many steps


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the dialogue is in bytes when nobody cuts it, and where its frames begin."""

    total: int
    edges: frozenset[int]

    def places(self, stride: int, first: int = 0) -> list[int]:
        """Every so many bytes, and around the edge of each frame: bytes within one are much alike."""
        around = {edge + near for edge in self.edges for near in (-1, 0, 1)}
        return sorted({*range(first, self.total, stride), *around} & {*range(first, self.total)})


def planned(way: str, seed: int = 0) -> Plan:
    """Measure the dialogue; it needs no second link then."""
    edges: set[int] = set()
    counted = (Way.UP, Way.DOWN) if WAYS[way] is None else (WAYS[way],)

    def told(links: Links, frame_way: Way) -> None:
        if frame_way in counted:
            edges.add(_passed(links, counted))

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        links, _ = runner.run(_lived(Step(way, 0, seed), [], cancels=True, told=told))
    assert len(links.links) == 1, "it needed a second link, though nobody cut the first"
    return Plan(_passed(links, counted), frozenset(edges))


def _passed(links: Links, ways: Iterable[Way | None]) -> int:
    return sum(count for way, count in links.links[1].course.passed.items() if way in ways)


def run(step: Step) -> Outcome:
    """Take one step in a loop of its own; a fault is told in the outcome."""
    make_loop = asyncio.new_event_loop if step.sockets else looptime.new_event_loop
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(_told(step))


async def _told(step: Step) -> Outcome:
    try:
        return await take(step)
    except Exception as error:
        return Outcome(step, f"{type(error).__name__}: {error}")


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
                return await _told(step)

        return await asyncio.gather(*map(one, steps))

    return asyncio.run(climb())


def main() -> int:
    """Take the steps asked for; tell each that failed, and a verdict."""
    parser = argparse.ArgumentParser(description="Cut the link after every N bytes of a whole dialogue.")
    parser.add_argument("--stride", type=int, default=1, help="bytes from one step to the next")
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
        places = given.only or plan.places(given.stride, given.first)
        steps = [Step(way, nbytes, given.seed, given.sockets) for nbytes in places]
        sums: Counter[str] = Counter()
        for outcome in over_sockets(steps) if given.sockets else in_memory(steps, given.jobs):
            sums.update(
                steps=1,
                links=outcome.links,
                uncut=not outcome.was_cut,
                late=outcome.was_late,
                failed=bool(outcome.fault),
            )
            if outcome.fault:
                print(f"FAILED {way} after {outcome.step.nbytes} bytes: {outcome.fault}", flush=True)
        failed += sums["failed"]
        print(
            f"seed {given.seed}, {way}: {plan.total} bytes, {len(plan.edges)} frames, {sums['steps']} steps, {sums['links']} links, "
            f"{sums['uncut']} not cut, {sums['late']} with fills out of order as told, {sums['failed']} failed; {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
    print("held" if not failed else f"FAILED: {failed} steps")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
