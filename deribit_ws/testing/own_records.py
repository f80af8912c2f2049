"""What happened to users' orders, written down by the exchange itself.

Knows: every version of every order and every fill, by user. Must not know: how any of it came
about. `engine` tells each event; tests read. It is the half of `ledger` that is about users.
"""

from collections import defaultdict, deque

from deribit_ws.testing.own_events import OwnEvent, Payload

VERSIONS_KEPT = 50_000  # versions of orders, and as many fills, of each user: hours of a busy one


class OwnRecords:
    """By user id (`exchange.logins.user(client_id)`), in the order in which it happened.

    Attributes:
        orders: each version of each order, as the wire shows it.
        user_trades: each fill, as the wire shows it.
    """

    def __init__(self) -> None:
        self.orders: defaultdict[int, deque[Payload]] = defaultdict(lambda: deque(maxlen=VERSIONS_KEPT))
        self.user_trades: defaultdict[int, deque[Payload]] = defaultdict(lambda: deque(maxlen=VERSIONS_KEPT))

    def keep(self, event: OwnEvent) -> None:
        """Write down what happened to a user."""
        self.orders[event.user_id].append(event.order)
        self.user_trades[event.user_id].extend(event.trades)

    def versions(self, order_id: str) -> list[Payload]:
        """All versions of an order, in order."""
        return [one for orders in self.orders.values() for one in orders if one["order_id"] == order_id]

    def last_versions(self, user_id: int | None = None) -> dict[str, Payload]:
        """Each order as it is now, by id, in order of creation; of one user or of all."""
        users = list(self.orders) if user_id is None else [user_id]
        return {one["order_id"]: one for user in users for one in self.orders[user]}

    def labelled(self, label: str) -> list[Payload]:
        """The orders of a label as they are now: more than one was placed more than once."""
        return [one for one in self.last_versions().values() if one["label"] == label]

    def fills(self, order_id: str) -> list[Payload]:
        """All fills of an order, in order."""
        return [one for trades in self.user_trades.values() for one in trades if one["order_id"] == order_id]
