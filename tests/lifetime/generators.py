"""Rows 45 and 46 for the generator: cancelled at each suspension, and left in every way in every phase.

Knows the ways out of an iteration over websockets. Must not know Deribit: the exchange is a peer that talks.
`rows` and the tests call it, on a loop whose time is virtual.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from deribit_ws import ConnectionLost, WebSocket, websocket_generator
from deribit_ws.testing import Deaf, RefuseHandshake, Silence, StallHandshake
from deribit_ws.testing.faults import Fault
from deribit_ws.testing.proxy_faults import Cut
from deribit_ws.websockets import WebSocketGenerator
from tests.lifetime.cancelled import CONTROL_SECONDS, LONGEST, Blow, begun, blows, judge_end
from tests.lifetime.remains import Remains, watched
from tests.lifetime.stage import TICKER, Stage, staged
from tests.lifetime.suspensions import Moment, Steps

LEAVING_SECONDS = 2.0  # by the scoreboard
SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": [TICKER]}}
LINKS = 3  # of a conversation
MANY = 99  # times: a phase lasts for as long as anybody looks


def _made(stage: Stage) -> WebSocketGenerator:
    return websocket_generator(stage.exchange.url, 0.05, session=stage.network.session)


async def _judge(remains: Remains, stage: Stage, where: str) -> None:
    await remains.check(where)
    assert not stage.exchange.connections, f"{where}: the exchange still has {stage.exchange.connections}"


# --- cancelled


async def _talk(stage: Stage, websocket: WebSocket, link: int) -> None:
    """Talk over one websocket of three: the first is dropped, the second left open, the third closed."""
    await websocket.send(SUBSCRIBE)
    for _ in range(3):
        await websocket.recv()
    if link == 1:
        stage.exchange.inject(RefuseHandshake(503))
        stage.network.inject(Cut())
        await websocket.recv()
    if link == LINKS:
        await websocket.close()


async def bare(stage: Stage) -> None:
    """Iterate with nothing around: leaving the loop drops the iterator, which closes."""
    link = 0
    async for websocket in _made(stage):
        link += 1
        with contextlib.suppress(ConnectionLost):
            await _talk(stage, websocket, link)
        if link == LINKS:
            break


async def managed(stage: Stage) -> None:
    """Iterate inside `async with`."""
    link = 0
    async with _made(stage) as websockets:
        async for websocket in websockets:
            link += 1
            with contextlib.suppress(ConnectionLost):
                await _talk(stage, websocket, link)
            if link == LINKS:
                break


FORMS = (bare, managed)


async def measured(form: Callable[[Stage], Any], seed: int) -> tuple[int, int]:
    """Count the suspensions and milliseconds of a conversation that nothing befalls."""
    steps = Steps(0, Moment.BEGUN, lambda: None)
    with watched() as remains:
        async with staged(seed) as stage:
            remains.begin()
            loop = asyncio.get_running_loop()
            began = loop.time()
            await steps.through(form(stage))
            took = loop.time() - began
            await _judge(remains, stage, f"seed {seed}, {form.__name__}, nothing befell it")
    return steps.count, int(took * 1000)


async def struck(blow: Blow, form: Callable[[Stage], Any]) -> None:
    """Strike a conversation once, and judge what stays; raises AssertionError."""
    where = f"{form.__name__}: {blow}"
    with watched() as remains:
        async with staged(blow.seed) as stage:
            remains.begin()
            steps, task = begun(blow, form(stage))
            async with asyncio.timeout(LONGEST):
                await asyncio.wait([task])
            took = asyncio.get_running_loop().time() - (steps.struck_at or 0.0)

            assert took <= CONTROL_SECONDS, f"{where}: control was back after {took:.2f} s"
            judge_end(task, blow, where)
            await _judge(remains, stage, where)


async def cancelled_everywhere(seed: int, stride: int) -> int:
    """Strike both forms at every `stride`-th case; give how many those were."""
    count = 0
    for number, form in enumerate(FORMS):
        for blow in list(blows(*await measured(form, seed), seed))[(seed + number) % stride :: stride]:
            await struck(blow, form)
            count += 1
    return count


# --- left


User: TypeAlias = "asyncio.Task[None]"


async def _use(websockets: WebSocketGenerator) -> None:
    """Iterate, and read what comes."""
    async for websocket in websockets:
        with contextlib.suppress(ConnectionLost):
            await websocket.send(SUBSCRIBE)
            async for _ in websocket:
                pass


Way = Callable[[WebSocketGenerator, User], Awaitable[None]]


async def closed(websockets: WebSocketGenerator, user: User) -> None:
    """Another task closes it."""
    await websockets.aclose()


async def closed_twice(websockets: WebSocketGenerator, user: User) -> None:
    """Another task closes it, twice."""
    await websockets.aclose()
    await websockets.aclose()


async def closed_by_two(websockets: WebSocketGenerator, user: User) -> None:
    """Two tasks close it at the same time."""
    await asyncio.gather(websockets.aclose(), websockets.aclose())


async def closed_and_cancelled(websockets: WebSocketGenerator, user: User) -> None:
    """Another task closes it while its user is cancelled."""
    closing = asyncio.create_task(websockets.aclose(), name="closing")
    user.cancel()
    await closing


async def cancelled_and_closed(websockets: WebSocketGenerator, user: User) -> None:
    """Its user is cancelled, and then another task closes it."""
    user.cancel()
    await asyncio.sleep(0)
    await websockets.aclose()


async def cancelled_and_dropped(websockets: WebSocketGenerator, user: User) -> None:
    """Its user is cancelled, and nobody closes it: with the task, the last that refers to it goes."""
    user.cancel()


WAYS: tuple[Way, ...] = (
    closed,
    closed_twice,
    closed_by_two,
    closed_and_cancelled,
    cancelled_and_closed,
    cancelled_and_dropped,
)


@dataclass(frozen=True)
class Phase:
    """A moment of an iteration that lasts; `first` is met on the first websocket, else after a drop."""

    name: str
    fault: Fault | None
    first: bool


PHASES = (
    Phase("dialling", StallHandshake(MANY), True),
    Phase("dialling again", StallHandshake(MANY), False),
    Phase("waiting to dial", RefuseHandshake(503, MANY, retry_after=60.0), True),
    Phase("waiting to dial again", RefuseHandshake(503, MANY, retry_after=60.0), False),
    Phase("live", None, True),
    Phase("on a silent websocket", Silence(), True),
    Phase("on a websocket whose peer is deaf", Deaf(), True),
)


async def left(phase: Phase, way: Way, seed: int) -> None:
    """Bring an iteration there, leave it so, and judge what stays; raises AssertionError."""
    where = f"seed {seed}, {way.__name__} while {phase.name}"
    with watched() as remains:
        async with staged(seed) as stage, asyncio.timeout(LONGEST):
            remains.begin()
            if phase.fault is not None and not isinstance(phase.fault, Silence | Deaf) and phase.first:
                stage.exchange.inject(phase.fault)
            websockets = _made(stage)
            user = asyncio.create_task(_use(websockets), name="user")
            await asyncio.sleep(0.5)
            if phase.fault is not None and (isinstance(phase.fault, Silence | Deaf) or not phase.first):
                stage.exchange.inject(phase.fault)
            if not phase.first:
                stage.network.inject(Cut())
            await asyncio.sleep(0.5)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await way(websockets, user)
            await asyncio.wait([user])
            took = loop.time() - began

            assert took <= LEAVING_SECONDS, f"{where}: it took {took:.2f} s"
            _judge_end(user, way, where)
            del user, websockets  # now it is dropped, if it was not closed
            await _judge(remains, stage, where)


def _judge_end(user: User, way: Way, where: str) -> None:
    if "cancelled" in way.__name__:
        assert user.cancelled(), f"{where}: {user!r}"
    else:
        error = user.exception()
        assert error is None, f"{where}: {error!r}"


def cases() -> Iterator[tuple[Phase, Way]]:
    """Give each phase with each way out."""
    for phase in PHASES:
        for way in WAYS:
            yield phase, way


async def left_anyhow(seed: int) -> int:
    """Leave an iteration in every way in every phase; give how many cases those were."""
    count = 0
    for count, (phase, way) in enumerate(cases(), 1):  # noqa: B007  the last is what is given
        await left(phase, way, seed)
    return count
