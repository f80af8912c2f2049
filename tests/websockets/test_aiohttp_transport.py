"""The transport below both ways in: frames in and out, pausing, closing, and how it ends over TLS too."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme

from deribit_ws import ConnectionLost
from deribit_ws.aiohttp_transport import AiohttpTransport, Dialer, backlog
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold

Script = Callable[[Line], Awaitable[None]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["ws", "wss"])
def tls(request: pytest.FixtureRequest, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the far end needs to speak TLS, which our side trusts; None for the runs without."""
    if request.param == "ws":
        return None
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@asynccontextmanager
async def dialled(far: FarEnd, **options: Any) -> AsyncIterator[AiohttpTransport]:
    """One transport to the far end, on a session that is closed afterwards."""
    settings: dict[str, Any] = {
        "session": None,
        "open_timeout": 2.0,
        "close_timeout": 0.2,
        "max_message": 1 << 24,
    }
    dialer = Dialer(far.url, **(settings | options))
    transport = await dialer.dial()
    try:
        yield transport
    finally:
        await transport.close()


async def pumped(transport: AiohttpTransport) -> tuple[list[bytes], ConnectionLost]:
    """Everything that came, and how it ended."""
    got: list[bytes] = []
    with pytest.raises(ConnectionLost) as lost:
        await transport.pump(got.append)
    return got, lost.value


def text(*messages: bytes) -> bytes:
    return b"".join(frames.encode(frames.TEXT, message) for message in messages)


async def fin(line: Line) -> None:
    line.fin()


async def rst(line: Line) -> None:
    await line.until(lambda line: not line.full)
    await asyncio.sleep(0.05)
    line.rst()


async def close_frame(line: Line) -> None:
    line.answers_close = False
    line.close(4000)


async def close_frame_and_fin(line: Line) -> None:
    line.close(4000)
    line.fin()


async def garbage(line: Line) -> None:
    line.write(b"\xff" * 10)


async def binary(line: Line) -> None:
    line.write(frames.encode(frames.BINARY, b"binary"))


@pytest.mark.parametrize("end", [fin, rst, close_frame, close_frame_and_fin, garbage, binary])
async def test_ends(end: Script, tls: ssl.SSLContext | None) -> None:
    """However a link ends, what came is handed out, `ConnectionLost` follows, and the socket is freed."""

    async def speak_and_end(line: Line) -> None:
        await line.upgrade(text(b"one", b"two"))
        await end(line)

    codes: dict[Script, int] = {close_frame: 4000, close_frame_and_fin: 4000, garbage: 1002, binary: 1003}
    async with FarEnd(speak_and_end, tls=tls) as far, dialled(far) as transport:
        socket = transport.websocket.get_extra_info("socket")
        got, lost = await pumped(transport)
        for _ in range(5):
            await asyncio.sleep(0)

        assert (got, lost.code) == ([b"one", b"two"], codes.get(end, 1006))
        assert socket.fileno() == -1


async def test_pings_after_the_end(tls: ssl.SSLContext | None) -> None:
    """PINGs that are read only after the link is gone are no trouble."""

    async def ping_and_go(line: Line) -> None:
        await line.upgrade(text(b"one"), frames.encode(frames.PING, b"x") * 100, text(b"two"))
        line.fin()

    async with FarEnd(ping_and_go, tls=tls) as far, dialled(far) as transport:
        await asyncio.sleep(0.05)
        got, lost = await pumped(transport)

        assert (got, lost.code) == ([b"one", b"two"], 1006)


async def test_fin_with_a_stuck_send(tls: ssl.SSLContext | None) -> None:
    """A peer that reads no more and then leaves ends the link at once, although our writing is stuck."""

    async def go_deaf_and_leave(line: Line) -> None:
        await line.upgrade()
        line.deafen()
        await asyncio.sleep(0.1)
        line.rst() if tls else line.transport.write_eof()

    async with FarEnd(go_deaf_and_leave, tls=tls) as far, dialled(far) as transport:

        async def send_for_ever() -> None:
            while True:
                await transport.send(b"x" * 1_000_000)

        sending = asyncio.create_task(send_for_ever())
        async with asyncio.timeout(1):
            _, lost = await pumped(transport)
        await asyncio.wait([sending])

        assert lost.code == 1006
        assert isinstance(sending.exception(), ConnectionLost)


