"""A client's account of what it may send, and the lines of those who wait for their turn.

Knows: pools, places in flight, and asyncio futures. Must not know: connections, frames, answers.
`client` keeps one for all its connections, as the credits are the sub-account's; every request takes
its turn here, but for the answers to heartbeats, which are only counted. There is no task: a line
moves when an answer gives room back, or by one timer set for when enough has been refilled.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from deribit_ws.credits import Lane
from deribit_ws.errors import CallTimeout, RateLimited, RequestNotSent
from deribit_ws.limits.claims import Claims, InFlight
from deribit_ws.limits.pools import Pools

_EXHAUSTED = 10028  # too_many_requests: the credits are gone, and the session with them
_EXHAUSTED_SECONDS = 5.0  # nothing ordinary after that; the floor between two dials after it as well
_CROWDED_SECONDS = 1.0  # after 10047 or 10066: what is unfinished there takes milliseconds, rarely a second
_QUEUED_SECONDS = 5.0  # the longest that a request waits for the matching engine, which then says 10050
_ABANDONED = (asyncio.CancelledError, CallTimeout)  # ways to end a call that the exchange may still be at
_TICK = 0.001  # a timer may come a moment early; waiting this much more costs less than waking twice

# Who waits for the same, in order of arrival; each with the number that tells who came first.
_Line = OrderedDict[asyncio.Future[None], int]


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """One budget of the exchange as reckoned here, in requests (`maximum_quotes`: in quotes).

    `rate`, a second, and `burst` are the exchange's. `left` may be sent now, and of that ordinary calls
    leave `reserved` to heartbeats, logins and cancels; full, it is a little below `burst`, for what is
    under way. Below zero it is what has to be refilled first.
    """

    rate: float
    burst: float
    left: float
    reserved: float


@dataclass(frozen=True, slots=True)
class LimitsSnapshot:
    """What a client may send at one moment.

    Args:
        pools: by name, as in the account's limits: "non_matching_engine", "trading", "spot", …
        in_flight: matching-engine requests without an answer, by currency; "*" those about any.
        waiting: requests that wait for their turn.
        paused: seconds until ordinary requests go again, 0 when nothing is paused.
    """

    pools: Mapping[str, PoolSnapshot]
    in_flight: Mapping[str, int]
    waiting: int
    paused: float


class Limits:
    """Lets requests go no faster than the exchange allows.

    Args:
        clock: gives the seconds that deadlines are told in; None takes the running loop's.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock: Callable[[], float] = clock or self._loop_time
        self._pools = Pools()
        self._in_flight = InFlight()
        self._lines: dict[Claims, _Line] = {}
        self._arrivals = count()
        self._timer: asyncio.TimerHandle | None = None

    def turn(
        self, method: str, params: Mapping[str, Any], *, deadline: float
    ) -> AbstractAsyncContextManager[None]:
        """Hold a place for one request: `async with` waits for its turn, and ends with its answer.

        Args:
            method: e.g. "private/buy".
            params: its parameters; they tell the currencies it is about.
            deadline: when waiting for its turn makes no sense any more, on the clock.

        Raises:
            RequestNotSent: on entering; its turn won't come before `deadline`.
        """
        return _Turn(self, self._pools.claims(method, params), method, deadline)

    def spend(self, method: str) -> None:
        """Count a request that is sent without waiting for a turn, such as the answer to a heartbeat."""
        now = self._clock()
        for pool, cost in self._pools.claims(method, {}).draws:
            pool.spend(cost, now)

    def refused(self, error: RateLimited) -> None:
        """Believe the exchange that it was too much: wait with ordinary requests, and then go slowly."""
        now = self._clock()
        draws = self._pools.claims(error.method, {}).draws if error.method else ()
        pools = [pool for pool, _ in draws] or list(self._pools.by_name.values())
        if error.code == _EXHAUSTED:
            for pool in pools:
                pool.drain(now)
            for pool in self._pools.by_name.values():
                pool.pause(now + _EXHAUSTED_SECONDS)
        else:
            for pool in pools:
                pool.pause(now + _CROWDED_SECONDS)
        self._serve()

    def learn(self, limits: Mapping[str, Any]) -> None:
        """Take over the account's own figures.

        Args:
            limits: the `limits` of private/get_account_summary, decoded: rates and bursts in requests.
                Parts that are missing, or make no sense, stay as they were.
        """
        self._pools.learn(limits, self._clock())
        self._serve()

    def snapshot(self) -> LimitsSnapshot:
        """Give what may be sent now."""
        now = self._clock()
        pools = self._pools.by_name
        return LimitsSnapshot(
            pools={
                name: PoolSnapshot(pool.rate, pool.burst, pool.left(now), pool.reserved)
                for name, pool in pools.items()
            },
            in_flight=self._in_flight.by_currency(),
            waiting=sum(map(len, self._lines.values())),
            paused=max(0.0, *(pool.paused_until - now for pool in pools.values())),
        )

    def _loop_time(self) -> float:
        self._clock = asyncio.get_running_loop().time  # there may be no loop yet where a client is made
        return self._clock()

    # --- turns

    def _enter(self, claims: Claims) -> bool:
        """Take what a request needs, if it needn't wait."""
        if not claims.are_free(self._in_flight, self._clock()):
            return False
        claims.take(self._in_flight)
        return True

    def _leave(self, claims: Claims) -> None:
        """Give the places of a request back, and let others have them."""
        claims.answered(self._in_flight, self._clock())
        if self._lines:
            self._serve()

    def _failed(self, claims: Claims, kind: type[BaseException]) -> None:
        """Give back what a request held that ended with an error: all of it where it was never sent.

        While the matching engine may have it in its queue still, it keeps its places.
        """
        if issubclass(kind, RequestNotSent):
            claims.refund(self._in_flight)
            self._serve()
        elif claims.currencies is not None and issubclass(kind, _ABANDONED):
            asyncio.get_running_loop().call_later(_QUEUED_SECONDS, self._leave, claims)
        else:
            self._leave(claims)

    async def _wait(self, claims: Claims, method: str, deadline: float) -> None:
        """Wait in line; what is left early leaves no trace."""
        now = self._clock()
        soonest = claims.soonest(len(self._lines.get(claims, ())), now)
        if now + soonest > deadline:
            raise RequestNotSent(f"{method}: within the limits not for {soonest:.2f} s", method=method)
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(claims, OrderedDict())[turn] = next(self._arrivals)
        claims.line_up(self._in_flight, 1)
        self._serve()
        if turn.done():  # it only had to pass those who wait for something else
            return
        try:
            async with asyncio.timeout(deadline - now):
                await turn
        except TimeoutError:
            self._forgo(claims, turn)
            raise RequestNotSent(f"{method}: its turn did not come in time", method=method) from None
        except BaseException:
            self._forgo(claims, turn)
            raise

    def _forgo(self, claims: Claims, turn: asyncio.Future[None]) -> None:
        """Leave the line, or give back a turn that came too late to be used."""
        if turn.done() and not turn.cancelled():
            claims.refund(self._in_flight)
        else:
            self._remove(claims, turn)
        self._serve()

    def _remove(self, claims: Claims, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(claims)
        if line is None or line.pop(turn, None) is None:
            return
        claims.line_up(self._in_flight, -1)
        if not line:
            del self._lines[claims]

    def _serve(self) -> None:
        """Give turns to whoever is first in a line and may go: urgent ones ahead, then as they came.

        Who is first and can't go yet keeps what there is of what it needs from those behind, so that
        one that needs several things at once gets them some time.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        due = math.inf
        held: list[Claims] = []
        heads = [_head(claims, line) for claims, line in self._lines.items()]
        heapify(heads)
        while heads:
            _, _, claims, line = heappop(heads)
            wait = claims.wait(self._in_flight, now)
            claims.take(self._in_flight)
            if wait:
                held.append(claims)
                due = min(due, wait)
                continue
            self._give(claims, next(iter(line)))
            if line:
                heappush(heads, _head(claims, line))
        for claims in held:
            claims.refund(self._in_flight)
        if due < math.inf:
            self._timer = asyncio.get_running_loop().call_later(due + _TICK, self._serve)

    def _give(self, claims: Claims, turn: asyncio.Future[None]) -> None:
        self._remove(claims, turn)
        if turn.done():  # cancelled, and its task has yet to hear of it
            claims.refund(self._in_flight)
        else:
            turn.set_result(None)


class _Turn:
    """One request's turn, as a context."""

    __slots__ = ("_claims", "_deadline", "_limits", "_method")

    def __init__(self, limits: Limits, claims: Claims, method: str, deadline: float) -> None:
        self._limits = limits
        self._claims = claims
        self._method = method
        self._deadline = deadline

    async def __aenter__(self) -> None:
        if not self._limits._enter(self._claims):
            await self._limits._wait(self._claims, self._method, self._deadline)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._limits._leave(self._claims)
        else:
            self._limits._failed(self._claims, kind)


def _head(claims: Claims, line: _Line) -> tuple[Lane, int, Claims, _Line]:
    return claims.lane, next(iter(line.values())), claims, line
