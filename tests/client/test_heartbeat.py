"""Signs of life: a dead link is found in time, and a living one is never taken for dead."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from blockbuster import BlockBuster

from deribit_ws import Client, State, UsageError
from deribit_ws.testing import Deaf, Drop, FailRequest, SimulatedExchange
from tests.client.conftest import Build, Ears, Make, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

FOUND = 20.6  # seconds: the promise for a link that fell silent
TICKER = "ticker.BTC-PERPETUAL.100ms"


@pytest.mark.looptime
async def test_silent_link_is_found(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A link that falls silent is replaced within 20.6 s, whenever its last word came."""
    loop = asyncio.get_running_loop()
    for gap in (0.0, 0.001, 0.5, 7.3, 14.0, 14.999):
        async with remember(heartbeat=None) as client:
            wire = memory.wire
            wire.deaf = True
            await asyncio.sleep(gap)
            wire.say(method="heartbeat", params={"type": "heartbeat"})
            silent_since = loop.time()
            await until(lambda w=wire: memory.wire is not w and client.state is State.CONNECTED, 60)  # type: ignore[misc]  # bound at once
            found = loop.time() - silent_since

        assert 15 <= found <= FOUND, gap
    assert ears.names == ["Connected", "Disconnected", "Connected"] * 6


@pytest.mark.looptime
async def test_silence_is_asked_about(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A quiet link is asked with public/test every 15 s, and kept as long as it answers."""
    async with remember(heartbeat=None):
        await asyncio.sleep(100)

        asked = memory.wire.asked("public/test")
        assert [round(b - a) for a, b in itertools.pairwise(asked)] == [15] * 5
        assert (len(memory.wires), ears.names) == (1, ["Connected"])


@pytest.mark.looptime
async def test_error_is_a_sign_of_life(memory: MemoryExchange, remember: Make) -> None:
    """An error answer to public/test proves the link alive too."""

    def refuse(_: Wire, __: Message) -> None:
        raise Refused(-32601)

    memory.answers["public/test"] = refuse
    async with remember(heartbeat=None):
        await asyncio.sleep(60)

        assert len(memory.wires) == 1


@pytest.mark.looptime
async def test_half_open_one_way(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A link on which data flows, but what we send is lost, is replaced 5 s after a test_request."""
    loop = asyncio.get_running_loop()
    async with remember():
        wire = memory.wire
        wire.deaf = True
        for _ in range(12):
            wire.tell("weather", [])
            await asyncio.sleep(1)
        wire.test_request()
        asked = loop.time()
        while memory.wire is wire:
            wire.tell("weather", [])
            await asyncio.sleep(0.1)

        assert 5 <= loop.time() - asked <= 5.6
        assert (ears.marks[1].code, "test_request" in ears.marks[1].reason) == (1006, True)


@pytest.mark.looptime
async def test_test_request_is_answered_while_restoring(memory: MemoryExchange, remember: Make) -> None:
    """A test_request is answered at once even while the link is still being rebuilt."""
    memory.greet = lambda wire: wire.test_request()
    async with remember():
        wire = memory.wire

        assert wire.asked("public/test") == [memory.dials[0]]


@pytest.mark.looptime
async def test_late_answer_behind_a_paused_reader(memory: MemoryExchange, remember: Make) -> None:
    """A reader that was held up does not make a living link look dead."""
    memory.answers["public/test"] = lambda wire, request: MUTE
    async with remember() as client:
        wire = memory.wire
        wire.test_request()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        wire.pause()  # as a consumer under "block" does
        await asyncio.sleep(8)
        for _, request in wire.requests[1:]:
            wire.say(id=request["id"], result="ok")
        wire.resume()
        memory.answers["public/test"] = lambda wire, request: "ok"
        await asyncio.sleep(30)

        assert (client.state, len(memory.wires)) == (State.CONNECTED, 1)


async def test_heartbeat_is_armed_on_each_connection(build: Build) -> None:
    """Each connection arms the heartbeat asked for, and none with None."""
    exchange: SimulatedExchange = await build()
    async with Client(exchange.url, heartbeat=30, retry_seconds=0.01) as client:
        exchange.inject(Drop.rst())
        await until(lambda: len(exchange.ledger.requests_of("public/set_heartbeat")) == 2)
        await client.wait_connected()
    async with Client(exchange.url, heartbeat=None):
        pass

    armed = exchange.ledger.requests_of("public/set_heartbeat")
    assert [(request.connection, request.params) for request in armed] == [
        (1, {"interval": 30}),
        (2, {"interval": 30}),
    ]


async def test_heartbeats_below_ten_seconds_are_refused(make: Make) -> None:
    """A heartbeat Deribit would refuse is a UsageError."""
    with pytest.raises(UsageError, match="at least 10"):
        make(heartbeat=9)


async def test_busy_and_slow(build: Build, ears: Ears) -> None:
    """Test requests are answered at once, with slow consumers and busy traffic on every side."""
    exchange: SimulatedExchange = await build(heartbeat_scale=0.01, autoplay=True, step_seconds=0.002)
    client = Client(exchange.url, retry_seconds=0.01)
    client.add_handler(ears)

    @client.on("ticker.BTC-PERPETUAL.raw")
    @client.on(TICKER)
    @client.on("book.BTC-PERPETUAL.100ms")
    async def slow(payload: object) -> None:
        await asyncio.sleep(3600)

    @client.on("trades.{kind}.{currency}.100ms", kind="any", currency="any")
    def busy(payload: object) -> None:
        deadline = time.monotonic() + 0.0005
        while time.monotonic() < deadline:
            pass

    async with client:
        await asyncio.sleep(1.0)  # each beat has 0.1 s for its answer

        assert len(exchange.ledger.requests_of("public/test")) >= 5
        assert ears.names == ["Connected"]


async def test_unanswered_test_request_ends_the_link(build: Build, ears: Ears) -> None:
    """Deribit's own close for want of an answer (4000) is a drop like any other."""
    exchange: SimulatedExchange = await build(heartbeat_scale=0.01)
    client = Client(exchange.url, retry_seconds=0.01)
    client.add_handler(ears)
    async with client:
        exchange.inject(Deaf())
        await until(lambda: len(ears.marks) == 3)

    assert ears.names == ["Connected", "Disconnected", "Connected"]
    assert (ears.marks[1].code, ears.marks[1].reason) == (4000, "heartbeat close")


def after_standing_still(seconds: float) -> Callable[[Wire, Message], Any]:
    """Answer while the loop stands still: it finds the answer in its buffer, and the deadline over."""

    def answer(wire: Wire, request: Message) -> Any:
        loop = asyncio.get_running_loop()
        loop.call_soon(time.sleep, seconds)
        # A turn later, as data that waits in a socket is read.
        loop.call_soon(loop.call_soon, lambda: wire.say(id=request["id"], result="ok"))
        return MUTE

    return answer


async def test_blocked_loop_keeps_the_link(
    memory: MemoryExchange,
    remember: Make,
    ears: Ears,
    monkeypatch: pytest.MonkeyPatch,
    blockbuster: BlockBuster,
) -> None:
    """A loop that stood still for longer than an answer may take does not drop a healthy link."""
    blockbuster.deactivate()
    monkeypatch.setattr("deribit_ws.connection.ANSWER_SECONDS", 0.1)  # else the loop must stand for 5 s
    memory.answers["public/test"] = after_standing_still(0.25)
    async with remember():
        for _ in range(3):
            memory.wire.test_request()
            await asyncio.sleep(0.3)
        await asyncio.sleep(0.6)

        assert (len(memory.wire.asked("public/test")), ears.names) == (3, ["Connected"])


async def test_blocked_loop_keeps_answers(
    memory: MemoryExchange, remember: Make, blockbuster: BlockBuster
) -> None:
    """A call whose answer came while the loop stood still gets it, though its deadline is over."""
    blockbuster.deactivate()
    memory.answers["private/buy"] = after_standing_still(0.25)
    async with remember() as client:
        assert await client.call("private/buy", timeout=0.1) == "ok"


async def test_blocked_loop_on_loopback(build: Build, ears: Ears, blockbuster: BlockBuster) -> None:
    """Over sockets too, a loop that stands still again and again keeps its link."""
    blockbuster.deactivate()
    exchange: SimulatedExchange = await build(heartbeat_scale=0.02)
    client = Client(exchange.url, retry_seconds=0.01)
    client.add_handler(ears)
    async with client:
        for _ in range(4):
            await asyncio.sleep(0.1)
            time.sleep(0.15)  # noqa: ASYNC251  standing still is what is tested

        assert ears.names == ["Connected"]


async def test_refused_heartbeat_is_reported(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A heartbeat the exchange won't arm is reported, and the link is used without it."""
    exchange.inject(FailRequest("public/set_heartbeat", -32602))
    async with make() as client:
        assert client.state is State.CONNECTED
        assert [getattr(error, "code", None) for error in ears.errors] == [-32602]


@pytest.mark.looptime
async def test_stalled_restore_is_replaced(memory: MemoryExchange, remember: Make) -> None:
    """A link that does not answer while it is rebuilt is replaced after 10 s."""
    memory.answers["public/set_heartbeat"] = lambda wire, _: MUTE if wire.number == 1 else "ok"
    async with remember():
        assert 10 <= memory.waits[0] <= 10.3
