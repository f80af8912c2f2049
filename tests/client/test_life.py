"""The life of a client: how it begins, what it says meanwhile, and how it ends."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import trustme

from deribit_ws import (
    AuthError,
    Client,
    Connected,
    ConnectFailed,
    Credentials,
    Handler,
    RpcError,
    State,
    Ticker,
    UsageError,
)
from deribit_ws.errors import Retry
from deribit_ws.testing import (
    Deaf,
    Drop,
    FailRequest,
    IgnoreRequest,
    RefuseHandshake,
    Silence,
    SimulatedExchange,
    StallHandshake,
)
from tests.client.conftest import Build, Ears, Make, until
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

TICKER = "ticker.BTC-PERPETUAL.100ms"


# --- beginning


async def test_enter_returns_at_the_first_connected(exchange: SimulatedExchange, make: Make) -> None:
    """`async with` returns when the first link is up and its subscriptions are confirmed."""
    client = make()
    client.register(TICKER, lambda payload: None)
    async with client:
        assert client.state is State.CONNECTED
        assert set(exchange.connections[1].channels) == {TICKER}


@pytest.mark.parametrize("status", [301, 403, 404, 200])
async def test_fatal_answer_raises(exchange: SimulatedExchange, make: Make, status: int) -> None:
    """An HTTP answer that dialling again won't change is raised by `async with`, after one dial."""
    exchange.inject(RefuseHandshake(status, times=99, location="/elsewhere"))
    client = make()
    with pytest.raises(ConnectFailed) as failed:
        async with client:
            pass

    assert (failed.value.status, failed.value.retryable) == (status, False)
    assert (len(exchange.ledger.handshakes), client.state) == (1, State.CLOSED)


async def test_bad_tls_raises(build: Build) -> None:
    """A certificate nobody vouches for is raised by `async with`, and nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    exchange: SimulatedExchange = await build(ssl_context=context)
    with pytest.raises(ConnectFailed, match="TLS") as failed:
        async with Client(exchange.url):
            pass

    assert failed.value.retry is Retry.NEVER
    assert not exchange.ledger.requests


async def test_passing_trouble_is_dialled_through(
    exchange: SimulatedExchange, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A dial that fails for now is made again, with one WARNING for each attempt."""
    exchange.inject(RefuseHandshake(503, times=4))
    async with make():
        pass

    warnings = [record for record in caplog.records if "dialling again" in record.message]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 4


async def test_first_restore_refused_raises(exchange: SimulatedExchange, make: Make) -> None:
    """What the exchange refuses for good while the first link is built is raised by `async with`."""
    exchange.inject(FailRequest("private/enable_cancel_on_disconnect", 13021))
    with pytest.raises(RpcError) as refused:
        async with make(credentials=Credentials("simulated", "secret"), cancel_on_disconnect=True):
            pass

    assert refused.value.code == 13021


async def test_fatal_answer_reaches_everybody(exchange: SimulatedExchange, make: Make) -> None:
    """What ends the client is raised from every way of waiting for it, at once."""
    exchange.inject(RefuseHandshake(403, times=9))
    client = make(call_timeout=30)
    stream = client.stream(TICKER)
    with pytest.raises(ConnectFailed):
        async with client:
            pass
    async with asyncio.timeout(1):
        for act in (client.wait_closed, client.wait_connected):
            with pytest.raises(ConnectFailed):
                await act()
        for use in (client.subscribe(TICKER), client.call("public/test"), stream.__aenter__()):
            with pytest.raises((ConnectFailed, UsageError)):
                await use


async def test_waiting_ends_with_the_client(exchange: SimulatedExchange, make: Make) -> None:
    """Whoever waits for an answer while the client is closed is told at once, not at the deadline."""
    exchange.inject(IgnoreRequest("public/subscribe", times=99))
    async with make(call_timeout=30) as client:
        waiting = [asyncio.create_task(client.subscribe(TICKER)) for _ in range(2)]
        stream = client.stream(TICKER)
        waiting += [asyncio.create_task(stream.__aenter__())]  # type: ignore[arg-type]  # any task will do
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            await client.aclose()
            ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [UsageError] * 3


@pytest.mark.looptime
async def test_unforeseen_failure_ends_the_client(memory: MemoryExchange, remember: Make) -> None:
    """A failure nobody foresaw while dialling is raised, not left in a task."""

    async def broken() -> Any:
        raise LookupError("unforeseen")

    memory.dial = broken  # type: ignore[method-assign]  # a far end out of its mind
    with pytest.raises(LookupError, match="unforeseen"):
        async with remember():
            pass


# --- use at the wrong time or place


