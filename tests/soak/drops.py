"""A thousand drops in a row over real sockets, with everything open; what must hold all the while, and after.

Knows the client, its ears, and how the far end (`venue`, a process of its own) is spoken to. `__main__` runs
it at full size, `test_soak` a little of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from deribit_ws import Client, Credentials, State
from deribit_ws.books import LiveBook
from tests.soak.desk import CALL_SECONDS, LATE_SECONDS, Desk
from tests.soak.ears import BookEar, Ear, Faults, FillEar, LifeLines, MarkEars, TradeEar, digest, listening
from tests.soak.gauges import Course, open_files, percentile, sample
from tests.soak.pipe import FarEnd, far_end

RETRY_SECONDS = 0.05  # of the client: many drops in little time
BOOKS = (("BTC-PERPETUAL", "100ms"), ("ETH_USDC-PERPETUAL", "raw"))
TRADES: tuple[dict[str, Any], ...] = (
    {"instrument": "BTC-PERPETUAL"},
    {"instrument": "ETH-PERPETUAL"},
    {"kind": "any", "currency": "BTC"},
)
OWN = ("user.trades.any.any.100ms", "user.changes.any.any.raw")
JUDGED_LOOKS = 20  # valid looks from one that the exchange judges to the next
BACK_SECONDS = 120.0  # for a link to come back: it may have to wait for credits, not for ever
QUIET_SECONDS = 120.0  # in which all must have been delivered after the last trade
ORDER_EVERY = 25  # drops from one round of orders to the next; each is rightly remembered for half an hour
MOST_DIALS_A_SECOND = 43  # the back-off waits 0.025 s at the least, and three come at once: invariant G8
Say = Callable[[str], None]


@dataclass
class Run:
    """One run: its ears, its gauges, and how it went."""

    far: FarEnd
    client: Client
    drops: int
    rng: Random
    say: Say
    faults: Faults = field(default_factory=Faults)
    course: Course = field(default_factory=Course)
    trades: list[TradeEar] = field(default_factory=list)
    books: list[BookEar] = field(default_factory=list)
    fills: list[FillEar] = field(default_factory=list)
    streams: list[Any] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)  # seconds from Connected to all made good; a sample
    opened: dict[str, int] = field(default_factory=dict)  # trade_seqs when all was open
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.ears = MarkEars(self.faults)
        self.lines = LifeLines()
        self.desk = Desk(self.client)

    # --- open

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open everything, and hear it in tasks of its own."""
        client: Any = self.client
        self.client.add_handler(self.ears)
        self.client.register("deribit_price_index.btc_usd", lambda price: None)
        self.client.register("ticker.ETH-PERPETUAL.100ms", _look_at)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.client)
            async with asyncio.TaskGroup() as group:
                reading = [group.create_task(self.desk.read())]
                for name, interval in BOOKS:
                    book = await stack.enter_async_context(client.order_book(name, interval=interval))
                    self.ears.books.append(book)
                    self.books.append(BookEar(book, self._is_right, self.faults, JUDGED_LOOKS))
                for where in TRADES:
                    trades = await stack.enter_async_context(client.trades(**where, hold=None))
                    self.trades.append(TradeEar(trades, self.faults))
                for channel in OWN:
                    self.streams.append(await stack.enter_async_context(client.stream(channel)))
                    self.fills.append(FillEar(self.streams[-1]))
                await self.client.orders.wait_valid(timeout=BACK_SECONDS)
                ears: list[Ear] = [*self.books, *self.trades, *self.fills]
                reading += [group.create_task(ear.read()) for ear in ears]
                self.opened = (await self.far.ask("account"))["made"]
                try:
                    yield
                finally:
                    for task in reading:
                        task.cancel()

    async def _is_right(self, book: LiveBook) -> bool:
        asked = {"instrument": book.instrument, "change_id": book.change_id, "digest": digest(book)}
        return await self.far.ask("book", **asked) is not False

    # --- drop

    async def drop_all(self) -> int:
        """Drop the link until it was dropped often enough, or somebody stops it; give how often."""
        cuts = ordered = 0
        ordering: asyncio.Task[None] | None = None
        every = max(1, min(50, self.drops // 10))
        try:
            while cuts < self.drops and not self.stop.is_set():
                await self._pause()
                if cuts >= ordered + ORDER_EVERY and (ordering is None or ordering.done()):
                    ordered, ordering = cuts, asyncio.create_task(self.desk.order())
                    if self.rng.random() < 0.5:  # else the link is cut under it
                        await ordering
                cuts = await self._drop()
                if not self.course.samples or cuts >= self.course.samples[-1].at + every:
                    await self._sample(cuts)
        finally:
            if ordering is not None:
                await ordering
        return cuts

    async def _drop(self) -> int:
        """Drop the link, if there is one just now, and wait for the next; give how many were dropped."""
        state = await self.far.ask("cut", during_restore=self.rng.random() < 0.5)
        try:
            async with asyncio.timeout(BACK_SECONDS):
                while self._told() < state["cuts"]:  # noqa: ASYNC110  a line in the log is no event
                    await asyncio.sleep(0.002)
                await self.client.wait_connected()
        except TimeoutError:
            raise AssertionError(f"{self._told()} of {state['cuts']} drops told, {self.client}") from None
        return int(state["cuts"])

    def _told(self) -> int:
        return self.ears.disconnected + self.lines.never_lived + self.lines.failed_dials

    async def _pause(self) -> None:
        """Let the next drop come at any moment: at once, soon, or when all is made good."""
        chance = self.rng.random()
        if chance > 0.7:
            await self._wholly_back()
        elif chance > 0.3:
            await asyncio.sleep(self.rng.uniform(0.0, 0.3))

    async def _wholly_back(self) -> None:
        async with asyncio.timeout(BACK_SECONDS):
            while not self._is_whole():  # noqa: ASYNC110  several rooms, and no event of all
                await asyncio.sleep(0.01)
        if self.ears.disconnected:
            self.wholes.append(asyncio.get_running_loop().time() - self.ears.connected_at)

    def _is_whole(self) -> bool:
        return (
            self.client.state is State.CONNECTED
            and self.client.orders.valid
            and all(ear.book.valid for ear in self.books)
            and not any(ear.trades.flow.is_troubled for ear in self.trades)
        )

    async def _sample(self, cuts: int) -> None:
        await self._wholly_back()
        now = sample(cuts)
        self.course.samples.append(now)
        self._judge_queues()
        heard = sum(ear.delivered for ear in self.trades)
        self.say(f"{cuts:5d} drops, {heard:7d} trades, {now}")

    def _judge_queues(self) -> None:
        for ear in self.trades:
            flow = ear.trades.flow
            if max(len(flow.ready), flow._held) > 2 * flow._maxsize:  # a page, and marks, may come on top
                self.faults.tell(f"{ear.trades.channel}: {len(flow.ready)} ready, {flow._held} held")
        waiting = self.client.limits.waiting
        if waiting > 1_000:
            self.faults.tell(f"{waiting} requests wait for their turn")

    # --- judge

    async def settle(self) -> dict[str, Any]:
        """Let nothing more go wrong, and what is missing arrive; give the far end's last words."""
        await self.far.ask("still")
        deadline = time.monotonic() + QUIET_SECONDS
        while behind := self._behind(account := await self.far.ask("account")):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        for one in behind:
            self.faults.tell(f"at the end: {one}")
        for late in (one for ear in self.trades for one in ear.late(self.opened)):
            self.faults.tell(late)
        for book in self.books:
            await book.judge()
        state: dict[str, Any] = await self.far.ask("state")
        self._judge_links(state)
        if account["sent_twice"]:
            self.faults.tell(f"sent twice: {account['sent_twice']}")
        return state

    def _behind(self, account: dict[str, Any]) -> list[str]:
        made, orders = account["made"], self.client.orders
        all_btc = {name: seq for name, seq in made.items() if account["settlement"][name] == "BTC"}
        wanted = [{name: made[name] for name in (where["instrument"],)} for where in TRADES[:2]]
        behind = [
            one
            for ear, mine in zip(self.trades, [*wanted, all_btc], strict=True)
            for one in ear.behind(mine, self.opened)
        ]
        behind += [
            f"{one.book}: not as it is by now"
            for one in self.books
            if digest(one.book) != account["books"][one.book.instrument]
        ]
        behind += [f"{one.stream}: {one.digest}" for one in self.fills if one.digest != account["fills"]]
        shown = {name: round(one.size, 6) for name, one in orders.positions.items() if one.size}
        if not orders.valid or sorted(orders.open) != account["open"] or shown != account["sizes"]:
            behind.append(
                f"the view: {sorted(orders.open)} {shown}, not {account['open']} {account['sizes']}"
            )
        return behind

    def _judge_links(self, state: dict[str, Any]) -> None:
        """One pair of marks for each drop of a live link; one dial for each drop of any."""
        ears, lines, cuts = self.ears, self.lines, state["cuts"]
        if self._told() != cuts:
            self.faults.tell(f"{cuts} drops, but {self._told()} told")
        if ears.connected != ears.disconnected + 1:
            self.faults.tell(f"{ears.connected} Connected, {ears.disconnected} Disconnected")
        if state["dials"] != cuts + 1:
            self.faults.tell(f"{state['dials']} dials for {cuts} drops")
        if state["most_dials_in_a_second"] > MOST_DIALS_A_SECOND:
            self.faults.tell(f"{state['most_dials_in_a_second']} dials within a second")
        if lost := ears.gaps + sum(ear.trades.lost for ear in self.trades):
            self.faults.tell(f"{lost} trades declared lost")
        if self.desk.longest > CALL_SECONDS + LATE_SECONDS:
            self.faults.tell(f"a call of {CALL_SECONDS:g} s took {self.desk.longest:.1f} s")
        if lines.others or lines.tracebacks:
            self.faults.tell(f"logged as errors: {lines.others}")

    def summary(self, state: dict[str, Any]) -> str:
        """Give the figures of the run."""
        ears, lines = self.ears, self.lines
        back, wholes = list(ears.recoveries), self.wholes
        recovered = sum(ear.trades.recovered for ear in self.trades)
        return "\n".join(
            (
                f"drops {state['cuts']}: {ears.disconnected} live links, "
                f"{lines.never_lived} that never lived, {lines.failed_dials} dials refused; "
                f"{state['dials']} dials, {state['most_dials_in_a_second']} in a second at most",
                f"back (Disconnected to Connected) p50 {percentile(back, 0.5):.2f} s, "
                f"p99 {percentile(back, 0.99):.2f} s, worst {max(back, default=0):.2f} s; "
                f"then whole p50 {percentile(wholes, 0.5):.2f} s, p99 {percentile(wholes, 0.99):.2f} s",
                f"trades {sum(ear.delivered for ear in self.trades)} delivered, "
                f"{recovered} of them recovered, {sum(ear.trades.lost for ear in self.trades)} lost; "
                f"books {sum(ear.valid for ear in self.books)} valid looks, "
                f"{sum(ear.sampled for ear in self.books)} judged; fills {[one.count for one in self.fills]}",
                f"calls {dict(self.desk.ends)}, the longest read {self.desk.longest:.1f} s; "
                f"errors told {ears.errors} {ears.last_errors}; refused by the exchange {state['refusals']}",
                f"kinds {state['kinds']}",
                f"{self.course}",
            )
        )


async def _look_at(ticker: Any) -> None:
    await asyncio.sleep(0)


async def soak(
    drops: int, *, seed: int = 0, free: bool = False, say: Say = print, stop: asyncio.Event | None = None
) -> Faults:
    """Drop a link so often; give what did not hold.

    Args:
        drops: of links and dials together.
        seed: of all chance but the system's.
        free: let the exchange charge no credits; the client still goes by what it knows of them.
        say: told of progress, in lines.
        stop: ends it early, to be judged by what was seen so far.
    """
    async with far_end("tests.soak.venue", "--seed", str(seed), *(["--free"] if free else [])) as far:
        tasks, fds = len(asyncio.all_tasks()), open_files()
        client = Client(
            far.hello["url"],
            credentials=Credentials("simulated", "secret"),
            retry_seconds=RETRY_SECONDS,
            call_timeout=BACK_SECONDS,
        )
        run = Run(far, client, drops, Random(seed), say)
        run.stop = stop or run.stop
        with listening(run.lines):
            async with run.open():
                cuts = await run.drop_all()
                state = await run.settle()
        await asyncio.sleep(0.1)  # the system closes what was closed last
        if (left := len(asyncio.all_tasks()) - tasks) > 0 or open_files() > fds:
            run.faults.tell(f"left: {left} tasks, {open_files() - fds} descriptors")
    say(run.summary(state))
    if cuts >= 1000:
        for fault in run.course.faults():
            run.faults.tell(fault)
    return run.faults
