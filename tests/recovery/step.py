"""One step of the stairway: a client holds the dialogue, and its link is cut after so many bytes.

Each is a run of its own, with an exchange, a client and chance of its own, so it can be repeated. Knows how
the client reaches the exchange, and where the cut is. Must not know what is said (`dialogue`), what is right
(`judge`), or which steps are taken (`stairway`).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
Told = Callable[[Links, Way, bytes], object]  # of each frame's text, as it is written
WAYS: dict[str, Way | None] = {"up": Way.UP, "down": Way.DOWN, "both": None}
OPTIONS: dict[str, Any] = {"step_seconds": 0.1, "heartbeat_scale": 0.1}  # a test_request comes each second
QUIET_SECONDS = 60.0  # in which all must have been delivered; a half-open link takes up to 20.6 to be found
LATE_SECONDS = 0.3  # between two looks whether it is so; also in which what comes a second time would come
LONGEST = 300.0  # seconds for a step
RECOVERY_BYTES = (1_500, 15_000)  # a cut of a later link: while it logs in, or while it recovers
CALL_SECONDS = 120.0  # for a subscription that meets several half-open links, of 20.6 s each
LATENCY = (0.001, 0.01)  # seconds, each way, in memory


@dataclass(frozen=True, slots=True)
class Step:
    """A cut of the first link after `nbytes`, of later ones by chance, and all else that is chance's."""

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
        links, dialogue = await lived(step, cuts, cancels=cancels)
    for _ in range(5):  # what was closed in the last breath may finish
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - others
    assert step.sockets or not left, f"tasks are left: {left}"
    assert not complaints, f"the loop complained: {complaints}"
    return Outcome(step, "", len(links.links), links.links[1].course.ended, was_late(dialogue))


async def lived(
    step: Step, cuts: list[CutAfter], *, cancels: bool, told: Told | None = None
) -> tuple[Links, Dialogue]:
    """Let a client live through the dialogue and the cuts; give the links it had, and what it heard."""
    async with _stage(step, told) as (exchange, links, url, session):
        client = Client(
            url,
            credentials=KEY,
            session=session,
            retry_seconds=0.05,
            call_timeout=CALL_SECONDS,
            cancel_on_disconnect=cancels,
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
                while behind(dialogue) or links.links[max(links.links)].course.ended:  # noqa: ASYNC110  no event
                    await asyncio.sleep(LATE_SECONDS)
        except TimeoutError:
            _read_on(readers)
            raise AssertionError(f"not delivered: {behind(dialogue)}") from None
        _read_on(readers)
        judge(dialogue)


def _read_on(readers: Iterable[asyncio.Task[None]]) -> None:
    """Raise what ended a reader; none ends by itself."""
    for reader in readers:
        assert not reader.done() or reader.result(), "a reader ended"


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

    def on_frame(_: int, way: Way, text: bytes) -> None:
        if told is not None:
            told(network, way, text)

    async with exchange, exchange.memory(seed=step.seed, latency=LATENCY, on_frame=on_frame) as network:
        yield exchange, network, exchange.url, network.session


def run(step: Step) -> Outcome:
    """Take one step in a loop of its own; a fault is told in the outcome."""
    make_loop = asyncio.new_event_loop if step.sockets else looptime.new_event_loop
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(told_of(step))


async def told_of(step: Step) -> Outcome:
    """Take one step in this loop; a fault is told in the outcome."""
    try:
        return await take(step)
    except Exception as error:
        return Outcome(step, f"{type(error).__name__}: {error}")
