"""The JSON-RPC methods over the websocket, right and wrong."""

import hashlib
import hmac
from typing import Any

import pytest

from deribit_ws.testing import SimulatedExchange
from tests.testing.conftest import Build, Clock, Dial
from tests.testing.peer import Peer

BTC = "BTC-PERPETUAL"


async def test_answers_have_the_envelope(peer: Peer) -> None:
    """Every answer has jsonrpc, id, its outcome, the microseconds in, out and between, and testnet."""
    for method in ("public/get_time", "public/nonsense"):
        answer = await peer.call(method)
        outcome = "result" if method == "public/get_time" else "error"

        assert list(answer) == ["jsonrpc", "id", outcome, "usIn", "usOut", "usDiff", "testnet"]
        assert answer["usDiff"] == answer["usOut"] - answer["usIn"] >= 0


@pytest.mark.parametrize("request_id", [0, 7, "seven", ""])
async def test_ids_are_echoed(peer: Peer, request_id: int | str) -> None:
    """An id comes back as it was, number or string."""
    await peer.socket.send_json({"jsonrpc": "2.0", "id": request_id, "method": "public/test"})

    assert (await peer.socket.receive_json())["id"] == request_id


async def test_a_request_without_id_is_answered_without_id(peer: Peer) -> None:
    """A request without an id gets its result, and no id."""
    await peer.socket.send_json({"jsonrpc": "2.0", "method": "public/test", "params": {}})
    answer = await peer.socket.receive_json()

    assert "id" not in answer
    assert answer["result"] == {"version": "1.2.26"}


@pytest.mark.parametrize("text", ["{not json", "", "[]", "null", "7", '{"id":1}', '{"id":1,"method":5}'])
async def test_what_is_no_request_leaves_the_socket_open(peer: Peer, text: str) -> None:
    """What cannot be read is answered with 11050 and no id, and the socket stays open."""
    await peer.socket.send_str(text)
    answer = await peer.socket.receive_json()

    assert "id" not in answer
    assert (answer["error"]["code"], answer["error"]["message"]) == (11050, "bad_request")
    assert await peer.result("public/test")


async def test_positional_parameters_are_refused(peer: Peer) -> None:
    """Parameters in a list are wrong parameters."""
    await peer.socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "public/test", "params": []})

    assert (await peer.socket.receive_json())["error"]["code"] == -32602


async def test_too_large_a_frame_is_refused(peer: Peer) -> None:
    """A frame of more than 32 kB is answered with -32600, and the socket stays open."""
    await peer.socket.send_str(" " * 33_000)

    assert (await peer.socket.receive_json())["error"]["code"] == -32600
    assert await peer.result("public/test")


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("public/set_heartbeat", {}, "interval"),
        ("public/set_heartbeat", {"interval": 9}, "interval"),
        ("public/set_heartbeat", {"interval": "soon"}, "interval"),
        ("public/set_heartbeat", {"interval": True}, "interval"),
        ("public/subscribe", {}, "channels"),
        ("public/subscribe", {"channels": "quote.X"}, "channels"),
        ("public/subscribe", {"channels": [1]}, "channels"),
        ("public/subscribe", {"channels": [f"quote.{n}" for n in range(501)]}, "channels"),
        ("public/unsubscribe", {}, "channels"),
        ("public/ticker", {}, "instrument_name"),
        ("public/ticker", {"instrument_name": 5}, "instrument_name"),
        ("public/ticker", {"instrument_name": "NONE-SUCH"}, "instrument_name"),
        ("public/get_instrument", {"instrument_name": "nothing"}, "instrument_name"),
        ("public/get_order_book", {"instrument_name": BTC, "depth": 0}, "depth"),
        ("public/get_order_book", {"instrument_name": BTC, "depth": 1.5}, "depth"),
        ("public/get_instruments", {}, "currency"),
        ("public/get_instruments", {"currency": "XYZ"}, "currency"),
        ("public/get_instruments", {"currency": "BTC", "kind": "bond"}, "kind"),
        ("public/get_instruments", {"currency": "BTC", "expired": "perhaps"}, "expired"),
        ("public/get_index_price", {"index_name": "xyz_usd"}, "index_name"),
        ("public/get_last_trades_by_instrument", {}, "instrument_name"),
        ("public/get_last_trades_by_instrument", {"instrument_name": BTC, "sorting": "up"}, "sorting"),
        ("public/get_last_trades_by_instrument_and_time", {"instrument_name": BTC}, "start_timestamp"),
        ("public/hello", {"client_name": "x"}, "client_version"),
        ("public/auth", {}, "grant_type"),
        ("public/auth", {"grant_type": "please"}, "grant_type"),
        ("public/auth", {"grant_type": "client_credentials", "client_id": "simulated"}, "client_secret"),
    ],
)
async def test_wrong_parameters_are_named(peer: Peer, method: str, params: dict[str, Any], name: str) -> None:
    """A missing or wrong parameter is answered with -32602, its name and a reason."""
    error = await peer.error(method, **params)

    assert (error["code"], error["data"]["param"]) == (-32602, name)
    assert error["data"]["reason"]


