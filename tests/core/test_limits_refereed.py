"""Random traffic against a referee: an account of the exchange's own, reckoned from its published figures.

The referee shares nothing with the package: it counts in credits, pays on arrival, and knows each
deed's budgets and currencies from the table here. Requests arrive late, out of step and in bunches.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import looptime
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from deribit_ws.errors import CallTimeout, OutcomeUnknown, RateLimited, RequestNotSent
from deribit_ws.limits import Limits

CALLS = 1_000  # in each game
GAMES = int(os.environ.get("DERIBIT_WS_GAMES", "4"))  # more by hand
HEARTBEAT_SECONDS = 10.0  # between two answers, the shortest that the exchange allows
MOST_QUEUED = 8  # requests of one currency: the exchange's portfolio queue
CURRENCIES = ("BTC", "ETH", "USDC")


class Deed(NamedTuple):
    """A request, and what the exchange charges it to: credits or requests of budgets, and its queues."""

    method: str
    params: Mapping[str, Any]
    costs: dict[str, int]
    queues: tuple[str, ...] = ()
    urgent: bool = False


PERPETUAL = {"instrument_name": "BTC-PERPETUAL"}
LINEAR = {"instrument_name": "ETH_USDC-PERPETUAL"}
TWO_SIDES = {"instrument_name": "BTC-PERPETUAL", "bid": {}, "ask": {}}
HEARTBEAT = Deed("public/test", {}, {"general": 500}, urgent=True)
DEEDS = [
    Deed("public/ticker", PERPETUAL, {"general": 500}),
    Deed("private/get_positions", {}, {"general": 500}),
    Deed("public/auth", {}, {"general": 500}, urgent=True),
    Deed("public/get_instruments", {}, {"get_instruments": 10_000}),
    Deed("public/subscribe", {}, {"subscribe": 3_000}),
    Deed("private/subscribe", {}, {"subscribe": 3_000}),
    Deed("private/get_transaction_log", {}, {"get_transaction_log": 10_000}),
    Deed("private/buy", PERPETUAL, {"trading": 1}, ("BTC",)),
    Deed("private/sell", LINEAR, {"trading": 1}, ("USDC",)),
    Deed("private/edit", {"order_id": "ETH-7"}, {"trading": 1}, ("ETH",)),
    Deed("private/buy", {"instrument_name": "BTC_USDC"}, {"spot": 1}, ("BTC", "USDC")),
    Deed("private/cancel", {"order_id": "77"}, {"trading": 1}, ("BTC",), urgent=True),
    Deed("private/cancel", {"order_id": "ETH-77"}, {"spot": 1}, ("ETH",), urgent=True),
    Deed("private/cancel_all", {}, {"cancel_all": 1}, CURRENCIES, urgent=True),
    Deed("private/cancel_by_label", {"label": "x"}, {"cancel_all": 1}, CURRENCIES, urgent=True),
    Deed("private/mass_quote", {"quotes": [TWO_SIDES] * 20}, {"mass_quotes": 1, "quotes": 40}, ("BTC",)),
    Deed(
        "private/move_positions",
        {"currency": "BTC", "trades": [PERPETUAL]},
        {"trading": 1, "move_positions": 100_000},
        ("BTC",),
    ),
]


@dataclass
class Budget:
    """One pool as the exchange keeps it: pays on arrival, refuses what it can't pay."""

    refill: float
    most: float
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.most

    def pay(self, cost: float, now: float) -> bool:
        self.level = min(self.most, self.level + (now - self.at) * self.refill)
        self.at = now
        if self.level < cost - 1e-6:  # floats
            return False
        self.level -= cost
        return True


class Figures(NamedTuple):
    """What an account is granted, in requests."""

    general: tuple[int, int] = (20, 100)
    trading: tuple[int, int] = (5, 20)
    spot: tuple[int, int] = (5, 20)
    cancel_all: tuple[int, int] = (5, 20)

    def told(self) -> dict[str, Any]:
        """Say it as private/get_account_summary does."""
        general, trading, spot, cancel_all = ({"rate": rate, "burst": burst} for rate, burst in self)
        engine = {"trading": {"total": trading}, "spot": spot, "cancel_all": cancel_all}
        return {"non_matching_engine": general, "matching_engine": engine, "limits_per_currency": False}


