"""A far end on loopback that does what it is told, however rude, and records what it received.

Raw TCP (or TLS) with a handshake and frames of its own. Knows asyncio and `frames`; must not know
the package or any websocket library. The fault is always injected here; one side decides to close.
"""

import asyncio
import contextlib
import itertools
import select
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Self, cast

from tests.peers import frames
from tests.peers.frames import Frame

_LINGER_ZERO = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN
_WORD_SECONDS = 5.0  # what takes longer to be heard on loopback never comes


class Line(asyncio.Protocol):
    """One accepted connection: the far end's side of it.

    `received` are the frames that came, `ended` says how the other side left: "FIN", "RST" or None;
    `gone` is true once the socket is closed, `full` while the other side reads less than was written.
    """

    def __init__(self, far_end: "FarEnd") -> None:
        self._far_end = far_end
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self.transport: asyncio.Transport
        self.request = ""
        self.received: list[Frame] = []
        self.ended: str | None = None
        self.gone = False
        self.full = False
        self.heard = False
        self.upgraded = False
        self.answers_pings = True
        self.answers_close = True

    # --- what the other side did

    @property
    def texts(self) -> list[str]:
        """The text messages received."""
        return [frame.payload.decode() for frame in self.received if frame.opcode == frames.TEXT]

    @property
    def pings(self) -> int:
        """How many PINGs were received."""
        return sum(frame.opcode == frames.PING for frame in self.received)

    @property
    def close_code(self) -> int | None:
        """The code of the first close frame received, None when none came."""
        return next((frame.close_code for frame in self.received if frame.opcode == frames.CLOSE), None)

    async def until(self, seen: Callable[[Self], object]) -> None:
        """Wait until `seen(self)` holds; TimeoutError when it does not on loopback's scale."""
        async with asyncio.timeout(_WORD_SECONDS):
            while not seen(self):
                self._news.clear()
                await self._news.wait()

    async def until_gone(self) -> None:
        """Wait until the other side has left, whichever way."""
        await self.until(lambda line: line.gone or line.ended)

    # --- what the far end does

    async def upgrade(self, *more: bytes) -> None:
        """Answer the request with 101, and send `more` in the same write."""
        await self.until(lambda line: line.request)
        self.upgraded = True
        self.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {frames.accept_key(self.request)}\r\n\r\n".encode()
            + b"".join(more)
        )

    async def answer(self, status: int, *headers: str) -> None:
        """Answer the request with any HTTP status, and close."""
        await self.until(lambda line: line.request)
        lines = [f"HTTP/1.1 {status} Whatever", "Content-Length: 0", "Connection: close", *headers, "", ""]
        self.write("\r\n".join(lines).encode())
        self.fin()

    def write(self, data: bytes) -> None:
        """Write these very bytes."""
        self.transport.write(data)

    def text(self, *messages: str) -> None:
        """Send text messages in one write."""
        self.write(b"".join(frames.encode(frames.TEXT, message.encode()) for message in messages))

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame, with any code; the socket stays."""
        self.write(frames.encode_close(code, reason))

    def fin(self) -> None:
        """Close the socket once everything is written."""
        self.transport.close()

    def rst(self) -> None:
        """Tear the socket down with a RST."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()

    def deafen(self) -> None:
        """Read nothing any more: the other side's data piles up in its own buffers."""
        self.transport.pause_reading()

    def unread(self, seconds: float = 0.2) -> list[Frame]:
        """What lies in the far end's socket right now, while the loop stands still; nothing is taken out."""
        with self.transport.get_extra_info("socket").dup() as sock:
            select.select([sock], [], [], seconds)
            with contextlib.suppress(BlockingIOError):
                buffer = self._buffer + sock.recv(1 << 16, socket.MSG_PEEK)
                return list(iter(lambda: frames.take(buffer), None))
        return []

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        if not transport.get_extra_info("sslcontext"):  # there asyncio would never resume
            transport.set_write_buffer_limits(0)  # so that `full` means: the kernel took less than all
        self._far_end.accepted(self)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._buffer += data
        if not self.request and b"\r\n\r\n" in self._buffer:
            head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            self.request, self._buffer = head.decode("latin-1"), bytearray(rest)
        while self.upgraded and (frame := frames.take(self._buffer)):
            self._take(frame)
        self._news.set()

    def _take(self, frame: Frame) -> None:
        self.received.append(frame)
        if frame.opcode == frames.PING and self.answers_pings:
            self.write(frames.encode(frames.PONG, frame.payload))
        elif frame.opcode == frames.CLOSE and self.answers_close:
            self.write(frames.encode(frames.CLOSE, frame.payload))
            self.fin()

    def eof_received(self) -> bool:
        self.ended = "FIN"
        self._news.set()
        # What the far end still has to say, it may say; TLS can't be half-closed.
        return not self.transport.get_extra_info("sslcontext") and not self.answers_close

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if isinstance(exc, ConnectionResetError):
            self.ended = "RST"
        self._news.set()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._news.set()


Script = Callable[[Line], Awaitable[None]]


async def hold(line: Line) -> None:
    """Upgrade, answer PINGs and close frames, and say nothing."""
    await line.upgrade()


class FarEnd:
    """Listens on loopback and plays `script` on every connection, or one script after the other.

    Args:
        scripts: one for each connection in turn; the last one goes on for all that follow.
        tls: makes it wss.
        port: where to listen; 0 has the system choose.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.scripts = scripts or (hold,)
        self.lines: list[Line] = []
        self.accepts: list[float] = []
        self._tls = tls
        self._port = port
        self._plays: list[asyncio.Task[None]] = []
        self._closed = False
        self._server: asyncio.Server
        self._accepted = asyncio.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where to dial it."""
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}/"

    @property
    def last(self) -> Line:
        """The newest connection."""
        return self.lines[-1]

    @property
    def waits(self) -> list[float]:
        """The seconds between two accepted connections."""
        return [after - before for before, after in itertools.pairwise(self.accepts)]

    def _accept(self) -> Line:
        self.accepts.append(asyncio.get_running_loop().time())  # TLS comes later, or never
        return Line(self)

    def accepted(self, line: Line) -> None:
        """Called by `Line`: play the script whose turn it is."""
        if self._closed:
            line.transport.abort()
            return
        script = self.scripts[min(len(self.lines), len(self.scripts) - 1)]
        self.lines.append(line)
        self._plays.append(asyncio.create_task(self._play(script, line)))
        self._accepted.set()

    async def until_accepted(self, count: int) -> None:
        """Wait until so many connections were accepted since the start."""
        async with asyncio.timeout(_WORD_SECONDS):
            while len(self.lines) < count:
                self._accepted.clear()
                await self._accepted.wait()

    async def _play(self, script: Script, line: Line) -> None:
        with contextlib.suppress(TimeoutError):  # the other side left before its turn came
            await script(line)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self._port, ssl=self._tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._closed = True
        for _ in range(5):  # asyncio trips over a server closed between an accept and its connection
            await asyncio.sleep(0)
        self._server.close()
        for line in self.lines:
            line.transport.abort()
        for play in self._plays:
            play.cancel()
        played = await asyncio.gather(*self._plays, return_exceptions=True)
        await asyncio.sleep(0)
        for outcome in played:
            if isinstance(outcome, Exception):
                raise outcome
