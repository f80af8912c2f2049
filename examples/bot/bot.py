"""A small market maker: one bid and one ask around the market, leaning against the last trades.

It quotes only while it knows what it does: the order book is valid, its view of its own orders is true, and
nobody told it to slow down. Its position stays within `LIMIT`. When it stops it cancels its quotes; where it
can't, cancel-on-disconnect does. `test_bot.py` plays some twenty mishaps against it.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import AsyncIterable

from deribit_ws import TESTNET, CallError, Client, Credentials, DuplicateOrder, Gap, Handler, LiveBook, Trade

NAME = "BTC-PERPETUAL"
LABEL = "quoter"
TICK = 0.5  # USD
AMOUNT = 100.0  # USD, of each quote
LIMIT = 500.0  # USD, of the position, long or short
EDGE = 5.0  # USD from what it takes for the fair price to each quote
LEAN = 10.0  # USD that this price is moved against the flow of trades, and against a full position
DRIFT = 4.0  # USD that a quote may be off before it is replaced
PAUSE = 5.0  # seconds without quotes after a call has failed
LAST_WORDS = 3.0  # seconds for taking the quotes back when it stops

logger = logging.getLogger("quoter")


class Quoter(Handler):
    """The bot; it lives on a client that was opened with credentials and cancel_on_disconnect."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.orders = client.orders
        self.flow: deque[float] = deque(maxlen=50)  # USD of the last trades, sells below zero
        self.halted = False
        self._resume_at = 0.0

    async def run(self) -> None:
        """Quote until cancelled, then take the quotes back."""
        registration = self.client.add_handler(self)
        try:
            async with (
                self.client.order_book(NAME) as book,
                self.client.trades(NAME, marks=True) as trades,
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(self._watch(trades))
                tasks.create_task(self._quote(book))
        finally:
            registration.cancel()
            if self.orders.valid:  # else cancel-on-disconnect takes them back, or has
                with contextlib.suppress(CallError, TimeoutError):
                    async with asyncio.timeout(LAST_WORDS):
                        await self._quote_only({})

    def on_error(self, error: Exception) -> None:
        logger.warning("%s", error)
        if isinstance(error, DuplicateOrder):  # never seen; somebody has to look at it
            self.halted = True

    async def _watch(self, trades: AsyncIterable[object]) -> None:
        async for item in trades:
            if isinstance(item, Trade):
                self.flow.append(item.amount if item.direction == "buy" else -item.amount)
            elif isinstance(item, Gap):  # what is lost may have gone either way
                self.flow.clear()

    async def _quote(self, book: LiveBook) -> None:
        clock = asyncio.get_running_loop().time
        async for _ in book:
            if not self.orders.valid:
                continue  # what is open is not known: a drop, and the exchange cancels it by itself
            try:
                is_sure = book.valid and not self.halted and clock() >= self._resume_at
                await self._quote_only(self._wanted(book) if is_sure else {})
            except CallError as error:
                logger.warning("no quotes for %g s: %s", PAUSE, error)
                self._resume_at = clock() + PAUSE

    def _wanted(self, book: LiveBook) -> dict[str, float]:
        if book.best_bid is None or book.best_ask is None:
            return {}
        position = float(self.orders.positions[NAME].size or 0) if NAME in self.orders.positions else 0.0
        moved = sum(self.flow) / (sum(map(abs, self.flow)) or 1.0) + position / LIMIT
        fair = (book.best_bid.price + book.best_ask.price) / 2 - LEAN * moved
        wanted: dict[str, float] = {}
        if position + AMOUNT <= LIMIT:
            wanted["buy"] = min((fair - EDGE) // TICK * TICK, book.best_bid.price)
        if position - AMOUNT >= -LIMIT:
            wanted["sell"] = max((fair + EDGE) // TICK * TICK, book.best_ask.price)
        return wanted

    async def _quote_only(self, wanted: dict[str, float]) -> None:
        for order in self.orders.by_label(LABEL):
            price = wanted.pop(order.direction, None)  # a side that has a quote gets no second one
            if price is None or abs(float(order.price or 0) - price) > DRIFT:
                await self.orders.cancel(order.order_id)
        for side, price in wanted.items():
            place = self.orders.buy if side == "buy" else self.orders.sell
            await place(NAME, amount=AMOUNT, price=price, label=LABEL, post_only=True)


async def main() -> None:
    key = Credentials(os.environ["DERIBIT_CLIENT_ID"], os.environ["DERIBIT_CLIENT_SECRET"])
    url = os.environ.get("DERIBIT_URL", TESTNET)
    async with Client(url, credentials=key, cancel_on_disconnect=True) as client:
        bot = asyncio.create_task(Quoter(client).run())
        for stop in signal.SIGINT, signal.SIGTERM:
            asyncio.get_running_loop().add_signal_handler(stop, bot.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await bot


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
