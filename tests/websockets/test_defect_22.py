"""Defect 22 of the naive generator, which restores nothing: `Client` does, on every connection."""

import asyncio

import pytest

from deribit_ws import Client, Credentials, OutcomeUnknown, RequestNotSent, State
from deribit_ws.testing import Drop, IgnoreRequest, SimulatedExchange
from tests.client.conftest import until

BOOK, ORDERS = "book.BTC-PERPETUAL.100ms", "user.orders.BTC-PERPETUAL.raw"
KEY = Credentials("simulated", "secret")


async def dropped(exchange: SimulatedExchange, client: Client) -> int:
    """Drop the connection; give the number of the next one, once it is live."""
    last = max(exchange.connections)
    exchange.inject(Drop.rst(), last)
    await until(lambda: max(exchange.connections, default=0) > last and client.state is State.CONNECTED)
    return max(exchange.connections)


async def test_all_is_restored() -> None:
    """After a drop the heartbeat is armed, the account logged in, cancel-on-disconnect on, and every
    channel subscribed again, each once."""
    async with SimulatedExchange(autoplay=False) as exchange:
        client = Client(exchange.url, credentials=KEY, cancel_on_disconnect=True, retry_seconds=0.01)
        client.register(BOOK, lambda change: None)
        client.register(ORDERS, lambda order: None)
        async with client:
            for _ in range(3):
                number = await dropped(exchange, client)
                methods = [r.method for r in exchange.ledger.requests if r.connection == number]

                assert methods[:5] == [  # what was missed is read after that
                    "public/set_heartbeat",
                    "public/auth",
                    "private/enable_cancel_on_disconnect",
                    "private/subscribe",
                    "public/subscribe",
                ]
                assert set(exchange.connections[number].channels) == {BOOK, ORDERS}
                assert exchange.connections[number].login is not None


async def test_calls_in_flight_end() -> None:
    """A call under which the link breaks ends at once: a read with its result, a write as unknown."""
    async with SimulatedExchange(autoplay=False) as exchange:
        async with Client(exchange.url, retry_seconds=0.01) as client:
            exchange.inject(IgnoreRequest("public/get_time"))
            exchange.inject(IgnoreRequest("private/buy"))
            reading = asyncio.create_task(client.call("public/get_time"))
            buying = asyncio.create_task(client.call("private/buy", amount=10))
            await until(lambda: exchange.ledger.requests_of("private/buy"))
            await dropped(exchange, client)
            async with asyncio.timeout(1):
                assert await reading > 0
                with pytest.raises((OutcomeUnknown, RequestNotSent)):
                    await buying

        assert len(exchange.ledger.requests_of("private/buy")) == 1


async def test_backoff_forgets_on_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the back-off are taken back by healthy life, not by the handshake."""
    monkeypatch.setattr("deribit_ws.backoff.FORGIVEN_AFTER", 0.2)
    monkeypatch.setattr("deribit_ws.backoff.FIRST_WAIT", 0.04)
    async with (
        SimulatedExchange(autoplay=False) as exchange,
        Client(exchange.url, retry_seconds=10) as client,
    ):
        for _ in range(5):
            await dropped(exchange, client)
        dials = [handshake.time for handshake in exchange.ledger.handshakes]
        assert dials[-1] - dials[-2] > 0.3
        await asyncio.sleep(0.25)
        gone = asyncio.get_running_loop().time()
        await dropped(exchange, client)

        assert exchange.ledger.handshakes[-1].time - gone < 0.1
