"""How an intent can end badly.

Knows: what each end says of the order. Must not know: how it was found out. `intents` raises them.
"""

from collections.abc import Sequence

from deribit_ws import errors
from deribit_ws.wire.trading import Order


class OrderNotPlaced(errors.OrderNotPlaced):
    """It is proved that what was asked did not happen, and that it can't happen any more.

    Args:
        label: the label the order would have had; "" for an edit.
        order: for an edit: the order as it really is, None where the exchange knows none.
    """

    def __init__(
        self, message: str, *, method: str = "", label: str = "", order: Order | None = None
    ) -> None:
        super().__init__(message, method=method)
        self.label = label
        self.order = order

    @property
    def orders(self) -> tuple[Order, ...]:
        """What is there in its place."""
        return () if self.order is None else (self.order,)


class DuplicateOrder(errors.CallError):
    """More than one order has a label that was given to one alone: look at once.

    Args:
        label: the label.
        orders: all that have it.
    """

    def __init__(self, message: str, *, method: str, label: str, orders: Sequence[Order]) -> None:
        super().__init__(message, method=method)
        self.label = label
        self.orders = tuple(orders)
