"""The client under test, used as somebody would who runs it with money: everything open at once.

Two books, trades by instrument and by kind, a stream with marks, own orders and fills, calls and orders all
the while. Knows the public face of the client. Must not know which fault is coming (`connect`, `disconnect`,
…), or what is right (`invariants`). `naive` has the same face.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec

from deribit_ws import (
    Client,
    Connected,
    Credentials,
    DeribitError,
    Disconnected,
    Gap,
    Handler,
    Notification,
    OrderNotPlaced,
    OutcomeUnknown,
    State,
)
from deribit_ws.books import LiveBook
from deribit_ws.testing import SimulatedExchange
from tests.faults.observed import Flow, Looks, Observed, Turn

BTC, ETH = "BTC-PERPETUAL", "ETH-PERPETUAL"
BOOKS = (BTC, ETH)
TICKER = f"ticker.{BTC}.100ms"
OWN = ("user.orders.any.any.raw", "user.trades.any.any.raw")
PRINTED = f"quote.{ETH}"  # what the plain callback hears
KEY = Credentials("simulated", "secret")
CALL_APART = 0.25  # seconds between two reads
ORDER_APART = 0.7  # seconds between two orders
CALL_SECONDS = 8.0  # deadline of a call: within the quiet time after a fault, so that each can be seen to end
AMOUNT = 10  # USD of an order

# Each reader of trades, and whether an instrument is its own.
FLOWS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"instrument": BTC}, f"trades.{BTC}.100ms"),
    ({"kind": "future", "currency": "any"}, "trades.future.any.100ms"),
)
CHANNELS = frozenset(
    {*(f"book.{name}.100ms" for name in BOOKS), *(channel for _, channel in FLOWS), TICKER, PRINTED, *OWN}
)


class OursAlone(Exception):
    """A scene needs more of the client than every client has: no other can be put to it."""


class Subject(Protocol):
    """What the rows, the stage and the judge see of a client."""

    observed: Observed

    @property
    def is_up(self) -> bool:
        """Tell whether the client says that it has a link."""

    @property
    def is_sound(self) -> bool:
        """Tell whether all that it keeps is whole again, by its own word."""

    async def start(self) -> None:
        """Connect, and open everything."""

    async def stop(self) -> None:
        """Close everything."""

    def rest(self) -> None:
        """Begin no more calls and orders."""


def covers(channel: str, name: str) -> bool:
    """Tell whether trades of an instrument come on a channel."""
    return channel == f"trades.{name}.100ms" or ("future" in channel and "PERPETUAL" in name)


class _Ears(Handler):
    """Writes down marks and errors, as handlers hear them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def on_connected(self, event: Connected) -> None:
        self._observed.told.append(event)

    def on_disconnected(self, event: Disconnected) -> None:
        self._observed.told.append(event)

    def on_gap(self, event: Gap) -> None:
        self._observed.gaps.append(event)

    def on_error(self, error: Exception) -> None:
        self._observed.errors.append(error)


