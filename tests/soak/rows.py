"""Row 18 of the scoreboard in virtual time: a thousand drops in a row, of any kind, at any moment.

Knows the public faces of client and exchange, and their links in memory. Must not know how rows are scored:
the runner of the faults calls `thousand_drops` on a loop of virtual time, once for each seed.
"""

import asyncio
import gc
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from deribit_ws import Client
from deribit_ws.testing import (
    AcceptThenClose,
    Cut,
    CutAfter,
    Drop,
    DropOnRequest,
    Ending,
    MemoryNetwork,
    RefuseConnections,
    RefuseHandshake,
    SimulatedExchange,
    Way,
    loop_clock,
)
from tests.books.conftest import matches
from tests.soak.ears import BookEar, Ear, Faults, LifeLines, MarkEars, TradeEar, listening
from tests.soak.gauges import MOST_BLOCK_SLOPE, slope

NAMES = ("BTC-PERPETUAL", "ETH-PERPETUAL")
RETRY_SECONDS = 0.05
LATENCY = (0.001, 0.01)  # seconds, each way
PAUSES = (0.4, 1.2)  # seconds between two drops: 0.3 s of subscribe credits a link, and some links fail
HALF_OPEN_SECONDS = 20.6
STEP_SECONDS = 0.1
CODES = (1000, 1001, 1011, 1012, 4000)
QUIET_SECONDS = 30.0
WARM = 0.3  # of the drops, before memory is looked at
ENOUGH = 500  # drops, before a slope is more than caches that fill
SAMPLES = 20


@dataclass
class Row:
    """One client and one exchange, and what befalls the links between them."""

    exchange: SimulatedExchange
    network: MemoryNetwork
    client: Client
    rng: Random
    faults: Faults
    ears: MarkEars
    lines: LifeLines
    trades: list[TradeEar]
    books: list[BookEar]

    # --- what befalls the links

    def drop(self) -> None:
        """Cut the live link, now or some bytes from now; the next one too, half of the time."""
        rng = self.rng
        if rng.random() < 0.5:
            self._soon()
        link = max(self.network.links)
        match rng.randrange(4):
            case 0:
                self.network.inject(Cut(rng.choice([Ending.RST, Ending.FIN])))
            case 1:  # inside whatever comes next
                how = rng.choice([Ending.RST, Ending.FIN])
                self.network.inject(CutAfter(rng.randrange(300), Way.DOWN, how), link)
            case 2:
                self.exchange.inject(Drop.close(rng.choice(CODES)))
            case _:
                self.exchange.inject(rng.choice([Drop.rst(), Drop.fin(), Drop.fin(inside_frame=True)]))

    def _soon(self) -> None:
        rng, exchange = self.rng, self.exchange
        drop = rng.choice([Drop.rst(), Drop.fin()])
        match rng.randrange(6):
            case 0:
                exchange.inject(AcceptThenClose(rng.choice(CODES)))
            case 1:
                exchange.inject(RefuseConnections())
            case 2:
                exchange.inject(RefuseHandshake(503))
            case 3:
                self.network.inject(CutAfter(rng.randrange(3_000)))
            case _:
                methods = ("public/set_heartbeat", "public/subscribe", "public/get_last_trades_by_instrument")
                exchange.inject(DropOnRequest(rng.choice(methods), drop, before_reply=rng.random() < 0.5))

    @property
    def told(self) -> int:
        """How many drops of links, and refused dials, the client told."""
        return self.ears.disconnected + self.lines.never_lived + self.lines.failed_dials

    # --- the market

    def trade(self) -> None:
        """Make a few trades, and the changes of the books that go with them."""
        for name in NAMES:
            for _ in range(self.rng.randint(0, 2)):
                line = self.exchange.market[name]
                amount = line.instrument.min_trade_amount * self.rng.randint(1, 3)
                price = line.instrument.price(max(1, line.instrument.ticks(line.mark_price)))
                self.exchange.market.place(name, "sell", price=price, amount=amount)
                self.exchange.market.take(name, "buy", amount=amount)

    async def go_on(self, seconds: float) -> None:
        """Let the market go on for some seconds."""
        for _ in range(int(seconds / STEP_SECONDS)):
            self.trade()
            self.exchange.step()
            await asyncio.sleep(STEP_SECONDS)
        await asyncio.sleep(seconds % STEP_SECONDS)

    # --- what is to hold

    def behind(self) -> list[str]:
        """Say what the client lacks of all that was made."""
        made = {name: self.exchange.market[name].next_trade_seq - 1 for name in NAMES}
        late = [
            one
            for ear, name in zip(self.trades, NAMES, strict=True)
            for one in ear.behind({name: made[name]}, {})
        ]
        late += [
            f"{one.book}: not as it is by now"
            for one in self.books
            if (list(one.book.bids), list(one.book.asks)) != self._book_now(one.book.instrument)
        ]
        return late

    def _book_now(self, name: str) -> Any:
        # Not the change_id: a change that was taken back within 0.1 s is told to nobody.
        return self.exchange.ledger.book_at(name, self.exchange.market[name].change_id)

    async def whole(self, most: float) -> None:
        """Wait until all that was made has arrived; raise when that takes too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.client.wait_connected()
        while behind := self.behind():
            self.exchange.step()
            await asyncio.sleep(STEP_SECONDS / 10)
            assert loop.time() - began < most, f"not made good within {most:g} s: {behind}"


async def thousand_drops(seed: int, drops: int = 1000) -> float:
    """Drop a client so often, and hold it to the invariants; give the longest time it took to come back.

    Raises:
        AssertionError: one of them does not hold; in words, with the seed.
    """
    random.seed(seed)  # the back-off's
    before = asyncio.all_tasks()
    memory: list[tuple[float, float]] = []
    async with _row(seed) as row:
        every = max(1, drops // SAMPLES)
        told = 0
        while told < drops:
            await row.go_on(row.rng.uniform(*PAUSES))
            await row.client.wait_connected()
            last = row.told
            row.drop()
            await _gone(row, last)
            told = row.told
            if told // every > len(memory):
                await row.whole(QUIET_SECONDS)
                memory.append((told, _blocks(row)))
        row.exchange.clear_faults()
        row.network.clear_faults()
        await row.whole(QUIET_SECONDS)
        _judge(row, seed, memory)
    await asyncio.sleep(0.1)
    left = asyncio.all_tasks() - before
    assert not left, f"seed {seed}: left {left}"  # G6
    return max(row.ears.recoveries, default=0.0)


async def _gone(row: Row, last: int) -> None:
    """Wait until the drop is told, with the market going on, and the next link is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + HALF_OPEN_SECONDS
    while row.told == last:
        assert loop.time() < end, f"a drop that nobody told of, {row.client}"
        row.trade()
        row.exchange.step()
        await asyncio.sleep(STEP_SECONDS / 10)
    await row.client.wait_connected()


