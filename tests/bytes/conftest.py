"""Tests of bad bytes use the clients and exchanges of tests/client, and a desk with everything open on it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deribit_ws import Client
from deribit_ws.books import LiveBook
from deribit_ws.testing import Say, SimulatedExchange
from tests.books.conftest import matches
from tests.client.conftest import Ears, Make, build, ears, exchange, make, memory, remember

__all__ = ["build", "ears", "exchange", "make", "memory", "remember"]

NAME = "BTC-PERPETUAL"
BOOK, TRADES, QUOTE = f"book.{NAME}.100ms", f"trades.{NAME}.100ms", f"quote.{NAME}"


class Desk:
    """A client with a book, trades and a callback, and what the exchange was asked since all came to rest."""

    def __init__(self, client: Client, exchange: SimulatedExchange, ears: Ears, book: LiveBook) -> None:
        self.client = client
        self.exchange = exchange
        self.ears = ears
        self.book = book
        self.quotes: list[Any] = []
        client.register(QUOTE, self.quotes.append)
        self._asked_before = 0

    async def settle(self) -> None:
        """Have all come to rest; what is asked counts from here."""
        await self.client.subscribe(QUOTE)
        await self.book.wait_valid()
        self._asked_before = len(self.exchange.ledger.requests)

    async def go_on(self) -> None:
        """Let the market move until the callback heard of it, and see that the book kept up."""
        before = len(self.quotes)
        while len(self.quotes) == before:
            self.exchange.step(5)
            await asyncio.sleep(0.002)
        assert matches(self.book, self.exchange)

    async def say(self, say: Say) -> None:
        """Have the exchange say something, and wait until it was heard."""
        self.exchange.inject(say)
        await self.hear()

    async def hear(self) -> None:
        """Wait until what was said is heard: an answer comes behind it."""
        await self.client.public.get_time()

    @property
    def asked(self) -> list[str]:
        """What was asked since all came to rest, but for the time."""
        made = list(self.exchange.ledger.requests)[self._asked_before :]
        return [request.method for request in made if request.method != "public/get_time"]

    @property
    def links(self) -> int:
        """How many connections there were."""
        return len(self.exchange.ledger.handshakes)


@pytest.fixture
async def desk(exchange: SimulatedExchange, make: Make, ears: Ears) -> AsyncIterator[Desk]:
    async with make(heartbeat=None) as client, client.order_book(NAME) as book, client.trades(NAME):
        desk = Desk(client, exchange, ears, book)
        await desk.settle()
        yield desk
