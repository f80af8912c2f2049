"""A suite in which most tests fail, as they should: `test_fixtures` runs it, and reads what pytest says."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from deribit_ws import Client, Credentials, Handler, Quote, on
from deribit_ws.pytest_plugin import ClientFactory, ExchangeFactory, StagedExchange
from deribit_ws.testing import Drop, Say

KEY = Credentials("simulated", "hidden")


class Slip(Handler):
    @on("quote.BTC-PERPETUAL")
    def quote(self, quote: Quote) -> None:
        raise ZeroDivisionError("a slip")


@pytest.fixture
async def venue(deribit_exchange: ExchangeFactory) -> AsyncIterator[StagedExchange]:
    yield await deribit_exchange()


@pytest.fixture
async def slips(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> AsyncIterator[None]:
    client = await deribit_client(await deribit_exchange())
    yield
    client.add_handler(Slip())
    await error_of(deribit_client)


async def hear(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    await deribit_client(await deribit_exchange(), Slip())
    await error_of(deribit_client)


async def error_of(deribit_client: ClientFactory) -> None:
    while not deribit_client.errors:  # noqa: ASYNC110  a list has no event
        await asyncio.sleep(0.01)


async def test_story(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    exchange = await deribit_exchange(accounts={"simulated": "hidden"})
    await deribit_client(exchange, credentials=KEY)
    await deribit_exchange(seed=12)
    exchange.inject(Drop.close(1001, "going"), 1)
    raise ValueError("the bot is wrong")


@pytest.mark.parametrize("n", [1, 2])
async def test_seed(deribit_exchange: ExchangeFactory, n: int) -> None:
    print("seeds", (await deribit_exchange()).seed, (await deribit_exchange()).seed)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(n=strategies.integers(0, 100))
async def test_examples(deribit_exchange: ExchangeFactory, n: int) -> None:
    exchange = await deribit_exchange(listen=False, autoplay=False)
    print("example on", exchange.seed)
    assert n < 5


async def test_callback(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    await hear(deribit_exchange, deribit_client)


async def test_callback_and_more(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    await hear(deribit_exchange, deribit_client)
    raise ValueError("the test's own")


async def test_callback_expected(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    deribit_client.expect(ZeroDivisionError)
    await hear(deribit_exchange, deribit_client)
    assert isinstance(deribit_client.errors[0], ZeroDivisionError)


async def test_frame(deribit_exchange: ExchangeFactory, deribit_client: ClientFactory) -> None:
    exchange = await deribit_exchange()
    await deribit_client(exchange)
    exchange.inject(Say(text=b"{"))
    await error_of(deribit_client)


async def test_callback_at_teardown(slips: None) -> None:
    pass


async def test_left_open(deribit_exchange: ExchangeFactory) -> None:
    await Client((await deribit_exchange()).url).__aenter__()


@pytest.mark.looptime
async def test_time(venue: StagedExchange) -> None:
    raise AssertionError("its fixture fails")


@pytest.mark.asyncio(loop_scope="module")
async def test_loops(venue: StagedExchange, deribit_client: ClientFactory) -> None:
    await deribit_client(venue)


def test_closed_loop(deribit_exchange: ExchangeFactory) -> None:
    async def play() -> None:
        await deribit_exchange(listen=False, autoplay=False)

    asyncio.run(play())
