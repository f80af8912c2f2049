"""A plain link that is to carry a login is judged by where it really leads, not by its URL alone."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from deribit_ws import Client, ConnectFailed, Credentials, Retry, websocket_generator
from tests.peers.far_end import FarEnd
from tests.security.echo import QUOTES, quoting

KEY = Credentials("me", "hush-hush-hush")
ELSEWHERE = ("192.0.2.7", 4711)  # an address for documentation: no machine has it


class Elsewhere(AbstractResolver):
    """Gives loopback for every name, as a lying name server would give its own."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        numeric = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=numeric)
        ]

    async def close(self) -> None: ...


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every socket's other end look like another machine's, which loopback can't give."""
    look = aiohttp.ClientWebSocketResponse.get_extra_info

    def get(websocket: Any, name: str, default: Any = None) -> Any:
        return ELSEWHERE if name == "peername" else look(websocket, name, default)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "get_extra_info", get)


@asynccontextmanager
async def _by_proxy() -> AsyncIterator[tuple[FarEnd, str, aiohttp.ClientSession]]:
    async with FarEnd(quoting(QUOTES["refused"])) as proxy:
        session = aiohttp.ClientSession(proxy=proxy.url.replace("ws", "http", 1))
        async with session:
            yield proxy, "ws://127.0.0.1:1/", session


@asynccontextmanager
async def _by_name() -> AsyncIterator[tuple[FarEnd, str, aiohttp.ClientSession]]:
    async with FarEnd(quoting(QUOTES["refused"])) as far:
        connector = aiohttp.TCPConnector(resolver=Elsewhere())
        async with aiohttp.ClientSession(connector=connector) as session:
            yield far, f"ws://localhost:{far.port}/", session


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("way", [_by_proxy, _by_name])
async def test_no_login_leaves(way: Callable[[], Any]) -> None:
    """A loopback URL that a proxy or a resolver leads elsewhere gets no login, and is not tried again."""
    async with way() as (far, url, session):
        with pytest.raises(ConnectFailed, match="another machine") as failed:
            await Client(url, credentials=KEY, session=session, retry_seconds=0.01).__aenter__()

        assert (failed.value.retry, len(far.lines), far.last.texts) == (Retry.NEVER, 1, [])


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("way", [_by_proxy, _by_name])
async def test_what_has_no_login_may_leave(way: Callable[[], Any]) -> None:
    """Without credentials, or with `allow_plaintext`, a session's own ways are taken."""
    async with way() as (_, url, session):
        async with websocket_generator(url, session=session) as websockets:
            assert (await anext(websockets)).open
        async with Client(url, session=session, heartbeat=None) as client:
            assert client.scope is None
        with pytest.raises(Exception, match="13004"):
            await Client(url, credentials=KEY, session=session, allow_plaintext=True).__aenter__()
