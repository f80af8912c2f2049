"""An item of the generator: what is sent and read, how it ends, and what each end is called."""

import asyncio
import contextlib
import gc
import itertools
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from deribit_ws import ConnectionLost, UsageError, WebSocket, websocket_generator
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold
from tests.peers.frames import BINARY, PING, PONG, TEXT

Script = Callable[[Line], Awaitable[None]]


def text(*messages: str) -> bytes:
    return b"".join(frames.encode(TEXT, message.encode()) for message in messages)


def saying(*written: bytes) -> Script:
    """Upgrade and write all this at once."""

    async def script(line: Line) -> None:
        await line.upgrade(*written)

    return script


async def until_lost(websocket: WebSocket) -> tuple[list[str], ConnectionLost]:
    """Read everything there is, and how it ended."""
    got: list[str] = []
    with pytest.raises(ConnectionLost) as lost:
        async for message in websocket:
            got.append(message)
    return got, lost.value


async def lost_on(script: Script, **options: Any) -> tuple[list[str], ConnectionLost, Line]:
    """Dial a far end that plays `script`, and read until the link is lost."""
    async with FarEnd(script) as far, websocket_generator(far.url, **options) as websockets:
        got, lost = await until_lost(await anext(websockets))
        await far.last.until_gone()
        return got, lost, far.last


# --- sending and reading


async def test_send() -> None:
    """A str, UTF-8 bytes and a mapping each leave as one text frame, in order."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        await websocket.send("strïng")
        await websocket.send("bÿtes".encode())
        await websocket.send({"id": 1, "params": {"channels": ["a"]}})
        await far.last.until(lambda line: len(line.received) == 3)

        assert far.last.texts == ["strïng", "bÿtes", '{"id":1,"params":{"channels":["a"]}}']


@pytest.mark.parametrize("message", [b"\xff", "\ud800", 7, None, ["list"], {"not json": object()}, {1j: 2}])
async def test_send_refuses(message: Any) -> None:
    """What can't be a text frame is a `UsageError`, and the link lives on."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        with pytest.raises(UsageError):
            await websocket.send(message)
        await websocket.send("still here")
        await far.last.until(lambda line: line.received)

        assert far.last.texts == ["still here"]


async def test_recv() -> None:
    """`recv` gives the messages as str, in order."""
    async with FarEnd(saying(text("one", "zwöi", ""))) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)

        assert [await websocket.recv() for _ in range(3)] == ["one", "zwöi", ""]


async def test_one_byte_fragments() -> None:
    """A message in fragments of one byte, with a PING among them, arrives as one."""
    whole = frames.split("fragménts".encode())
    cut = whole[:9] + frames.encode(PING, b"now") + whole[9:]
    async with FarEnd(saying(cut)) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)

        assert await websocket.recv() == "fragménts"
        await far.last.until(lambda line: line.received)
        assert far.last.received == [(PONG, b"now")]


