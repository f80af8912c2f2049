"""The client's end of a link whose other end is a string of bytes: aiohttp's reader and our transport.

Knows: how aiohttp puts a websocket together on a connection that was upgraded. Must not know: what the
bytes are. No socket and no handshake, so that a hundred thousand links a minute can be tried.
"""

import asyncio
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import aiohttp
from aiohttp._websocket.reader import WebSocketDataQueue  # it has no public name
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WebSocketReader, WebSocketWriter

from deribit_ws.aiohttp_transport import AiohttpTransport
from deribit_ws.errors import ConnectionLost

_TIMES = aiohttp.ClientWSTimeout(ws_close=0.01)  # seconds: nobody is there to answer a close frame


class Outcome(NamedTuple):
    """The texts handed out, the code the link ended with, and what was written meanwhile."""

    texts: list[bytes]
    code: int
    written: bytes


class _Wire(asyncio.Transport):
    """What is written stays here."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._closing = False
        self._protocol: asyncio.BaseProtocol | None = None

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self.written += bytes(data)

    def writelines(self, list_of_data: Any) -> None:
        self.written += b"".join(list_of_data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """All is here already."""

    resume_reading = pause_reading

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol


class _Upgraded(BaseProtocol):
    """What aiohttp's own protocol does once the handshake is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.parser: Any = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)


def read_through(data: bytes, *, max_message: int, compress: bool) -> Outcome:
    """Let a link receive `data` and then the end of the stream."""
    return _loop().run_until_complete(_read(data, max_message, compress))


_LOOPS: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    if not _LOOPS:
        _LOOPS.append(asyncio.new_event_loop())
    return _LOOPS[0]


def close() -> None:
    """Close the loop that the links lived on."""
    while _LOOPS:
        _LOOPS.pop().close()


async def _read(data: bytes, max_message: int, compress: bool) -> Outcome:
    loop = asyncio.get_running_loop()
    wire, protocol = _Wire(), _Upgraded(loop)
    protocol.transport = wire
    wire.set_protocol(protocol)
    queue = WebSocketDataQueue(cast(Any, protocol), 1 << 16, loop=loop)
    bits = 15 if compress else 0
    writer = WebSocketWriter(protocol, wire, use_mask=True)
    response: Any = SimpleNamespace(
        connection=SimpleNamespace(transport=wire, close=wire.close), close=wire.close
    )
    websocket = aiohttp.ClientWebSocketResponse[bool](
        queue, writer, None, response, _TIMES, False, False, loop, compress=bits
    )
    protocol.parser = websocket._parser = WebSocketReader(
        queue, max_message + 1, compress=compress, decode_text=False
    )
    transport = AiohttpTransport(websocket, close_timeout=0.01)
    wire.get_protocol().data_received(data)  # type: ignore[attr-defined]  # the ear's
    queue.feed_eof()
    texts: list[bytes] = []
    try:
        await transport.pump(texts.append)
    except ConnectionLost as lost:
        return Outcome(texts, lost.code, wire.written)
