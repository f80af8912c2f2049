"""Holding back, so that no check ever empties a pool of credits.

Knows: what the dear requests cost, and the time. Must not know: connections. All peers of a run share
one, because credits belong to the address or the account, whatever connection they are spent on.
Source: rate limits page and changelog of docs.deribit.com.
"""

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class _Pool:
    """Requests that may be made at once, and those that come back in a second."""

    burst: float
    rate: float
    full_at: float = 0.0


class Pace:
    """The pools of a run."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # A part of what Deribit gives: how much an address without a login may spend is published nowhere.
        ordinary = _Pool(30, 10)  # of 100 and 20
        subscribing = _Pool(6, 2.5)  # of 10 and 3.3
        listing = _Pool(4, 0.1)  # of 50 and 1, or by an older note of 5 and 0.1
        self._ordinary = ordinary
        self._dear = {
            "public/subscribe": subscribing,
            "private/subscribe": subscribing,
            "public/get_instruments": listing,
        }

    async def turn(self, method: str) -> None:
        """Wait until a request may be made."""
        pool = self._dear.get(method, self._ordinary)
        now = self._loop.time()
        pool.full_at = max(pool.full_at, now) + 1 / pool.rate
        wait = pool.full_at - now - pool.burst / pool.rate
        if wait > 0:
            await asyncio.sleep(wait)
