"""The order in which each new connection is rebuilt, and that no data comes before Connected."""

import asyncio
from typing import Any

import pytest

from deribit_ws import Connected, Credentials, State
from deribit_ws.testing import Drop, DropOnRequest, SimulatedExchange
from tests.client.conftest import Ears, Make, dropped, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Wire

KEY = Credentials("simulated", "secret")
BOOK = "book.BTC-PERPETUAL.100ms"
USER = "user.orders.BTC-PERPETUAL.raw"


async def test_each_connection_is_rebuilt_in_order(exchange: SimulatedExchange, make: Make) -> None:
    """Heartbeat, login, cancel-on-disconnect, private and public channels, Connected, first data."""
    client = make(credentials=KEY, cancel_on_disconnect=True)
    told: list[Any] = []
    client.register(BOOK, told.append)
    client.register(USER, told.append)
    async with client, client.stream(BOOK, marks=True):
        told.clear()
        for _ in range(5):
            await dropped(exchange, client)
            await until(lambda: told)
            told.clear()

    for number in range(2, 7):
        made = [request for request in exchange.ledger.requests if request.connection == number]
        assert [(request.method, request.params.get("channels")) for request in made[:5]] == [
            ("public/set_heartbeat", None),
            ("public/auth", None),
            ("private/enable_cancel_on_disconnect", None),
            ("private/subscribe", [USER]),
            ("public/subscribe", [BOOK]),
        ]


async def test_connected_comes_before_the_first_data(exchange: SimulatedExchange, make: Make) -> None:
    """Handlers and streams hear Connected before any data of that connection, on each of them."""
    client = make()
    order: list[str] = []
    client.register(BOOK, lambda change: order.append(change.type))

    class Marks(Ears):
        def on_connected(self, event: Any) -> None:
            order.append(type(event).__name__)

        on_disconnected = on_connected

    client.add_handler(Marks())
    async with client:
        for _ in range(4):
            await until(lambda: order[-1] not in ("Connected", "Disconnected"))
            exchange.step(2)
            await asyncio.sleep(0.01)
            await dropped(exchange, client)

    chunks = " ".join(order).split("Disconnected")
    assert all(chunk.split()[:2] == ["Connected", "snapshot"] for chunk in chunks if chunk.strip())


@pytest.mark.looptime
async def test_early_data_is_held(memory: MemoryExchange, remember: Make) -> None:
    """Data that arrives before Connected is handed out after it, all of it and in order."""
    memory.answers["public/subscribe"] = lambda wire, _: MUTE
    client = remember()
    heard: list[Any] = []

    class Marks(Ears):
        def on_connected(self, event: Any) -> None:
            heard.append(event)

    client.add_handler(Marks())
    client.register("weather", heard.append)
    entering = asyncio.create_task(client.__aenter__())
    await until(lambda: memory.wires and memory.wire.asked("public/subscribe"))
    for n in range(1000):
        memory.wire.tell("weather", [n])
    await asyncio.sleep(1)
    assert heard == []
    memory.wire.say(id=memory.wire.requests[-1][1]["id"], result=["weather"])
    memory.wire.tell("weather", [1000])
    await entering
    await asyncio.sleep(1)
    await client.aclose()

    assert heard == [Connected(1, 1), *([n] for n in range(1001))]


@pytest.mark.looptime
async def test_held_data_outlives_the_link(memory: MemoryExchange, remember: Make) -> None:
    """A link lost just after Connected hands out all it had held back, before Disconnected is told."""
    memory.answers["public/subscribe"] = lambda wire, _: MUTE
    client = remember()
    heard: list[Any] = []

    class Marks(Ears):
        def on_connected(self, event: Any) -> None:
            heard.append("Connected")
            memory.wire.drop()

        def on_disconnected(self, event: Any) -> None:
            heard.append("Disconnected")

    client.add_handler(Marks())
    client.register("weather", heard.append)
    entering = asyncio.create_task(client.__aenter__())
    await until(lambda: memory.wires and memory.wire.asked("public/subscribe"))
    for n in range(9000):
        memory.wire.tell("weather", n)
    memory.wire.say(id=memory.wire.requests[-1][1]["id"], result=["weather"])
    await entering
    await until(lambda: "Disconnected" in heard)
    await client.aclose()

    assert heard[:9002] == ["Connected", *range(9000), "Disconnected"]


@pytest.mark.looptime
async def test_held_data_is_bounded(
    memory: MemoryExchange, remember: Make, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too much is held back the link goes live early, once, and nothing is lost."""
    monkeypatch.setattr("deribit_ws.protocol.HELD_BYTES", 10_000)
    memory.answers["public/subscribe"] = lambda wire, _: MUTE
    client = remember()
    heard: list[Any] = []
    client.register("weather", heard.append)
    entering = asyncio.create_task(client.__aenter__())
    await until(lambda: memory.wires and memory.wire.asked("public/subscribe"))
    for n in range(500):
        memory.wire.tell("weather", [n])
    await entering
    memory.wire.say(id=memory.wire.requests[-1][1]["id"], result=["weather"])
    await asyncio.sleep(1)
    state = client.state
    await client.aclose()

    assert (state, ears.names) == (State.CONNECTED, ["Connected"])
    assert heard == [[n] for n in range(500)]


@pytest.mark.parametrize("method", ["public/set_heartbeat", "public/auth", "public/subscribe"])
@pytest.mark.parametrize("before_reply", [True, False])
async def test_drop_while_rebuilt(
    exchange: SimulatedExchange, make: Make, ears: Ears, method: str, before_reply: bool
) -> None:
    """A link dropped at any step of its rebuilding is replaced, and marks stay in pairs."""
    exchange.inject(DropOnRequest(method, Drop.rst(), times=3, before_reply=before_reply))
    client = make(credentials=KEY)
    client.register(BOOK, lambda change: None)
    async with client:
        await until(lambda: 4 in exchange.connections and client.state is State.CONNECTED)

        assert set(exchange.connections[4].channels) == {BOOK}
        assert ears.names == [["Connected", "Disconnected"][n % 2] for n in range(len(ears.names))]
        assert len(exchange.ledger.handshakes) == 4


@pytest.mark.looptime
async def test_links_that_never_live_take_no_step_back(memory: MemoryExchange, remember: Make) -> None:
    """A server that ends each link before it lives is dialled ever more slowly: no hot loop."""

    def end(wire: Wire, request: Message) -> Any:
        wire.drop()
        return MUTE

    memory.answers["public/set_heartbeat"] = end
    entering = asyncio.create_task(remember(retry_seconds=30).__aenter__())
    await asyncio.sleep(60)
    entering.cancel()
    await asyncio.wait([entering])

    assert len(memory.dials) <= 12
    assert all(b >= a for a, b in zip(memory.waits[5:], memory.waits[6:], strict=False) if b < 15)
