"""Playing one scene of a row for one seed, in a loop of its own, and judging it.

Knows: stage, invariants, verdict. Must not know: which row it is, or how results are shown (`command`).
"""

import asyncio
import gc
import logging
import sys
import time
import traceback
from dataclasses import dataclass, field

import looptime

from tests.faults.invariants import judge, watched
from tests.faults.row import Scene
from tests.faults.stage import Layer, Make, Recovery, Stage, staged
from tests.faults.subject import Ours, OursAlone

LONGEST_SECONDS = 900.0  # on the loop's clock, for one seed


@dataclass
class Verdict:
    """What a scene came to for a seed; `fault` says in words what was wrong, "" where nothing was."""

    number: int
    layer: str
    seed: int
    fault: str = ""
    recoveries: list[Recovery] = field(default_factory=list)
    seconds: float = 0.0  # of real time
    blocks: int = 0  # of memory that the interpreter held afterwards
    drops: int = 0
    is_ours_alone: bool = False  # and so was not played

    @property
    def survived(self) -> bool:
        """Tell whether all held."""
        return not self.fault


def verdict(number: int, scene: Scene, seed: int, make: Make = Ours, *, timed: bool = True) -> Verdict:
    """Play a scene, and say what it came to; never raises but for an interrupt.

    `timed`: whether to be late is to fall.
    """
    result = Verdict(number, scene.layer.value, seed)
    begun = time.perf_counter()
    make_loop = looptime.new_event_loop if scene.layer is Layer.MEMORY else asyncio.new_event_loop
    quiet, logging.lastResort = logging.lastResort, None  # each drop is a warning or two, for who listens
    logging.raiseExceptions = False  # or it is said that nobody does
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(_played(scene, seed, make, result))
        late = [one for one in result.recoveries if one.is_late]
        if late and timed:
            result.fault = f"late: {late[0].seconds:.2f} s, and {late[0].bound:.2f} s are allowed"
    except OursAlone:
        result.is_ours_alone = True
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        result.fault = f"{type(error).__name__}: {error or where.line} ({where.name})"[:2000]
    finally:
        logging.lastResort, logging.raiseExceptions = quiet, True
    result.seconds = time.perf_counter() - begun
    gc.collect()
    result.blocks = sys.getallocatedblocks()
    return result


async def _played(scene: Scene, seed: int, make: Make, result: Verdict) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        if scene.alone is not None:
            figure = await scene.alone(seed)
            if scene.bound is not None:
                result.recoveries.append(Recovery(float(figure), scene.bound))
            return
        async with (
            watched(),
            staged(
                scene.layer, seed, make=make, exchange_options=scene.exchange, options=scene.options
            ) as stage,
        ):
            result.recoveries = stage.recoveries
            await _play_on(scene, stage)
            result.drops = stage.subject.observed.drops


async def _play_on(scene: Scene, stage: Stage) -> None:
    assert scene.play is not None
    if not scene.cold:
        await stage.start()
    await scene.play(stage)
    await stage.settle()
    judge(stage)
