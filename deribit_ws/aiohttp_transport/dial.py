"""Opening a websocket: a dial under one deadline, and a verdict on each way it can fail.

Knows: `ClientSession` and what it raises. Must not know: what happens on an open websocket, waits.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from deribit_ws.aiohttp_transport.link import AiohttpTransport
from deribit_ws.aiohttp_transport.resolver import DaemonResolver
from deribit_ws.endpoints import fault_of, is_loopback
from deribit_ws.errors import ConnectFailed, Retry, UsageError

MAX_MESSAGE = 16 * 1024 * 1024  # bytes, by default; get_instruments of everything passes aiohttp's own 4 MiB
_MAX_UNPACKED = 7 * 1024 * 1024  # the same where messages are compressed: to unpack one takes twice its size
_PASSING_STATUS = frozenset({408, 425, 429})  # with 5xx, the answers that a later dial may not meet
_WINDOW_BITS = 15  # of deflate; the most there are, and what Deribit answers with
_LOST_EARLY = "the connection was lost during the handshake"
_LONGEST_RETRY_AFTER = 300.0  # seconds; a server that asks for more is asked again after these


class Dialer:
    """Opens websockets to one URL, on the user's session or on one of its own.

    Args:
        url: ws:// or wss://.
        session: honoured as it is and never closed; None makes one for each dial.
        open_timeout: seconds for DNS, TCP, TLS and the upgrade together.
        close_timeout: seconds for the whole act of closing; then the socket is aborted.
        max_message: bytes; a longer message ends the link with 1009. Left at its default it is 7 MiB with
            `compress`.
        compress: offer permessage-deflate. What is sent is never compressed; to unpack what is received
            may take twice `max_message` for a moment.
        private: over plain ws:// take no link but to this machine, wherever a resolver or proxy leads.
    """

    def __init__(
        self,
        url: str,
        *,
        session: aiohttp.ClientSession | None,
        open_timeout: float,
        close_timeout: float,
        max_message: int,
        compress: bool = False,
        private: bool = False,
    ) -> None:
        if not isinstance(session, aiohttp.ClientSession | None):
            raise UsageError(f"session is an aiohttp.ClientSession, not {type(session).__name__}")
        self._url = url
        self._session = session
        self._open_timeout = open_timeout
        self._close_timeout = close_timeout
        self._max_message = _MAX_UNPACKED if compress and max_message == MAX_MESSAGE else max_message
        self._compress = _WINDOW_BITS if compress else 0
        self._may_leave = not private or url.lower().startswith("wss:")

    async def dial(self) -> AiohttpTransport:
        """Open one websocket; raise `ConnectFailed` when that fails for whatever reason."""
        if fault := fault_of(self._url):
            raise ConnectFailed(fault, retry=Retry.NEVER)
        if self._session is None:
            async with _session_for_one_dial() as session:
                return await self._dial(session)
        if self._session.closed:
            raise ConnectFailed("the ClientSession is closed", retry=Retry.NEVER)
        return await self._dial(self._session)

    async def _dial(self, session: aiohttp.ClientSession) -> AiohttpTransport:
        try:
            async with asyncio.timeout(self._open_timeout), _one_attempt(session):
                websocket = await session.ws_connect(
                    self._url,
                    timeout=aiohttp.ClientWSTimeout(ws_close=self._close_timeout),
                    autoclose=False,
                    autoping=False,
                    max_msg_size=self._max_message + 1,  # aiohttp refuses from this size on
                    decode_text=False,
                    compress=self._compress,
                )
        except TimeoutError as error:
            raise ConnectFailed(str(error) or f"no websocket within {self._open_timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError, AssertionError, MemoryError) as error:
            raise _connect_failed(error, session) from error
        # aiohttp packs in a thread what is not small, and nobody here may wait for that; a client is free
        # to send everything as it is.
        websocket._writer.compress = 0
        transport = AiohttpTransport(websocket, self._close_timeout)
        if not self._may_leave and _leaves(websocket):
            transport.release()
            raise ConnectFailed("ws:// has led to another machine (by a proxy?)", retry=Retry.NEVER)
        return transport


def _leaves(websocket: "aiohttp.ClientWebSocketResponse[bool]") -> bool:
    """Tell whether the other end of the socket is on another machine."""
    peer = websocket.get_extra_info("peername")
    return isinstance(peer, tuple) and not is_loopback(str(peer[0]))  # no tuple: a Unix socket


@contextlib.asynccontextmanager
async def _session_for_one_dial() -> AsyncIterator[aiohttp.ClientSession]:
    """Lend a session that is gone when the dial is over; a websocket that it opened goes on without it.

    One that was kept would have to be closed, and nothing can be awaited where an iterator is dropped.
    """
    # A moved name must be seen at the next dial, and no connection is ever reused.
    connector = aiohttp.TCPConnector(
        use_dns_cache=False, force_close=True, limit=0, resolver=DaemonResolver()
    )
    session = aiohttp.ClientSession(connector=connector)
    try:
        yield session
    except (Exception, asyncio.CancelledError):
        await session.close()
        raise
    finally:
        session.detach()


@contextlib.asynccontextmanager
async def _one_attempt(session: aiohttp.ClientSession) -> AsyncIterator[None]:
    """Have what this task dials be one connection and one request.

    `ws_connect` would follow a redirect, even from wss to ws, and makes up for a connection lost in the
    handshake by another at once. aiohttp has no switch for either, but tells a tracer beforehand.
    """
    dialling = asyncio.current_task()
    connections = 0

    async def count(*_: Any) -> None:
        nonlocal connections
        connections += asyncio.current_task() is dialling
        if connections > 1:
            raise aiohttp.ClientConnectionError(_LOST_EARLY)

    async def refuse(_: Any, __: Any, redirect: aiohttp.TraceRequestRedirectParams) -> None:
        if asyncio.current_task() is dialling:
            redirect.response.close()
            raise _Redirected(redirect.response)

    tracer = aiohttp.TraceConfig()
    tracer.on_connection_create_start.append(count)
    tracer.on_request_redirect.append(refuse)
    tracer.freeze()
    session.trace_configs.append(tracer)
    try:
        yield
    finally:
        session.trace_configs.remove(tracer)
        dialling = None  # the websocket keeps the tracer: it must not keep the task and its frames


class _Redirected(aiohttp.ClientError):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        super().__init__(f"HTTP {response.status}: a redirect, which is never followed")
        self.status = response.status


def _connect_failed(error: Exception, session: aiohttp.ClientSession) -> ConnectFailed:
    """Translate what a dial raised, and say whether dialling again makes sense."""
    match error:
        case _Redirected():
            return ConnectFailed(str(error), retry=Retry.ONCE_LIVED, status=error.status)
        # With a cause it is no answer at all: aiohttp could not read it, and made up a 400.
        case aiohttp.ClientResponseError(status=status, __cause__=None) if status != 101:
            return _answered(status, error.headers)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return ConnectFailed(f"TLS verification failed: {error}", retry=Retry.NEVER)
        case aiohttp.ClientSSLError():
            cut = isinstance(error.os_error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            return ConnectFailed(f"TLS failed: {error}", retry=Retry.YES if cut else Retry.ONCE_LIVED)
        case aiohttp.InvalidURL() | ValueError():
            return ConnectFailed(f"not a URL: {error}", retry=Retry.NEVER)
        case RuntimeError() if session.closed:
            return ConnectFailed("the ClientSession is closed", retry=Retry.NEVER)
        case MemoryError():
            return ConnectFailed("out of memory")
        case aiohttp.ClientError() | OSError() | AssertionError():
            # AssertionError: aiohttp asserts that a connection it just upgraded is still there.
            return ConnectFailed(str(error) or _LOST_EARLY)
        case _:
            raise error


def _answered(status: int, headers: Any) -> ConnectFailed:
    passing = status in _PASSING_STATUS or status >= 500
    return ConnectFailed(
        f"HTTP {status} instead of a websocket",
        retry=Retry.YES if passing else Retry.ONCE_LIVED,
        status=status,
        retry_after=_retry_after((headers or {}).get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Read `Retry-After`, as seconds or as an HTTP date; None when it is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        # HTTP dates are GMT, also where the zone was left out.
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if seconds == seconds else None
