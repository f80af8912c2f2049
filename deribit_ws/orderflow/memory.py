"""What one channel has handed out already, so that nothing goes out twice.

Knows: keys, and how many are worth remembering. Must not know: messages or channels. `feed` has one of
each. What is forgotten is what was handed out longest ago: reads never reach back that far.
"""

from collections import OrderedDict
from collections.abc import Iterator

from deribit_ws.orderflow.keys import OrderKey, TradeKey

# Of each kind, for each channel. Reads overlap with what was handed out by seconds, and the fastest accounts
# may send some 30 orders a second: this is ten minutes of them.
_REMEMBERED = 20_000


class SeenOrders:
    """The last version handed out of each order."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, OrderKey] = OrderedDict()

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._last

    def is_news(self, key: OrderKey) -> bool:
        """Tell whether a version says more than the last one handed out."""
        last = self._last.get(key.order_id)
        return last is None or (key != last and not key.is_older_than(last))

    def note(self, key: OrderKey) -> None:
        """Remember it as handed out."""
        self._last[key.order_id] = key
        self._last.move_to_end(key.order_id)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def forget(self, order_id: str) -> None:
        """Remember an order no more."""
        self._last.pop(order_id, None)

    def open(self) -> Iterator[OrderKey]:
        """Give the orders of which more may come."""
        return (key for key in self._last.values() if key.is_open)


class SeenTrades:
    """The fills handed out."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_news(self, key: TradeKey) -> bool:
        """Tell whether a fill was not handed out yet."""
        return key.id not in self._seen

    def note(self, key: TradeKey) -> None:
        """Remember it as handed out."""
        self._seen[key.id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


class Seen:
    """All that one channel has handed out."""

    def __init__(self) -> None:
        self.orders = SeenOrders()
        self.trades = SeenTrades()
