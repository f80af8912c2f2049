"""What one consumer of a channel could not take, and is still owed when the others have had it.

Knows: ids of orders and fills, and when they happened. Must not know: who the consumer is, or why it could
not. `feed` keeps one for each, and uses it as the memory of what that consumer has had: to it, what it is
owed is news, and nothing else.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from deribit_ws.orderflow.keys import OrderKey, TradeKey
from deribit_ws.orderflow.memory import Seen, SeenOrders, SeenTrades

# Ids of each kind: nearly an hour of the fastest accounts' 30 orders a second, in some 20 MB.
_MOST = 100_000


class OwedIds:
    """Orders, or fills, that one consumer is owed.

    Args:
        seen: what the channel has handed out of its kind.
    """

    def __init__(self, seen: SeenOrders | SeenTrades) -> None:
        self._seen: Any = seen
        self._times: dict[Hashable, int] = {}
        self._sought: set[Hashable] = set()  # not found yet in what was read
        self._given_up = 0

    def __bool__(self) -> bool:
        return bool(self._times)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._times)

    @property
    def since(self) -> int | None:
        """When the first of them happened, in ms; None where that is not known."""
        return min(filter(None, self._times.values()), default=None)

    def is_news(self, key: OrderKey | TradeKey) -> bool:
        """Tell whether it is owed."""
        return key.id in self._times and not self._seen.is_news(key)

    def note(self, key: OrderKey | TradeKey) -> None:
        """Take it as handed out now."""
        self._times.pop(key.id, None)

    def add(self, key: OrderKey | TradeKey) -> None:
        """Owe it; beyond all bounds the oldest is given up."""
        self._times.setdefault(key.id, key.time)
        self._sought.discard(key.id)
        if len(self._times) > _MOST:
            del self._times[next(iter(self._times))]
            self._given_up += 1

    def begin(self, until: int) -> None:
        """Take it that what is read up to a moment (ms) is about to be handed out."""
        self._sought = {id for id, time in self._times.items() if time <= until}

    def settle(self) -> int:
        """Owe no more what was not found since `begin`; say how many, with those that `add` gave up."""
        lost = self._sought & self._times.keys()
        for id in lost:
            del self._times[id]
        given_up, self._given_up = self._given_up + len(lost), 0
        self._sought.clear()
        return given_up


class Owed:
    """All that one consumer is owed of a channel.

    Args:
        seen: what the channel has handed out; what is news to all goes out with the rest.
    """

    def __init__(self, seen: Seen) -> None:
        self.orders = OwedIds(seen.orders)
        self.trades = OwedIds(seen.trades)

    def __bool__(self) -> bool:
        return bool(self.orders or self.trades)

    @property
    def since(self) -> int | None:
        """When the first of it happened, in ms; None where that is not known."""
        return min(filter(None, (self.orders.since, self.trades.since)), default=None)

    def order_ids(self) -> Iterator[str]:
        """Give the ids of the orders."""
        return iter(self.orders)

    def add(self, orders: Iterable[tuple[OrderKey, Any]], trades: Iterable[tuple[TradeKey, Any]]) -> None:
        """Owe what a message told."""
        for order, _ in orders:
            self.orders.add(order)
        for trade, _ in trades:
            self.trades.add(trade)

    def note(self, orders: Iterable[tuple[OrderKey, Any]], trades: Iterable[tuple[TradeKey, Any]]) -> None:
        """Take what a message told as handed out now."""
        for order, _ in orders:
            self.orders.note(order)
        for trade, _ in trades:
            self.trades.note(trade)

    def begin(self, until: int) -> None:
        """See `OwedIds.begin`."""
        self.orders.begin(until)
        self.trades.begin(until)

    def settle(self) -> int:
        """See `OwedIds.settle`."""
        return self.orders.settle() + self.trades.settle()
