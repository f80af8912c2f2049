"""A random game about logins: refused, late, unanswered or ended early, among drops and use of all kinds.

What the exchange does with the private channels of a login that ended is not known: here it keeps them, or
forgets them without a word.
"""

import asyncio
import contextlib
import itertools
import os
import random
from collections import Counter
from typing import Any

import pytest

from deribit_ws import CallError, CallTimeout, Client, Credentials, State, SubscriptionRejected
from tests.client.conftest import Make, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire
from tests.core.listed import plain

SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "20"))  # more by hand
CHANNELS = ["weather", "user.lock", "user.portfolio.btc", "user.orders.BTC-PERPETUAL.raw"]
CREATION, STATES = "instrument.creation.option.BTC", "instrument.state.option.BTC"
READ, BUY = "private/get_positions", "private/buy"
VERBS = ["public/subscribe", "public/unsubscribe", "private/subscribe", "private/unsubscribe"]
DEADLINE = 4.0  # seconds, of every call
BACK_SECONDS = 75.0  # a minute between two tries once refused for good, and a link that has to be replaced
REST_OF_LOGINS = 25  # a minute, beside renewals at 80 % of a life: of new links, refused ones, revoked ones
MOODS: list[Any] = [None, 13004, 13009, 10028, MUTE, 0.3, 3.0, 15.0]


class Venue:
    """The exchange: a login and channels for each wire."""

    def __init__(self, memory: MemoryExchange, rng: random.Random) -> None:
        self.loop = asyncio.get_running_loop()
        self.life = rng.choice([1, 2, 5, 20, 1000])
        self.forgets = rng.random() < 0.5  # the private channels of a login that has ended
        self.mood: Any = None  # of public/auth: a refusal's code, MUTE, or the seconds it takes
        self.tokens: dict[int, tuple[float, str]] = {}  # wire → the end of its login, and its refresh token
        self.channels: dict[int, set[str]] = {}
        self.options = {"O-1", "O-2"}
        self.numbers = itertools.count(3)
        self.logins: list[tuple[float, int]] = []
        self.orders: list[tuple[str, bool]] = []  # label, and whether it was let through
        self.flooded = False
        methods = ["public/ticker", READ, BUY, *VERBS]
        memory.answers |= dict.fromkeys(methods, self.act) | {"public/auth": self.ask}
        memory.answers["public/get_instruments"] = lambda wire, _: [plain(name) for name in self.options]

    def ask(self, wire: Wire, request: Message) -> Any:
        self.logins.append((self.loop.time(), wire.number))
        if isinstance(self.mood, int):
            raise Refused(self.mood)
        if self.mood is not MUTE:
            self.loop.call_later(self.mood or 0, self.answer, wire, request)
        return MUTE

    def answer(self, wire: Wire, request: Message) -> None:
        token = request["params"].get("refresh_token")
        if token is not None and not (self.is_in(wire) and token == self.tokens[wire.number][1]):
            return wire.say(id=request["id"], error={"code": 13009, "message": "refused"})
        self.held(wire)
        token = f"r{next(self.numbers)}"
        self.tokens[wire.number] = self.loop.time() + self.life, token
        given = {"refresh_token": token, "expires_in": self.life, "scope": "connection"}
        return wire.say(id=request["id"], result=given)

    def act(self, wire: Wire, request: Message) -> Any:
        method, params, held = request["method"], request["params"], self.held(wire)
        if self.flooded:
            self.flooded = False
            self.loop.call_later(0.1, wire.drop)
            raise Refused(10028)
        if method == BUY:
            self.orders.append((params["label"], self.is_in(wire)))
        if method.startswith("private/") and not self.is_in(wire):
            raise Refused(13009, {"reason": "invalid_token"})
        if method.endswith("/subscribe"):
            held.update(params["channels"])
        elif method.endswith("/unsubscribe"):
            held.difference_update(params["channels"])
        return params.get("channels") or params["label"]

    def is_in(self, wire: Wire) -> bool:
        return self.loop.time() < self.tokens.get(wire.number, (0.0, ""))[0]

    def held(self, wire: Wire) -> set[str]:
        held = self.channels.setdefault(wire.number, set())
        if self.forgets and not self.is_in(wire):
            held -= {channel for channel in held if channel.startswith("user.")}
        return held

    def change(self, wire: Wire) -> None:
        """List an option, its creation untold, or end one."""
        if is_new := len(self.options) < 3:
            self.options.add(name := f"O-{next(self.numbers)}")
        else:
            self.options.discard(name := min(self.options))
        if STATES in self.held(wire):
            state = {"instrument_name": name, "state": "open" if is_new else "delivered"}
            wire.tell(STATES, state | {"timestamp": int(self.loop.time() * 1000)})


