"""Row 47: SIGINT and SIGTERM in each phase of a client's life, over real sockets: it ends soon, in silence.

Knows the phases, how an exchange keeps a client in each, and what must be seen. Must not know how a client is
run (`programs`). Times are the system's: what the machine itself was late by is taken off.
"""

import asyncio
import random
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from deribit_ws.testing import (
    Deaf,
    Drop,
    IgnoreRequest,
    RefuseConnections,
    RefuseHandshake,
    SimulatedExchange,
    StallHandshake,
)
from deribit_ws.testing.faults import Fault
from tests.lifetime.programs import PATIENCE_SECONDS, STATUS, Ended, Mode, Program, running

END_SECONDS = 2.0  # from the signal to the end of the process
LINGER_SECONDS = 0.1  # at most, between the phase's beginning and the signal
BY_SEQ = "public/get_last_trades_by_instrument"
MANY = 99  # times: a phase lasts for as long as anybody looks
# What is told of a drop, and by asyncio's debug mode of a callback that computes for long.
_TOLD = re.compile(
    r"Executing <|connection \d+ (lost after|never came)|.*dialling again in [\d.]+ s$|\d\d:\d\d:\d\d "
)
BOTH = (signal.SIGINT, signal.SIGTERM)
TICK_SECONDS = 0.05  # a step of the market
ALL = (Mode.RUN, Mode.ASYNCIO, Mode.COMMAND)
OWN = (Mode.RUN, Mode.ASYNCIO)  # where callbacks can be had
Seen = Callable[[SimulatedExchange], object]


@dataclass(frozen=True)
class Phase:
    """Where a signal finds the client.

    Args:
        name: of it.
        seen: tells by the exchange that the client is there.
        faults: that keep it there, from the beginning.
        later: faults injected once it is live; `seen` is asked after them.
        modes: ways to run a client in which there is such a phase.
        tick: the body of the callback; `plain` makes it a plain function.
        farewell: a close frame must have come.
    """

    name: str
    seen: Seen
    faults: tuple[Fault, ...] = ()
    later: tuple[Fault, ...] = ()
    modes: tuple[Mode, ...] = ALL
    tick: str = "pass"
    plain: bool = False
    farewell: bool = False
    logs_in: bool = False
    numbers: int = 1  # signals, one after the other
    url: Callable[[SimulatedExchange], str] = field(default=lambda exchange: exchange.url)


def _live(exchange: SimulatedExchange) -> bool:
    return any(session.channels for session in exchange.connections.values())


def _asked(method: str) -> Seen:
    return lambda exchange: exchange.ledger.requests_of(method)


def _shaken(exchange: SimulatedExchange) -> bool:
    return bool(exchange.ledger.handshakes)


def _second_dial(exchange: SimulatedExchange) -> bool:
    return any(handshake.status == 503 for handshake in exchange.ledger.handshakes)


def _over_tls(exchange: SimulatedExchange) -> str:
    return exchange.url.replace("ws://", "wss://")


AWHILE = "await asyncio.sleep(3600)"
COMPUTING = "end = time.monotonic() + 0.2\n        while time.monotonic() < end: pass"
PHASES = (
    Phase("refused", _shaken, (RefuseConnections(MANY),)),
    Phase("upgrade stalled", _shaken, (StallHandshake(MANY),)),
    Phase("TLS stalled", _shaken, (StallHandshake(MANY),), url=_over_tls),
    Phase("logging in", _asked("public/auth"), (IgnoreRequest("public/auth", MANY),), logs_in=True),
    Phase("subscribing", _asked("public/subscribe"), (IgnoreRequest("public/subscribe", MANY),)),
    Phase("live", _live, farewell=True),
    Phase("in a callback that sleeps", _live, modes=OWN, tick=AWHILE, farewell=True),
    Phase("in a callback that computes", _live, modes=OWN, tick=COMPUTING, plain=True, farewell=True),
    Phase("in back-off", _second_dial, later=(RefuseHandshake(503, MANY, retry_after=60.0), Drop.rst())),
    Phase(
        "in back-fill",
        _asked(BY_SEQ),
        (IgnoreRequest(BY_SEQ, MANY),),
        (Drop.rst(),),
        modes=OWN,
        farewell=True,
    ),
    Phase("live, and the peer is deaf", _live, later=(Deaf(),)),
    Phase("closing", _live, later=(Deaf(),), numbers=2),
    Phase("live, and twice", _live, numbers=2, farewell=True),
)


