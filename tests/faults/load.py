"""Rows 32 and 33: a user, or a link, that can't keep up with what comes.

Knows: the declared policy of each kind of consumer, and how much may wait. Must not know how it is kept.
A burst that must be drained is in `burst`, a back-fill that fails in `backfill`.
"""

import asyncio
from collections import Counter
from typing import Any

from deribit_ws import Disconnected, Handler, Lagged, SlowConsumer, Ticker
from deribit_ws.testing import Drop, Pause, Say, Way, frames
from tests.faults.observed import Flow
from tests.faults.oddities import QUIET
from tests.faults.row import BOTH, MEMORY, row
from tests.faults.stage import HARD_SECONDS, Stage
from tests.faults.staying import ours, stays
from tests.faults.subject import BTC

SLEEP_SECONDS = 60.0
RATE = 1000  # messages a second
BATCH_SECONDS = 0.5
QUEUE = 1024  # items of a consumer: the client's default
BLOCK_SECONDS = 5.0  # that "block" may keep everybody from being read
KEPT_BYTES = 8 << 20  # of what may not be dropped
FEW = 100  # trades that a reader lets wait
TICKER, EVENTS, FAILING = f"ticker.{QUIET}.100ms", "announcements", "platform_state"
SLOW = "connection_too_slow"
NUMBERS = range(1_000_000)  # of ours; what the exchange says by itself has no time, or a later one
MIB = 1 << 20


def framed(channel: str, number: int, padding: int = 0) -> bytes:
    """Make a numbered notification, as a frame."""
    data = f'{{"timestamp":{number},"instrument_name":"{QUIET}","mark_price":0.5,"more":"{"x" * padding}"}}'
    text = f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}'
    return frames.frame(text.encode())


class Sleepy:
    """Callbacks that sleep at their first message, and what each was given."""

    def __init__(self) -> None:
        self.given: dict[str, list[int]] = {TICKER: [], EVENTS: [], FAILING: []}

    async def ticker(self, ticker: Ticker) -> None:
        await self._take(TICKER, ticker.timestamp)

    async def event(self, event: dict[str, Any]) -> None:
        await self._take(EVENTS, event.get("timestamp", -1))

    async def failing(self, event: dict[str, Any]) -> None:
        await self._take(FAILING, event.get("timestamp", -1))

    async def _take(self, channel: str, number: int) -> None:
        if number not in NUMBERS:
            return
        self.given[channel].append(number)
        if len(self.given[channel]) == 1:
            await asyncio.sleep(SLEEP_SECONDS)


