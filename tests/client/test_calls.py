"""Calls: each ends exactly once, and what could act twice is sent at most once."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

from deribit_ws import (
    CallTimeout,
    Client,
    Handler,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    RpcError,
    State,
    Ticker,
    UsageError,
)
from deribit_ws.testing import (
    DelayReply,
    Drop,
    DropOnRequest,
    FailRequest,
    IgnoreRequest,
    RefuseConnections,
    SimulatedExchange,
)
from tests.client.conftest import Build, Ears, Make, dropped, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

TICKER = "ticker.BTC-PERPETUAL.100ms"
PAUSES = {10028: 5.0, 10066: 0.5}  # seconds


async def test_result_and_parameters(exchange: SimulatedExchange, make: Make) -> None:
    """Parameters go as a mapping, by name or both; None is left out; the result comes back."""
    async with make() as client:
        by_name = await client.call("public/get_order_book", instrument_name="BTC-PERPETUAL", depth=5)
        await client.call("public/get_order_book", {"instrument_name": "BTC-PERPETUAL"}, depth=None)

    assert by_name["instrument_name"] == "BTC-PERPETUAL"
    sent = [request.params for request in exchange.ledger.requests_of("public/get_order_book")]
    assert sent == [
        {"instrument_name": "BTC-PERPETUAL", "depth": 5},
        {"instrument_name": "BTC-PERPETUAL"},
    ]


async def test_error_answer(make: Make) -> None:
    """An error answer raises RpcError with Deribit's code, name and data, and the method."""
    async with make() as client:
        with pytest.raises(RpcError) as refused:
            await client.call("public/get_order_book")

    error = refused.value
    assert (error.code, error.name, error.method) == (-32602, "invalid_params", "public/get_order_book")
    assert error.data["param"] == "instrument_name"


async def test_error_classes(exchange: SimulatedExchange, make: Make) -> None:
    """A rate limit raises RateLimited."""
    exchange.inject(FailRequest("private/buy", 10028))
    async with make() as client:
        with pytest.raises(RateLimited):
            await client.call("private/buy")


@pytest.mark.looptime
@pytest.mark.parametrize("code", [10028, 10066])
async def test_read_waits_out_a_rate_limit(memory: MemoryExchange, remember: Make, code: int) -> None:
    """A read that meets too many requests is asked again when there is room, some times, and not at once."""
    left = 2

    def limited(_: Wire, __: Message) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Refused(code)
        return 7

    memory.answers["public/get_time"] = limited
    async with remember() as client:
        assert await client.call("public/get_time") == 7
        asked = memory.wire.asked("public/get_time")
        assert len(asked) == 3
        assert min(after - before for before, after in itertools.pairwise(asked)) >= PAUSES[code]
        left = 99
        with pytest.raises(RateLimited):
            await client.call("public/get_time", timeout=100)
        assert len(memory.wire.asked("public/get_time")) == 7


@pytest.mark.looptime
async def test_deadline(memory: MemoryExchange, remember: Make) -> None:
    """A call nobody answers ends with CallTimeout at its deadline, 30 s unless told otherwise."""
    memory.mute("public/get_time", "private/buy")
    loop = asyncio.get_running_loop()
    async with remember() as client:
        for method in ("public/get_time", "private/buy"):
            for given, seconds in ((None, 30.0), (0.5, 0.5)):
                began = loop.time()
                with pytest.raises(CallTimeout) as late:
                    await client.call(method, timeout=given)

                assert loop.time() - began == pytest.approx(seconds)
                assert late.value.method == method
        assert memory.wire.methods.count("private/buy") == 2


