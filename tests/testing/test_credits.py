"""Credits, rates and the matching engine's queue, as the exchange counts them."""

import asyncio
from typing import Any

import aiohttp
import pytest

from deribit_ws.testing import DERIBIT_CREDITS, Account, DelayReply, Pool, SimulatedExchange
from deribit_ws.testing.credits import Credits, pool_of
from deribit_ws.testing.matching import ENGINE, currency_of
from tests.testing.conftest import Build, Dial

# What is spent stays spent: for tests that reckon.
UNFILLED = {name: Pool(pool.cost, pool.size, 0) for name, pool in DERIBIT_CREDITS.items()}
SMALL = DERIBIT_CREDITS | {"requests": Pool(500, 1_500, 500)}


class Time:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- the account


@pytest.mark.parametrize(
    ("method", "burst", "seconds_each"),
    [
        ("public/get_time", 100, 0.05),
        ("public/auth", 100, 0.05),
        ("private/get_positions", 100, 0.05),
        ("public/unsubscribe", 100, 0.05),
        ("public/get_instruments", 50, 1.0),
        ("public/subscribe", 10, 0.3),
        ("private/subscribe", 10, 0.3),
        ("private/get_transaction_log", 8, 1.0),
        ("private/move_positions", 6, 10.0),
        ("private/buy", 20, 0.2),
        ("private/cancel", 20, 0.2),
        ("private/cancel_all", 20, 0.2),
    ],
)
def test_the_figures_of_deribit(method: str, burst: int, seconds_each: float) -> None:
    """So many calls go through at once, then one each so many seconds."""
    clock = Time()
    credits = Credits(DERIBIT_CREDITS, holder=lambda _: 10, clock=clock)
    at_once = [credits.charge(10, method, {}) for _ in range(burst + 1)]
    clock.now += seconds_each * 0.99
    too_soon = credits.charge(10, method, {})
    clock.now += seconds_each * 0.02

    assert at_once == [True] * burst + [False]
    assert (too_soon, credits.charge(10, method, {})) == (False, True)


def test_accounts_are_apart() -> None:
    """Users and addresses have credits of their own, and each pool is counted by itself."""
    credits = Credits(DERIBIT_CREDITS, holder=lambda name: 10 if name else "here", clock=Time())
    for _ in range(100):
        credits.charge(10, "public/get_time", {})
    credits.charge("here", "public/subscribe", {})

    assert not credits.charge(10, "public/get_time", {})
    assert credits.charge("here", "public/get_time", {})
    full = {name: pool.size for name, pool in DERIBIT_CREDITS.items()}
    assert credits.levels("key") == full | {"requests": 0.0}
    assert (credits.levels()["subscribe"], credits.lowest()["requests"]) == (27_000, 49_500)


def test_pools_refill_no_further_than_full() -> None:
    """A pool left alone is full and no more; its lowest level is remembered."""
    clock = Time()
    credits = Credits(DERIBIT_CREDITS, holder=lambda _: 10, clock=clock)
    credits.drain("requests", "key")
    empty = credits.levels("key")["requests"]
    clock.now += 3_600

    assert (empty, credits.levels("key")["requests"], credits.lowest("key")["requests"]) == (0, 50_000, 0)


@pytest.mark.parametrize(
    ("method", "params", "pool"),
    [
        ("private/buy", {"instrument_name": "BTC-PERPETUAL"}, "trading"),
        ("private/buy", {"instrument_name": "BTC_USDC-PERPETUAL"}, "trading"),
        ("private/sell", {"instrument_name": "BTC_USDC"}, "spot"),
        ("private/cancel_by_label", {"label": "x"}, "cancel_all"),
        ("private/cancel_by_label", {"label": "x", "currency": "BTC"}, "trading"),
        ("private/cancel_all_by_kind_or_type", {"kind": "any"}, "cancel_all"),
        ("private/cancel_all_by_currency", {"currency": "BTC"}, "trading"),
        ("private/mass_quote", {}, "mass_quote"),
        ("private/create_combo", {}, "requests"),
        ("nonsense", {"instrument_name": 5}, "requests"),
    ],
)
def test_which_pool_a_request_draws_on(method: str, params: dict[str, Any], pool: str) -> None:
    """Orders, spot orders, cancels of everything, quotes and all else have pools of their own."""
    assert pool_of(method, params) == pool