async def test_send_now(tls: ssl.SSLContext | None) -> None:
    """`send_now` writes at once, in order with `send`, without waiting for a peer that reads nothing."""

    async def listen_late(line: Line) -> None:
        await line.upgrade()
        line.deafen()

    async with FarEnd(listen_late, tls=tls) as far, dialled(far) as transport:
        await far.last.until(lambda line: line.upgraded)
        for number in range(100):
            transport.send_now(b"%d" % number + b"x" * 100_000)
        far.last.transport.resume_reading()
        await far.last.until(lambda line: len(line.received) == 100)

        assert [int(frame.payload.rstrip(b"x")) for frame in far.last.received] == list(range(100))


async def test_sending_after_the_end() -> None:
    """On a link that is gone, or that this end is closing, every way of sending raises `ConnectionLost`."""
    async with FarEnd(hold) as far, dialled(far) as transport:
        closing = asyncio.create_task(transport.close())
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                transport.send_now(b"late")
            with pytest.raises(ConnectionLost):
                await transport.send(b"late")
            await asyncio.wait([closing])
        await far.last.until_gone()

        assert [frame.opcode for frame in far.last.received] == [frames.CLOSE]


async def test_pause_and_resume() -> None:
    """After `pause` nothing more is handed out, the peer feels it, and `resume` goes on where it stopped."""
    count = 500

    async def flood(line: Line) -> None:
        await line.upgrade(text(*[b"x" * 100_000] * count))

    got: list[bytes] = []

    def sink(frame: bytes) -> None:
        got.append(frame)
        if len(got) == 10:
            transport.pause()

    async with FarEnd(flood) as far, dialled(far) as transport:
        pumping = asyncio.create_task(transport.pump(sink))
        await asyncio.sleep(0.1)
        paused = (len(got), transport.behind, far.last.full)
        transport.resume()
        await far.last.until(lambda line: not line.full)
        while len(got) < count:  # noqa: ASYNC110  # the sink is plain code
            await asyncio.sleep(0.005)
        await transport.close()
        await asyncio.wait([pumping])

        assert paused == (10, True, True)
        assert isinstance(pumping.exception(), ConnectionLost)


async def test_long_bursts_give_way() -> None:
    """However much has arrived, other tasks get a turn every 256 frames."""
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def burst(line: Line) -> None:
        await line.upgrade(text(b"x") * 20_000, frames.encode_close(1000))

    async with FarEnd(burst) as far, dialled(far) as transport:
        counting = asyncio.create_task(count_turns())
        got, _ = await pumped(transport)
        counting.cancel()

        assert len(got) == 20_000
        assert turns >= 20_000 // 256


