"""The proxy that cuts, and the moments of a request at which it and the network in memory cut alike."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from deribit_ws import Client, ConnectionLost
from deribit_ws.aiohttp_transport import AiohttpTransport, Dialer
from deribit_ws.errors import ConnectFailed
from deribit_ws.testing import ChaosProxy, Drop, MemoryNetwork, SimulatedExchange
from deribit_ws.testing.proxy import MOST_WAITING
from deribit_ws.testing.proxy_faults import (
    Cut,
    CutAfter,
    CutRequest,
    Ending,
    Latency,
    Moment,
    Pause,
    Refuse,
    Way,
    staircase,
)
from deribit_ws.testing.proxy_links import Links

ASKED = b'{"jsonrpc":"2.0","id":7,"method":"public/test","params":{}}'
TIME = b'{"jsonrpc":"2.0","id":8,"method":"public/get_time","params":{}}'
EXECUTED = {Moment.UNANSWERED, Moment.HALF_ANSWERED}


class Road:
    """A way to the exchange: `links` of whichever kind, and a dial along them."""

    def __init__(self, exchange: SimulatedExchange, links: Links, dialer: Dialer) -> None:
        self.exchange = exchange
        self.links = links
        self.dialer = dialer
        self.frames: list[tuple[int, Way, bytes]] = []

    async def dial(self) -> AiohttpTransport:
        return await self.dialer.dial()


@asynccontextmanager
async def road(kind: str) -> AsyncIterator[Road]:
    exchange = SimulatedExchange(autoplay=False, credits=None)
    options: dict[str, Any] = {"open_timeout": 5.0, "close_timeout": 0.2, "max_message": 1 << 20}
    async with exchange:
        if kind == "memory":
            async with exchange.memory() as network:
                yield Road(exchange, network, Dialer(exchange.url, session=network.session, **options))
        else:
            async with ChaosProxy(exchange.url) as proxy:
                yield Road(exchange, proxy, Dialer(proxy.url, session=None, **options))


async def heard_until_lost(transport: AiohttpTransport, frames: list[bytes] | None = None) -> list[bytes]:
    frames = [] if frames is None else frames
    with pytest.raises(ConnectionLost):
        await transport.pump(frames.append)
    return frames


async def until(seen: Callable[[], object]) -> None:
    """Go round the loop until something holds that has no event of its own."""
    while not seen():  # noqa: ASYNC110  bounded by the time limit of the test
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["memory", "proxy"])
@pytest.mark.parametrize("how", Ending)
@pytest.mark.parametrize("moment", Moment)
async def test_moments_of_a_request(kind: str, how: Ending, moment: Moment) -> None:
    """A link can be cut before a request is written, within it, behind it, and within its answer."""
    async with road(kind) as way:
        way.links.inject(CutRequest("public/test", moment, how))
        transport = await way.dial()
        transport.send_now(TIME)
        unsent = False
        try:
            transport.send_now(ASKED)
        except ConnectionLost:
            unsent = True
        heard: list[bytes] = []
        pumping = asyncio.ensure_future(heard_until_lost(transport, heard))
        if how is Ending.HALF_OPEN:
            await until(lambda: way.links.links[1].course.ended and (heard or moment not in EXECUTED))
            way.links.inject(Cut(), 1)  # so that the test need not wait for nothing
        await pumping
        await way.exchange.ledger.until(lambda: not way.exchange.connections)
        executed = [request.method for request in way.exchange.ledger.requests]

        assert unsent == (moment is Moment.UNSENT and kind == "memory")
        assert ("public/test" in executed) == (moment in EXECUTED)
        assert not any(b'"id":7' in frame for frame in heard)
        if moment in EXECUTED:
            assert [b'"id":8' in frame for frame in heard] == [True]


@pytest.mark.parametrize("kind", ["memory", "proxy"])
async def test_a_cut_is_used_up(kind: str) -> None:
    """A cut at a request happens as often as it says, and to no other method."""
    async with road(kind) as way:
        way.links.inject(CutRequest("public/test", Moment.UNRECEIVED, times=2))
        for _ in range(2):
            transport = await way.dial()
            transport.send_now(ASKED)

            assert await heard_until_lost(transport) == []
        transport = await way.dial()
        transport.send_now(TIME)
        transport.send_now(ASKED)
        await way.exchange.ledger.until(lambda: len(way.exchange.ledger.requests) == 2)
        await transport.close()

        assert [one.method for one in way.exchange.ledger.requests] == ["public/get_time", "public/test"]


@pytest.mark.parametrize("kind", ["memory", "proxy"])
@pytest.mark.parametrize("how", [Ending.RST, Ending.FIN])
async def test_exactly_so_many_bytes(kind: str, how: Ending) -> None:
    """Exactly N bytes pass before the cut, counted up, down, or together; those that passed arrive."""
    async with road(kind) as way:
        for direction, nbytes in ((Way.UP, 0), (Way.UP, 260), (Way.DOWN, 140), (None, 450)):
            way.links.inject(CutAfter(nbytes, direction, how))
            with suppress(ConnectFailed):
                transport = await way.dial()
                with suppress(ConnectionLost):
                    for _ in range(5):
                        transport.send_now(ASKED)
                await heard_until_lost(transport)
            passed = way.links.links[max(way.links.links)].course.passed

            assert (passed[direction] if direction else sum(passed.values())) == nbytes


@pytest.mark.parametrize("kind", ["memory", "proxy"])
async def test_a_cut_on_a_live_link(kind: str) -> None:
    """A byte count given for a live connection counts from now on; the other connection lives on."""
    async with road(kind) as way:
        doomed, other = await way.dial(), await way.dial()
        before = way.links.links[1].course.passed[Way.DOWN]
        way.links.inject(CutAfter(10, Way.DOWN), 1)
        doomed.send_now(ASKED)

        assert await heard_until_lost(doomed) == []
        assert way.links.links[1].course.passed[Way.DOWN] == before + 10
        other.send_now(ASKED)
        await way.exchange.ledger.until(lambda: len(way.exchange.ledger.requests) == 2)
        await other.close()


async def test_counters_and_transcript() -> None:
    """Every byte and every whole text frame is counted and told, in both directions."""
    told: list[tuple[int, Way, bytes]] = []
    exchange = SimulatedExchange(autoplay=False)
    async with exchange, ChaosProxy(exchange.url, on_frame=lambda *frame: told.append(frame)) as proxy:
        async with aiohttp.ClientSession() as session, session.ws_connect(proxy.url) as socket:
            await socket.send_bytes(ASKED * 1000)  # binary, so counted and not told
            await socket.receive()
            await socket.send_str(ASKED.decode())
            answer = (await socket.receive()).data
        passed = proxy.links[1].course.passed

    assert [(connection, way) for connection, way, _ in told] == [(1, Way.DOWN), (1, Way.UP), (1, Way.DOWN)]
    assert told[1][2] == ASKED
    assert told[2][2] == answer.encode()
    assert passed[Way.UP] > 1000 * len(ASKED)
    assert passed[Way.DOWN] > len(answer)


async def test_the_proxy_passes_plain_http() -> None:
    """What is no websocket passes too, even while cuts at requests are armed."""
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.http_url) as proxy:
        proxy.inject(CutRequest("*", Moment.UNRECEIVED))
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"{proxy.url}/public/test", data=ASKED)

            assert (await answer.json())["id"] == 7


async def test_large_messages_pass_whole() -> None:
    """Megabytes pass unchanged, a slow reader holds up the sender, and nothing is lost."""
    exchange = SimulatedExchange(autoplay=False, extra_options=1500)
    async with exchange, ChaosProxy(exchange.url) as proxy:
        async with Client(proxy.url) as client, Client(exchange.url) as straight:
            proxied = await client.call("public/get_instruments", currency="any")
            told = await straight.call("public/get_instruments", currency="any")

        assert proxied == told
        assert proxy.links[1].course.passed[Way.DOWN] > 500_000


async def test_latency_and_pauses() -> None:
    """A latency delays, a pause holds back until it is over, and order and content stay."""
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.url) as proxy:
        proxy.inject(Latency(0.01, 0.03))
        async with Client(proxy.url) as client:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await client.public.get_time()
            delayed = loop.time() - began
            proxy.inject(Pause(Way.UP))
            waiting = asyncio.ensure_future(client.public.test())
            before = proxy.links[1].course.passed[Way.UP]
            await until(lambda: proxy.links[1].course.passed[Way.UP] > before)
            asked = len(exchange.ledger.requests_of("public/test"))
            proxy.clear_faults()
            await waiting

    assert delayed >= 0.02
    assert asked == 0


@pytest.mark.parametrize("drop", [Drop.rst(), Drop.fin(), Drop.fin(inside_frame=True), Drop.close(1012, "x")])
async def test_ends_pass_as_they_are(drop: Drop) -> None:
    """However the server ends a connection, the client behind the proxy is told what it would be without."""
    told = []
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.url) as proxy:
        for number, url in enumerate((proxy.url, exchange.url), 1):
            dialer = Dialer(url, session=None, open_timeout=10, close_timeout=0.1, max_message=1 << 20)
            transport = await dialer.dial()
            exchange.inject(drop, number)
            with pytest.raises(ConnectionLost) as lost:
                await transport.pump(lambda frame: None)
            told.append((lost.value.code, lost.value.reason))

    assert told[0] == told[1]


@pytest.mark.parametrize("how", [Ending.RST, Ending.FIN])
async def test_the_client_s_end_passes_too(how: Ending) -> None:
    """A client that resets its connection, or just ends it, does so to the server as well."""
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.url) as proxy:
        async with ChaosProxy(proxy.url) as nearer:
            dialer = Dialer(nearer.url, session=None, open_timeout=10, close_timeout=0.1, max_message=1000)
            transport = await dialer.dial()
            nearer.inject(Cut(how))
            await heard_until_lost(transport)
            await exchange.ledger.until(lambda: bool(exchange.ledger.farewells))

        assert not proxy.live


async def test_a_slow_reader_is_felt_behind_the_proxy() -> None:
    """What the client leaves unread holds up the server, and does not pile up in the proxy."""
    async with SimulatedExchange(autoplay=False, output_limit=100_000) as exchange:
        async with ChaosProxy(exchange.url) as proxy:
            dialer = Dialer(proxy.url, session=None, open_timeout=10, close_timeout=0.1, max_message=1 << 20)
            transport = await dialer.dial()
            transport.send_now(
                ASKED.replace(b"test", b"subscribe").replace(b"{}", b'{"channels":["announcements"]}')
            )
            await until(lambda: exchange.connections[1].channels)
            for _ in range(2000):
                exchange.publish("announcements", "x" * 30_000)
                await asyncio.sleep(0)
                if exchange.ledger.drops:
                    break
            waiting = proxy.links[1].transits[Way.DOWN].size
            transport.abandon()

        assert exchange.ledger.drops[0].fault.reason == "connection_too_slow"
        assert waiting < 2 * MOST_WAITING


async def test_refused() -> None:
    """The next connections can be refused; the server hears nothing of them."""
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.url) as proxy:
        proxy.inject(Refuse(times=2))
        dialer = Dialer(proxy.url, session=None, open_timeout=10, close_timeout=0.1, max_message=1000)
        for _ in range(2):
            with pytest.raises(ConnectFailed):
                await dialer.dial()
        await (await dialer.dial()).close()

    assert len(exchange.ledger.handshakes) == 1
    assert list(proxy.links) == [1]


async def test_a_server_that_is_gone() -> None:
    """When nobody listens at the target the client's connection is reset."""
    async with SimulatedExchange(autoplay=False) as exchange:
        url = exchange.url
    async with ChaosProxy(url) as proxy:
        dialer = Dialer(proxy.url, session=None, open_timeout=10, close_timeout=0.1, max_message=1000)
        with pytest.raises(ConnectFailed):
            await dialer.dial()


