"""What happens in the market, as values.

Knows: the fields of a public trade and of one change of a book. Must not know: who makes them or
who listens. `market` makes them; `feeds` and `ledger` hear them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from deribit_ws.testing.book import LevelChange
from deribit_ws.testing.level_queue import Resting


class Trade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A public trade as trades.* and get_last_trades_* show it; the key order is the wire's.

    `timestamp` in ms, `amount` in USD (inverse) or coin, `iv` (options) in percent.
    """

    timestamp: int
    price: float
    amount: float
    direction: Literal["buy", "sell"]
    index_price: float
    instrument_name: str
    trade_seq: int
    mark_price: float
    tick_direction: int
    contracts: float
    iv: float | None = None
    trade_id: str


@dataclass(frozen=True, slots=True)
class BookEvent:
    """One order's effect: all levels it touched, and the trades it made.

    `makers` has for each trade the user's order that rested, None for the crowd.
    """

    instrument_name: str
    timestamp: int
    prev_change_id: int
    change_id: int
    changes: tuple[LevelChange, ...]
    trades: tuple[Trade, ...]
    makers: tuple[Resting | None, ...] = ()


Listener: TypeAlias = Callable[[BookEvent], None]
