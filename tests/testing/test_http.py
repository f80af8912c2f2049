"""The methods over plain HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from deribit_ws.testing import FailRequest, SimulatedExchange

BTC = "BTC-PERPETUAL"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def get(
    http: aiohttp.ClientSession, exchange: SimulatedExchange, method: str, **params: Any
) -> tuple[int, Any]:
    async with http.get(f"{exchange.http_url}/{method}", params=params) as answer:
        return answer.status, await answer.json()


async def test_get(http: aiohttp.ClientSession, exchange: SimulatedExchange) -> None:
    """GET takes query parameters, numbers and booleans included, and answers without an id."""
    status, book = await get(http, exchange, "public/get_order_book", instrument_name=BTC, depth="2")
    _, none = await get(http, exchange, "public/get_instruments", currency="BTC", expired="true")

    assert (status, len(book["result"]["bids"])) == (200, 5)
    assert "id" not in book
    assert none["result"] == []


async def test_post(http: aiohttp.ClientSession, exchange: SimulatedExchange) -> None:
    """POST takes a JSON-RPC body and echoes its id."""
    body = {"jsonrpc": "2.0", "id": 5, "method": "public/ticker", "params": {"instrument_name": BTC}}
    async with http.post(f"{exchange.http_url}/public/ticker", json=body) as response:
        answer = await response.json()

    assert (response.status, answer["id"]) == (200, 5)
    assert answer["result"]["instrument_name"] == BTC


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("public/nonsense", {}, -32601),
        ("public/ticker", {}, -32602),
        ("public/get_order_book", {"instrument_name": BTC, "depth": "deep"}, -32602),
        ("private/get_cancel_on_disconnect", {}, 13009),
        ("public/subscribe", {"channels": "quote.X"}, 10030),
        ("public/hello", {"client_name": "x", "client_version": "1"}, 10030),
    ],
)
async def test_errors(
    http: aiohttp.ClientSession, exchange: SimulatedExchange, method: str, params: Any, code: int
) -> None:
    """An error is HTTP 400 with the same body as on the websocket."""
    status, answer = await get(http, exchange, method, **params)

    assert (status, answer["error"]["code"]) == (400, code)
    assert answer.keys() >= {"usIn", "usOut", "usDiff", "testnet"}


@pytest.mark.parametrize(("body", "code"), [(b"{", 11050), (b" " * 33_000, -32600)])
async def test_bad_bodies(
    http: aiohttp.ClientSession, exchange: SimulatedExchange, body: bytes, code: int
) -> None:
    """A body that is no JSON, or too large, is refused."""
    async with http.post(f"{exchange.http_url}/public/test", data=body) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (400, code)


async def test_a_login_over_http(http: aiohttp.ClientSession, exchange: SimulatedExchange) -> None:
    """public/auth gives tokens over HTTP, and the ledger keeps no secret."""
    proof = {"grant_type": "client_credentials", "client_id": "simulated", "client_secret": "secret"}
    status, answer = await get(http, exchange, "public/auth", **proof)
    (request,) = exchange.ledger.requests

    assert (status, answer["result"]["token_type"]) == (200, "bearer")
    assert request.connection is None
    assert set(request.params) == {"grant_type", "client_id"}


async def test_request_faults_reach_http(http: aiohttp.ClientSession, exchange: SimulatedExchange) -> None:
    """FailRequest also fails a plain HTTP request."""
    exchange.inject(FailRequest("public/get_time", 10028))

    assert (await get(http, exchange, "public/get_time"))[1]["error"]["code"] == 10028
    assert (await get(http, exchange, "public/get_time"))[0] == 200
