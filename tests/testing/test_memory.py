"""The network in memory: the real client and the real exchange on it, as over sockets."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import looptime
import pytest

from deribit_ws import Client, ConnectionLost, Credentials, State
from deribit_ws.aiohttp_transport import Dialer
from deribit_ws.errors import ConnectFailed
from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    Fault,
    Maintenance,
    Outcome,
    RefuseConnections,
    RefuseHandshake,
    Say,
    SimulatedExchange,
    StallHandshake,
)
from deribit_ws.testing.faults import Silence
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy_faults import Cut, CutAfter, Ending, Latency, Pause, Refuse, Way

Told = list[Any]
SUBSCRIBE = b'{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["%s"]}}'
TEST = b'{"jsonrpc":"2.0","id":2,"method":"public/test","params":{}}'
KEY = Credentials("simulated", "secret")


@asynccontextmanager
async def in_memory(**given: Any) -> AsyncIterator[tuple[SimulatedExchange, MemoryNetwork]]:
    """An exchange without a socket, and the network that leads to it."""
    links = {key: given.pop(key) for key in ("latency", "on_frame") if key in given}
    options: dict[str, Any] = {"autoplay": False, "step_seconds": 0.1, "wall_clock": loop_clock(), "seed": 0}
    options |= given
    exchange = SimulatedExchange(listen=False, **options)
    async with exchange, exchange.memory(seed=options["seed"], **links) as network:
        yield exchange, network


async def gone(exchange: SimulatedExchange) -> None:
    """Wait until the exchange has let go of every connection."""
    await exchange.ledger.until(lambda: not exchange.connections)


def dialer(exchange: SimulatedExchange, session: aiohttp.ClientSession | None, patience: float) -> Dialer:
    return Dialer(
        exchange.url, session=session, open_timeout=patience, close_timeout=0.2, max_message=1 << 20
    )


async def life(dial: Dialer, exchange: SimulatedExchange, faults: list[Fault]) -> Told:
    """What a transport says of a whole life: dial, one request, `faults`, the end."""
    heard: Told = []
    try:
        transport = await dial.dial()
    except ConnectFailed as failed:
        return [str(failed), failed.retry, failed.status, failed.retry_after]
    try:
        transport.send_now(TEST)
        for fault in faults:
            await exchange.ledger.until(lambda: bool(exchange.ledger.requests))
            exchange.inject(fault)
        await transport.pump(heard.append)
    except ConnectionLost as lost:
        return [len(heard), lost.code, lost.reason]
    finally:
        transport.abandon()


FATES: dict[str, tuple[list[Fault], list[Fault]]] = {  # what is armed before the dial, and what comes after
    "reset": ([], [Drop.rst()]),
    "end of stream": ([], [Drop.fin()]),
    "end within a frame": ([], [Drop.fin(inside_frame=True)]),
    "closed": ([], [Drop.close(1012, "restart")]),
    "closed without a code": ([], [Drop.close()]),
    "closed, TCP left open": ([], [Drop.close(1001, finish=False)]),
    "binary": ([], [Say(binary=b"\x00\x01")]),
    "no UTF-8": ([], [Say(text=b"\xff\xfe")]),
    "reserved bits": ([], [Say(raw=b"\xf1\x02hi")]),
    "silence, then the end": ([], [Silence(), Drop.fin()]),
    "maintenance": ([], [Maintenance(5)]),
    "accepted, then reset": ([AcceptThenClose(Drop.rst())], []),
    "accepted, then closed": ([AcceptThenClose(1013)], []),
    "refused with 503": ([RefuseHandshake(503, retry_after=7)], []),
    "refused with 403": ([RefuseHandshake(403)], []),
    "sent elsewhere": ([RefuseHandshake(301, location="/elsewhere")], []),
    "connection reset": ([RefuseConnections()], []),
    "never answered": ([StallHandshake()], []),
}


@pytest.mark.parametrize("fate", FATES)
async def test_faults_do_the_same_as_over_sockets(fate: str) -> None:
    """Each fault gives a transport in memory the very words it gets over a socket, and the same ledger."""
    before, after = FATES[fate]
    told: list[Any] = []
    for memory in (True, False):
        exchange = SimulatedExchange(autoplay=False)
        async with exchange, exchange.memory() as network:
            for fault in before:
                exchange.inject(fault)
            patience = 0.1 if fate == "never answered" else 10
            dial = dialer(exchange, network.session if memory else None, patience)
            said = await life(dial, exchange, after)
            await gone(exchange)
        ledger = exchange.ledger
        ends = [(one.connection, one.code, one.cancels_orders) for one in ledger.farewells]
        shakes = [(one.outcome, one.connection, one.status) for one in ledger.handshakes]
        told.append((said, shakes, ends, [drop.fault for drop in ledger.drops]))

    assert told[0] == told[1]


async def test_a_closed_door_refuses_like_a_closed_socket() -> None:
    """While the listening socket would be closed, a dial in memory is refused like one over TCP."""
    told = []
    for memory in (True, False):
        exchange = SimulatedExchange(autoplay=False)
        async with exchange, exchange.memory() as network:
            exchange.inject(RefuseConnections(seconds=60))
            await asyncio.sleep(0)
            dial = dialer(exchange, network.session if memory else None, 10)
            with pytest.raises(ConnectFailed) as refused:
                await dial.dial()
            told.append((refused.value.retry, refused.value.status, "Connect" in str(refused.value)))

    assert told[0] == told[1]


@pytest.mark.looptime
async def test_a_door_opens_again_in_virtual_time() -> None:
    """A door closed for a minute opens after a virtual minute, and nobody waits for it."""
    async with in_memory() as (exchange, network):
        exchange.inject(RefuseConnections(seconds=60))
        async with Client(exchange.url, session=network.session, retry_seconds=5) as client:
            await client.public.get_time(timeout=90)

        assert 60 <= exchange.ledger.handshakes[0].time < 70


async def test_one_connection_too_many() -> None:
    """Beyond the allowed number an upgrade is refused with 429, in memory too."""
    async with in_memory(max_connections=1) as (exchange, network):
        first = await dialer(exchange, network.session, 1).dial()
        with pytest.raises(ConnectFailed) as refused:
            await dialer(exchange, network.session, 1).dial()
        await first.close()

        assert refused.value.status == 429


async def test_plain_http() -> None:
    """The methods over plain HTTP are reached on the same network."""
    async with in_memory() as (exchange, network):
        answer = await network.session.get(f"{exchange.http_url}/public/test")

        assert (await answer.json())["result"]["version"]


@pytest.mark.looptime
async def test_a_client_that_does_not_read_is_too_slow() -> None:
    """What a client leaves unread piles up at the exchange, up to its output limit."""
    async with in_memory(output_limit=200_000) as (exchange, network):
        transport = await dialer(exchange, network.session, 1).dial()
        transport.send_now(SUBSCRIBE % b"book.BTC-PERPETUAL.100ms")
        await exchange.ledger.until(lambda: bool(exchange.ledger.requests))
        for _ in range(20_000):
            exchange.step()
            await asyncio.sleep(0)
            if exchange.ledger.drops:
                break
        transport.abandon()

        assert exchange.ledger.drops[0].fault.reason == "connection_too_slow"


@pytest.mark.looptime
async def test_latency_keeps_order() -> None:
    """Under a random latency everything arrives later, each direction in its order, and nothing is lost."""
    async with in_memory(latency=(0.01, 0.5)) as (exchange, network):
        transport = await dialer(exchange, network.session, 10).dial()
        loop, heard, times = asyncio.get_running_loop(), list[bytes](), list[float]()
        began = loop.time()
        for number in range(200):
            transport.send_now(TEST.replace(b"2,", b"%d," % number))

        def sink(frame: bytes) -> None:
            heard.append(frame)
            times.append(loop.time() - began)
            if len(heard) == 200:
                transport.abandon()

        with pytest.raises(ConnectionLost):
            await transport.pump(sink)

        assert [int(frame.split(b'"id":')[1].split(b",")[0]) for frame in heard] == list(range(200))
        assert times[0] >= 0.02
        assert times[-1] <= 1.0


@pytest.mark.looptime
async def test_a_cut_after_so_many_bytes() -> None:
    """Exactly so many bytes pass, whichever way, and then the link is gone."""
    async with in_memory() as (exchange, network):
        for way, nbytes in ((Way.DOWN, 300), (Way.UP, 250), (None, 600)):
            network.inject(CutAfter(nbytes, way))
            dial = dialer(exchange, network.session, 1)
            told = await life(dial, exchange, [])
            passed = network.links[max(network.links)].course.passed

            assert told[1] == 1006 or "lost" in told[0] or "reset" in told[0].lower(), told
            assert (sum(passed.values()) if way is None else passed[way]) == nbytes


@pytest.mark.looptime
async def test_a_part_of_what_is_on_its_way_survives_a_cut() -> None:
    """Of what is on its way when the link is cut a random part arrives, half frames among it."""
    arrived = set()
    for seed in range(12):
        async with in_memory(latency=(0.1, 0.1), seed=seed) as (exchange, network):
            transport = await dialer(exchange, network.session, 1).dial()
            for number in range(10):
                transport.send_now(TEST.replace(b"2,", b"%d," % number))
            network.inject(Cut())
            with pytest.raises(ConnectionLost):
                await transport.pump(lambda frame: None)
            await gone(exchange)
            arrived.add(len(exchange.ledger.requests))

    assert len(arrived) > 3, arrived


@pytest.mark.looptime
async def test_a_half_open_link_is_found_out_by_the_heartbeat() -> None:
    """Nobody is told of a half-open link: the client finds out by silence, the exchange by its own rule."""
    async with in_memory(autoplay=True) as (exchange, network):
        async with Client(exchange.url, session=network.session, heartbeat=10, retry_seconds=1) as client:
            await asyncio.sleep(5)
            network.inject(Cut(Ending.HALF_OPEN))
            async with asyncio.timeout(60):
                await exchange.ledger.until(lambda: len(exchange.ledger.handshakes) == 2)
                await exchange.ledger.until(lambda: bool(exchange.ledger.farewells))
            assert client.state is State.CONNECTED

        assert exchange.ledger.handshakes[1].time > 15
        assert [one.connection for one in exchange.ledger.farewells] == [1, 2]


@pytest.mark.looptime
async def test_a_pause_loses_nothing() -> None:
    """A direction held back for a while delivers all of it afterwards."""
    async with in_memory() as (exchange, network):
        transport = await dialer(exchange, network.session, 1).dial()
        loop, times = asyncio.get_running_loop(), list[float]()
        network.inject(Pause(Way.DOWN, seconds=3))
        transport.send_now(TEST)
        loop.call_later(5, transport.abandon)
        with pytest.raises(ConnectionLost):
            await transport.pump(lambda frame: times.append(loop.time()))

        assert exchange.ledger.requests[0].time < 1
        assert [round(time) for time in times] == [3]


async def test_refused_on_the_way() -> None:
    """The network itself can refuse connections, of which the exchange hears nothing."""
    async with in_memory() as (exchange, network):
        network.inject(Refuse(times=2))
        dial = dialer(exchange, network.session, 1)
        for _ in range(2):
            with pytest.raises(ConnectFailed):
                await dial.dial()
        await (await dial.dial()).close()

        assert [one.outcome for one in exchange.ledger.handshakes] == [Outcome.ACCEPTED]


# --- a client in virtual time


HOWS: list[Callable[[SimulatedExchange, MemoryNetwork], None]] = [
    lambda exchange, network: exchange.inject(Drop.rst()),
    lambda exchange, network: exchange.inject(Drop.fin()),
    lambda exchange, network: exchange.inject(Drop.fin(inside_frame=True)),
    lambda exchange, network: exchange.inject(Drop.close(1001)),
    lambda exchange, network: network.inject(Cut(Ending.RST)),
    lambda exchange, network: network.inject(Cut(Ending.FIN)),
    lambda exchange, network: network.inject(CutAfter(1500, Way.DOWN), max(network.links)),
    lambda exchange, network: network.inject(CutAfter(3000), None),
]


async def run(seed: int, drops: int, record: Callable[[tuple[Any, ...]], object]) -> dict[str, list[int]]:
    """Let a client of 20 instruments live through random drops; gives the trade_seqs it was told."""
    rng = random.Random(seed)
    random.seed(seed)  # the back-off of the client draws from it
    loop = asyncio.get_running_loop()
    got: dict[str, list[int]] = {}

    def on_frame(connection: int, way: Way, text: bytes) -> None:
        record((round(loop.time(), 6), connection, way.value, text))

    def on_trades(trades: Any) -> None:
        for trade in trades:
            got.setdefault(trade["instrument_name"], []).append(trade["trade_seq"])

    options = {"autoplay": True, "latency": (0.0005, 0.03), "on_frame": on_frame, "seed": seed}
    async with in_memory(**options) as (exchange, network):
        names = exchange.instruments[:20]
        client = Client(exchange.url, session=network.session, credentials=KEY, retry_seconds=0.05)
        for name in names:
            client.register(f"trades.{name}.100ms", on_trades)
        async with client:
            for _ in range(drops):
                await asyncio.sleep(rng.expovariate(1 / 0.4))
                rng.choice(HOWS)(exchange, network)
            network.clear_faults()
            network.inject(Latency(0.0, 0.01))
            await asyncio.sleep(30)  # past the last cut, the longest wait, and some trades
            last = max(exchange.connections)
            checks = client.state, exchange.connections[last].channels, exchange.ledger
            sent = {
                name: exchange.ledger.trade_seqs_sent(f"trades.{name}.100ms", connection=last)
                for name in names
            }
            await client.public.get_time()
            state, channels, ledger = checks

            assert state is State.CONNECTED, seed
            assert sorted(channels) == sorted(f"trades.{name}.100ms" for name in names), seed
            accepted = [one for one in ledger.handshakes if one.outcome is Outcome.ACCEPTED]
            assert len(accepted) > drops / 4, seed
            assert len(ledger.requests_of("public/auth")) <= len(accepted), seed
            for name in names:
                all_sent = set(ledger.trade_seqs_sent(f"trades.{name}.100ms"))
                assert set(got.get(name, [])) <= all_sent, (seed, name)
                assert got.get(name, []) == sorted(set(got.get(name, []))), (seed, name)
                assert set(sent[name]) <= set(got.get(name, [])), (seed, name)
    return got


@pytest.mark.looptime
async def test_two_hundred_drops() -> None:
    """A client logs in, subscribes to 20 instruments and lives through 200 random drops, all in memory.

    Every trade sent on the last connection was told, none was told twice or out of order, and none that
    was not sent.
    """
    got = await run(3, 200, lambda said: None)

    assert sum(map(len, got.values())) > 200


def test_the_same_seed_gives_the_same_run() -> None:
    """Two runs of one seed say the same texts at the same virtual times; another seed says others."""
    transcripts = []
    for seed in (5, 5, 6):
        transcript: list[tuple[Any, ...]] = []
        with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
            runner.run(run(seed, 20, transcript.append))
        transcripts.append(transcript)

    assert len(transcripts[0]) > 400
    assert transcripts[0] == transcripts[1]
    assert transcripts[0] != transcripts[2]