async def test_late_answer_reaches_nobody(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """The answer to a call that has timed out or was cancelled reaches no other call, nor on_error."""
    exchange.inject(DelayReply("public/get_time", 0.1))
    exchange.inject(DelayReply("public/get_order_book", 0.1))
    async with make() as client:
        for method in ("public/get_time", "public/get_order_book"):  # a result, and an error
            with pytest.raises(CallTimeout):
                await client.call(method, timeout=0.02)
        cancelled = asyncio.create_task(client.call("public/test"))
        await asyncio.sleep(0)
        cancelled.cancel()
        results = [await client.call("public/test", timeout=1) for _ in range(3)]
        await asyncio.sleep(0.15)

        assert all("version" in result for result in results)
        assert ears.errors == []


async def test_answers_out_of_order(build: Build) -> None:
    """Answers that overtake each other each reach their own call."""
    exchange = await build(shuffle_answers=True)
    names = [name for name in exchange.instruments if "PERPETUAL" in name] * 10
    async with Client(exchange.url) as client:
        results = await asyncio.gather(
            *(client.call("public/get_order_book", instrument_name=name) for name in names),
        )

    assert [result["instrument_name"] for result in results] == names


async def test_reads_are_repeated(exchange: SimulatedExchange, make: Make) -> None:
    """A read under which the link breaks is asked again on the next link, with a new id."""
    exchange.inject(DropOnRequest("public/get_time", Drop.rst(), times=3))
    async with make() as client:
        assert await client.call("public/get_time") > 0

    asked = exchange.ledger.requests_of("public/get_time")
    assert [request.connection for request in asked] == [1, 2, 3, 4]


async def test_reads_are_repeated_three_times(exchange: SimulatedExchange, make: Make) -> None:
    """A read that breaks the link each time is asked three times more, then its end is raised."""
    exchange.inject(DropOnRequest("public/get_time", Drop.rst(), times=9))
    async with make() as client:
        with pytest.raises(OutcomeUnknown):
            await client.call("public/get_time")

    assert len(exchange.ledger.requests_of("public/get_time")) == 4


@pytest.mark.parametrize("method", ["private/buy", "private/cancel_all", "private/x"])
@pytest.mark.parametrize("before_reply", [True, False])
async def test_writes_are_sent_once(
    exchange: SimulatedExchange, make: Make, method: str, before_reply: bool
) -> None:
    """Anything but a read under which the link breaks raises OutcomeUnknown and is not sent again."""
    exchange.inject(IgnoreRequest(method, times=9))
    async with make() as client:
        dropping = asyncio.create_task(client.call(method, {"amount": 10}))
        await until(lambda: exchange.ledger.requests_of(method))
        exchange.inject(Drop.fin() if before_reply else Drop.rst())
        with pytest.raises(OutcomeUnknown) as unknown:
            await dropping
        await client.wait_connected()
        await asyncio.sleep(0.02)

    assert unknown.value.method == method
    assert len(exchange.ledger.requests_of(method)) == 1


async def test_ids_are_never_used_again(exchange: SimulatedExchange, make: Make) -> None:
    """No id is used twice by a client, over calls and connections."""
    client = make()
    client.register(TICKER, lambda payload: None)
    async with client:
        for _ in range(5):
            await asyncio.gather(*(client.call("public/get_time") for _ in range(20)))
            await dropped(exchange, client)

    ids = Counter(request.id for request in exchange.ledger.requests)
    assert ids.most_common(1)[0][1] == 1


async def test_while_down(exchange: SimulatedExchange, make: Make) -> None:
    """While the link is down a write raises RequestNotSent at once, and a read waits for the next one."""
    async with make(retry_seconds=0.2) as client:
        exchange.inject(RefuseConnections(seconds=0.5))
        exchange.inject(Drop.rst())
        await until(lambda: client.state is not State.CONNECTED)
        with pytest.raises(RequestNotSent, match="not connected"):
            client.call("private/buy").send(None)  # its first step: it does not even wait a turn
        assert await client.call("public/get_time") > 0


@pytest.mark.looptime
async def test_read_waits_within_its_deadline(memory: MemoryExchange, remember: Make) -> None:
    """A read made while the link is down gives up at its deadline."""
    loop = asyncio.get_running_loop()
    async with remember() as client:
        memory.dial_seconds = 1000
        memory.wire.drop()
        await until(lambda: client.state is not State.CONNECTED)
        began = loop.time()
        with pytest.raises(CallTimeout, match="not connected within its deadline"):
            await client.call("public/get_time", timeout=3)

        assert loop.time() - began == pytest.approx(3)


@pytest.mark.looptime
async def test_read_on_a_link_that_takes_nothing(memory: MemoryExchange, remember: Make) -> None:
    """A read on a link that is dead, though its reader can't know yet, waits without a hot loop."""
    turns = 0
    async with remember() as client:
        wire = memory.wire
        wire.pause()  # as a consumer under "block" does
        wire.drop()
        sends = wire.send_now

        def counted(frame: bytes) -> None:
            nonlocal turns
            turns += 1
            sends(frame)

        wire.send_now = counted  # type: ignore[method-assign]  # to count the tries
        with pytest.raises(CallTimeout):
            await client.call("public/get_time", timeout=2)
        reading = asyncio.create_task(client.call("public/get_time", timeout=10))
        await asyncio.sleep(1)
        wire.resume()

        assert await reading > 0
        assert turns <= 6


async def test_calls_end_when_the_client_closes(exchange: SimulatedExchange, make: Make) -> None:
    """Calls under way when the client closes end at once: on the wire, or waiting for a link."""
    exchange.inject(IgnoreRequest("private/buy"))
    exchange.inject(IgnoreRequest("public/get_time"))
    async with make() as client:
        calls = [asyncio.create_task(client.call(m)) for m in ("private/buy", "public/get_time")]
        await until(lambda: exchange.ledger.requests_of("public/get_time"))
        async with asyncio.timeout(1):
            await client.aclose()
            ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(end) for end in ends] == [OutcomeUnknown, OutcomeUnknown]


