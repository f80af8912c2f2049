"""A live order book, as a user holds it: entered, gone over as it changes, looked at at any time.

Knows: the book it shows, and that a slow reader wants the newest state, not the past ones. Must not know:
how the book is kept right. `books` makes and feeds it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from deribit_ws.books.kept_book import KeptBook
from deribit_ws.errors import UsageError
from deribit_ws.handlers.reading import Reading
from deribit_ws.orderbook import Level, Levels, OrderBook


class LiveBook(Reading["LiveBook"]):
    """The order book of one instrument, kept up across gaps and drops. Made by `Client.order_book`.

    Use it as `async with client.order_book(…) as book: async for _ in book: …`. The iterator gives the
    book itself, each time it has changed or its validity has; to a slow reader just the newest state.
    All that is read without an `await` in between belongs together: it is the exchange's book at
    `change_id`, or the book is not `valid` and shows empty sides.

    Attributes:
        instrument: its name.
        interval: "raw", "100ms" or "agg2".
    """

    def __init__(
        self,
        instrument: str,
        interval: str,
        opener: Callable[["LiveBook"], Awaitable[None]],
        closer: Callable[["LiveBook"], None],
    ) -> None:
        super().__init__("an order book", opener, closer)
        self.instrument = instrument
        self.interval = interval
        self._book = OrderBook(instrument)
        self._kept: KeptBook | None = None
        self._is_news = False
        self._waiters: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        state = f"at {self.change_id}" if self.valid else "not valid"
        return f"<LiveBook {self.instrument} {self.interval} {state}: best {self.best_bid}, {self.best_ask}>"

    # --- the book as it is now

    @property
    def valid(self) -> bool:
        """True while this is the exchange's book at `change_id`."""
        return self._book.valid

    @property
    def change_id(self) -> int | None:
        """The exchange's number of this state of the book; None while not valid."""
        return self._book.change_id

    @property
    def timestamp(self) -> int | None:
        """When the book last changed, in ms since the epoch; None while not valid."""
        return self._book.timestamp

    @property
    def bids(self) -> Levels:
        """The bids by falling price; a view that moves with the book."""
        return self._book.bids

    @property
    def asks(self) -> Levels:
        """The asks by rising price; a view that moves with the book."""
        return self._book.asks

    @property
    def best_bid(self) -> Level | None:
        """The highest bid; None without bids, and while not valid."""
        return self._book.best_bid

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask; None without asks, and while not valid."""
        return self._book.best_ask

    # --- how it fares; counted per channel, while somebody reads it

    @property
    def gaps(self) -> int:
        """How often it was doubted; drops of the link are not counted."""
        return self._kept.gaps if self._kept is not None else 0

    @property
    def resyncs(self) -> int:
        """How often a new snapshot was asked for."""
        return self._kept.resyncs if self._kept is not None else 0

    @property
    def duplicates(self) -> int:
        """How many messages came again, or late, and were dropped."""
        return self._kept.book.duplicates if self._kept is not None else 0

    @property
    def audits(self) -> int:
        """How often it was compared with the exchange's own answer and found equal."""
        return self._kept.audits if self._kept is not None else 0

    async def wait_valid(self) -> None:
        """Wait until it is valid; give it a deadline with `asyncio.timeout`.

        Raises:
            UsageError: it is not entered, or was left, or the client was closed.
            ConnectFailed: the client can't go on.
        """
        while not self.valid:
            if self.ended or not self._entered:
                raise self._error or UsageError("the order book is not open")
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    # --- for the room

    def show(self, kept: KeptBook) -> None:
        """Show this channel's book from now on."""
        self._kept = kept
        self._book = kept.book
        self._is_news = kept.book.valid

    def hide(self) -> None:
        """Show nothing any more: nobody keeps it right."""
        self._book = OrderBook(self.instrument)

    def changed(self) -> None:
        """The book is another one now; its validity counts too."""
        if not self._is_news:  # else it was woken before, and has not looked yet
            self._is_news = True
            if self._sleeper is not None:
                self._wake()
        if self._waiters and self._book.valid:
            self._release()

    def end(self) -> None:
        """Go on no more."""
        super().end()
        self._release()

    def _release(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _has_next(self) -> bool:
        return self._is_news

    def _next(self) -> "LiveBook":
        self._is_news = False
        return self

    def _forget(self) -> None:
        self._is_news = False
