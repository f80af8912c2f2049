"""Millions of messages over real sockets, with drops among them; what must hold all the while, and after.

Knows the client, its ears, and what `figures` says is right. The far end (`sender`, a process of its own)
sends as fast as the client takes it. `__main__` runs it at full size, `test_soak` a little of it.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from deribit_ws import Client
from deribit_ws.books import LiveBook
from tests.soak import figures
from tests.soak.desk import CALL_SECONDS, LATE_SECONDS, Desk
from tests.soak.drops import BACK_SECONDS, QUIET_SECONDS, RETRY_SECONDS, Say
from tests.soak.ears import BookEar, Ear, Faults, LifeLines, MarkEars, TradeEar, listening
from tests.soak.gauges import Course, open_files, percentile, sample
from tests.soak.pipe import FarEnd, far_end

JUDGED_LOOKS = 200  # valid looks at the book from one that is judged to the next
LOOK_SECONDS = 0.02  # between two looks at how late the loop is
LATE = 0.05  # seconds: the loop is never kept longer (scoreboard, row 34)
MOST_LATE = 0.01  # of all looks: a processor that is shared has no warm caches, and one page is 1,000 trades
SAMPLES = 100  # over a run: each is off by half a MiB, as memory is scattered
MILLION = 1_000_000


@dataclass
class Flood:
    """One run."""

    far: FarEnd
    client: Client
    messages: int
    say: Say
    stop: asyncio.Event
    faults: Faults = field(default_factory=Faults)
    # A slope is told for ten million messages, with the drops among them.
    course: Course = field(default_factory=lambda: Course(per=10.0))
    trades: list[TradeEar] = field(default_factory=list)
    books: list[BookEar] = field(default_factory=list)
    tickers: int = 0
    looks: int = 0
    late: int = 0
    latest: float = 0.0
    _is_sampled: bool = False

    def __post_init__(self) -> None:
        self.ears = MarkEars(self.faults)
        self.lines = LifeLines()
        self.desk = Desk(self.client)

    async def run(self) -> dict[str, Any]:
        """Hear all of it, and judge it; give the far end's last words."""
        client: Any = self.client
        self.client.add_handler(self.ears)
        self.client.register(figures.TICKER_CHANNEL, self._count)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.client)
            for name in figures.TRADED:
                trades = await stack.enter_async_context(client.trades(name, hold=None))
                self.trades.append(TradeEar(trades, self.faults))
            book = await stack.enter_async_context(client.order_book(figures.BOOK))
            self.ears.books.append(book)
            self.books.append(BookEar(book, _is_right, self.faults, JUDGED_LOOKS))
            await self._fill()
            ears: list[Ear] = [*self.trades, *self.books]
            async with asyncio.TaskGroup() as group:
                work = [*(ear.read() for ear in ears), self.desk.read(), self._watch_loop()]
                tasks = [group.create_task(one) for one in work]
                try:
                    await self._hear_out()
                    state = await self._settle()
                finally:
                    for task in tasks:
                        task.cancel()
        return state

    async def _fill(self) -> None:
        """Let the queues run full once: how high memory may stand is behind us then, and growth is a leak."""
        flows = [ear.trades.flow for ear in self.trades]
        while any(len(flow.ready) < flow._maxsize or flow._held < flow._maxsize for flow in flows):
            if (await self.far.ask("state"))["is_over"]:
                return
            await asyncio.sleep(0.05)

    def _count(self, _: Any) -> None:
        self.tickers += 1

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, spent = loop.time() + LOOK_SECONDS, time.thread_time()
            await asyncio.sleep(LOOK_SECONDS)
            # By the processor's time, too: late because others were given it is no fault of the loop's.
            late = min(loop.time() - due, time.thread_time() - spent - LOOK_SECONDS)
            if self._is_sampled:  # which collects garbage, and blocks us itself
                self._is_sampled = False
                continue
            self.looks += 1
            self.late += late > LATE
            self.latest = max(self.latest, late)

    async def _hear_out(self) -> None:
        began, next_at = time.monotonic(), 0.0
        while not (state := await self.far.ask("state"))["is_over"]:
            if state["messages"] >= next_at:
                next_at += self.messages / SAMPLES
                await self._sample(time.monotonic() - began)
            if self.stop.is_set():
                await self.far.ask("end")
            await asyncio.sleep(0.05)

    async def _sample(self, seconds: float) -> None:
        """Read the gauges while nothing waits anywhere: thousands of trades in a queue are no leak."""
        self._judge_queues()
        await self.far.ask("hold")
        state = await self._all_heard()
        now = sample(state["messages"] / MILLION)
        self._is_sampled = True
        self.course.samples.append(now)
        rate = state["messages"] / max(seconds, 0.001)
        heard = sum(ear.delivered for ear in self.trades)
        drops = state["cuts"]
        self.say(f"{state['messages']:9d} messages, {drops} drops, {rate:.0f}/s, {heard} trades, {now}")
        await self.far.ask("go")

    def _judge_queues(self) -> None:
        for ear in self.trades:
            flow = ear.trades.flow
            if max(len(flow.ready), flow._held) > 2 * flow._maxsize:  # a page of history comes on top
                self.faults.tell(f"{ear.trades.channel}: {len(flow.ready)} ready, {flow._held} held")

    async def _all_heard(self) -> dict[str, Any]:
        deadline = time.monotonic() + QUIET_SECONDS
        state: dict[str, Any]
        while behind := self._behind(state := await self.far.ask("state")):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        for one in behind:
            self.faults.tell(f"not delivered: {one}")
        return state

    async def _settle(self) -> dict[str, Any]:
        state = await self._all_heard()
        await self.books[0].judge()
        for late in (
            one for ear in self.trades for one in ear.late(dict.fromkeys(figures.TRADED, figures.FIRST - 1))
        ):
            self.faults.tell(late)
        self._judge(state)
        return state

    def _behind(self, state: dict[str, Any]) -> list[str]:
        behind = [
            one
            for ear, name in zip(self.trades, figures.TRADED, strict=True)
            for one in ear.behind({name: state["made"][name]}, {})
        ]
        book = self.books[0].book
        if book.change_id != state["change_id"]:
            behind.append(f"{book}, not {state['change_id']}")
        return behind

    def _judge(self, state: dict[str, Any]) -> None:
        cuts, ears = state["cuts"], self.ears
        told = ears.disconnected + self.lines.never_lived + self.lines.failed_dials
        if told != cuts or ears.connected != ears.disconnected + 1:
            self.faults.tell(f"{cuts} drops, but {told} told; {ears.connected} Connected")
        if state["dials"] != cuts + 1:
            self.faults.tell(f"{state['dials']} dials for {cuts} drops")
        if lost := ears.gaps + sum(ear.trades.lost for ear in self.trades):
            self.faults.tell(f"{lost} trades declared lost")
        if self.desk.longest > CALL_SECONDS + LATE_SECONDS:
            self.faults.tell(f"a call of {CALL_SECONDS:g} s took {self.desk.longest:.1f} s")
        if self.late > 1 + self.looks * MOST_LATE:
            self.faults.tell(
                f"the loop was late {self.late} times of {self.looks}, at most {self.latest:.3f} s"
            )
        if self.lines.others or self.lines.tracebacks:
            self.faults.tell(f"logged as errors: {self.lines.others}")

    def summary(self, state: dict[str, Any]) -> str:
        """Give the figures of the run."""
        back = list(self.ears.recoveries)
        return "\n".join(
            (
                f"messages {state['messages']}, drops {state['cuts']}, dials {state['dials']}; "
                f"back p50 {percentile(back, 0.5):.2f} s, p99 {percentile(back, 0.99):.2f} s",
                f"trades {sum(ear.delivered for ear in self.trades)} delivered, "
                f"{sum(ear.trades.recovered for ear in self.trades)} of them recovered, "
                f"{sum(ear.trades.duplicates for ear in self.trades)} copies dropped, "
                f"{sum(ear.trades.lost for ear in self.trades)} lost; tickers {self.tickers}; "
                f"book {self.books[0].valid} valid looks, {self.books[0].sampled} judged",
                f"the loop late {self.late} times of {self.looks}, {self.latest * 1000:.0f} ms at most; "
                f"calls {dict(self.desk.ends)}, the longest {self.desk.longest:.2f} s",
                f"{self.course}",
            )
        )


