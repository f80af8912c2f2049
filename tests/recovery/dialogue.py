"""One scripted dialogue of a client with the simulated exchange, in which everything is wanted at once.

Two order books, trades three ways, six private channels, the live view, and orders placed, filled, edited
and cancelled, while the market moves. Knows the public faces of client and exchange. Must not know how or
when the link is cut (`stairway`), or what is right (`judge`): it acts, and writes down what it was given.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deribit_ws import (
    Client,
    Notification,
    OrderNotPlaced,
    RequestNotSent,
    RpcError,
)
from deribit_ws.books import LiveBook
from deribit_ws.testing import SimulatedExchange
from deribit_ws.types import Order
from tests.books.conftest import matches
from tests.client.conftest import Ears
from tests.trades.scenario import Reader

BTC, ETH, LINEAR = "BTC-PERPETUAL", "ETH-PERPETUAL", "ETH_USDC-PERPETUAL"
OWN_CHANNELS = (
    f"user.orders.{BTC}.raw",
    "user.orders.any.any.100ms",
    f"user.trades.{BTC}.raw",
    "user.trades.any.any.100ms",
    "user.changes.any.any.raw",
    f"user.changes.{BTC}.100ms",
)
VALID_SECONDS = 1.0  # of an order: absence must be waited for, and each second of it is market to compute
APART = 0.1  # seconds between two acts: a step of the market, and a message of each 100ms channel
ALIVE = ("open", "untriggered")


@dataclass
class Act:
    """What was asked of an order, and what the user was told: the order, or that it was not done."""

    name: str
    label: str
    asked: dict[str, Any]
    order: Order | None


@dataclass
class BookReader:
    """One open book, looked at whenever it says that it is another."""

    book: LiveBook
    exchange: SimulatedExchange
    looks: int = 0
    invalid: int = 0

    async def read(self) -> None:
        """Hold it against the exchange's own at each look."""
        async for book in self.book:
            self.looks += 1
            self.invalid += not book.valid
            assert matches(book, self.exchange), f"{book} is not the exchange's"
            best_bid, best_ask = book.best_bid, book.best_ask
            assert not best_bid or not best_ask or best_bid.price < best_ask.price, f"{book} is crossed"


@dataclass
class OwnEar:
    """What the private channels gave, and the marks among it."""

    stream: Any
    orders: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    trades: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    marks: list[Any] = field(default_factory=list)

    async def read(self) -> None:
        """Write down what comes."""
        async for item in self.stream:
            if isinstance(item, Notification):
                self._hear(item.channel, msgspec.to_builtins(item.data))
            else:
                self.marks.append(item)

    def _hear(self, channel: str, data: Any) -> None:
        family = channel.split(".")[1]
        if family == "changes":
            self.orders[channel] += data.get("orders", [])
            self.trades[channel] += data.get("trades", [])
        else:
            heard = self.trades if family == "trades" else self.orders
            heard[channel] += data if isinstance(data, list) else [data]


class Watch(Ears):
    """Hears marks and errors, and looks at what is shown the moment a drop is told; to raise is an error."""

    def __init__(self, dialogue: "Dialogue") -> None:
        super().__init__()
        self._dialogue = dialogue

    def on_disconnected(self, event: Any) -> None:
        """Nothing of before the drop is shown as true."""
        self.marks.append(event)
        for reading in self._dialogue.books:
            book = reading.book
            assert not (book.valid or book.best_bid or book.best_ask or [*book.bids, *book.asks]), book
        assert not (self._dialogue.is_open and self._dialogue.client.orders.valid), "the view is valid"


