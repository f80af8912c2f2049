"""Where a row is played: an exchange whose market moves, the links that lead to it, and a client.

In memory and in virtual time, or over loopback through a proxy. Knows how the three are put together, and
when all is well again. Must not know which fault is injected (the rows), or what else must hold
(`invariants`).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from deribit_ws.testing import ChaosProxy, SimulatedExchange
from deribit_ws.testing.memory import loop_clock
from deribit_ws.testing.proxy_links import Links
from tests.faults.subject import BTC, ETH, Ours, Subject

STEP_SECONDS = 0.1  # of the market, and how often a 100ms channel speaks
LATENCY = (
    0.0,
    0.003,
)  # seconds each way in memory: some chance in who comes first, and loopback's budget holds
WARM_SECONDS = 1.2  # before anything goes wrong: a full second of health takes the first step back
QUIET_SECONDS = 90.0  # in which all must have come after the last fault; the slowest single waits are 20.6 s
LOOK_SECONDS = 0.01  # between two looks whether all is well
RETRY_SECONDS = {
    "memory": 30.0,
    "sockets": 0.05,
}  # the client's default, and what SCOREBOARD allows in real time

FIRST_WAIT = 0.25  # seconds; as DESIGN's back-off
RESTORE_SECONDS = 0.25  # loopback's budget for login, subscriptions, snapshots and one page of back-fill
DETECT_SECONDS = 0.1  # for an end that TCP or a frame tells of
SILENCE_SECONDS = 20.0  # for one that nobody tells of: 15 s of silence, 5 s for the answer to a probe
HARD_SECONDS = DETECT_SECONDS + FIRST_WAIT + RESTORE_SECONDS
HALF_OPEN_SECONDS = SILENCE_SECONDS + FIRST_WAIT + RESTORE_SECONDS + DETECT_SECONDS


class Layer(Enum):
    """Where rows are played."""

    MEMORY = "memory"
    SOCKETS = "sockets"
    KERNEL = "kernel"


@dataclass(frozen=True)
class Recovery:
    """How long it took until all was well, and how long it may take."""

    seconds: float
    bound: float

    @property
    def is_late(self) -> bool:
        """Tell whether it took longer than it may."""
        return self.seconds > self.bound


@dataclass
class Stage:
    """An exchange, what leads to it, and the client that is put to the test.

    Attributes:
        links: a network in memory, or a proxy; both cut, hold back, refuse and count dials.
        pace: seconds between two steps of the market.
        recoveries: what was measured.
        begun: when the subject was started, on the loop's clock.
    """

    exchange: SimulatedExchange
    links: Links
    subject: Subject
    layer: Layer
    seed: int
    retry_seconds: float
    pace: float = STEP_SECONDS
    recoveries: list[Recovery] = field(default_factory=list)
    ghosts: int = 0  # connections of which the exchange was not told that they are dead
    begun: float = 0.0
    cpu: float = 0.0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    # --- what rows use

    @property
    def newest(self) -> int:
        """Give the number of the newest connection that the exchange has; 0 without one."""
        return max(self.exchange.connections, default=0)

    def choose(self, *kinds: Any) -> Any:
        """Give one of several by the seed, so that each has its turn."""
        return kinds[self.seed % len(kinds)]

    def last(self, name: str) -> int:
        """Give an instrument's newest trade_seq."""
        return self.exchange.market[name].next_trade_seq - 1

    async def start(self) -> None:
        """Have the client connect and open everything, and let it live for a moment."""
        self.begun = _now()
        await self.subject.start()
        await asyncio.sleep(WARM_SECONDS + self.rng.uniform(0, 3 * STEP_SECONDS))

    async def until(self, seen: Callable[[], object], seconds: float = QUIET_SECONDS) -> None:
        """Wait until something holds; AssertionError when it does not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not seen():  # noqa: ASYNC110  what is looked at has no event in common
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s: {self.troubles()}") from None

    async def recovers(self, bound: float, *, drops: int = 1, since: float | None = None) -> float:
        """Wait until the link was lost so many times and all is well; note how long it took.

        Call it right after the fault is injected, or say `since` when, on the loop's clock; `drops`
        are counted from the call on.
        """
        begun = _now() if since is None else since
        wanted = self.subject.observed.drops + drops
        await self.until(lambda: self.subject.observed.drops >= wanted and self.subject.is_up)
        traded = {name: self.last(name) for name in self.exchange.instruments}
        await self.until(lambda: self.is_well(traded))
        seconds: float = _now() - begun
        self.recoveries.append(Recovery(seconds, bound))
        return seconds

    def is_well(self, traded: dict[str, int]) -> bool:
        """Tell whether the client is up and whole, and has all that was traded up to some moment."""
        observed = self.subject.observed
        return self.subject.is_sound and not observed.behind(lambda name: traded.get(name, 0), tuple(traded))

    def troubles(self) -> str:
        """Say what is not well, in words."""
        observed = self.subject.observed
        books = [f"{name} is not valid" for name, looks in observed.looks.items() if not looks.valid]
        words = [] if self.subject.is_up else ["no link"]
        return (
            "; ".join(words + books + observed.behind(self.last, self.exchange.instruments)[:4]) or "nothing"
        )

    # --- the end

    async def settle(self) -> None:
        """Let no more go wrong and no more be traded; wait until the client has it all."""
        self.exchange.clear_faults()
        self.links.clear_faults()
        self.pace = STEP_SECONDS
        self.subject.rest()
        await self.until(lambda: self.subject.is_up and not self.subject.observed.calls.pending)
        for name in (BTC, ETH):  # one more each, so that one left out just before it shows
            self._trade(name)
            self.exchange.set_state(name, "locked")
        names = (BTC, ETH)
        await self.until(lambda: self.subject.is_sound and not self.subject.observed.behind(self.last, names))
        await asyncio.sleep(0.5)  # in which what comes a second time would come

    # --- the market

    async def play(self) -> None:
        """Let the market move for as long as this is not cancelled."""
        while True:
            await asyncio.sleep(self.pace)
            for name in self.rng.choices((BTC, ETH), k=self.rng.randint(0, 4)):
                if self.exchange.market[name].state == "open":
                    self._trade(name)
            self.exchange.step()

    def _trade(self, name: str) -> None:
        line = self.exchange.market[name]
        amount = line.instrument.min_trade_amount * self.rng.randint(1, 3)
        price = line.instrument.price(max(1, line.instrument.ticks(line.mark_price)))
        self.exchange.market.place(name, "sell", price=price, amount=amount)
        self.exchange.market.take(name, "buy", amount=amount)


def backoff_bound(fails: int, retry_seconds: float) -> float:
    """Give the seconds that the first `fails` waits between dials may take together."""
    waits = (min(retry_seconds, FIRST_WAIT * 2 ** max(0, number - 1)) for number in range(1, fails + 1))
    total: float = sum(waits)
    return total


Make = Callable[..., Subject]


@asynccontextmanager
async def staged(
    layer: Layer,
    seed: int,
    *,
    make: Make = Ours,
    exchange_options: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """Build a stage; the client is not started yet. On leaving, it is stopped.

    Args:
        layer: where.
        seed: of all chance.
        make: gives the client, of the exchange, the URL to dial and options.
        exchange_options: of `SimulatedExchange`.
        options: of the client.
    """
    random.seed(seed)  # the back-off's
    options = {"retry_seconds": RETRY_SECONDS[layer.value]} | (options or {})
    common = {"seed": seed, "autoplay": False, "step_seconds": STEP_SECONDS} | (exchange_options or {})
    if layer is Layer.SOCKETS:
        async with SimulatedExchange(**common) as exchange, ChaosProxy(exchange.url, seed=seed) as proxy:
            subject = make(exchange, proxy.url, **options)
            async with _played(
                Stage(exchange, proxy, subject, layer, seed, options["retry_seconds"])
            ) as stage:
                yield stage
        return
    exchange = SimulatedExchange(listen=False, wall_clock=loop_clock(), **common)
    async with exchange, exchange.memory(seed=seed, latency=LATENCY) as network:
        subject = make(exchange, exchange.url, session=network.session, **options)
        async with _played(Stage(exchange, network, subject, layer, seed, options["retry_seconds"])) as stage:
            yield stage


@asynccontextmanager
async def _played(stage: Stage) -> AsyncIterator[Stage]:
    market = asyncio.create_task(stage.play(), name="market")
    began = time.process_time()
    try:
        yield stage
    finally:
        stage.cpu = time.process_time() - began
        try:
            await stage.subject.stop()
        finally:
            market.cancel()
            await asyncio.wait([market])
    if not market.cancelled():
        market.result()


def _now() -> float:
    now: float = asyncio.get_running_loop().time()
    return now
