"""The generator: an endless supply of live websockets, so that a drop is just the next turn of a loop.

Knows: websockets, and of Deribit only its default URL. Must not know: JSON-RPC, channels, logins.
An item never refers back to the iterator that gave it, nor does its reader task: dropping a bare
`async for` must be able to close both at once.
"""

import asyncio
import logging
import random
import weakref
from typing import TYPE_CHECKING, Any

from deribit_ws.aiohttp_transport import MAX_MESSAGE, AiohttpTransport, Dialer
from deribit_ws.backoff import Backoff
from deribit_ws.endpoints import PRODUCTION
from deribit_ws.errors import ConnectFailed, UsageError, require_positive
from deribit_ws.journal import note
from deribit_ws.reconnect import Reconnect
from deribit_ws.websockets.websocket import WebSocket

if TYPE_CHECKING:
    import aiohttp

__all__ = ["WebSocket", "WebSocketGenerator", "websocket_generator"]

logger = logging.getLogger("deribit_ws.websockets")


class WebSocketGenerator:
    """An endless async iterator of live websockets; made by `websocket_generator`."""

    def __init__(self, reconnect: Reconnect[AiohttpTransport], ping: tuple[float | None, float]) -> None:
        self._reconnect = reconnect
        self._ping_interval, self._ping_timeout = ping
        self._current: WebSocket | None = None
        self._consumer: weakref.ref[asyncio.Task[Any]] | None = None
        self._turn: asyncio.Task[Any] | None = None
        self._idle = asyncio.Event()
        self._closed = False
        self._interrupted = False

    def __aiter__(self) -> "WebSocketGenerator":
        return self

    async def __anext__(self) -> WebSocket:
        """Close the previous item, wait as the back-off says, and give a new live one.

        Raises:
            ConnectFailed: dialling again makes no sense (see `Retry`).
            UsageError: another task is consuming this iterator.
            StopAsyncIteration: it was closed.
        """
        if self._closed:
            raise StopAsyncIteration
        self._refuse_second_consumer()
        self._turn = task = asyncio.current_task()
        self._idle.clear()
        try:
            await self._retire()
            transport = await anext(self._reconnect)
        except asyncio.CancelledError:
            # `aclose` in another task interrupts by cancelling: that one is not the user's.
            if self._interrupted and task is not None and task.uncancel() == 0:
                raise StopAsyncIteration from None
            raise
        finally:
            self._turn = None
            self._idle.set()
        self._current = WebSocket(
            transport, ping_interval=self._ping_interval, ping_timeout=self._ping_timeout
        )
        self._consumer = None if task is None else weakref.ref(task)
        return self._current

    def _refuse_second_consumer(self) -> None:
        consumer = self._consumer() if self._consumer is not None else None
        held = self._current is not None and self._current.open
        taken = held and consumer is not None and not consumer.done()
        if self._turn is not None or (taken and not _acts_for(consumer, asyncio.current_task())):
            raise UsageError("another task is already consuming this websocket_generator")

    async def _retire(self) -> None:
        if self._current is None:
            return
        # Forgotten and counted only when closed, so that after a cancelled turn the next one does it.
        await self._current.close()
        self._reconnect.lost(self._current.healthy, how=self._current.lost)
        self._current = None

    async def aclose(self) -> None:
        """Close the current item and end the iteration. May be repeated."""
        self._closed = True
        if self._turn is not None and self._turn is not asyncio.current_task():
            if not self._interrupted:
                self._interrupted = self._turn.cancel()
            await self._idle.wait()
        current, self._current = self._current, None
        if current is not None:
            await current.close()

    async def __aenter__(self) -> "WebSocketGenerator":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        current = getattr(self, "_current", None)  # `__init__` may have failed
        if current is not None:
            current.abandon()


def _acts_for(consumer: asyncio.Task[Any] | None, task: asyncio.Task[Any] | None) -> bool:
    """Tell whether `task` is the consumer, or the one that its `wait_for` made before Python 3.12."""
    if consumer is None or consumer is task:
        return True
    awaited: Any = consumer.get_coro()
    while frame := getattr(awaited, "cr_frame", None):
        if frame.f_code is asyncio.wait_for.__code__:
            return frame.f_locals.get("fut") is task
        awaited = awaited.cr_await
    return False


def websocket_generator(
    url: str = PRODUCTION,
    retry_seconds: float = 30.0,
    *,
    session: "aiohttp.ClientSession | None" = None,
    open_timeout: float = 10.0,
    close_timeout: float = 1.0,
    ping_interval: float | None = 15.0,
    ping_timeout: float = 5.0,
    max_message: int = MAX_MESSAGE,
    compress: bool = False,
) -> WebSocketGenerator:
    """Give live websockets for ever: `async for websocket in websocket_generator(url): …`.

    Each turn of the loop closes the previous websocket, waits as the back-off says, and dials.

    Args:
        url: ws:// or wss://; Deribit's production by default.
        retry_seconds: the longest wait between two dials.
        session: used as it is and never closed; None makes one for each dial.
        open_timeout: seconds for one dial, DNS to upgrade.
        close_timeout: seconds for closing in order, before the socket is aborted.
        ping_interval: seconds of silence before a PING; None never sends one.
        ping_timeout: seconds to wait for any answer to it.
        max_message: bytes; a longer message ends the link with 1009, and the third link in a row the
            iteration, with `ConnectFailed`.
        compress: offer permessage-deflate; to unpack a message takes twice its size for a moment, so that
            `max_message` is 7 MiB here where it is left at its default.

    Raises:
        UsageError: a time or size is not a positive number.
    """
    require_positive(
        retry_seconds=retry_seconds,
        open_timeout=open_timeout,
        close_timeout=close_timeout,
        ping_timeout=ping_timeout,
        max_message=max_message,
    )
    if ping_interval is not None:
        require_positive(ping_interval=ping_interval)
    dialer = Dialer(
        url,
        session=session,
        open_timeout=open_timeout,
        close_timeout=close_timeout,
        max_message=max_message,
        compress=compress,
    )
    backoff = Backoff(retry_seconds, random.random)
    reconnect = Reconnect(dialer.dial, backoff=backoff, report=_warn)
    return WebSocketGenerator(reconnect, (ping_interval, ping_timeout))


def _warn(failure: ConnectFailed, wait: float) -> None:
    text = "%(why)s; dialling again in %(seconds).2f s"
    note(logger, logging.WARNING, "dial_failed", text, why=str(failure), seconds=wait)
