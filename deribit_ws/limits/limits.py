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
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from deribit_ws.credits import Lane
from deribit_ws.errors import OutcomeUnknown, RateLimited, RequestNotSent, RpcError, UsageError, WireError
from deribit_ws.limits.claims import Claims, InFlight
from deribit_ws.limits.pools import Pools
from deribit_ws.limits.snapshot import LimitsSnapshot, PoolSnapshot

_EXHAUSTED = 10028  # too_many_requests: the credits are gone, and the session with them
_EXHAUSTED_SECONDS = 5.0  # nothing ordinary after that; the floor between two dials after it as well
_CROWDED_SECONDS = 1.0  # after 10047 or 10066: what is unfinished there takes milliseconds, rarely a second
_QUEUED_SECONDS = 5.0  # the longest that a request waits for the matching engine, which then says 10050
_UNHEARD_SECONDS = 20.0  # a link silent for so long is replaced: what was sent arrived, or never will
_ANSWER_SHARE = 0.2  # of the time it is given a request leaves to its answer, or is not sent
_ANSWER_SECONDS = 0.5  # and no more than that: an order takes milliseconds, and some more to and fro
_TICK = 0.001  # a timer may come a moment early; waiting this much more costs less than waking twice

# Ways to end with an answer, or with the link or the loop; and before anything was sent. After any other,
# such as a deadline or a cancelled task, the request may be on its way still.
_SETTLED = (RpcError, WireError, OutcomeUnknown, GeneratorExit)
_NEVER_SENT = (RequestNotSent, UsageError)