# --- on the wire


@pytest.mark.looptime
async def test_without_credits_the_connection_ends(build: Build, dial: Dial) -> None:
    """The request too many is 10028, and the connection then ends without a close frame."""
    exchange = await build(credits=SMALL)
    peer = await dial(exchange)
    answers = [await peer.call("public/test") for _ in range(4)]
    began = asyncio.get_running_loop().time()
    ended = await peer.ending()

    assert [answer.get("error") for answer in answers[:3]] == [None] * 3
    assert answers[3]["error"] == {"code": 10028, "message": "too_many_requests"}
    assert (ended.type, peer.socket.close_code) == (aiohttp.WSMsgType.CLOSED, 1006)
    assert 0 < asyncio.get_running_loop().time() - began < 1
    assert [(refused.method, refused.code) for refused in exchange.ledger.refusals_of(10028)] == [
        ("public/test", 10028)
    ]
    assert exchange.credits.lowest()["requests"] == 0


@pytest.mark.looptime
async def test_credits_outlive_connections_and_refill(build: Build, dial: Dial) -> None:
    """Credits belong to the address, so a new connection is no better off until they refill."""
    exchange = await build(credits=SMALL)
    first = await dial(exchange)
    for _ in range(3):
        await first.result("public/test")
    second = await dial(exchange)
    refused = await second.error("public/test")
    await asyncio.sleep(1.01)
    third = await dial(exchange)

    assert refused["code"] == 10028
    assert await third.result("public/test")
    assert (await third.error("public/test"))["code"] == 10028


async def test_a_login_draws_on_the_users_credits(build: Build, dial: Dial) -> None:
    """Once logged in a connection uses its user's credits, which keys of one user share."""
    both = {"simulated": Account("secret", user_id=7), "other": Account("secret", user_id=7)}
    exchange = await build(accounts=both | {"stranger": "secret"}, credits=UNFILLED)
    first, second = await dial(exchange), await dial(exchange)
    await first.login()
    await second.login(client_id="other")
    for peer in (first, second):
        await peer.result("public/subscribe", channels=[])
    await first.result("private/get_positions")

    assert exchange.credits.levels("simulated")["subscribe"] == exchange.credits.levels("other")["subscribe"]
    assert exchange.credits.lowest("simulated")["subscribe"] == 24_000
    assert exchange.credits.lowest("simulated")["requests"] == 49_500
    assert exchange.credits.lowest("stranger")["requests"] == 50_000
    assert exchange.credits.lowest()["requests"] == 49_000  # the two logins themselves


async def test_refused_calls_cost_too(build: Build, dial: Dial) -> None:
    """A call that is refused, unknown or made to fail has been paid for."""
    exchange = await build(credits=UNFILLED)
    peer = await dial(exchange)
    exchange.refuse("public/get_time", 13028)
    for method in ("public/nonsense", "public/ticker", "private/get_positions", "public/get_time"):
        await peer.error(method)

    assert exchange.credits.lowest()["requests"] == 50_000 - 4 * 500


async def test_pools_can_be_drained_resized_or_left_out(build: Build, dial: Dial) -> None:
    """A test can empty a pool, make it smaller, or have nobody count."""
    exchange = await build()
    peer = await dial(exchange)
    exchange.credits.resize("subscribe", size=3_000, refill=0)
    first = await peer.call("public/subscribe", channels=[])
    second = await peer.error("public/subscribe", channels=[])
    free = await build(credits=None)
    free.credits.drain("requests")
    spender = await dial(free)

    assert ("result" in first, second["code"]) == (True, 10028)
    for _ in range(150):
        await spender.result("public/test")


async def test_credits_over_http(build: Build) -> None:
    """Plain HTTP draws on the same credits, and answers 10028 when they are gone."""
    exchange = await build()
    exchange.credits.drain("requests")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{exchange.http_url}/public/get_time") as answer,
    ):
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (400, 10028)
    assert len(exchange.ledger.refusals_of(10028)) == 1


