"""The user's own session: what it says of proxies, names, certificates and tracing is done; it stays open.

Each by a `Client` and by the generator, over real sockets.
"""

import asyncio
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from deribit_ws import Client, ConnectFailed
from deribit_ws.testing import Drop, SimulatedExchange
from tests.aiohttp_home.conftest import Visit
from tests.aiohttp_home.connect_proxy import ConnectProxy
from tests.client.conftest import dropped


class Names(AbstractResolver):
    """Says of every name that it is this machine."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        here = "127.0.0.1"
        return [ResolveResult(hostname=host, host=here, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def connector(trust: ssl.SSLContext, **more: Any) -> aiohttp.TCPConnector:
    """A connector of the user's: it trusts the exchange."""
    return aiohttp.TCPConnector(ssl=trust, **more)


def target(exchange: SimulatedExchange) -> str:
    return exchange.url.split("/")[2]


async def test_proxy(visit: Visit, secure: SimulatedExchange, trust: ssl.SSLContext) -> None:
    """A session's proxy is dialled through by CONNECT, with the login in its URL; the session stays open."""
    async with ConnectProxy() as proxy:
        url = proxy.url.replace("//", "//me:hunter2@")
        async with aiohttp.ClientSession(proxy=url, connector=connector(trust)) as session:
            await visit(secure.url, session)

            assert proxy.targets == [target(secure)]
            assert aiohttp.encode_basic_auth("me", "hunter2") in proxy.asked[0]
            assert not session.closed


async def test_proxy_after_a_drop(secure: SimulatedExchange, trust: ssl.SSLContext) -> None:
    """Each new link goes through the session's proxy as well."""
    async with (
        ConnectProxy() as proxy,
        aiohttp.ClientSession(proxy=proxy.url, connector=connector(trust)) as session,
        Client(secure.url, session=session, retry_seconds=0.01) as client,
    ):
        await dropped(secure, client, Drop.rst())
        await client.public.test()

        assert proxy.targets == [target(secure)] * 2


async def test_proxy_of_the_environment(
    visit: Visit, secure: SimulatedExchange, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session with `trust_env` goes where `wss_proxy` says."""
    async with ConnectProxy() as proxy:
        monkeypatch.setenv("wss_proxy", proxy.url)
        async with aiohttp.ClientSession(trust_env=True, connector=connector(trust)) as session:
            await visit(secure.url, session)

        assert proxy.targets == [target(secure)]


async def test_proxy_that_is_not_there(
    secure: SimulatedExchange, trust: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy that can't be reached is dialled again as any host is, and its password is in no line."""
    url = "http://me:hunter2@127.0.0.1:9"
    async with aiohttp.ClientSession(proxy=url, connector=connector(trust)) as session:
        client = Client(secure.url, session=session, retry_seconds=0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.__aenter__()

    assert "dialling again" in caplog.text
    assert "hunter2" not in caplog.text


async def test_resolver(visit: Visit, secure: SimulatedExchange, trust: ssl.SSLContext) -> None:
    """A name is looked up by the resolver of the session's connector."""
    names = Names()
    url = secure.url.replace("127.0.0.1", "exchange.test")
    async with aiohttp.ClientSession(connector=connector(trust, resolver=names)) as session:
        await visit(url, session)

    assert names.asked == ["exchange.test"]


async def test_ssl_context(visit: Visit, secure: SimulatedExchange, trust: ssl.SSLContext) -> None:
    """The connector's SSL context decides whom to trust: with it the exchange, without it not."""
    async with aiohttp.ClientSession(connector=connector(trust)) as session:
        await visit(secure.url, session)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConnectFailed, match="verif"):
            await visit(secure.url, session)

        assert not session.closed


async def test_tracing(visit: Visit, exchange: SimulatedExchange) -> None:
    """The session's own tracers hear of the dial, and are all it has afterwards."""
    heard: list[str] = []

    async def hear(_: aiohttp.ClientSession, __: Any, params: Any) -> None:
        heard.append(type(params).__name__)

    mine = aiohttp.TraceConfig()
    mine.on_connection_create_end.append(hear)
    mine.on_request_start.append(hear)
    mine.on_request_end.append(hear)
    async with aiohttp.ClientSession(trace_configs=[mine]) as session:
        await visit(exchange.url, session)

        assert heard == [
            "TraceRequestStartParams",
            "TraceConnectionCreateEndParams",
            "TraceRequestEndParams",
        ]
        assert session.trace_configs == [mine]


async def test_shared(visit: Visit, exchange: SimulatedExchange) -> None:
    """A session that was dialled with goes on serving its owner, and others that dial with it."""
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            await visit(exchange.url, session)
        url = f"http://{target(exchange)}/api/v2/public/test"
        async with session.get(url) as answer:
            assert answer.status == 200
