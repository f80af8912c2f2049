"""The demo's callbacks: decorated functions, and a handler class.

Knows: the public face of `Client`, as any user would. Must not know: the exchange behind it.
`show` calls `listen`; everything heard goes to the `Board`. Books, trades and orders: see `readers`.
"""

from deribit_ws.cli.demo.board import Board
from deribit_ws.client import Client
from deribit_ws.handlers import Handler, on
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.wire.market import IndexPrice, PlatformState, Quote, Ticker


def listen(client: Client, board: Board, indices: list[str]) -> None:
    """Register everything the demo hears."""
    instruments = list(board.rows)
    rows, messages = board.rows, board.messages

    @client.on("ticker.{instrument}.100ms", instrument=instruments)
    def ticker(ticker: Ticker, instrument: str) -> None:
        messages[f"ticker.{instrument}.100ms"] += 1
        rows[instrument].mark = ticker.mark_price

    @client.on("quote.{instrument}", instrument=instruments)
    def quote(quote: Quote, instrument: str) -> None:
        messages[f"quote.{instrument}"] += 1

    client.add_handler(Desk(board), index=indices)


class Desk(Handler):
    """Indices, the platform, and what happens to the connection."""

    def __init__(self, board: Board) -> None:
        self._board = board

    @on("deribit_price_index.{index}")
    async def index(self, price: IndexPrice, index: str) -> None:
        """An index moved."""
        self._board.messages[f"deribit_price_index.{index}"] += 1

    @on("platform_state")
    def platform(self, state: PlatformState) -> None:
        """The platform said how it is."""
        self._board.messages["platform_state"] += 1

    def on_connected(self, event: Connected) -> None:
        """A link is up."""
        self._board.connected(event)

    def on_disconnected(self, event: Disconnected) -> None:
        """The link is gone."""
        self._board.disconnected(event)

    def on_error(self, error: Exception) -> None:
        """Something failed that no call awaits."""
        self._board.failed(error)