class _Lags(Handler):
    """Counts what each channel was told to have lost."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def on_lagged(self, event: Lagged) -> None:
        self._counts[event.channel] += event.n


async def _flood(stage: Stage, channels: tuple[str, ...]) -> int:
    """Send numbered messages on channels by turns for as long as they sleep; give how many on each."""
    sent, batch = 0, int(RATE * BATCH_SECONDS) // len(channels)
    for _ in range(int(SLEEP_SECONDS / BATCH_SECONDS)):
        raw = b"".join(framed(one, sent + n) for n in range(batch) for one in channels)
        stage.exchange.inject(Say(raw=raw))
        sent += batch
        await asyncio.sleep(BATCH_SECONDS)
    return sent


@row(32, "slow consumer: user code sleeps 60 s at 1,000 messages a second", MEMORY, most_seeds=20)
async def sleepy_callbacks(stage: Stage) -> None:
    """Each policy holds: the newest state; the newest events, and how many went; the end of one consumer."""
    client, sleepy, lags = ours(stage).client, Sleepy(), Counter[str]()
    registrations = [
        client.register(TICKER, sleepy.ticker),
        client.register(EVENTS, sleepy.event),
        client.register(FAILING, sleepy.failing, overflow="fail", maxsize=FEW),
    ]
    ears = client.add_handler(_Lags(lags))
    channels = (TICKER, EVENTS, FAILING)
    await stage.until(lambda: {*channels} <= {*stage.exchange.connections[stage.newest].channels})
    flood = asyncio.create_task(_flood(stage, channels))
    asked = len(stage.exchange.ledger.requests_of("public/test"))
    errors = await stays(stage, 0.0, seen=flood.done)
    sent = await flood
    given = sleepy.given
    await stage.until(lambda: given[TICKER][-1] == given[EVENTS][-1] == sent - 1)

    assert len(given[TICKER]) <= 2 + QUEUE, f"{len(given[TICKER])} states waited"
    assert given[TICKER] == sorted(set(given[TICKER])), "states out of order"
    assert len(given[EVENTS]) + lags[EVENTS] == sent, f"{len(given[EVENTS])}, {lags} of {sent}"
    assert len(given[EVENTS]) <= 2 + QUEUE, f"{len(given[EVENTS])} events waited"
    assert [type(error) for error in errors] == [SlowConsumer], errors
    assert FAILING in str(errors[0]) and len(given[FAILING]) <= 1 + FEW
    assert len(stage.exchange.ledger.requests_of("public/test")) - asked >= SLEEP_SECONDS // 12
    for registration in registrations[:2]:
        registration.cancel()
    ears.cancel()
    await stage.until(lambda: not {*channels} & {*stage.exchange.connections[stage.newest].channels})


@row(32, "slow consumer: user code sleeps 60 s at 1,000 messages a second", MEMORY)
async def sleepy_readers(stage: Stage) -> None:
    """A reader of trades that sleeps has them all from history, one of a book its newest state."""
    client = ours(stage).client
    async with (
        client.trades(BTC, maxsize=FEW, marks=True) as trades,
        client.order_book(BTC) as book,
    ):
        entered = stage.last(BTC)
        market = stage.exchange.market
        for _ in range(int(SLEEP_SECONDS)):
            for _ in range(FEW // 4):
                price = market[BTC].instrument.price(market[BTC].instrument.ticks(market[BTC].mark_price))
                market.place(BTC, "sell", price=price, amount=10)
                market.take(BTC, "buy", amount=10)
            await asyncio.sleep(1)
        assert len(trades.flow.ready) <= FEW, f"{len(trades.flow.ready)} trades wait"
        flow = Flow(trades, lambda name: name == BTC, channel="slow", entered={BTC: entered})
        reading = asyncio.create_task(flow.read())
        last = stage.last(BTC)
        await stays(stage, 0.0, seen=lambda: flow.reached(BTC) >= last)
        shown = await anext(book)
        assert shown.valid and shown.gaps == 0
        reading.cancel()
        await asyncio.wait([reading])

        made = stage.exchange.ledger.trade_seqs_made(BTC, since=entered + 1, until=flow.reached(BTC))
        assert [seq for seq in flow.seqs[BTC] if seq > entered] == made
        assert trades.recovered > 0 and trades.lost == 0


@row(32, "slow consumer: user code sleeps 60 s at 1,000 messages a second", MEMORY)
async def sleepy_and_not_to_be_passed(stage: Stage) -> None:
    """A consumer that may not lose anything costs the link in the end, once, told as SlowConsumer."""
    client, sleepy = ours(stage).client, Sleepy()
    policy = stage.choose("block", "keep")
    if policy == "block":
        channel, count, padding = EVENTS, 2 * FEW, 0
        registration = client.register(channel, sleepy.event, overflow="block", maxsize=FEW)
    else:
        channel, count, padding = "user.portfolio.btc", 2 * KEPT_BYTES // MIB, MIB
        sleepy.given[EVENTS] = []
        registration = client.register(channel, sleepy.event)
    await stage.until(lambda: channel in stage.exchange.connections[stage.newest].channels)
    raw = b"".join(framed(channel, number, padding) for number in range(count))
    stage.exchange.inject(Say(raw=raw))
    await stage.recovers((BLOCK_SECONDS if policy == "block" else 0.0) + HARD_SECONDS)
    told = [error for error in stage.subject.observed.errors if isinstance(error, SlowConsumer)]
    await asyncio.sleep(SLEEP_SECONDS)
    registration.cancel()
    await stage.until(lambda: channel not in stage.exchange.connections[stage.newest].channels)

    assert stage.subject.observed.drops == 1
    assert len(told) == 1 and channel in str(told[0]), stage.subject.observed.errors
    numbers = sleepy.given[EVENTS]
    assert numbers == list(range(len(numbers))), "passed, or lost, without a word"


@row(33, "server cuts a slow reader: connection_too_slow", BOTH)
async def cut_for_slowness(stage: Stage) -> None:
    """Being too slow is told with the exchange's word for it, and is a drop like any."""
    stage.exchange.inject(Drop.close(1008, SLOW))
    await stage.recovers(HARD_SECONDS)
    _judge_reason(stage)


@row(33, "server cuts a slow reader: connection_too_slow", BOTH, exchange={"output_limit": MIB})
async def cut_while_held_up(stage: Stage) -> None:
    """The same where a line really was too slow, and what the exchange said before it left comes later."""
    stage.links.inject(Pause(Way.DOWN))
    raw = framed(EVENTS, 0, 64 * 1024)
    number = stage.newest
    while not stage.exchange.ledger.drops:
        stage.exchange.inject(Say(raw=raw * 16), number)
        await asyncio.sleep(0.01)
    stage.links.clear_faults()
    await stage.recovers(HARD_SECONDS)
    _judge_reason(stage)


def _judge_reason(stage: Stage) -> None:
    marks = [mark for mark in stage.subject.observed.told if isinstance(mark, Disconnected)]
    assert [(mark.code, mark.reason) for mark in marks] == [(1008, SLOW)], marks
