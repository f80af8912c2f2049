"""Live books against the simulated exchange: right at each moment, or not valid, and soon right again."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest

from deribit_ws import Client, Credentials, RpcError, SubscriptionRejected, UsageError
from deribit_ws.books import LiveBook
from deribit_ws.testing import (
    Drop,
    DropChannels,
    Duplicate,
    Garble,
    Reorder,
    Say,
    SimulatedExchange,
    SkipChange,
    SkipSnapshot,
)
from tests.books.conftest import matches
from tests.client.conftest import Build, Ears, Make, dropped, until

NAME, CHANNEL = "BTC-PERPETUAL", "book.BTC-PERPETUAL.100ms"
KEY = Credentials("simulated", "secret")


def calls(exchange: SimulatedExchange, connection: int | None = None) -> list[tuple[str, int]]:
    """Give the calls that changed subscriptions: method, and how many channels."""
    verbs = ("public/subscribe", "public/unsubscribe")
    return [
        (request.method.partition("/")[2], len(request.params["channels"]))
        for request in exchange.ledger.requests
        if request.method in verbs and connection in (None, request.connection)
    ]


async def test_follows(exchange: SimulatedExchange, make: Make) -> None:
    """Each state that an iteration shows is the exchange's at that change_id, bids and asks best first."""
    seen: list[int | None] = []
    async with make() as client, client.order_book(NAME) as book:
        async for same in book:
            assert same is book and book.valid and matches(book, exchange)
            seen.append(book.change_id)
            if len(seen) == 50:
                break
            exchange.step()

    assert seen == exchange.ledger.change_ids_sent(CHANNEL)[:50]
    assert (book.gaps, book.resyncs, book.duplicates) == (0, 0, 0)


async def test_not_valid_outside(exchange: SimulatedExchange, make: Make) -> None:
    """Before it is entered and after it is left a book is not valid, whatever others read."""
    async with make() as client, client.order_book(NAME) as other:
        book = client.order_book(NAME)
        before = book.valid
        async with book:
            await book.wait_valid()
            inside = (book.valid, book.best_bid)
        with pytest.raises(UsageError, match="not open"):
            await book.wait_valid()

        assert (before, book.valid, book.best_bid, list(book.asks)) == (False, False, None, [])
        assert inside == (True, other.best_bid)
        assert other.valid


async def test_drop(exchange: SimulatedExchange, make: Make) -> None:
    """A drop makes the book not valid at once, and tells the reader; the next snapshot makes it right."""
    shown: list[bool] = []

    async def read(book: LiveBook) -> None:
        async for _ in book:
            assert matches(book, exchange)
            shown.append(book.valid)

    async with make() as client, client.order_book(NAME) as book:
        reader = asyncio.create_task(read(book))
        await book.wait_valid()
        for _ in range(3):
            exchange.step()
            await client.call("public/test")
            await dropped(exchange, client)
            await book.wait_valid()
        await client.aclose()
        await reader

        assert [valid for valid, _ in itertools.groupby(shown)] == [True, False] * 4
        assert (book.gaps, book.valid) == (0, False)


