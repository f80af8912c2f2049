"""cryptofeed's own Deribit: callbacks by kind of data, as its examples show.

Knows cryptofeed's public names. It listens to raw channels only, with a login. Messages are counted where it
has handled each, since a ticker calls three of its callbacks. `table` names these.
"""

import asyncio
import importlib
from typing import Any

from benchmarks.counting import Count
from benchmarks.job import Job

# Without types, and not everywhere installed.
exchange: Any = importlib.import_module("cryptofeed.exchanges").Deribit
endpoint: Any = importlib.import_module("cryptofeed.connection").WebsocketEndpoint
symbols: Any = importlib.import_module("cryptofeed.symbols").Symbols
_KINDS = {"ticker": "ticker", "book": "l2_book", "trades": "trades"}
_KEYS = {"uvloop": False, "log": {"disabled": True}, "deribit": {"key_id": "id", "key_secret": "secret"}}


class Counted(exchange):  # type: ignore[misc]  # what it is, is known at run time
    """Counts what it has handled."""

    count: Count
    url: str

    def connect(self) -> Any:
        """Dial in plain text, which its endpoints may not name."""
        connections = super().connect()
        for connection, *_ in connections:
            connection.address = self.url
        return connections

    async def message_handler(self, msg: str, conn: Any, timestamp: float) -> None:
        """Handle a message, as ever."""
        await super().message_handler(msg, conn, timestamp)
        if '"params"' in msg[:60]:
            count = self.count
            count.left = left = count.left - 1
            if left == count.mark:
                count.reached()


def _listing(instrument: str) -> dict[str, Any]:
    first = instrument.partition("-")[0]
    base, _, quote = first.partition("_")
    return {
        "instrument_name": instrument,
        "base_currency": base,
        "quote_currency": quote or "USD",
        "kind": "future",
        "settlement_period": "perpetual",
        "expiration_timestamp": 32_503_708_800_000,
        "tick_size": 0.5,
    }


async def feed(job: Job) -> Count:
    """Tickers, books and trades, each with a callback."""
    instruments = dict.fromkeys(name.split(".")[1] for name in job.names)
    mapping, info = exchange._parse_symbol_data([{"result": [_listing(name) for name in instruments]}])
    symbols.set(exchange.id, mapping, info)
    names = {instrument: symbol for symbol, instrument in mapping.items()}
    count = Count(job.messages, job.options.marks)

    async def seen(data: Any, received: float) -> None:
        pass

    subscription: dict[str, list[str]] = {}
    for name in job.names:
        family, instrument, _ = name.split(".")
        subscription.setdefault(_KINDS[family], []).append(names[instrument])
    Counted.websocket_endpoints = [endpoint("wss://nowhere.invalid")]
    given = Counted(subscription=subscription, config=_KEYS, callbacks=dict.fromkeys(subscription, seen))
    given.count, given.url = count, job.url
    given.start(asyncio.get_running_loop())
    await count.done.wait()
    for channel, tops in job.prepared.tops.items():
        book = given._l2_book[names[channel.split(".")[1]]].book
        assert [float(book.bids.index(0)[0]), float(book.asks.index(0)[0])] == tops
    given.stop()
    return count
