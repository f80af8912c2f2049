"""Who is logged in and for what: scopes, signatures, clocks, and tokens that expire."""

import asyncio
import hashlib
import hmac
import logging
from typing import Any

import pytest

from deribit_ws.testing import Account, SimulatedExchange
from tests.testing.conftest import NOON, Build, Clock, Dial
from tests.testing.peer import Peer

MINE = "user.trades.any.any.raw"
PUBLIC = "ticker.BTC-PERPETUAL.100ms"


# --- what is granted


async def test_the_answer_of_a_login(peer: Peer) -> None:
    """A login answers tokens, their life, the granted scope, a session id, and the state given."""
    tokens = await peer.login(state="mine")

    assert (tokens["expires_in"], tokens["token_type"], tokens["state"]) == (31_536_000, "bearer", "mine")
    assert tokens["scope"].split() == [
        "connection",
        "mainaccount",
        "account:read_write",
        "trade:read_write",
        "wallet:read_write",
        "block_trade:read_write",
        "block_rfq:read_write",
    ]
    assert len({tokens["access_token"], tokens["refresh_token"], tokens["sid"]}) == 3


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("", "connection trade:read account:read_write"),
        ("trade:read_write", "connection trade:read"),
        ("trade:read_write wallet:read", "connection trade:read"),
        ("account:read session:s1 expires:60 ip:*", "session:s1 account:read"),
        ("trade:none account:none", "connection"),
        ("trade:everything nonsense", "connection trade:read account:read_write"),
    ],
)
async def test_scopes_are_narrowed_in_silence(build: Build, dial: Dial, asked: str, granted: str) -> None:
    """What a key may not have is left out of the granted scope without an error."""
    key = Account("secret", scope="trade:read account:read_write")
    peer = await dial(await build(accounts={"simulated": key}))

    assert (await peer.login(scope=asked))["scope"] == granted


async def test_a_method_beyond_the_scope_is_forbidden(build: Build, dial: Dial) -> None:
    """A method whose scope was not granted is 13021; one whose scope was is answered."""
    key = Account("secret", scope="trade:read account:read")
    peer = await dial(await build(accounts={"simulated": key}))
    await peer.login(scope="trade:read")
    forbidden = [
        await peer.error("private/get_account_summary", currency="BTC"),
        await peer.error("private/cancel_all"),
        await peer.error("private/enable_cancel_on_disconnect"),
    ]

    assert await peer.result("private/get_positions") == []
    assert [(error["code"], error["message"]) for error in forbidden] == [(13021, "forbidden")] * 3


async def test_a_channel_beyond_the_scope_is_left_out(peer: Peer) -> None:
    """A private channel whose scope was not granted is left out of the answer without an error."""
    await peer.login(scope="trade:read")
    account = ["user.portfolio.btc", "user.access_log", "user.lock", "user.lsp"]
    others = ["block_rfq.maker.any", "block_rfq.taker.BTC", "block_trade_confirmations.BTC"]

    assert await peer.subscribe(MINE, *account, *others, scope="private") == [MINE]
    await peer.login()
    assert sorted(await peer.subscribe(*account, *others, scope="private")) == sorted(account + others)


async def test_a_key_can_be_narrowed_meanwhile(exchange: SimulatedExchange, peer: Peer) -> None:
    """A narrowed key keeps what it was granted until its next renewal, then has less until it is restored."""
    tokens = await peer.login()
    exchange.narrow_key("simulated", "trade:read")
    before = await peer.result("private/cancel_all")
    renewed = (await peer.renew(tokens))["result"]

    assert before == 0
    assert renewed["scope"] == "connection trade:read"
    assert (await peer.error("private/cancel_all"))["code"] == 13021
    exchange.restore_key("simulated")
    assert (await peer.login())["scope"] == tokens["scope"]
    assert await peer.result("private/cancel_all") == 0


# --- signatures and clocks


def test_the_documented_signature() -> None:
    """The signed text is timestamp, nonce and data with line feeds between, as documented."""
    text = b"1576074319000\n1iqt2wls\n"
    documented = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"

    assert hmac.new(b"AMANDASECRECT", text, hashlib.sha256).hexdigest() == documented


