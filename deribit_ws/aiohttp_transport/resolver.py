"""Looking names up without anybody having to wait for a look-up that is no longer wanted.

Knows: getaddrinfo and daemon threads. Must not know: dials or websockets. A look-up can't be
cancelled, and asyncio's own run in an executor whose threads are joined at the end of the loop and of
the program: a name server that doesn't answer would hold up Ctrl-C for as long as it likes.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_Infos = list[tuple[Any, Any, int, str, tuple[Any, ...]]]


class DaemonResolver(AbstractResolver):
    """Resolves each name in a daemon thread of its own; one a dial, so there are never many."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses of a name; raise OSError when it has none."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Infos] = loop.create_future()

        def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
            if not found.done():
                set_outcome(outcome)

        def look_up() -> None:
            try:
                outcome: Any = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
                set_outcome: Callable[[Any], None] = found.set_result
            except Exception as error:  # told to who waits, whatever it is
                outcome, set_outcome = error, found.set_exception
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, set_outcome, outcome)

        try:
            threading.Thread(target=look_up, name="deribit_ws name look-up", daemon=True).start()
        except RuntimeError as error:  # out of threads or memory, as a look-up can be of files: it may pass
            raise OSError(f"no look-up of {host}: {error}") from error
        return [
            ResolveResult(
                hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=_NUMERIC
            )
            for kind, _, proto, _, address in await found
        ]

    async def close(self) -> None:
        """Nothing is kept."""


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
