"""The ends of a TCP connection in memory, as transports.

Knows: what asyncio's transports promise their protocols. Must not know: HTTP, websockets, exchanges,
how a link is cut. `memory` makes two for each link; aiohttp's own client and server protocols live
there and can't tell them from sockets.
"""

import asyncio
import errno
import socket
from typing import Any

from deribit_ws.testing.proxy_faults import Ending, Way
from deribit_ws.testing.proxy_transit import Link, Transit

WINDOW = 256 * 1024  # bytes on their way before the writer's own buffer fills: what a kernel would take
HIGH_WATER = 64 * 1024  # bytes: asyncio's own, as is a quarter of it for the low one
ANY_PORT = 49152  # where the clients' feigned ports begin, as real ones do
HOST = "127.0.0.1"


class _Socket:
    """What is asked of a socket here: that its close be a reset."""

    family = socket.AF_UNSPEC  # no TCP, so that nobody sets options of TCP

    def __init__(self) -> None:
        self.resets = False

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Heed SO_LINGER alone."""
        self.resets |= (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER)


class End(asyncio.Transport):
    """One end of a link, as a transport for the protocol that lives there."""

    def __init__(self, link: Link, way: Way, protocol: asyncio.Protocol) -> None:
        self._socket = _Socket()
        here, there = (HOST, ANY_PORT + link.number), (HOST, 80)
        here, there = (here, there) if way is Way.UP else (there, here)
        super().__init__({"socket": self._socket, "sockname": here, "peername": there})
        self._link = link
        self._way = way
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._closing = False
        self._reading = True
        self._gone = False
        self._write_paused = False
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4

    # --- what asyncio promises protocols

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who lives here."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another live here."""
        assert isinstance(protocol, asyncio.Protocol), "no other kind is made here"
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether data is taken."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Take no data."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take data again."""
        self._reading = True
        self._incoming.hurry()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say from when on the protocol is to stop writing, in bytes."""
        self._high = HIGH_WATER if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """(low, high) in bytes."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Bytes that a kernel would not have taken yet."""
        return max(0, self._outgoing.size - WINDOW)

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Send data, or find out that the link is gone."""
        if self._closing or not data:
            return
        if self._incoming.arrived_reset or not self._link.carry(self._way, bytes(data)):
            self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif self.get_write_buffer_size() > self._high and not self._write_paused:
            self._write_paused = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """Half-closing is nothing anybody here does."""
        return False

    def close(self) -> None:
        """End the link once everything is sent."""
        if not self._closing:
            self._closing = True
            self.drained()

    def abort(self) -> None:
        """End the link at once: with a reset if the socket was told so, or unread data would be lost."""
        if self._gone:
            return
        self._outgoing.lose(WINDOW)
        self._go(None)

    # --- what the link tells

    def hear(self, data: bytes) -> None:
        """Data has arrived."""
        self._protocol.data_received(data)

    def hear_end(self, ending: Ending) -> None:
        """The other end is gone."""
        if ending is Ending.RST:
            self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif not self._protocol.eof_received():
            self.close()

    def drained(self) -> None:
        """Some of what was sent has arrived."""
        size = self.get_write_buffer_size()
        if self._closing and not size:
            self._go(None)
        elif self._write_paused and size <= self._low:
            self._write_paused = False
            self._protocol.resume_writing()

    @property
    def _incoming(self) -> Transit:
        return self._link.transits[self._way.back]

    @property
    def _outgoing(self) -> Transit:
        return self._link.transits[self._way]

    def _lose(self, error: OSError) -> None:
        self._go(error)

    def _go(self, error: OSError | None) -> None:
        self._closing = True
        if self._gone:
            return
        self._gone = True
        rude = self._socket.resets or self._incoming.unread
        self._link.leave(self._way, Ending.RST if rude else Ending.FIN)
        self._loop.call_soon(self._protocol.connection_lost, error)
