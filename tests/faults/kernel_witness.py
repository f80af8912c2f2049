"""A client that wants everything at once, and writes down all it was given, as plain values.

Knows the public face of the client. Must not know the exchange, which may be in another process, or which
fault befalls the link: `kernel_referee` holds the account against the exchange's ledger. Scenes of the kernel
run it in a process of its own (`kernel_client`), those of `outside` in theirs.
"""

import asyncio
import gc
import hashlib
import itertools
import logging
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from deribit_ws import Client, Connected, Credentials, Gap, Handler, LiveBook, Notification, State, Trade
from deribit_ws.errors import CallError

BTC, ETH, LINEAR = "BTC-PERPETUAL", "ETH-PERPETUAL", "ETH_USDC-PERPETUAL"
BOOKS = ((BTC, "100ms"), (LINEAR, "raw"))
TRADES = (BTC, ETH)
OWN = ("user.orders.any.any.raw", "user.trades.any.any.raw")
NOISE = "announcements"  # on which a scene may say what it likes
SCHEDULE = 1.0  # seconds between two calls: two reads, an order that may be in doubt, one that may not
CALL_SECONDS = 90.0  # for a call: a read waits for as long as a server that stops for a minute
VALID_SECONDS = 2.0  # of an order that is placed without doubt
LEFT_SECONDS = 1.0  # in which tasks and descriptors must be gone (G6)
KEY = Credentials("simulated", "secret", grant_type="client_signature")


