"""What tests of the package inside a user's own aiohttp share: an exchange by wss, and whom to trust.

Knows the simulated exchange. Must not know aiohttp's connector.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import trustme

from deribit_ws import Client, websocket_generator
from deribit_ws.testing import SimulatedExchange

Visit = Callable[[str, aiohttp.ClientSession], Awaitable[None]]  # a URL, and the session to dial with


async def by_client(url: str, session: aiohttp.ClientSession) -> None:
    async with Client(url, session=session) as client:
        await client.public.test()


async def by_generator(url: str, session: aiohttp.ClientSession) -> None:
    async with websocket_generator(url, session=session) as websockets:
        websocket = await anext(websockets)
        await websocket.send({"jsonrpc": "2.0", "id": 1, "method": "public/test", "params": {}})
        await websocket.recv()


@pytest.fixture(params=[by_client, by_generator])
def visit(request: pytest.FixtureRequest) -> Visit:
    """Dial, ask one thing, and leave: by a client, and by the generator."""
    given: Visit = request.param
    return given


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """A context of the user's, the only one that trusts the exchange."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(autoplay=False) as running:
        yield running


@pytest.fixture
async def secure(authority: trustme.CA) -> AsyncIterator[SimulatedExchange]:
    """The same by wss, certified as 127.0.0.1 and as exchange.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "exchange.test").configure_cert(context)
    async with SimulatedExchange(autoplay=False, ssl_context=context) as running:
        yield running