async def test_unknown_methods(peer: Peer) -> None:
    """A method that does not exist is -32601, a private one without a login 13009."""
    assert (await peer.error("public/nonsense"))["code"] == -32601
    assert (await peer.error("public/Get_Time"))["code"] == -32601
    assert (await peer.error("private/nonsense"))["code"] == 13009
    await peer.login()

    assert (await peer.error("private/nonsense"))["code"] == -32601


async def test_small_reads(exchange: SimulatedExchange, peer: Peer) -> None:
    """Time, test, hello, status and currencies answer as documented."""
    assert isinstance(await peer.result("public/get_time"), int)
    assert (await peer.error("public/test", expected_result="exception"))["message"]
    assert set(await peer.result("public/hello", client_name="me", client_version="1")) == {"version"}
    assert (await peer.result("public/status"))["locked"] == "false"
    assert {entry["currency"] for entry in await peer.result("public/get_currencies")} >= {"BTC", "USDC"}
    price = (await peer.result("public/get_index_price", index_name="eth_usd"))["index_price"]
    assert price == exchange.market.indices["eth_usd"]


async def test_instruments_by_currency_and_kind(exchange: SimulatedExchange, peer: Peer) -> None:
    """Instruments are listed by what they settle in and by kind, and any lists all."""

    async def names(**params: Any) -> list[str]:
        return [entry["instrument_name"] for entry in await peer.result("public/get_instruments", **params)]

    assert await names(currency="any") == list(exchange.instruments)
    assert await names(currency="USDC") == ["BTC_USDC-PERPETUAL", "ETH_USDC-PERPETUAL"]
    assert len(await names(currency="BTC", kind="option")) == 4
    assert await names(currency="BTC", expired=True) == []


async def test_one_instrument(peer: Peer) -> None:
    """An instrument says its sizes and currencies, an option its strike too."""
    perpetual = await peer.result("public/get_instrument", instrument_name=BTC)
    (option, *_) = await peer.result("public/get_instruments", currency="ETH", kind="option")

    assert (perpetual["tick_size"], perpetual["min_trade_amount"]) == (0.5, 10.0)
    assert (perpetual["instrument_type"], perpetual["settlement_period"]) == ("reversed", "perpetual")
    assert (option["option_type"], option["strike"], option["quote_currency"]) == ("call", 3000.0, "ETH")


@pytest.mark.parametrize(("depth", "levels"), [(1, 1), (2, 5), (5, 5), (6, 10), (11, 20), (9999, 30)])
async def test_order_book_depth_is_rounded_up(
    exchange: SimulatedExchange, peer: Peer, depth: int, levels: int
) -> None:
    """The book comes with the next depth on offer and the change_id it belongs to."""
    for step in range(60):
        exchange.market.place(BTC, "buy", price=80_000 - step, amount=10)
    book = await peer.result("public/get_order_book", instrument_name=BTC, depth=depth)
    at = exchange.ledger.book_at(BTC, book["change_id"])

    assert at is not None
    assert [tuple(level) for level in book["bids"]] == at[0][: len(book["bids"])]
    assert len(book["bids"]) == levels or (depth == 9999 and len(book["bids"]) >= 60)
    assert book["best_bid_price"] == book["bids"][0][0]


