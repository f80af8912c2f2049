"""A client that does a little of everything, once, beside a simulated exchange in memory and in virtual time.

Knows the public face of client and exchange, and the script: login, heartbeat, callbacks of both kinds, a
stream with marks, a book, trades, calls, orders, a drop with trades missed meanwhile, and the way out. Must
not know what cuts it short. The same seed gives the same suspensions, so that the k-th can be met again.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from deribit_ws import BookChange, Client, Connected, Credentials, Handler, Ticker, Trade
from deribit_ws.testing import RefuseHandshake, SimulatedExchange, SkipChange
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy_faults import Cut

BTC = "BTC-PERPETUAL"
ETH = "ETH-PERPETUAL"
TICKER = f"ticker.{BTC}.100ms"
KEY = Credentials("simulated", "secret")
LATENCY = (0.001, 0.01)  # seconds, each way
STEP_SECONDS = 0.1  # of the market; a 100ms channel speaks as often
SCALE = 0.05  # of the heartbeat: the exchange asks for a sign of life each half second
MISSED = 5  # trades made while the link is down


class Hooks(Handler):
    """Hears marks in a task of its own, and takes a while over it."""

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    async def on_connected(self, event: Connected) -> None:
        """Take a while."""
        await asyncio.sleep(0.02)
        self._heard.append("Connected")


class Stage:
    """One exchange, its network, and what the script needs of both."""

    def __init__(self, exchange: SimulatedExchange, network: MemoryNetwork) -> None:
        self.exchange = exchange
        self.network = network
        self.heard: list[str] = []  # kinds of what callbacks were given

    def client(self, **options: Any) -> Client:
        """Make a client that dials again soon, with a callback of each kind and a set of instruments."""
        given: dict[str, Any] = {
            "credentials": KEY,
            "retry_seconds": 0.05,
            "cancel_on_disconnect": True,
        } | options
        client = Client(self.exchange.url, session=self.network.session, **given)

        def plain(ticker: Ticker) -> None:
            self.heard.append("ticker")

        async def coroutine(change: BookChange) -> None:
            await asyncio.sleep(0.01)
            self.heard.append("book")

        client.register(TICKER, plain)
        client.register(f"book.{ETH}.100ms", coroutine)
        client.add_handler(Hooks(self.heard))
        options_of_btc = client.instruments("option", "BTC")
        client.register("quote.{instrument}", lambda quote: None, instrument=options_of_btc)
        return client

    def trade(self, n: int = 1) -> int:
        """Make trades, told at the market's next step; give the last one's trade_seq."""
        line = self.exchange.market[BTC]
        amount, last = line.instrument.min_trade_amount, line.next_trade_seq + n - 1
        while line.next_trade_seq <= last:
            price = line.instrument.price(line.instrument.ticks(line.mark_price))
            self.exchange.market.place(BTC, "sell", price=price, amount=amount)
            if line.next_trade_seq <= last:
                self.exchange.market.take(BTC, "buy", amount=amount)
        return last

    def away(self) -> float:
        """Give a price at which an order to buy rests."""
        line = self.exchange.market[BTC]
        return line.instrument.price(line.instrument.ticks(line.mark_price * 0.9))


@asynccontextmanager
async def staged(seed: int, **options: Any) -> AsyncIterator[Stage]:
    """Raise a stage on the running loop, whose time should be virtual."""
    random.seed(seed)  # the back-off's
    exchange = SimulatedExchange(
        seed=seed,
        listen=False,
        autoplay=False,
        step_seconds=STEP_SECONDS,
        heartbeat_scale=SCALE,
        wall_clock=loop_clock(),
        **options,
    )
    async with exchange, exchange.memory(seed=seed, latency=LATENCY) as network:
        player = asyncio.create_task(_play(exchange), name="market")
        try:
            yield Stage(exchange, network)
        finally:
            player.cancel()
            await asyncio.wait([player])


async def _play(exchange: SimulatedExchange) -> None:
    while True:
        await asyncio.sleep(STEP_SECONDS)
        exchange.step()


async def session(stage: Stage, client: Client) -> None:
    """Use a client from its first dial to its end."""
    async with client:
        await client.subscribe("platform_state")
        await client.call("public/get_time")
        async with (
            client.stream(TICKER, marks=True) as stream,
            client.order_book(BTC) as book,
            client.trades(BTC, marks=True) as trades,
        ):
            await anext(stream)
            await anext(book)
            await client.orders.wait_valid()
            await client.orders.buy(BTC, amount=10, price=stage.away())  # the drop will cancel it
            await _read_to(trades, stage.trade())
            stage.network.inject(Cut())
            stage.exchange.inject(RefuseHandshake(503))
            missed = stage.trade(MISSED)
            await _read_to_connected(stream)
            await _read_to(trades, missed)
            stage.exchange.inject(SkipChange(f"book.{BTC}.100ms"))
            await _until_resynced(book)
            await client.orders.wait_valid()
            order = await client.orders.buy(BTC, amount=10, price=stage.away())
            await client.orders.edit(order.order_id, amount=20)
            await client.orders.cancel(order.order_id)
        await client.unsubscribe("platform_state")


async def _read_to(trades: Any, last: int) -> None:
    async for item in trades:
        if isinstance(item, Trade) and item.trade_seq >= last:
            return


async def _read_to_connected(stream: Any) -> None:
    async for item in stream:
        if isinstance(item, Connected):
            return


async def _until_resynced(book: Any) -> None:
    async for _ in book:
        if book.valid and book.resyncs:
            return