@pytest.mark.parametrize("known", [True, False], ids=["taken from the queue", "received one by one"])
async def test_bursts_between_other_frames(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts in bursts of any length, with PINGs between them, come whole and in order, and are counted."""
    if not known:
        monkeypatch.setattr(backlog, "_OVERHEAD", None)
    sizes = [*range(300), 70_000, 0, 1, 200_000, *range(50)]

    async def speak(line: Line) -> None:
        await line.upgrade()
        for number, size in enumerate(sizes):
            line.write(text(str(size).encode().ljust(size, b".")))
            if not number % 7:
                line.write(frames.encode(frames.PING, b"?"))
            if not number % 31:
                await asyncio.sleep(0)
        line.write(frames.encode_close(1000))

    async with FarEnd(speak) as far, dialled(far) as transport:
        got, lost = await pumped(transport)

        assert got == [str(size).encode().ljust(size, b".") for size in sizes]
        assert lost.code == 1000
        assert transport.websocket._reader._size == 0


async def test_pause_in_a_burst() -> None:
    """Not one frame is handed out after `pause`, though more are at hand; the rest comes after `resume`."""
    got: list[bytes] = []

    async def burst(line: Line) -> None:
        await line.upgrade(*(text(str(number).encode()) for number in range(1000)), frames.encode_close(1000))

    async with FarEnd(burst) as far, dialled(far) as transport:

        def sink(frame: bytes) -> None:
            got.append(frame)
            if not len(got) % 100:
                transport.pause()

        pumping = asyncio.create_task(transport.pump(sink))
        for hundreds in range(1, 11):
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(got) == 100 * hundreds
            transport.resume()
        with pytest.raises(ConnectionLost):
            await pumping

    assert got == [str(number).encode() for number in range(1000)]


async def test_sink_that_raises() -> None:
    """An exception of the sink's passes through, and the socket is freed."""

    def sink(_: bytes) -> None:
        raise ZeroDivisionError

    async def speak(line: Line) -> None:
        await line.upgrade(text(b"one"))

    async with FarEnd(speak) as far, dialled(far) as transport:
        with pytest.raises(ZeroDivisionError):
            await transport.pump(sink)
        await far.last.until_gone()


async def test_cancelled_pump(tls: ssl.SSLContext | None) -> None:
    """A pump that is cancelled frees the socket."""
    async with FarEnd(hold, tls=tls) as far, dialled(far) as transport:
        pumping = asyncio.create_task(transport.pump(lambda _: None))
        await asyncio.sleep(0.01)
        pumping.cancel()
        await asyncio.wait([pumping])
        await far.last.until_gone()

        assert pumping.cancelled()


async def test_cancelled_close(tls: ssl.SSLContext | None) -> None:
    """A close that is cancelled frees the socket all the same."""

    async def ignore(line: Line) -> None:
        line.answers_close = False
        await line.upgrade()

    async with FarEnd(ignore, tls=tls) as far, dialled(far, close_timeout=5.0) as transport:
        closing = asyncio.create_task(transport.close())
        await far.last.until(lambda line: line.close_code)
        closing.cancel()
        await asyncio.wait([closing])
        await far.last.until_gone()

        assert closing.cancelled()


async def test_abandon(tls: ssl.SSLContext | None) -> None:
    """`abandon` has the close frame out and the socket closed without waiting; the pump ends by itself."""
    async with FarEnd(hold, tls=tls) as far, dialled(far) as transport:
        pumping = asyncio.create_task(transport.pump(lambda _: None))
        await asyncio.sleep(0.01)
        transport.abandon(4001, "bye")
        transport.abandon()
        await asyncio.wait([pumping])
        await far.last.until_gone()

        assert far.last.received == [(frames.CLOSE, (4001).to_bytes(2) + b"bye")]
        assert isinstance(pumping.exception(), ConnectionLost)


async def test_already_closing(tls: ssl.SSLContext | None) -> None:
    """A socket that somebody else began to close, and that TLS's goodbye holds up, is freed by `close`."""

    async def deafen(line: Line) -> None:
        await line.upgrade()
        line.deafen()

    async with FarEnd(deafen, tls=tls) as far, dialled(far) as transport:
        socket = transport.websocket.get_extra_info("socket")
        connection = transport.websocket._response.connection
        assert connection is not None and connection.transport is not None
        connection.transport.close()
        await asyncio.sleep(0.02)
        held_up = socket.fileno() != -1
        await transport.close()
        await asyncio.sleep(0)

        assert held_up is (tls is not None)
        assert socket.fileno() == -1


async def test_heard_at() -> None:
    """`heard_at` moves with any bytes, of whole frames or not, and with nothing else."""
    async with FarEnd(hold) as far, dialled(far) as transport:
        pumping = asyncio.create_task(transport.pump(lambda _: None))
        await asyncio.sleep(0.03)
        silent = transport.heard_at
        transport.send_now(b"what we say is not heard")
        await asyncio.sleep(0.03)
        said = transport.heard_at
        far.last.write(b"\x81")
        await asyncio.sleep(0.03)

        assert silent == said < transport.heard_at
        pumping.cancel()
        await asyncio.wait([pumping])


async def test_users_message_limit_is_ours() -> None:
    """A message of 16 MiB comes through whole, on the user's session as on our own."""

    async def speak(line: Line) -> None:
        await line.upgrade(text(b"x" * (1 << 24)), frames.encode_close(1000))

    async with (
        FarEnd(speak) as far,
        aiohttp.ClientSession() as session,
        dialled(far, session=session) as transport,
    ):
        got, _ = await pumped(transport)

        assert [len(message) for message in got] == [1 << 24]
