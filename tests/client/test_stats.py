"""`client.stats`: it says what the far end did to the client; and a tap hears all of it."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from deribit_ws import Client, Gap, State
from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.errors import ConnectFailed, ConnectionLost
from deribit_ws.tally import Tally, cause_of
from deribit_ws.testing import Drop, RefuseHandshake, Say, SimulatedExchange
from tests.client.conftest import Build, Make, until
from tests.client.far_end import MemoryExchange

TICKER = "ticker.BTC-PERPETUAL.100ms"


@dataclass
class Heard:
    """A tap that keeps what it hears."""

    events: list[tuple[str, object]] = field(default_factory=list)

    def opened(self, number: int) -> None:
        self.events.append(("opened", number))

    def received(self, frame: bytes) -> None:
        self.events.append(("received", frame))

    def sent(self, frame: bytes) -> None:
        self.events.append(("sent", frame))

    def live(self) -> None:
        self.events.append(("live", None))

    def lost(self, code: int, reason: str, *, is_reset: bool = False) -> None:
        self.events.append(("lost", code))

    @property
    def frames(self) -> list[bytes]:
        """What was received."""
        return [frame for kind, frame in self.events if kind == "received" and isinstance(frame, bytes)]

    @property
    def course(self) -> list[tuple[str, object]]:
        """All but the frames."""
        return [event for event in self.events if event[0] not in ("received", "sent")]


def lifecycle_of(client: Client) -> Lifecycle:
    return client._lifecycle


def test_a_new_client_counts_nothing() -> None:
    """Before it is opened, and without a loop, a client's stats are there and say that nothing happened."""
    stats = Client().stats

    assert (stats.state, stats.connections, stats.messages, stats.drops) == (State.NEW, 0, 0, {})
    assert stats.credits == {}
    assert stats.uptime is stats.lag is stats.round_trip is stats.clock_offset is None


async def test_counts_what_arrives(exchange: SimulatedExchange, make: Make) -> None:
    """Messages and bytes are counted, and the lag is that of the latest message."""
    client = make()
    ticks: list[object] = []
    client.register(TICKER, ticks.append)
    async with client:
        exchange.step(5)
        await until(lambda: len(ticks) >= 5)
        stats = client.stats

        assert stats.state is State.CONNECTED
        assert stats.connections == stats.channels == 1
        assert stats.messages >= 5 + 2  # the answers to set_heartbeat and subscribe
        assert stats.received_bytes > 5 * 300
        assert stats.uptime is not None and stats.uptime >= 0
        assert stats.lag is not None and abs(stats.lag) < 5
        assert stats.credits["non_matching_engine"] > 0


@pytest.mark.parametrize(
    ("drop", "cause"),
    [(Drop.rst(), "reset"), (Drop.fin(), "end_of_stream"), (Drop.close(1001), "close_1001")],
)
async def test_drops_are_told_apart(exchange: SimulatedExchange, make: Make, drop: Drop, cause: str) -> None:
    """Each drop is counted under its cause, and says when the next link was live; counts go on over links."""
    client = make()
    async with client:
        before = client.stats
        exchange.inject(drop)
        await until(lambda: client.stats.connections == 2)
        stats = client.stats

        assert stats.drops == {cause: 1}
        (last,) = stats.last_drops
        assert last.cause == cause
        assert last.recovered is not None and 0 < last.recovered < 5
        assert abs(last.at - time.time_ns()) < 60e9
        assert stats.messages > before.messages


@pytest.mark.looptime
async def test_silence_is_a_cause_of_its_own(memory: MemoryExchange, remember: Make) -> None:
    """A link given up because nothing came any more is counted as silent."""
    async with remember(heartbeat=None) as client:
        memory.wire.deaf = True
        await until(lambda: bool(client.stats.drops), 60)

        assert client.stats.drops == {"silent": 1}


