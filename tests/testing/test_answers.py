"""Errors on demand, and the answers to methods that need no market."""

from typing import Any

import aiohttp
import msgspec
import pytest

from deribit_ws import types
from deribit_ws.testing import FailRequest, SimulatedExchange
from deribit_ws.wire.errors import NAMES
from deribit_ws.wire.methods import METHODS
from tests.testing.peer import Peer

SUMMARY = {"currency": "BTC"}


async def test_any_code_can_be_answered(exchange: SimulatedExchange, peer: Peer) -> None:
    """Each of the documented codes can be the answer of any method, under its own name."""
    exchange.credits.resize("requests", size=1_000_000)
    codes = [code for code in NAMES if code >= 0]
    answers = []
    for code in codes:
        exchange.refuse("public/get_time", code)
        answers.append(await peer.error("public/get_time"))

    assert [(error["code"], error["message"]) for error in answers] == [(c, NAMES[c]) for c in codes]
    assert [refused.code for refused in exchange.ledger.refusals] == codes
    assert await peer.result("public/get_time")


async def test_messages_with_figures(exchange: SimulatedExchange, peer: Peer) -> None:
    """A refusal can say what it likes, and bring data."""
    exchange.refuse("public/test", 10007, message="price_too_high 43666.4288", data={"figure": 1})

    assert await peer.error("public/test") == {
        "code": 10007,
        "message": "price_too_high 43666.4288",
        "data": {"figure": 1},
    }


async def test_refusing_for_good(exchange: SimulatedExchange, peer: Peer) -> None:
    """A method can be refused until it is allowed, or faults are cleared."""
    exchange.refuse("public/test", 11051, times=None)
    down = [(await peer.error("public/test"))["code"] for _ in range(3)]
    exchange.allow("public/test")
    exchange.allow("public/get_time")
    up = await peer.call("public/test")
    exchange.refuse("*", 13028, times=None)
    everything = [(await peer.error(method))["code"] for method in ("public/test", "public/status")]
    exchange.clear_faults()

    assert (down, "result" in up, everything) == ([11051] * 3, True, [13028] * 2)
    assert await peer.result("public/status")


async def test_refusing_one_connection(exchange: SimulatedExchange, peer: Peer) -> None:
    """As a fault a refusal can concern one connection, without end too."""
    exchange.inject(FailRequest("public/test", 10040, times=None, message="retry 3"), 1)
    errors = [await peer.error("public/test") for _ in range(2)]

    assert errors == [{"code": 10040, "message": "retry 3"}] * 2


async def test_every_refusal_is_written_down(exchange: SimulatedExchange, peer: Peer) -> None:
    """The ledger has each error answer with its connection, method, id and code."""
    await peer.error("public/nonsense")
    await peer.error("private/get_positions")
    await peer.socket.send_str("{")
    await peer.socket.receive()
    async with aiohttp.ClientSession() as session:
        (await session.get(f"{exchange.http_url}/public/ticker")).close()

    assert [(one.connection, one.method, one.id, one.code) for one in exchange.ledger.refusals] == [
        (1, "public/nonsense", 1, -32601),
        (1, "private/get_positions", 2, 13009),
        (1, None, None, 11050),
        (None, "public/ticker", None, -32602),
    ]


async def test_documented_methods_that_are_not_simulated(peer: Peer) -> None:
    """A documented method this exchange lacks is 10033, one nobody knows -32601."""
    await peer.login()
    missing = [method for method in METHODS if method.partition("/")[2] in ("get_deposits", "get_combos")]
    errors = [await peer.error(method) for method in missing]

    assert len(missing) == 2
    assert [(error["code"], error["message"]) for error in errors] == [(10033, "not_implemented")] * 2
    assert (await peer.error("private/nonsense"))["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        ("public/status", {}, {"locked": "false", "locked_indices": []}),
        ("public/hello", {"client_name": "me", "client_version": "1"}, {"version": "1.2.26"}),
        ("private/get_positions", {"currency": "BTC", "kind": "option"}, []),
        ("private/get_open_orders", {}, []),
        ("private/get_open_orders_by_currency", {"currency": "BTC"}, []),
        ("private/get_open_orders_by_instrument", {"instrument_name": "BTC-PERPETUAL"}, []),
        ("private/get_open_orders_by_label", {"currency": "BTC", "label": "x"}, []),
        ("private/cancel_all", {}, 0),
        ("private/cancel_all_by_currency", {"currency": "BTC", "detailed": True}, []),
    ],
)
async def test_small_answers(peer: Peer, method: str, params: dict[str, Any], answer: Any) -> None:
    """An account without orders says so in the documented shapes."""
    await peer.login()

    assert await peer.result(method, **params) == answer


BTC = {"instrument_name": "BTC-PERPETUAL"}


@pytest.mark.parametrize(
    ("method", "params", "kind"),
    [
        ("public/get_currencies", {}, list[types.Currency]),
        ("public/get_instruments", {"currency": "any"}, list[types.Instrument]),
        ("public/get_instrument", BTC, types.Instrument),
        ("public/get_order_book", BTC, types.OrderBookSnapshot),
        ("public/get_last_trades_by_instrument", BTC, types.TradesPage),
        ("public/get_index_price", {"index_name": "btc_usd"}, types.IndexLevel),
        ("public/ticker", BTC, types.Ticker),
        ("public/status", {}, types.Status),
        ("public/test", {}, types.Version),
        ("private/get_account_summary", SUMMARY, types.AccountSummary),
        ("private/get_account_summary", SUMMARY | {"extended": True}, types.AccountSummary),
        ("private/get_account_summaries", {}, types.AccountSummaries),
        ("private/get_cancel_on_disconnect", {}, types.CancelOnDisconnect),
    ],
)
async def test_answers_have_the_documented_types(
    peer: Peer, method: str, params: dict[str, Any], kind: Any
) -> None:
    """Answers decode into the documented types, and nothing in them is unknown there."""
    await peer.login()
    answer = await peer.result(method, **params)
    typed = msgspec.convert(answer, kind)

    assert msgspec.json.decode(msgspec.json.encode(typed)) == answer


async def test_a_login_has_the_documented_type(peer: Peer) -> None:
    """The answer of a login decodes into its type, and nothing in it is unknown there."""
    answer = await peer.login(scope="session:desk", state="mine")

    assert msgspec.to_builtins(msgspec.convert(answer, types.Login)) == answer


async def test_currencies(peer: Peer) -> None:
    """Currencies come with their names, decimals and withdrawal terms."""
    currencies = await peer.result("public/get_currencies")

    assert [(one["currency"], one["currency_long"], one["decimals"]) for one in currencies] == [
        ("BTC", "Bitcoin", 8),
        ("ETH", "Ethereum", 8),
        ("USDC", "USD Coin", 6),
    ]
    assert all({"coin_type", "min_confirmations", "withdrawal_fee"} <= one.keys() for one in currencies)


async def test_an_account_summary(peer: Peer) -> None:
    """A summary has the currency's sums; only the extended one says whose it is."""
    await peer.login()
    plain = await peer.result("private/get_account_summary", **SUMMARY)
    extended = await peer.result("private/get_account_summary", extended=True, **SUMMARY)

    assert (plain["currency"], plain["equity"], plain["margin_balance"]) == ("BTC", 10.0, 10.0)
    assert "username" not in plain
    assert (extended["username"], extended["type"]) == ("user_10", "main")
    assert (await peer.error("private/get_account_summary"))["data"]["param"] == "currency"
    assert (await peer.error("private/get_account_summary", currency="XYZ"))["code"] == -32602
