"""`client.orders`: the account's own orders, done with and looked at.

Knows: its parts. Must not know: how they work. The client makes one, and gives its `recovery` to the
`Restorer`, as one of the rooms that make good what a drop cost.
"""

import asyncio
from collections.abc import Mapping, Sequence

from deribit_ws.errors import UsageError, require_positive
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.handlers.registry import Registry
from deribit_ws.methods.calls import TypedCall
from deribit_ws.orderflow import Standing
from deribit_ws.orders.intents import Intents, label_of
from deribit_ws.orders.recovery import Recovery
from deribit_ws.orders.view import View
from deribit_ws.wire.trading import Order, Position, UserTrade

_WAIT_SECONDS = 30.0  # for the view to be true; as long as a call may take


class Orders(Intents):
    """The account's own orders: `buy`, `sell`, `edit`, `cancel`, and a live view of all that is open.

    The view begins when it is first asked for anything: it subscribes `user.changes.any.any.raw`, reads open
    orders and positions, and follows from there, across drops as well. Until that is done, and again from
    each drop until what was missed has been read, `valid` is False, and what it shows is what it knew last.

    Args:
        registry: routes and holds private channels, and tells errors.
        ask: makes calls.
        clock: takes readings of the exchange's time.
    """

    def __init__(self, registry: Registry, ask: TypedCall, clock: ExchangeClock) -> None:
        super().__init__(ask, clock, registry.events.report)
        self._view = View(registry)
        self._registry = registry
        self._recovery = Recovery(registry, self._view, self._end)

    def __repr__(self) -> str:
        known = f"{len(self._view.standing.open)} open"
        return f"<Orders {known}{'' if self._view.valid else ', not valid'}>"

    # --- the view

    @property
    def valid(self) -> bool:
        """Whether the view is true at the moment."""
        self._view.follow()
        return self._view.valid

    async def wait_valid(self, timeout: float = _WAIT_SECONDS) -> None:
        """Wait until the view is true; `timeout` is in seconds.

        Raises:
            SubscriptionRejected, RpcError: the exchange does not tell this login about its orders.
            CallTimeout: it is not true within `timeout`.
            UsageError: the client is not open, or `timeout` is no time.
        """
        require_positive(timeout=timeout)
        if not self._registry.is_running:
            raise UsageError("client.orders: the client is not open")
        self._view.follow()
        await self._view.wait_valid(timeout)

    @property
    def open(self) -> Mapping[str, Order]:
        """The open orders by order_id, trigger orders that wait among them."""
        return self._standing.open

    @property
    def positions(self) -> Mapping[str, Position]:
        """The positions by instrument; one of size 0 is none."""
        return self._standing.positions

    @property
    def trades(self) -> tuple[UserTrade, ...]:
        """The last fills since the view began, oldest first, 1,000 at most; `user.trades` gives all."""
        return self._standing.fills

    def get(self, order_id: str) -> Order | None:
        """Give an order that is open, or ended within the last 30 minutes; None where it is not known."""
        return self._standing.get(order_id)

    def by_label(self, label: str) -> tuple[Order, ...]:
        """Give the open orders of a label: as it is on the order, or your own part of it."""
        return tuple(order for order in self.open.values() if label in (order.label, label_of(order)))

    def by_instrument(self, instrument_name: str) -> tuple[Order, ...]:
        """Give the open orders on an instrument."""
        return tuple(order for order in self.open.values() if order.instrument_name == instrument_name)

    @property
    def _standing(self) -> Standing:
        self._view.follow()
        return self._view.standing

    def _learned(self, order: Order, trades: Sequence[UserTrade]) -> None:
        self._view.learn(order, trades, asyncio.get_running_loop().time())
