"""The same promises on uvloop's loop, as the user's own or by `client.run(uvloop=True)`.

A representative part: every way a link can end, closing, TLS, and writes to a peer that reads no more.
"""

import asyncio
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import pytest
import trustme

from deribit_ws import Client, ConnectionLost, State, UsageError, websocket_generator
from deribit_ws.testing import Drop, SimulatedExchange, StallHandshake
from tests.client.conftest import dropped, until
from tests.conftest import open_sockets
from tests.peers.far_end import FarEnd, Line, hold

uvloop = pytest.importorskip("uvloop")

BTC = "BTC-PERPETUAL"


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on uvloop, which may complain of nothing, and leave no task and no socket behind."""
    errors: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        before = open_sockets()  # the loop's own among them
        await work
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()} and open_sockets() <= before)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())

    assert errors == []


@pytest.mark.parametrize("how", [Drop.rst(), Drop.fin(), Drop.close(1012, "restart")], ids=str)
def test_nothing_is_lost(how: Drop) -> None:
    """After each way to end a link the client is back, and every trade came once and in order."""

    async def work() -> None:
        seqs: list[int] = []
        async with SimulatedExchange(step_seconds=0.01) as exchange, Client(exchange.url) as client:
            async with client.trades(BTC) as trades:

                async def read() -> None:
                    async for trade in trades:
                        seqs.append(trade.trade_seq)

                reader = asyncio.create_task(read())
                await until(lambda: len(seqs) > 5)
                for _ in range(3):
                    await dropped(exchange, client, how)
                    count = len(seqs)
                    await until(lambda: len(seqs) > count + 5)  # noqa: B023  awaited here
            await reader

            assert client.stats.connections == 4
        assert seqs == list(range(seqs[0], seqs[-1] + 1))

    on_uvloop(work())


def test_tls() -> None:
    """By wss too: calls, a book that is valid again after a reset, and an end in order."""
    authority = trustme.CA()
    served, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trust)

    async def work() -> None:
        async with (
            SimulatedExchange(step_seconds=0.01, ssl_context=served) as exchange,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
            Client(exchange.url, session=session, retry_seconds=0.01) as client,
            client.order_book(BTC) as book,
        ):
            await book.wait_valid()
            await dropped(exchange, client)
            await book.wait_valid()

            assert await client.call("public/test")

    on_uvloop(work())


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_left_by_break(secure: bool) -> None:
    """A loop that is left by `break` has sent what it sent, and a close frame after it."""
    authority = trustme.CA()
    served, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trust)

    async def work() -> None:
        connector = aiohttp.TCPConnector(ssl=trust)
        async with (
            FarEnd(hold, tls=served if secure else None) as far,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            async for websocket in websocket_generator(far.url, session=session):
                await websocket.send("last words")
                break
            await far.last.until(lambda line: line.close_code)

            assert (far.last.texts, far.last.close_code) == (["last words"], 1000)

    on_uvloop(work())


def test_deaf_peer() -> None:
    """Writing to a peer that reads no more waits, closing takes no longer than it may, and says so."""

    async def deaf(line: Line) -> None:
        await line.upgrade()
        line.deafen()

    async def work() -> None:
        async with FarEnd(deaf) as far, websocket_generator(far.url, close_timeout=0.2) as websockets:
            websocket = await anext(websockets)

            async def flood() -> None:
                while True:
                    await websocket.send("x" * 100_000)

            task = asyncio.create_task(flood())
            await asyncio.sleep(0.2)
            began = asyncio.get_running_loop().time()
            await websocket.close()
            took = asyncio.get_running_loop().time() - began
            with pytest.raises((ConnectionLost, UsageError)):
                await task

            assert took < 2

    on_uvloop(work())


def test_peer_gone_while_written_to() -> None:
    """A reset under a flood of writes ends them with `ConnectionLost`, nothing else."""

    async def reset(line: Line) -> None:
        await line.upgrade()
        await line.until(lambda line: line.received)
        line.rst()

    async def work() -> None:
        async with FarEnd(reset) as far, websocket_generator(far.url) as websockets:
            websocket = await anext(websockets)
            with pytest.raises(ConnectionLost):
                while True:
                    await websocket.send("x" * 10_000)

    on_uvloop(work())


def run_one(told: Callable[[Client], Awaitable[None]], **options: Any) -> Client:
    """Have `client.run()` serve a client of an exchange in a thread, until a callback closes it."""
    url: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with SimulatedExchange(step_seconds=0.01) as exchange:
            url.append(exchange.url)
            ready.set()
            await asyncio.to_thread(over.wait)

    server = threading.Thread(target=lambda: asyncio.run(serve()))
    server.start()
    ready.wait()
    client = Client(url[0])

    @client.on(f"ticker.{BTC}.100ms")
    async def tick(_: Any) -> None:
        await told(client)

    try:
        client.run(**options)
    finally:
        over.set()
        server.join()
    return client


@pytest.mark.parametrize("uses_uvloop", [True, False])
def test_run(uses_uvloop: bool) -> None:
    """`client.run(uvloop=True)` runs on uvloop's loop, without it on asyncio's; both end in order."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def told(client: Client) -> None:
        loops.append(asyncio.get_running_loop())
        await client.aclose()

    client = run_one(told, uvloop=uses_uvloop)

    assert isinstance(loops[0], uvloop.Loop) is uses_uvloop
    assert client.state is State.CLOSED


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without uvloop `client.run(uvloop=True)` says in one line what to install."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    with pytest.raises(UsageError, match=r"^uvloop is not installed: pip install 'deribit_ws\[speed\]'$"):
        Client("ws://127.0.0.1:1").run(uvloop=True)


def test_dial_that_stalls() -> None:
    """A far end that takes the connection and says nothing is given up in time, and dialled again."""

    async def work() -> None:
        async with SimulatedExchange(step_seconds=0.01) as exchange:
            exchange.inject(StallHandshake())
            async with Client(exchange.url, open_timeout=0.2, retry_seconds=0.01) as client:
                assert client.stats.dials_failed == 1

    on_uvloop(work())
