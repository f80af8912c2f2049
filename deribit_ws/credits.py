"""Deribit's credits, as a bucket that refills: how long to wait before the next request.

Knows: amounts and seconds. Must not know: methods or clocks. Source: facts of docs.deribit.com,
rate limits: a subscribe call costs 3,000 of a pool of 30,000 that refills at 10,000 a second.
"""

SUBSCRIBE_COST = 3_000
SUBSCRIBE_POOL = 30_000
REFILL = 10_000  # credits a second


class Bucket:
    """Credits left in one pool, reckoned on this side.

    Args:
        pool: credits when full.
        refill: credits a second.
    """

    __slots__ = ("_at", "_level", "_pool", "_refill")

    def __init__(self, pool: float, refill: float) -> None:
        self._pool = pool
        self._refill = refill
        self._level = pool
        self._at = 0.0

    def take(self, cost: float, now: float) -> float:
        """Take credits at time `now`, and give the seconds to wait before using them."""
        self._level = min(self._pool, self._level + (now - self._at) * self._refill) - cost
        self._at = now
        return max(0.0, -self._level / self._refill)