async def test_the_ticker_is_that_of_the_channel(peer: Peer) -> None:
    """public/ticker answers what the channel says."""
    await peer.subscribe(f"ticker.{BTC}.100ms")
    (told,) = await peer.said()
    asked = await peer.result("public/ticker", instrument_name=BTC)

    assert asked | {"timestamp": 0} == told | {"timestamp": 0}


async def test_paging_through_trades(exchange: SimulatedExchange, peer: Peer) -> None:
    """Pages by start_seq and has_more give every trade of a range once."""
    exchange.step(300)
    made = exchange.ledger.trade_seqs_made(BTC)
    seq, got = made[3], list[int]()
    more = True
    while more:
        page = await peer.result(
            "public/get_last_trades_by_instrument",
            instrument_name=BTC,
            start_seq=seq,
            end_seq=made[-4],
            count=7,
            sorting="asc",
        )
        got += [trade["trade_seq"] for trade in page["trades"]]
        seq, more = got[-1] + 1, page["has_more"]

    assert got == made[3:-3]


async def test_trades_without_a_range(exchange: SimulatedExchange, peer: Peer) -> None:
    """Without a range the last ten come, newest first; count never exceeds a thousand."""
    exchange.step(1500)
    made = exchange.ledger.trade_seqs_made(BTC)
    last = await peer.result("public/get_last_trades_by_instrument", instrument_name=BTC)
    many = await peer.result("public/get_last_trades_by_instrument", instrument_name=BTC, count=5000)

    assert [trade["trade_seq"] for trade in last["trades"]] == made[:-11:-1]
    assert last["has_more"]
    assert len(many["trades"]) == min(1000, len(made))


async def test_old_trades_are_forgotten(build: Build, dial: Dial) -> None:
    """What is older than the history is not given, though the ledger still knows it."""
    exchange = await build(history=20)
    peer = await dial(exchange)
    exchange.step(200)
    made = exchange.ledger.trade_seqs_made(BTC)
    page = await peer.result(
        "public/get_last_trades_by_instrument",
        instrument_name=BTC,
        start_seq=made[0],
        count=1000,
        sorting="asc",
    )

    assert len(made) > 40
    assert [trade["trade_seq"] for trade in page["trades"]] == made[-20:]


async def test_trades_by_time(build: Build, dial: Dial, clock: Clock) -> None:
    """Trades can be asked for between two times, both included."""
    exchange = await build(wall_clock=clock)
    peer = await dial(exchange)
    for _ in range(20):
        clock.now += 1
        exchange.step(5)
    trades = list(exchange.market[BTC].trades)
    since, until = trades[-40].timestamp, trades[-20].timestamp
    page = await peer.result(
        "public/get_last_trades_by_instrument_and_time",
        instrument_name=BTC,
        start_timestamp=since,
        end_timestamp=until,
        count=1000,
        sorting="asc",
    )
    wanted = [trade.trade_seq for trade in trades if since <= trade.timestamp <= until]

    assert [trade["trade_seq"] for trade in page["trades"]] == wanted
    assert not page["has_more"]


async def test_a_login_gives_tokens(exchange: SimulatedExchange, peer: Peer) -> None:
    """The right secret gives tokens, and the connection is logged in from then on."""
    tokens = await peer.login(state="mine")

    assert tokens.keys() >= {"access_token", "refresh_token", "expires_in", "scope", "sid"}
    assert (tokens["token_type"], tokens["state"]) == ("bearer", "mine")
    assert exchange.connections[1].login is not None
    assert await peer.subscribe("user.orders.any.any.raw", scope="private") == ["user.orders.any.any.raw"]


@pytest.mark.parametrize("wrong", [{"client_secret": "guess"}, {"client_id": "nobody"}])
async def test_a_wrong_secret_is_refused(peer: Peer, wrong: dict[str, str]) -> None:
    """A wrong secret or id is 13004, and the connection stays what it was."""
    proof = {"grant_type": "client_credentials", "client_id": "simulated", "client_secret": "secret"}
    error = await peer.error("public/auth", **(proof | wrong))

    assert (error["code"], error["message"]) == (13004, "invalid_credentials")
    assert (await peer.error("private/subscribe", channels=[]))["code"] == 13009


