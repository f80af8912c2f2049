"""Rows 27 to 31: messages that are missing, come twice, or in another order.

Knows: what each may cost, and whom. Judges only what is special; the invariants are judged by the runner.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from math import ceil

from deribit_ws.books import LiveBook
from deribit_ws.testing import Duplicate, HistoryLag, Reorder, SkipChange, SkipSnapshot
from tests.faults.observed import Flow, Looks
from tests.faults.row import BOTH, MEMORY, row
from tests.faults.stage import HARD_SECONDS, Layer, Stage
from tests.faults.staying import RESYNC_SECONDS, ours, stays
from tests.faults.subject import BTC

BOOK, TRADES, ALL_TRADES = f"book.{BTC}.100ms", f"trades.{BTC}.100ms", "trades.future.any.100ms"
DORMANT = "BTC-25DEC26-45000-P"  # of the options listed, the one without a market
HUNDRED = {"extra_options": 98}
STORM_TITLE = "gaps on 500 books at once, or again meanwhile; a snapshot that never comes"
STORM = 500
MOST_BATCHES = 4  # of a storm over sockets, on a busy machine
CALLS_A_SECOND, BURST = 3.3, 10  # subscribe calls that the exchange allows
STORM_SECONDS = ceil(STORM / 500) / CALLS_A_SECOND + 0.5
SNAPSHOT_TRIES = 4  # the first, and three asked for anew, before the link is replaced
# Each is missed at the next change, and asked for after these pauses.
SNAPSHOT_PAUSES = (0.1 + 0.05, 0.1 + 0.3, 0.1 + 1.0, 0.1 + 2.0)
INTERLEAVED_SECONDS = 4.0


@asynccontextmanager
async def opened(stage: Stage, names: Sequence[str]) -> AsyncIterator[list[LiveBook]]:
    """Open books beside the client's own two, all valid; on leaving, wait until the exchange knows."""
    client = ours(stage).client
    async with AsyncExitStack() as stack:
        books = [client.order_book(name) for name in names]
        await asyncio.gather(*map(stack.enter_async_context, books))
        await stage.until(lambda: all(book.valid for book in books))
        yield books
    channels = {f"book.{name}.100ms" for name in names}
    await stage.until(lambda: not channels.intersection(stage.exchange.connections[stage.newest].channels))


def _options(stage: Stage, count: int) -> list[str]:
    return [name for name in stage.exchange.instruments if name.endswith(("-C", "-P"))][-count:]


def _book_calls(stage: Stage, since: float) -> list[tuple[str, int]]:
    """Give each call about books that was made since then: its verb, and how many channels it named."""
    return [
        (request.method.rpartition("/")[2], len(request.params["channels"]))
        for request in stage.exchange.ledger.requests
        if request.time >= since and request.method.endswith("subscribe")
    ]


def _now() -> float:
    now: float = asyncio.get_running_loop().time()
    return now


# --- 27


@row(27, "gap on 1 of 100 books", BOTH, exchange=HUNDRED)
async def one_gap(stage: Stage) -> None:
    """A missing change costs its book one leaving and subscribing anew; the other 99 are not touched."""
    async with opened(stage, _options(stage, 98)) as others:
        mine, other = ours(stage).books
        began = _now()
        stage.exchange.inject(SkipChange(BOOK))
        await stays(stage, RESYNC_SECONDS, seen=lambda: mine.resyncs)

        assert (mine.gaps, mine.resyncs) == (1, 1)
        assert not any(book.gaps or book.resyncs for book in (other, *others)), "others paid"
        assert all(book.valid for book in others)
        assert _book_calls(stage, began) == [("unsubscribe", 1), ("subscribe", 1)]


# --- 28


