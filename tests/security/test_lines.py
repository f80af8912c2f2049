"""What a peer writes can't forge a line, send an escape code or flood a log, wherever it is told."""

import asyncio
import json
import logging
import signal
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws import Client, Credentials, DeribitError
from deribit_ws.errors import (
    AuthError,
    CallTimeout,
    ConnectFailed,
    ConnectionLost,
    OutcomeUnknown,
    ProtocolError,
    RpcError,
    ScopeReduced,
    SlowConsumer,
    SubscriptionRejected,
    UsageError,
    WireError,
)
from tests.cli.shell import ran, running
from tests.client.conftest import Ears, until
from tests.peers.far_end import FarEnd, Line, Script
from tests.security.echo import quoting, say

FORGED = "12:00:00 error: forged"
NASTY = f"a\x1b[31m\r\n{FORGED}\x00\x07\x08\x7f\x85\x9b2J\u2028\u2029\u202e\u2066\ufeff\U000e0041z"
LONG = "long " * 400_000  # two million characters
LONGEST_LINE = 3_000  # characters of a log line, whatever a peer writes

Make = Callable[[str], DeribitError]
MADE: dict[str, Make] = {
    "ConnectFailed": ConnectFailed,
    "ConnectionLost": lambda text: ConnectionLost(1008, text),
    "WireError": lambda text: WireError(text, text.encode(), text),
    "RpcError message": lambda text: RpcError(1, text, None, "private/buy", text),
    "RpcError data": lambda text: AuthError(1, "bad", {"reason": [text], text: 1}, "private/buy"),
    "RpcError text": lambda text: RpcError(1, "bad", text),
    "ScopeReduced": lambda text: ScopeReduced("trade:read", text, ["trade:read"]),
    "CallTimeout": CallTimeout,
    "OutcomeUnknown": OutcomeUnknown,
    "ProtocolError": ProtocolError,
    "UsageError": UsageError,
    "SlowConsumer": SlowConsumer,
}


@pytest.mark.parametrize("text", [NASTY, LONG, NASTY * 100_000], ids=["nasty", "long", "both"])
@pytest.mark.parametrize("kind", MADE)
def test_errors(kind: str, text: str) -> None:
    """An error is one printable line of bounded length, whatever stands in it."""
    error = MADE[kind](text)

    assert str(error).isprintable()
    assert repr(error).isprintable()
    assert len(str(error)) < LONGEST_LINE
    for word in (getattr(error, name, "") for name in ("reason", "message", "name")):
        assert word.isprintable() and len(word) < 20 * 1_000


def test_many_channels() -> None:
    """A refusal names every channel, each harmlessly: a name may have come from a list of the peer's."""
    names = [f"book.{NASTY}{number}.raw" for number in range(100)]
    error = SubscriptionRejected(names)

    assert str(error).isprintable() and str(error).count("book.") == 100


async def _close(line: Line, text: str) -> None:
    line.close(1008, text.encode()[:100].decode(errors="ignore"))  # answered, and then the far end leaves


async def _garbage(line: Line, text: str) -> None:
    line.text(text, json.dumps(text), json.dumps([text]), "{" + text)


async def _stray(line: Line, text: str) -> None:
    error = {"code": 10_000_001, "message": text, "data": {"reason": text, text: text}}
    line.text(json.dumps({"jsonrpc": "2.0", "error": error}))


async def _channels(line: Line, text: str) -> None:
    for name in (text, f"ticker.{text}.100ms", f"{text}.x", f"book.{text}", f"trades.{text}.raw"):
        datas: tuple[Any, ...] = ({}, [{}], text, None)
        for data in datas:
            params = {"channel": name, "data": data}
            line.text(json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}))


async def _payloads(line: Line, text: str) -> None:
    trade = {"instrument_name": text, "trade_id": text, "trade_seq": 1, "direction": text, "price": text}
    for channel in ("trades.future.any.100ms", "ticker.A.100ms", "book.A.100ms", "user.changes.any.any.raw"):
        for data in ([trade], trade, {"asks": [[text]], "bids": text, "type": text}, text):
            params = {"channel": channel, "data": data}
            line.text(json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}))


ACTS = {"close": _close, "garbage": _garbage, "stray": _stray, "channels": _channels, "payloads": _payloads}


def saying(act: Callable[[Line, str], Any], text: str, *, on: str) -> Script:
    """Agree to everything; after the first call of `on`, say it all."""

    async def agree(line: Line) -> None:
        await line.upgrade()
        for heard in range(100):
            await line.until(lambda line: len(line.texts) > heard)  # noqa: B023  awaited here
            request = json.loads(line.texts[heard])
            say(line, request, result=request["params"].get("channels", "ok"))
            if request["method"] == on:
                await act(line, text)

    return agree


