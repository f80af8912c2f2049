"""The demo's use of the library: decorated callbacks, and a handler class.

Knows: the public face of `Client`, as any user would. Must not know: the exchange behind it.
`show` calls `listen`; everything heard goes to the `Board`.
"""

from deribit_ws.cli.demo.board import Board
from deribit_ws.client import Client
from deribit_ws.handlers import Handler, on
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.wire.market import BookChange, IndexPrice, PlatformState, Quote, Ticker, Trade


def listen(client: Client, board: Board, indices: list[str]) -> None:
    """Register everything the demo hears."""
    instruments = list(board.rows)
    rows, messages = board.rows, board.messages

    @client.on("ticker.{instrument}.100ms", instrument=instruments)
    def ticker(ticker: Ticker, instrument: str) -> None:
        messages[f"ticker.{instrument}.100ms"] += 1
        row = rows[instrument]
        row.last, row.mark = ticker.last_price or None, ticker.mark_price
        row.index = ticker.index_price or None

    @client.on("quote.{instrument}", instrument=instruments)
    def quote(quote: Quote, instrument: str) -> None:
        messages[f"quote.{instrument}"] += 1
        rows[instrument].bid, rows[instrument].ask = quote.best_bid_price, quote.best_ask_price

    @client.on("deribit_price_index.{index}", index=indices)
    async def index(price: IndexPrice, index: str) -> None:
        messages[f"deribit_price_index.{index}"] += 1

    @client.on("platform_state")
    def platform(state: PlatformState) -> None:
        messages["platform_state"] += 1

    client.add_handler(Desk(board), instrument=instruments)


class Desk(Handler):
    """Books, trades, and what happens to the connection."""

    def __init__(self, board: Board) -> None:
        self._board = board

    @on("book.{instrument}.100ms")
    def book(self, change: BookChange, instrument: str) -> None:
        """A book's snapshot or change."""
        self._board.changed(f"book.{instrument}.100ms", change)

    @on("trades.{instrument}.100ms")
    def trades(self, trades: list[Trade], instrument: str) -> None:
        """Some trades."""
        self._board.traded(trades_channel(instrument), instrument, trades)

    def on_connected(self, event: Connected) -> None:
        """A link is up."""
        self._board.connected(event)

    def on_disconnected(self, event: Disconnected) -> None:
        """The link is gone."""
        self._board.disconnected(event)

    def on_error(self, error: Exception) -> None:
        """Something failed that no call awaits."""
        self._board.failed(error)


def trades_channel(instrument: str) -> str:
    """The channel of an instrument's trades."""
    return f"trades.{instrument}.100ms"
