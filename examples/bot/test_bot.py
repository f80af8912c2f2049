"""What the bot does when everything around it breaks: offline, in virtual time, by the exchange's ledger.

Each test plays one mishap, and says what the bot did. Whatever happens, `Desk.judge` holds at the end: there
was never more than one order a side, the position stayed within its limit, no order was sent twice, and
nothing is left open.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from bot import AMOUNT, DRIFT, EDGE, LEAN, LIMIT, NAME, PAUSE
from desk import Desk, signed

from deribit_ws import Credentials, DuplicateOrder
from deribit_ws.pytest_plugin import ClientFactory, ExchangeFactory
from deribit_ws.testing import (
    DelayReply,
    DelayRequest,
    Drop,
    DropOnRequest,
    Duplicate,
    Fault,
    Garble,
    IgnoreRequest,
    Maintenance,
    Pause,
    Say,
    Silence,
    SkipChange,
    Way,
)

pytestmark = pytest.mark.looptime  # a minute passes in a moment

KEY = Credentials("simulated", "secret")
BOOK = f"book.{NAME}.100ms"
TRADES = f"trades.{NAME}.100ms"
OWN = "user.changes.any.any.raw"  # what `client.orders` listens to
MOVE = 10.0  # USD that the book may move between two looks at it


Quoting = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def quoting(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> Quoting:
    """Let the bot quote against an exchange of its own; stop and judge it in the end."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[Desk]:
        exchange = await deribit_exchange(**({"step_seconds": 0.5} | options))
        random.seed(exchange.seed)  # the client's back-off is drawn from it
        client = await deribit_client(exchange, credentials=KEY, cancel_on_disconnect=True)
        desk = Desk(exchange, client)
        await desk.until(lambda: desk.quotes)
        try:
            yield desk
        finally:
            await desk.stop()
        desk.judge()

    return start


# --- the link


@pytest.mark.parametrize(
    "drop",
    [Drop.rst(), Drop.fin(), Drop.fin(inside_frame=True), Drop.close(1001, "bye"), Drop.close(4000)],
    ids=["reset", "end of stream", "end within a frame", "close 1001", "close 4000"],
)
async def test_a_drop_takes_the_quotes_along(quoting: Quoting, drop: Drop) -> None:
    """At a drop the exchange cancels the quotes, and within seconds both stand again."""
    async with quoting() as desk:
        desk.exchange.inject(drop)
        await desk.until(lambda: not desk.open)
        took = await desk.until(lambda: desk.quotes)

        assert took < 5


async def test_a_silent_link_is_left(quoting: Quoting) -> None:
    """On a link that is silent the bot sends no order; after some 20 s it has another, and quotes there."""
    async with quoting() as desk:
        desk.exchange.inject(Silence())
        await asyncio.sleep(0.2)  # what was on its way is read
        sent = desk.sent_on(1)
        await desk.until(lambda: 2 in desk.exchange.connections)
        await desk.until(lambda: desk.quotes)

        assert desk.sent_on(1) == sent


async def test_a_fill_on_a_dead_link_is_counted(quoting: Quoting) -> None:
    """What was filled while nothing came through is in the position before the next quote is sent."""
    async with quoting() as desk:
        desk.exchange.inject(Silence())
        await desk.fill("buy")
        desk.exchange.inject(Drop.rst())
        sent = desk.sent
        await desk.until(lambda: desk.sent > sent)

        assert desk.known == AMOUNT


async def test_maintenance_is_waited_for(quoting: Quoting) -> None:
    """Through half a minute of maintenance the bot dials with patience, and then quotes."""
    async with quoting() as desk:
        dials = len(desk.ledger.handshakes)
        desk.exchange.inject(Maintenance(30))
        await desk.until(lambda: not desk.open)
        took = await desk.until(lambda: desk.quotes, 90)

        assert took > 29
        assert len(desk.ledger.handshakes) - dials <= 12


