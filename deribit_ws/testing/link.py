"""The sending half of one connection's socket, and the ways to end it.

Knows: a transport, whole frames, how much may wait unread, silence, drops. Must not know: JSON-RPC,
channels or why. `session` owns one. Frames written in one turn of the event loop leave in one
write; nothing here ever waits for the client.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import assert_never

from deribit_ws.testing import frames
from deribit_ws.testing.faults import Drop, How, Say, Silence

CLOSE_PATIENCE = 1.0  # seconds for the client to answer our close frame, then TCP ends anyway
FINISH_PATIENCE = 0.2  # seconds for the last bytes (and the TLS goodbye) to leave
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close becomes RST
TOO_SLOW = Drop.close(1008, "connection_too_slow")  # the documentation names the reason, not the code
HALF_FRAME = frames.header(1000) + b'{"jsonrpc":"2.0","method":"subscr'


def reset(transport: asyncio.Transport) -> None:
    """End TCP with a reset, at once."""
    raw: socket.socket = transport.get_extra_info("socket")
    if not transport.is_closing():  # or the socket may be closed already, and take no options
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()


class LinkState(Enum):
    """How far the end has come."""

    OPEN = auto()
    ENDING = auto()  # nothing more is sent; the client may still answer the close frame
    ENDED = auto()


class Link:
    """Writes frames to a transport.

    More than `limit` unread bytes end the link, reported to `on_slow` with the Drop it amounts to.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        limit: int,
        on_slow: Callable[[Drop], None],
    ) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._on_slow = on_slow
        self._outbox: list[bytes] = []
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self.silent = False  # nothing is sent, nor ended by a rule
        self._timers: set[asyncio.TimerHandle] = set()
        self.lingers = False  # the close frame is out, and TCP stays open on purpose
        self.state = LinkState.OPEN

    def write(self, framed: bytes) -> bool:
        """Send a frame; False if silence or the end swallows it."""
        if self.state is not LinkState.OPEN:
            return False
        if self.silent:
            return self._hold(framed)
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(framed)
        return True

    def say(self, say: Say) -> None:
        """Send exactly what is asked, legal or not."""
        if say.text is not None:
            self.write(frames.frame(say.text.encode() if isinstance(say.text, str) else say.text))
        if say.binary is not None:
            self.write(frames.frame(say.binary, frames.BINARY))
        if say.raw is not None:
            self.write(say.raw)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Act after a while, unless the link has ended by then."""

        def act() -> None:
            self._timers.discard(handle)
            action()

        handle = self._loop.call_later(seconds, act)
        self._timers.add(handle)

    def silence(self, silence: Silence) -> None:
        """Stop sending; what is held is sent when the silence ends."""
        self._flush()
        self.silent = True
        self._held = [] if silence.hold else None
        if silence.seconds is not None:
            self.later(silence.seconds, self.speak)

    def speak(self) -> None:
        """End the silence."""
        held, self._held, self._held_bytes, self.silent = self._held, None, 0, False
        for framed in held or ():
            self.write(framed)

    def drop(self, drop: Drop) -> None:
        """End the connection as told; what was written before still leaves first, but for RST."""
        if self.state is not LinkState.OPEN:
            return
        self.state = LinkState.ENDING
        self._flush()
        self.lingers = not drop.finish
        match drop.how:
            case How.RST:
                reset(self._transport)
            case How.FIN:
                self._transport.close()
            case How.FIN_IN_FRAME:
                self._transport.write(HALF_FRAME)
                self._transport.close()
            case How.CLOSE_FRAME:
                self._transport.write(frames.close(drop.code, drop.reason))
            case _:
                assert_never(drop.how)
        if not self.lingers:
            self.later(CLOSE_PATIENCE, self._transport.abort)

    def answer_close(self, code: int | None) -> None:
        """The client closed: echo its code, unless this answers ours, and end TCP."""
        owed = self.state is LinkState.OPEN and not self.silent and not self._transport.is_closing()
        self.state = LinkState.ENDING
        if owed:
            self._flush()
            self._transport.write(frames.close(code))
        self.finish()

    def finish(self) -> None:
        """End TCP; what is written still leaves, if the client takes it soon."""
        self.state = LinkState.ENDING
        self._transport.close()
        self.later(FINISH_PATIENCE, self._transport.abort)

    def end(self) -> None:
        """Let go of everything; the transport is aborted if it is still open."""
        self.state = LinkState.ENDED
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._transport.abort()

    def _hold(self, framed: bytes) -> bool:
        if self._held is None:
            return False
        self._held.append(framed)
        self._held_bytes += len(framed)
        if self._held_bytes > self._limit:
            self._on_slow(TOO_SLOW)
        return True

    def _flush(self) -> None:
        if not self._outbox or self._transport.is_closing():
            self._outbox.clear()
            return
        self._transport.write(b"".join(self._outbox))
        self._outbox.clear()
        if self._transport.get_write_buffer_size() > self._limit and self.state is LinkState.OPEN:
            self._on_slow(TOO_SLOW)
