"""A live websocket over aiohttp: frames out, frames in, and one word about its end.

Knows: `ClientWebSocketResponse` and every way it can end. Must not know: dialling, JSON, retries.
"""

import asyncio
import contextlib
import struct
import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import aiohttp
from aiohttp import WSMsgType

from deribit_ws.aiohttp_transport.backlog import Backlog
from deribit_ws.aiohttp_transport.ear import Ear
from deribit_ws.errors import ConnectFailed, ConnectionLost

ABNORMAL = 1006  # what RFC 6455 calls an end without a close frame
NO_CODE = 1005  # what it calls a close frame without a code
_YIELD_FRAMES = 256  # `receive()` never suspends on buffered frames: give the loop a turn after these
_YIELD_SECONDS = 0.005  # or after this long
_TIMED_FRAMES = 4  # between two looks at the clock while texts are at hand: it costs as much as decoding some
_UNREAD_PONGS = 64 * 1024  # bytes; a peer that leaves more unread than this gets no further PONGs


class AiohttpTransport:
    """One live websocket over aiohttp; see `deribit_ws.transport.Transport` for its promises."""

    def __init__(self, websocket: "aiohttp.ClientWebSocketResponse[bool]", close_timeout: float) -> None:
        self.websocket = websocket
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._close_timeout = close_timeout
        # aiohttp offers no public way to the response below; without it a socket can't be aborted.
        self._response = websocket._response
        connection = self._response.connection
        if connection is None or connection.transport is None:
            self._response.close()
            raise ConnectFailed("the connection was lost during the handshake")
        self._socket: asyncio.Transport = connection.transport
        self._tls = self._socket.get_extra_info("sslcontext") is not None
        self._ear = Ear(self._socket, self._loop.time)
        self._reading = False
        self._paused: asyncio.Future[None] | None = None
        self._close_sent = False
        self._pumping = False
        self._released = False
        self._sink: Callable[[bytes], None] = _nowhere
        self._received = 0
        self.latest = b""
        self._ended = self._loop.create_future()

    @property
    def heard_at(self) -> float:
        """When the last bytes arrived, of whole frames or not, on the loop's clock, in seconds."""
        return self._ear.heard_at

    @property
    def behind(self) -> bool:
        """True while received data may still wait to be handed out."""
        return self._pumping and not self._reading

    @property
    def received(self) -> tuple[int, int]:
        """Text frames taken so far, and bytes that arrived."""
        return self._received, self._ear.heard_bytes

    # --- out

    def send_now(self, frame: bytes) -> None:
        """Write `frame` at once; raise `ConnectionLost` when it did not reach the wire."""
        self._refuse_when_closing()
        self._write(frame, WSMsgType.TEXT)

    async def send(self, frame: bytes) -> None:
        """Write `frame` at once, then wait until the write buffer has room."""
        self._refuse_when_closing()
        try:
            await self.websocket.send_frame(frame, WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost(ABNORMAL, str(error), error) from error
        self._refuse_unwritten()

    def _refuse_when_closing(self) -> None:
        if self._close_sent:
            raise ConnectionLost(ABNORMAL, "the websocket is closing")

    def _refuse_unwritten(self) -> None:
        # asyncio reports a write that failed, or was given up, in no other way.
        if self._socket.is_closing():
            raise ConnectionLost(ABNORMAL, "the link ended while it was written to")

    def ping(self) -> None:
        """Write a websocket PING at once; its PONG shows in `heard_at`."""
        self._write(b"", WSMsgType.PING)

    def _write(self, payload: bytes, kind: WSMsgType) -> None:
        # aiohttp writes an uncompressed frame in the first step of `send_frame`; any further step
        # only waits for the write buffer to drain, which nobody here may wait for.
        step = self.websocket.send_frame(payload, kind)
        try:
            waiting = step.send(None)
        except StopIteration:
            self._refuse_unwritten()
            return
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost(ABNORMAL, str(error), error) from error
        waiting._asyncio_future_blocking = False  # as a task does; or nobody could wait for it again
        step.close()

    # --- in

    async def pump(self, sink: Callable[[bytes], None]) -> NoReturn:
        """Hand every received text frame to `sink`, in order; end with `ConnectionLost`."""
        if self._pumping or self._released:
            await asyncio.wait([self._ended])  # `close` came first and reads what is left
            raise ConnectionLost(ABNORMAL, "closed before it was read")
        self._pumping = True
        self._sink = sink
        try:
            await self._pump()
        finally:
            self._pumping = False
            self._sink = _nowhere  # who reads mostly refers to this
            self.release()

    def redirect(self, sink: Callable[[bytes], None]) -> None:
        """Have `pump` hand the frames to another sink from the next on."""
        if self._pumping:
            self._sink = sink

    async def _pump(self) -> NoReturn:
        receive, clock = self.websocket.receive, self._loop.time
        frames, burst_since = 0, clock()
        backlog = Backlog(self.websocket)
        while True:
            taken = self._take(backlog, _YIELD_FRAMES - frames) if len(backlog.frames) > 1 else 0
            if not taken:
                self._reading = True
                message = await receive()
                self._reading = False
                if message.type is not WSMsgType.TEXT:
                    self._control(message)
                elif self._paused is None:
                    self._hand_out(message.data)
                else:  # it came after the pause began
                    await self._paused
                    self._hand_out(message.data)
            frames += taken or 1
            if self._paused is not None:
                await self._paused
            elif frames < _YIELD_FRAMES and clock() - burst_since < _YIELD_SECONDS:
                continue
            elif self._ear.heard_at > burst_since:  # bytes came since: the loop has had its turn
                frames, burst_since = 0, self._ear.heard_at
                continue
            else:
                await asyncio.sleep(0)
            if self._released:
                raise ConnectionLost(ABNORMAL, "closed by this end")
            frames, burst_since = 0, clock()

    def _hand_out(self, data: bytes) -> None:
        if self._close_sent:
            return
        self._received += 1
        if not data.isascii():
            self._check_text(data)
        self.latest = data
        self._sink(data)

    def _take(self, backlog: Backlog, most: int) -> int:
        """Hand out texts that wait, but not the last frame, and none behind another kind; give how many."""
        frames, clock, sink = backlog.frames, self._loop.time, self._sink
        until, count, size, data = clock() + _YIELD_SECONDS, 0, 0, self.latest
        try:
            while count < most and len(frames) > 1 and self._paused is None and not self._close_sent:
                (kind, data, _), length = frames[0]
                if kind is not WSMsgType.TEXT:
                    break
                frames.popleft()
                count += 1
                size += length
                if not data.isascii():
                    self._check_text(data)
                sink(data)
                if not count % _TIMED_FRAMES and clock() > until:
                    break
        finally:
            backlog.taken(count, size)
            self._received += count
            self.latest = data
        return count

    def _check_text(self, data: bytes) -> None:
        # With decode_text=False aiohttp leaves this check to us.
        try:
            data.decode()
        except UnicodeDecodeError as error:
            self._fail(1007, "a text frame that is not UTF-8", error)

    def _control(self, message: Any) -> None:
        """Answer a PING, or turn one of aiohttp's endings into `ConnectionLost`."""
        match message.type:
            case WSMsgType.PING:
                self._pong(message.data)
            case WSMsgType.PONG:
                pass
            case WSMsgType.BINARY:
                self._fail(1003, "a binary frame, where only text is understood")
            case WSMsgType.CLOSE:
                code = message.data or NO_CODE
                self._say_close(_echo_of(code), "")
                raise ConnectionLost(code, message.extra or "")
            case WSMsgType.ERROR:
                code = int(getattr(message.data, "code", ABNORMAL))
                raise ConnectionLost(code, str(message.data) or type(message.data).__name__, message.data)
            case _:
                cause = self._ear.cause
                reason = "ended without a close frame" if cause is None else str(cause)
                raise ConnectionLost(ABNORMAL, reason, cause)

    def _pong(self, payload: bytes) -> None:
        if self._socket.is_closing() or self._socket.get_write_buffer_size() > _UNREAD_PONGS:
            return
        with contextlib.suppress(ConnectionLost):  # `receive` is about to tell it better
            self._write(payload, WSMsgType.PONG)

    def _fail(self, code: int, reason: str, cause: BaseException | None = None) -> NoReturn:
        self._say_close(code, reason)
        raise ConnectionLost(code, reason, cause)

    def pause(self) -> None:
        """Stop handing out frames after the current one; the peer feels it as back-pressure."""
        if self._paused is None and not self._close_sent:
            self._paused = self._loop.create_future()

    def resume(self) -> None:
        """Go on after `pause`."""
        paused, self._paused = self._paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)

    # --- the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order within the close deadline, then abort; nothing of the socket is left."""
        try:
            async with asyncio.timeout(self._close_timeout):
                await self._shake_hands(code, reason)
        except TimeoutError:
            self._socket.abort()
        finally:
            self.release()
        await asyncio.sleep(0)  # asyncio closes the descriptor on its next turn

    async def _shake_hands(self, code: int, reason: str) -> None:
        if self._released:
            return
        self._say_close(code, reason)
        self.resume()
        if self._pumping:
            await asyncio.wait([self._ended])
            return
        with contextlib.suppress(ConnectionLost):
            await self.pump(_nowhere)

    def abandon(self, code: int = 1000, reason: str = "") -> None:
        """Write a close frame and drop the socket at once, without waiting for anything.

        May be called from any thread; warns when the loop is closed and nothing can be written.
        """
        if self._loop.is_closed():
            self._release_without_loop()
        elif threading.get_ident() == self._thread:
            self._say_close(code, reason)
            self.resume()
            self.release()
        else:
            self._loop.call_soon_threadsafe(self.abandon, code, reason)

    def _release_without_loop(self) -> None:
        if self._released:
            return
        self._released = True
        warnings.warn("event loop closed before the websocket", ResourceWarning, stacklevel=4)
        connection = self._response.connection
        self._response.close()
        # What the loop would have called. TLS and uvloop have no such thing, and complain once more.
        with contextlib.suppress(AttributeError, RuntimeError):
            self._socket._call_connection_lost(None)  # type: ignore[attr-defined]  # asyncio's own
            if connection is not None:
                connection.close()

    def _say_close(self, code: int, reason: str) -> None:
        if self._close_sent or self._released:
            return
        self._close_sent = True
        with contextlib.suppress(ConnectionLost):
            self._write(struct.pack("!H", code) + reason.encode(), WSMsgType.CLOSE)

    def release(self) -> None:
        """Give the socket back to the system; what is not written yet is lost."""
        if self._released:
            return
        self._released = True
        # Neither a full buffer nor TLS's own goodbye may keep a dead peer's socket alive. One that is
        # closing already must be aborted first: closed a second time, asyncio's TLS forgets its socket.
        if self._socket.is_closing():
            self._socket.abort()
        self._response.close()
        if self._tls or self._socket.get_write_buffer_size():
            self._socket.abort()
        if not self._ended.done():
            self._ended.set_result(None)


def _nowhere(frame: bytes) -> None:
    """Let go of a frame that nobody reads."""


def _echo_of(code: int) -> int:
    """What to answer a close frame with: its own code, unless that may not be on the wire."""
    if code == NO_CODE:
        return 1000
    legal = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    return code if legal else 1002