@dataclass(frozen=True)
class Case:
    """One program, one phase, one signal."""

    phase: Phase
    mode: Mode
    number: signal.Signals

    def __str__(self) -> str:
        return f"{self.mode.value}, {self.number.name} {self.phase.name}"


def cases() -> list[Case]:
    """Give all of them. SIGTERM ends `asyncio.run` as it ends any program: there is nothing to see."""
    return [
        Case(phase, mode, number)
        for phase in PHASES
        for mode in phase.modes
        for number in BOTH
        if (mode, number) != (Mode.ASYNCIO, signal.SIGTERM)
    ]


async def ended(case: Case, rng: random.Random) -> float:
    """Run one case, and judge it; give the seconds its end took. Raises AssertionError."""
    phase = case.phase
    async with SimulatedExchange(step_seconds=TICK_SECONDS) as exchange, lateness_of() as lateness:
        for fault in phase.faults:
            exchange.inject(fault)
        options = {"logs_in": phase.logs_in, "tick": phase.tick, "plain": phase.plain}
        async with running(case.mode, phase.url(exchange), **options) as program:  # type: ignore[arg-type]  # each
            await _there(case, exchange, program)
            await asyncio.sleep(rng.uniform(0, LINGER_SECONDS))
            lateness.clear()
            end = await program.end(*[case.number] * phase.numbers)
        _judge(case, end, exchange, sum(lateness))
    return end.seconds


async def _there(case: Case, exchange: SimulatedExchange, program: Program) -> None:
    """Wait until the client is in its phase."""
    if case.phase.later:
        await _until(lambda: _live(exchange), case, program)
        for fault in case.phase.later:
            exchange.inject(fault)
    await _until(lambda: case.phase.seen(exchange), case, program)


async def _until(seen: Callable[[], object], case: Case, program: Program) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not seen():
                await asyncio.sleep(0.01)
                assert program.process.returncode is None, (
                    f"{case}: it ended by itself: {await program.end()}"
                )
    except TimeoutError:
        raise AssertionError(f"{case}: it does not come to that") from None


@asynccontextmanager
async def lateness_of() -> AsyncIterator[list[float]]:
    """Give a list that grows by the seconds this loop was late by: the other process was as well."""
    late: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(TICK_SECONDS)
            late.append(loop.time() - began - TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    try:
        yield late
    finally:
        ticking.cancel()
        await asyncio.wait([ticking])


def _judge(case: Case, end: Ended, exchange: SimulatedExchange, late: float) -> None:
    status = STATUS[case.mode][case.number is signal.SIGTERM]
    complaints = [line for line in end.err.splitlines() if not _TOLD.match(line)]
    assert end.status == status, f"{case}: it ended with {end.status}, and not {status}: {end.err}"
    assert "Traceback" not in end.err and not complaints, f"{case}: it complained: {end.err}"
    assert case.mode is Mode.COMMAND or end.out == "over closed", f"{case}: it said {end.out!r}"
    assert end.seconds <= END_SECONDS + late, f"{case}: it took {end.seconds:.2f} s"
    codes = [farewell.code for farewell in exchange.ledger.farewells]
    assert not case.phase.farewell or codes[-1:] == [1000], f"{case}: close frames {codes}"


async def signalled(seed: int, *, at_once: int = 2, stride: int = 1) -> list[tuple[Case, float]]:
    """Run every `stride`-th case, some at the same time; give each with its seconds."""
    chosen = cases()[seed % stride :: stride]
    seats = asyncio.Semaphore(at_once)

    async def one(case: Case) -> tuple[Case, float]:
        async with seats:
            return case, await ended(case, random.Random(f"{seed} {case}"))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in chosen]
    return [task.result() for task in tasks]
