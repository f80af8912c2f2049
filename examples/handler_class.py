"""A handler class: channels and events in one place, with the instrument filled in per instance."""

import os

from deribit_ws import TESTNET, Client, Connected, Disconnected, Handler, Quote, Trade, on


class Watcher(Handler):
    def __init__(self) -> None:
        self.volume = 0.0

    @on("quote.{instrument}")
    def quote(self, quote: Quote, instrument: str) -> None:
        print(instrument, quote.best_bid_price, "/", quote.best_ask_price, flush=True)

    @on("trades.{instrument}.100ms")
    async def trades(self, trades: list[Trade]) -> None:
        self.volume += sum(trade.amount for trade in trades)

    def on_connected(self, event: Connected) -> None:
        print("connected with", event.channels, "channels", flush=True)

    async def on_disconnected(self, event: Disconnected) -> None:
        print("lost after", round(event.lived, 1), "s:", event.code, event.reason, flush=True)

    def on_error(self, error: Exception) -> None:
        print("error:", error, flush=True)


client = Client(os.environ.get("DERIBIT_URL", TESTNET))
client.add_handler(Watcher(), instrument="BTC-PERPETUAL")
client.add_handler(Watcher(), instrument="ETH-PERPETUAL")
client.run()  # until Ctrl-C
