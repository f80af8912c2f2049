"""The account's own orders: what is done with them, and what is known of them.

Knows: the reads that make up for what a drop cost private channels, the view built on these channels, and
how an order's fate is found out. Must not know: connections; `call` is given. The client owns one `Orders`.
"""

from deribit_ws.orders.intents import label_of
from deribit_ws.orders.orders import Orders

__all__ = ["Orders", "label_of"]
