"""Which requests go to the matching engine, and how many of a user's wait there.

Knows: these methods, the currency a request concerns, the places in each queue. Must not know:
orders or connections. `service` takes a place for each such request until its answer is out.
Source: order management page of docs.deribit.com: eight wait per user and currency.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from deribit_ws.wire.methods import METHODS

QUEUE_PLACES = 8  # of one user and currency; a request more is 10047
ENGINE = frozenset(name for name, method in METHODS.items() if method.matching_engine)
EVERYWHERE = "any"
PREFIXES = ("ETH", "USDC", "USDT", "EURR")  # of order ids; those of BTC have none
LINEAR = ("USDC", "USDT", "EURR")  # quote currencies that are also what such instruments settle in

Place: TypeAlias = tuple[int, str]  # a user and a currency


class MatchingQueue:
    """The places of all users."""

    def __init__(self) -> None:
        self._taken: Counter[Place] = Counter()

    def enter(self, place: Place) -> bool:
        """Take a place; False if all are taken."""
        if self._taken[place] >= QUEUE_PLACES:
            return False
        self._taken[place] += 1
        return True

    def leave(self, place: Place) -> None:
        """Give a place back."""
        self._taken[place] -= 1


def currency_of(params: Mapping[str, Any]) -> str:
    """The currency whose queue a request waits in, by its currency, instrument or order."""
    match params:
        case {"currency": str(currency)}:
            return currency.upper()
        case {"instrument_name": str(name)}:
            return _settled_in(name)
        case {"order_id": str(order_id)}:
            prefix = order_id.partition("-")[0]
            return prefix if prefix in PREFIXES else "BTC"
        case _:
            return EVERYWHERE


def _settled_in(instrument_name: str) -> str:
    underlying = instrument_name.partition("-")[0]
    base, _, quote = underlying.partition("_")
    return quote if quote in LINEAR else base
