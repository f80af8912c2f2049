"""The fixtures, with pytest-asyncio and with pytest-aiohttp, each in auto and in strict mode."""

import pytest

from tests.plugin.runs import MODES, run

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(300)  # each starts a pytest of its own

SUITE = """
import asyncio
from deribit_ws import Client, Credentials
from deribit_ws.testing import Drop

told = []
kept = []


@fixture
async def venue(deribit_exchange):
    exchange = await deribit_exchange()
    yield exchange
    told.append(f"venue, {len(exchange.connections)} connections")
    kept.append(exchange)


@fixture
async def trader(venue, deribit_client):
    client = await deribit_client(venue, credentials=Credentials("simulated", "secret"))
    yield client
    assert await client.private.get_positions(currency="BTC") == []
    told.append("trader")


async def test_in_the_body(deribit_exchange, deribit_client):
    exchange = await deribit_exchange()
    client = await deribit_client(exchange)
    exchange.inject(Drop.rst())
    await exchange.ledger.until(lambda: 2 in exchange.connections)
    await client.public.get_time()
    kept.append(exchange)


async def test_in_fixtures(trader, venue, deribit_client):
    second = await deribit_client(venue)
    assert await second.public.get_time() and await trader.public.get_time()


async def test_own_client(venue):
    async with Client(venue.url) as client:
        await client.public.get_time()


@pytest.mark.looptime
async def test_in_virtual_time(deribit_exchange, deribit_client):
    exchange = await deribit_exchange(step_seconds=1.0)
    client = await deribit_client(exchange)
    loop = asyncio.get_running_loop()
    before = exchange.market.now_ms()
    await asyncio.sleep(600)
    assert 600_000 <= exchange.market.now_ms() - before < 601_000
    assert 600_000 <= await client.public.get_time() - before < 601_000
    kept.append(exchange)


def test_all_was_closed_in_order():
    assert told == ["trader", "venue, 1 connections", "venue, 0 connections"]
    codes = [[farewell.code for farewell in exchange.ledger.farewells] for exchange in kept]
    assert codes == [[None, 1000], [1000, 1000], [1000], [1000]]  # by the clients, not by the exchanges
    assert not any(exchange.connections for exchange in kept)
"""


@pytest.mark.parametrize(("plugin", "mode"), MODES)
def test_it_works_with(pytester: pytest.Pytester, plugin: str, mode: str) -> None:
    """Made in the body, in fixtures, in virtual time: all is closed on its own loop, clients first."""
    result = run(pytester, SUITE, plugin=plugin, mode=mode)

    result.assert_outcomes(passed=5)


LASTING = """
from hypothesis import HealthCheck, given, settings, strategies

kept = []


@pytest_asyncio.fixture(loop_scope="module")
async def venue(deribit_exchange):
    return await deribit_exchange()


@pytest.mark.asyncio(loop_scope="module")
async def test_first(venue, deribit_client):
    kept.append(await deribit_client(venue))


@pytest.mark.asyncio(loop_scope="module")
async def test_second(deribit_exchange, deribit_client):
    assert kept.pop().state.value == "closed"
    client = await deribit_client(await deribit_exchange())
    assert await client.public.get_time()


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(n=strategies.integers(1, 5))
async def test_examples(deribit_exchange, deribit_client, n):
    assert all(client.state.value == "closed" for client in kept)
    kept.append(await deribit_client(await deribit_exchange(listen=False)))
"""


def test_a_loop_that_lasts_longer(pytester: pytest.Pytester) -> None:
    """On a loop of a module each test's things end with the test, and under hypothesis with each example."""
    run(pytester, LASTING).assert_outcomes(passed=3)