async def test_entered_twice(make: Make) -> None:
    """A client can be entered once, while it is open and after."""
    client = make()
    async with client:
        with pytest.raises(UsageError):
            await client.__aenter__()
    with pytest.raises(UsageError):
        await client.__aenter__()


async def test_used_before_and_after(make: Make) -> None:
    """What needs a link raises UsageError before the client is open and after it is closed."""
    client = make()
    uses: list[Callable[[], Any]] = [
        lambda: client.call("public/test"),
        lambda: client.call("private/buy"),
        lambda: client.subscribe(TICKER),
        lambda: client.unsubscribe(TICKER),
        lambda: client.wait_connected(),
        lambda: client.stream(TICKER).__aenter__(),
    ]
    for use in uses:
        with pytest.raises(UsageError, match="not open"):
            await use()
    async with client:
        pass
    for use in uses:
        with pytest.raises(UsageError, match="closed"):
            await use()
    with pytest.raises(UsageError, match="closed"):
        client.register(TICKER, print)
    with pytest.raises(UsageError, match="closed"):
        client.add_handler(Handler())
    await client.wait_closed()


async def test_other_thread_and_loop(make: Make) -> None:
    """Another thread, with or without a loop of its own, gets UsageError."""
    got: list[BaseException] = []

    def trespass(client: Client) -> None:
        for act in (lambda: client.register(TICKER, print), lambda: client.stream(TICKER)):
            try:
                act()
            except UsageError as error:
                got.append(error)
        for coroutine in (client.call("public/test"), client.subscribe(TICKER), client.aclose()):
            try:
                asyncio.run(coroutine)
            except UsageError as error:
                got.append(error)

    async with make() as client:
        thread = threading.Thread(target=trespass, args=(client,))
        thread.start()
        await asyncio.to_thread(thread.join)

        assert len(got) == 5
        assert client.state is State.CONNECTED


async def test_run_inside_a_loop(make: Make) -> None:
    """`run()` inside a running loop is a UsageError."""
    with pytest.raises(UsageError, match="async with"):
        make().run()


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://deribit.com"},
        {"retry_seconds": 0},
        {"call_timeout": -1},
        {"max_message": 0},
        {"cancel_on_disconnect": True},
        {"url": "ws://example.com", "credentials": Credentials("a", "b")},
    ],
)
def test_impossible_options(options: dict[str, Any]) -> None:
    """Options that can't be right are a UsageError when the client is made."""
    with pytest.raises(UsageError):
        Client(**options)


# --- meanwhile


@pytest.mark.looptime
async def test_state_at_every_moment(memory: MemoryExchange, remember: Make) -> None:
    """`state` says where the client is: new, connecting, restoring, connected, and again, closed."""
    seen: list[State] = []

    class Look(Handler):
        def on_connected(self, event: object) -> None:
            seen.append(client.state)

        on_disconnected = on_connected

    def look(wire: Wire, request: Message) -> str:
        seen.append(client.state)
        return "ok"

    def look_and_let_in(wire: Wire) -> None:
        seen.append(client.state)

    memory.greet = look_and_let_in
    memory.answers["public/set_heartbeat"] = look
    client = remember()
    client.add_handler(Look())
    seen.append(client.state)
    async with client:
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2 and client.state is State.CONNECTED)
    seen.append(client.state)

    up = [State.CONNECTING, State.RESTORING, State.CONNECTED]
    assert seen == [State.NEW, *up, State.CONNECTING, *up, State.CLOSED]