@pytest.mark.parametrize(
    "fault",
    [SkipChange(CHANNEL), Reorder(CHANNEL), Garble(CHANNEL, kind="wrong_shape")],
    ids=lambda f: type(f).__name__,
)
async def test_mended(exchange: SimulatedExchange, make: Make, ears: Ears, fault: Any) -> None:
    """A missing, late or unreadable change makes the book not valid until a new subscription's snapshot."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        exchange.inject(fault)
        exchange.step(3)
        await client.call("public/test")
        doubted = not book.valid and matches(book, exchange)
        await book.wait_valid()
        exchange.step(3)
        await client.call("public/test")

        assert doubted
        assert book.valid and matches(book, exchange)
        assert (book.gaps, book.resyncs) == (1, 1)
    assert calls(exchange, 1)[:3] == [("subscribe", 1), ("unsubscribe", 1), ("subscribe", 1)]
    assert ears.names == ["Connected"]


async def test_duplicates_are_dropped(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Changes that come twice are dropped and counted; the book stays valid and nothing is asked for."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        exchange.inject(Duplicate(CHANNEL, times=5))
        exchange.step(8)
        await client.call("public/test")

        assert (book.valid, book.gaps, book.resyncs, book.duplicates) == (True, 0, 0, 5)
        assert matches(book, exchange)
    assert ears.errors == []


@pytest.mark.parametrize("is_named", [True, False])
async def test_garbage(exchange: SimulatedExchange, make: Make, is_named: bool) -> None:
    """A frame nobody can read costs the book it names, and where it names none all of them, in one call."""
    names = exchange.instruments[:5]
    async with make() as client:
        books = [client.order_book(name) for name in names]
        for book in books:
            await book.__aenter__()
            await book.wait_valid()
        asked = len(calls(exchange))
        exchange.inject(Garble(f"book.{names[0]}.100ms") if is_named else Say(text='{"jsonrpc"'))
        while all(book.valid for book in books):
            exchange.step()
            await client.call("public/test")
        doubted = [book for book in books if not book.valid]
        exchange.clear_faults()
        for book in books:
            await book.wait_valid()
        await client.call("public/test")

        assert doubted == (books[:1] if is_named else books)
        assert [book.resyncs for book in books] == [int(book in doubted) for book in books]
        assert all(matches(book, exchange) for book in books)
        assert calls(exchange)[asked:] == [("unsubscribe", len(doubted)), ("subscribe", len(doubted))]


async def test_one_gap_of_a_hundred(
    build: Build, ears: Ears, make: Make, exchange: SimulatedExchange
) -> None:
    """A gap on 1 of 100 books costs the other 99 nothing: not a change, not a call, and no drop."""
    # The options of the default market are quiet: every book is moved by hand.
    crowd = await build(extra_options=120)
    names = [name for name in crowd.instruments if name.startswith("BTC-")][:100]
    async with Client(crowd.url) as client:
        client.add_handler(ears)
        books = [client.order_book(name) for name in names]
        await asyncio.gather(*(book.__aenter__() for book in books))
        await asyncio.gather(*(book.wait_valid() for book in books))
        asked = len(calls(crowd))
        victim, channel = books[7], f"book.{names[7]}.100ms"
        was_valid: dict[str, bool] = dict.fromkeys(names, True)

        async def read(book: LiveBook) -> None:
            async for _ in book:
                assert matches(book, crowd)
                was_valid[book.instrument] &= book.valid

        readers = [asyncio.create_task(read(book)) for book in books]
        crowd.inject(SkipChange(channel))
        for round_ in range(6):
            for name in names:
                tick = crowd.market[name].instrument.tick_size
                crowd.market.place(
                    name,
                    "buy",
                    price=tick * (round_ + 1),
                    amount=crowd.market[name].instrument.min_trade_amount,
                )
            crowd.step()
            await client.call("public/test")
        await until(lambda: victim.resyncs == 1 and victim.valid)
        await client.call("public/test")
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

        assert all(reader.cancelled() for reader in readers)
        assert [name for name, held in was_valid.items() if not held] == [victim.instrument]
        assert [book.resyncs for book in books] == [int(book is victim) for book in books]
        assert all(
            book.change_id == crowd.ledger.change_ids_sent(f"book.{book.instrument}.100ms")[-1]
            for book in books
        )
        assert calls(crowd)[asked:] == [("unsubscribe", 1), ("subscribe", 1)]
    assert len(crowd.ledger.handshakes) == 1


async def test_shared_and_separate(exchange: SimulatedExchange, make: Make) -> None:
    """Books of one channel share one subscription; raw and 100ms of one instrument are separate chains."""
    async with (
        make(credentials=KEY) as client,
        client.order_book(NAME) as one,
        client.order_book(NAME, interval="raw") as raw,
    ):
        await one.wait_valid()
        await raw.wait_valid()
        async with client.order_book(NAME) as two:
            async with asyncio.timeout(1):  # what is there already is shown at once
                await anext(two)
            assert two.valid and two.change_id == one.change_id
            exchange.step(20)
            await client.call("public/test")
            assert (two.valid, two.change_id) == (True, one.change_id)
        exchange.inject(SkipChange("book.BTC-PERPETUAL.raw"))
        exchange.step(2)
        await client.call("public/test")
        during = (one.valid, raw.valid, matches(one, exchange))
        await raw.wait_valid()
        exchange.step(5)
        await client.call("public/test")

        assert during == (True, False, True)
        assert matches(one, exchange) and matches(raw, exchange)
        assert one.gaps == 0 and raw.gaps == 1
        assert raw.change_id == exchange.market[NAME].change_id
    channels = [request.params["channels"] for request in exchange.ledger.requests_of("public/subscribe")]
    assert sum(CHANNEL in asked for asked in channels) == 1


async def test_left_with_the_last_reader(exchange: SimulatedExchange, make: Make) -> None:
    """A channel is left when the last book of it is, and can be entered anew."""
    async with make() as client:
        async with client.order_book(NAME) as one:
            async with client.order_book(NAME):
                pass
            await client.call("public/test")
            assert CHANNEL in exchange.connections[1].channels
        await until(lambda: CHANNEL not in exchange.connections[1].channels)
        async with client.order_book(NAME) as again:
            await again.wait_valid()
            assert matches(again, exchange) and not one.valid
        with pytest.raises(UsageError, match="once"):
            await again.__aenter__()


async def test_at_once_anew(exchange: SimulatedExchange, make: Make) -> None:
    """A book entered in the moment in which another of its channel is left gets a snapshot all the same."""
    async with make() as client:
        for _ in range(5):
            async with client.order_book(NAME) as book:
                await book.wait_valid()
                exchange.step()
                assert matches(book, exchange)


async def test_beside_a_stream(exchange: SimulatedExchange, make: Make) -> None:
    """A stream opened on the book's own channel asks for a snapshot, which the book lives with."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        for _ in range(3):
            async with client.stream(CHANNEL) as stream:
                exchange.step(2)
                await anext(stream)
                await client.call("public/test")
                assert matches(book, exchange)
        exchange.step()
        await client.call("public/test")

        assert book.valid and matches(book, exchange) and book.gaps == 0


