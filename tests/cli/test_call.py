"""`deribit-ws call`: one question, one answer, one status."""

import json
import signal
import socket

import pytest

from deribit_ws.cli.call import params_of
from deribit_ws.cli.failures import Failure
from deribit_ws.testing import Drop, DropOnRequest, IgnoreRequest, SimulatedExchange
from tests.cli.shell import ran, running, until

LOGIN = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}


async def test_prints_the_result(exchange: SimulatedExchange) -> None:
    """The result is one line of JSON, and the link is closed in order."""
    ended = await ran("call", "public/ticker", "instrument_name=BTC-PERPETUAL", "--url", exchange.url)

    assert (ended.status, ended.err) == (0, "")
    assert len(ended.out.splitlines()) == 1
    assert json.loads(ended.out)["instrument_name"] == "BTC-PERPETUAL"
    await until(lambda: [f.code for f in exchange.ledger.farewells] == [1000])


async def test_error_is_one_line(exchange: SimulatedExchange) -> None:
    """An error of the exchange is one line with its code, and status 1."""
    ended = await ran("call", "public/ticker", "instrument_name=NOPE", "--url", exchange.url)

    assert (ended.status, ended.out) == (1, "")
    assert len(ended.complaints) == 1 and "-32602" in ended.err


async def test_unknown_method_is_one_line(exchange: SimulatedExchange) -> None:
    """A method that nobody knows is the exchange's to refuse: status 1."""
    ended = await ran("call", "public/nope", "--url", exchange.url)

    assert ended.status == 1
    assert len(ended.complaints) == 1 and "-32601" in ended.err


async def test_reads_survive_a_drop(exchange: SimulatedExchange) -> None:
    """A read whose link breaks before the answer is asked again."""
    exchange.inject(DropOnRequest("public/get_time", Drop.rst()))
    ended = await ran("call", "public/get_time", "--url", exchange.url)

    assert ended.status == 0 and isinstance(json.loads(ended.out), int)
    assert len(exchange.ledger.requests_of("public/get_time")) == 2


async def test_no_answer_ends_at_the_deadline(exchange: SimulatedExchange) -> None:
    """Without an answer it ends at --timeout with status 1 and one line."""
    exchange.inject(IgnoreRequest("public/get_time"))
    ended = await ran("call", "public/get_time", "--timeout", "0.5", "--url", exchange.url)

    assert ended.status == 1
    assert len(ended.complaints) == 1 and "no answer" in ended.err


async def test_nobody_there_ends_at_the_deadline() -> None:
    """With nothing listening it warns per dial and ends at --timeout with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = await ran("call", "public/get_time", "--timeout", "0.5", "--url", f"ws://127.0.0.1:{port}/")

    assert (ended.status, ended.out) == (1, "")
    assert "no connection" in ended.complaints[-1]
    assert all("warning: " in line for line in ended.complaints[:-1])


async def test_no_websocket_there_is_one_line(exchange: SimulatedExchange) -> None:
    """A server that answers with something else than a websocket ends it at once."""
    wrong = exchange.url.replace("/ws/api/v2", "/nope")
    ended = await ran("call", "public/get_time", "--url", wrong)

    assert ended.status == 1
    assert len(ended.complaints) == 1 and "HTTP" in ended.err


async def test_private_methods_log_in(exchange: SimulatedExchange) -> None:
    """A private method logs in from the environment, and the secret shows nowhere."""
    ended = await ran("call", "-v", "private/get_nothing", "--url", exchange.url, **LOGIN)

    assert len(exchange.ledger.requests_of("public/auth")) == 1
    assert "secret" not in ended.err + ended.out


async def test_secrets_do_not_go_over_plain_ws_to_others() -> None:
    """Credentials over ws:// to another machine are refused before anything is dialled."""
    ended = await ran("call", "private/get_positions", "--url", "ws://192.0.2.1/", **LOGIN)

    assert ended.status == 2
    assert len(ended.complaints) == 1 and "wss://" in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_a_waiting_call(exchange: SimulatedExchange, number: signal.Signals) -> None:
    """A call without an answer is ended by a signal, with a close frame."""
    exchange.inject(IgnoreRequest("public/get_time"))
    async with running("call", "public/get_time", "--url", exchange.url) as call:
        await until(lambda: exchange.ledger.requests_of("public/get_time"))
        ended = await call.end(number)

    assert (ended.status, ended.out, ended.err) == (128 + number, "", "")
    assert ended.seconds < 2
    assert [f.code for f in exchange.ledger.farewells] == [1000]


def test_values_are_json_where_they_parse() -> None:
    """Numbers, lists and words are told apart as JSON does; all else is a string."""
    words = ["a=5", 'b="5"', "c=BTC", "d=[1,2]", "e=true", "f=", "g=x=y", "h=NaN", "i=1e400x", "j=null"]

    assert params_of(words) == {
        "a": 5, "b": "5", "c": "BTC", "d": [1, 2], "e": True, "f": "", "g": "x=y", "h": "NaN",
        "i": "1e400x", "j": None,
    }  # fmt: skip


@pytest.mark.parametrize("words", [["a"], ["=1"], ["a=1", "a=1"], ["a b=1"]])
def test_bad_words_are_refused(words: list[str]) -> None:
    """A word that is no pair, or a key given twice, is refused."""
    with pytest.raises(Failure):
        params_of(words)
