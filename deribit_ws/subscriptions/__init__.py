"""Which channels are wanted and which the exchange confirmed, and how they divide into calls."""

from deribit_ws.subscriptions.batches import check_name
from deribit_ws.subscriptions.subscriptions import Subscriptions

__all__ = ["Subscriptions", "check_name"]