def signed(at: float, nonce: str, secret: bytes = b"secret") -> dict[str, Any]:
    timestamp = int(at * 1000)
    signature = hmac.new(secret, f"{timestamp}\n{nonce}\n".encode(), hashlib.sha256).hexdigest()
    proof = {"grant_type": "client_signature", "client_id": "simulated", "signature": signature}
    return proof | {"timestamp": timestamp, "nonce": nonce}


async def test_the_documented_signature_is_accepted(build: Build, dial: Dial) -> None:
    """The documentation's own example logs in, at its own time."""
    accounts = {"AMANDA": "AMANDASECRECT"}
    peer = await dial(await build(accounts=accounts, wall_clock=lambda: 1_576_074_319.0))
    proof = {"grant_type": "client_signature", "client_id": "AMANDA", "timestamp": 1_576_074_319_000}
    signature = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"

    assert await peer.result("public/auth", **proof, nonce="1iqt2wls", data="", signature=signature)


@pytest.mark.parametrize(("seconds", "good"), [(-61, False), (-59, True), (59, True), (61, False)])
async def test_signatures_go_by_the_exchanges_clock(
    build: Build, dial: Dial, clock: Clock, seconds: float, good: bool
) -> None:
    """A signature may be a minute off the exchange's clock either way, however wrong that clock is."""
    exchange = await build(wall_clock=clock, clock_offset=500.0)
    peer = await dial(exchange)
    exchange.clock_offset = -3_600.0
    answer = await peer.call("public/auth", **signed(NOON - 3_600 + seconds, "n"))

    assert ("result" in answer) is good
    assert good or answer["error"]["code"] == 13004


async def test_a_refused_signature_does_not_spend_its_nonce(build: Build, dial: Dial, clock: Clock) -> None:
    """A nonce is used up by a login, not by a refusal, and belongs to its key alone."""
    peer = await dial(await build(wall_clock=clock, accounts={"simulated": "secret", "other": "secret"}))
    refused = await peer.error("public/auth", **signed(NOON, "n", b"guess"))

    assert refused["code"] == 13004
    assert await peer.result("public/auth", **signed(NOON, "n"))
    assert await peer.result("public/auth", **(signed(NOON, "n") | {"client_id": "other"}))
    assert (await peer.error("public/auth", **signed(NOON, "n")))["code"] == 13004


async def test_a_clock_that_is_off(build: Build, dial: Dial, clock: Clock) -> None:
    """An offset shows in the time, in usIn and usOut and in data, and changes no token's life."""
    exchange = await build(wall_clock=clock, clock_offset=90.0)
    peer = await dial(exchange)
    await peer.login(scope="expires:60")
    await peer.subscribe(PUBLIC)
    answer = await peer.call("public/get_time")

    assert (answer["result"], answer["usIn"]) == (int((NOON + 90) * 1e3), int((NOON + 90) * 1e6))
    assert (await peer.said(PUBLIC))[0]["timestamp"] == int((NOON + 90) * 1e3)
    exchange.clock_offset = -90.0
    assert await peer.result("public/get_time") == int((NOON - 90) * 1e3)
    assert await peer.may_read()


