"""Live order books over a client's connections: kept right, or said not to be, across gaps and drops.

`live_book` is what a user reads, `kept_book` one channel's book and whether a snapshot is due, `auditing`
compares with what the exchange answers when asked, `books` the head that `client` owns. The rules of a
book are in `orderbook`; this room must not know sockets, or how a connection is rebuilt.
"""

from deribit_ws.books.books import Books
from deribit_ws.books.live_book import LiveBook

__all__ = ["Books", "LiveBook"]