async def test_a_login_refused_for_a_while(quoting: Quoting) -> None:
    """A login that is refused at first costs quotes, not the bot."""
    async with quoting() as desk:
        desk.exchange.refuse_logins(times=2)
        desk.exchange.inject(Drop.rst())
        await desk.until(lambda: not desk.open)
        await desk.until(lambda: desk.quotes)


async def test_without_a_login_it_watches(quoting: Quoting) -> None:
    """While nobody can log in the bot follows the trades and sends no order; on the next link it quotes."""
    async with quoting() as desk:
        desk.exchange.refuse_logins()
        desk.exchange.inject(Drop.rst())
        await asyncio.sleep(30)
        sent, seen = desk.sent, tuple(desk.bot.flow)
        await asyncio.sleep(10)

        assert desk.sent == sent
        assert tuple(desk.bot.flow) != seen
        desk.exchange.allow_logins()
        desk.exchange.inject(Drop.rst())
        await desk.until(lambda: desk.quotes)


# --- the data


async def test_no_quotes_on_an_invalid_book(quoting: Quoting) -> None:
    """A gap in the book takes the quotes out of the market, until the book is right again."""
    async with quoting() as desk:
        desk.exchange.inject(SkipChange(BOOK))
        desk.exchange.inject(DelayRequest("public/subscribe", 5.0))  # what would bring a new snapshot
        await desk.until(lambda: not desk.open)
        sent = desk.sent
        await asyncio.sleep(4)

        assert (desk.open, desk.sent) == ({}, sent)
        await desk.until(lambda: desk.quotes)


@pytest.mark.parametrize("channel", [BOOK, TRADES, OWN])
@pytest.mark.parametrize("kind", ["truncated", "wrong_shape", "no_data"])
async def test_what_nobody_can_read(quoting: Quoting, channel: str, kind: Any) -> None:
    """After a message that nobody can read, book, flow and position are the exchange's again."""
    async with quoting() as desk:
        desk.exchange.inject(Garble(channel, kind=kind))
        await desk.fill("sell")
        await asyncio.sleep(20)

        assert desk.known == desk.position
        await flow_is_right(desk)
        await desk.until(lambda: desk.quotes)


async def test_rubbish_on_the_link(quoting: Quoting) -> None:
    """Half a message that belongs to nothing leaves the bot quoting."""
    async with quoting() as desk:
        desk.exchange.inject(Say(text=b'{"jsonrpc":"2.0","met'))
        await asyncio.sleep(5)

        await desk.until(lambda: desk.quotes)


async def test_a_trade_counts_once(quoting: Quoting) -> None:
    """Trades that are told twice are in the flow once, and those of an outage are in it too."""
    async with quoting() as desk:
        desk.exchange.inject(Duplicate(TRADES, times=5))
        await asyncio.sleep(5)
        desk.exchange.inject(Drop.rst())
        await asyncio.sleep(5)

        await flow_is_right(desk)


async def flow_is_right(desk: Desk) -> None:
    """The flow is that of the exchange's last trades."""

    def made() -> list[float]:
        trades = [{"amount": one.amount, "direction": one.direction} for one in desk.ledger.trades[NAME]]
        return list(map(signed, trades))[-len(desk.bot.flow) :]

    await desk.until(lambda: desk.bot.flow and list(desk.bot.flow) == made(), 2)


async def test_a_burst_of_the_past(quoting: Quoting) -> None:
    """After data that came 8 s late the quotes stand where the market is, not where it was."""
    async with quoting() as desk:
        assert desk.exchange.network is not None
        desk.exchange.network.inject(Pause(Way.DOWN, seconds=8.0))
        await asyncio.sleep(10)
        await desk.until(lambda: desk.quotes)

        near_the_market(desk)


async def test_a_slow_answer(quoting: Quoting) -> None:
    """While the answer to an order is 8 s in coming no other is sent; then the newest book is quoted."""
    async with quoting() as desk:
        desk.exchange.inject(DelayReply("private/buy", 8.0))
        await desk.fill("buy")
        await desk.until(lambda: "buy" in desk.open)
        sent = desk.sent
        await asyncio.sleep(7)

        assert desk.sent == sent
        await asyncio.sleep(3)
        await desk.until(lambda: desk.quotes)
        near_the_market(desk)