async def test_nothing_secret_is_shown(
    build: Build, dial: Dial, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """No secret, signature or token is in a log of any level, in the ledger, or in a repr."""
    caplog.set_level(logging.DEBUG)
    key = Account("tops3cret", subaccounts=(11,))
    exchange = await build(accounts={"simulated": key}, wall_clock=clock)
    peer = await dial(exchange)
    tokens = [await peer.login(client_secret="tops3cret", scope="session:one")]
    proof = signed(NOON, "n", b"tops3cret")
    tokens.append(await peer.result("public/auth", **proof))
    await peer.error("public/auth", **(proof | {"signature": "0" * 64}))
    await peer.error("public/auth", grant_type="client_credentials", client_id="simulated", client_secret="g")
    login = exchange.connections[1].login
    shown = f"{exchange.ledger.requests}{exchange.ledger.refusals}{login!r}{key!r}{caplog.text}"
    secrets = ["tops3cret", proof["signature"]]
    secrets += [pair[name] for pair in tokens for name in ("access_token", "refresh_token")]

    assert [secret for secret in secrets if secret in shown] == []


# --- renewal and expiry


async def test_renewal_keeps_the_connection_logged_in(exchange: SimulatedExchange, peer: Peer) -> None:
    """A renewal voids both old tokens at once; the connection and its private channels go on."""
    old = await peer.login(scope="expires:30 trade:read")
    await peer.subscribe(MINE, scope="private")
    new = (await peer.renew(old))["result"]
    exchange.publish(MINE, [])

    assert await peer.may_read()
    assert not await peer.may_read(access_token=old["access_token"])
    assert await peer.may_read(access_token=new["access_token"])
    assert (await peer.renew(old))["error"]["code"] == 13004
    assert (new["expires_in"], new["scope"]) == (30, "connection mainaccount trade:read")
    assert await peer.said(MINE) == [[]]


async def test_private_channels_end_with_the_token(build: Build, dial: Dial, clock: Clock) -> None:
    """Once its token has expired a connection gets 13009 and no private data; the public flows on."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    await peer.login(scope="expires:3")
    await peer.subscribe(MINE, PUBLIC, scope="private")
    exchange.publish(MINE, ["before"])
    clock.now += 3
    exchange.publish(MINE, ["after"])
    exchange.publish(PUBLIC, "after")

    assert not await peer.may_read()
    assert (await peer.said(MINE), list(exchange.connections[1].channels)) == ([["before"]], [PUBLIC])


async def test_a_late_login_does_not_bring_private_channels_back(
    build: Build, dial: Dial, clock: Clock
) -> None:
    """After an expiry private channels must be subscribed again, though a renewal logs in again."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    tokens = await peer.login(scope="expires:3")
    await peer.subscribe(MINE, scope="private")
    clock.now += 4
    await peer.renew(tokens)
    exchange.publish(MINE, ["missed"])
    again = await peer.subscribe(MINE, scope="private")
    exchange.publish(MINE, ["heard"])

    assert again == [MINE]
    assert await peer.said(MINE) == [["heard"]]


async def test_logging_in_again_in_time(build: Build, dial: Dial, clock: Clock) -> None:
    """A login before the expiry of the last one voids that one's tokens and interrupts no channel."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    first = await peer.login(scope="expires:3")
    await peer.subscribe(MINE, scope="private")
    clock.now += 2
    await peer.login(scope="expires:3")
    voided = not await peer.may_read(access_token=first["access_token"])
    clock.now += 2
    exchange.publish(MINE, ["heard"])

    assert voided
    assert await peer.may_read()
    assert await peer.said(MINE) == [["heard"]]


async def test_private_channels_may_outlive_the_token(build: Build, dial: Dial, clock: Clock) -> None:
    """On request private channels go on after the token's end, while calls are refused."""
    exchange = await build(wall_clock=clock, private_outlives_token=True)
    peer = await dial(exchange)
    await peer.login(scope="expires:3")
    await peer.subscribe(MINE, scope="private")
    clock.now += 4
    exchange.publish(MINE, ["late"])

    assert not await peer.may_read()
    assert await peer.said(MINE) == [["late"]]


async def test_tokens_expire_on_command(exchange: SimulatedExchange, dial: Dial) -> None:
    """A test can let one connection's tokens run out, or all of them; both can still be renewed."""
    first, second = await dial(exchange), await dial(exchange)
    tokens = [await peer.login() for peer in (first, second)]
    await second.subscribe(MINE, scope="private")
    exchange.expire_tokens(1)
    after_one = [await peer.may_read() for peer in (first, second)]
    exchange.expire_tokens()

    assert after_one == [False, True]
    assert not exchange.connections[2].channels
    assert not await second.may_read()
    assert (await second.renew(tokens[1]))["result"]
    assert await second.may_read()


@pytest.mark.looptime
async def test_short_tokens_in_virtual_time(build: Build, dial: Dial) -> None:
    """With the loop's clock as wall clock, three-second tokens renewed in time last a minute."""
    loop = asyncio.get_running_loop()
    exchange = await build(wall_clock=lambda: NOON + loop.time())
    peer, began = await dial(exchange), loop.time()
    tokens = await peer.login(scope="expires:3")
    await peer.subscribe(MINE, scope="private")
    for number in range(25):
        await asyncio.sleep(2.4)
        assert await peer.may_read()
        exchange.publish(MINE, [number])
        tokens = (await peer.renew(tokens))["result"]
    heard = await peer.said(MINE)
    await asyncio.sleep(3.1)

    assert loop.time() - began > 60
    assert heard == [[number] for number in range(25)]
    assert not await peer.may_read()
