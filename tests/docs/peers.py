"""`python -m tests.docs.peers`: three mishaps, and none, played to us, to ccxt.pro and to cryptofeed.

A simulated exchange makes trades; the link is reset; it is reset and nobody can dial for two seconds; one
change of the book is left out. Each library is used as its own manual shows. Judged by the exchange's ledger:
trades made between the first and the last one seen that never came, or came twice, and the book after it.
Needs `.venv-bench`; `docs/explanation/others.md` shows what it printed.
"""

import asyncio
import contextlib
import importlib
import importlib.metadata
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from deribit_ws import Client, Credentials
from deribit_ws.marks import Connected, Disconnected, Gap
from deribit_ws.testing import Account, Drop, Fault, RefuseConnections, SimulatedExchange, SkipChange
from deribit_ws.wire.market import Trade

NAME = "BTC-PERPETUAL"
KEY = Credentials("id", "secret")
STEP = 0.02  # seconds
STEPS = 5  # of 100 ms, so that a channel has told all there is whenever the market pauses
PAUSE = 1.0  # seconds in which the last messages arrive
BEFORE, AFTER = 3.0, 8.0  # seconds of trading before a mishap, and for getting over it
MISHAPS: dict[str, list[Fault]] = {
    "nothing": [],
    "a reset": [Drop.rst()],
    "an outage of 2 s": [RefuseConnections(seconds=2.0), Drop.rst()],
    "a gap in the book": [SkipChange(f"book.{NAME}.{interval}") for interval in ("raw", "100ms")],
}


Levels = dict[float, float]  # amounts by price, of both sides


@dataclass(slots=True)
class Seen:
    """What a library handed to its user."""

    trades: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    book: Callable[[], Levels] = dict


Follow = Callable[[SimulatedExchange, Seen], Coroutine[Any, Any, None]]


async def ours(exchange: SimulatedExchange, seen: Seen) -> None:
    """deribit_ws: a book beside trades with marks."""
    async with (
        Client(exchange.url, credentials=KEY) as client,
        client.order_book(NAME) as book,
        client.trades(NAME, marks=True) as trades,
    ):
        seen.book = lambda: dict([*book.bids, *book.asks])
        async for item in trades:
            match item:
                case Trade():
                    seen.trades.append(item.trade_seq)
                case Disconnected() | Connected() | Gap():
                    seen.told.append(type(item).__name__)


async def ccxt(exchange: SimulatedExchange, seen: Seen) -> None:
    """ccxt.pro: a watching loop each for trades and book, round again after an exception."""
    library = importlib.import_module("benchmarks.contenders.via_ccxt")
    given = library.ccxt.deribit({"newUpdates": True})
    given.urls["api"]["ws"] = exchange.url
    given.set_markets([library._market(given, NAME)])
    symbol = given.safe_symbol(NAME)
    seen.book = lambda: {
        level[0]: level[1] for side in ("bids", "asks") for level in given.orderbooks[symbol][side]
    }

    async def watching(watch: Callable[[], Awaitable[Any]], take: Callable[[Any], None]) -> None:
        while True:
            try:
                take(await watch())
            except Exception as error:
                seen.told.append(type(error).__name__)
                await asyncio.sleep(0.1)

    def take(trades: list[dict[str, Any]]) -> None:
        seen.trades.extend(int(trade["info"]["trade_seq"]) for trade in trades)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(watching(lambda: given.watch_trades(symbol), take))
            group.create_task(watching(lambda: given.watch_order_book(symbol), lambda _: None))
    finally:
        with contextlib.suppress(Exception):
            await given.close()


async def cryptofeed(exchange: SimulatedExchange, seen: Seen) -> None:
    """cryptofeed: a feed with callbacks for trades and book; it listens to raw channels, with a login."""
    library = importlib.import_module("benchmarks.contenders.via_cryptofeed")
    mapping, info = library.exchange._parse_symbol_data([{"result": [library._listing(NAME)]}])
    library.symbols.set(library.exchange.id, mapping, info)
    symbol = {instrument: symbol for symbol, instrument in mapping.items()}[NAME]

    class Feed(library.exchange):  # type: ignore[misc,name-defined]  # what it is, is known at run time
        def connect(self) -> Any:
            connections = super().connect()
            for connection, *_ in connections:
                connection.address = exchange.url
            return connections

    Feed.websocket_endpoints = [library.endpoint("wss://nowhere.invalid")]  # it is never dialled

    def book() -> Levels:
        sides = feed._l2_book[symbol].book.to_dict()
        return {float(price): float(size) for side in ("bid", "ask") for price, size in sides[side].items()}

    async def took(trade: Any, _: float) -> None:
        seen.trades.append(int(trade.raw["trade_seq"]))

    async def looked(_: Any, __: float) -> None:
        pass

    wanted = {"trades": [symbol], "l2_book": [symbol]}
    feed = Feed(subscription=wanted, config=library._KEYS, callbacks={"trades": took, "l2_book": looked})
    seen.book = book
    feed.start(asyncio.get_running_loop())
    try:
        await asyncio.Event().wait()
    finally:
        feed.stop()


async def play(name: str, follow: Follow, mishap: str) -> None:
    """Play a mishap to one library, begun anew for it, and print what came of it."""
    accounts = {"id": Account("secret")}
    async with SimulatedExchange(seed=7, step_seconds=STEP, autoplay=False, accounts=accounts) as exchange:
        seen = Seen()
        task = asyncio.create_task(follow(exchange, seen))
        await _trade(exchange, BEFORE)
        for fault in MISHAPS[mishap]:
            exchange.inject(fault)
        await _trade(exchange, AFTER)
        await asyncio.sleep(PAUSE)
        print(f"  {mishap:18} {_account(exchange, seen)}", flush=True)
        task.cancel()
        await asyncio.wait([task])


async def _trade(exchange: SimulatedExchange, seconds: float) -> None:
    """Let the market move in its own time."""
    for _ in range(round(seconds / STEP / STEPS)):
        for _ in range(STEPS):
            exchange.step()
            await asyncio.sleep(STEP)


def _account(exchange: SimulatedExchange, seen: Seen) -> str:
    if not seen.trades:
        return "gave no trades at all"
    made = exchange.ledger.trade_seqs_made(NAME, min(seen.trades), max(seen.trades))
    missed = len(set(made) - set(seen.trades))
    doubled = sum(count - 1 for count in Counter(seen.trades).values())
    told = ", ".join(f"{n} {what}" for what, n in Counter(seen.told).items()) or "nothing"
    book = "right" if seen.book() == _book(exchange) else "WRONG"
    return f"trades made {len(made):4}, missed {missed:3}, doubled {doubled:3}; book {book}; told: {told}"


def _book(exchange: SimulatedExchange) -> Levels:
    sides = exchange.ledger.book_at(NAME, exchange.market[NAME].change_id)
    assert sides is not None
    return dict([*sides[0], *sides[1]])


def main() -> None:
    """Play to each that is installed."""
    logging.disable()
    for name, follow in {"deribit_ws": ours, "ccxt": ccxt, "cryptofeed": cryptofeed}.items():
        try:
            print(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: not installed; make bench makes .venv-bench, which has it")
            continue
        for mishap in MISHAPS:
            asyncio.run(play(name, follow, mishap))


if __name__ == "__main__":
    main()
