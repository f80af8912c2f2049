"""One order book, rebuilt from its messages: right, or saying that it is not.

`levels` is one side of it, `order_book` the rules by which messages make a book. Pure: nothing here waits,
looks at a clock or knows where messages come from. Users feed an `OrderBook` themselves, or let `books`.
"""

from deribit_ws.orderbook.levels import Level, Levels
from deribit_ws.orderbook.order_book import BookUnsound, OrderBook

__all__ = ["BookUnsound", "Level", "Levels", "OrderBook"]
