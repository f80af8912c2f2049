"""TLS is verified always: whatever is wrong with a certificate costs one attempt, and no data goes out."""

import contextlib
import inspect
import ssl
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
import trustme

from deribit_ws import Client, ConnectFailed, Credentials, Retry, websocket_generator
from tests.cli.shell import ran
from tests.peers.far_end import FarEnd, Line
from tests.security.certificates import BAD, Certified
from tests.security.rows import exchange_behind, refused_certificates

KEY = Credentials("simulated", "secret")
CREDENTIALS = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}
PROTOCOL_VERSION = b"\x15\x03\x01\x00\x02\x02\x46"  # the alert of a server that knows no TLS we know
# What a server that takes TLS 1.1 would answer with.
OLD_SERVER_HELLO = (
    b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\x00\x00\x2f\x00"
)  # TLS 1.1


@pytest.mark.parametrize("seed", [1, 2])
async def test_bad_certificates(seed: int, loop_errors: list[dict[str, Any]]) -> None:
    """A certificate that does not verify is final after one attempt, first or later, and nothing is sent."""
    cases = await refused_certificates(seed)

    assert cases == 4 * len(BAD)
    loop_errors.clear()  # in asyncio's debug mode the servers' side complains


async def test_the_row_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 3 says no to a client that does not verify."""
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", _careless())
    monkeypatch.setattr("tests.security.rows._PATIENCE", 0.5)
    monkeypatch.setattr("tests.security.rows.trusted", lambda authority: contextlib.nullcontext())
    with pytest.raises(AssertionError, match=r"accepted|attempts|not ended"):
        await refused_certificates(1)


@pytest.mark.parametrize("said", [PROTOCOL_VERSION, OLD_SERVER_HELLO], ids=["alert", "hello"])
async def test_old_tls(said: bytes) -> None:
    """A server that speaks only TLS 1.1 or older ends the first dial, after one attempt."""

    async def old(line: Line) -> None:
        await line.until(lambda line: line.heard)
        line.write(said)

    async with FarEnd(old) as far:
        with pytest.raises(ConnectFailed, match="TLS") as failure:
            async with Client(far.url.replace("ws", "wss", 1), credentials=KEY, retry_seconds=0.01):
                pass

        assert (failure.value.retryable, len(far.lines)) == (False, 1)


@pytest.mark.parametrize("words", [["tail", "user.lock"], ["call", "private/get_positions"]])
async def test_the_command_refuses(words: list[str], server: Certified) -> None:
    """The command ends with status 1 and one clear line after one attempt, its login unsent."""
    async with exchange_behind(server) as exchange:
        ended = await ran(*words, "--url", exchange.url, **CREDENTIALS)

        assert (ended.status, ended.out, server.hellos) == (1, "", 1)
        assert len(ended.complaints) == 1 and "TLS verification failed" in ended.err
        assert not exchange.ledger.handshakes


async def test_the_command_trusts_what_the_system_trusts(
    server: Certified, authority: trustme.CA, tmp_path: Path
) -> None:
    """An authority in SSL_CERT_FILE is trusted, the name in the certificate still compared."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    async with exchange_behind(server) as exchange:
        good = await ran("call", "public/test", "--url", exchange.url, SSL_CERT_FILE=str(file))
        server.turn_bad("wrong host", Random(3))
        bad = await ran("call", "public/test", "--url", exchange.url, SSL_CERT_FILE=str(file))

        assert (good.status, bad.status, len(bad.complaints)) == (0, 1, 1)


@pytest.mark.usefixtures("trusting")
async def test_the_users_context_counts(server: Certified) -> None:
    """A session's own context decides, not ours: one that trusts nobody refuses what we would accept."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with exchange_behind(server) as exchange, _session(context) as session:
        with pytest.raises(ConnectFailed, match="verif") as failure:
            await Client(exchange.url, credentials=KEY, session=session).__aenter__()

        assert (failure.value.retry, server.hellos, session.closed) == (Retry.NEVER, 1, False)


async def test_the_users_authority_counts(server: Certified, authority: trustme.CA) -> None:
    """A session whose context trusts an authority of its own dials with it, and stays open."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with exchange_behind(server) as exchange, _session(context) as session:
        async with Client(exchange.url, credentials=KEY, session=session) as client:
            assert client.scope
        async with websocket_generator(exchange.url, session=session) as websockets:
            assert (await anext(websockets)).open

        assert not session.closed


async def test_a_pinned_certificate(server: Certified) -> None:
    """A session that pins a certificate refuses any other, for good."""
    async with exchange_behind(server) as exchange, _session(aiohttp.Fingerprint(bytes(32))) as session:
        with pytest.raises(ConnectFailed, match="verif") as failure:
            await Client(exchange.url, credentials=KEY, session=session, retry_seconds=0.01).__aenter__()

        assert (failure.value.retry, server.hellos, len(exchange.ledger.handshakes)) == (Retry.NEVER, 1, 0)


async def test_only_a_session_turns_it_off(server: Certified) -> None:
    """No parameter of ours turns verification off; a session of the user's can, and is taken at its word."""
    for function in (Client, websocket_generator):
        assert {"ssl", "verify", "verify_ssl", "insecure"}.isdisjoint(inspect.signature(function).parameters)
    async with (
        exchange_behind(server) as exchange,
        _session(False) as session,
        Client(exchange.url, session=session) as client,
    ):
        assert await client.call("public/get_time")


def _session(context: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


def _careless() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
