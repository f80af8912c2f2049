"""What one request takes: room in pools, and places in the exchange's queue for each currency.

Knows: pools, and how many requests of a currency may be under way. Must not know: methods, waiting.
`pools` makes the claims, `limits` takes them and gives them back. Source: docs.deribit.com, order
management: eight requests of one user and currency may wait for the matching engine, then 10047.
"""

from collections.abc import Mapping
from typing import NamedTuple

from deribit_ws.credits import Lane, Pool

# By lane: of the exchange's eight one stays free for what the website or another process sends, and one
# more is left to cancels, so that orders in a hurry never hold up the way out.
MOST_IN_FLIGHT = (7, 6)
EVERY = "*"  # what is about any currency, in a snapshot


class InFlight:
    """Counts the matching-engine requests under way, by currency."""

    def __init__(self) -> None:
        self.queued = 0  # how many are in line, whatever the currency: see `Pool.queued`
        self._counts: dict[str, int] = {}
        self._everywhere = 0

    def has_room(self, currencies: tuple[str, ...], lane: Lane) -> bool:
        """Tell whether one more may go in each of the currencies; () asks for every one."""
        counts = self._counts
        most = MOST_IN_FLIGHT[lane] - self._everywhere
        for currency in currencies or counts:
            if counts.get(currency, 0) >= most:
                return False
        return most > 0

    def add(self, currencies: tuple[str, ...], count: int) -> None:
        """Count one more (1) or one less (-1) in each of the currencies, or everywhere."""
        if not currencies:
            self._everywhere += count
        for currency in currencies:
            left = self._counts.get(currency, 0) + count
            if left:
                self._counts[currency] = left
            else:
                del self._counts[currency]  # names are the user's: they must not pile up

    def by_currency(self) -> Mapping[str, int]:
        """Give the counts as they are now, those about any currency under `EVERY`."""
        everywhere = {EVERY: self._everywhere} if self._everywhere else {}
        return dict(sorted(self._counts.items())) | everywhere


class Claims(NamedTuple):
    """What a request takes: its lane, requests of each pool, and the currencies it queues for."""

    lane: Lane
    draws: tuple[tuple[Pool, float], ...]
    currencies: tuple[str, ...] | None  # (): every one; None: it is no matter of the matching engine

    def wait(self, in_flight: InFlight, now: float) -> float:
        """Give the seconds until it may go, with nobody ahead; inf: not before an answer came."""
        longest = 0.0
        for pool, cost in self.draws:
            wait = pool.wait(cost, self.lane, now)
            if wait > longest:
                longest = wait
        if self.currencies is None or in_flight.has_room(self.currencies, self.lane):
            return longest
        return float("inf")

    def are_free(self, in_flight: InFlight, now: float) -> bool:
        """Tell whether it may go at once, past nobody."""
        lane = self.lane
        for pool, cost in self.draws:  # all() would cost more than the rest of it
            if not pool.is_free(cost, lane, now):
                return False
        if self.currencies is None:
            return True
        return not in_flight.queued and in_flight.has_room(self.currencies, lane)

    def take(self, in_flight: InFlight) -> None:
        """Take all of it."""
        for pool, cost in self.draws:
            pool.take(cost)
        if self.currencies is not None:
            in_flight.add(self.currencies, 1)

    def arrived(self, now: float) -> None:
        """Let its pools refill: what was sent is spent, and on its way no more."""
        for pool, cost in self.draws:
            pool.answered(cost, now)

    def leave_queue(self, in_flight: InFlight) -> None:
        """Give its places in flight back."""
        if self.currencies is not None:
            in_flight.add(self.currencies, -1)

    def refund(self, in_flight: InFlight) -> None:
        """Give all of it back: nothing was sent."""
        for pool, cost in self.draws:
            pool.refund(cost)
        self.leave_queue(in_flight)

    def soonest(self, ahead: int, now: float) -> float:
        """Give the least wait in seconds behind so many of the same kind, however soon answers come."""
        return max(pool.soonest(cost, ahead, self.lane, now) for pool, cost in self.draws)

    def line_up(self, in_flight: InFlight, count: int) -> None:
        """Count one more (1) or one less (-1) in line for what it takes."""
        for pool, _ in self.draws:
            pool.queued += count
        if self.currencies is not None:
            in_flight.queued += count
