"""A book that is right or says that it is not, and each trade once, whatever happens to the connection."""

import asyncio
import os

from deribit_ws import TESTNET, Client, Gap, Trade

URL = os.environ.get("DERIBIT_URL", TESTNET)
NAME = "BTC-PERPETUAL"


async def main() -> None:
    async with (
        Client(URL) as client,
        client.order_book(NAME) as book,
        client.trades(NAME, marks=True) as trades,
    ):
        async for item in trades:
            match item:
                case Trade():
                    top = f"{book.best_bid} {book.best_ask}" if book.valid else "no book at the moment"
                    print("trade", item.trade_seq, item.price, top, flush=True)
                case Gap():
                    print("lost for good:", item.first, "to", item.last, flush=True)
                case mark:  # Disconnected and Connected, in order among the trades
                    print(mark, flush=True)


asyncio.run(main())