class Ours:
    """The client of this package; `options` are `Client`'s."""

    def __init__(self, exchange: SimulatedExchange, url: str, **options: Any) -> None:
        self.observed = Observed()
        self.exchange = exchange
        terms: dict[str, Any] = {"credentials": KEY, "call_timeout": CALL_SECONDS} | options
        self.client = Client(url, **terms)
        self.client.add_handler(_Ears(self.observed))
        self.client.register(PRINTED, lambda quote: self.observed.counts.update(["callback"]))
        self.books: list[LiveBook] = []
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_resting = False

    @property
    def is_up(self) -> bool:
        """As `Subject`."""
        return self.client.state is State.CONNECTED

    @property
    def is_sound(self) -> bool:
        """As `Subject`."""
        return self.is_up and all(book.valid for book in self.books) and self.client.orders.valid

    async def start(self) -> None:
        """As `Subject`."""
        await self._stack.enter_async_context(self.client)
        stack = self._stack
        stream = await stack.enter_async_context(self.client.stream(TICKER, marks=True))
        self.observed.turned(Turn(self._now(), up=True))
        self._spawn(self._hear(stream))
        for name in BOOKS:
            book = await stack.enter_async_context(self.client.order_book(name))
            self.books.append(book)
            self._spawn(self._look(book))
        for where, channel in FLOWS:
            await self._read(where, channel)
        owned = self.observed.owned
        owned.entered_fills = len(self.exchange.ledger.user_trades[_user(self.exchange)])
        self._spawn(self._hear_own(await stack.enter_async_context(self.client.stream(*OWN))))
        await self.client.orders.wait_valid(timeout=60)
        self._spawn(self._ask())
        self._spawn(self._trade())

    def rest(self) -> None:
        """As `Subject`."""
        self._is_resting = True

    async def stop(self) -> None:
        """As `Subject`."""
        await self._stack.aclose()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- what comes

    async def _hear(self, stream: AsyncIterator[Any]) -> None:
        async for item in stream:
            match item:
                case Connected():
                    self.observed.turned(Turn(self._now(), up=True))
                case Disconnected(code, _, lived):
                    self.observed.turned(Turn(self._now(), up=False, lived=lived, code=code))
                case _:
                    self.observed.heard(self._now())
                    self.observed.counts["stream"] += 1

    async def _hear_own(self, stream: AsyncIterator[Notification]) -> None:
        owned = self.observed.owned
        async for item in stream:
            data = msgspec.to_builtins(item.data)
            if item.channel.startswith("user.trades"):
                owned.fills += data
            else:
                owned.states |= {one["order_id"]: one for one in (data if isinstance(data, list) else [data])}

    async def _look(self, book: LiveBook) -> None:
        looks = self.observed.looks[book.instrument] = Looks(self.exchange, book.instrument)
        async for shown in book:
            bids, asks = list(shown.bids), list(shown.asks)
            looks.look(valid=shown.valid, change_id=shown.change_id, bids=bids, asks=asks)

    async def _read(self, where: dict[str, Any], channel: str) -> None:
        trades: Any = self.client.trades(**where, marks=True)
        live = await self._stack.enter_async_context(trades)
        entered = {name: _last(self.exchange, name) for name in self.exchange.instruments}
        flow = Flow(live, lambda name: covers(channel, name), channel=channel, entered=entered)
        self.observed.flows.append(flow)
        self._spawn(flow.read())

    # --- what is asked

    async def _ask(self) -> None:
        """Read, and hold the answer to be of what was asked."""
        for name in itertools.cycle(BOOKS):
            await asyncio.sleep(CALL_APART)
            if not self._is_resting:
                self._spawn(self._ask_once(name))

    async def _ask_once(self, name: str) -> None:
        calls = self.observed.calls
        calls.begun += 1
        how = "lost"
        try:
            ticker = await self.client.public.ticker(instrument_name=name)
            how = "result"
            if ticker.instrument_name != name:
                calls.twice.append(f"asked for {name}, told of {ticker.instrument_name}")
        except DeribitError as error:
            how = type(error).__name__
        finally:
            calls.ended[how] += 1

    async def _trade(self) -> None:
        """Buy and sell by turns, each under a label of its own."""
        owned, orders = self.observed.owned, self.client.orders
        for number, side in enumerate(itertools.cycle((orders.buy, orders.sell))):
            await asyncio.sleep(ORDER_APART)
            if self._is_resting:
                continue
            with contextlib.suppress(DeribitError):
                try:
                    order = await side(BTC, amount=AMOUNT, type="market", label=str(number), valid_for=2.0)
                    owned.placed[str(order.label)] = order.order_id
                except OrderNotPlaced as absent:
                    owned.absent.add(absent.label)
                except OutcomeUnknown:
                    owned.unknown.add(str(number))

    # --- inside

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.observed.errors.append(AssertionError(f"a reader ended: {error!r}"))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _last(exchange: SimulatedExchange, name: str) -> int:
    return exchange.market[name].next_trade_seq - 1


def _user(exchange: SimulatedExchange) -> int:
    return exchange.logins.user(KEY.client_id)


def labels_of(requests: Iterable[Any]) -> list[str]:
    """Give the labels of requests, those without one left out."""
    return [request.params["label"] for request in requests if "label" in request.params]
