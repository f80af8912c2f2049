"""Anything at any moment: cancelled at each step, and random use among random faults, seed by seed."""

import asyncio
import contextlib
import os
import random
from typing import Any

import pytest

from deribit_ws import (
    CallTimeout,
    Client,
    ConnectFailed,
    Credentials,
    OutcomeUnknown,
    Registration,
    RequestNotSent,
    State,
    SubscriptionRejected,
)
from tests.client.conftest import Ears, Make, until
from tests.client.far_end import MemoryExchange, Message, Wire

CHANNELS = [
    "weather",
    "platform_state",
    "user.lock",
    "user.orders.BTC-PERPETUAL.raw",
    "book.BTC-PERPETUAL.100ms",
    "ticker.BTC-PERPETUAL.100ms",
    "trades.BTC-PERPETUAL.100ms",
]
UNKNOWN = "ticker.NOPE.100ms"
SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "40"))  # more by hand
SNAPSHOT = {
    "timestamp": 1,
    "type": "snapshot",
    "change_id": 1,
    "instrument_name": "X",
    "bids": [],
    "asks": [],
}


class Venue:
    """What the far end has subscribed on each wire, kept as Deribit does."""

    def __init__(self, memory: MemoryExchange) -> None:
        self.channels: dict[int, set[str]] = {}
        for scope in ("public", "private"):
            memory.answers[f"{scope}/subscribe"] = self.subscribe
            memory.answers[f"{scope}/unsubscribe"] = self.unsubscribe

    def subscribe(self, wire: Wire, request: Message) -> list[str]:
        held = self.channels.setdefault(wire.number, set())
        good = [name for name in request["params"]["channels"] if name != UNKNOWN]
        for name in good:
            if name.startswith("book") and name not in held:
                asyncio.get_running_loop().call_soon(wire.tell, name, SNAPSHOT)
        held.update(good)
        return good[::-1]

    def unsubscribe(self, wire: Wire, request: Message) -> list[str]:
        held = self.channels.setdefault(wire.number, set())
        gone = [name for name in request["params"]["channels"] if name in held]
        held.difference_update(gone)
        return gone


async def session(client: Client, memory: MemoryExchange) -> None:
    """A bit of everything."""
    client.register("weather", lambda payload: None)
    async with client:
        await client.subscribe("platform_state")
        async with client.stream("ticker.BTC-PERPETUAL.100ms", marks=True) as stream:
            await client.call("public/get_time")
            memory.wire.drop()
            await anext(stream)
            await client.call("public/get_time")
        await client.unsubscribe("platform_state")


@pytest.mark.looptime
async def test_cancelled_at_each_step(memory: MemoryExchange, remember: Make) -> None:
    """Cancelled at any step of a session, the session ends as cancelled and nothing is left of it."""
    Venue(memory)
    own = asyncio.current_task()
    for steps in range(400):
        task = asyncio.create_task(session(remember(credentials=Credentials("a", "b")), memory))
        for step in range(steps):
            if task.done():
                break
            await asyncio.sleep(0.02 if step % 8 == 7 else 0)  # now and then time passes, for the back-off
        done = not task.cancel()
        end = (await asyncio.gather(task, return_exceptions=True))[0]
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {own}

        assert (end is None) if done else isinstance(end, asyncio.CancelledError), steps
        assert not left, steps
        assert all(wire.closed for wire in memory.wires), steps
        memory.wires.clear()
        if done:
            break
    else:
        pytest.fail("the session is longer than the steps tried")


class Chaos:
    """Random use of one client, among random faults."""

    def __init__(self, client: Client, memory: MemoryExchange, rng: random.Random) -> None:
        self.client = client
        self.memory = memory
        self.rng = rng
        self.registrations: list[Registration] = []
        self.subscribed: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def act(self) -> None:
        match self.rng.randrange(10):
            case 0 | 1:
                self.memory.wire.drop(self.rng.choice([1000, 1006, 4000]))
            case 2:
                self.memory.refusals.extend([ConnectFailed("refused")] * self.rng.randrange(3))
                self.memory.wire.drop()
            case 3 | 4:
                self.registrations.append(self.client.register(self.channel(), self.consumer()))
            case 5 if self.registrations:
                self.registrations.pop(self.rng.randrange(len(self.registrations))).cancel()
            case 6 if self.subscribed:
                self.spawn(self.unsubscribe(self.subscribed.pop()))
            case 7:
                self.spawn(self.subscribe([self.channel() for _ in range(3)]))
            case 8:
                self.spawn(self.read(self.channel()))
            case _:
                self.spawn(self.call())

    def channel(self) -> str:
        return self.rng.choice([*CHANNELS, UNKNOWN])

    def consumer(self) -> Any:
        async def slow(payload: object) -> None:
            await asyncio.sleep(0.3)

        return self.rng.choice([slow, lambda payload: None])

    def spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        if self.rng.random() < 0.1:
            asyncio.get_running_loop().call_later(self.rng.random(), task.cancel)

    async def subscribe(self, channels: list[str]) -> None:
        channels = list(dict.fromkeys(channels))
        try:
            self.subscribed += await self.client.subscribe(*channels)
        except SubscriptionRejected as rejected:
            self.subscribed += rejected.accepted
        except CallTimeout:
            pass

    async def unsubscribe(self, channel: str) -> None:
        await self.client.unsubscribe(channel)

    async def call(self) -> None:
        with contextlib.suppress(OutcomeUnknown, RequestNotSent, CallTimeout):
            await self.client.call(self.rng.choice(["public/get_time", "private/buy"]))

    async def read(self, channel: str) -> None:
        with contextlib.suppress(SubscriptionRejected, TimeoutError):
            async with self.client.stream(channel, marks=True) as stream, asyncio.timeout(3):
                async for _ in stream:
                    pass

    @property
    def wanted(self) -> set[str]:
        held = {channel for registration in self.registrations for channel in registration.channels}
        return (held | set(self.subscribed)) - {UNKNOWN}


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_random_use(memory: MemoryExchange, remember: Make, ears: Ears, seed: int) -> None:
    """Whatever was done among drops, in the end the exchange has what is wanted, and marks came in pairs."""
    rng = random.Random(seed)
    venue = Venue(memory)
    client = remember(retry_seconds=1, credentials=Credentials("a", "b"))
    async with client:
        chaos = Chaos(client, memory, rng)
        for _ in range(60):
            await chaos.act()
            await asyncio.sleep(rng.choice([0, 0, 0.01, 0.3, 2]))
        await asyncio.wait(chaos.tasks, timeout=60)
        await until(lambda: client.state is State.CONNECTED, 60)
        await asyncio.sleep(30)
        ends = await asyncio.gather(*chaos.tasks, return_exceptions=True)

        assert venue.channels.get(memory.wire.number, set()) == chaos.wanted
        assert client._registry.subscriptions.wanted - {UNKNOWN} == chaos.wanted
        unforeseen = [end for end in ends if isinstance(end, Exception)]
        assert not unforeseen
    pairs = [name for name in ears.names if name != "Lagged"]
    assert pairs == [["Connected", "Disconnected"][n % 2] for n in range(len(pairs))]
    ids = [message["id"] for wire in memory.wires for _, message in wire.requests]
    assert len(ids) == len(set(ids))