def signed(clock: Clock, **changes: Any) -> dict[str, Any]:
    proof = {"timestamp": int(clock.now * 1000), "nonce": "once", "data": "x"}
    text = f"{proof['timestamp']}\n{proof['nonce']}\n{proof['data']}"
    signature = hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
    whole = {"grant_type": "client_signature", "client_id": "simulated", "signature": signature}
    return whole | proof | changes


async def test_signatures(build: Build, dial: Dial, clock: Clock) -> None:
    """A signature is good once, with its own timestamp, within a minute of the exchange's clock."""
    peer = await dial(await build(wall_clock=clock))

    assert (await peer.error("public/auth", **signed(clock, nonce="other")))["code"] == 13004
    assert await peer.result("public/auth", **signed(clock))
    assert (await peer.error("public/auth", **signed(clock)))["code"] == 13004
    stale = signed(clock, nonce="")
    clock.now += 61

    assert (await peer.error("public/auth", **stale))["code"] == 13004


async def test_refresh_tokens_rotate(peer: Peer) -> None:
    """A refresh token gives a new pair once, and voids the old one."""
    old = await peer.login()
    new = await peer.result("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"])
    again = await peer.error("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"])

    assert new["access_token"] != old["access_token"]
    assert again["code"] == 13004
    stale = await peer.error("private/subscribe", channels=[], access_token=old["access_token"])
    assert (stale["code"], stale["data"]) == (13009, {"reason": "invalid_token"})


async def test_tokens_expire(build: Build, dial: Dial, clock: Clock) -> None:
    """A token lives as long as its scope asked, and private methods are 13009 after that."""
    peer = await dial(await build(wall_clock=clock))
    tokens = await peer.login(scope="expires:3 session:test")
    before = await peer.result("private/get_cancel_on_disconnect")
    clock.now += 4

    assert tokens["expires_in"] == 3
    assert tokens["scope"].startswith("session:test")
    assert before == {"scope": "connection", "enabled": False}
    assert (await peer.error("private/get_cancel_on_disconnect"))["code"] == 13009


async def test_tokens_of_a_connection_are_its_own(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """A connection's token is worth nothing on another connection, a session's is."""
    other = await dial(exchange)
    shared = await peer.login(scope="session:shared")
    own = await peer.login()
    refused = await other.error("private/subscribe", channels=[], access_token=own["access_token"])

    assert refused["code"] == 13009
    assert await other.result("private/subscribe", channels=[], access_token=shared["access_token"]) == []


async def test_cancel_on_disconnect_is_remembered(peer: Peer) -> None:
    """Cancel on disconnect can be switched on and off on a connection."""
    await peer.login()
    states = []
    for switch in ("enable", "disable"):
        assert await peer.result(f"private/{switch}_cancel_on_disconnect", scope="connection") == "ok"
        states.append((await peer.result("private/get_cancel_on_disconnect"))["enabled"])

    assert states == [True, False]


async def test_labels_are_short(peer: Peer) -> None:
    """A label of a private subscription has sixteen characters at most."""
    await peer.login()
    error = await peer.error("private/subscribe", channels=[], label="x" * 17)

    assert error["data"]["param"] == "label"
    assert await peer.result("private/subscribe", channels=[], label="x" * 16) == []


async def test_logout_closes_without_an_answer(peer: Peer) -> None:
    """private/logout has no answer: the socket closes."""
    await peer.login()
    await peer.ask("private/logout")
    message = await peer.ending()

    assert (message.data, peer.heard) == (1000, [])


async def test_answers_of_two_scopes_overtake_each_other(build: Build, dial: Dial) -> None:
    """With shuffled answers private and public ones mix, while each scope keeps its order."""
    peer = await dial(await build(shuffle_answers=True))
    await peer.login()
    methods = ("public/test", "private/get_cancel_on_disconnect")
    asked = [await peer.ask(methods[n % 2]) for n in range(40)]
    got = [(await peer.socket.receive_json())["id"] for _ in asked]

    assert got != asked
    assert [i for i in got if i % 2] == [i for i in asked if i % 2]
    assert [i for i in got if not i % 2] == [i for i in asked if not i % 2]
