"""A proxy on loopback that does CONNECT, and notes whom it was asked for and by whom.

Knows asyncio. Must not know the package, or what goes through it.
"""

import asyncio
import contextlib
from typing import Self

_CHUNK = 1 << 16  # bytes handed on at a time


class ConnectProxy:
    """Listens on a free port; `asked` are the request heads it answered, one a tunnel."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._tunnels: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        """Where it is, as aiohttp wants it."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def targets(self) -> list[str]:
        """The host and port of each CONNECT."""
        return [head.split()[1] for head in self.asked]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._tunnels)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        host, _, port = head.split()[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
