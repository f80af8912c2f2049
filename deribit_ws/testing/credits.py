"""Deribit's credits, counted: who has how many left for what.

Knows: pools, what a method costs, and how pools refill. Must not know: connections, or what follows
when one is empty. `methods` charges every request here. Source: rate limits page of
docs.deribit.com: credits belong to a user (a sub-account), or to an address where nobody is logged
in; that the two subscribe methods share a pool, and that an address has the pools of a user, are
assumptions on the hard side.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from deribit_ws.testing.matching import ENGINE

Holder: TypeAlias = int | str  # a user id, or the address of somebody not logged in


@dataclass(frozen=True, slots=True)
class Pool:
    """What one request costs, how much there is at most, and how much comes back in a second."""

    cost: float
    size: float
    refill: float

    @property
    def limit(self) -> dict[str, float]:
        """The same in requests, as `limits` of an account summary has it."""
        rate, burst = self.refill / self.cost, self.size / self.cost
        return {
            "burst": int(burst) if burst.is_integer() else burst,
            "rate": int(rate) if rate.is_integer() else rate,
        }


REFILL = 10_000  # a second, of every pool that counts credits
# Matching-engine figures are those of the lowest tier; they count requests.
DERIBIT_CREDITS: MappingProxyType[str, Pool] = MappingProxyType(
    {
        "requests": Pool(500, 50_000, REFILL),
        "get_instruments": Pool(10_000, 500_000, REFILL),
        "subscribe": Pool(3_000, 30_000, REFILL),
        "get_transaction_log": Pool(10_000, 80_000, REFILL),
        "move_positions": Pool(100_000, 600_000, REFILL),
        "trading": Pool(1, 20, 5),
        "spot": Pool(1, 20, 5),
        "cancel_all": Pool(1, 20, 5),
        "mass_quote": Pool(1, 10, 10),
    }
)
_OWN_POOLS = {
    "public/get_instruments": "get_instruments",
    "public/subscribe": "subscribe",
    "private/subscribe": "subscribe",
    "private/get_transaction_log": "get_transaction_log",
    "private/move_positions": "move_positions",
    "private/mass_quote": "mass_quote",
    "private/cancel_all": "cancel_all",
}
_CANCELS_EVERYWHERE = ("private/cancel_by_label", "private/cancel_all_by_kind_or_type")  # without a currency


@dataclass(slots=True)
class _Account:
    left: float
    lowest: float
    at: float


class Credits:
    """All accounts of one exchange.

    `pools` None counts nothing. `holder` gives whose credits a client id uses, or (None) somebody's
    who is not logged in; `clock` gives seconds.
    """

    def __init__(
        self,
        pools: Mapping[str, Pool] | None,
        *,
        holder: Callable[[str | None], Holder],
        clock: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        self._counts = pools is not None
        self._pools = dict(pools or DERIBIT_CREDITS)
        self._holder = holder
        self._clock = clock
        self._accounts: dict[tuple[Holder, str], _Account] = {}

    def charge(self, holder: Holder, method: str, params: Mapping[str, Any]) -> bool:
        """Take what a request costs; False if there is not enough, and nothing is taken then."""
        if not self._counts:
            return True
        name = pool_of(method, params)
        account, cost = self._account(holder, name), self._pools[name].cost
        if account.left < cost:
            account.lowest = 0.0
            return False
        account.left -= cost
        account.lowest = min(account.lowest, account.left)
        return True

    def levels(self, client_id: str | None = None) -> dict[str, float]:
        """What is left in each pool now, of a key's user, or of whoever is not logged in."""
        holder = self._holder(client_id)
        return {name: self._account(holder, name).left for name in self._pools}

    def lowest(self, client_id: str | None = None) -> dict[str, float]:
        """The least that was ever left in each pool; 0 once a request was refused."""
        holder = self._holder(client_id)
        return {name: self._account(holder, name).lowest for name in self._pools}

    def drain(self, pool: str = "requests", client_id: str | None = None) -> None:
        """Empty a pool now."""
        account = self._account(self._holder(client_id), pool)
        account.left = account.lowest = 0.0

    def resize(self, pool: str, *, size: float, refill: float | None = None) -> None:
        """Change a pool for everybody; what is beyond its new size is gone."""
        old = self._pools[pool]
        self._pools[pool] = replace(old, size=size, refill=old.refill if refill is None else refill)

    def limits(self) -> dict[str, Any]:
        """The figures as get_account_summary tells them."""
        limit = {name: pool.limit for name, pool in self._pools.items()}
        return {
            "limits_per_currency": False,
            "non_matching_engine": limit["requests"],
            "matching_engine": {
                "trading": {"total": limit["trading"]},
                "spot": limit["spot"],
                "quotes": {"burst": 500, "rate": 500},
                "max_quotes": limit["mass_quote"],
                "guaranteed_quotes": {"burst": 2, "rate": 2},
                "cancel_all": limit["cancel_all"],
            },
        }

    def _account(self, holder: Holder, name: str) -> _Account:
        pool, now = self._pools[name], self._clock()
        account = self._accounts.get((holder, name))
        if account is None:
            account = self._accounts[holder, name] = _Account(pool.size, pool.size, now)
        account.left = min(pool.size, account.left + (now - account.at) * pool.refill)
        account.at = now
        return account


def pool_of(method: str, params: Mapping[str, Any]) -> str:
    """The pool a request draws on."""
    if method in _OWN_POOLS:
        return _OWN_POOLS[method]
    if method not in ENGINE:
        return "requests"
    if method in _CANCELS_EVERYWHERE and "currency" not in params:
        return "cancel_all"
    name = params.get("instrument_name")
    return "spot" if isinstance(name, str) and "_" in name and "-" not in name else "trading"
