"""The client under the exchange's rules for accounts: credits, tokens, signatures, scopes, secrets."""

import asyncio
import json
import logging
from typing import Any

import pytest

from deribit_ws import AuthError, Client, Credentials, ScopeReduced, State, channels
from deribit_ws.aiohttp_transport.link import AiohttpTransport
from deribit_ws.testing import Account, SimulatedExchange
from tests.client.conftest import Build, Ears, Make, dropped, until

KEY = Credentials("simulated", "secret")
ORDERS = "user.orders.BTC-PERPETUAL.raw"
MANY = 2_000
NOON = 1_795_348_800.0  # of some day in 2026, in seconds


def many_channels(exchange: SimulatedExchange) -> list[str]:
    """Names of 2,000 channels that exist, private ones among them."""
    names: list[str] = [channels.user_orders(name) for name in exchange.instruments]
    for name in exchange.instruments:
        for interval in ("100ms", "agg2"):
            names += [channels.ticker(name, interval=interval), channels.trades(name, interval=interval)]
    return names[:MANY]


async def test_many_channels_within_the_credits(build: Build, ears: Ears) -> None:
    """2,000 channels are subscribed under Deribit's credit rules, and again after each drop, without one
    refusal for too many requests, while calls are made as well."""
    exchange: SimulatedExchange = await build(extra_options=400)
    client = Client(exchange.url, credentials=KEY, retry_seconds=0.01)
    client.add_handler(ears)
    names = many_channels(exchange)
    assert len(set(names)) == MANY
    async with client:
        assert sorted(await client.subscribe(*names)) == sorted(names)
        for _ in range(3):
            await asyncio.gather(
                dropped(exchange, client),
                *(client.call("public/get_time") for _ in range(50)),
            )
            newest = exchange.connections[max(exchange.connections)]
            assert set(newest.channels) == set(names)

    assert exchange.ledger.refusals_of(10028) == []
    assert ears.errors == []


async def test_flood_of_calls(build: Build) -> None:
    """Far more calls at once than the credits allow all end well: they wait, and nobody is cut off."""
    exchange: SimulatedExchange = await build()
    async with Client(exchange.url) as client:
        answers = await asyncio.gather(*(client.public.get_time() for _ in range(130)))
        left = client.limits.pools["non_matching_engine"].left

    assert len(answers) == 130
    assert left < 30
    assert exchange.ledger.refusals_of(10028) == []
    assert list(exchange.ledger.handshakes)[1:] == []


async def test_the_account_tells_its_rates(build: Build) -> None:
    """After the login the account's own rates are read, and `client.limits` shows them."""
    exchange: SimulatedExchange = await build()
    async with Client(exchange.url, credentials=KEY) as client:
        asked = exchange.ledger.requests_of
        await until(lambda: asked("private/get_account_summary"))
        await client.call("public/get_time")
        pools = client.limits.pools

    assert {"non_matching_engine", "subscribe", "spot"} <= pools.keys()
    assert pools["non_matching_engine"].rate == pytest.approx(20, rel=0.05)


@pytest.mark.looptime
async def test_three_second_tokens(build: Build, ears: Ears) -> None:
    """With tokens of 3 s no private call fails in a minute, and a private stream has no hole."""
    loop = asyncio.get_running_loop()
    exchange: SimulatedExchange = await build(
        token_seconds=3, wall_clock=lambda: NOON + loop.time(), credits=None
    )
    client = Client(exchange.url, credentials=KEY, retry_seconds=0.01)
    client.add_handler(ears)
    heard: list[Any] = []

    def hear(order: dict[str, Any]) -> None:
        heard.append(order["n"])

    client.register(ORDERS, hear)
    async with client:
        began = loop.time()
        sent = 0
        while loop.time() - began < 60:
            exchange.publish(ORDERS, {"n": sent})
            sent += 1
            assert await client.private.get_positions(currency="BTC") == []
            await asyncio.sleep(0.1)
        await until(lambda: len(heard) >= sent)

    logins = exchange.ledger.requests_of("public/auth")
    assert heard == list(range(sent))
    assert ears.errors == []
    assert len(list(exchange.ledger.handshakes)) == 1
    assert 20 <= len(logins) <= 40
    assert {request.params["grant_type"] for request in logins[1:]} == {"refresh_token"}


