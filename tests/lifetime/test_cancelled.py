"""Cancelled at every await: of the user of a client, of one task among several, of an iteration (row 45).

Some of the cases; `python -m tests.lifetime --row 45 --seeds 20` has them all.
"""

import asyncio
import gc
import os

import pytest

from tests.lifetime import cancelled, generators, inner
from tests.lifetime.remains import watched
from tests.lifetime.stage import Stage, staged
from tests.lifetime.suspensions import Moment, Steps

SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "1"))  # more by hand
STRIDE = 31  # of some 300 cases of a session; a prime, so that the cases differ in kind
INNER_STRIDE = 61  # of some 1,000 cases, of which some take seconds

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_user_of_a_client(seed: int) -> None:
    """Wherever a session is cancelled or timed out, it ends so, within 1 s, and nothing is left of it."""
    assert await cancelled.everywhere(seed, STRIDE) > 5


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_one_of_several(seed: int) -> None:
    """Wherever one task among several is cancelled, the others get all they are owed, on the same link."""
    assert await inner.everywhere(seed, INNER_STRIDE) > 5


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_iteration(seed: int) -> None:
    """Wherever an iteration is cancelled, bare or inside `async with`, its websocket is closed there."""
    assert await generators.cancelled_everywhere(seed, STRIDE) > 5


async def _forgetful(stage: Stage, client: object) -> None:
    """Leave a task, as a client with a flaw would."""
    await asyncio.sleep(0.01)
    asyncio.get_running_loop().leaked = asyncio.create_task(asyncio.sleep(5))  # type: ignore[attr-defined]


async def test_scorer_can_say_no_to_a_task() -> None:
    """A session that leaves a task is found out."""
    with pytest.raises(AssertionError, match="tasks are left"):
        await cancelled.measured(0, _forgetful)
    await asyncio.sleep(6)


async def test_scorer_can_say_no_to_swallowing() -> None:
    """A session that swallows its cancellation is found out."""

    async def stubborn(stage: Stage, client: object) -> None:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return

    with pytest.raises(AssertionError, match="it ended with None"):
        await cancelled.struck(cancelled.Blow("cancel", 1, Moment.BEGUN, 0), stubborn)


async def test_scorer_can_say_no_to_an_unheard_error(loop_errors: list[object]) -> None:
    """An exception that nobody fetched is found out."""

    async def failing() -> None:
        raise ValueError("unheard")

    with pytest.raises(AssertionError, match="unheard"), watched():
        task = asyncio.create_task(failing())
        await asyncio.sleep(0.01)
        del task
        gc.collect()


async def test_steps_count() -> None:
    """Suspensions are counted one by one, and the blow falls at the one that was named."""
    async with staged(0):
        fallen: list[int] = []
        steps = Steps(3, Moment.BEGUN, lambda: fallen.append(steps.count))

        async def five() -> str:
            for _ in range(5):
                await asyncio.sleep(0.01)
            return "done"

        assert await steps.through(five()) == "done"
        assert (steps.count, fallen) == (5, [3])
