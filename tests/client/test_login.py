"""Logging in, on the first connection and on each later one; and that the secret is never shown."""

import asyncio
import logging
from typing import Any

import pytest

from deribit_ws import AuthError, Client, Credentials, State, SubscriptionRejected, UsageError
from deribit_ws.testing import Drop, FailRequest, SimulatedExchange
from tests.client.conftest import Ears, Make, dropped, until
from tests.client.far_end import MemoryExchange, Message, Refused, Wire

SECRET = "tops3cret"
KEY = Credentials("simulated", "secret")
USER, TICKER = "user.orders.BTC-PERPETUAL.raw", "ticker.BTC-PERPETUAL.100ms"


class Doorman:
    """Lets logins in, or refuses them."""

    def __init__(self, memory: MemoryExchange) -> None:
        self.code: int | None = None
        memory.answers["public/auth"] = self.answer

    def answer(self, _: Wire, __: Message) -> Any:
        if self.code is not None:
            raise Refused(self.code)
        return {"access_token": "x"}


@pytest.mark.looptime
async def test_refused_once_on_a_later_connection(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A login refused once on a later connection is tried again, and nobody hears of it."""
    doorman = Doorman(memory)
    async with remember(credentials=KEY) as client:
        doorman.code = 13004
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2 and memory.wire.asked("public/auth"))
        doorman.code = None
        await client.wait_connected()

        assert await client.call("private/get_positions") == "ok"
        assert (len(memory.wire.asked("public/auth")), ears.errors) == (2, [])


@pytest.mark.looptime
async def test_refused_for_good_on_a_later_connection(
    memory: MemoryExchange, remember: Make, ears: Ears
) -> None:
    """After three more tries private calls raise AuthError, on_error hears once, public data goes on;
    and when a later connection is let in again, so does everything else."""
    doorman = Doorman(memory)
    client = remember(credentials=KEY, cancel_on_disconnect=True)
    heard: list[Any] = []
    client.register(USER, heard.append)
    client.register("weather", heard.append)
    async with client:
        doorman.code = 13004
        for number in (2, 3, 4):
            memory.wire.drop()
            await until(lambda number=number: len(memory.wires) == number, 60)  # type: ignore[misc]  # bound at once
            await client.wait_connected()
            assert len(memory.wire.asked("public/auth")) == (4 if number == 2 else 1)
            for method in ("private/buy", "private/get_positions"):
                with pytest.raises(AuthError) as refused:
                    await client.call(method)
                assert (refused.value.code, refused.value.method) == (13004, method)
            memory.wire.tell("weather", [number])
            assert await client.call("public/test") == "ok"
            assert client._registry.subscriptions.confirmed == {"weather"}
            with pytest.raises(SubscriptionRejected) as rejected:
                await client.subscribe("user.lock", "book.BTC-PERPETUAL.raw")
            assert isinstance(rejected.value.__cause__, AuthError)
        assert [type(error) for error in ears.errors] == [AuthError]
        assert heard == [[2], [3], [4]]

        doorman.code = None
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 5, 60)
        await client.wait_connected()
        assert await client.call("private/buy") == "ok"
        assert client._registry.subscriptions.confirmed == {USER, "weather"}
        assert len(ears.errors) == 1


@pytest.mark.looptime
async def test_waiting_for_private_channels_when_refused(memory: MemoryExchange, remember: Make) -> None:
    """Who waits for a private channel while the login is refused for good is told at once."""
    doorman = Doorman(memory)
    loop = asyncio.get_running_loop()
    async with remember(credentials=KEY) as client:
        doorman.code = 13004
        memory.wire.drop()
        await until(lambda: client.state is not State.CONNECTED)
        began = loop.time()
        with pytest.raises(SubscriptionRejected):
            await client.subscribe(USER)

        assert loop.time() - began < 5


@pytest.mark.looptime
async def test_busy_login_is_tried_on_a_new_link(memory: MemoryExchange, remember: Make) -> None:
    """A login answered with a rate limit is no refusal: a new link is made, 5 s later."""
    doorman = Doorman(memory)
    doorman.code = 10028
    entering = asyncio.create_task(remember(credentials=KEY).__aenter__())
    await until(lambda: memory.wires and memory.wire.asked("public/auth"))
    doorman.code = None
    client = await entering
    await client.aclose()

    assert memory.waits[0] >= 5


async def test_private_call_works_on_each_connection(exchange: SimulatedExchange, make: Make) -> None:
    """Each connection is logged in anew."""
    async with make(credentials=KEY) as client:
        for _ in range(3):
            await dropped(exchange, client)
            await client.subscribe(USER)
            await client.unsubscribe(USER)

    assert [request.connection for request in exchange.ledger.requests_of("public/auth")] == [1, 2, 3, 4]


async def test_cancel_on_disconnect(exchange: SimulatedExchange, make: Make) -> None:
    """True arms cancel-on-disconnect on each connection; None leaves the account as it is."""
    async with make(credentials=KEY, cancel_on_disconnect=True) as client:
        await dropped(exchange, client)
    armed = exchange.ledger.requests_of("private/enable_cancel_on_disconnect")
    assert [(request.connection, request.params) for request in armed] == [
        (1, {"scope": "connection"}),
        (2, {"scope": "connection"}),
    ]
    async with make(credentials=KEY):
        pass
    assert len(exchange.ledger.requests_of("private/enable_cancel_on_disconnect")) == 2


def test_plaintext() -> None:
    """Credentials go over ws:// to this machine only, unless told otherwise."""
    for url in ("ws://127.0.0.1:1", "ws://localhost:1", "ws://[::1]:1", "wss://example.com"):
        Client(url, credentials=KEY)
    for url in (
        "ws://example.com",
        "ws://10.0.0.1",
        "ws://127.0.0.1.example.com",
        "ws://localhost.example.com",
    ):
        with pytest.raises(UsageError, match="read by others"):
            Client(url, credentials=KEY)
    Client("ws://example.com", credentials=KEY, allow_plaintext=True)


@pytest.mark.parametrize("given", [("", "x"), ("x", "")])
def test_half_a_key(given: tuple[str, str]) -> None:
    """Credentials without an id or a secret are a UsageError."""
    with pytest.raises(UsageError):
        Credentials(*given)


async def test_secret_is_never_shown(
    exchange: SimulatedExchange, make: Make, ears: Ears, caplog: pytest.LogCaptureFixture
) -> None:
    """The secret is in no log of any level, no repr and no exception, when logins fail or time out too."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    key = Credentials("simulated", SECRET)
    client = make(credentials=key)
    shown += [repr(key), str(key), repr(client)]
    with pytest.raises(AuthError) as refused:
        async with client:
            pass
    error: BaseException | None = refused.value
    while error is not None:
        shown += [repr(error), str(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    exchange.inject(FailRequest("public/auth", 11050, data="invalid json"))
    with pytest.raises(Exception) as failed:
        async with make(credentials=Credentials("simulated", SECRET)):
            pass
    shown += [repr(failed.value)]

    assert SECRET not in "".join(shown)
    assert SECRET not in caplog.text


async def test_drop_during_login_tries(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A link lost while the login is being tried again is replaced at once."""
    loop = asyncio.get_running_loop()
    async with make(credentials=KEY) as client:
        exchange.inject(FailRequest("public/auth", 13004))
        exchange.inject(Drop.rst())
        await until(lambda: len(exchange.ledger.requests_of("public/auth")) == 2)
        await asyncio.sleep(0.02)
        exchange.inject(Drop.rst())
        began = loop.time()
        await until(lambda: 3 in exchange.connections and client.state is State.CONNECTED)

        assert loop.time() - began < 0.4
        assert TICKER not in exchange.connections[3].channels