class Player:
    """Random use of one client."""

    def __init__(self, client: Client, memory: MemoryExchange, venue: Venue, rng: random.Random) -> None:
        self.client, self.memory, self.venue, self.rng = client, memory, venue, rng
        self.registered: dict[str, Any] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.late = [0.0]  # by how much calls outlived their deadlines
        self.labels = itertools.count(1)

    def act(self) -> None:
        wire, venue, rng, channel = self.memory.wire, self.venue, self.rng, self.rng.choice(CHANNELS)
        match rng.randrange(14):
            case 0:
                wire.drop()
            case 1 | 2:
                venue.mood = rng.choice(MOODS)
            case 3:
                venue.mood = None
            case 4:
                venue.tokens.pop(wire.number, None)  # revoked
            case 5:
                venue.flooded = True
            case 6:
                venue.change(wire)
            case 7 | 8:
                self.spawn(self.hold(rng.sample(CHANNELS, 2)))
            case 9 if self.registered:
                self.registered.popitem()[1].cancel()
            case 9 | 10 if channel not in self.registered:
                self.registered[channel] = self.client.register(channel, lambda data: None)
            case _:
                self.spawn(*(self.call() for _ in range(rng.choice([1, 1, 5]))))

    def spawn(self, *works: Any) -> None:
        self.tasks += map(asyncio.create_task, works)

    async def hold(self, channels: list[str]) -> None:
        with contextlib.suppress(SubscriptionRejected, CallTimeout):
            if self.rng.random() < 0.5:
                await self.client.subscribe(*channels)
            else:
                await self.client.unsubscribe(*self.client.subscribed.intersection(channels))

    async def call(self) -> None:
        method, label = self.rng.choice(["public/ticker", READ, BUY]), f"l{next(self.labels)}"
        began = self.venue.loop.time()
        with contextlib.suppress(CallError):
            assert await self.client.call(method, label=label, timeout=DEADLINE) == label
        self.late.append(self.venue.loop.time() - began - DEADLINE)

    async def be_let_in(self) -> None:
        self.venue.mood = None
        async with asyncio.timeout(BACK_SECONDS):
            while True:
                with contextlib.suppress(CallError):
                    await self.client.call(READ, label="", timeout=DEADLINE)
                    return
                await asyncio.sleep(0.5)


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_logins_come_back(memory: MemoryExchange, remember: Make, seed: int) -> None:
    """Whatever becomes of logins, calls end in time, orders are done once, nobody hammers, all comes back."""
    rng = random.Random(seed)
    venue = Venue(memory, rng)
    client = remember(retry_seconds=1, call_timeout=DEADLINE, credentials=Credentials("key", "hidden"))
    options = client.instruments("option", "BTC")
    client.register("ticker.{name}.100ms", lambda ticker: None, name=options)
    async with client:
        player = Player(client, memory, venue, rng)
        for _ in range(60):
            player.act()
            await asyncio.sleep(rng.choice([0, 0.01, 0.3, 1, 3]))
        ends = await asyncio.gather(*player.tasks, return_exceptions=True)
        await player.be_let_in()
        await until(lambda: client.state is State.CONNECTED, 60)
        await asyncio.sleep(40)  # the longest wait before what was refused is asked for again, and some

        wanted = {CREATION, STATES, *(f"ticker.{name}.100ms" for name in venue.options)}
        assert venue.held(memory.wire) == wanted | client.subscribed | player.registered.keys()
        assert set(options) == venue.options
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [end for end in ends if end is not None] == []
    assert max(player.late) <= 1
    assert max(Counter(label for label, done in venue.orders if done).values(), default=0) <= 1
    assert max(Counter(label for label, _ in venue.orders).values(), default=0) <= 2  # once more if refused
    assert busiest(venue.logins, 60.0) <= 75 / venue.life + REST_OF_LOGINS


def busiest(logins: list[tuple[float, int]], seconds: float) -> int:
    """The most logins within so many seconds."""
    return max(sum(at <= other < at + seconds for other, _ in logins) for at, _ in logins)