async def test_wait_connected(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """`wait_connected` returns at once on a live link, and after a drop when the next one is up."""
    async with make() as client:
        await client.wait_connected()
        exchange.inject(Drop.rst())
        await until(lambda: "Disconnected" in ears.names)
        await client.wait_connected()

        assert (client.state, len(exchange.ledger.handshakes)) == (State.CONNECTED, 2)


def test_repr_shows_no_password() -> None:
    """The repr of a client holds neither a password of its URL nor its credentials."""
    shown = repr(Client("wss://user:hunter2@localhost/ws", credentials=Credentials("id", "s3cret")))

    assert "hunter2" not in shown
    assert "s3cret" not in shown


# --- ending


async def test_aclose_is_idempotent_and_concurrent(exchange: SimulatedExchange, make: Make) -> None:
    """`aclose` may be called any number of times, at once and after."""
    async with make() as client:
        await asyncio.gather(*(client.aclose() for _ in range(5)))
        await client.aclose()
    await client.aclose()
    await until(lambda: exchange.ledger.farewells)

    assert [farewell.code for farewell in exchange.ledger.farewells] == [1000]


async def test_aclose_before_use(make: Make) -> None:
    """A client closed before it was opened can't be opened."""
    client = make()
    await client.aclose()
    with pytest.raises(UsageError):
        await client.__aenter__()

    assert client.state is State.CLOSED


async def test_aclose_from_a_plain_callback(exchange: SimulatedExchange, make: Make) -> None:
    """A plain callback may close the client with create_task."""
    client = make()
    tasks = []

    @client.on(TICKER)
    def stop(ticker: Ticker) -> None:
        tasks.append(asyncio.create_task(client.aclose()))

    async with asyncio.timeout(2):
        async with client:
            exchange.step(2)
            await client.wait_closed()
        await asyncio.gather(*tasks)


async def test_aclose_from_an_async_callback(exchange: SimulatedExchange, make: Make) -> None:
    """An async callback may await `aclose`, and goes on after it; `async with` waits for its end."""
    client = make()
    after = []

    @client.on(TICKER)
    async def stop(ticker: Ticker) -> None:
        await client.aclose()
        await asyncio.sleep(0.05)
        after.append(client.state)

    async with asyncio.timeout(2):
        async with client:
            await client.wait_closed()

    assert after == [State.CLOSED]


@pytest.mark.parametrize("plain", [True, False])
async def test_aclose_from_on_connected(make: Make, plain: bool) -> None:
    """A handler may close the client as soon as it hears of the first link."""
    client = make()
    tasks = []

    class Plain(Handler):
        def on_connected(self, event: Connected) -> None:
            tasks.append(asyncio.create_task(client.aclose()))

    class Coroutine(Handler):
        async def on_connected(self, event: Connected) -> None:
            await client.aclose()

    client.add_handler(Plain() if plain else Coroutine())
    async with asyncio.timeout(2):
        async with client:
            await client.wait_closed()
        await asyncio.gather(*tasks)


async def closed_during(client: Client, seen: Callable[[], object]) -> BaseException | None:
    """Enter a client, close it once something is seen; give what entering raised."""
    entering = asyncio.create_task(client.__aenter__())
    await until(seen)
    async with asyncio.timeout(2):
        await client.aclose()
        return (await asyncio.gather(entering, return_exceptions=True))[0]  # type: ignore[return-value]  # it raises


async def test_aclose_during_dial(exchange: SimulatedExchange, make: Make) -> None:
    """Closing during a dial ends the dial."""
    exchange.inject(StallHandshake(times=9))

    assert isinstance(await closed_during(make(), lambda: exchange.ledger.handshakes), UsageError)


@pytest.mark.parametrize("method", ["public/set_heartbeat", "public/auth", "public/subscribe"])
async def test_aclose_during_restore(exchange: SimulatedExchange, make: Make, method: str) -> None:
    """Closing while a link is rebuilt ends it with a close frame."""
    exchange.inject(IgnoreRequest(method))
    client = make(credentials=Credentials("simulated", "secret"))
    client.register(TICKER, lambda payload: None)
    error = await closed_during(client, lambda: exchange.ledger.requests_of(method))
    await until(lambda: exchange.ledger.farewells)

    assert isinstance(error, UsageError)
    assert exchange.ledger.farewells[0].code == 1000


async def test_aclose_during_backoff(exchange: SimulatedExchange, make: Make) -> None:
    """Closing during a wait between two dials ends the wait."""
    exchange.inject(RefuseHandshake(503, times=9, retry_after=60))

    assert isinstance(await closed_during(make(), lambda: exchange.ledger.handshakes), UsageError)


async def test_stubborn_callback(
    exchange: SimulatedExchange, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that won't be cancelled holds up closing for less than 2 s, and is named."""
    client = make()
    released = asyncio.Event()

    @client.on(TICKER)
    async def stubborn(ticker: Ticker) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    async with client:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            await client.aclose()
        assert "stubborn did not end" in caplog.text
        released.set()


async def test_callback_that_lingers_after_closing(make: Make) -> None:
    """A callback that closed the client and then won't end is cancelled when `async with` ends."""
    client = make()
    ended = []

    @client.on(TICKER)
    async def linger(ticker: Ticker) -> None:
        await client.aclose()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")

    async with asyncio.timeout(4):
        async with client:
            await client.wait_closed()

    assert ended == ["cancelled"]


async def test_mute_peer_does_not_hold_up_closing(exchange: SimulatedExchange, make: Make) -> None:
    """A peer that never answers our close frame holds up closing for close_timeout, not longer."""
    loop = asyncio.get_running_loop()
    async with make(close_timeout=0.2) as client:
        exchange.inject(Silence())
        exchange.inject(Deaf())
        began = loop.time()
        await client.aclose()

        assert 0.1 < loop.time() - began < 0.5


async def test_cancelled_aclose_goes_on(exchange: SimulatedExchange, make: Make) -> None:
    """Who gives up waiting for `aclose` stops neither the closing nor those who wait on."""
    async with make(close_timeout=0.2) as client:
        exchange.inject(Silence())
        exchange.inject(Deaf())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.aclose()
        await client.aclose()

        assert client.state is State.CLOSED
    await until(lambda: not exchange.connections)


async def test_cancelled_while_entering(exchange: SimulatedExchange, make: Make) -> None:
    """Cancelling `async with` at any of its steps leaves nothing behind and the client closed."""
    for steps in range(40):
        client = make(credentials=Credentials("simulated", "secret"))
        entering = asyncio.create_task(client.__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        entering.cancel()
        end = (await asyncio.gather(entering, return_exceptions=True))[0]
        await client.aclose()

        assert isinstance(end, asyncio.CancelledError) or client.state is State.CLOSED
    await until(lambda: not exchange.connections)


async def test_cancelled_twice_while_leaving(exchange: SimulatedExchange, make: Make) -> None:
    """Cancelling every task there is, twice, still leaves no socket open."""
    for steps in range(12):
        client = make()
        client.register(TICKER, lambda payload: None)
        await client.__aenter__()
        own = asyncio.current_task()
        tasks = {task for task in asyncio.all_tasks() - {own} if "deribit_ws" in task.get_name()}
        for task in tasks:
            task.cancel()
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await client.aclose()
        await asyncio.wait(tasks)
    await until(lambda: not exchange.connections)


# --- others


async def test_users_session_is_shared_and_left_open(exchange: SimulatedExchange, ears: Ears) -> None:
    """A session passed in serves several clients, over drops, and is not closed."""
    async with aiohttp.ClientSession() as session:
        clients = [Client(exchange.url, session=session, retry_seconds=0.01) for _ in range(3)]
        for client in clients:
            await client.__aenter__()
        exchange.inject(Drop.rst())
        await until(lambda: len(exchange.ledger.handshakes) == 6)
        for client in clients:
            await client.wait_connected()
            await client.aclose()

        assert not session.closed


async def test_closed_session_is_fatal(exchange: SimulatedExchange) -> None:
    """A closed session passed in is raised by `async with`."""
    async with aiohttp.ClientSession() as session:
        pass
    with pytest.raises(ConnectFailed, match="closed"):
        async with Client(exchange.url, session=session):
            pass


async def test_several_clients_are_independent(exchange: SimulatedExchange, make: Make) -> None:
    """Eight clients in one loop each get their own messages, and a drop of one concerns only it."""
    heard: list[list[str]] = [[] for _ in range(8)]
    ears = [Ears() for _ in range(8)]
    clients = []
    for number in range(8):
        client = Client(exchange.url, retry_seconds=0.01)
        client.add_handler(ears[number])
        client.register(TICKER, lambda ticker, number=number: heard[number].append(ticker))
        await client.__aenter__()
        clients.append(client)
    exchange.inject(Drop.rst(), connection=3)
    await until(lambda: len(ears[2].marks) == 3)
    before = [len(each) for each in heard]
    exchange.step(1)
    await until(lambda: all(len(each) > n for each, n in zip(heard, before, strict=True)))
    for client in clients:
        await client.aclose()

    assert [len(each.marks) for each in ears] == [1, 1, 3, 1, 1, 1, 1, 1]


async def test_login_refused_is_quick(exchange: SimulatedExchange, make: Make) -> None:
    """A login refused on the first connection raises AuthError within 1 s, of a mute peer too."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(AuthError) as refused:
        async with make(credentials=Credentials("simulated", "wrong")):
            pass

    assert (refused.value.code, refused.value.method) == (13004, "public/auth")
    assert loop.time() - began < 1


@pytest.mark.looptime
async def test_mute_login_is_found(memory: MemoryExchange, remember: Make) -> None:
    """A login that is never answered makes a new link, not a client that waits for ever."""
    memory.answers["public/auth"] = lambda wire, _: MUTE if wire.number == 1 else "ok"
    async with remember(credentials=Credentials("a", "b")):
        assert 10 <= memory.waits[0] <= 10.3


@pytest.mark.looptime
async def test_lost_while_rebuilt_is_noticed_at_once(memory: MemoryExchange, remember: Make) -> None:
    """A link lost while the client waits to ask again is replaced at once, not when the wait is over."""

    def limited(wire: Wire, request: Message) -> Any:
        if wire.number == 1:
            asyncio.get_running_loop().call_later(0.1, wire.drop)
            raise Refused(10028)
        return request["params"]["channels"]

    memory.answers["public/subscribe"] = limited
    client = remember()
    client.register(TICKER, lambda payload: None)
    async with client:
        assert 5.0 <= memory.waits[0] < 5.6  # the floor after a 10028, from the loss on: no second pause
