"""Subscriptions: what is wanted is what the exchange has, on every connection; what is refused is said."""

import asyncio
import itertools
from typing import Any

import pytest

from deribit_ws import (
    AuthError,
    BookChange,
    CallTimeout,
    Client,
    Credentials,
    RpcError,
    State,
    SubscriptionRejected,
    UsageError,
)
from deribit_ws.testing import (
    Drop,
    DropChannels,
    DropOnRequest,
    FailRequest,
    IgnoreRequest,
    RefuseConnections,
    SimulatedExchange,
)
from tests.client.conftest import Build, Ears, Make, dropped, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

TICKER, QUOTE = "ticker.BTC-PERPETUAL.100ms", "quote.BTC-PERPETUAL"
BOOK, UNKNOWN = "book.BTC-PERPETUAL.100ms", "ticker.NOPE.100ms"


def subscribed(exchange: SimulatedExchange) -> set[str]:
    """What the newest connection is subscribed to."""
    connections = exchange.connections
    return set(connections[max(connections)].channels) if connections else set()


async def test_references_are_counted(exchange: SimulatedExchange, make: Make) -> None:
    """A channel is subscribed once, and left when the last of its holders lets go."""
    async with make() as client:
        first = client.register(TICKER, print)
        await client.subscribe(TICKER)
        await client.subscribe(TICKER)
        async with client.stream(TICKER):
            first.cancel()
            first.cancel()
            await client.unsubscribe(TICKER)
            await dropped(exchange, client)
            await client.unsubscribe(TICKER)
            await asyncio.sleep(0.02)
            assert subscribed(exchange) == {TICKER}
        await until(lambda: not subscribed(exchange))
        with pytest.raises(UsageError, match="not held"):
            await client.unsubscribe(TICKER)

    assert len(exchange.ledger.requests_of("public/subscribe", 1)) == 1
    assert len(exchange.ledger.requests_of("public/unsubscribe", 2)) == 1


async def test_many_channels(build: Build, ears: Ears) -> None:
    """1,200 channels are restored on each connection, in calls of at most 500 and under 32 kB."""
    exchange = await build(extra_options=1200)
    names = [name for name in exchange.instruments if name.endswith(("-C", "-P"))][:1200]
    client = Client(exchange.url, retry_seconds=0.01)
    client.add_handler(ears)
    client.register("ticker.{name}.100ms", lambda payload: None, name=names)
    async with client:
        for number in (1, 2, 3):
            assert len(subscribed(exchange)) == 1200
            calls = exchange.ledger.requests_of("public/subscribe", number)
            sizes = [len(call.params["channels"]) for call in calls]
            assert (sum(sizes), max(sizes)) == (1200, 500)
            await dropped(exchange, client)

    assert [mark.channels for mark in ears.marks if hasattr(mark, "channels")] == [1200] * 4


@pytest.mark.looptime
async def test_calls_stay_below_32_kb(memory: MemoryExchange, remember: Make) -> None:
    """Long names are spread over more calls, so that none passes 32 kB; calls keep to the credits."""
    channels = [f"ticker.{'X' * 300}{n}.100ms" for n in range(2000)]
    async with remember() as client:
        await client.subscribe(*channels)
        calls = [m for _, m in memory.wire.requests if m["method"] == "public/subscribe"]
        times = memory.wire.asked("public/subscribe")

    assert sum(len(m["params"]["channels"]) for m in calls) == 2000
    assert max(len(str(m)) for m in calls) < 32_000
    assert len(times) > 20
    assert all(later - first >= 1.49 for first, later in zip(times[10:], times[15:], strict=False))


async def test_unknown_channel_is_told_to_subscribe(exchange: SimulatedExchange, make: Make) -> None:
    """`subscribe` raises SubscriptionRejected with both lists; the accepted stay, the refused are let go."""
    async with make() as client:
        with pytest.raises(SubscriptionRejected) as rejected:
            await client.subscribe(TICKER, UNKNOWN, QUOTE)
        assert rejected.value.channels == (UNKNOWN,)
        assert set(rejected.value.accepted) == {TICKER, QUOTE}
        assert subscribed(exchange) == {TICKER, QUOTE}
        await client.unsubscribe(TICKER)
        with pytest.raises(UsageError):
            await client.unsubscribe(UNKNOWN)
        await dropped(exchange, client)

    assert exchange.ledger.requests_of("public/subscribe", 2)[0].params == {"channels": [QUOTE]}


