"""A server that is not ours: the `websockets` library at the door, the simulated exchange behind it.

Knows that library, and passes every text on, so that answers are real while close codes, aborts, fragments,
pings and compression are the library's own. Must not know the client. `outside` disturbs it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import PerMessageDeflate

HOST = "127.0.0.1"
LIVELY = (
    0.5  # seconds between two pings of the library's own, and for the answer: more often than anybody does
)
SHORTEST_MAX = 10  # bytes; every request is longer


class Relay:
    """What stands before the exchange.

    Attributes:
        fragments: let each text go out in several frames, some of them empty.
    """

    def __init__(self, target: str, seed: int) -> None:
        self._target = target
        self._rng = Random(seed)
        self._newest: ServerConnection
        self.fragments = False

    async def serve(self, client: ServerConnection) -> None:
        """Pass on what both say, until either ends."""
        self._newest = client
        async with connect(self._target, ping_interval=None) as exchange:
            pumps = [
                asyncio.create_task(self._up(client, exchange)),
                asyncio.create_task(self._down(client, exchange)),
            ]
            _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.wait(pumps)

    async def _up(self, client: ServerConnection, exchange: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in client:
                await exchange.send(text)

    async def _down(self, client: ServerConnection, exchange: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in exchange:
                await client.send(self._cut(text) if self.fragments else text)

    def _cut(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            size = self._rng.choice((0, 1, 7, 100, 1000))
            yield text[at : at + size]
            at += size

    # --- what is done to the newest connection

    async def close(self, code: int, reason: str) -> None:
        """Close it in order."""
        await self._newest.close(code, reason)

    def abort(self) -> None:
        """Reset it."""
        self._newest.transport.abort()

    async def ping(self, payload: bytes) -> float:
        """Ping it; give the seconds until the same payload came back."""
        latency: float = await (await self._newest.ping(payload))
        return latency

    def compress(self) -> None:
        """Compress from now on, though it was not agreed on."""
        self._newest.protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]

    def take_little(self) -> None:
        """Take no message longer than some bytes from now on."""
        self._newest.protocol.max_message_size = SHORTEST_MAX


@asynccontextmanager
async def relay(target: str, seed: int) -> AsyncIterator[tuple[str, Relay]]:
    """Start one before a server; give its URL, and itself."""
    door = Relay(target, seed)
    async with serve(
        door.serve, HOST, 0, compression="deflate", ping_interval=LIVELY, ping_timeout=LIVELY * 4
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://{HOST}:{port}", door
