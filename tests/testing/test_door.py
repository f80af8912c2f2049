"""The way in: handshakes refused, stalled and cut; TLS; starting and stopping."""

import asyncio
import errno
import ssl
from contextlib import suppress

import aiohttp
import pytest
import trustme

from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    Outcome,
    RefuseConnections,
    RefuseHandshake,
    SimulatedExchange,
    StallHandshake,
)
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Peer


def port_of(exchange: SimulatedExchange) -> int:
    return int(exchange.url.split(":")[2].split("/")[0])


async def test_refused_handshakes(exchange: SimulatedExchange, dial: Dial) -> None:
    """An upgrade can be refused with any status, Retry-After and Location, as often as told."""
    exchange.inject(RefuseHandshake(429, times=2, retry_after=7))
    exchange.inject(RefuseHandshake(301, location="/elsewhere"))
    refusals = []
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"http{exchange.url[2:]}", allow_redirects=False) as answer:
                refusals.append((answer.status, *map(answer.headers.get, ("Retry-After", "Location"))))

    assert refusals == [(429, "7", None), (429, "7", None), (301, None, "/elsewhere")]
    assert await (await dial(exchange)).result("public/test")
    assert [(h.outcome, h.status) for h in exchange.ledger.handshakes] == [
        (Outcome.REFUSED, 429),
        (Outcome.REFUSED, 429),
        (Outcome.REFUSED, 301),
        (Outcome.ACCEPTED, 101),
    ]


@pytest.mark.parametrize(("how", "code"), [(1013, 1013), (Drop.rst(), 1006), (Drop.close(4000), 4000)])
async def test_accepted_then_ended(
    exchange: SimulatedExchange, dial: Dial, how: int | Drop, code: int
) -> None:
    """A connection can end right after its upgrade."""
    exchange.inject(AcceptThenClose(how))
    cut = await dial(exchange)
    await cut.ending()

    assert cut.socket.close_code == code
    assert await (await dial(exchange)).result("public/test")


async def test_one_connection_too_many(build: Build, dial: Dial) -> None:
    """Beyond the allowed number an upgrade is refused with 429, and there is room again after an end."""
    exchange = await build(max_connections=2)
    first, _ = await dial(exchange), await dial(exchange)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(exchange)
    await first.socket.close()
    await exchange.ledger.until(lambda: len(exchange.connections) == 1)

    assert refused.value.status == 429
    assert await (await dial(exchange)).result("public/test")


async def test_refused_connections(exchange: SimulatedExchange, dial: Dial) -> None:
    """TCP connections can be reset as they come."""
    exchange.inject(RefuseConnections(times=2))
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(exchange))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    assert [handshake.outcome for handshake in exchange.ledger.handshakes] == [Outcome.RESET] * 2
    assert await (await dial(exchange)).result("public/test")


async def test_a_closed_listening_socket(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """The listening socket can be closed for a while: refused by the kernel, then back on the same port."""
    exchange.inject(RefuseConnections(seconds=0.05))
    await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await dial(exchange)

    assert refused.value.os_error.errno == errno.ECONNREFUSED
    assert await peer.result("public/test")
    late: Peer | None = None
    while late is None:
        with suppress(aiohttp.ClientConnectorError):
            late = await dial(exchange)
    assert await late.result("public/test")


async def test_stopping_behind_a_closed_door(build: Build, dial: Dial) -> None:
    """stop() works while the listening socket is closed, and live connections end as always."""
    exchange = await build()
    peer = await dial(exchange)
    exchange.inject(RefuseConnections(seconds=60))
    exchange.inject(RefuseConnections(seconds=60))
    await exchange.stop()

    assert (await peer.ending()).data == 1001


async def test_starting_again(build: Build, dial: Dial) -> None:
    """A stopped exchange can be started again, at the same address and with the same market."""
    exchange = await build()
    url = exchange.url
    await exchange.stop()
    await exchange.start()

    assert exchange.url == url
    assert await (await dial(exchange)).result("public/test")


async def test_stalled_handshakes(exchange: SimulatedExchange, dial: Dial) -> None:
    """A TCP connection can be accepted and never answered; the next one is served."""
    exchange.inject(StallHandshake())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await dial(exchange)

    assert await (await dial(exchange)).result("public/test")
    assert [h.outcome for h in exchange.ledger.handshakes] == [Outcome.STALLED, Outcome.ACCEPTED]


async def test_stopping_ends_stalled_connections(build: Build) -> None:
    """stop() ends connections that never got an answer."""
    exchange = await build()
    exchange.inject(StallHandshake())
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(exchange))
    await exchange.ledger.until(lambda: len(exchange.ledger.handshakes) == 1)
    await exchange.stop()

    assert await reader.read() == b""
    writer.close()


async def test_what_is_no_upgrade(exchange: SimulatedExchange) -> None:
    """A plain GET of the websocket's address is 400, any unknown address 404."""
    async with aiohttp.ClientSession() as session:
        for url, status in ((f"http{exchange.url[2:]}", 400), (f"{exchange.http_url[:-3]}/x", 404)):
            async with session.get(url) as answer:
                assert answer.status == status


async def test_tls(build: Build) -> None:
    """With an SSL context the addresses are wss and https, and every way to end works over TLS."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    exchange = await build(ssl_context=server)
    assert exchange.url.startswith("wss://127.0.0.1:")
    assert exchange.http_url.startswith("https://")

    async with aiohttp.ClientSession() as session:
        for drop, code in ((Drop.rst(), 1006), (Drop.fin(), 1006), (Drop.close(1012), 1012)):
            peer = Peer(await session.ws_connect(exchange.url, ssl=client))
            assert await peer.result("public/test")
            exchange.inject(drop)
            await peer.ending()

            assert peer.socket.close_code == code


async def test_a_certificate_must_be_trusted(build: Build, dial: Dial) -> None:
    """A client that does not know the certificate gets nothing."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)
    exchange = await build(ssl_context=server)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await dial(exchange)

    assert not exchange.connections


async def test_starting_and_stopping_twice() -> None:
    """start and stop may be repeated, and nothing is left after the last stop."""
    exchange = SimulatedExchange(step_seconds=0.001)
    await exchange.stop()
    await exchange.start()
    await exchange.start()
    await exchange.stop()
    await exchange.stop()

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_closes_clients(build: Build, dial: Dial) -> None:
    """stop() closes live connections with 1001, even those that never answer."""
    exchange = await build(autoplay=True)
    reading, mute = await dial(exchange), await dial(exchange)
    await reading.subscribe("book.BTC-PERPETUAL.100ms")
    await mute.subscribe("book.BTC-PERPETUAL.100ms")
    await exchange.stop()

    assert (await reading.ending()).data == 1001
    assert not exchange.connections
    assert {farewell.connection for farewell in exchange.ledger.farewells} == {1, 2}


async def test_a_broken_market_is_heard_of() -> None:
    """An error inside the moving market comes out of stop()."""
    exchange = SimulatedExchange(step_seconds=0.001)
    await exchange.start()
    broken = asyncio.Event()

    def fail(event: object) -> None:
        broken.set()
        raise RuntimeError("broken")

    exchange.market.listen(fail)
    await broken.wait()
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="broken"):
        await exchange.stop()

    assert asyncio.all_tasks() == {asyncio.current_task()}