async def test_refused(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """What the exchange refuses reaches who enters: an unknown instrument, raw without a login."""
    async with make() as client:
        with pytest.raises(SubscriptionRejected):
            await client.order_book("BTC-NEVER").__aenter__()
        with pytest.raises(SubscriptionRejected) as caught:
            await client.order_book(NAME, interval="raw").__aenter__()
        for wrong in ({"interval": "1ms"}, {"audit": 0}, {"instrument": "*"}, {"instrument": "a.b"}):
            with pytest.raises(UsageError):
                client.order_book(**({"instrument": NAME} | wrong))

    assert isinstance(caught.value.__cause__, RpcError) and caught.value.__cause__.code == 13778
    assert ears.errors == []


async def test_refused_later(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A channel refused after a drop is told, and its book stays not valid until it is given again."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        exchange.inject(DropChannels(CHANNEL))
        await dropped(exchange, client)
        await until(lambda: ears.errors)
        refused = book.valid
        exchange.clear_faults()
        await book.wait_valid()

        assert not refused and matches(book, exchange)
    assert [type(error) for error in ears.errors] == [SubscriptionRejected]


async def test_slow_reader(exchange: SimulatedExchange, make: Make) -> None:
    """To a slow reader a thousand changes are one iteration, with the newest state."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        await anext(book)
        for _ in range(100):
            exchange.step(10)
            await client.call("public/test")
        await anext(book)

        assert book.change_id == exchange.ledger.change_ids_sent(CHANNEL)[-1]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(book)


async def test_ends_with_the_client(exchange: SimulatedExchange, make: Make) -> None:
    """Closing the client shows the book not valid once more, then ends the iteration and all waiting."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        await anext(book)
        await client.aclose()
        with pytest.raises(UsageError):
            await book.wait_valid()

        assert [shown.valid async for shown in book] == [False]


async def test_waiting_ends_with_the_client(exchange: SimulatedExchange, make: Make) -> None:
    """Who waits for a book to be valid is told when the client is closed."""
    exchange.inject(SkipSnapshot(CHANNEL))
    async with make() as client, client.order_book(NAME) as book:
        waiting = asyncio.create_task(book.wait_valid())
        await asyncio.sleep(0)
        await client.aclose()

        with pytest.raises(UsageError, match="not open"):
            await waiting


async def test_storm_on_loopback(build: Build, ears: Ears) -> None:
    """Gaps on 500 books at once are mended within the credits, over one link."""
    exchange = await build(extra_options=500, step_seconds=0.1)
    names = exchange.instruments[:500]
    async with Client(exchange.url) as client, AsyncExitStack() as stack:
        client.add_handler(ears)
        books = [client.order_book(name) for name in names]
        await asyncio.gather(*(stack.enter_async_context(book) for book in books))
        await asyncio.gather(*(book.wait_valid() for book in books))
        asked = len(calls(exchange))
        for name in names:
            exchange.inject(SkipChange(f"book.{name}.100ms"))
        for step in range(1, 10):  # a change that the crowd takes back at once is not told
            for name in names:
                line = exchange.market[name].instrument
                exchange.market.place(name, "buy", price=line.tick_size * step, amount=line.min_trade_amount)
            exchange.step()
            await client.call("public/test")
            if step > 1 and all(book.gaps for book in books):
                break
        assert all(book.gaps for book in books)
        await until(lambda: all(book.valid for book in books))

        assert all(matches(book, exchange) for book in books[::50])
        assert len(calls(exchange)) - asked <= 6
    assert exchange.ledger.refusals_of(10028) == [] == ears.errors
    assert len(exchange.ledger.handshakes) == 1


async def test_second_reader(exchange: SimulatedExchange, make: Make) -> None:
    """One task reads a book at a time."""
    async with make() as client, client.order_book(NAME) as book:
        await book.wait_valid()
        await anext(book)
        first = asyncio.create_task(anext(book))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="an order book"):
            await anext(book)
        first.cancel()


async def test_random_faults(build: Build) -> None:
    """Under a hail of faults and drops every state shown is right; after it, all books are valid again."""
    rng = Random(11)
    exchange = await build(seed=11)
    names = exchange.instruments[:6]
    shown = 0

    async def read(book: LiveBook) -> None:
        nonlocal shown
        async for _ in book:
            assert matches(book, exchange), f"{book!r}, seed 11"
            shown += book.valid

    async with Client(exchange.url, retry_seconds=0.01) as client:
        books = [client.order_book(name) for name in names]
        await asyncio.gather(*(book.__aenter__() for book in books))
        readers = [asyncio.create_task(read(book)) for book in books]
        for _ in range(400):
            channel = f"book.{rng.choice(names)}.100ms"
            if rng.random() < 0.3:
                kinds = (SkipChange, Duplicate, Reorder, SkipChange, SkipSnapshot, Garble)
                exchange.inject(rng.choice(kinds)(channel))
            if rng.random() < 0.02:
                exchange.inject(rng.choice((Drop.rst(), Drop.fin(inside_frame=True), Drop.close(1001))))
            exchange.step(rng.randrange(3))
            await asyncio.sleep(0.002)
        exchange.clear_faults()
        exchange.inject(Drop.fin())
        await until(lambda: all(book.valid for book in books), 10)
        exchange.step(5)
        await client.call("public/test")
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

        assert all(reader.cancelled() for reader in readers)
        assert all(matches(book, exchange) for book in books)
    assert shown > 100