class Limits:
    """Lets requests go no faster than the exchange allows.

    Args:
        clock: gives the seconds that deadlines are told in; None takes the running loop's.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock: Callable[[], float] = clock or self._loop_time
        self._pools = Pools()
        self._in_flight = InFlight()
        self.sent = 0  # requests that had their turn; the number of each tells what was sent before what
        self._lines: dict[Claims, _Line] = {}
        self._comers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._unheard: list[tuple[int, Claims, asyncio.TimerHandle]] = []  # a heap; by number

    def turn(
        self, method: str, params: Mapping[str, Any], *, deadline: float
    ) -> AbstractAsyncContextManager[object]:
        """Hold a place for one request: `async with` waits for its turn, and ends with its answer.

        Args:
            method: e.g. "private/buy".
            params: its parameters; they tell the currencies it is about.
            deadline: when it makes no sense any more, on the clock; an answer should come before.

        Raises:
            RequestNotSent: on entering; its turn won't come in time for an answer before `deadline`. What
                needn't wait goes, however late.
        """
        return _Turn(self, method, params, deadline)

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

    def arrived(self, number: int) -> None:
        """Say that what was sent up to a number, see `sent`, has arrived: what came later was answered.

        Calls that end with an answer say so themselves; this is for answers that nobody awaits any more.
        """
        now = self._clock()
        while self._unheard and self._unheard[0][0] <= number:
            _, claims, timer = heappop(self._unheard)
            timer.cancel()
            claims.arrived(now)
        self._serve()

    def disconnected(self) -> None:
        """Say that the link is gone: what was sent on it has arrived, or never will."""
        self.arrived(self.sent)

    def never_late(self) -> None:
        """Say that what was sent on the link that is gone came when it was sent, or not at all.

        It had been silent: what arrives late and in a bunch would have been answered. So half a minute of
        reads into a dead link leaves the next one its credits.
        """
        now = self._clock()
        for pool in self._pools.by_name.values():
            pool.never_late(now)
        self._serve()

    def learn(self, limits: Mapping[str, Any]) -> None:
        """Take over the account's own figures.

        Args:
            limits: the `limits` of private/get_account_summary, decoded: rates and bursts in requests.
                Parts that are missing, or make no sense, stay as they were; but matching-engine budgets
                that it leaves out hold nothing up any more where it names any.
        """
        self._pools.learn(limits, self._clock())
        self._line_up_anew()
        self._serve()

    def snapshot(self) -> LimitsSnapshot:
        """Give what may be sent now."""
        now = self._clock()
        pools = self._pools.by_name
        return LimitsSnapshot(
            pools={
                name: PoolSnapshot(pool.rate, pool.burst, pool.left(now), pool.reserved)
                for name, pool in list(pools.items())  # who looks may be another thread
            },
            in_flight=self._in_flight.by_currency(),
            waiting=sum(map(len, self._lines.values())),
            paused=max(0.0, *(pool.paused_until - now for pool in pools.values())),
        )

    def _loop_time(self) -> float:
        self._clock = asyncio.get_running_loop().time  # there may be no loop yet where a client is made
        return self._clock()

    # --- turns

    def _answered(self, turn: "_Turn") -> None:
        """Give the places of a request back, and let others have them."""
        turn.claims.arrived(self._clock())
        turn.claims.leave_queue(self._in_flight)
        if self._unheard:
            self.arrived(turn.number)
        elif self._lines:
            self._serve()

    def _failed(self, turn: "_Turn", kind: type[BaseException]) -> None:
        """Give back what a request held that ended with an error: all of it where it was never sent."""
        if issubclass(kind, _SETTLED):
            self._answered(turn)
        elif issubclass(kind, _NEVER_SENT):
            turn.claims.refund(self._in_flight)
            self._serve()
        else:
            self._abandon(turn)

    def _abandon(self, turn: "_Turn") -> None:
        """Keep what a request holds that the exchange may not have seen yet, or have in its queue still."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_UNHEARD_SECONDS, self.arrived, turn.number)
        heappush(self._unheard, (turn.number, turn.claims, timer))
        if turn.claims.currencies is not None:
            loop.call_later(_QUEUED_SECONDS, self._leave_queue, turn.claims)

    def _leave_queue(self, claims: Claims) -> None:
        claims.leave_queue(self._in_flight)
        self._serve()

    async def _wait(self, turn: "_Turn") -> None:
        """Wait in line; what is left early leaves no trace."""
        now = self._clock()
        latest = turn.deadline - min(_ANSWER_SECONDS, (turn.deadline - now) * _ANSWER_SHARE)
        soonest = turn.claims.soonest(len(self._lines.get(turn.claims, ())), now)
        if now + soonest > latest:
            raise _not_sent(turn, f"within the limits not for {soonest:.2f} s")
        turn.given = asyncio.get_running_loop().create_future()
        self._line_up(turn, next(self._comers))
        self._serve()
        try:
            async with asyncio.timeout(latest - now):
                await turn.given
            if self._clock() > latest:  # the loop was busy meanwhile
                raise TimeoutError
        except BaseException as error:
            self._forgo(turn)
            if isinstance(error, TimeoutError):
                raise _not_sent(turn, "its turn did not come in time") from None
            raise

    def _forgo(self, turn: "_Turn") -> None:
        """Leave the line, or give back a turn that came too late to be used."""
        if turn.given.done() and not turn.given.cancelled():
            turn.claims.refund(self._in_flight)
        else:
            self._remove(turn)
        self._serve()

    def _line_up(self, turn: "_Turn", number: int) -> None:
        self._lines.setdefault(turn.claims, OrderedDict())[turn] = number
        turn.claims.line_up(self._in_flight, 1)

    def _remove(self, turn: "_Turn") -> None:
        line = self._lines.get(turn.claims)
        if line is None or line.pop(turn, None) is None:
            return
        turn.claims.line_up(self._in_flight, -1)
        if not line:
            del self._lines[turn.claims]

    def _line_up_anew(self) -> None:
        """Let those in line wait for what they take by now: the account may have other budgets."""
        waiting = [(number, turn) for line in self._lines.values() for turn, number in line.items()]
        for _, turn in waiting:
            self._remove(turn)
        for number, turn in sorted(waiting):  # no two numbers are alike
            turn.claims = self._pools.claims(turn.method, turn.params)
            self._line_up(turn, number)

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
            self._give(next(iter(line)))
            if line:
                heappush(heads, _head(claims, line))
        for claims in held:
            claims.refund(self._in_flight)
        if due < math.inf:
            self._timer = asyncio.get_running_loop().call_later(due + _TICK, self._serve)

    def _give(self, turn: "_Turn") -> None:
        self._remove(turn)
        if turn.given.done():  # cancelled, and its task has yet to hear of it
            turn.claims.refund(self._in_flight)
        else:
            turn.given.set_result(None)


class _Turn:
    """One request's turn, as a context."""

    __slots__ = ("_limits", "claims", "deadline", "given", "method", "number", "params")

    given: asyncio.Future[None]  # in line: done when its turn comes

    def __init__(self, limits: Limits, method: str, params: Mapping[str, Any], deadline: float) -> None:
        self._limits = limits
        self.method = method
        self.params = params
        self.deadline = deadline
        self.claims = limits._pools.claims(method, params)
        self.number = 0  # in the order of sending

    async def __aenter__(self) -> None:
        limits = self._limits
        if self.claims.are_free(limits._in_flight, limits._clock()):
            self.claims.take(limits._in_flight)
        else:
            await limits._wait(self)
        limits.sent = self.number = limits.sent + 1  # it is sent now, in the same step of the loop

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._limits._answered(self)
        else:
            self._limits._failed(self, kind)


# Who waits for the same, in order of arrival; each with the number that tells who came first.
_Line = OrderedDict[_Turn, int]


def _head(claims: Claims, line: _Line) -> tuple[Lane, int, Claims, _Line]:
    return claims.lane, next(iter(line.values())), claims, line


def _not_sent(turn: _Turn, why: str) -> RequestNotSent:
    return RequestNotSent(f"{turn.method}: {why}", method=turn.method)
