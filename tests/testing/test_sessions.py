"""Where a login holds: connections, sessions, sub-accounts; how it ends, and how a test ends it."""

from typing import Any

import aiohttp
import pytest

from deribit_ws.testing import Drop, SimulatedExchange
from tests.testing.conftest import Dial
from tests.testing.peer import Message, Peer

MINE = "user.trades.any.any.raw"
PUBLIC = "ticker.BTC-PERPETUAL.100ms"


# --- connections and sessions


async def test_a_connections_login_dies_with_it(exchange: SimulatedExchange, dial: Dial) -> None:
    """The tokens of a connection are worth nothing elsewhere, nor when it is gone, not even to renew."""
    first, second = await dial(exchange), await dial(exchange)
    tokens = await first.login()
    elsewhere = (await second.renew(tokens))["error"]
    exchange.inject(Drop.rst(), 1)
    await exchange.ledger.until(lambda: 1 not in exchange.connections)

    assert elsewhere["code"] == 13009
    assert not await second.may_read(access_token=tokens["access_token"])
    assert (await second.renew(tokens))["error"]["code"] == 13004


async def test_a_session_survives_connections(exchange: SimulatedExchange, dial: Dial) -> None:
    """A session's token works on any connection, after the one it was made on is gone too."""
    first = await dial(exchange)
    tokens = await first.login(scope="session:desk")
    exchange.inject(Drop.rst(), 1)
    await exchange.ledger.until(lambda: 1 not in exchange.connections)
    second, third = await dial(exchange), await dial(exchange)

    assert exchange.logins.sessions("simulated") == ["desk"]
    assert not await second.may_read()
    assert await second.may_read(access_token=tokens["access_token"])
    both = [MINE, PUBLIC]
    token = {"access_token": tokens["access_token"]}
    assert sorted(await second.result("private/subscribe", channels=both, **token)) == sorted(both)
    renewed = (await third.renew(tokens))["result"]
    exchange.publish(MINE, ["heard"])
    assert await third.may_read()
    assert (renewed["sid"], exchange.logins.sessions("simulated")) == (tokens["sid"], ["desk"])
    assert await second.said(MINE) == [["heard"]]


async def test_the_seventeenth_session_removes_the_oldest(exchange: SimulatedExchange, dial: Dial) -> None:
    """A key has sixteen sessions; one more takes the oldest away, and its connections' login with it."""
    oldest, newer = await dial(exchange), await dial(exchange)
    await oldest.login(scope="session:s0")
    await oldest.subscribe(MINE, scope="private")
    for number in range(1, 16):
        await newer.login(scope=f"session:s{number}")
    await newer.login(scope="session:s3")
    at_sixteen = await oldest.may_read()
    await newer.login(scope="session:s16")
    exchange.publish(MINE, ["too late"])

    assert at_sixteen
    assert exchange.logins.sessions("simulated") == [f"s{number}" for number in range(1, 17)]
    assert not await oldest.may_read()
    assert await oldest.said(MINE) == []


async def test_forking_a_token(exchange: SimulatedExchange, peer: Peer) -> None:
    """fork_token opens another session with the same scope and leaves the first as it is."""
    tokens = await peer.login(scope="session:one trade:read")
    fork = {"refresh_token": tokens["refresh_token"], "session_name": "two"}
    forked = await peer.result("public/fork_token", **fork)

    assert forked["scope"] == "session:two mainaccount trade:read"
    assert exchange.logins.sessions("simulated") == ["one", "two"]
    assert await peer.may_read(access_token=forked["access_token"])
    assert await peer.may_read(access_token=tokens["access_token"])
    own = await peer.login()
    error = await peer.error("public/fork_token", refresh_token=own["refresh_token"], session_name="x")
    assert (error["code"], error["data"]["param"]) == (-32602, "refresh_token")


async def test_exchanging_a_token(peer: Peer) -> None:
    """exchange_token gives a sub-account's login: with a session beside the given one, else in its place."""
    tokens = await peer.login()

    async def exchanged(**params: Any) -> Message:
        more = {"refresh_token": tokens["refresh_token"], "subject_id": 11} | params
        answer: Message = await peer.result("public/exchange_token", **more)
        return answer

    aside = await exchanged(scope="session:sub")
    assert "mainaccount" not in aside["scope"]
    assert await peer.may_read(access_token=tokens["access_token"])
    assert (await peer.result("private/get_account_summary", currency="BTC", extended=True))["id"] == 10
    switched = await exchanged()
    assert "mainaccount" in switched["scope"]
    assert (await peer.result("private/get_account_summary", currency="BTC", extended=True))["id"] == 11
    assert not await peer.may_read(access_token=tokens["access_token"])
    tokens = switched
    wrong = await peer.error("public/exchange_token", refresh_token=tokens["refresh_token"], subject_id=99)
    assert (wrong["code"], wrong["data"]["param"]) == (-32602, "subject_id")