@row(28, "a change, a trade, a snapshot that comes twice", BOTH)
async def twice(stage: Stage) -> None:
    """What comes twice is dropped and counted, and nothing is asked for on its account."""
    book, flows = ours(stage).books[0], stage.subject.observed.flows
    for channel in (BOOK, TRADES, ALL_TRADES):
        stage.exchange.inject(Duplicate(channel, times=3))
    began = _now()
    errors = await stays(
        stage, 0.0, seen=lambda: book.duplicates >= 3 and all(_duplicates(flow) >= 3 for flow in flows)
    )

    assert not errors, errors
    assert (book.gaps, book.resyncs, book.duplicates) == (0, 0, 3)
    assert not _book_calls(stage, began)


@row(28, "a change, a trade, a snapshot that comes twice", BOTH)
async def snapshot_twice(stage: Stage) -> None:
    """A snapshot that comes twice leaves the book as it is."""
    stage.exchange.inject(Duplicate(f"book.{DORMANT}.100ms"), stage.newest)
    async with opened(stage, [DORMANT]) as (book,):
        await stays(stage, 0.0, seen=lambda: book.duplicates, is_whole=lambda: book.valid)

        assert (book.gaps, book.resyncs, book.duplicates) == (0, 0, 1)


def _duplicates(flow: Flow) -> int:
    count: int = flow.trades.duplicates
    return count


# --- 29


@row(29, "changes and trades out of order; back-fill and live overlap", BOTH)
async def changes_out_of_order(stage: Stage) -> None:
    """A change that comes after the next is a gap: the book says so at once, and is soon right again."""
    book = ours(stage).books[0]
    stage.exchange.inject(Reorder(BOOK))
    errors = await stays(stage, RESYNC_SECONDS, seen=lambda: book.resyncs)

    assert not errors, errors
    assert (book.gaps, book.resyncs) == (1, 1)


@row(29, "changes and trades out of order; back-fill and live overlap", BOTH)
async def trades_out_of_order(stage: Stage) -> None:
    """Trades that come late, or not at all, are handed out in order, whatever comes from history too."""
    flows = stage.subject.observed.flows
    kind = stage.choose(Reorder, SkipChange)
    lag = stage.choose(0.0, 0.0, 0.05)
    if lag:  # history is behind the channel: it is asked again, and what it gives came live meanwhile
        stage.exchange.inject(HistoryLag(lag))
    for channel in (TRADES, ALL_TRADES):
        stage.exchange.inject(Duplicate(channel, times=2))
        stage.exchange.inject(kind(channel))
    errors = await stays(
        stage,
        RESYNC_SECONDS,
        seen=lambda: all(flow.trades.recovered + flow.trades.duplicates for flow in flows),
        is_whole=lambda: not any(flow.trades.flow.is_troubled for flow in flows),
    )

    assert not errors, errors
    assert not stage.subject.observed.gaps
    assert not any(book.gaps for book in ours(stage).books)


# --- 30


@row(30, "one instrument on two channels, raw and 100ms", BOTH)
async def two_channels(stage: Stage) -> None:
    """Each channel has a chain of its own: books of one instrument are right side by side, as are trades."""
    client = ours(stage).client
    async with (
        client.order_book(BTC, interval="raw") as raw,
        client.order_book(BTC, interval="agg2") as slow,
        client.trades(BTC, interval="raw") as trades,
    ):
        entered = stage.last(BTC)
        flow = Flow(trades, lambda name: name == BTC, channel="raw", entered={BTC: entered})
        books = (raw, slow)
        tasks = [asyncio.create_task(flow.read()), *(asyncio.create_task(_look(stage, one)) for one in books)]
        await stage.until(lambda: raw.valid and slow.valid)
        stage.pace = 0.03  # the raw channel says each step at once, the others gather
        await stays(
            stage,
            0.0,
            is_whole=lambda: raw.valid and slow.valid and stage.subject.is_sound,
            seconds=INTERLEAVED_SECONDS,
        )
        last = stage.last(BTC)
        await stage.until(lambda: flow.reached(BTC) >= last)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

        assert not any(book.gaps or book.duplicates for book in (raw, slow, *ours(stage).books))
        made = stage.exchange.ledger.trade_seqs_made(BTC, since=entered + 1, until=flow.reached(BTC))
        seqs = [seq for seq in flow.seqs[BTC] if seq > entered]
        assert seqs == made and trades.recovered == 0
        for task in tasks[1:]:
            assert task.cancelled(), task.exception()