async def _is_right(book: LiveBook) -> bool:
    return figures.is_book(book.change_id, book.bids, book.asks)


async def flood(
    messages: int, cuts: int, *, seed: int = 0, say: Say = print, stop: asyncio.Event | None = None
) -> Faults:
    """Hear so many messages, with so many drops among them; give what did not hold.

    Args:
        messages: that are written to a socket; what a drop loses of them comes from history.
        cuts: about so many.
        seed: of all chance but the system's.
        say: told of progress, in lines.
        stop: ends it early, to be judged by what was seen so far.
    """
    given = ("--messages", str(messages), "--cuts", str(cuts), "--seed", str(seed))
    async with far_end("tests.soak.sender", *given) as far:
        tasks, fds = len(asyncio.all_tasks()), open_files()
        client = Client(far.hello["url"], retry_seconds=RETRY_SECONDS, call_timeout=BACK_SECONDS)
        run = Flood(far, client, messages, say, stop or asyncio.Event())
        with listening(run.lines):
            state = await run.run()
        await asyncio.sleep(0.1)  # the system closes what was closed last
        if (left := len(asyncio.all_tasks()) - tasks) > 0 or open_files() > fds:
            run.faults.tell(f"left: {left} tasks, {open_files() - fds} descriptors")
    say(run.summary(state))
    if messages >= MILLION:
        for fault in run.course.faults():
            run.faults.tell(fault)
    return run.faults