async def test_limits_of_the_account(build: Build, dial: Dial) -> None:
    """get_account_summary tells the figures that are really counted, shaped as recorded answers are."""
    exchange = await build(credits=DERIBIT_CREDITS | {"trading": Pool(1, 250, 200)})
    peer = await dial(exchange)
    await peer.login()
    limits = (await peer.result("private/get_account_summary", currency="BTC"))["limits"]
    account = await peer.result("private/get_account_summaries", extended=True)

    assert limits == {
        "limits_per_currency": False,
        "non_matching_engine": {"burst": 100, "rate": 20},
        "matching_engine": {
            "trading": {"total": {"burst": 250, "rate": 200}},
            "spot": {"burst": 20, "rate": 5},
            "quotes": {"burst": 500, "rate": 500},
            "max_quotes": {"burst": 10, "rate": 10},
            "guaranteed_quotes": {"burst": 2, "rate": 2},
            "cancel_all": {"burst": 20, "rate": 5},
        },
    }
    assert [summary["currency"] for summary in account["summaries"]] == ["BTC", "ETH", "USDC"]
    assert all(summary["limits"] == limits for summary in account["summaries"])


# --- the matching engine


def test_the_matching_engines_methods() -> None:
    """Twenty-one methods go to the matching engine."""
    assert len(ENGINE) == 21
    assert {"private/buy", "private/cancel_all", "private/mass_quote", "private/verify_block_trade"} < ENGINE


@pytest.mark.parametrize(
    ("params", "currency"),
    [
        ({"instrument_name": "BTC-PERPETUAL"}, "BTC"),
        ({"instrument_name": "ETH-27NOV26-3000-C"}, "ETH"),
        ({"instrument_name": "SOL_USDC-PERPETUAL"}, "USDC"),
        ({"instrument_name": "BTC_USDT"}, "USDT"),
        ({"currency": "eth"}, "ETH"),
        ({"order_id": "ETH-584864807"}, "ETH"),
        ({"order_id": "584864807"}, "BTC"),
        ({"order_id": "SLMS-584864807"}, "BTC"),
        ({"order_id": "ETH-SLMS-584864807"}, "ETH"),
        ({}, "any"),
    ],
)
def test_the_currency_of_a_request(params: dict[str, str], currency: str) -> None:
    """A request waits in the queue of its currency, told by currency, instrument or order."""
    assert currency_of(params) == currency


@pytest.mark.looptime
async def test_eight_wait_per_user_and_currency(exchange: SimulatedExchange, dial: Dial) -> None:
    """A ninth unfinished request of one currency is 10047, another currency's is not; then there is room."""
    exchange.inject(DelayReply("private/cancel_all_by_currency", 1.0, times=9))
    exchange.refuse("private/buy", 10009, times=None)
    first, second = await dial(exchange), await dial(exchange)
    for peer in (first, second):
        await peer.login()
    waiting = [await first.ask("private/cancel_all_by_currency", currency="BTC") for _ in range(8)]
    await first.result("public/test")
    full = await second.error("private/buy", instrument_name="BTC-PERPETUAL")
    other = await second.error("private/buy", instrument_name="ETH-PERPETUAL")
    answers = [await first.socket.receive_json() for _ in waiting]
    room = await second.error("private/buy", instrument_name="BTC-PERPETUAL")

    assert {answer["id"]: answer["result"] for answer in answers} == dict.fromkeys(waiting, 0)
    assert (full["code"], full["message"]) == (10047, "matching_engine_queue_full")
    assert (other["code"], room["code"]) == (10009, 10009)
    assert len(exchange.ledger.refusals_of(10047)) == 1


async def test_a_lost_connections_requests_wait_no_more(exchange: SimulatedExchange, dial: Dial) -> None:
    """The places of a connection that is gone are free again."""
    exchange.inject(DelayReply("private/cancel_all", 60.0, times=8))
    first, second = await dial(exchange), await dial(exchange)
    for peer in (first, second):
        await peer.login()
    for _ in range(8):
        await first.ask("private/cancel_all")
    await first.result("public/test")
    full = await second.error("private/cancel_all")
    await first.socket.close()
    await exchange.ledger.until(lambda: 1 not in exchange.connections)

    assert full["code"] == 10047
    assert await second.result("private/cancel_all") == 0
