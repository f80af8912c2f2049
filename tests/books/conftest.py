"""What tests of books share: a client that opens them, and the exchange's own word on what they should be."""

from typing import Any

from deribit_ws import Client
from deribit_ws.books import Books, LiveBook
from deribit_ws.testing import SimulatedExchange
from tests.client.conftest import build, ears, exchange, make, memory, remember

__all__ = ["build", "ears", "exchange", "make", "memory", "remember"]


def live(client: Client, instrument: str, interval: Any = "100ms", audit: float | None = None) -> LiveBook:
    """Give a live book of a client."""
    recoveries: Any = client._lifecycle.restorer._recoveries
    books = recoveries.setdefault("books", Books(client._registry, client._typed_call))
    opened: LiveBook = books.open(instrument, interval, audit, client._open_channels)
    return opened


def matches(book: LiveBook, exchange: SimulatedExchange) -> bool:
    """Tell whether a book is what the exchange had at its change_id, or says that it is not."""
    if book.change_id is None:
        return (book.valid, list(book.bids), list(book.asks), book.best_bid) == (False, [], [], None)
    return (list(book.bids), list(book.asks)) == exchange.ledger.book_at(book.instrument, book.change_id)
