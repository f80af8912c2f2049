"""All orders and fills of all users, and how far back each can still be read.

Knows: which orders are alive, which are recent, which are in the archive; the same for fills. Must
not know: books, matching, requests. `engine` adds to it, `order_reads` and `trade_reads` look up.
Source: the page on accessing historical data of docs.deribit.com; how late the archive is, it does
not say.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from deribit_ws.testing.own_orders import OwnOrder, State
from deribit_ws.testing.terms import GTD

RECENT_ORDERS = 30 * 60_000  # ms an order can be read after its last change
RECENT_TRADES = 24 * 3_600_000  # ms a fill can be read
ARCHIVE_DELAY = 60_000  # ms between leaving the recent store and being found in the archive: an assumption
ORDERS_KEPT = 50_000  # of all users; beyond it the oldest that are over go
TRADES_KEPT = 50_000  # of each user


class OrderStore:
    """Orders by id and by user; fills by user, in the order in which they were made."""

    def __init__(self) -> None:
        self._orders: dict[str, OwnOrder] = {}
        self._by_user: defaultdict[int, dict[str, OwnOrder]] = defaultdict(dict)
        self._alive: defaultdict[int, dict[str, OwnOrder]] = defaultdict(dict)
        self.waiting: dict[str, OwnOrder] = {}  # alive, and something may happen to them with time alone
        self._trades: defaultdict[int, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=TRADES_KEPT))

    def __getitem__(self, order_id: str) -> OwnOrder:
        return self._orders[order_id]

    def add(self, order: OwnOrder) -> None:
        """Keep a new order."""
        self._orders[order.order_id] = self._by_user[order.user_id][order.order_id] = order
        self._alive[order.user_id][order.order_id] = order
        if order.state is State.UNTRIGGERED or order.terms.time_in_force == GTD:
            self.waiting[order.order_id] = order
        if len(self._orders) > ORDERS_KEPT:
            self._forget_oldest()

    def over(self, order: OwnOrder) -> None:
        """An order can't change any more."""
        self._alive[order.user_id].pop(order.order_id, None)
        self.waiting.pop(order.order_id, None)

    def fills(self, user_id: int, trades: Iterable[dict[str, Any]]) -> None:
        """Keep a user's fills."""
        self._trades[user_id].extend(trades)

    def alive(self, user_id: int | None = None) -> list[OwnOrder]:
        """The orders of a user, or of everybody, that can still change, the oldest first."""
        if user_id is not None:
            return list(self._alive[user_id].values())
        return [order for orders in self._alive.values() for order in orders.values()]

    def find(self, user_id: int, order_id: str, now: int) -> OwnOrder | None:
        """A user's order by its id, unless it is no longer recent."""
        order = self._by_user[user_id].get(order_id)
        return order if order is not None and recent(order, now) else None

    def orders(self, user_id: int, now: int, *, historical: bool = False) -> list[OwnOrder]:
        """A user's orders in order of creation: the recent ones, or those of the archive alone."""
        latest = now - RECENT_ORDERS - ARCHIVE_DELAY
        return [
            order
            for order in self._by_user[user_id].values()
            if (not order.alive and order.updated < latest if historical else recent(order, now))
        ]

    def trades(self, user_id: int, now: int, *, historical: bool = False) -> list[dict[str, Any]]:
        """A user's fills in the order in which they were made: the recent ones, or the archive's alone."""
        first, last = now - RECENT_TRADES, now - RECENT_TRADES - ARCHIVE_DELAY
        return [
            trade
            for trade in self._trades[user_id]
            if (trade["timestamp"] < last if historical else trade["timestamp"] >= first)
        ]

    def _forget_oldest(self) -> None:
        oldest = next((order for order in self._orders.values() if not order.alive), None)
        if oldest is not None:
            del self._orders[oldest.order_id], self._by_user[oldest.user_id][oldest.order_id]


def recent(order: OwnOrder, now: int) -> bool:
    """Whether an order can be read without asking the archive."""
    return order.alive or order.updated >= now - RECENT_ORDERS