async def test_calls_in_callbacks(exchange: SimulatedExchange, make: Make) -> None:
    """Async callbacks and hooks may await calls and subscriptions."""
    client = make()
    got: dict[str, Any] = {}

    @client.on(TICKER)
    async def ask(ticker: Ticker) -> None:
        got["callback"] = await client.call("public/get_time")
        got["subscribed"] = await client.subscribe("quote.BTC-PERPETUAL")

    class Hooked(Handler):
        async def on_connected(self, event: object) -> None:
            got["hook"] = await client.call("public/get_time")

    client.add_handler(Hooked())
    async with client:
        await until(lambda: len(got) == 3)

    assert got["subscribed"] == ["quote.BTC-PERPETUAL"]


@pytest.mark.parametrize(
    "method",
    [
        "public/auth",
        "public/exchange_token",
        "public/fork_token",
        "public/subscribe",  # without channels
        "private/subscribe",
        "public/unsubscribe",
        "private/unsubscribe",
        "public/set_heartbeat",  # without an interval
        "private/logout",  # without credentials
    ],
)
async def test_managed_methods(exchange: SimulatedExchange, make: Make, method: str) -> None:
    """Methods that would make the managed state untrue raise UsageError, and are not sent."""
    async with make() as client:
        before = len(exchange.ledger.requests)
        with pytest.raises(UsageError):
            await client.call(method)

        assert len(exchange.ledger.requests) == before


async def test_impossible_parameters(exchange: SimulatedExchange, make: Make) -> None:
    """What can't be sent (over 32 kB, no JSON) is a UsageError, and the link goes on."""
    async with make() as client:
        for label in ("x" * 33_000, object(), b"x", [{"a": b"x"}]):
            params = {"label": label}
            with pytest.raises(UsageError):
                await client.call("private/buy", params)
        assert await client.call("public/get_time") > 0

    assert not exchange.ledger.requests_of("private/buy")


