"""Row 45: the user's task is cancelled at each of its suspensions; whatever it was doing, it ends cleanly.

Knows which blows there are, and what must hold after one. Must not know the script (`stage`), or what counts
as left behind (`remains`). `rows` and the tests call it, on a loop whose time is virtual.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from deribit_ws import Client, State, UsageError
from tests.lifetime.remains import Remains, watched
from tests.lifetime.stage import Stage, session, staged
from tests.lifetime.suspensions import Moment, Steps

CONTROL_SECONDS = 1.0  # by the scoreboard, until the task that was struck has ended
APART = 7  # milliseconds between two blows by the clock: about what a message takes one way; and more
MOST = 100  # blows by the clock, where the work takes long, most likely to wait for something
LONGEST = 60.0  # seconds for a session that nothing befalls; a guard, never a pace

Session = Callable[[Stage, Client], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Blow:
    """One case: what befalls the task, and where."""

    how: str  # "cancel" or "timeout"
    at: int
    moment: Moment
    seed: int
    is_last: bool = False

    def __str__(self) -> str:
        if self.moment is Moment.CLOCK:
            return f"seed {self.seed}, {self.how} after {self.at} ms"
        return f"seed {self.seed}, {self.how} as suspension {self.at} is {self.moment.value}"


async def measured(seed: int, script: Session = session) -> tuple[int, int]:
    """Count the suspensions and milliseconds of a session that nothing befalls; it leaves nothing either."""
    steps = Steps(0, Moment.BEGUN, lambda: None)
    with watched() as remains:
        async with staged(seed) as stage:
            remains.begin()
            loop = asyncio.get_running_loop()
            began, client = loop.time(), stage.client()
            await steps.through(script(stage, client))
            took = loop.time() - began
            await judge(remains, stage, client, f"seed {seed}, nothing befell it")
    return steps.count, int(took * 1000)


async def struck(blow: Blow, script: Session = session) -> None:
    """Run a session that is struck once, and judge what is left of it; raises AssertionError."""
    with watched() as remains:
        async with staged(blow.seed) as stage:
            remains.begin()
            client = stage.client()
            steps, task = begun(blow, script(stage, client))
            async with asyncio.timeout(LONGEST):
                await asyncio.wait([task])
            assert steps.struck_at is not None, f"{blow}: the session is shorter"
            took = asyncio.get_running_loop().time() - steps.struck_at

            assert took <= CONTROL_SECONDS, f"{blow}: control was back after {took:.2f} s"
            judge_end(task, blow, str(blow))
            await judge(remains, stage, client, str(blow))


def begun(blow: Blow, work: Coroutine[Any, Any, None]) -> tuple[Steps, "asyncio.Task[None]"]:
    """Start work in a task of its own, to be cancelled, or timed out from within."""
    if blow.how == "cancel":
        steps = Steps(blow.at, blow.moment, lambda: task.cancel("the blow"))
        task = asyncio.create_task(steps.through(work), name="user")
        return steps, task
    limit = asyncio.timeout(None)
    steps = Steps(blow.at, blow.moment, lambda: limit.reschedule(asyncio.get_running_loop().time()))

    async def limited() -> None:
        async with limit:
            await steps.through(work)

    task = asyncio.create_task(limited(), name="user")
    return steps, task


def judge_end(task: "asyncio.Task[None]", blow: Blow, where: str) -> None:
    """Hold the end of a task that was struck against what the blow asks for."""
    if blow.how == "cancel":
        assert task.cancelled(), f"{where}: it ended with {task.exception()!r}"
        return
    assert not task.cancelled(), f"{where}: it ended as cancelled"
    # A time that is over at the work's last suspension is told a turn late: the work has ended.
    had_ended = task.exception() is None and blow.is_last
    assert had_ended or isinstance(task.exception(), TimeoutError), f"{where}: {task.exception()!r}"


async def judge(remains: Remains, stage: Stage, client: Client, where: str) -> None:
    """Hold what is left of a client that is over against nothing."""
    await remains.check(where)
    assert client.state is State.CLOSED, f"{where}: the client is {client.state}"
    assert not stage.exchange.connections, f"{where}: the exchange still has {stage.exchange.connections}"
    with contextlib.suppress(UsageError):  # one Client, one life: used again it is refused, and stays closed
        async with client:
            raise AssertionError(f"{where}: it could be entered again")
    remains.heard(where)


def blows(count: int, milliseconds: int, seed: int) -> Iterator[Blow]:
    """Give all cases of one seed: at each suspension, and every few milliseconds between them."""
    apart = max(APART, milliseconds // MOST)
    for how in ("cancel", "timeout"):
        for at in range(1, count + 1):
            yield Blow(how, at, Moment.BEGUN, seed, at == count)
            yield Blow(how, at, Moment.OVER, seed, at == count)
        for at in range(seed % apart, milliseconds, apart):
            yield Blow(how, at, Moment.CLOCK, seed)


async def everywhere(seed: int, stride: int, script: Session = session) -> int:
    """Measure a session, and strike at every `stride`-th case; give how many those were."""
    cases = list(blows(*await measured(seed, script), seed))[seed % stride :: stride]
    for blow in cases:
        await struck(blow, script)
    return len(cases)
