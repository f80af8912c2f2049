"""How to keep one side of an order book sorted: candidates against each other, on the same changes.

Each pair of candidates is timed in turns (A B A B …), since a machine's speed drifts by more than they
differ. The changes look like real ones: most are near the top, a few anywhere; after each message the best
level is read, after each tenth the best ten. Run it as `python benchmarks/order_book.py`; it wants
`sortedcontainers`, which the tests' own dependencies bring.
"""

# ruff: noqa: D102  what a candidate's methods do is said once, in Side

import asyncio
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from statistics import median
from typing import Any, Protocol

import msgspec
from sortedcontainers import SortedDict  # type: ignore[import-untyped]  # it has no types

from deribit_ws.orderbook import Levels, OrderBook
from deribit_ws.wire.market import BookChange
from deribit_ws.wire.market import Level as LevelChange

SIZES = (10, 100, 1_000, 5_000)  # levels of a side; 5,000 is a BTC perpetual on a wild day
MESSAGES = 4_000
ROUNDS = 9
TICK = 0.5
NEAR = 8.0  # mean distance from the best, in levels, of changes near the top
FAR_SHARE = 0.05  # of changes that are anywhere

Message = Sequence[LevelChange]


class Side(Protocol):
    """What a candidate can do; it holds bids."""

    def set(self, changes: Message) -> object:
        """Set amounts at prices; 0 removes."""

    def best(self) -> object:
        """Give the highest price and its amount."""

    def top(self) -> object:
        """Give the ten best."""


class Listed:
    """A sorted list of prices beside a dict of amounts; `best_last` decides which end moves little."""

    def __init__(self, *, best_last: bool) -> None:
        self._keys: list[float] = []
        self._amounts: dict[float, float] = {}
        self._sign = 1.0 if best_last else -1.0

    def set(self, changes: Message) -> None:
        keys, amounts, sign = self._keys, self._amounts, self._sign
        for _, price, amount in changes:
            if amount:
                if price not in amounts:
                    insort(keys, sign * price)
                amounts[price] = amount
            elif price in amounts:
                del amounts[price]
                del keys[bisect_left(keys, sign * price)]

    def best(self) -> object:
        if not self._keys:
            return None
        price = self._sign * self._keys[-1 if self._sign > 0 else 0]
        return (price, self._amounts[price])

    def top(self) -> object:
        keys = self._keys[:-11:-1] if self._sign > 0 else self._keys[:10]
        return [(self._sign * key, self._amounts[self._sign * key]) for key in keys]


class Chosen:
    """What the package has: the best last, each level checked, and read as named tuples."""

    def __init__(self) -> None:
        self._levels = Levels(rising=False)
        self.set = self._levels._set

    def best(self) -> object:
        return self._levels.best

    def top(self) -> object:
        return self._levels[:10]


class Kept:
    """sortedcontainers.SortedDict, the kept library."""

    def __init__(self) -> None:
        self._levels: Any = SortedDict()

    def set(self, changes: Message) -> None:
        levels = self._levels
        for _, price, amount in changes:
            if amount:
                levels[price] = amount
            else:
                levels.pop(price, None)

    def best(self) -> object:
        return self._levels.peekitem(-1) if self._levels else None

    def top(self) -> object:
        return [(key, self._levels[key]) for key in self._levels.islice(reverse=True, stop=10)]


class Unsorted:
    """A bare dict, sorted by who reads it: how most connectors do it."""

    def __init__(self) -> None:
        self._levels: dict[float, float] = {}

    def set(self, changes: Message) -> None:
        levels = self._levels
        for _, price, amount in changes:
            if amount:
                levels[price] = amount
            else:
                levels.pop(price, None)

    def best(self) -> object:
        return max(self._levels.items()) if self._levels else None

    def top(self) -> object:
        return sorted(self._levels.items(), reverse=True)[:10]


CANDIDATES: dict[str, Callable[[], Any]] = {
    "best last": partial(Listed, best_last=True),
    "best first": partial(Listed, best_last=False),
    "SortedDict": Kept,
    "bare dict": Unsorted,
    "as built": Chosen,
}


def traffic(size: int, seed: int) -> tuple[Message, list[Message]]:
    """Make a side of so many levels, and messages that leave it about that deep."""
    rng = Random(seed)
    levels = {50_000.0 - TICK * step: 1_000.0 for step in range(size)}
    prices = sorted(levels)
    first: Message = [("new", price, 1_000.0) for price in prices]
    messages: list[Message] = []
    for _ in range(MESSAGES):
        message = [_change(rng, prices, size) for _ in range(rng.choice((1, 1, 2, 3, 6)))]
        messages.append(message)
    return first, messages