async def test_cancelled_call(exchange: SimulatedExchange, make: Make) -> None:
    """A cancelled call ends as cancelled, and leaves nothing behind in the client."""
    exchange.inject(IgnoreRequest("public/get_time", times=9))
    async with make() as client:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.call("public/get_time"), 0.02)
        connection = client._lifecycle.connection
        assert connection is not None
        await asyncio.sleep(0)

        assert not connection._futures
        assert await client.call("public/test")


@pytest.mark.looptime
async def test_unanswered_calls_do_not_pile_up(memory: MemoryExchange, remember: Make) -> None:
    """However many calls are never answered, what is remembered of them is bounded."""
    memory.mute("public/get_time")
    async with remember() as client:
        client._limits.learn({"non_matching_engine": {"rate": 1e6, "burst": 1e6}})
        for _ in range(30):
            calls = (client.call("public/get_time", timeout=1) for _ in range(100))
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(end) for end in ends} == {CallTimeout}
        connection = client._lifecycle.connection
        assert connection is not None

        assert len(connection._protocol.pending) <= 1000


@pytest.mark.looptime
async def test_each_call_ends_once(memory: MemoryExchange, remember: Make) -> None:
    """Of calls made at any moment around a drop, each ends exactly once, and writes are sent at most once."""
    ends: list[Any] = []

    def slowly(wire: Wire, request: Message) -> Any:
        seconds = request["params"]["seconds"]
        asyncio.get_running_loop().call_later(
            seconds, lambda: wire.say(id=request["id"], result=request["params"]["n"])
        )
        return MUTE

    memory.answers |= {"public/get_time": slowly, "private/buy": slowly}

    async def one(client: Client, n: int) -> None:
        method = ("public/get_time", "private/buy")[n % 2]
        await asyncio.sleep(n * 0.013)
        try:
            ends.append((n, await client.call(method, n=n, seconds=0.05 + n % 7 * 0.05)))
        except (OutcomeUnknown, RequestNotSent) as error:
            ends.append((n, type(error)))

    async with remember(retry_seconds=0.05) as client, asyncio.TaskGroup() as group:
        for n in range(400):
            group.create_task(one(client, n))
        for _ in range(12):
            await asyncio.sleep(0.4)
            memory.wire.drop()

    assert sorted(n for n, _ in ends) == list(range(400))
    assert all(end == n for n, end in ends if n % 2 == 0)
    writes = Counter(
        message["params"]["n"]
        for wire in memory.wires
        for _, message in wire.requests
        if message["method"] == "private/buy"
    )
    told = {n: end for n, end in ends if n % 2}
    assert set(writes.values()) == {1}
    assert all((end is RequestNotSent) == (n not in writes) for n, end in told.items())
    assert {type(end) if isinstance(end, int) else end for end in told.values()} >= {int, OutcomeUnknown}


@pytest.mark.looptime
async def test_call_needs_no_names_of_its_own(memory: MemoryExchange, remember: Make) -> None:
    """`method` and `params` may be parameters of a call by name."""
    async with remember() as client:
        await client.call("public/test", method="x", params="y")

        assert memory.wire.requests[-1][1]["params"] == {"method": "x", "params": "y"}


@pytest.mark.looptime
@pytest.mark.parametrize("method", ["", "get_time", "public.get_time", None, 3])
async def test_impossible_method(memory: MemoryExchange, remember: Make, method: Any) -> None:
    """What can't be a method is a UsageError, and is not sent."""
    async with remember() as client:
        before = len(memory.wire.requests)
        with pytest.raises(UsageError, match="public/get_time"):
            await client.call(method)

        assert len(memory.wire.requests) == before


def test_decorator_without_parentheses() -> None:
    """Forgotten parentheses are a UsageError at the decorator, and not silence."""
    with pytest.raises(UsageError):
        Client("ws://localhost").on(lambda ticker: None)  # type: ignore[call-overload]  # on purpose
