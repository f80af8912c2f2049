"""Callbacks by channel: decorate a function with a pattern, and it gets typed payloads."""

import os

from deribit_ws import TESTNET, BookChange, Client, Ticker, Trade

client = Client(os.environ.get("DERIBIT_URL", TESTNET))


@client.on("ticker.{instrument}.100ms", instrument=["BTC-PERPETUAL", "ETH-PERPETUAL"])
async def show_ticker(ticker: Ticker, instrument: str) -> None:
    print(instrument, "mark", ticker.mark_price, flush=True)


@client.on("trades.BTC-PERPETUAL.100ms")
async def show_trades(trades: list[Trade]) -> None:
    for trade in trades:
        print(trade.instrument_name, trade.direction, trade.amount, "at", trade.price, flush=True)


@client.on("book.BTC-PERPETUAL.100ms")
def show_book(change: BookChange) -> None:
    what = "snapshot" if change.is_snapshot else "change"
    print("book", what, len(change.bids), "bids", len(change.asks), "asks", flush=True)


client.run()  # until Ctrl-C