async def test_revoked_in_mid_connection(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Tokens that end unannounced cost no private call and, once noticed, no private channel."""
    client = make(credentials=KEY)
    heard: list[Any] = []

    def hear(order: dict[str, Any]) -> None:
        heard.append(order["n"])

    client.register(ORDERS, hear)
    async with client:
        await asyncio.sleep(0)
        age(client)
        exchange.expire_tokens()
        assert await client.private.get_positions(currency="BTC") == []
        await until(lambda: ORDERS in exchange.connections[1].channels)
        exchange.publish(ORDERS, {"n": 1})
        await until(lambda: heard)

    assert (heard, ears.errors) == ([1], [])


def age(client: Client) -> None:
    """Make the present login an hour old: a fresh one is never blamed."""
    assert client._logins is not None
    client._logins._since -= 3600


@pytest.mark.parametrize("offset", [-3600.0, 75.0, 86_400.0])
async def test_signed_login_with_a_clock_that_is_off(build: Build, offset: float) -> None:
    """A signed login is let in though the two clocks differ by more than a signature's life."""
    exchange: SimulatedExchange = await build(clock_offset=offset)
    key = Credentials("simulated", "secret", "client_signature")
    async with Client(exchange.url, credentials=key, retry_seconds=0.01) as client:
        await dropped(exchange, client)
        assert await client.private.get_positions(currency="BTC") == []

    sent = exchange.ledger.requests_of("public/auth")
    assert len(sent) == 2
    assert all("client_secret" not in request.params for request in sent)


async def test_first_login_refused_is_quick(exchange: SimulatedExchange, make: Make) -> None:
    """A first login that is refused raises within 1 s, signed or not."""
    for grant_type in ("client_credentials", "client_signature"):
        key = Credentials("simulated", "wrong", grant_type)
        with pytest.raises(AuthError) as refused:
            async with asyncio.timeout(1):
                await make(credentials=key).__aenter__()
        assert (refused.value.code, refused.value.name) == (13004, "invalid_credentials")
        assert refused.value.meaning


async def test_key_with_less_than_asked(build: Build) -> None:
    """A key that may only read can't be used where trading was asked for: told at once, by name."""
    exchange: SimulatedExchange = await build(
        accounts={"reader": Account("secret", "trade:read account:read")}
    )
    async with Client(exchange.url, credentials=Credentials("reader", "secret")) as client:
        assert client.scope is not None
        assert "trade:read" in client.scope.split()
    with pytest.raises(ScopeReduced) as reduced:
        await Client(
            exchange.url, credentials=Credentials("reader", "secret", scope="trade:read_write")
        ).__aenter__()

    assert reduced.value.lacking == ("trade:read_write",)


async def test_named_session_is_one(exchange: SimulatedExchange, make: Make) -> None:
    """A named session is used again on every connection, so that a key never runs out of its 16."""
    async with make(credentials=Credentials("simulated", "secret", session="bot")) as client:
        for _ in range(3):
            await dropped(exchange, client)

        assert exchange.logins.sessions("simulated") == ["bot"]


async def test_logout_keeps_orders_and_close_does_not(exchange: SimulatedExchange, make: Make) -> None:
    """Logging out ends the connection without cancel-on-disconnect; a plain close sets it off."""
    async with make(credentials=KEY, cancel_on_disconnect=True) as leaving:
        await leaving.logout()
        assert leaving.state is State.CLOSED
    async with make(credentials=KEY, cancel_on_disconnect=True):
        pass
    await until(lambda: len(exchange.ledger.farewells) == 2)

    assert [farewell.cancels_orders for farewell in exchange.ledger.farewells] == [False, True]


async def test_nothing_secret_is_shown(
    build: Build, caplog: pytest.LogCaptureFixture, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret, token or signature is in any log line at DEBUG, in a repr or in an exception, through
    logins, renewals, refusals and drops."""
    caplog.set_level(logging.DEBUG)
    exchange: SimulatedExchange = await build(accounts={"me": "tops3cret"}, token_seconds=1)
    sent = frames_sent(monkeypatch)
    shown: list[str] = []
    secrets: set[str] = set()
    for grant_type in ("client_credentials", "client_signature"):
        key = Credentials("me", "tops3cret", grant_type)
        client = Client(exchange.url, credentials=key, retry_seconds=0.01)
        client.add_handler(ears)
        async with client:
            sent.clear()
            await until(lambda: any(b"refresh_token" in frame for frame in sent))
            exchange.refuse_logins(times=2)
            await dropped(exchange, client)
            await client.call("private/get_positions")
            keeper = client._logins
            assert keeper is not None
            shown += [repr(client), repr(keeper._login.grant), repr(keeper._login)]
            secrets |= secrets_in(sent)
        exchange.refuse("public/auth", 11050, data="invalid json")
        with pytest.raises(AuthError) as refused:
            await Client(exchange.url, credentials=key).__aenter__()
        error: BaseException | None = refused.value
        while error is not None:
            shown += [repr(error), str(error), str(vars(error))]
            error = error.__cause__ or error.__context__
    shown += [f"{error!r}{vars(error)}" for error in ears.errors]
    told = caplog.text + "".join(shown)

    assert len(secrets) > 3
    assert [secret for secret in secrets if secret in told] == []


def secrets_in(frames: list[bytes]) -> set[str]:
    """Every secret that went out in logins."""
    logins = [json.loads(frame)["params"] for frame in frames if b"public/auth" in frame]
    names = ("client_secret", "signature", "refresh_token")
    return {params[name] for params in logins for name in names if params.get(name)}


def frames_sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give the list that all frames sent from now on are put into."""
    sent: list[bytes] = []
    send = AiohttpTransport.send_now

    def recorded(transport: AiohttpTransport, frame: bytes) -> None:
        sent.append(frame)
        send(transport, frame)

    monkeypatch.setattr(AiohttpTransport, "send_now", recorded)
    return sent
