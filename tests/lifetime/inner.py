"""Row 45, inside: one of several tasks that share a client is cancelled at each await, and the others go on.

Knows what a task may do with a client beside others, and what the others must have had in the end. Must not
know the blows (`cancelled`), or what counts as left behind (`remains`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from deribit_ws import Client, OrderNotPlaced, State, Trade
from deribit_ws.testing import SkipChange
from deribit_ws.testing.proxy_faults import Cut
from tests.lifetime.cancelled import CONTROL_SECONDS, LONGEST, Blow, begun, blows, judge, judge_end
from tests.lifetime.remains import watched
from tests.lifetime.stage import BTC, ETH, TICKER, Stage, staged
from tests.lifetime.suspensions import Moment, Steps

Act = Callable[[Stage, Client], Coroutine[Any, Any, None]]
QUIET_SECONDS = 3.0  # in which the others must have had all; a resync waits up to 2 s for its snapshot
QUOTE = f"quote.{ETH}"


async def reads_stream(stage: Stage, client: Client) -> None:
    """Read a stream of a channel that others hold, and of one that nobody does."""
    async with client.stream(TICKER, QUOTE, marks=True) as stream:
        for _ in range(4):
            await anext(stream)


async def reads_book(stage: Stage, client: Client) -> None:
    """Read the book that another reads, which loses a change."""
    async with client.order_book(BTC) as book:
        stage.exchange.inject(SkipChange(f"book.{BTC}.100ms"))
        async for _ in book:
            if book.valid and book.resyncs:
                return


async def reads_trades(stage: Stage, client: Client) -> None:
    """Read the trades that another reads, and those of a kind, over a drop of the link."""
    async with client.trades(BTC) as own, client.trades(kind="future", currency="BTC") as of_kind:
        stage.network.inject(Cut())
        last = stage.trade(3)
        async for trade in own:
            if trade.trade_seq >= last:
                break
        async for trade in of_kind:
            if trade.trade_seq >= last and trade.instrument_name == BTC:
                break


async def calls(stage: Stage, client: Client) -> None:
    """Call, hold channels and let them go, register and cancel."""
    await client.call("public/get_time")
    await client.subscribe(QUOTE, "platform_state")
    try:
        await client.private.get_positions()
    finally:
        await client.unsubscribe(QUOTE, "platform_state")
    stage.network.inject(Cut())
    await client.call("public/get_time")
    await client.wait_connected()


async def trades(stage: Stage, client: Client) -> None:
    """Place, edit and cancel orders, over a drop of the link."""
    await client.orders.wait_valid()
    order = await client.orders.buy(BTC, amount=10, price=stage.away())
    await client.orders.edit(order.order_id, amount=20)
    stage.network.inject(Cut())
    with contextlib.suppress(OrderNotPlaced):  # it is written into the cut
        await client.orders.sell(BTC, amount=10, type="market", valid_for=0.5)
    order = await client.orders.buy(BTC, amount=10, price=stage.away())
    await client.orders.cancel(order.order_id)


ACTS: tuple[Act, ...] = (reads_stream, reads_book, reads_trades, calls, trades)


class Others:
    """What else goes on with the client: trades, a book and a stream are read, calls are made."""

    def __init__(self, stage: Stage, client: Client) -> None:
        self._stage = stage
        self._client = client
        self.seqs: list[int] = []
        self.tickers = 0
        self.answers = 0
        self._book: Any = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Others":
        self._stack = contextlib.AsyncExitStack()
        enter = self._stack.enter_async_context
        flow, stream = await enter(self._client.trades(BTC)), await enter(self._client.stream(TICKER))
        self._book = await enter(self._client.order_book(BTC))
        work = (self._read(flow), self._count(stream), self._look(), self._call())
        self._tasks = [asyncio.create_task(one, name="another") for one in work]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._stack.aclose()

    async def _read(self, flow: Any) -> None:
        async for trade in flow:
            assert isinstance(trade, Trade)
            self.seqs.append(trade.trade_seq)

    async def _count(self, stream: Any) -> None:
        async for _ in stream:
            self.tickers += 1

    async def _look(self) -> None:
        async for book in self._book:
            made = self._stage.exchange.ledger.book_at(BTC, book.change_id) if book.valid else None
            assert made is None or (len(book.bids), len(book.asks)) == (len(made[0]), len(made[1]))

    async def _call(self) -> None:
        while True:
            await self._client.call("public/get_time")
            self.answers += 1
            await asyncio.sleep(0.05)

    def lacking(self, last: int) -> list[str]:
        """Say what has not come yet, in words."""
        for task in self._tasks:
            assert not task.done(), f"another ended: {task!r}"
        lacking = [] if self.seqs and self.seqs[-1] >= last else [f"trades at {self.seqs[-1:]} of {last}"]
        lacking += [] if self._book.valid else ["the book is not valid"]
        at = self._stage.exchange.market[BTC].change_id
        lacking += [] if self._book.change_id == at else [f"the book is at {self._book.change_id} of {at}"]
        return lacking


async def one_struck(blow: Blow, act: Act) -> None:
    """Strike one task among others once, and judge how these fare; raises AssertionError."""
    where = f"{act.__name__}: {blow}"
    with watched() as remains:
        async with staged(blow.seed) as stage:
            remains.begin()
            client = stage.client()
            async with client, asyncio.timeout(LONGEST), Others(stage, client) as others:
                first = stage.trade()
                channels = _held(stage)
                steps, task = begun(blow, act(stage, client))
                await asyncio.wait([task])
                took = asyncio.get_running_loop().time() - (steps.struck_at or 0.0)

                assert blow.at == 0 or took <= CONTROL_SECONDS, f"{where}: back after {took:.2f} s"
                judge_end(task, blow, where)
                await _go_on(stage, client, others, first, channels, where)
            await judge(remains, stage, client, where)


async def _go_on(
    stage: Stage, client: Client, others: Others, first: int, channels: set[str], where: str
) -> None:
    """Hold the others to all they are owed, on a client that is as before but for the task that is gone."""
    tickers, answers, last = others.tickers, others.answers, stage.trade(2)

    def lacking() -> list[str]:
        held_up = [] if others.tickers > tickers and others.answers > answers else ["the others are held up"]
        differ = _held(stage) ^ channels
        return others.lacking(last) + held_up + ([f"{differ} differ from before"] if differ else [])

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            while lacking():  # noqa: ASYNC110  no event tells of all of it
                await asyncio.sleep(0.01)
    links, in_flight = len(stage.network.links), sum(client.limits.in_flight.values())
    made = stage.exchange.ledger.trade_seqs_made(BTC, since=min([first, *others.seqs]))

    assert not lacking(), f"{where}: {lacking()}"
    assert client.state is State.CONNECTED, f"{where}: the client is {client.state}"
    assert others.seqs == made[: len(others.seqs)], f"{where}: trades are lacking or twice"
    assert links <= 2, f"{where}: {links} links, though one drop was made"
    assert in_flight <= 1, f"{where}: {client.limits}"  # a call of another's


def _held(stage: Stage) -> set[str]:
    held = {channel for session in stage.exchange.connections.values() for channel in session.channels}
    return held - {"user.changes.any.any.raw"}  # the view of orders is followed for good, once asked for


async def measured(act: Act, seed: int) -> tuple[int, int]:
    """Count the suspensions and milliseconds of one task that nothing befalls."""
    with watched() as remains:
        async with staged(seed) as stage:
            remains.begin()
            client = stage.client()
            async with client, Others(stage, client):
                stage.trade()
                began = asyncio.get_running_loop().time()
                steps = Steps(0, Moment.BEGUN, lambda: None)
                await steps.through(act(stage, client))
                took = asyncio.get_running_loop().time() - began
    return steps.count, int(took * 1000)


async def everywhere(seed: int, stride: int) -> int:
    """Strike each kind of task at every `stride`-th case; give how many those were."""
    count = 0
    for number, act in enumerate(ACTS):
        for blow in list(blows(*await measured(act, seed), seed))[(seed + number) % stride :: stride]:
            await one_struck(blow, act)
            count += 1
    return count
