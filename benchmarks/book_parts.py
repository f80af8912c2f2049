"""Where the time of a live book's message goes: its parts, each alone, on the same messages.

Knows the package's inside, as no other benchmark does: aiohttp's reader, the protocol, a kept book. Must not
know processes: it all runs in this one, without a socket. `command` calls it. It says how much faster
`order_book` could be at best, were the book's own rules to cost nothing.
"""

import asyncio
import gc
import importlib
import itertools
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from benchmarks.race import Arena
from benchmarks.report import Section, Table
from benchmarks.traffic import Traffic, prepare
from deribit_ws.books.kept_book import KeptBook
from deribit_ws.handlers import Registry
from deribit_ws.orderbook import OrderBook
from deribit_ws.protocol import DeribitProtocol
from deribit_ws.wire.channels import Pattern, family_of
from deribit_ws.wire.codec import NOTIFICATION_DATA, NOTIFICATION_TAIL

MESSAGES = 20_000  # some tens of ms of each part
CHANNELS = 4  # as many books as `throughput` has
READ = 1 << 15  # bytes handed to aiohttp's reader at once, about what a socket gives
ENDLESS = 1 << 30  # bytes that aiohttp's queue takes before it wants the socket paused
TIMES = 3  # more rounds than others have: they are short
WORDS = """CPU time of one process that is handed prepared frames, without a socket; in turns, microseconds a
message, the least of the rounds and the median. The parts are measured each alone; *the way* is what they
leave of the whole: from the frame to its decoder, and on to the book."""

WHOLE, READING, DECODING, RULES = (
    "a live book, all of it",
    "aiohttp's reader",
    "msgspec, typed",
    "the book's rules",
)
Part = Callable[[], object]


class _Ignored:
    """Takes what is told to a socket or a client, where there is none."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def measure(arena: Arena, rounds: int) -> Section:
    """Take a book's message apart."""
    prepared = prepare(Traffic("book", MESSAGES, CHANNELS), arena.folder)
    times = asyncio.run(_times(prepared.path.read_bytes(), prepared.traffic.names(), rounds * TIMES))
    figures = {name: (min(taken), median(taken)) for name, taken in times.items()}
    for name, parts in (("the way", (READING, DECODING, RULES)), ("all but the book's rules", (RULES,))):
        least, middle = (figures[WHOLE][at] - sum(figures[part][at] for part in parts) for at in range(2))
        figures[name] = least, middle
    rows = [[name, f"{least:.2f}", f"{middle:.2f}"] for name, (least, middle) in figures.items()]
    head = ["", "µs, least", "µs, median"]
    return Section("A live book's message", WORDS, [("Its parts.", Table(head, rows))])


async def _times(sent: bytes, names: list[str], rounds: int) -> dict[str, list[float]]:
    parts = _parts(sent, names)
    for part in parts.values():
        part()  # once for nothing: routes are found, code is specialized
    gc.freeze()
    rng, times = Random(0), {name: list[float]() for name in parts}
    for _ in range(rounds):
        for name in rng.sample(list(parts), len(parts)):
            began = time.process_time()
            parts[name]()
            times[name].append((time.process_time() - began) * 1e6 / MESSAGES)
    gc.unfreeze()
    return times


def _parts(sent: bytes, names: list[str]) -> dict[str, Part]:
    """Give the parts, each to be called for all messages; whatever they need is made beforehand."""
    frames: list[bytes] = []
    _read(sent, frames.append)
    data = [_data(frame) for frame in frames]
    decode = family_of(names[0]).decoder()
    changes = [decode(each) for each in data]

    def ruled() -> None:
        books = {instrument: OrderBook(instrument) for instrument in map(_instrument, names)}
        for change in changes:
            books[change.instrument_name].apply(change)

    return {
        WHOLE: _live(sent, names),
        READING: lambda: _read(sent, _Ignored().take),
        DECODING: lambda: [decode(each) and None for each in data],
        RULES: ruled,
        **_bare(sent, names),
    }


def _live(sent: bytes, names: list[str]) -> Part:
    registry = Registry()
    books = [KeptBook(name, _instrument(name), lambda: None) for name in names]
    for name, book in zip(names, books, strict=True):
        registry.attach(Pattern(name), {}, book)
    sinks: Any = _Ignored()
    router = registry.router
    protocol = DeribitProtocol(router.notify, sinks, itertools.count(), router.routes)
    protocol.go_live()

    def lived() -> None:
        for book in books:
            book.forget()  # else the snapshot would be one that came before
        _read(sent, protocol.receive)
        assert all(book.book.valid for book in books)

    return lived


def _bare(sent: bytes, names: list[str]) -> dict[str, Part]:
    """Give a loop written by hand that keeps no book, where orjson is installed."""
    try:
        loads = importlib.import_module("orjson").loads
    except ImportError:
        return {}
    callbacks = dict.fromkeys(names, _Ignored().take)

    def sink(frame: bytes) -> None:
        params = loads(frame)["params"]
        callbacks[params["channel"]](params["data"])

    return {"orjson to a dict, and no book": lambda: _read(sent, sink)}


def _read(sent: bytes, sink: Callable[[bytes], object]) -> None:
    """Hand frames to a sink as aiohttp reads them, without its coroutine for each."""
    queue: Any = WebSocketDataQueue(_Ignored(), ENDLESS, loop=asyncio.get_running_loop())  # type: ignore[arg-type]
    reader = WebSocketReader(queue, 0, compress=False, decode_text=False)
    waiting = queue._buffer
    for at in range(0, len(sent), READ):
        reader.feed_data(sent[at : at + READ])
        while waiting:
            (_, frame, _), _ = waiting.popleft()
            sink(frame)


def _data(frame: bytes) -> bytes:
    return frame.partition(NOTIFICATION_DATA)[2].removesuffix(NOTIFICATION_TAIL)


def _instrument(channel: str) -> str:
    return channel.split(".")[1]
