"""Row 43: the time of day steps by an hour, forward and back, and nothing that waits or signs takes notice.

Knows two ways to step a process's clock: a clock of ours in the place of `time.time`, which works everywhere,
and libfaketime, which also deceives what is written in C, where it is installed. The machine's own clock is
never touched. `kernel` gives it to the runner.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from tests.faults.kernel_scene import Scene, on_loopback
from tests.faults.kernel_witness import VALID_SECONDS

HOUR = 3600.0
PATIENCE = 2.0  # seconds; the deadline of a call that is never answered, across a step
SLACK = 0.6  # seconds that it may end late
FAKETIME = "*/faketime/libfaketime.so.1"
Step = Callable[[float], Awaitable[object]]


async def clock_steps(seed: int) -> float:
    """Row 43: step forward, back, and forth again, each time with a new signed login."""
    sides = [_with_a_clock_of_ours(seed)]
    if (library := faketime()) is not None:
        sides.append(_with_faketime(seed, library))
    await asyncio.gather(*sides)
    return 0.0  # seconds for which the step alone kept anything waiting


def faketime() -> Path | None:
    """Find libfaketime, if it is installed."""
    return next((path for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).glob(FAKETIME)), None)


async def _with_a_clock_of_ours(seed: int) -> None:
    async with on_loopback(seed, environment={"STEPPING_CLOCK": "1"}) as scene:

        async def step(seconds: float) -> None:
            await scene.near.ask("step_clock", seconds=seconds)

        await _stepped(scene, step)


async def _with_faketime(seed: int, library: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".faketime") as told:
        environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": told.name,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        total = 0.0

        async def step(seconds: float) -> None:
            nonlocal total
            total += seconds
            Path(told.name).write_text(f"{total:+.0f}\n")  # noqa: ASYNC240  a few bytes

        await step(0)
        async with on_loopback(seed, environment=environment) as scene:
            await _stepped(scene, step)


async def _stepped(scene: Scene, step: Step) -> None:
    sign = Random(scene.seed).choice((1, -1))
    before = await scene.near.ask("wall_ahead")
    drops = 0
    for seconds in (sign * HOUR, -2 * sign * HOUR, sign * HOUR):
        await scene.far.ask("ignore", method="public/status")
        await scene.near.ask("ask_in_vain", seconds=PATIENCE)
        await asyncio.sleep(PATIENCE / 2)
        await step(seconds)
        waited = await scene.near.ask("waited_in_vain")
        assert PATIENCE - 0.1 <= waited <= PATIENCE + SLACK, f"a deadline of {PATIENCE} s took {waited:.2f} s"
        assert len(await scene.near.ask("marks_beyond", count=0, seconds=0)) == 1 + 2 * drops, (
            "it lost the link"
        )
        await scene.far.ask("drop")
        drops += 1
        await scene.mark(2 * drops + 1)
        assert not await scene.far.ask("refused_logins"), f"seed {scene.seed}: a signature was refused"
        await asyncio.sleep(2.5)  # so that this link's age forgives the drop: the next wait is a first one
    ahead = await scene.near.ask("wall_ahead")
    assert abs(ahead - before) < 1, "the clock did not come back"
    valid = await scene.far.ask("valid_for")
    assert valid and all(0 < seconds < VALID_SECONDS + SLACK for seconds in valid), (
        f"seed {scene.seed}: orders were valid for {valid} s"
    )
    account = await scene.judge(drops=drops)
    ended = {call["ended"][0] for call in account["calls"] if call["method"] == "orders.sell"}
    assert "RpcError" not in ended, f"seed {scene.seed}: an order was refused"  # as too late, say
    steps = [later - sooner for sooner, later in zip(account["steps_seen"], account["steps_seen"][1:])]  # noqa: B905
    assert max(map(abs, steps)) > HOUR, "received_at did not step: the clock that stepped is not the client's"
