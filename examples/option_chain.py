"""All BTC options that expire within a month of the start: new strikes are subscribed as they are listed."""

import os
import time

from deribit_ws import TESTNET, Client, Handler, InstrumentAdded, InstrumentRemoved, Ticker, channels
from deribit_ws.types import Instrument

MONTH = 30 * 24 * 3600  # seconds
LAST = (time.time() + MONTH) * 1000  # ms, as timestamps are; were it to move, `near.review()` would follow


def is_near(option: Instrument) -> bool:
    return (option.expiration_timestamp or 0) < LAST


client = Client(os.environ.get("DERIBIT_URL", TESTNET))
near = client.instruments("option", "BTC", where=is_near)


@client.on(channels.ticker("{instrument}"), instrument=near)
def show(ticker: Ticker, instrument: str) -> None:
    print(instrument, ticker.mark_iv, ticker.greeks.delta if ticker.greeks else None, flush=True)


class News(Handler):
    def on_instrument_added(self, event: InstrumentAdded) -> None:
        print("listed:", event.instrument_name, flush=True)

    def on_instrument_removed(self, event: InstrumentRemoved) -> None:
        print("gone:", event.instrument_name, event.state, flush=True)


client.add_handler(News())
client.run()
