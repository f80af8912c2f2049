"""The demo's streams: each instrument's trades and order book, read for as long as it lasts.

Knows: `client.trades` and `client.order_book`, and how the truth is asked. Must not know: drops; that
is the point. `show` runs them as tasks; everything read goes to the `Board`.
"""

from collections.abc import Callable

from deribit_ws.cli.demo.board import Board
from deribit_ws.cli.demo.book_watch import Sides
from deribit_ws.client import Client
from deribit_ws.marks import Gap
from deribit_ws.wire.market import Trade

Newest = Callable[[str], int]  # an instrument's newest trade_seq at the exchange
BookAt = Callable[[str, int], Sides | None]  # the exchange's book of an instrument at a change_id


async def read_trades(client: Client, board: Board, instrument: str, newest: Newest) -> None:
    """Take each trade as it is handed out; what is made from the entry on is owed."""
    row = board.rows[instrument]
    async with client.trades(instrument, marks=True) as trades:
        row.since = newest(instrument)
        async for item in trades:
            if isinstance(item, Trade):
                row.trades.append(item)
                row.recovered = trades.recovered
            elif isinstance(item, Gap):
                board.declared(item)


async def read_book(client: Client, board: Board, instrument: str, book_at: BookAt) -> None:
    """Hold each new state of the book against the exchange's."""
    watch = board.rows[instrument].book
    async with client.order_book(instrument) as book:
        async for _ in book:
            watch.look(book, lambda change_id: book_at(instrument, change_id))
            watch.resyncs = book.resyncs