# --- leaving


@pytest.mark.parametrize(("invalidate", "alive"), [(None, False), (True, False), (False, True)])
async def test_logout_and_the_tokens_of_a_session(
    exchange: SimulatedExchange, dial: Dial, invalidate: bool | None, alive: bool
) -> None:
    """A logout voids the session's tokens unless told not to; it has no answer, and the socket closes."""
    first, second = await dial(exchange), await dial(exchange)
    tokens = await first.login(scope="session:desk")
    await first.ask("private/logout", **({} if invalidate is None else {"invalidate_token": invalidate}))
    ended = await first.ending()

    assert (ended.type, first.heard) == (aiohttp.WSMsgType.CLOSE, [])
    assert await second.may_read(access_token=tokens["access_token"]) is alive


@pytest.mark.parametrize(("leave", "cancels"), [("logout", False), ("close", True), ("reset", True)])
async def test_which_ends_cancel_orders(
    exchange: SimulatedExchange, peer: Peer, leave: str, cancels: bool
) -> None:
    """Every end of a connection with cancel-on-disconnect cancels orders, but a logout does not."""
    await peer.login()
    await peer.result("private/enable_cancel_on_disconnect")
    match leave:
        case "logout":
            await peer.ask("private/logout")
            await peer.ending()
        case "close":
            await peer.socket.close()
        case _:
            exchange.inject(Drop.rst())
    await exchange.ledger.until(lambda: bool(exchange.ledger.farewells))

    assert [farewell.cancels_orders for farewell in exchange.ledger.farewells] == [cancels]


async def test_cancel_on_disconnect_of_the_account(exchange: SimulatedExchange, dial: Dial) -> None:
    """Armed for the account it holds on every later login; for the connection on that one alone."""
    first, second = await dial(exchange), await dial(exchange)
    await first.login()
    await first.result("private/enable_cancel_on_disconnect", scope="connection")
    await second.login()
    alone = exchange.connections[2].cancel_on_disconnect
    await second.result("private/enable_cancel_on_disconnect", scope="account")
    third = await dial(exchange)
    await third.login()

    assert not alone
    assert exchange.connections[3].cancel_on_disconnect
    for scope in ("connection", "account"):
        answer = await third.result("private/get_cancel_on_disconnect", scope=scope)
        assert answer == {"scope": scope, "enabled": True}
    await third.result("private/disable_cancel_on_disconnect", scope="account")
    assert await first.result("private/get_cancel_on_disconnect", scope="account") == {
        "scope": "account",
        "enabled": False,
    }


# --- what a test can do to keys


async def test_logins_can_be_refused(exchange: SimulatedExchange, peer: Peer) -> None:
    """Logins can be refused with any code, for good or so many times, and allowed again."""
    proof = {"grant_type": "client_credentials", "client_id": "simulated", "client_secret": "secret"}
    exchange.refuse_logins()
    wrong = [(await peer.error("public/auth", **proof))["code"] for _ in range(3)]
    exchange.allow_logins()
    await peer.login()
    exchange.refuse_logins(10028, times=1, message="too_many_requests 5")
    busy = await peer.error("public/auth", **proof)
    await peer.login()

    assert wrong == [13004] * 3
    assert (busy["code"], busy["message"]) == (10028, "too_many_requests 5")


async def test_a_key_can_be_revoked(exchange: SimulatedExchange, peer: Peer) -> None:
    """A revoked key's tokens are dead at once and it can't log in; a restored one can."""
    tokens = await peer.login()
    await peer.subscribe(MINE, scope="private")
    exchange.revoke_key("simulated")
    proof = {"grant_type": "client_credentials", "client_id": "simulated", "client_secret": "secret"}

    assert not exchange.connections[1].channels
    assert not await peer.may_read()
    assert (await peer.error("public/auth", **proof))["code"] == 13004
    assert (await peer.renew(tokens))["error"]["code"] == 13004
    exchange.restore_key("simulated")
    await peer.login()
    assert await peer.may_read()
    with pytest.raises(ValueError, match="nobody"):
        exchange.revoke_key("nobody")
