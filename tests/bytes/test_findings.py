"""What fuzzing and reading found, as literal inputs: each was red before it was mended."""

import itertools
import sys
import time
import tracemalloc
from typing import Any

import msgspec
import pytest

from deribit_ws.orderbook import OrderBook
from deribit_ws.protocol import DeribitProtocol
from deribit_ws.router import Form
from deribit_ws.testing import Say
from deribit_ws.wire.market import BookChange, Trade
from tests.bytes.conftest import Desk
from tests.client.conftest import Ears, Make
from tests.client.far_end import MemoryExchange, Wire
from tests.core.counting import calls_made
from tests.core.recording import Ear, listen, live

HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'


def said(frame: bytes) -> list[tuple[Any, ...]]:
    protocol, told = live(listen()[0].notify)
    protocol.receive(frame)
    return told.events


# --- errors


@pytest.mark.parametrize("depth", [500, 600, 990])
def test_deep_error(depth: int) -> None:
    """An error whose data is deeper than Python follows ends no link: it is told in some way."""
    (event,) = said(b'{"error":{"code":1,"message":"","data":' + b"[" * depth + b"]" * depth + b"}}")

    assert event in [("garbage", ""), ("stray", "RpcError", 1)]


def test_long_error() -> None:
    """An error with megabytes of data is not gone through: it ends its call as what can't be read."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_time", {})
    frame = b'{"id":1,"error":{"code":1,"message":"","data":[' + b'"a",' * 500_000 + b"1]}}"
    steps = calls_made(lambda: protocol.receive(frame))

    assert told.events == [("failed", 1, "WireError", None)]
    assert protocol.pending == {} and steps < 1000


# --- numbers


@pytest.mark.parametrize(
    "number", [b"9223372036854775808", b"9" * 4300, b'"99999999999999999999"', b"-" + b"9" * 400]
)
def test_numbers_that_nobody_can_count_on_from(number: bytes) -> None:
    """A trade_seq or change_id beyond 64 bits is no such number: the next one could not even be printed."""
    trade = b'{"timestamp":1,"price":1,"amount":1,"direction":"buy","instrument_name":"A","trade_id":"1",'
    trade += b'"trade_seq":%s}'
    change = b'{"timestamp":1,"change_id":%s,"instrument_name":"A","bids":[],"asks":[]}'
    for kind, text in ((Trade, trade), (BookChange, change)):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(text % number, type=kind, strict=False)


# --- weight


def book_of(levels: int, kind: str, change_id: int, before: int | None) -> BookChange:
    """A message of a book, best levels first, as they come."""
    return BookChange(
        timestamp=1,
        type=kind,
        change_id=change_id,
        prev_change_id=before,
        instrument_name="A",
        bids=[("new", 1e6 - n, 1.0) for n in range(levels)],
        asks=[("new", 1e6 + 1 + n, 1.0) for n in range(levels)],
    )


@pytest.mark.parametrize("levels", [501, 100_000])
def test_many_levels(levels: int) -> None:
    """A snapshot of 100,000 levels a side takes a moment, and so does a change of as many: it was 2.5 s."""
    book = OrderBook("A")
    snapshot, change = book_of(levels, "snapshot", 1, None), book_of(levels, "change", 2, 1)
    tracer = sys.gettrace()
    sys.settrace(None)  # coverage takes four times as long as what it looks at
    began = time.process_time()
    book.apply(snapshot)
    book.apply(change)
    took = time.process_time() - began
    sys.settrace(tracer)

    assert (len(book.bids), len(book.asks)) == (levels, levels)
    assert [level.price for level in book.bids[:2]] == [1e6, 1e6 - 1]
    assert [level.price for level in book.asks[:2]] == [1e6 + 1, 1e6 + 2]
    assert took < 1.0


def test_many_levels_are_still_watched() -> None:
    """Among many levels, too, zero removes, the last of two at a price counts, and no number is no price."""
    book = OrderBook("A")
    many = book_of(600, "snapshot", 1, None)
    book.apply(many)
    bids = [*many.bids[1:], ("delete", 1e6, 0.0), ("change", 1e6 - 5, 2.0), ("change", 1e6 - 5, 3.0)]
    book.apply(
        msgspec.structs.replace(many, type="change", change_id=2, prev_change_id=1, bids=bids, asks=[])
    )

    assert book.best_bid == (1e6 - 1, 1.0) and book.bids.amount_at(1e6 - 5) == 3.0
    bids.append(("new", float("nan"), 1.0))
    odd = msgspec.structs.replace(many, type="change", change_id=3, prev_change_id=2, bids=bids, asks=[])
    with pytest.raises(Exception, match="can't be one"):
        book.apply(odd)
    assert not book.valid


HEAVY = {
    "brackets": b"[" * 4_000_000,
    "braces": b'{"a":' * 800_000,
    "digits": b"1" * 4_000_000,
    "a long id": b'{"id":"' + b"9" * 4_000_000 + b'","result":1}',
    "channels": b'"channel":"a' * 300_000,
    "a gap after channel": b'"channel"' + b" " * 4_000_000,
    "escapes": b'"\\u0061' * 500_000,
    "secrets": b'"access_token":"' * 200_000,
    "a long name": HEAD + b"a" * 4_000_000 + b'","data":1}}',
    "a long label": HEAD + b'a.b","data":1,"label":"' + b"\\" * 4_000_000 + b'"}}',
    "deep data": HEAD + b'a.b","data":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}}",
    "a long message": b'{"error":{"code":1,"message":"' + b"\xc2\x85" * 2_000_000 + b'"}}',
}


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_frames(name: str) -> None:
    """Megabytes of nonsense take a fraction of a second and are told in a line."""
    lines: list[str] = []

    class Short:
        def __getattr__(self, kind: str) -> Any:
            return lambda *told: lines.append(str(told[0]))

    protocol = DeribitProtocol(listen(Ear(Form.PLAIN))[0].notify, Short(), itertools.count(1))
    protocol.go_live()
    began = time.process_time()
    protocol.receive(HEAVY[name])

    assert time.process_time() - began < 0.5
    assert all(len(line) < 2500 for line in lines)


# --- floods


def test_made_up_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names made up without end are forgotten again, and a hundred families at most are warned of."""

    class Deaf(Ear):
        def bind(self, *_: Any, **__: Any) -> Any:
            return lambda payload, size: None

    monkeypatch.setattr("deribit_ws.router._CACHED", 1000)
    router, unknown = listen(Deaf())
    protocol, _ = live(router.notify)
    protocol.receive(HEAD + b'warm.up","data":1}}')
    tracemalloc.start()
    try:
        for number in range(4000):
            protocol.receive(HEAD + b'n%d.x","data":1}}' % number)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3e6
    assert len(router.routes) <= 1000 and len(unknown) == 100


def test_names_too_long() -> None:
    """A name that no channel could have is garbage of no channel: it is not kept, and not told in full."""
    router, _ = listen(Ear())
    protocol, told = live(router.notify)
    protocol.receive(HEAD + b"a" * 100_000 + b'","data":1}}')

    assert told.events == [("garbage", "")] and not router.routes


@pytest.mark.looptime
async def test_flood_of_test_requests(memory: MemoryExchange, make: Make, remember: Make, ears: Ears) -> None:
    """A peer that asks for signs of life without end gets a few at a time, and no task for each."""
    async with remember() as client:
        wire: Wire = memory.wire
        memory.mute("public/test")
        for _ in range(1000):
            wire.test_request()
        await client.public.get_time()

        assert 1 <= len(wire.asked("public/test")) <= 16


async def test_storm_of_garbage(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A peer that talks nonsense without end fills no log, and `on_error` hears each."""
    for number in range(300):
        desk.exchange.inject(
            Say(text=f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"made.up{number}"}}}}')
        )
    await desk.hear()

    assert len(desk.ears.errors) == 300
    assert len(caplog.records) <= 10
    assert desk.book.valid and desk.asked == []
