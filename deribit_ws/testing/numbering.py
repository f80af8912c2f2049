"""The counters that number what happens on the exchange: change_ids, trade_ids, order ids.

Knows: where each counter stands, how its numbers are written, and that they jump. Must not know:
books, trades or orders. `market` numbers changes and trades with one, `engine` orders with another,
so that the market does not depend on what users do to its chance.
"""

from random import Random

from deribit_ws.testing.instruments import Instrument

LARGEST_JUMP = 900  # of the change_id counter: other instruments use it up between two changes
LARGEST_ORDER_JUMP = 50  # of the order counters: other users' orders
PLAIN = "BTC"  # the currency whose numbers are bare digits


class Numbering:
    """One set of counters; they begin as far up as the real ones."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        # Inverse books share one counter, USDC books another; both far beyond 32 bits.
        self._changes = {False: 133_112_427_566, True: 193_809_616_666}
        self._trades = {"BTC": 403_691_824, "ETH": 311_974_188, "USDC": 18_820_350}
        self._orders = {"BTC": 48_512_930_117, "ETH": 58_486_480_712, "USDC": 104_819_327_443}

    def change_id(self, instrument: Instrument) -> int:
        """The next change_id of the books an instrument belongs to."""
        linear = instrument.linear
        self._changes[linear] += self._rng.randint(1, LARGEST_JUMP)
        return self._changes[linear]

    def trade_id(self, instrument: Instrument) -> str:
        """The next trade_id of an instrument's currency."""
        coin = instrument.settlement
        self._trades[coin] += self._rng.randint(1, 4)
        prefix = f"{instrument.base}_USDC" if coin == "USDC" else coin
        return _written(prefix, self._trades[coin])

    def order_id(self, instrument: Instrument, kind: str = "") -> str:
        """The next order_id of an instrument's currency; `kind` stands before a trigger order's number."""
        coin = instrument.settlement
        self._orders[coin] += self._rng.randint(1, LARGEST_ORDER_JUMP)
        number = self._orders[coin]
        return _written(coin, f"{kind}-{number}" if kind else number)


def _written(prefix: str, number: int | str) -> str:
    return str(number) if prefix == PLAIN else f"{prefix}-{number}"


def number_of(name: str) -> int:
    """The number in an id: what ids of one currency are ordered by."""
    return int(name.rpartition("-")[2])