@pytest.mark.parametrize("text", [NASTY, LONG], ids=["nasty", "long"])
@pytest.mark.parametrize("how", ACTS)
async def test_logs(how: str, text: str, caplog: pytest.LogCaptureFixture, ears: Ears) -> None:
    """Log lines, marks and errors of a client stay single, printable lines, whatever the exchange says."""
    caplog.set_level(logging.DEBUG)
    async with FarEnd(saying(ACTS[how], text, on="public/test")) as far:
        client = Client(far.url, retry_seconds=0.01, heartbeat=None)
        client.add_handler(ears)
        for pattern in ("ticker.>", "trades.>", "book.>", "*.x", ">"):
            client.register(pattern, lambda data: None)
        client.register("ticker.A.100ms", lambda data: None)
        async with client:
            await client.call("public/test")
            await _close(far.last, text)
            await until(lambda: "Disconnected" in ears.names)

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("deribit_ws")]
    assert lines and [line for line in lines if not line.isprintable()] == []
    assert max(map(len, lines)) < LONGEST_LINE
    for event in (*ears.errors, *ears.marks):
        shown = [str(event), repr(event), getattr(event, "reason", ""), getattr(event, "message", "")]
        assert all(word.isprintable() for word in shown) and len(shown[0]) < LONGEST_LINE


@pytest.mark.parametrize("text", [NASTY, LONG[:10_000]], ids=["nasty", "long"])
async def test_logins(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A login's answer, good or bad, is told in single, printable lines."""
    caplog.set_level(logging.DEBUG)

    def refuse(line: Line, request: dict[str, Any], _: str) -> None:
        say(line, request, error={"code": 13004, "message": text, "data": text})

    def grant(line: Line, request: dict[str, Any], _: str) -> None:
        say(line, request, result={"scope": text, "expires_in": 900, "sid": text, "refresh_token": text})

    for quote, scope in ((refuse, None), (grant, "trade:read"), (grant, None)):
        async with FarEnd(quoting(quote)) as far:
            client = Client(far.url, credentials=Credentials("me", "hush-hush", scope=scope), heartbeat=None)
            try:
                async with asyncio.timeout(5), client:
                    pass
            except DeribitError as error:
                assert str(error).isprintable() and len(str(error)) < LONGEST_LINE
    lines = [record.getMessage() for record in caplog.records]

    assert any("logged in" in line for line in lines)
    assert [line for line in lines if not line.isprintable() or len(line) > LONGEST_LINE] == []


HEAD = NASTY.replace("\r\n", "\r").replace("\x00", "").encode()
ANSWERS = {
    "reason": b"HTTP/1.1 403 " + HEAD + b"\r\nContent-Length: 0\r\n\r\n",
    "header": b"HTTP/1.1 101 OK\r\nUpgrade: " + HEAD + b"\r\nConnection: upgrade\r\n\r\n",
    "status line": HEAD + b"\r\n\r\n",
    "location": b"HTTP/1.1 302 Found\r\nLocation: http://" + HEAD + b"/\r\nContent-Length: 0\r\n\r\n",
    "retry after": b"HTTP/1.1 503 X\r\nRetry-After: " + HEAD + b"\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("where", ANSWERS)
async def test_http(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """What an HTTP answer says in place of a websocket is told in one printable line."""

    async def answer(line: Line) -> None:
        await line.until(lambda line: line.request)
        line.write(ANSWERS[where])
        line.fin()

    async with FarEnd(answer) as far:
        client = Client(far.url, retry_seconds=0.01)
        try:
            async with asyncio.timeout(0.1), client:
                pass
        except ConnectFailed as failure:
            assert str(failure).isprintable()
            assert "\x1b" not in "".join(traceback.format_exception(failure))
        except TimeoutError:
            pass
    lines = [record.getMessage() for record in caplog.records]

    assert lines and all(line.isprintable() for line in lines)


async def test_the_command_calls() -> None:
    """`call` shows an error answer as one harmless line on stderr."""

    async def refuse(line: Line) -> None:
        await line.upgrade()
        await line.until(lambda line: line.texts)
        error = {"code": 11050, "message": NASTY, "data": {"reason": NASTY}}
        say(line, json.loads(line.texts[0]), error=error)

    async with FarEnd(refuse) as far:
        ended = await ran("call", "public/test", "--url", far.url)

        assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 1)
        assert ended.complaints[0].isprintable()


async def test_the_command_tails() -> None:
    """`tail` keeps its own lines its own: forged ones arrive inside them, as escapes."""

    async def speak(line: Line, text: str) -> None:
        for data in (text, {text: text}):
            params = {"channel": "ticker.A.100ms", "data": data}
            line.text(json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}))
        await _garbage(line, text)
        await _stray(line, text)

    async with (
        FarEnd(saying(speak, NASTY, on="public/subscribe")) as far,
        running("tail", "ticker.A.100ms", "--verbose", "--url", far.url) as tail,
    ):
        said = [await tail.line(), await tail.line()]
        await _close(far.last, NASTY)
        await far.until_accepted(2)
        ended = await tail.end(signal.SIGTERM)

    lines = [line.rstrip("\n") for line in said] + ended.out.splitlines() + ended.complaints
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith(FORGED) for line in lines)
    assert [json.loads(line)["data"] for line in said] == [NASTY, {NASTY: NASTY}]
