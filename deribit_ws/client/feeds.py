"""What is kept whole across drops: order books, trades, the account's own orders.

Knows: the rooms that keep them, and the public face of each. Must not know: how any of them recovers.
Base of the client's public face.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, overload

from deribit_ws import words
from deribit_ws.books import Books, LiveBook
from deribit_ws.channels.names import Interval
from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.client.recording import Recorded
from deribit_ws.client.restoring import Recovery
from deribit_ws.errors import UsageError
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.handlers.registry import Registry
from deribit_ws.marks import Connected, Disconnected, Gap
from deribit_ws.methods.calls import TypedCall
from deribit_ws.orders import Orders
from deribit_ws.trades import DEFAULT_MAXSIZE, LiveTrades, Trades
from deribit_ws.universe import Universe
from deribit_ws.wire.market import Trade

LinkMark = Connected | Disconnected | Gap  # what stands among the trades, where asked for


@dataclass(frozen=True, slots=True)
class Rooms:
    """What keeps them; `orders` is None for a client without credentials."""

    books: Books
    trades: Trades
    orders: Orders | None

    @classmethod
    def of(cls, registry: Registry, ask: TypedCall, clock: ExchangeClock | None) -> "Rooms":
        """Make them; `clock` is None for a client without credentials."""
        orders = None if clock is None else Orders(registry, ask, clock)
        return cls(Books(registry, ask), Trades(registry, ask), orders)

    @property
    def recoveries(self) -> Mapping[str, Recovery]:
        """Give them by name, each to be told of connections."""
        named: dict[str, Recovery | None] = {
            "books": self.books,
            "trades": self.trades,
            "orders": None if self.orders is None else self.orders._recovery,
        }
        return {name: room for name, room in named.items() if room is not None}


class Feeds(Recorded):
    """A client's live books, trades and orders."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        registry: Registry,
        universe: Universe,
        rooms: Rooms,
        call_timeout: float,
    ) -> None:
        super().__init__(lifecycle, registry, universe, call_timeout)
        self._rooms = rooms

    @property
    def orders(self) -> Orders:
        """The account's own orders: placed, changed and cancelled without doubt, and a live view of them.

        Raises:
            UsageError: the client has no credentials.
        """
        if self._rooms.orders is None:
            raise UsageError("client.orders needs credentials")
        return self._rooms.orders

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
        return self._rooms.books.open(instrument, interval, audit, self._open_channels)

    @overload
    def trades(
        self,
        instrument: str | None = None,
        *,
        kind: words.KindOrGroup | None = None,
        currency: str | None = None,
        interval: Interval = "100ms",
        hold: float | None = 5.0,
        marks: Literal[False] = False,
        maxsize: int = DEFAULT_MAXSIZE,
    ) -> LiveTrades[Trade]: ...

    @overload
    def trades(
        self,
        instrument: str | None = None,
        *,
        kind: words.KindOrGroup | None = None,
        currency: str | None = None,
        interval: Interval = "100ms",
        hold: float | None = 5.0,
        marks: bool,
        maxsize: int = DEFAULT_MAXSIZE,
    ) -> LiveTrades[Trade | LinkMark]: ...

    def trades(
        self,
        instrument: str | None = None,
        *,
        kind: words.KindOrGroup | None = None,
        currency: str | None = None,
        interval: Interval = "100ms",
        hold: float | None = 5.0,
        marks: bool = False,
        maxsize: int = DEFAULT_MAXSIZE,
    ) -> LiveTrades[Trade] | LiveTrades[Trade | LinkMark]:
        """Give each trade once and in order, across drops: what was missed is read from history.

        Use it as `async with client.trades(…) as trades: async for trade in trades: …`; entering waits for
        the exchange's word on the channel, and reads where the trades begin. Trades that history can't
        give are told by `on_gap` and, with `marks`, by a `Gap` where they would have been. Callbacks and
        streams of the same channel are not delayed.

        Args:
            instrument: e.g. "BTC-PERPETUAL"; or leave it out, for all of a kind and currency.
            kind: "future", "option", …, "any"; with a currency alone, any.
            currency: "BTC", "ETH", …, "any"; with a kind alone, any.
            interval: "100ms", "agg2" (about a second), or "raw" (each trade; needs a login).
            hold: seconds that live trades wait at most for missing ones, counted while history can be
                asked, and from the last of them that came; then the `Gap`, and live goes on. None: for as
                long as it takes. What history refuses again and again, or no longer has, is a `Gap` anyway.
            marks: give `Connected`, `Disconnected` and `Gap` in order among the trades.
            maxsize: trades kept for a slow reader; later ones are read from history when it catches up.

        Raises:
            UsageError: neither an instrument nor a kind or currency, or both, or a value is none.
            SubscriptionRejected: on entering: the exchange has no such trades.
            CallError: on entering: where they begin can't be read.
        """
        self._check_open()
        return self._rooms.trades.open(
            instrument,
            self._open_channels,
            kind=kind,
            currency=currency,
            interval=interval,
            hold=hold,
            marks=marks,
            maxsize=maxsize,
        )