class Referee:
    """The exchange: charges what arrives, and writes down every broken rule."""

    def __init__(self, figures: Figures) -> None:
        self.budgets = {
            "get_instruments": Budget(10_000, 500_000),
            "subscribe": Budget(10_000, 30_000),
            "get_transaction_log": Budget(10_000, 80_000),
            "move_positions": Budget(10_000, 600_000),
            "mass_quotes": Budget(10, 10),
            "quotes": Budget(500, 500),
        }
        self.grant(figures)
        self.foul: list[str] = []
        self.arrived = 0
        self.session = 0
        self._drained: set[str] = set()
        self._queued: Counter[str] = Counter()

    def grant(self, figures: Figures) -> None:
        """Set the account's figures; what is there stays, as far as there is room."""
        for name, (rate, burst) in figures._asdict().items():
            unit = 500 if name == "general" else 1
            budget = self.budgets.setdefault(name, Budget(rate * unit, burst * unit))
            budget.pay(0, now())
            budget.refill, budget.most = rate * unit, burst * unit
            budget.level = min(budget.level, budget.most)

    def drain(self, name: str) -> None:
        """Let somebody else use a budget up: the website, on the same account."""
        self.budgets[name].level = 0
        self.budgets[name].at = now()
        self._drained.add(name)

    def accept(self, deed: Deed) -> bool:
        """Charge a request that arrives; False when it is refused, which ends the session."""
        self.arrived += 1
        for name, cost in deed.costs.items():
            if not self.budgets[name].pay(cost, now()):
                if name not in self._drained:
                    self.foul.append(f"{now():.3f}: {deed.method} found {name} empty")
                self._drained.discard(name)
                self._queued.clear()
                self.session += 1
                return False
        self._queued.update(deed.queues)
        for queue in deed.queues:
            if self._queued[queue] >= MOST_QUEUED:
                self.foul.append(f"{now():.3f}: {deed.method} made {self._queued[queue]} in {queue}")
        return True

    def done(self, deed: Deed, session: int) -> None:
        """Let a request leave its queues."""
        if session == self.session:
            self._queued.subtract(deed.queues)


