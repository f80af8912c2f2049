"""Layer 3: the rows whose faults a kernel brings: packets dropped, a process stopped, limits, a clock.

Knows what each fault is, and what must be seen. Must not know how processes are started or judged
(`kernel_scene`), or how packets are dropped (`kernel_net`). The runner takes `KERNEL_ROWS`;
`python -m tests.faults.kernel [row …]` runs them alone. Each gives the seconds that its bound is about.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from tests.faults import kernel_net
from tests.faults.kernel_clock import clock_steps
from tests.faults.kernel_limits import limits
from tests.faults.kernel_net import Dropped
from tests.faults.kernel_referee import FOUND_SECONDS
from tests.faults.kernel_scene import RETRY_SECONDS, Scene, on_a_wire, on_loopback

SHORT_STOP, LONG_STOP = 5.0, 60.0  # seconds; as the row says
AFTER_HEALING = RETRY_SECONDS + 3.6  # a wait; the last SYN dropped is sent again after 1 s, then 2; 0.6
AFTERWARDS = 1.0  # seconds of life after a fault, in which what is stale or double would come
NEEDS_NET = frozenset({11, 12})  # the others do without rights


def why_not(row: int | None = None) -> str | None:
    """Say why a row can't be run here, or the layer as a whole; None where it can."""
    if row is not None and row not in NEEDS_NET:
        return None if sys.platform == "linux" else "not Linux"
    return kernel_net.why_not()


async def half_open(seed: int) -> float:
    """Row 11: nothing passes in either direction, and nobody is told."""
    return await _side_by_side(seed, Dropped.CONNECTION, Dropped.PATH, Dropped.LINK)


async def half_open_one_way(seed: int) -> float:
    """Row 12: only the server's packets pass, or only ours; or ours pass unless they carry a request."""
    return await _side_by_side(seed, Dropped.SERVERS, Dropped.OURS, Dropped.OUR_WRITES)


async def stopped(seed: int) -> float:
    """Row 13: the server's process stops for 5 s, and nobody sees it; for 60 s, and one link is lost."""
    _, found = await asyncio.gather(stopped_shortly(seed), stopped_long(seed))
    return found


async def stopped_shortly(seed: int) -> float:
    """Row 13, its first half: 5 s."""
    async with on_loopback(seed) as scene:
        await asyncio.sleep(Random(seed).random())
        scene.stop()
        await asyncio.sleep(SHORT_STOP)
        scene.go_on()
        await asyncio.sleep(AFTERWARDS)
        await scene.judge(drops=0)
    return 0.0


async def stopped_long(seed: int) -> float:
    """Row 13, its second half: 60 s, in which the kernel goes on to accept what the process can't."""
    async with on_loopback(seed) as scene:
        await asyncio.sleep(Random(seed).random())
        began = time.monotonic()
        scene.stop()
        try:
            lost = await scene.mark(2)
            await asyncio.sleep(began + LONG_STOP - time.monotonic())
        finally:
            scene.go_on()
        continued = time.monotonic()
        found = await scene.mark(3)
        await asyncio.sleep(AFTERWARDS)
        await scene.judge(drops=1)
    return float(max(lost["at"] - began, found["at"] - continued))


KERNEL_ROWS: dict[int, Callable[[int], Coroutine[Any, Any, float]]] = {
    11: half_open,
    12: half_open_one_way,
    13: stopped,
    43: clock_steps,
    48: limits,
}


async def _side_by_side(seed: int, *ways: Dropped) -> float:
    """Drop in several ways at once, each in networks of its own; give the slowest."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(dropped(seed, way)) for way in ways]
    return max(task.result() for task in tasks)


async def dropped(seed: int, what: Dropped) -> float:
    """Drop packets, until the client has found it out.

    Gives the seconds from the first dropped packet to the next link, where a next one could be had at once;
    else those to the mark of the loss: how soon the next comes is then up to when the path is mended.
    """
    async with on_a_wire(seed) as scene:
        assert scene.wire is not None
        await asyncio.sleep(Random(f"{seed} {what}").random() * 3)
        await scene.wire.drop(what)
        began = time.monotonic()
        lost = await scene.mark(2)
        only_this = what in (Dropped.CONNECTION, Dropped.SERVERS, Dropped.OURS)
        if not only_this:
            await scene.wire.heal()
        healed = time.monotonic()
        found = await scene.mark(3)
        await asyncio.sleep(AFTERWARDS)
        await _old_connection_is_gone(scene, what)
        await scene.judge(drops=1)
    took = lost["at"] - began
    assert took <= FOUND_SECONDS, f"seed {seed}: {what.name} was found after {took:.1f} s"
    again = found["at"] - healed
    assert again <= AFTER_HEALING, f"seed {seed}: {what.name}: no link for {again:.1f} s after it was mended"
    return float(found["at"] - began if only_this else took)


async def _old_connection_is_gone(scene: Scene, what: Dropped) -> None:
    """Let the exchange hear of the end of the old connection, which it can't while packets are dropped."""
    assert scene.wire is not None
    await scene.wire.heal()
    async with asyncio.timeout(FOUND_SECONDS):
        while (await scene.far.ask("facts"))["connections"] > 1:  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.2)


def main() -> int:
    """Run rows, and print what each came to; non-zero when one falls."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("rows", nargs="*", type=int, default=sorted(KERNEL_ROWS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    fallen = 0
    for row in given.rows:
        for seed in range(given.first, given.first + given.seeds):
            if reason := why_not(row):
                print(f"{row} skipped: {reason}")
                break
            fallen += not _told(row, seed)
    return min(fallen, 1)


def _told(row: int, seed: int) -> bool:
    began = time.monotonic()
    try:
        seconds = asyncio.run(KERNEL_ROWS[row](seed))
    except BaseException as error:
        print(f"{row} seed {seed}: FALLEN: {_inner(error)}", flush=True)
        return False
    print(f"{row} seed {seed}: {seconds:.2f} s (took {time.monotonic() - began:.0f} s)", flush=True)
    return True


def _inner(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return " | ".join(_inner(one) for one in error.exceptions)
    return "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])])


if __name__ == "__main__":
    sys.exit(main())