class Witness(Handler):
    """One client and all it tells. Give `account()` to the referee.

    Args:
        url: of the exchange, or of what stands before it.
        retry_seconds: as of the client.
    """

    def __init__(self, url: str, *, retry_seconds: float = 1.0) -> None:
        self.client = Client(
            url, credentials=KEY, retry_seconds=retry_seconds, call_timeout=CALL_SECONDS, allow_plaintext=True
        )
        self.client.add_handler(self)
        self.client.register(f"trades.{ETH}.100ms", self._raise)
        self.client.register(NOISE, self._ignore)
        self.attempts = Attempts()
        self.marks: list[dict[str, Any]] = []
        self.streamed: list[str] = []
        self.errors: list[str] = []
        self.trades: dict[str, list[int]] = {name: [] for name in TRADES}
        self.gaps: dict[str, list[tuple[int, int]]] = {name: [] for name in TRADES}
        self.looks: dict[str, dict[int, str]] = {name: {} for name, _ in BOOKS}
        self.unsound: list[str] = []
        self.orders: dict[str, tuple[str, float]] = {}
        self.fills: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.steps_seen: list[float] = []
        self._numbers = itertools.count()
        self._books: dict[str, LiveBook] = {}
        self._all: dict[str, Any] = {}
        self._stack = AsyncExitStack()
        self._reading: list[asyncio.Task[None]] = []
        self._calling: set[asyncio.Task[None]] = set()
        self._heard_at = 0.0
        self.longest_silence = 0.0
        self._raised = 0

    # --- told by the client

    def on_connected(self, event: Any) -> None:
        """Write down a mark, and the processor's time at it."""
        name = type(event).__name__
        said = {"code": getattr(event, "code", None), "reason": getattr(event, "reason", "")}
        self.marks.append({"name": name, "at": time.monotonic(), "cpu": _processor_seconds(), **said})
        self._beat(is_first=isinstance(event, Connected))

    on_disconnected = on_connected

    def on_error(self, error: Exception) -> None:
        """Write down an error that belongs to no call."""
        self.errors.append(f"{type(error).__name__}: {error}")

    def _raise(self, trades: Any) -> None:
        self._raised += 1
        raise ArithmeticError("a user's callback raises on each call")

    def _ignore(self, data: Any) -> None:
        """Take whatever a scene says here."""

    # --- its life

    async def open(self) -> None:
        """Open everything, and begin to read and to call."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.unsound.append(f"the loop: {context}"))
        self._stack.enter_context(unheard())
        logging.getLogger("deribit_ws").addHandler(self.attempts)
        self._all = {"tasks": asyncio.all_tasks(), "files": _files()}
        await self._stack.enter_async_context(self.client)
        for name, interval in BOOKS:
            opened: Any = self.client.order_book(name, interval=interval)  # type: ignore[arg-type]  # either
            self._books[name] = await self._stack.enter_async_context(opened)
            self._read(self._watch(self._books[name]))
        for name in TRADES:
            self._read(self._follow(await self._stack.enter_async_context(self._flow(name))))
        stream = self.client.stream(*OWN, marks=True)
        self._read(self._listen(await self._stack.enter_async_context(stream)))
        self._read(self._call())

    def _flow(self, name: str) -> Any:
        return self.client.trades(name, marks=True)

    def _read(self, coroutine: Any) -> None:
        self._reading.append(asyncio.create_task(coroutine))

    async def still(self) -> None:
        """Call no more, and wait for what is under way."""
        self._reading[-1].cancel()
        if self._calling:
            await asyncio.wait(self._calling)

    async def close(self) -> dict[str, Any]:
        """Close everything, look for what is left, and give the account."""
        for task in self._reading:
            task.cancel()
        ended = await asyncio.gather(*self._reading, return_exceptions=True)
        self.unsound += [f"a reader: {end!r}" for end in ended if not isinstance(end, asyncio.CancelledError)]
        await self._stack.aclose()
        logging.getLogger("deribit_ws").removeHandler(self.attempts)
        left = await self._left()
        return {
            **{name: getattr(self, name) for name in TOLD},
            "attempts": self.attempts.at,
            "raised": self._raised,
            "callbacks": sum("ArithmeticError" in error for error in self.errors),
            "left": left,
        }

    async def _left(self) -> list[str]:
        until = time.monotonic() + LEFT_SECONDS
        while True:
            gc.collect()
            tasks = asyncio.all_tasks() - self._all["tasks"]
            left = [repr(task) for task in tasks] + sorted(_files() - self._all["files"])
            if not left or time.monotonic() > until:
                return left
            await asyncio.sleep(0.02)

    # --- what it sees

    def at(self) -> dict[str, Any]:
        """Give how far it has come, to be held against how far the exchange is."""
        last = {name: self.gaps[name][-1][1] if self.gaps[name] else 0 for name in TRADES}
        return {
            "connected": self.client.state is State.CONNECTED,
            "trades": {name: max([last[name], *self.trades[name][-1:]]) for name in TRADES},
            "books": {name: book.change_id for name, book in self._books.items()},
            "fills": len(self.fills),
            "orders": self.orders,
        }

    async def marks_beyond(self, count: int, seconds: float) -> list[dict[str, Any]]:
        """Wait until there are more marks than that, `seconds` at most; give all."""
        until = time.monotonic() + seconds
        while len(self.marks) <= count and time.monotonic() < until:  # noqa: ASYNC110  it may run out
            await asyncio.sleep(0.002)
        return self.marks

    def _beat(self, *, is_first: bool = False) -> None:
        now = time.monotonic()
        if self._heard_at and not is_first:
            self.longest_silence = max(self.longest_silence, now - self._heard_at)
        self._heard_at = now

    async def _watch(self, live: LiveBook) -> None:
        async for book in live:
            self._beat()
            bid, ask = book.best_bid, book.best_ask
            if not book.valid and (bid or ask or [*book.bids, *book.asks]):
                self.unsound.append(f"{book}: not valid, and shown")
            if bid and ask and bid.price >= ask.price:
                self.unsound.append(f"{book}: crossed")
            if book.change_id is not None:
                self.looks[book.instrument][book.change_id] = levels_digest(book.bids, book.asks)

    async def _follow(self, flow: Any) -> None:
        async for item in flow:
            self._beat()
            if isinstance(item, Trade):
                self.trades[item.instrument_name].append(item.trade_seq)
            elif isinstance(item, Gap):
                self.gaps[item.instrument].append((item.first, item.last))

    async def _listen(self, stream: Any) -> None:
        async for item in stream:
            if not isinstance(item, Notification):
                self.streamed.append(type(item).__name__)
                continue
            self._beat()
            self.steps_seen.append(item.received_at / 1e9 - time.monotonic())
            data: Any = item.data
            for one in data if isinstance(data, list) else [data]:
                if item.channel == OWN[0]:
                    self.orders[one.order_id] = (one.order_state, one.filled_amount)
                else:
                    self.fills.append(one.trade_id)

    # --- what it asks

    async def _call(self) -> None:
        while True:
            for method in ("public/get_time", "private/buy", "public/get_order_book", "orders.sell"):
                task = asyncio.create_task(self._one_call(method))
                self._calling.add(task)
                task.add_done_callback(self._calling.discard)
                await asyncio.sleep(SCHEDULE)

    async def _one_call(self, method: str) -> None:
        label = f"w{next(self._numbers)}"
        call: dict[str, Any] = {"method": method, "label": label, "ended": []}
        self.calls.append(call)
        try:
            if method == "orders.sell":
                await self.client.orders.sell(
                    BTC, amount=10, type="market", label=label, valid_for=VALID_SECONDS
                )
            else:
                await self.client.call(method, _params(method, label))
            outcome = "done"
        except CallError as error:
            outcome = type(error).__name__
        call["ended"].append(outcome)


TOLD = (
    "marks", "streamed", "errors", "trades", "gaps", "looks", "unsound", "orders", "fills", "calls",
    "steps_seen", "longest_silence",
)  # fmt: skip


class Attempts(logging.Handler):
    """Writes down when the client says that a dial failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.at: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        if "dialling again" in str(record.msg):
            self.at.append(time.monotonic())


@contextmanager
def unheard() -> Iterator[None]:
    """Have what the client logs printed nowhere: a callback that raises is a traceback each time."""
    logger, nowhere = logging.getLogger("deribit_ws"), logging.NullHandler()
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.removeHandler(nowhere)


def levels_digest(bids: Any, asks: Any) -> str:
    """Give a short name for the levels of a book."""
    levels = [[(price, amount) for price, amount in side] for side in (bids, asks)]
    return hashlib.sha256(repr(levels).encode()).hexdigest()[:16]


def _params(method: str, label: str) -> dict[str, Any]:
    return {
        "public/get_time": {},
        "public/get_order_book": {"instrument_name": BTC, "depth": 5},
        "private/buy": {"instrument_name": BTC, "amount": 10, "type": "market", "label": label},
    }[method]


def _files() -> set[str]:
    """Give the descriptors of this process, each by a name the kernel does not soon give again."""
    names: defaultdict[str, int] = defaultdict(int)
    for entry in Path("/proc/self/fd").iterdir():
        try:
            names[str(entry.readlink())] += 1
        except FileNotFoundError:  # the one that lists the folder
            continue
    return {f"{name} ({count})" for name, count in names.items()}


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