async def test_nothing_is_left() -> None:
    """Leaving the proxy ends every connection and task of its own, half-open links too."""
    async with SimulatedExchange(autoplay=False) as exchange:
        async with ChaosProxy(exchange.url) as proxy:
            dialer = Dialer(proxy.url, session=None, open_timeout=10, close_timeout=0.1, max_message=1000)
            first, second = await dialer.dial(), await dialer.dial()
            proxy.inject(Cut(Ending.HALF_OPEN), 1)
        await heard_until_lost(first)
        await heard_until_lost(second)

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def climb(way: Road, fault: CutAfter) -> int:
    """A dialogue of three calls with the link cut once; how many links it took."""
    before = len(way.links.links)
    way.links.inject(fault)
    session = way.links.session if isinstance(way.links, MemoryNetwork) else None
    url = way.links.url if isinstance(way.links, ChaosProxy) else way.exchange.url
    client = Client(url, session=session, heartbeat=None, retry_seconds=0.001)
    async with asyncio.timeout(10), client:
        await client.public.test()
        await client.public.get_time()
        await client.public.get_index_price(index_name="btc_usd")
    return len(way.links.links) - before


@pytest.mark.parametrize(
    ("kind", "step"),
    [pytest.param("memory", 4, marks=pytest.mark.looptime), ("proxy", 23)],
)
async def test_the_staircase(kind: str, step: int) -> None:
    """Wherever a dialogue is cut, after whichever byte, the client ends it with every answer."""
    async with road(kind) as way:
        await climb(way, CutAfter(1 << 20))
        total = sum(way.links.links[1].course.passed.values())
        links = [await climb(way, fault) for fault in staircase(total, step)]

        assert set(links) <= {1, 2}
        assert links.count(2) > 0.9 * len(links)