async def _look(stage: Stage, book: LiveBook) -> None:
    looks = Looks(stage.exchange, book.instrument)
    async for shown in book:
        looks.look(valid=shown.valid, change_id=shown.change_id, bids=list(shown.bids), asks=list(shown.asks))
        assert not looks.faults, looks.faults


# --- 31


@row(
    31,
    STORM_TITLE,
    BOTH,
    exchange={"extra_options": STORM - 2},
)
async def storm(stage: Stage) -> None:
    """Gaps on 500 books at once share a few calls, and none waits for longer than the credits ask."""
    async with opened(stage, _options(stage, STORM - 2)) as others:
        books = [*ours(stage).books, *others]
        gaps = [book.gaps for book in books]
        began = _now()
        for book in books:
            stage.exchange.inject(SkipChange(f"book.{book.instrument}.100ms"))
        _change_all(stage, others)
        stage.exchange.step()
        _change_all(stage, others)
        stage.exchange.step()
        await stays(
            stage,
            STORM_SECONDS,
            seen=lambda: all(book.gaps > before for book, before in zip(books, gaps, strict=True)),
            is_whole=lambda: all(book.valid for book in books),
        )
        calls = _book_calls(stage, began)

        assert len(calls) <= CALLS_A_SECOND * (_now() - began) + BURST, calls
        assert all(not stage.exchange.ledger.refusals_of(code) for code in (10028,))
        # In real time the gaps are spread over as long as it takes to read them, and are gathered for 50 ms.
        most = 2 if stage.layer is Layer.MEMORY else 2 * MOST_BATCHES
        assert len(calls) <= most, f"not in batches: {calls}"


def _change_all(stage: Stage, books: Sequence[LiveBook]) -> None:
    """Have each of these books change."""
    for book in books:
        line = stage.exchange.market[book.instrument]
        instrument = line.instrument
        price = instrument.price(1 + stage.rng.randrange(3))  # far below the market: it rests there
        stage.exchange.market.place(book.instrument, "buy", price=price, amount=instrument.min_trade_amount)


@row(31, STORM_TITLE, BOTH)
async def gap_in_resync(stage: Stage) -> None:
    """A gap right behind the snapshot that was asked for costs one more, and nobody else anything."""
    book = ours(stage).books[0]
    stage.exchange.inject(SkipChange(BOOK))
    await stage.until(lambda: book.resyncs == 1)
    stage.exchange.inject(SkipChange(BOOK))  # of the changes to come: the snapshot is no such
    await stays(stage, STORM_SECONDS, seen=lambda: book.resyncs >= 2)

    assert (book.gaps, book.resyncs) == (2, 2)
    assert not ours(stage).books[1].gaps


@row(31, STORM_TITLE, MEMORY)
async def no_snapshot(stage: Stage) -> None:
    """A snapshot that does not come is asked for three times more, then the link is replaced, once."""
    book = ours(stage).books[0]
    times = stage.choose(1, 2, 3, SNAPSHOT_TRIES)
    stage.exchange.inject(SkipSnapshot(BOOK, times=times))
    stage.exchange.inject(SkipChange(BOOK))
    await stage.until(lambda: book.gaps)
    if times < SNAPSHOT_TRIES:
        await stays(stage, sum(SNAPSHOT_PAUSES[:times]) + RESYNC_SECONDS, seen=lambda: book.valid)
    else:
        await stage.recovers(sum(SNAPSHOT_PAUSES) + HARD_SECONDS)

        assert stage.subject.observed.errors, "nobody was told"
    assert not ours(stage).books[1].gaps