def test_words_for_causes_are_few() -> None:
    """What breaks the protocol is one cause; and ours come before what the socket says."""
    assert cause_of(ConnectionLost(1007, "not UTF-8"), "") == "protocol"
    assert cause_of(ConnectionLost(1008, "slow"), "slow_consumer") == "slow_consumer"
    assert cause_of(ConnectionLost(1006, "reset", OSError()), "") == "reset"


async def test_stats_may_be_read_elsewhere(exchange: SimulatedExchange, make: Make) -> None:
    """Another thread may read the stats, while the client is open and when it is closed."""
    client = make()
    async with client:
        open_stats = await asyncio.to_thread(lambda: client.stats)
    closed_stats = await asyncio.to_thread(lambda: client.stats)

    assert open_stats.state is State.CONNECTED and open_stats.uptime is not None
    assert closed_stats.state is State.CLOSED and closed_stats.credits


async def test_gaps_and_errors_are_counted(make: Make) -> None:
    """A Gap counts once, with all its trades; so does an error that no call awaited."""
    client = make()
    async with client:
        client._registry.tell(Gap("BTC-PERPETUAL", 5, 9))
        client._registry.events.report(ValueError("made up"))

        assert (client.stats.gaps, client.stats.lost, client.stats.errors) == (1, 5, 1)


@pytest.mark.looptime
async def test_signs_of_life_tell_the_round_trip(memory: MemoryExchange, remember: Make) -> None:
    """An answered test_request gives the round trip; an answer without a time leaves the offset unknown."""
    async with remember(heartbeat=None) as client:
        assert client.stats.round_trip is None

        memory.wire.test_request()
        await until(lambda: client.stats.round_trip is not None)
        assert client.stats.clock_offset is None


async def test_signs_of_life_tell_the_clock(build: Build) -> None:
    """An answer that carries the exchange's time gives the offset of the clocks, to about the round trip."""
    exchange = await build(clock_offset=-7.5)
    async with Client(exchange.url) as client:  # the answer to set_heartbeat is the first
        stats = client.stats
        assert stats.round_trip is not None and stats.clock_offset is not None
        assert abs(stats.clock_offset + 7.5) < stats.round_trip + 0.05


async def test_a_tap_hears_all_of_a_link(exchange: SimulatedExchange, make: Make) -> None:
    """A tap set before the client is opened hears each frame, in and out, and how each link came and went."""
    client, tap = make(), Heard()
    lifecycle_of(client).tap = tap
    ticks: list[bytes] = []

    def keep(data: bytes) -> None:
        ticks.append(data)

    client.register(TICKER, keep)
    async with client:
        exchange.step(3)
        await until(lambda: len(ticks) >= 3)
        exchange.inject(Drop.rst())
        await until(lambda: client.stats.connections == 2)

    events = [("opened", 1), ("live", None), ("lost", 1006), ("opened", 2), ("live", None), ("lost", 1000)]
    assert tap.course == events
    assert all(any(tick in frame for frame in tap.frames) for tick in ticks)
    assert sum(
        kind == "sent" and b"public/subscribe" in bytes(str(frame), "utf-8") for kind, frame in tap.events
    )


async def test_a_tap_may_come_and_go(exchange: SimulatedExchange, make: Make) -> None:
    """A tap set on a live link hears that it is open and live, then all frames until it is taken away."""
    client, tap = make(), Heard()
    ticks: list[object] = []
    client.register(TICKER, ticks.append)
    async with client:
        exchange.step(2)
        await until(lambda: len(ticks) >= 2)
        lifecycle_of(client).tap = tap
        assert tap.course == [("opened", 1), ("live", None)]

        exchange.step(3)
        await until(lambda: len(ticks) >= 5)
        lifecycle_of(client).tap = None
        heard = len(tap.events)
        assert heard == 2 + 3

        exchange.step(2)
        await until(lambda: len(ticks) >= 7)
        assert len(tap.events) == heard


