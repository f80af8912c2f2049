"""Several clients in one loop, each with its own credentials: nothing of one is ever another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from deribit_ws import Client, Credentials, RpcError, State, Ticker
from deribit_ws.testing import Account, Drop, SimulatedExchange
from deribit_ws.types import Order
from tests.client.conftest import until

BTC = "BTC-PERPETUAL"
OWN = f"user.orders.{BTC}.raw"
DESKS = {"maker": "secret-of-maker", "taker": "secret-of-taker", "reader": "secret-of-reader"}
READS_ONLY = "account:read trade:read"

Desks = dict[str, Client]


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    accounts = {name: Account(secret) for name, secret in DESKS.items()}
    accounts["reader"] = Account(DESKS["reader"], READS_ONLY)
    async with SimulatedExchange(accounts=accounts, step_seconds=0.01) as running:
        yield running


@pytest.fixture
async def desks(exchange: SimulatedExchange) -> AsyncIterator[Desks]:
    """A client for each account and a public one, all dialling with one session."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        keys = [Credentials(name, secret) for name, secret in DESKS.items()]
        clients = [Client(exchange.url, credentials=key, session=session, retry_seconds=0.01) for key in keys]
        clients.append(Client(exchange.url, session=session, retry_seconds=0.01))
        for client in clients:
            await stack.enter_async_context(client)
        yield dict(zip([*DESKS, "public"], clients, strict=True))
        assert not session.closed


def links_of(exchange: SimulatedExchange, name: str) -> list[int]:
    """The connections that an account logged in on, oldest first."""
    logins = exchange.ledger.requests_of("public/auth")
    return [login.connection or 0 for login in logins if login.params["client_id"] == name]


async def drop(exchange: SimulatedExchange, name: str) -> None:
    """Drop the newest link of an account, and wait until it is logged in on another."""
    before = links_of(exchange, name)
    exchange.inject(Drop.rst(), before[-1])
    await until(lambda: len(links_of(exchange, name)) > len(before))


async def test_logins(exchange: SimulatedExchange, desks: Desks) -> None:
    """Each link carries the login of its own client alone, also after drops; one without has none."""
    for name in DESKS:
        await drop(exchange, name)
    await asyncio.gather(*(client.wait_connected() for client in desks.values()))
    links = [link for name in DESKS for link in links_of(exchange, name)]

    assert len(links) == len(set(links)) == 2 * len(DESKS)
    assert desks["public"].scope is None
    assert "trade:read_write" in (desks["maker"].scope or "")
    assert "trade:read_write" not in (desks["reader"].scope or "")


async def test_own_orders(exchange: SimulatedExchange, desks: Desks) -> None:
    """An order is its own client's: no other hears of it, sees it, or may have placed it."""
    heard: dict[str, list[str]] = {name: [] for name in DESKS}

    for name in DESKS:

        def hear(order: Order, name: str = name) -> None:
            heard[name].append(order.order_id)

        desks[name].register(OWN, hear)
        await desks[name].subscribe(OWN)
    order = await desks["maker"].orders.buy(BTC, amount=10, price=100, label="mine")
    await until(lambda: heard["maker"])
    with pytest.raises(RpcError):
        await desks["reader"].orders.buy(BTC, amount=10, price=100)
    open_at = {name: await desks[name].private.get_open_orders() for name in DESKS}

    assert [one.order_id for one in open_at["maker"]] == [order.order_id]
    assert (open_at["taker"], open_at["reader"]) == ([], [])
    assert heard == {"maker": [order.order_id], "taker": [], "reader": []}


async def test_one_drop(exchange: SimulatedExchange, desks: Desks) -> None:
    """A drop of one client is nobody else's: their links, calls and data go on."""
    ticks = dict.fromkeys(desks, 0)

    for name, client in desks.items():

        def count(_: Ticker, name: str = name) -> None:
            ticks[name] += 1

        client.register(f"ticker.{BTC}.100ms", count)
    await until(lambda: all(ticks.values()))
    await drop(exchange, "maker")
    before = dict(ticks)
    await until(lambda: all(ticks[name] > before[name] for name in ticks))

    assert {client.state for client in desks.values()} == {State.CONNECTED}
    assert [client.stats.connections for client in desks.values()] == [2, 1, 1, 1]


async def test_one_closed(exchange: SimulatedExchange, desks: Desks) -> None:
    """A client that is closed leaves the others, and the session they share, as they were."""
    await desks["maker"].aclose()

    assert await desks["taker"].private.get_open_orders() == []
    assert [client.stats.connections for client in desks.values()] == [1, 1, 1, 1]
