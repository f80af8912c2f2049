"""ccxt.pro's own Deribit: one watching task for each channel, as its manual shows.

Knows ccxt's public names. A watcher is woken once for all messages that came meanwhile, so messages are
counted where ccxt has handled each, which does not count against it. `table` names these.
"""

import asyncio
import contextlib
import importlib
from typing import Any

from benchmarks.counting import Count
from benchmarks.job import Job

ccxt: Any = importlib.import_module("ccxt.pro")  # without types, and not everywhere installed

_SYMBOLS = {"BTC": ("BTC", "USD", "BTC"), "ETH": ("ETH", "USD", "ETH")}


class Deribit(ccxt.deribit):  # type: ignore[misc]  # what it is, is known at run time
    """Counts what it has handled."""

    count: Count

    def handle_message(self, client: Any, message: Any) -> None:
        """Handle a message, as ever."""
        super().handle_message(client, message)
        if "params" in message:
            count = self.count
            count.left = left = count.left - 1
            if left == count.mark:
                count.reached()


def _market(exchange: Any, instrument: str) -> dict[str, Any]:
    first = instrument.partition("-")[0]
    base, quote, settle = _SYMBOLS.get(first, (first.partition("_")[0], "USDC", "USDC"))
    known = {
        "id": instrument,
        "symbol": f"{base}/{quote}:{settle}",
        "base": base,
        "quote": quote,
        "settle": settle,
        "baseId": base,
        "quoteId": quote,
        "settleId": settle,
        "type": "swap",
        "swap": True,
        "contract": True,
        "active": True,
        "linear": quote == settle,
        "inverse": base == settle,
        "contractSize": 10.0,
        "precision": {"amount": 10.0, "price": 0.5},
    }
    found: dict[str, Any] = exchange.safe_market_structure(known)
    return found


async def watching(job: Job) -> Count:
    """Tickers, books and trades, each watched."""
    exchange = Deribit({"newUpdates": True})
    exchange.count = count = Count(job.messages, job.options.marks)
    exchange.urls["api"]["ws"] = job.url
    instruments = dict.fromkeys(name.split(".")[1] for name in job.names)
    exchange.set_markets([_market(exchange, instrument) for instrument in instruments])
    tasks = [asyncio.create_task(_watch(exchange, name, count)) for name in job.names]
    await count.done.wait()
    for channel, tops in job.prepared.tops.items():
        book = exchange.orderbooks[exchange.safe_symbol(channel.split(".")[1])]
        assert [book["bids"][0][0], book["asks"][0][0]] == tops
    for task in tasks:
        task.cancel()
    with contextlib.suppress(Exception):
        await exchange.close()
    return count


async def _watch(exchange: Any, name: str, count: Count) -> None:
    family, instrument, _ = name.split(".")
    symbol = exchange.safe_symbol(instrument)
    watch = {
        "ticker": exchange.watch_ticker,
        "book": exchange.watch_order_book,
        "trades": exchange.watch_trades,
    }[family]
    while count.left:
        given = await watch(symbol)
        count.price = given["markPrice"] if family == "ticker" else count.price