def near_the_market(desk: Desk) -> None:
    """No quote is further from the middle than the bot means it to be, and the market moves meanwhile."""
    book = desk.ledger.book_at(NAME, desk.exchange.market[NAME].change_id)
    assert book is not None
    middle = (book[0][0][0] + book[1][0][0]) / 2
    assert all(abs(price - middle) < EDGE + 2 * LEAN + DRIFT + MOVE for price in desk.open.values())


# --- the orders


@pytest.mark.parametrize("before_reply", [True, False], ids=["not placed", "placed"])
async def test_the_link_breaks_under_an_order(quoting: Quoting, before_reply: bool) -> None:
    """An order in flight at a drop is neither sent again nor forgotten."""
    async with quoting() as desk:
        desk.exchange.inject(DropOnRequest("private/buy", Drop.rst(), before_reply=before_reply))
        await desk.fill("buy")
        await desk.until(lambda: len(desk.ledger.handshakes) == 2)
        await desk.until(lambda: desk.quotes)

        assert desk.known == desk.position


async def test_an_answer_is_lost(quoting: Quoting) -> None:
    """An order whose answer never comes is found, and no second one is placed beside it."""
    async with quoting() as desk:
        desk.exchange.inject(IgnoreRequest("private/buy", executed=True))
        await desk.fill("buy")
        await asyncio.sleep(45)

        await desk.until(lambda: desk.quotes)


async def test_too_many_requests(quoting: Quoting) -> None:
    """Told to slow down (10028), the bot takes its quotes back and sends no order for a while."""
    async with quoting() as desk:
        desk.exchange.refuse("private/buy", 10028)
        await desk.fill("buy")
        await desk.until(lambda: desk.ledger.refusals_of(10028))
        sent = desk.sent
        await asyncio.sleep(PAUSE - 1)

        assert (desk.open, desk.sent) == ({}, sent)
        await desk.until(lambda: desk.quotes)


@pytest.mark.parametrize(("side", "other"), [("buy", "sell"), ("sell", "buy")])
async def test_the_position_is_limited(quoting: Quoting, side: str, other: str) -> None:
    """However often one side is hit, at the limit of the position only the other side is quoted."""
    async with quoting() as desk, asyncio.timeout(300):
        while not (abs(desk.position) + AMOUNT > LIMIT and desk.open.keys() == {other}):
            if side in desk.open:
                await desk.fill(side)
            await asyncio.sleep(1)


async def test_two_orders_where_one_should_be(quoting: Quoting) -> None:
    """At the alarm of a duplicate order the bot takes its quotes back, for good."""
    async with quoting() as desk:
        desk.bot.on_error(DuplicateOrder("there are two", method="private/buy", label="quoter~1", orders=[]))
        await desk.until(lambda: not desk.open)
        await asyncio.sleep(10)

        assert not desk.open


# --- the end


async def test_it_leaves_nothing_open(quoting: Quoting) -> None:
    """When it is stopped the bot takes its quotes back itself."""
    async with quoting() as desk:
        cancels = len(desk.ledger.requests_of("private/cancel"))
        await desk.stop()

        assert len(desk.ledger.requests_of("private/cancel")) == cancels + 2


@pytest.mark.parametrize(
    "fault",
    [Drop.rst(), Silence(), DelayReply("private/buy", 3.0), IgnoreRequest("private/cancel", times=9)],
    ids=["without a link", "on a dead link", "with an order in flight", "while nobody answers"],
)
async def test_it_leaves_nothing_open_when_stopped_badly(quoting: Quoting, fault: Fault) -> None:
    """Stopped at a bad moment, it ends in time; what it can't cancel the exchange does."""
    async with quoting() as desk:
        await desk.fill("buy")
        desk.exchange.inject(fault)
        await asyncio.sleep(0.6)
        begun = asyncio.get_running_loop().time()
        await desk.stop()

        assert asyncio.get_running_loop().time() - begun < 10
