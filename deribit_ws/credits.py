"""Deribit's credits as pools that refill: what is left, and how long until there is enough.

Knows: requests, rates and seconds; time is an argument. Must not know: methods, currencies, clocks.
`limits` keeps one pool for each budget the exchange grants. Everything is counted in requests: 500
credits of 50,000 with 10,000 a second are 20 requests a second after a burst of 100.
Source: docs.deribit.com, rate limits.
"""

import math
from enum import IntEnum

SUBSCRIBE_COST = 3_000
SUBSCRIBE_POOL = 30_000
REFILL = 10_000  # credits a second, of every pool that is told in credits

LATE_SECONDS = 0.2  # the longest that a request of which nobody hears again is taken to be on its way
_PACE = 0.98  # of the rate: two clocks never agree, and an error of any size adds up for as long as we run
_RESERVED_SHARE = 0.2  # of a burst: 4 of the 20 orders that everybody has, so that a cancel needn't wait
_RESERVED_MOST = 10.0  # requests: a login, its dues and a minute of heartbeats, or a desk of cancels
LAST = 2.0  # requests: the answers to one test_request, ours and the exchange's next, whatever else goes out


class Lane(IntEnum):
    """Who goes first, and who may draw on the reserve."""

    URGENT = 0
    ORDINARY = 1


class Pool:
    """Requests that one budget of the exchange still allows, never more than the exchange reckons itself.

    A request costs the exchange's pool when it arrives, which we don't see; until then a full pool there
    stays full, while ours would refill what we took. So ours holds no more than what is full less what is
    unanswered: then requests that arrive late and all at once never find less there than we reckoned.
    What is sent and not followed up (the answer to a heartbeat) is covered by a margin of `LATE_SECONDS`
    of refill. Of a link that fell silent it is known that nothing arrived late: see `never_late`.

    Args:
        name: of the budget.
        rate: requests a second.
        burst: requests when full.
        reserving: whether ordinary calls leave the last part to urgent ones.
        last: requests that even urgent calls leave, to what is sent without asking.
    """

    __slots__ = (
        "_at",
        "_cap",
        "_floors",
        "_last",
        "_level",
        "_pace",
        "_prompt",
        "_prompt_at",
        "_reserving",
        "_unanswered",
        "burst",
        "name",
        "paused_until",
        "queued",
        "rate",
        "reserved",
    )

    def __init__(
        self, name: str, rate: float, burst: float, *, reserving: bool = False, last: float = 0.0
    ) -> None:
        self.name = name
        self._reserving = reserving
        self._last = last
        self._level = math.inf
        self._at = self._prompt_at = 0.0
        self._prompt = math.inf  # what were left if all had arrived at once when it was sent
        self._unanswered = 0.0
        self.queued = 0  # how many are in line for this pool, so that a newcomer doesn't overtake them
        self.paused_until = -math.inf
        self.resize(rate, burst, 0.0)

    def resize(self, rate: float, burst: float, now: float) -> None:
        """Set what the exchange grants; a larger pool fills up at its rate, as it may be drained there."""
        if self._level < math.inf:
            self.left(now)
        self.rate = rate
        self.burst = burst
        self._pace = rate * _PACE
        self._cap = max(burst - rate * LATE_SECONDS, min(burst, 1.0))  # a pool of one request still works
        self._level = min(self._level, self._cap - self._unanswered)
        reserve = min(_RESERVED_MOST, burst * _RESERVED_SHARE) if self._reserving else 0.0
        self.reserved = max(0.0, min(reserve, self._cap - 1.0))
        self._floors = (min(self._last, self.reserved), self.reserved)

    def left(self, now: float) -> float:
        """Give how many requests are left at `now`, the reserved ones among them; may be below zero."""
        level = self._level + (now - self._at) * self._pace
        most = self._cap - self._unanswered
        self._level = level = level if level < most else most  # faster than min()
        self._at = now
        return level

    def is_free(self, cost: float, lane: Lane, now: float) -> bool:
        """Tell at once whether `cost` requests may go: nobody is in line, and nothing is paused."""
        level = self._level + (now - self._at) * self._pace  # as left(), without the cost of a call
        most = self._cap - self._unanswered
        self._level = level = level if level < most else most
        self._at = now
        return level >= cost + self._floors[lane] and not self.queued and now >= self.paused_until

    def wait(self, cost: float, lane: Lane, now: float) -> float:
        """Give the seconds until `cost` requests may go, with nobody ahead; inf: not before an answer."""
        level = self.left(now)
        needed = cost + self._floors[lane]
        if level >= needed and (now >= self.paused_until or lane is Lane.URGENT):
            return 0.0
        needed = min(needed, self._cap)  # what never fits goes from a full pool
        if needed > self._cap - self._unanswered:
            return math.inf
        return self._refilled(needed, lane, now)

    def soonest(self, cost: float, ahead: int, lane: Lane, now: float) -> float:
        """Give the least wait in seconds behind so many of the same cost, however soon answers come."""
        self.left(now)
        return self._refilled(min(cost + self._floors[lane], self._cap) + ahead * cost, lane, now)

    def _refilled(self, needed: float, lane: Lane, now: float) -> float:
        seconds = max(0.0, (needed - self._level) / self._pace)
        return seconds if lane is Lane.URGENT else max(seconds, self.paused_until - now)

    def take(self, cost: float) -> None:
        """Take requests that are sent now; `now` is when it was last asked whether they may go."""
        self._level -= cost
        self._unanswered += cost
        self._prompt = min(self._prompt + (self._at - self._prompt_at) * self._pace, self._cap) - cost
        self._prompt_at = self._at

    def answered(self, cost: float, now: float) -> None:
        """Say that what was taken has arrived, or never will: it was answered, or its link is gone."""
        self.left(now)
        self._unanswered -= cost

    def spend(self, cost: float, now: float) -> None:
        """Count what is sent now and never awaited."""
        self._level = self.left(now) - cost
        self._prompt -= cost

    def refund(self, cost: float) -> None:
        """Give back what was taken and never sent."""
        self._level += cost
        self._prompt += cost
        self._unanswered -= cost

    def never_late(self, now: float) -> None:
        """Say that all that was taken so far arrived when it was sent, or never will."""
        prompt = min(self._prompt + (now - self._prompt_at) * self._pace, self._cap - self._unanswered)
        self._level = max(self.left(now), prompt)

    def drain(self, now: float) -> None:
        """Count nothing as left: the exchange said so."""
        self.lower(0.0, now)

    def lower(self, level: float, now: float) -> None:
        """Count no more than so many requests as left."""
        self._level = min(level, self.left(now))
        self._prompt, self._prompt_at = min(self._prompt, level), now

    def pause(self, until: float) -> None:
        """Let nothing ordinary go before a time."""
        self.paused_until = max(self.paused_until, until)