async def test_depth_counts_what_waits(exchange: SimulatedExchange, make: Make) -> None:
    """The queue depth is that of all streams and coroutine functions together."""
    client = make()
    held = asyncio.Event()

    async def slow(payload: object) -> None:
        await held.wait()

    client.register(TICKER, slow, overflow="drop_oldest")
    async with client:
        exchange.step(4)
        await until(lambda: client.stats.queue_depth >= 2)
        held.set()


async def test_a_tap_hears_nothing_after_the_end(build: Build) -> None:
    """What arrives while the client closes is handed to nobody: to a tap as little as to a callback."""
    exchange = await build()
    for turns in range(8):
        client, tap = Client(exchange.url), Heard()
        lifecycle_of(client).tap = tap
        ticks: list[object] = []
        client.register(TICKER, ticks.append)
        async with client:
            exchange.step()
            for _ in range(turns):
                await asyncio.sleep(0)

        assert tap.events[-1] == ("lost", 1000)
        assert len(ticks) == sum(b'"data"' in frame for frame in tap.frames)


async def test_failed_dials_are_all_counted(exchange: SimulatedExchange, make: Make) -> None:
    """A dial that fails is counted, also the one after which there is no other."""
    exchange.inject(RefuseHandshake(503))
    exchange.inject(RefuseHandshake(401))
    client = make()
    with pytest.raises(ConnectFailed):
        await client.__aenter__()

    assert client.stats.dials_failed == 2


async def test_an_answer_has_no_lag(exchange: SimulatedExchange, make: Make) -> None:
    """The time within an answer, which may be of long ago, is not taken for that of a message."""
    async with make() as client:
        exchange.step()
        ticker = await client.call("public/ticker", instrument_name="BTC-PERPETUAL")

        assert ticker["timestamp"]
        assert client.stats.lag is None


async def test_messages_are_counted_up_to_a_bad_one(exchange: SimulatedExchange, make: Make) -> None:
    """Of a burst all is counted up to the frame that ends the link, each once; PINGs are no messages."""
    client, tap = make(), Heard()
    lifecycle_of(client).tap = tap
    client.register(TICKER, lambda payload: None)
    async with client:
        exchange.inject(Say(raw=b"\x89\x00"))
        exchange.step(20)
        exchange.inject(Say(text=b"\xff"))
        exchange.step()
        await until(lambda: client.stats.connections == 2)

    heard = [len(frame) for frame in tap.frames]
    assert client.stats.drops == {"protocol": 1}
    assert client.stats.messages == len(heard) + 1 > 20
    assert client.stats.received_bytes > sum(heard)


def test_a_link_that_goes_is_counted_once() -> None:
    """What a link brought is in the sum before it is gone and after, and the next one adds to it."""
    tally = Tally()
    tally.link_open(lambda: (3, 30))
    before = tally.received
    tally.link_gone()
    after = tally.received
    tally.link_open(lambda: (1, 10))

    assert (before, after, tally.received) == ((3, 30), (3, 30), (4, 40))


async def test_a_thousand_callbacks_cost_little_to_count(make: Make) -> None:
    """What waits is counted for each coroutine function, and nothing asked of callbacks that run in place."""
    client = make()

    async def slow(payload: dict[str, object]) -> None:
        await asyncio.Event().wait()

    plain = [client.register(f"ticker.A-{n}.100ms", print) for n in range(1000)]
    queued = client.register(TICKER, slow)
    registry = client._registry
    registry.router.notify(TICKER.encode(), b"{}")

    assert len(registry._workers) == 1 and client.stats.queue_depth == 1
    for registration in (*plain, queued):
        registration.cancel()
    assert not registry._workers and client.stats.queue_depth == 0


async def test_what_closing_cancels_is_at_work_no_more(exchange: SimulatedExchange, make: Make) -> None:
    """A coroutine function that is cancelled as the client closes does not count as waiting for ever."""
    client = make()
    begun = asyncio.Event()

    async def slow(payload: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    client.register(TICKER, slow)
    async with client:
        exchange.step()
        await begun.wait()
        waiting = client.stats.queue_depth

    assert (waiting, client.stats.queue_depth) == (1, 0)
