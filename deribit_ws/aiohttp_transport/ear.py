"""An ear at the socket: when bytes last arrived, and what ended it.

Knows: asyncio's transports and protocols, nothing else. aiohttp reports whole frames only, so a
long message on a slow line would pass for silence.
"""

import asyncio
from collections.abc import Callable


class Ear(asyncio.Protocol):
    """Stands between a transport and its protocol, and passes everything on.

    Args:
        transport: a live one; its protocol is replaced by this, which calls it.
        clock: gives the time in seconds.
    """

    def __init__(self, transport: asyncio.Transport, clock: Callable[[], float]) -> None:
        inner = transport.get_protocol()
        assert isinstance(inner, asyncio.Protocol)
        self._inner = inner
        self._transport = transport
        self._clock = clock
        self.heard_at = clock()
        self.heard_bytes = 0
        self.cause: Exception | None = None
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Note the time, and how much it is."""
        self.heard_at = self._clock()
        self.heard_bytes += len(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """See to it that the end is told at once, even if what we wrote is still waiting."""
        keep_open = self._inner.eof_received()
        # Closing would wait for a peer that reads no more, for as long as the system lets it. What TLS
        # holds back can't be told from here.
        if self._transport.get_extra_info("sslcontext") or self._transport.get_write_buffer_size():
            self._transport.abort()
        return keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep the cause: aiohttp forgets it while it closes."""
        self.cause = exc
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()
