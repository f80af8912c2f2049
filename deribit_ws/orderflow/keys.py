"""What of an order or a fill tells whether it is news: its key, read out of the JSON as it came.

Knows: which fields tell two versions of an order apart, and which of them only ever grow. Must not know:
channels, or what was handed out. `memory` remembers keys, `feed` reads them.
Source: docs.deribit.com, user.orders and user.trades; prices may be words, anything may be null.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

# An order goes from a lower of these to a higher one, never back; a state nobody has heard of is as good
# as open. A trigger order ends as `triggered`: what it becomes is an order of its own.
_STAGES = {"untriggered": 0, "triggered": 2, "filled": 2, "rejected": 2, "cancelled": 2}
_OPEN_STAGE = 1


class OrderKey(msgspec.Struct, frozen=True, gc=False):
    """One version of an order. Two messages with equal keys tell the same."""

    order_id: str
    last_update_timestamp: int | None = None  # ms
    order_state: str = ""
    filled_amount: float | None = None
    amount: float | None = None
    price: float | str | None = None
    replaced: bool | None = None
    instrument_name: str = ""

    @property
    def id(self) -> str:
        """Whose version it is."""
        return self.order_id

    @property
    def is_open(self) -> bool:
        """Whether more may come of it."""
        return self._stage < 2

    @property
    def place(self) -> tuple[int, float, int, tuple[int, str]]:
        """Where it stands among versions of all orders."""
        return self.time, self.filled_amount or 0.0, self._stage, number_of(self.order_id)

    @property
    def time(self) -> int:
        """When it came about, in ms; 0 where that is not told."""
        return self.last_update_timestamp or 0

    def is_older_than(self, other: "OrderKey") -> bool:
        """Tell whether this is an earlier version of the same order; False where that can't be told."""
        ours, theirs = self.last_update_timestamp, other.last_update_timestamp
        if ours is None or theirs is None:
            return False
        if ours != theirs:
            return ours < theirs
        # Of two in one millisecond, what only ever grows decides.
        return (
            (self.filled_amount or 0.0) < (other.filled_amount or 0.0)
            or self._stage < other._stage
            or (not self.replaced and other.replaced is True)
        )

    @property
    def _stage(self) -> int:
        return _STAGES.get(self.order_state, _OPEN_STAGE)


class TradeKey(msgspec.Struct, frozen=True, gc=False):
    """One fill. Ids are unique within a currency, and instruments tell currencies apart."""

    trade_id: str
    timestamp: int = 0  # ms
    instrument_name: str = ""
    legs: list[msgspec.Raw] | None = None  # combos

    @property
    def id(self) -> tuple[str, str]:
        """What no other fill has."""
        return self.instrument_name, self.trade_id

    @property
    def place(self) -> tuple[int, tuple[int, str]]:
        """Where it stands among all fills."""
        return self.timestamp, number_of(self.trade_id)

    @property
    def time(self) -> int:
        """When it was made, in ms."""
        return self.timestamp


K = TypeVar("K", OrderKey, TradeKey)


@dataclass(frozen=True)
class Read:
    """What was read of one currency ("": by ids alone); positions are as they came, portfolios messages."""

    currency: str = ""
    orders: Sequence[tuple[OrderKey, msgspec.Raw]] = ()
    trades: Sequence[tuple[TradeKey, msgspec.Raw]] = ()
    positions: Sequence[Any] = ()
    portfolios: Sequence[bytes] = ()


def number_of(id: str) -> tuple[int, str]:
    """Give the number an id ends in, and the id: ids of one currency rise by it."""
    digits = id.rpartition("-")[2]
    return (int(digits), id) if digits.isdecimal() else (0, id)


def keyed(values: Iterable[Any], key_of: Callable[[bytes], K]) -> Iterator[tuple[K, msgspec.Raw]]:
    """Give JSON of values read, each with its key; what has no key to read is left out."""
    for value in values:
        raw = msgspec.Raw(msgspec.json.encode(value))
        with contextlib.suppress(msgspec.ValidationError):
            yield key_of(raw), raw


order_key = msgspec.json.Decoder(OrderKey, strict=False).decode
trade_key = msgspec.json.Decoder(TradeKey, strict=False).decode
