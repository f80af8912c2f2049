"""A TCP proxy on loopback that cuts, delays and counts, to stand between a client and any server.

Knows: asyncio's TCP transports. Must not know: what is said (that is `Course`), which fault befalls
which link (that is `Links`), or that there is a simulated exchange. Tests start one.
"""

import asyncio
import socket
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from deribit_ws.testing.link import reset
from deribit_ws.testing.proxy_faults import Ending, Way
from deribit_ws.testing.proxy_links import Links, OnFrame
from deribit_ws.testing.proxy_transit import Link, Transit

HOST = "127.0.0.1"
PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
MOST_WAITING = 256 * 1024  # bytes on their way in a direction, beyond which the proxy reads no more
GOODBYE = 1.0  # seconds for an end that was told of the end of stream to close, before it is aborted


class ChaosProxy(Links):
    """Passes on what a client and a server say to each other, until told otherwise.

    Use it as `async with ChaosProxy(exchange.url) as proxy:`, and dial `proxy.url`.

    Args:
        target_url: the server's; ws://, wss://, http:// or https://. TLS is passed on unread.
        seed: of all chance in here.
        on_frame: told of each whole text frame as it passes, unmasked: connection, way, text.

    Attributes:
        url: the target's, with this proxy's address; known once it runs.
        links: all connections so far by number; `link.course.passed[Way.UP]` counts bytes.
    """

    def __init__(self, target_url: str, *, seed: int = 0, on_frame: OnFrame | None = None) -> None:
        super().__init__(seed=seed, on_frame=on_frame)
        parts = urlsplit(target_url)
        self._parts = parts
        self._target = parts.hostname or HOST, parts.port or PORTS[parts.scheme]
        self._server: asyncio.Server | None = None
        self._closing = False
        self._ends: set[_TcpEnd] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._welcome, HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._parts._replace(netloc=f"{HOST}:{port}").geturl()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "entered before it is left"
        self._server.close()
        self._closing = True
        await asyncio.sleep(0)  # what was accepted just now is made, and so ended below
        for dial in self._dials:
            dial.cancel()
        await asyncio.gather(*self._dials, return_exceptions=True)
        ends = tuple(self._ends)
        for end in ends:
            end.abort()
        await asyncio.gather(*(end.closed.wait() for end in ends))
        await self._server.wait_closed()

    def _welcome(self) -> asyncio.Protocol:
        if self._closing or self._refused():
            return _Refusing()
        link = self._begin()
        client, server = _TcpEnd(link, Way.UP, self._ends), _TcpEnd(link, Way.DOWN, self._ends)
        link.join(client, server)
        dial = asyncio.create_task(self._dial(client, server), name=f"chaos-proxy-dial-{link.number}")
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)
        return client

    async def _dial(self, client: "_TcpEnd", server: "_TcpEnd") -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, *self._target)
        except OSError:
            client.reset()


class _Refusing(asyncio.Protocol):
    """Resets the connection as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        reset(transport)


class _TcpEnd(asyncio.Protocol):
    """One of the two TCP connections of a link; it sends in `way` what it reads."""

    def __init__(self, link: Link, way: Way, ends: "set[_TcpEnd]") -> None:
        self.closed = asyncio.Event()
        self._link = link
        self._way = way
        self._ends = ends
        self._transport: asyncio.Transport | None = None
        self._writable = False
        self._goodbye: asyncio.TimerHandle | None = None

    @property
    def _outgoing(self) -> Transit:
        return self._link.transits[self._way]

    @property
    def _incoming(self) -> Transit:
        return self._link.transits[self._way.back]

    # --- of TCP

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP has no other"
        self._transport = transport
        self._ends.add(self)
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        self._link.carry(self._way, data)
        self.drained()

    def eof_received(self) -> bool:
        self._link.leave(self._way, Ending.FIN)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable = False
        self._ends.discard(self)
        if self._goodbye:
            self._goodbye.cancel()
        self._link.leave(self._way, Ending.FIN if exc is None else Ending.RST)
        self.closed.set()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._incoming.hurry()

    # --- of the link

    def is_reading(self) -> bool:
        """Whether what arrives can be written on."""
        return self._writable

    def hear(self, data: bytes) -> None:
        """Write it on."""
        if self._transport:
            self._transport.write(data)

    def hear_end(self, ending: Ending) -> None:
        """End this connection as the link has ended."""
        assert self._transport is not None, "nothing arrives before it is there"
        if ending is Ending.RST:
            self.reset()
        elif not self._transport.is_closing():
            # Closed with data unread it would be a reset: so only our half, until the peer closes its own.
            self._transport.write_eof()
            self._goodbye = asyncio.get_running_loop().call_later(GOODBYE, self._transport.abort)

    def drained(self) -> None:
        """Read on if there is room; a half-open link reads no more, not even that its peer has gone."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._outgoing.half_open or self._outgoing.size > MOST_WAITING:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def reset(self) -> None:
        """Reset it."""
        if self._transport:
            reset(self._transport)

    def abort(self) -> None:
        """Let go of it."""
        if self._transport:
            self._transport.abort()
