"""What tests of books share: the fixtures of the client's, and the exchange's word on what is right."""

from deribit_ws.books import LiveBook
from deribit_ws.testing import SimulatedExchange
from tests.client.conftest import build, ears, exchange, make, memory, remember

__all__ = ["build", "ears", "exchange", "make", "memory", "remember"]


def matches(book: LiveBook, exchange: SimulatedExchange) -> bool:
    """Tell whether a book is what the exchange had at its change_id, or says that it is not."""
    if book.change_id is None:
        return (book.valid, list(book.bids), list(book.asks), book.best_bid) == (False, [], [], None)
    return (list(book.bids), list(book.asks)) == exchange.ledger.book_at(book.instrument, book.change_id)
