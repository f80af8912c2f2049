"""One live websocket: what arrived and is unread, what is sent, and how it ended.

Knows: a transport and the time. Must not know: dialling, and never the iterator that gave it:
dropping a bare `async for` must be able to close both at once.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from deribit_ws.aiohttp_transport import AiohttpTransport
from deribit_ws.errors import ConnectionLost, UsageError

if TYPE_CHECKING:
    import aiohttp

_INBOX_FRAMES = 1024  # unread frames kept; beyond it the peer feels back-pressure
_INBOX_BYTES = 8 * 1024 * 1024  # and as many bytes; one frame more than this may always wait
_LAST_WORD_SECONDS = 1.0  # a reader that is not behind sees the end of a broken link at once
_LAST_LOOK_SECONDS = 0.01  # enough for the loop to read what already lies in the socket
_LONGEST_REASON = 123  # bytes of UTF-8 that fit into a close frame (RFC 6455 §5.5.1)


class WebSocket:
    """One live connection, as given by `websocket_generator`. Not made by hand.

    `aiohttp` is the `ClientWebSocketResponse` below, for what is not offered here; reading from it
    or closing it is not supported.
    """

    def __init__(
        self, transport: AiohttpTransport, *, ping_interval: float | None, ping_timeout: float
    ) -> None:
        self._transport = transport
        self._ping_interval = math.inf if ping_interval is None else ping_interval
        self._ping_timeout = ping_timeout
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._arrival: asyncio.Future[None] | None = None
        self._lost: ConnectionLost | None = None
        self._closed = False
        self._open = True
        self._first_message_at: float | None = None
        self._ended_at: float | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._watch_silence()
        self._reader = self._loop.create_task(self._read(), name="deribit_ws websocket reader")

    def __repr__(self) -> str:
        state = "open" if self._open else f"closed {self.close_code}"
        return f"<WebSocket {state}, {len(self._inbox)} unread>"

    @property
    def open(self) -> bool:
        """False only after `close()`, or after `ConnectionLost` was raised to the user."""
        return self._open

    @property
    def close_code(self) -> int | None:
        """How the link ended (see `ConnectionLost.code`), None while it lives."""
        return None if self._lost is None else self._lost.code

    @property
    def lost(self) -> ConnectionLost | None:
        """How the link ended, None while it lives."""
        return self._lost

    @property
    def aiohttp(self) -> "aiohttp.ClientWebSocketResponse[bool]":
        """The aiohttp websocket below."""
        return self._transport.websocket

    @property
    def healthy(self) -> float:
        """Seconds from the first message to the end, or to now; 0 when none has come."""
        if self._first_message_at is None:
            return 0.0
        return (self._loop.time() if self._ended_at is None else self._ended_at) - self._first_message_at

    # --- the user's side

    async def send(self, message: str | bytes | Mapping[str, Any]) -> None:
        """Send one text frame: a str, UTF-8 bytes, or a mapping as JSON.

        Raises:
            ConnectionLost: the link is gone.
            UsageError: this end was closed, or the message is none of the three.
        """
        frame = _text_frame(message)
        if self._closed:
            raise UsageError("the websocket is closed")
        if self._lost is None:
            try:
                return await self._transport.send(frame)
            except ConnectionLost as lost:
                if not self._transport.behind:
                    # The reader is about to learn the close code; its word is the better one.
                    await asyncio.wait([self._reader], timeout=_LAST_WORD_SECONDS)
                if self._lost is None:
                    # What arrived is still on its way through the reader, so nothing ends for it here.
                    raise self._raised(lost) from lost.cause
        raise self._raised(self._lost) from self._lost.cause

    async def recv(self) -> str:
        """Give the next message; what arrived before a drop comes first.

        Raises:
            ConnectionLost: the link is gone and everything that arrived has been handed out.
            UsageError: this end was closed, or another task is receiving already.
        """
        while not self._inbox:
            if self._closed:
                raise UsageError("the websocket is closed")
            if self._lost is not None:
                raise self._raised(self._lost) from self._lost.cause
            await self._wait_for_arrival()
            if self._closed:
                raise ConnectionLost(1000, "closed by another task")
        return self._take().decode()

    def __aiter__(self) -> "WebSocket":
        return self

    async def __anext__(self) -> str:
        """Give the next message; stop only after this end was closed, raise on a drop."""
        if self._closed:
            raise StopAsyncIteration
        return await self.recv()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close this end, within the close timeout; what is unread is dropped. May be repeated.

        Args:
            code: 1000, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.
        """
        if code != 1000 and not 3000 <= code <= 4999:
            raise UsageError(f"close code {code}: a client may send 1000 or 3000 to 4999")
        if len(reason.encode()) > _LONGEST_REASON:
            raise UsageError(f"close reason over {_LONGEST_REASON} bytes")
        self._shut(ConnectionLost(code, reason))
        await self._transport.close(code, reason)
        await asyncio.wait([self._reader])

    def abandon(self) -> None:
        """Close without waiting: the close frame is written and the socket dropped at once."""
        # May run in any thread and after the loop's end, so nothing here touches the loop: the reader
        # task sees the transport go and does the rest.
        if self._lost is None:
            self._lost = ConnectionLost(1000, "its websocket_generator was dropped")
            self._ended_at = self._loop.time()
        if self._loop.is_closed():
            # It can never end now; the transport warns of that.
            self._reader._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own
        self._transport.abandon()

    # --- the link's side

    async def _read(self) -> None:
        try:
            await self._transport.pump(self._receive)
        except ConnectionLost as lost:
            self._end(lost)
        finally:
            # Cancelled by a closing loop: nobody may wait for a message that will never come.
            self._end(ConnectionLost(1006, "the reader was cancelled"))

    def _receive(self, frame: bytes) -> None:
        if self._closed:
            return
        if self._first_message_at is None:
            self._first_message_at = self._loop.time()
        self._inbox.append(frame)
        self._inbox_bytes += len(frame)
        if len(self._inbox) >= _INBOX_FRAMES or self._inbox_bytes >= _INBOX_BYTES:
            self._transport.pause()
        self._wake()

    def _take(self) -> bytes:
        frame = self._inbox.popleft()
        self._inbox_bytes -= len(frame)
        # Half empty, so that a slow reader does not make the link stop and go with every frame.
        if len(self._inbox) <= _INBOX_FRAMES // 2 and self._inbox_bytes <= _INBOX_BYTES // 2:
            self._transport.resume()
        return frame

    async def _wait_for_arrival(self) -> None:
        if self._arrival is not None:
            raise UsageError("another task is already receiving from this websocket")
        self._arrival = self._loop.create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _end(self, lost: ConnectionLost) -> None:
        if self._lost is None:
            self._lost = lost.with_traceback(None)  # its frames would keep this object alive
            self._ended_at = self._loop.time()
        if self._silence is not None:
            self._silence.cancel()
        self._wake()

    def _shut(self, lost: ConnectionLost) -> None:
        self._closed = True
        self._open = False
        self._inbox.clear()
        self._inbox_bytes = 0
        self._end(lost)

    def _raised(self, lost: ConnectionLost) -> ConnectionLost:
        self._open = False
        # A new one each time: raising the same exception again would grow its traceback.
        return ConnectionLost(lost.code, lost.reason, lost.cause)

    # --- silence

    def _watch_silence(self) -> None:
        """Look again when the link, if nothing came until then, would be silent for too long."""
        if self._ping_interval == math.inf or self._lost is not None:
            return
        # Unread data counts as life: only a reader that is waiting can tell silence.
        since = self._loop.time() if self._transport.behind else self._transport.heard_at
        self._silence = self._loop.call_at(since + self._ping_interval, self._check_silence)

    def _check_silence(self) -> None:
        heard_at = self._transport.heard_at
        if self._transport.behind or self._loop.time() < heard_at + self._ping_interval:
            self._watch_silence()
            return
        # One that can't be written is judged all the same: most likely the reader is about to tell more.
        with contextlib.suppress(ConnectionLost):
            self._transport.ping()
        self._silence = self._loop.call_later(self._ping_timeout, self._check_pong, heard_at)

    def _check_pong(self, heard_at: float) -> None:
        # A loop that was blocked runs this before it reads what is already here: one more look.
        self._silence = self._loop.call_later(_LAST_LOOK_SECONDS, self._judge_silence, heard_at)

    def _judge_silence(self, heard_at: float) -> None:
        if self._transport.behind or self._transport.heard_at > heard_at:
            self._watch_silence()
            return
        seconds = self._ping_interval + self._ping_timeout
        self._end(ConnectionLost(1006, f"silent for {seconds:g} s, and no answer to a PING"))
        self._transport.abandon()


def _text_frame(message: str | bytes | Mapping[str, Any]) -> bytes:
    try:
        match message:
            case str():
                return message.encode()
            case bytes():
                message.decode()
                return message
            case Mapping():
                return msgspec.json.encode(message)
    except (UnicodeError, TypeError, ValueError) as error:
        raise UsageError(f"cannot be sent as a text frame: {error}") from error
    raise UsageError(f"cannot send {type(message).__name__}: str, UTF-8 bytes or a mapping only")