def _change(rng: Random, prices: list[float], size: int) -> LevelChange:
    far = rng.random() < FAR_SHARE
    place = rng.randrange(len(prices)) if far else int(rng.expovariate(1 / NEAR))
    price = prices[max(0, len(prices) - 1 - place)]
    kind = rng.random()
    if kind < 0.5 or len(prices) < max(3, size // 2):
        fresh = price + TICK * rng.choice((-1, 0, 1)) / rng.choice((1, 2, 5))
        if fresh not in prices[-50:] and len(prices) < size * 1.2 + 2:
            insort(prices, fresh)
            return ("new", fresh, float(rng.randrange(10, 10_000, 10)))
        return ("change", price, float(rng.randrange(10, 10_000, 10)))
    prices.remove(price)
    return ("delete", price, 0.0)


def play(side: Side, messages: Sequence[Message]) -> float:
    """Give the µs a message takes."""
    began = time.perf_counter()
    for number, message in enumerate(messages):
        side.set(message)
        side.best()
        if number % 10 == 0:
            side.top()
    return (time.perf_counter() - began) / len(messages) * 1e6


def compare(size: int) -> dict[str, float]:
    """Give each candidate's median µs a message, all timed in turns."""
    times: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for turn in range(ROUNDS):
        first, messages = traffic(size, turn)
        for name, candidate in CANDIDATES.items():
            side = candidate()
            side.set(first)
            times[name].append(play(side, messages[: MESSAGES if name != "bare dict" else 400]))
    return {name: median(measured) for name, measured in times.items()}


def chain(size: int) -> Iterator[BookChange]:
    """Make a snapshot and a chain of changes, both sides of which look alike."""
    first, messages = traffic(size, 0)
    yield _message(0, None, first)
    for number, message in enumerate(messages, 1):
        yield _message(number, number - 1, message)


def _message(number: int, previous: int | None, bids: Message) -> BookChange:
    asks = [(verb, 100_100.0 - price, amount) for verb, price, amount in bids]
    return BookChange(
        timestamp=number,
        type="change" if number else "snapshot",
        change_id=number,
        instrument_name="X",
        bids=list(bids),
        asks=asks,
        prev_change_id=previous,
    )


def live(size: int) -> tuple[float, float, float]:
    """Give messages a second: decoded alone, put into a bare dict, and through a live book."""
    frames = [msgspec.json.encode(message) for message in chain(size)]
    decode = msgspec.json.Decoder(BookChange).decode
    return _rate(frames, lambda frame: decode(frame)), _bare(frames), _lived(frames)


def _rate(frames: Sequence[bytes], take: Callable[[bytes], object]) -> float:
    take(frames[0])
    began = time.perf_counter()
    for frame in frames[1:]:
        take(frame)
    return (len(frames) - 1) / (time.perf_counter() - began)


def _bare(frames: Sequence[bytes]) -> float:
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    decode = msgspec.json.Decoder(BookChange).decode

    def take(frame: bytes) -> None:
        change = decode(frame)
        for side, changes in ((bids, change.bids), (asks, change.asks)):
            for _, price, amount in changes:
                if amount:
                    side[price] = amount
                else:
                    side.pop(price, None)

    return _rate(frames, take)


def _lived(frames: Sequence[bytes]) -> float:
    # Imported here: the structures can be compared without the client.
    from deribit_ws.books import Books
    from deribit_ws.handlers import Registry

    async def run() -> float:
        registry = Registry()
        books = Books(registry, None)  # type: ignore[arg-type]  # nothing is asked here

        async def opened(channels: Sequence[str]) -> None:
            """Agree to all."""

        async with books.open("X", "100ms", None, opened) as book:
            rate = _rate(frames, lambda frame: registry.router.notify(b"book.X.100ms", frame))
            assert book.valid
        return rate

    return asyncio.run(run())


def main() -> None:
    """Print both tables."""
    print("µs a message of 1-6 changes, best read after each, ten best after each tenth")
    print(f"{'levels':>8}", *(f"{name:>12}" for name in CANDIDATES))
    for size in SIZES:
        figures = compare(size)
        print(f"{size:>8}", *(f"{figures[name]:>12.2f}" for name in CANDIDATES))
    book = OrderBook("X")
    assert all(book.apply(change) for change in chain(100))
    print("\nmessages a second (both sides change): decoding alone, decoded into dicts, a live book")
    for size in SIZES:
        rates = [median(column) for column in zip(*(live(size) for _ in range(5)), strict=True)]
        print(f"{size:>8}", *(f"{rate:>12,.0f}" for rate in rates))


if __name__ == "__main__":
    main()