def _blocks(row: Row) -> float:
    """Count the allocator's blocks without those of the exchange's and the network's own records."""
    ledger = row.exchange.ledger
    for records in (ledger.handshakes, ledger.requests, ledger.refusals, ledger.drops, ledger.farewells):
        records.clear()
    for kept in (ledger.sent, ledger.trades, ledger._changes):
        kept.clear()
    for line in row.exchange.market.lines.values():
        line.trades.clear()
    for number in [number for number, link in row.network.links.items() if not link.open]:
        del row.network.links[number]
    gc.collect()
    return sys.getallocatedblocks()


def _judge(row: Row, seed: int, memory: list[tuple[float, float]]) -> None:
    where = f"seed {seed}, {row.told} drops"
    assert not row.faults, f"{where}: {list(row.faults)}"  # G1 and G2, as they came; G3 for each mark
    assert row.ears.connected == row.ears.disconnected + 1, f"{where}: {row.ears.connected} Connected"  # G3
    dials = len(row.network.dials)
    assert abs(dials - row.told) <= 2, f"{where}: {dials} dials"  # one each, and the first
    assert not row.ears.gaps and not any(ear.trades.lost for ear in row.trades), f"{where}: trades lost"
    assert not row.lines.others and not row.lines.tracebacks, f"{where}: {row.lines.others}"
    for ear in row.trades:
        flow = ear.trades.flow
        assert max(len(flow.ready), flow._held) <= flow._maxsize, (
            f"{where}: {len(flow.ready)} trades wait"
        )  # G7
    assert not row.client.limits.waiting, f"{where}: {row.client.limits.waiting} requests wait"
    later = memory[int(len(memory) * WARM) :]
    grown = slope(later) * 1000

    assert row.told < ENOUGH or grown <= MOST_BLOCK_SLOPE, f"{where}: {grown:.0f} blocks more per 1,000 drops"


@asynccontextmanager
async def _row(seed: int) -> AsyncIterator[Row]:
    """Put an exchange, a network and a client with everything open on the stage."""
    exchange = SimulatedExchange(
        seed=seed, listen=False, autoplay=False, step_seconds=STEP_SECONDS, wall_clock=loop_clock()
    )
    lines, faults = LifeLines(), Faults()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(exchange)
        network = await stack.enter_async_context(exchange.memory(seed=seed, latency=LATENCY))
        stack.enter_context(listening(lines))
        client: Any = Client(exchange.url, session=network.session, retry_seconds=RETRY_SECONDS)
        ears = MarkEars(faults)
        client.add_handler(ears)
        for name in exchange.instruments:  # the crowd stands still: each trade is ours
            exchange.set_state(name, "locked")
        await stack.enter_async_context(client)
        row = Row(exchange, network, client, Random(seed), faults, ears, lines, [], [])
        for name in NAMES:
            row.trades.append(
                TradeEar(await stack.enter_async_context(client.trades(name, hold=None)), faults)
            )
            book = await stack.enter_async_context(client.order_book(name))
            ears.books.append(book)
            row.books.append(BookEar(book, _against(exchange), faults, every=1))
        both: list[Ear] = [*row.trades, *row.books]
        reading = [asyncio.create_task(ear.read()) for ear in both]
        try:
            yield row
        finally:
            for task in reading:
                task.cancel()
            await asyncio.wait(reading)


def _against(exchange: SimulatedExchange) -> Any:
    async def judge(book: Any) -> bool:
        return matches(book, exchange)

    return judge