async def test_unknown_channel_is_told_to_stream(exchange: SimulatedExchange, make: Make) -> None:
    """Entering a stream with a channel left out raises SubscriptionRejected, and nothing is held."""
    async with make() as client:
        with pytest.raises(SubscriptionRejected) as rejected:
            async with client.stream(TICKER, UNKNOWN):
                pass
        assert (rejected.value.channels, rejected.value.accepted) == ((UNKNOWN,), (TICKER,))
        await until(lambda: not subscribed(exchange))


async def test_unknown_channel_is_told_to_on_error_once(
    exchange: SimulatedExchange, make: Make, ears: Ears
) -> None:
    """A callback's unknown channel goes to on_error, once, though each connection asks for it again."""
    client = make()
    client.register(UNKNOWN, print)
    client.register(TICKER, lambda payload: None)
    async with client:
        for _ in range(3):
            await dropped(exchange, client)

    assert [str(error) for error in ears.errors] == [f"the exchange did not subscribe {UNKNOWN}"]
    assert subscribed(exchange) == set()


async def test_both_waiter_and_callback_are_told(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A refusal goes to who awaits it, and to on_error when a callback holds the channel as well."""
    async with make() as client:
        client.register(UNKNOWN, print)
        with pytest.raises(SubscriptionRejected):
            await client.subscribe(UNKNOWN)

    assert len(ears.errors) == 1


async def test_whole_call_failure(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A .raw channel without a login (13778 fails the whole call) does not take the good ones down."""
    raws = [f"trades.{name}.raw" for name in exchange.instruments[:40]]
    async with make() as client:
        with pytest.raises(SubscriptionRejected) as rejected:
            await client.subscribe(TICKER, *raws, QUOTE)
        assert subscribed(exchange) == {TICKER, QUOTE}
        assert set(rejected.value.channels) == set(raws)
        assert isinstance(rejected.value.__cause__, AuthError)

    assert len(exchange.ledger.requests_of("public/subscribe")) == 3


async def test_private_channels_without_a_login(exchange: SimulatedExchange, make: Make) -> None:
    """Private channels without a login are refused with their cause, in one call."""
    channels = [f"user.orders.{name}.raw" for name in exchange.instruments[:40]]
    async with make() as client:
        with pytest.raises(SubscriptionRejected) as rejected:
            await client.subscribe(*channels, TICKER)

    assert len(rejected.value.channels) == len(channels)
    assert isinstance(rejected.value.__cause__, RpcError)
    assert len(exchange.ledger.requests_of("private/subscribe")) == 1


@pytest.mark.looptime
async def test_culprit_is_found(memory: MemoryExchange, remember: Make) -> None:
    """One channel that fails whole calls is found by halving, and the other 499 are subscribed."""

    def picky(_: Wire, request: Message) -> list[str]:
        if "bad" in request["params"]["channels"]:
            raise Refused(-32602, {"param": "channels", "reason": "wrong format"})
        return list(request["params"]["channels"])

    memory.answers["public/subscribe"] = picky
    channels = [f"quote.X{n}" for n in range(499)]
    async with remember() as client:
        with pytest.raises(SubscriptionRejected) as rejected:
            await client.subscribe(*channels[:77], "bad", *channels[77:])

    assert (rejected.value.channels, set(rejected.value.accepted)) == (("bad",), set(channels))


@pytest.mark.looptime
async def test_refused_on_reconnection(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A channel left out of a later acknowledgement is reported once, and asked for again with back-off."""
    refusing = False

    def partly(_: Wire, request: Message) -> list[str]:
        return [c for c in request["params"]["channels"] if not (refusing and c == QUOTE)]

    memory.answers["public/subscribe"] = partly
    client = remember()
    client.register(TICKER, lambda payload: None)
    client.register(QUOTE, lambda payload: None)
    async with client:
        refusing = True
        memory.wire.drop()
        await asyncio.sleep(62)
        wire = memory.wire
        asked = [t for t, m in wire.requests if m["method"] == "public/subscribe"]
        waits = [round(b - a) for a, b in itertools.pairwise(asked)]
        refusing = False
        await asyncio.sleep(31)

        assert waits[:6] == [1, 2, 4, 8, 15, 30]
        assert [str(error) for error in ears.errors] == [f"the exchange did not subscribe {QUOTE}"]
        assert client._registry.subscriptions.confirmed == {TICKER, QUOTE}
        assert len(memory.wires) == 2


@pytest.mark.looptime
async def test_retry_is_not_put_off_by_changes(memory: MemoryExchange, remember: Make) -> None:
    """A refused channel is asked for again when its time comes, however often others come and go."""
    memory.answers["public/subscribe"] = lambda wire, request: [
        name for name in request["params"]["channels"] if wire.number == 1 or name != QUOTE
    ]
    client = remember()
    client.register(QUOTE, lambda payload: None)
    async with client:
        memory.wire.drop()
        for _ in range(40):
            await asyncio.sleep(0.5)
            client.register(TICKER, lambda payload: None).cancel()
        asked = [m for _, m in memory.wire.requests if QUOTE in m["params"].get("channels", ())]

        assert len(asked) == 5


@pytest.mark.parametrize("before_reply", [True, False])
async def test_drop_during_subscribe(exchange: SimulatedExchange, make: Make, before_reply: bool) -> None:
    """A drop before or after the acknowledgement is outlived: `subscribe` returns, nothing is missing."""
    async with make() as client:
        exchange.inject(DropOnRequest("public/subscribe", Drop.rst(), before_reply=before_reply))
        assert await client.subscribe(TICKER, QUOTE) == [TICKER, QUOTE]
        await until(lambda: subscribed(exchange) == {TICKER, QUOTE})


async def test_subscribe_times_out(exchange: SimulatedExchange, make: Make) -> None:
    """`subscribe` without an answer raises CallTimeout, and holds nothing."""
    exchange.inject(IgnoreRequest("public/subscribe", times=99))
    async with make(call_timeout=0.05) as client:
        with pytest.raises(CallTimeout):
            await client.subscribe(TICKER)

        assert client._registry.subscriptions.wanted == set()


async def test_cancelled_subscribe(exchange: SimulatedExchange, make: Make) -> None:
    """A cancelled `subscribe` holds nothing, even when the answer comes later."""
    async with make() as client:
        for steps in range(8):
            asking = asyncio.create_task(client.subscribe(TICKER))
            for _ in range(steps):
                await asyncio.sleep(0)
            if not asking.cancel():
                await client.unsubscribe(TICKER)
            await asyncio.wait([asking])
        await until(lambda: not subscribed(exchange) and not client._registry.subscriptions.wanted)
        await client.subscribe(TICKER)

        assert subscribed(exchange) == {TICKER}


async def test_at_any_moment(exchange: SimulatedExchange, make: Make) -> None:
    """Registering, cancelling and subscribing while the link is down or in a callback takes effect."""
    async with make(retry_seconds=0.2) as client:
        gone = client.register(QUOTE, print)
        exchange.inject(RefuseConnections(seconds=0.5))
        exchange.inject(Drop.rst())
        await until(lambda: client.state is not State.CONNECTED)
        gone.cancel()
        waiting = asyncio.create_task(client.subscribe(BOOK))
        more: list[Any] = []

        def first(payload: object) -> None:
            if not more:
                more.append(client.register("deribit_price_index.btc_usd", lambda price: None))
                kept.cancel()

        kept = client.register(TICKER, first)
        await waiting
        await until(lambda: subscribed(exchange) == {BOOK, "deribit_price_index.btc_usd"})


async def test_second_consumer_gets_a_snapshot(exchange: SimulatedExchange, make: Make) -> None:
    """A newcomer to a running book starts with a snapshot, and the others miss no change."""
    client = make()
    first: list[BookChange] = []
    client.register(BOOK, first.append)
    async with client:
        for _ in range(10):
            exchange.step(1)
            await asyncio.sleep(0.001)
        second: list[BookChange] = []
        client.register(BOOK, second.append)
        async with client.stream(BOOK) as stream:
            for _ in range(20):
                exchange.step(1)
                await asyncio.sleep(0.002)
            third = (await anext(stream)).data
        await asyncio.sleep(0.01)

    assert second[0].is_snapshot
    assert third.is_snapshot
    for book in (first, second):
        for before, after in itertools.pairwise(book):
            assert after.is_snapshot or after.prev_change_id == before.change_id
    assert sum(change.is_snapshot for change in first) <= 3


@pytest.mark.looptime
async def test_newcomer_while_subscribing(memory: MemoryExchange, remember: Make) -> None:
    """One who comes after the snapshot but before the acknowledgement gets a snapshot as well."""
    snapshot = {
        "timestamp": 1,
        "type": "snapshot",
        "change_id": 1,
        "instrument_name": "X",
        "bids": [],
        "asks": [],
    }

    def eager(wire: Wire, request: Message) -> object:
        wire.tell(BOOK, snapshot)
        channels = request["params"]["channels"]
        asyncio.get_running_loop().call_later(1, lambda: wire.say(id=request["id"], result=channels))
        return MUTE

    memory.answers["public/subscribe"] = eager
    async with remember() as client:
        first: list[Any] = []
        client.register(BOOK, first.append)
        await asyncio.sleep(0.5)
        assert len(first) == 1
        second: list[Any] = []
        client.register(BOOK, second.append)
        await asyncio.sleep(5)

    assert [change.is_snapshot for change in second] == [True]


async def test_shuffled_answers(build: Build) -> None:
    """Answers in another order than the calls leave the right channels subscribed."""
    exchange = await build(shuffle_answers=True)
    names = [f"ticker.{name}.100ms" for name in exchange.instruments[:60]]
    async with Client(exchange.url) as client:
        await asyncio.gather(*(client.subscribe(name) for name in names))
        await asyncio.gather(*(client.unsubscribe(name) for name in names[::2]))
        await until(lambda: subscribed(exchange) == set(names[1::2]))


@pytest.mark.looptime
async def test_passing_refusal(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A rate limit says nothing about the channels: the call is made again 5 s later."""
    refusals = iter([10028])

    def limited(_: Wire, request: Message) -> list[str]:
        for code in refusals:
            raise Refused(code)
        return list(request["params"]["channels"])

    memory.answers["public/subscribe"] = limited
    async with remember() as client:
        await client.subscribe(TICKER)
        first, second = memory.wire.asked("public/subscribe")

        assert second - first == pytest.approx(5, abs=0.1)
        assert (ears.errors, len(memory.wires)) == ([], 1)


async def test_partial_acknowledgement(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Channels missing from an acknowledgement are named, and the rest are live."""
    client = make()
    for channel in (TICKER, QUOTE, BOOK):
        client.register(channel, lambda payload: None)
    async with client:
        exchange.inject(DropChannels(QUOTE))
        await dropped(exchange, client)
        assert subscribed(exchange) == {TICKER, BOOK}
        exchange.clear_faults()
        await until(lambda: subscribed(exchange) == {TICKER, BOOK, QUOTE})

    assert [error.channels for error in ears.errors if isinstance(error, SubscriptionRejected)] == [(QUOTE,)]


async def test_private_channels_come_back(exchange: SimulatedExchange, make: Make) -> None:
    """Private channels are subscribed again on each connection, after its login."""
    orders = "user.orders.BTC-PERPETUAL.raw"
    client = make(credentials=Credentials("simulated", "secret"))
    client.register(orders, lambda payload: None)
    async with client:
        for _ in range(3):
            assert subscribed(exchange) == {orders}
            await dropped(exchange, client)


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", "x" * 2000, 7, None])
async def test_impossible_names(make: Make, name: Any) -> None:
    """What can be no channel's name is a UsageError, and harms nothing."""
    async with make() as client:
        with pytest.raises(UsageError):
            await client.subscribe(TICKER, name)
        with pytest.raises(UsageError):
            client.register(name, print)
        await client.subscribe(TICKER)


async def test_unsubscribe_waits_for_the_exchange(exchange: SimulatedExchange, make: Make) -> None:
    """`unsubscribe` returns once the exchange has let the channel go."""
    async with make() as client:
        await client.subscribe(TICKER, QUOTE)
        assert await client.unsubscribe(TICKER) == [TICKER]

        assert subscribed(exchange) == {QUOTE}


async def test_refused_unsubscribe(exchange: SimulatedExchange, make: Make) -> None:
    """An unsubscribe that is refused does not stop what comes after it."""
    async with make() as client:
        await client.subscribe(TICKER)
        exchange.inject(FailRequest("public/unsubscribe", 11050))
        await client.unsubscribe(TICKER)
        await client.subscribe(QUOTE)

        assert QUOTE in subscribed(exchange)