class Game:
    """A client's traffic against the referee, over a line with delays, bunches and stalls."""

    def __init__(
        self, seed: int, figures: Figures, *, bunch: float = 0.0, stall: float = 0.0, drains: bool = False
    ) -> None:
        self.chance = random.Random(seed)
        self.limits = Limits()
        self.referee = Referee(figures)
        self.bunch = bunch
        self.stall = stall  # seconds, the longest
        self.gives_up = True  # on a fifth of the requests and, sooner or later, on half of the rest
        self.drains = drains
        self.went = 0
        self._session = 0
        self._quiet_until = 0.0
        self._next_heartbeat = 0.0
        self._last_arrival = 0.0
        self._stalled_until = 0.0
        self._pending: set[asyncio.Future[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def play(self) -> None:
        """Send `CALLS` requests, faster than any account may, with pauses."""
        for _ in range(CALLS):
            await asyncio.sleep(self.chance.choice([0, 0, 0, 0.001, 0.005, 0.02, 0.2]))
            self._start(self._call(self.chance.choice(DEEDS), self._patience()))
            if now() >= self._next_heartbeat:
                self._heartbeat()
            if self.drains and self.chance.random() < 0.01:
                self.referee.drain(self.chance.choice(list(self.referee.budgets)))
            if self.gives_up and self.chance.random() < 0.2:
                self.chance.choice(self._tasks).cancel()
            if self.stall and self.chance.random() < 0.01:
                self._stalled_until = now() + self.chance.uniform(0, self.stall)
        await self.settle()

    async def settle(self) -> None:
        """Wait for every call's end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        await asyncio.sleep(10)
        self._tasks.clear()

    def _start(self, call: Any) -> None:
        self._tasks.append(asyncio.create_task(call))

    def _patience(self) -> float:
        return self.chance.choice([0.05, 1.0, 30.0, 1e6])

    async def _call(self, deed: Deed, patience: float) -> None:
        try:
            async with self.limits.turn(deed.method, deed.params, deadline=now() + patience):
                self.went += 1
                if not deed.urgent and now() < self._quiet_until:
                    self.referee.foul.append(f"{now():.3f}: {deed.method} in the pause after a 10028")
                if self.chance.random() < 0.02:
                    raise RequestNotSent("the link is down")
                await self._sent(deed, self.chance.choice([None, 0.05]) if self.gives_up else None)
        except (RequestNotSent, RateLimited, OutcomeUnknown, CallTimeout):
            pass

    async def _sent(self, deed: Deed, timeout: float | None) -> None:
        """Await the answer, as a connection does."""
        answer = asyncio.get_running_loop().create_future()
        self._pending.add(answer)
        self._travel(deed, answer)
        try:
            async with asyncio.timeout(timeout):
                await answer
        except TimeoutError:
            raise CallTimeout(deed.method) from None
        finally:
            self._pending.discard(answer)

    def _heartbeat(self) -> None:
        self._next_heartbeat = now() + HEARTBEAT_SECONDS
        self.limits.spend(HEARTBEAT.method)
        self._travel(HEARTBEAT, asyncio.get_running_loop().create_future())

    def _travel(self, deed: Deed, answer: asyncio.Future[None]) -> None:
        """Let a request arrive after all before it, within 0.2 s unless the line is stalled."""
        late = now() + self.chance.uniform(0, 0.2 - self.bunch)
        if self.bunch:
            late = (late // self.bunch + 1) * self.bunch
        self._last_arrival = late = max(late, self._last_arrival, self._stalled_until)
        asyncio.get_running_loop().call_at(late, self._arrive, deed, answer, self._session)

    def _arrive(self, deed: Deed, answer: asyncio.Future[None], session: int) -> None:
        if session != self.referee.session:
            return  # the link it was sent on is gone
        loop = asyncio.get_running_loop()
        if not self.referee.accept(deed):
            loop.call_later(self.chance.uniform(0, 0.2), self._hear_refusal, deed, answer)
            return
        busy = self.chance.uniform(0.001, 0.3)
        loop.call_later(busy, self.referee.done, deed, session)
        loop.call_later(busy + self.chance.uniform(0, 0.2), _settle, answer)

    def _hear_refusal(self, deed: Deed, answer: asyncio.Future[None]) -> None:
        error = RateLimited(10028, "too_many_requests", None, deed.method)
        self.limits.refused(error)
        self.limits.disconnected()
        self._session = self.referee.session
        self._quiet_until = now() + 5.0
        for pending in list(self._pending):
            _settle(pending, error if pending is answer else OutcomeUnknown("lost"))


def _settle(answer: asyncio.Future[None], error: Exception | None = None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)


def now() -> float:
    return asyncio.get_running_loop().time()


def run(game: Any) -> None:
    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(game)


figures = st.builds(
    Figures,
    general=st.sampled_from([(20, 100), (5, 30), (200, 300), (1000, 1500)]),
    trading=st.sampled_from([(5, 20), (10, 30), (30, 100), (200, 250), (2, 3), (1, 1)]),
    spot=st.sampled_from([(5, 20), (200, 250), (1, 2)]),
    cancel_all=st.sampled_from([(5, 20), (200, 250), (1, 1)]),
)

# A failing seed is as good as a smaller one: there is nothing to shrink.
one_game_is_like_another = settings(
    max_examples=GAMES, deadline=None, phases=(Phase.explicit, Phase.generate)
)


@one_game_is_like_another
@given(
    seed=st.integers(0, 2**32),
    first=figures,
    then=figures,
    bunch=st.sampled_from([0.0, 0.01, 0.1, 0.2]),
    drains=st.booleans(),
)
def test_never_too_many(seed: int, first: Figures, then: Figures, bunch: float, drains: bool) -> None:
    """Whatever is asked, cancelled, learned and refused, no request finds a pool empty or a queue full.

    Requests arrive up to 0.2 s late, and in bunches; a fifth of them is given up, at any moment.
    """

    async def play() -> None:
        game = Game(seed, first, bunch=bunch, drains=drains)
        game.limits.learn(first.told())
        await game.play()
        game.referee.grant(then)
        game.limits.learn(then.told())
        await game.play()

        assert game.referee.foul == []
        assert game.referee.arrived > 0
        assert game.limits.snapshot().waiting == 0
        assert game.limits.snapshot().in_flight == {}

    run(play())


@one_game_is_like_another
@given(seed=st.integers(0, 2**32), granted=figures)
@example(seed=1, granted=Figures())
def test_never_too_many_after_a_stall(seed: int, granted: Figures) -> None:
    """However long the line stalls, what then arrives all at once finds enough in every pool."""

    async def play() -> None:
        game = Game(seed, granted, stall=5.0)
        game.gives_up = False
        game.limits.learn(granted.told())
        await game.play()

        assert game.referee.foul == []
        assert game.limits.snapshot().in_flight == {}

    run(play())


@one_game_is_like_another
@given(seed=st.integers(0, 2**32), granted=figures)
@example(seed=1, granted=Figures())
def test_never_too_many_of_the_given_up(seed: int, granted: Figures) -> None:
    """However long the line stalls, those that were given up meanwhile are paid for when they arrive.

    Only the pools are looked at: a place in a queue is given back after 5 s, stall or no stall.
    """

    async def play() -> None:
        game = Game(seed, granted, stall=18.0)
        game.limits.learn(granted.told())
        await game.play()
        await asyncio.sleep(20)

        assert [foul for foul in game.referee.foul if "empty" in foul] == []
        assert game.limits.snapshot().in_flight == {}

    run(play())


@pytest.mark.parametrize("deed", [DEEDS[0], DEEDS[3], DEEDS[4], DEEDS[6], DEEDS[7]], ids=lambda d: d.method)
def test_not_too_few(deed: Deed) -> None:
    """Those who ask without end get nearly all that the exchange grants: 97 % of its rate over a minute."""

    async def play() -> None:
        game = Game(1, Figures())

        async def ask() -> None:
            while now() < 60.0:
                async with game.limits.turn(deed.method, deed.params, deadline=1e6):
                    game.went += now() < 60.0
                    await game._sent(deed, timeout=None)

        await asyncio.gather(*(ask() for _ in range(10)))
        ((name, cost),) = deed.costs.items()
        budget = game.referee.budgets[name]

        assert game.referee.foul == []
        assert game.went >= 0.97 * 60 * budget.refill / cost

    run(play())