async def test_one_reader() -> None:
    """A second task that receives is refused, and the first one still gets its message."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        first = asyncio.create_task(websocket.recv())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="another task"):
            await websocket.recv()
        far.last.text("for the first")

        assert await first == "for the first"


async def test_cancelled_recv_loses_nothing() -> None:
    """A `recv` that is cancelled at any moment leaves every message to the next one."""
    count = 200

    async def count_up(line: Line) -> None:
        await line.upgrade()
        for number in range(count):
            line.text(str(number))
            await asyncio.sleep(0)

    got: list[str] = []
    async with FarEnd(count_up) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        for moment in itertools.cycle(range(4)):
            if len(got) == count:
                break
            receiving = asyncio.create_task(websocket.recv())
            for _ in range(moment):
                await asyncio.sleep(0)
            receiving.cancel()
            await asyncio.wait([receiving])
            if not receiving.cancelled():
                got.append(receiving.result())
            await asyncio.sleep(0)

    assert got == [str(number) for number in range(count)]


@pytest.mark.parametrize(("size", "count", "most"), [(10, 500_000, 1024), (100_000, 300, 84)])
async def test_unread_is_bounded(size: int, count: int, most: int) -> None:
    """At most 1,024 messages or 8 MiB are kept unread; beyond it the peer feels it."""

    async def flood(line: Line) -> None:
        await ignore(line)
        line.write(text("x" * size) * count)

    async with FarEnd(flood) as far, websocket_generator(far.url, close_timeout=0.05) as websockets:
        websocket = await anext(websockets)
        await asyncio.sleep(0.1)

        assert repr(websocket) == f"<WebSocket open, {most} unread>"
        assert far.last.full


# --- the end


async def fin(line: Line) -> None:
    line.fin()


async def rst(line: Line) -> None:
    await line.until(lambda line: not line.full)
    await asyncio.sleep(0.05)  # a RST overtakes what the kernel has not yet delivered
    line.rst()


async def close_frame(line: Line) -> None:
    line.close(1001, "going away")


@pytest.mark.parametrize(
    ("end", "code", "reason"),
    [(fin, 1006, "without a close frame"), (rst, 1006, "reset by peer"), (close_frame, 1001, "going away")],
)
async def test_what_arrived_comes_first(end: Script, code: int, reason: str) -> None:
    """All that arrived before the drop is handed out before the drop is told, with its code and cause."""
    sent = [f"{number} {'x' * 500}" for number in range(100)]

    async def speak_and_end(line: Line) -> None:
        await line.upgrade(text(*sent))
        await end(line)

    got, lost, _ = await lost_on(speak_and_end)

    assert got == sent
    assert (lost.code, reason in lost.reason) == (code, True)
    assert isinstance(lost.cause, ConnectionResetError) is (end is rst)
    assert lost.__cause__ is lost.cause


async def test_more_than_fits_comes_first() -> None:
    """Nothing is lost of what a slow reader has not read, though it is more than is kept unread."""
    sent = [str(number) for number in range(5000)]

    async def speak_and_end(line: Line) -> None:
        await line.upgrade(text(*sent))
        line.close(1000)

    async with FarEnd(speak_and_end) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        await asyncio.sleep(0.05)
        got, lost = await until_lost(websocket)

        assert got == sent
        assert lost.code == 1000


async def test_failed_send_takes_nothing_away() -> None:
    """A `send` that finds the link dead leaves what arrived to be read, though more than is kept unread."""
    sent = [str(number) for number in range(5000)]

    async def speak_and_end(line: Line) -> None:
        await line.upgrade(text(*sent))
        line.fin()

    async with FarEnd(speak_and_end) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        await far.last.until_gone()
        with pytest.raises(ConnectionLost):
            while True:
                await websocket.send("anybody there?")
                await asyncio.sleep(0)
        was_open = websocket.open
        got, _ = await until_lost(websocket)

        assert got == sent
        assert not was_open


@pytest.mark.parametrize("said", [1000, 1001, 1008, 1011, 1012, 1013, 1014, 3000, 4000, 4999])
async def test_close_codes(said: int) -> None:
    """Any legal close code is told as it came, with its reason, and answered with the same code."""
    _, lost, line = await lost_on(saying(frames.encode_close(said, "heartbeat close")))

    assert (lost.code, lost.reason, lost.cause) == (said, "heartbeat close", None)
    assert line.close_code == said


async def test_empty_close_frame() -> None:
    """A close frame without a code is 1005, and answered with 1000."""
    _, lost, line = await lost_on(saying(frames.encode_close(None)))

    assert (lost.code, lost.reason) == (1005, "")
    assert line.close_code == 1000


@pytest.mark.parametrize("said", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
async def test_illegal_close_codes(said: int) -> None:
    """An illegal close code ends the link like any other, and is answered with 1002."""
    _, lost, line = await lost_on(saying(text("before"), frames.encode_close(said)))

    assert lost.code in {said, 1002}
    assert line.close_code == 1002


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frames.encode(BINARY, b"binary"), 1003),
        (frames.encode(TEXT, b"\xff\xfe"), 1007),
        (frames.encode(TEXT, b"rsv", bits=0x40), 1002),
        (frames.encode(0x3, b"opcode"), 1002),
        (frames.encode(PING, b"fragmented", fin=False), 1002),
        (frames.encode(frames.CONTINUATION, b"of nothing"), 1002),
        (b"\x88\x01\x03", 1002),  # half a close code
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
    ids=["binary", "utf8", "rsv", "opcode", "ping", "continuation", "close", "garbage"],
)
async def test_protocol_errors(bad: bytes, code: int) -> None:
    """What breaks the protocol ends the link; the peer is told which rule, and we are told the same."""
    got, lost, line = await lost_on(saying(text("before"), bad, text("after")))

    assert got == ["before"]
    assert lost.code == line.close_code == code
    assert lost.reason


@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_longest_message(pieces: int) -> None:
    """A message of `max_message` bytes arrives, in fragments or not; one byte more ends with 1009."""
    size = -(-1000 // pieces)
    fits, too_long = frames.split(b"x" * 1000, size), frames.split(b"y" * 1001, size)
    got, lost, line = await lost_on(saying(fits, too_long), max_message=1000)

    assert got == ["x" * 1000]
    assert lost.code == line.close_code == 1009


async def test_fin_inside_a_frame() -> None:
    """A message of which only a part came is never handed out."""

    async def cut(line: Line) -> None:
        await line.upgrade(text("whole"), text("half a message")[:-3])
        line.fin()

    got, lost, _ = await lost_on(cut)

    assert got == ["whole"]
    assert lost.code == 1006


async def test_open() -> None:
    """`open` stays true over unread data and an untold drop, and turns false when the drop is raised."""
    async with (
        FarEnd(saying(text("one"), frames.encode_close(1000))) as far,
        websocket_generator(far.url) as websockets,
    ):
        websocket = await anext(websockets)
        await far.last.until_gone()
        untold = websocket.open
        await websocket.recv()
        read = websocket.open
        with pytest.raises(ConnectionLost):
            await websocket.recv()

        assert (untold, read, websocket.open) == (True, True, False)


async def test_lost_for_good() -> None:
    """Once lost, every `recv` and `send` says so again, with the same code."""
    async with (
        FarEnd(saying(frames.encode_close(4000, "heartbeat close"))) as far,
        websocket_generator(far.url) as websockets,
    ):
        websocket = await anext(websockets)
        codes = []
        for use in (websocket.recv, websocket.recv, lambda: websocket.send("x")):
            with pytest.raises(ConnectionLost) as lost:
                await use()
            codes.append(lost.value.code)

        assert codes == [4000, 4000, 4000]
        assert websocket.close_code == 4000


async def test_send_tells_the_close_code() -> None:
    """A `send` that meets a closed link tells the close code that came, not just that writing failed."""

    async def close_and_leave(line: Line) -> None:
        await line.upgrade(frames.encode_close(1012, "restart"))
        line.fin()

    async with FarEnd(close_and_leave) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        with pytest.raises(ConnectionLost) as lost:
            while True:
                await websocket.send("tick")
                await asyncio.sleep(0)

        assert (lost.value.code, lost.value.reason) == (1012, "restart")


async def test_lost_item_needs_no_collector() -> None:
    """A lost item is freed as soon as it is let go, without the garbage collector."""
    async with (
        FarEnd(saying(text("one"), frames.encode_close(1000)), hold) as far,
        websocket_generator(far.url, 0.01) as websockets,
    ):
        websocket = await anext(websockets)
        # Not `until_lost`: what pytest.raises keeps would itself need the collector.
        with contextlib.suppress(ConnectionLost):
            while True:
                await websocket.recv()
        gone = weakref.ref(websocket)
        gc.disable()
        try:
            del websocket
            await anext(websockets)

            assert gone() is None
        finally:
            gc.enable()


# --- closing this end


async def test_close() -> None:
    """`close` says code and reason, waits for the answer, and drops what is unread."""
    async with FarEnd(saying(text("unread"))) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        await websocket.close(4321, "enough")

        assert far.last.received == [(frames.CLOSE, (4321).to_bytes(2) + b"enough")]
        assert (websocket.open, websocket.close_code) == (False, 4321)
        assert [message async for message in websocket] == []
        with pytest.raises(UsageError):
            await websocket.recv()
        with pytest.raises(UsageError):
            await websocket.send("late")
        await websocket.close()


@pytest.mark.parametrize(
    ("code", "reason"), [(0, ""), (1001, ""), (1006, ""), (2999, ""), (5000, ""), (1000, "é" * 62)]
)
async def test_close_refuses(code: int, reason: str) -> None:
    """A code or reason that may not be sent is a `UsageError`, and the link lives on."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        with pytest.raises(UsageError):
            await websocket.close(code, reason)

        assert websocket.open


