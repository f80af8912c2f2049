"""The way in: the listening socket, the upgrade, and the faults that happen before a session lives.

Knows: TCP connections, handshakes, which of them are refused. Must not know: JSON-RPC or the
market. `exchange` opens and closes it and lends it what to do with an upgrade or a plain request.
"""

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from aiohttp import web

from deribit_ws.testing.faults import (
    AcceptThenClose,
    Drop,
    RefuseConnections,
    RefuseHandshake,
    StallHandshake,
    Standing,
)
from deribit_ws.testing.ledger import Handshake, Ledger, Outcome
from deribit_ws.testing.link import reset
from deribit_ws.testing.session import Session

SOCKET_PATH = "/ws/api/v2"
LARGEST_READ = 1 << 20  # bytes: above the exchange's own limit, so that it can answer what is too large
TOO_MANY = 429  # what one connection more than allowed gets
UNHEARD_PORT = 1  # shown by a door without a listening socket; nothing ever listens there
SHUTDOWN_PATIENCE = 1.0  # seconds for handlers to end once their sockets are closed

Enter = Callable[[asyncio.Transport], Session]
Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]


class _Reception(web.Server):
    """aiohttp's server, which also tells when a TCP connection is gone."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler, access_log=None)
        self._lost: dict[web.RequestHandler, asyncio.Event] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Begin to watch a connection."""
        super().connection_made(handler, transport)
        self._lost[handler] = asyncio.Event()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Tell whoever waits for its end."""
        super().connection_lost(handler, exc)
        self._lost.pop(handler).set()

    def lost(self, request: web.BaseRequest) -> asyncio.Event:
        """Set once the connection of a request is gone."""
        gone = asyncio.Event()
        gone.set()
        return self._lost.get(request.protocol, gone)


class _Resetting(asyncio.Protocol):
    """Resets the connection as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        reset(transport)


class _Stalling(asyncio.Protocol):
    """Never answers; ends when the client does, or the door closes."""

    def __init__(self, stalled: set[asyncio.Transport]) -> None:
        self._stalled = stalled
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._transport = transport
        self._stalled.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport:
            self._stalled.discard(self._transport)


class Door:
    """Listens on one address; `enter` makes a session of an upgrade, `answer` serves plain HTTP.

    `listens` False opens no socket: connections come by `accept` alone. `full` tells whether there is no
    place for another connection.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
        listens: bool = True,
        standing: Standing,
        ledger: Ledger,
        enter: Enter,
        answer: Answer,
        full: Callable[[], bool],
    ) -> None:
        self.host = host
        self.port = port
        self._ssl_context = ssl_context
        self._listens = listens
        self._shut = True
        self._standing = standing
        self._ledger = ledger
        self._enter = enter
        self._answer = answer
        self._full = full
        self._stalled: set[asyncio.Transport] = set()
        self._reception: _Reception | None = None
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._closed_until = 0.0

    async def open(self) -> None:
        """Listen; a port of 0 becomes the one the system gave."""
        self._reception = _Reception(self._receive)
        await self._listen()

    def accept(self) -> asyncio.Protocol:
        """Who serves the next connection, for those that come by another way than the socket.

        Raises:
            ConnectionRefusedError: closed, for now or for good.
        """
        if self._shut:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return self._protocol()

    async def close(self) -> None:
        """Listen no more, and end what is still open."""
        self._shut = True
        if self._reopening:
            self._reopening.cancel()
            with suppress(asyncio.CancelledError):
                await self._reopening
        if self._server:
            self._server.close()
        for transport in tuple(self._stalled):
            transport.abort()
        if self._reception:
            self._reception.pre_shutdown()  # ends what is only kept alive for a next HTTP request
            await self._reception.shutdown(SHUTDOWN_PATIENCE)
        if self._server:
            await self._server.wait_closed()
        self._server = self._reception = self._reopening = None

    def shut_for(self, seconds: float) -> None:
        """Close the listening socket for a while; live connections stay."""
        if not self._shut and self._reopening is None:
            self._shut = True
            if self._server:
                self._server.close()
            self._reopening = asyncio.create_task(self._reopen(seconds), name="simulated-exchange-reopening")

    def refuse_for(self, seconds: float) -> None:
        """Answer upgrades with 503 for a while."""
        self._closed_until = asyncio.get_running_loop().time() + seconds

    def unbar(self) -> None:
        """Refuse nobody any more; a closed listening socket still opens when it was told to."""
        self._closed_until = 0.0

    async def _listen(self) -> None:
        self._shut = False
        if not self._listens:
            self.port = self.port or UNHEARD_PORT
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, self.host, self.port, ssl=self._ssl_context, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()
        self._reopening = None

    def _protocol(self) -> asyncio.Protocol:
        assert self._reception is not None, "connections are accepted only between open and close"
        if self._standing.take(RefuseConnections):
            self._note(Outcome.RESET)
            return _Resetting()
        if self._standing.take(StallHandshake):
            self._note(Outcome.STALLED)
            return _Stalling(self._stalled)
        return self._reception()

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != SOCKET_PATH:
            return await self._answer(request)
        if refused := self._refusal():
            self._note(Outcome.REFUSED, status=refused.status)
            return refused
        return await self._upgrade(request)

    def _refusal(self) -> web.Response | None:
        if asyncio.get_running_loop().time() < self._closed_until:
            return web.Response(status=503)
        if self._full():
            return web.Response(status=TOO_MANY)
        fault = self._standing.take(RefuseHandshake)
        if fault is None:
            return None
        headers = {}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        if fault.location is not None:
            headers["Location"] = fault.location
        return web.Response(status=fault.status, headers=headers)

    async def _upgrade(self, request: web.BaseRequest) -> web.StreamResponse:
        # A client that offers compression may compress; what is sent goes past aiohttp, as it is.
        socket = web.WebSocketResponse(
            autoping=False, autoclose=False, compress=True, max_msg_size=LARGEST_READ
        )
        transport = request.transport
        if transport is None or not socket.can_prepare(request).ok:
            self._note(Outcome.REFUSED, status=400)
            return web.Response(status=400)
        lost = self._lost(request)
        try:
            await socket.prepare(request)
        except ConnectionResetError:  # nobody is left to answer; aiohttp drops what it is given
            return web.Response()
        session = self._enter(transport)
        self._note(Outcome.ACCEPTED, connection=session.number, status=101)
        if fault := self._standing.take(AcceptThenClose):
            session.drop(fault.how if isinstance(fault.how, Drop) else Drop.close(fault.how))
        await session.run(socket, lost)
        return socket

    def _lost(self, request: web.BaseRequest) -> asyncio.Event:
        assert self._reception is not None, "requests come only between open and close"
        return self._reception.lost(request)

    def _note(self, outcome: Outcome, *, connection: int | None = None, status: int | None = None) -> None:
        now = asyncio.get_running_loop().time()
        self._ledger.note(Handshake(now, outcome, connection, status))
