"""What is kept whole across drops: order books, trades, the account's own orders.

Knows: the rooms that keep them, and the public face of each. Must not know: how any of them recovers.
Base of the client's public face.
"""

from deribit_ws.books import Books, LiveBook
from deribit_ws.channels.names import Interval
from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.client.listening import Listening
from deribit_ws.handlers.registry import Registry
from deribit_ws.universe import Universe


class Feeds(Listening):
    """A client's live books, trades and orders."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        registry: Registry,
        universe: Universe,
        books: Books,
        call_timeout: float,
    ) -> None:
        super().__init__(lifecycle, registry, universe, call_timeout)
        self._books = books

    def order_book(
        self, instrument: str, *, interval: Interval = "100ms", audit: float | None = None
    ) -> LiveBook:
        """Keep the order book of one instrument, as long as it is entered.

        Use it as `async with client.order_book(…) as book: async for _ in book: …`; entering waits for the
        exchange's word on its channel. The book is `valid` from a snapshot to the first doubt (a gap, a
        message nobody can read, a drop); until the next snapshot, which is asked for at once, it shows no
        levels. Several of one channel share it.

        Args:
            instrument: e.g. "BTC-PERPETUAL".
            interval: "100ms", "agg2" (about a second), or "raw" (each change; needs a login).
            audit: seconds between two comparisons with public/get_order_book; None makes none.

        Raises:
            UsageError: no channel can have such a name, or `audit` is no time.
            SubscriptionRejected: on entering: the exchange has no such book.
        """
        self._check_open()
        return self._books.open(instrument, interval, audit, self._open_channels)
