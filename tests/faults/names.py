"""A name server that fails, or whose answer changes, for the rows of connecting.

Knows: getaddrinfo, aiohttp's resolvers, and the stage. Must not know what is judged.
"""

import socket
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from deribit_ws.testing import ChaosProxy
from tests.faults.dialled import afterwards, fresh
from tests.faults.stage import Stage

HOST = "exchange.test"  # of a domain that never exists
ADDRESS = "127.0.0.1"


class Names:
    """What the name is said to stand for: one port of loopback, as addresses here differ by nothing else.

    Attributes:
        url: which one.
        fails: how many of the next look-ups fail.
        asked: how many there were.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.fails = self.asked = 0

    def look_up(self) -> int:
        """Give the port; OSError where the name server can't be reached."""
        self.asked += 1
        if self.fails:
            self.fails -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        port = urlsplit(self.url).port
        assert port is not None, "the stage's URLs name their port"
        return port


class _Resolver(AbstractResolver):
    """For a session of the user's."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        kind, found = socket.AF_INET, self._names.look_up()
        return [ResolveResult(hostname=host, host=ADDRESS, port=found, family=kind, proto=0, flags=numeric)]

    async def close(self) -> None:
        """Nothing is kept."""


async def knowing(stage: Stage, names: Names, *, own_session: bool) -> ChaosProxy:
    """Have the stage's client know the exchange by name: with its own session, or one of the user's.

    Gives links that lead there from another address; they count dials together with the stage's.
    """
    options: dict[str, Any] = {"allow_plaintext": True}
    if not own_session:
        connector = aiohttp.TCPConnector(resolver=_Resolver(names), use_dns_cache=False, force_close=True)
        options["session"] = aiohttp.ClientSession(connector=connector)
    path = urlsplit(stage.exchange.url).path
    stage.subject = subject = fresh(stage, f"ws://{HOST}:80{path}", **options)
    stack = afterwards(subject)
    if own_session:
        stack.enter_context(patch("socket.getaddrinfo", _system(names)))
    else:
        stack.push_async_callback(options["session"].close)
    elsewhere = await stack.enter_async_context(ChaosProxy(stage.exchange.url, seed=stage.seed))
    elsewhere.dials = stage.links.dials
    return elsewhere


def _system(names: Names) -> Any:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host != HOST:
            return real(host, port, *more, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESS, names.look_up()))]

    return getaddrinfo