async def test_close_before_anything_else() -> None:
    """An item may be closed in the very step in which it was given: the close is still an orderly one."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        await (await anext(websockets)).close()
        await far.last.until_gone()

        assert (far.last.close_code, far.last.ended) == (1000, None)


async def test_close_wakes_the_reader() -> None:
    """A task that waits in `recv` is told when another one closes the websocket."""
    async with FarEnd() as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        reading = asyncio.create_task(websocket.recv())
        await asyncio.sleep(0)
        await websocket.close()

        with pytest.raises(ConnectionLost) as lost:
            await reading
        assert lost.value.code == 1000


async def ignore(line: Line) -> None:
    line.answers_close = False
    await line.upgrade()


async def chatter(line: Line) -> None:
    """Ignore the close, and go on talking."""
    await ignore(line)
    while not line.gone:
        line.text("blah")
        await asyncio.sleep(0.005)


async def flood(line: Line) -> None:
    """Ignore the close, and send as fast as it is taken."""
    await ignore(line)
    while not line.gone:
        line.write(text("blah") * 2000)
        await line.until(lambda line: not line.full or line.gone)
        await asyncio.sleep(0)


async def deafen(line: Line) -> None:
    """Read nothing any more."""
    await line.upgrade()
    line.deafen()


@pytest.mark.parametrize("script", [ignore, chatter, flood, deafen])
async def test_close_has_a_deadline(script: Script) -> None:
    """Whatever the peer does instead, `close` ends within the close timeout and frees the socket."""
    async with FarEnd(script) as far, websocket_generator(far.url, close_timeout=0.2) as websockets:
        websocket = await anext(websockets)
        began = time.monotonic()
        await websocket.close()
        took = time.monotonic() - began

        assert 0.15 < took < 0.35
        assert websocket.aiohttp.get_extra_info("socket") is None


async def test_close_with_a_full_buffer() -> None:
    """A peer that reads nothing, so that our writing is stuck, holds up neither `close` nor `send`."""
    async with FarEnd(deafen) as far, websocket_generator(far.url, close_timeout=0.1) as websockets:
        websocket = await anext(websockets)

        async def send_for_ever() -> None:
            while True:
                await websocket.send("x" * 1_000_000)

        sending = asyncio.create_task(send_for_ever())
        await asyncio.sleep(0.05)
        assert not sending.done()
        async with asyncio.timeout(0.3):
            await websocket.close()
            with pytest.raises(ConnectionLost):
                await sending


async def test_peer_never_finishes_its_close() -> None:
    """A peer that says close, but leaves its socket open, is left at once."""

    async def linger(line: Line) -> None:
        line.answers_close = False
        await line.upgrade(frames.encode_close(1000))

    _, lost, line = await lost_on(linger)

    assert lost.code == 1000
    assert line.ended == "FIN"


async def test_unread_pongs_are_bounded() -> None:
    """A peer that sends PINGs without end, and reads nothing, does not fill our memory with PONGs."""

    async def ping_without_end(line: Line) -> None:
        await line.upgrade()
        line.deafen()
        for _ in range(100):
            line.write(frames.encode(PING, b"p" * 125) * 500)
            await asyncio.sleep(0)
        line.text("done")

    async with FarEnd(ping_without_end) as far, websocket_generator(far.url) as websockets:
        websocket = await anext(websockets)
        transport = websocket.aiohttp.get_extra_info("socket") and websocket.aiohttp._response.connection
        await websocket.recv()
        assert transport is not None and transport.transport is not None

        assert transport.transport.get_write_buffer_size() < 100_000


def test_repr() -> None:
    """The state is told without being asked for."""

    async def shown() -> tuple[str, str]:
        async with FarEnd() as far, websocket_generator(far.url) as websockets:
            websocket = await anext(websockets)
            before = repr(websocket)
            await websocket.close()
            return before, repr(websocket)

    assert asyncio.run(shown()) == ("<WebSocket open, 0 unread>", "<WebSocket closed 1000, 0 unread>")
