"""The bot at work, and what the exchange has of it: what `test_bot.py` plays with."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from bot import AMOUNT, LABEL, LIMIT, NAME, Quoter

from deribit_ws import Client
from deribit_ws.pytest_plugin import StagedExchange

PLACING = ("private/buy", "private/sell")


class Desk:
    """The bot at work, and what the exchange has of it."""

    def __init__(self, exchange: StagedExchange, client: Client) -> None:
        self.exchange = exchange
        self.ledger = exchange.ledger
        self.client = client
        self.bot = Quoter(client)
        self.task = asyncio.create_task(self.bot.run())
        self.user = exchange.logins.user("simulated")

    @property
    def open(self) -> dict[str, float]:
        """The price of the bot's open order on each side, as the exchange has it."""
        orders = self.ledger.last_versions(self.user).values()
        return {one["direction"]: one["price"] for one in orders if one["order_state"] == "open"}

    @property
    def sent(self) -> int:
        """How many orders the bot has sent."""
        return self.sent_on(None)

    def sent_on(self, connection: int | None) -> int:
        """How many of them on one connection."""
        return sum(len(self.ledger.requests_of(method, connection)) for method in PLACING)

    @property
    def position(self) -> float:
        """USD, by all fills so far."""
        return sum(map(signed, self.ledger.user_trades[self.user]))

    @property
    def known(self) -> float:
        """USD, as the bot has it."""
        position = self.client.orders.positions.get(NAME)
        return float(position.size or 0) if position else 0.0

    @property
    def quotes(self) -> bool:
        """Whether the bot has an order in the market on each side that its limit allows."""
        allowed = {
            "buy": self.position + AMOUNT <= LIMIT,
            "sell": self.position - AMOUNT >= -LIMIT,
        }
        return self.open.keys() == {side for side, is_allowed in allowed.items() if is_allowed}

    async def until(self, seen: Callable[[], object], seconds: float = 30.0) -> float:
        """Wait until something holds; give the seconds it took."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        while not seen():
            assert not self.task.done(), self.task
            assert clock() < begun + seconds, f"not within {seconds} s"
            await asyncio.sleep(0.1)
        return clock() - begun

    async def fill(self, side: str) -> None:
        """Let the market trade through the bot's order on a side."""
        await self.until(lambda: side in self.open)
        price, best = self.open[side], 1 if side == "buy" else -1
        book = self.ledger.book_at(NAME, self.exchange.market[NAME].change_id)
        assert book is not None
        amount = sum(amount for level, amount in book[best < 0] if level * best >= price * best)
        self.exchange.market.take(NAME, "sell" if side == "buy" else "buy", amount=amount)

    async def stop(self) -> None:
        """Stop the bot as its program does, then the client."""
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled(), self.task
        await self.client.aclose()
        await asyncio.sleep(1)  # the exchange hears of it

    def judge(self) -> None:
        """What must hold whatever happened."""
        standing: dict[str, str] = {}  # order by side
        for order in self.ledger.orders[self.user]:
            if order["order_state"] == "open":
                assert standing.setdefault(order["direction"], order["order_id"]) == order["order_id"]
            elif standing.get(order["direction"]) == order["order_id"]:
                del standing[order["direction"]]
        assert standing == {}
        position = 0.0
        for fill in self.ledger.user_trades[self.user]:
            position += signed(fill)
            assert abs(position) <= LIMIT
        labels = Counter(one.params["label"] for method in PLACING for one in self.ledger.requests_of(method))
        assert all(label.startswith(LABEL) and n == 1 for label, n in labels.items())


def signed(trade: Any) -> float:
    """USD of a trade, sells below zero."""
    return float(trade["amount"] if trade["direction"] == "buy" else -trade["amount"])