class Dialogue:
    """The dialogue, and all that came of it.

    Attributes:
        acts: what was done to orders, with what the user was told.
        absent: labels of orders that the user was told do not exist.
        is_open: whether the view of orders has been true.
        entered: by reader of trades, the last trade_seq of each instrument when it was open.
    """

    def __init__(self, exchange: SimulatedExchange, client: Client) -> None:
        self.exchange = exchange
        self.client = client
        self.ears = Watch(self)
        self.is_open = False
        client.add_handler(self.ears)
        self.books: list[BookReader] = []
        self.trades: list[Reader] = []
        self.entered: list[dict[str, int]] = []
        self.own: OwnEar
        self.marks_before = 0
        self.acts: list[Act] = []
        self.absent: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Open everything, and read it in tasks of its own, which are given."""
        async with AsyncExitStack() as stack:
            tasks: list[asyncio.Task[None]] = []
            stack.push_async_callback(_ended, tasks)
            for name, interval in ((BTC, "100ms"), (LINEAR, "raw")):
                opened: Any = self.client.order_book(name, interval=interval)  # type: ignore[arg-type]  # either
                self.books.append(BookReader(await stack.enter_async_context(opened), self.exchange))
                tasks.append(asyncio.create_task(self.books[-1].read()))
            for where in ({"instrument": BTC}, {"instrument": ETH}, {"kind": "option", "currency": "BTC"}):
                tasks.append(asyncio.create_task((await self._trades(stack, where)).read()))
            self.marks_before = len(self.ears.marks)
            stream = self.client.stream(*OWN_CHANNELS, marks=True)
            self.own = OwnEar(await stack.enter_async_context(stream))
            tasks.append(asyncio.create_task(self.own.read()))
            await self.client.orders.wait_valid(timeout=120)  # seconds: half-open links take 20.6 each
            self.is_open = True
            yield tasks

    async def _trades(self, stack: AsyncExitStack, where: dict[str, Any]) -> Reader:
        opened: Any = self.client.trades(**where, marks=True)
        name = where.get("instrument")
        live = await stack.enter_async_context(opened)
        reader = Reader(live, name.__eq__ if name else lambda one: one.startswith("BTC-") and one[-1] in "CP")
        self.trades.append(reader)
        self.entered.append({one: self.last_seq(one) for one in self.exchange.instruments})
        return reader

    # --- the script

    async def begin(self) -> None:
        """Have an order and a position that no channel ever tells of: they were there before."""
        await self._place("buy", LINEAR, amount=1, price=self._away(LINEAR, 0.9))
        await self._place("buy", LINEAR, amount=2, type="market")

    async def hold(self) -> None:
        """Say it all; what the cut hinders is said again where that is right."""
        far = await self._place("buy", BTC, amount=100, price=self._away(BTC, 0.9))
        near = await self._place("buy", BTC, amount=100, price=self._best_bid(BTC))
        self._crowd_sells(near)
        await self._edit(far, amount=300)
        await self._place("sell", ETH, amount=5, type="market")
        self._option_is_born()
        await self._edit(near, amount=200, price=self._best_bid(BTC))
        self._crowd_sells(near)
        await self._place("sell", ETH, amount=7, price=self._away(ETH, 1.1), post_only=True)
        await self._cancel(far)
        await self._cancel(near)

    def still(self) -> None:
        """Let all trading stop."""
        for name in self.exchange.instruments:
            self.exchange.set_state(name, "locked")

    async def _place(self, side: str, name: str, **terms: Any) -> str:
        while True:
            await self.client.wait_connected()
            own = f"{len(self.acts)}"
            try:
                act = self.client.orders.buy if side == "buy" else self.client.orders.sell
                order = await act(name, label=own, valid_for=VALID_SECONDS, **terms)
            except OrderNotPlaced as absent:
                self.absent.append(absent.label)
                self.acts.append(Act(side, absent.label, terms, None))
            else:
                self.acts.append(Act(side, str(order.label), terms, order))
                await asyncio.sleep(APART)
                return order.order_id
            await asyncio.sleep(APART)

    async def _edit(self, order_id: str, **terms: Any) -> None:
        while True:
            await self.client.wait_connected()
            try:
                order = await self.client.orders.edit(order_id, valid_for=VALID_SECONDS, **terms)
            except OrderNotPlaced as unchanged:
                self.acts.append(Act("unchanged", "", terms, unchanged.order))
                amounts = [one["amount"] for one in self.exchange.ledger.versions(order_id)]
                assert terms["amount"] not in amounts, f"{order_id} was changed: {unchanged}"
            except RpcError:
                self._has_ended(order_id)
            else:
                self.acts.append(Act("edited", "", terms, order))
            await asyncio.sleep(APART)
            if self.acts[-1].name == "edited" or not self._is_alive(order_id):
                return

    async def _cancel(self, order_id: str) -> None:
        while True:
            await self.client.wait_connected()
            with contextlib.suppress(RequestNotSent):
                try:
                    order = await self.client.orders.cancel(order_id)
                except RpcError:
                    self._has_ended(order_id)
                else:
                    self.acts.append(Act("cancel", "", {}, order))
                return
            await asyncio.sleep(APART)

    # --- the exchange's side

    def last_seq(self, name: str) -> int:
        """Give an instrument's newest trade_seq; 0 before the first."""
        return self.exchange.market[name].next_trade_seq - 1

    def _is_alive(self, order_id: str) -> bool:
        return self.exchange.ledger.versions(order_id)[-1]["order_state"] in ALIVE

    def _has_ended(self, order_id: str) -> None:
        assert not self._is_alive(order_id), f"{order_id} was refused, though it is open"

    def _away(self, name: str, part: float) -> float:
        line = self.exchange.market[name]
        return line.instrument.price(line.instrument.ticks(line.mark_price * part))

    def _best_bid(self, name: str) -> float:
        line = self.exchange.market[name]
        state = self.exchange.ledger.book_at(name, line.change_id)
        return state[0][0][0] if state and state[0] else self._away(name, 0.999)

    def _crowd_sells(self, order_id: str) -> None:
        """Let the crowd sell so much that an order to buy is met, and its last lots are not."""
        order = self.exchange.ledger.versions(order_id)[-1]
        line = self.exchange.market[order["instrument_name"]]
        state = self.exchange.ledger.book_at(order["instrument_name"], line.change_id)
        met = sum(amount for price, amount in state[0] if price >= order["price"]) if state else 0
        if met > 50:  # USD: of an order of 100 a half is left over, where it is last in its level
            self.exchange.market.take(order["instrument_name"], "sell", amount=met - 50)

    def _option_is_born(self) -> None:
        name = self.exchange.list_option(strike=200_000.0)
        for _ in range(3):
            line = self.exchange.market[name]
            price, amount = line.instrument.price(100), line.instrument.min_trade_amount
            self.exchange.market.place(name, "sell", price=price, amount=amount)
            self.exchange.market.take(name, "buy", amount=amount)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
