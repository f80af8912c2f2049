"""A network in memory, on which aiohttp's clients reach a simulated exchange without a socket.

Knows: how aiohttp's `ClientSession` opens a connection, and the exchange's door. Must not know: what
is said on the links, or Deribit. With it a client and an exchange live together in virtual time:
nothing waits for the system. `SimulatedExchange.memory` makes one. The same seeds give the same run once
the chance a client draws from is seeded too: `random.seed(…)` for its back-off.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.client_proto import ResponseHandler

from deribit_ws.testing.memory_link import End
from deribit_ws.testing.proxy_faults import Way
from deribit_ws.testing.proxy_links import Links, OnFrame

EPOCH = 1_795_348_800.0  # seconds: Sunday 22 November 2026, 12:00 UTC; no weekly expiry is near


def loop_clock(start: float = EPOCH) -> Callable[[], float]:
    """A wall clock that follows the event loop's: `start` plus the loop's seconds from now on."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return lambda: start + loop.time() - begun


class MemoryNetwork(Links):
    """The links between clients and one exchange: `Client(exchange.url, session=network.session)`.

    Use it as `async with exchange.memory() as network:`; leaving it closes the session.

    Args:
        accept: gives the protocol that serves the next connection; raises OSError when refused.
        seed: of all chance in here.
        latency: (low, high) seconds that each portion of bytes takes, in either direction; order is kept.
        on_frame: told of each whole text frame as it is written: connection, way, text.

    Attributes:
        session: what to dial with, while the network is open; its connections lead here, whatever their
            host. TLS is left out.
    """

    session: aiohttp.ClientSession

    def __init__(
        self,
        accept: Callable[[], asyncio.Protocol],
        *,
        seed: int = 0,
        latency: tuple[float, float] = (0.0, 0.0),
        on_frame: OnFrame | None = None,
    ) -> None:
        super().__init__(seed=seed, on_frame=on_frame)
        self._accept = accept
        self._latency = dict.fromkeys(Way, latency)

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(connector=_MemoryConnector(self._open))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def _open(self, client: asyncio.Protocol) -> None:
        """Connect a protocol with the exchange; raises OSError when that is refused."""
        await asyncio.sleep(self._delay(Way.UP) + self._delay(Way.DOWN))  # what the TCP handshake takes
        if self._refused():
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        server = self._accept()
        link = self._begin()
        ends = End(link, Way.UP, client), End(link, Way.DOWN, server)
        link.join(*ends)
        client.connection_made(ends[0])
        server.connection_made(ends[1])


class _MemoryConnector(aiohttp.BaseConnector):
    """Opens connections on a network in memory, whatever their host."""

    def __init__(self, open_link: Callable[[asyncio.Protocol], Awaitable[None]]) -> None:
        super().__init__(force_close=True, limit=0)
        self._open_link = open_link

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        handler = ResponseHandler(asyncio.get_running_loop())
        try:
            await self._open_link(handler)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return handler
