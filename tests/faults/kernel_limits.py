"""Row 48: a process that gets no more files, threads, buffers or memory, and users whose callbacks raise.

Knows which limits there are, and what a client may cost while it lacks something. In each scene a callback
raises on each call, too, as a witness's does. `kernel` gives it to the runner.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from deribit_ws import Client, Handler
from deribit_ws.testing import Drop, SimulatedExchange
from tests.faults.kernel_scene import RETRY_SECONDS, Scene, on_loopback
from tests.faults.kernel_witness import BTC, unheard

STARVED_SECONDS = 4.0  # long enough to see whether it dials in a hot loop
NO_FILES = 3  # the lowest number that is not free: none can be opened
FEW_DIALS = 10  # in 5 s: 0.25 s at first, then one each half second at the least, and some to spare
SOON = 0.6  # seconds for a link, once it may be had
LONG_MESSAGE = 12 << 20  # bytes; less than the longest that is taken
LITTLE_MEMORY = 16 << 20  # bytes beyond what it has: not enough to gather such a message and to read it
CLIENTS = 8
CHANNEL = f"book.{BTC}.100ms"


async def limits(seed: int) -> float:
    """Row 48: all of them side by side; the seconds from when a link may be had again."""
    async with asyncio.TaskGroup() as group:
        starved = [
            group.create_task(no_files(seed)),
            group.create_task(no_files(seed, by_name=True)),
            group.create_task(no_threads(seed)),
            group.create_task(no_buffers(seed)),
            group.create_task(eight_clients(seed)),
        ]
        group.create_task(little_memory(seed))
    return max(task.result() for task in starved)


async def no_files(seed: int, *, by_name: bool = False) -> float:
    """Have no descriptor for a dial (EMFILE), nor for looking a name up."""
    async with on_loopback(seed, by_name=by_name) as scene:
        await scene.near.ask("forbid", limit="RLIMIT_NOFILE", most=NO_FILES)
        await scene.far.ask("drop")
        return await _starved(scene)


async def no_threads(seed: int) -> float:
    """Have no room for the thread that looks a name up."""
    async with on_loopback(seed, by_name=True) as scene:
        await scene.near.ask("forbid_threads")
        await scene.far.ask("drop")
        return await _starved(scene)


async def no_buffers(seed: int) -> float:
    """Have no buffers in the system: the next thing written ends the link, and no other can be had."""
    async with on_loopback(seed) as scene:
        await scene.near.ask("forbid_buffers")
        return await _starved(scene)


async def little_memory(seed: int) -> None:
    """Have no memory for a message that comes: the link may end, and the client goes on."""
    async with on_loopback(seed) as scene:
        await scene.near.ask("forbid_memory", more=LITTLE_MEMORY)
        await scene.far.ask("say", nbytes=LONG_MESSAGE)
        lost = await scene.mark(2)
        assert "Memory" in lost["reason"] or lost["code"] == 1006, lost
        await scene.mark(3)
        await scene.near.ask("allow")
        await scene.judge(drops=1)


async def eight_clients(seed: int) -> float:
    """Have eight clients in one loop, a callback of each raising: the drop of one touches no other."""
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(SimulatedExchange(seed=seed))
        stack.enter_context(unheard())
        users = [_User() for _ in range(CLIENTS)]
        for user in users:  # one after the other: so their connections are numbered as they are
            client = Client(exchange.url, retry_seconds=RETRY_SECONDS)
            for callback in (user.fail, user.hear):
                client.register(CHANNEL, callback)
            client.add_handler(user)
            await stack.enter_async_context(client)
        await asyncio.sleep(0.5)
        victim = Random(seed).randrange(CLIENTS)
        exchange.inject(Drop.rst(), sorted(exchange.connections)[victim])
        await asyncio.sleep(1.5)
        for name in exchange.instruments:
            exchange.set_state(name, "locked")
        await asyncio.sleep(0.5)
        for number, user in enumerate(users):
            names = ["Connected", "Disconnected", "Connected"] if number == victim else ["Connected"]
            assert [name for name, _ in user.marks] == names, f"seed {seed}: client {number}: {user.marks}"
            assert user.heard == user.failed > 0, f"seed {seed}: a callback that raises stopped another"
            sent = exchange.ledger.frames_sent(CHANNEL, number + 1)
            assert user.heard == sent or number == victim, (
                f"seed {seed}: client {number}: {user.heard} of {sent}"
            )
    return users[victim].marks[2][1] - users[victim].marks[1][1]


class _User(Handler):
    """What one of them hears, and a callback that raises on the same channel."""

    def __init__(self) -> None:
        self.failed = 0
        self.heard = 0
        self.marks: list[tuple[str, float]] = []

    def hear(self, change: Any) -> None:
        self.heard += 1

    def fail(self, change: Any) -> None:
        self.failed += 1
        raise ArithmeticError("a user's callback raises on each call")

    def on_connected(self, event: Any) -> None:
        self.marks.append((type(event).__name__, time.monotonic()))

    on_disconnected = on_connected


async def _starved(scene: Scene) -> float:
    """See that it dials now and then, and that it recovers when it may; give the seconds that took."""
    lost = await scene.mark(2)
    await asyncio.sleep(STARVED_SECONDS + Random(scene.seed).random())
    attempts = len(await scene.near.ask("attempts"))
    await scene.near.ask("allow")
    allowed = time.monotonic()
    found = await scene.mark(3)
    await scene.judge(drops=1)
    assert 1 < attempts <= FEW_DIALS, f"seed {scene.seed}: {attempts} dials in {allowed - lost['at']:.1f} s"
    took: float = found["at"] - allowed
    assert took <= RETRY_SECONDS + SOON, f"seed {scene.seed}: {took:.2f} s"
    return took
