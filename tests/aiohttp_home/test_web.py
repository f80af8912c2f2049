"""A client inside `aiohttp.web`: alive as long as the application, and a live book for every browser."""

import asyncio
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from deribit_ws import AuthError, Client, Credentials, State
from deribit_ws.testing import Drop, SimulatedExchange
from tests.client.conftest import until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "web_book.py"
SMALL = 4096  # bytes of a socket's buffers: soon full


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(step_seconds=0.01) as running:
        yield running


@pytest.fixture
def example(exchange: SimulatedExchange, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the example, which dials the exchange; not run."""
    monkeypatch.setenv("DERIBIT_URL", exchange.url)
    return runpy.run_path(str(EXAMPLE))


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve an application as `web.run_app` does; give its URL."""
    runner = web.AppRunner(app)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)  # of each connection too
    await web.SockSite(runner, listening).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextmanager
def deaf_browser(url: str) -> Iterator[None]:
    """Ask for the book, and read nothing of it."""
    host, port = url.rpartition("/")[2].split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        deaf.connect((host, int(port)))
        deaf.sendall(b"GET /book HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield


async def shown(lines: aiohttp.StreamReader) -> str:
    """Read the next state that a browser is shown."""
    while not (line := await lines.readline()).startswith(b"data: "):
        assert line, "the stream ended"
    text: str = json.loads(line[len("data: ") :])
    return text


async def test_lives_with_the_application(exchange: SimulatedExchange) -> None:
    """With `cleanup_ctx` the client is connected before the first request, and closed at the end."""
    client = Client(exchange.url)
    app = web.Application()
    app.cleanup_ctx.append(client.cleanup_ctx)

    async def state(_: web.Request) -> web.Response:
        return web.json_response({"state": client.state.value, "now": await client.call("public/get_time")})

    app.add_routes([web.get("/", state)])
    states = [client.state]
    async with served(app) as url, aiohttp.ClientSession() as session, session.get(url) as answer:
        told = await answer.json()
    states.append(client.state)

    assert (states, told["state"]) == ([State.NEW, State.CLOSED], "connected")


async def test_does_not_start_without(exchange: SimulatedExchange) -> None:
    """What `async with` raises keeps the application from starting."""
    client = Client(exchange.url, credentials=Credentials("simulated", "wrong"))
    app = web.Application()
    app.cleanup_ctx.append(client.cleanup_ctx)

    with pytest.raises(AuthError):
        async with served(app):
            pass
    assert client.state is State.CLOSED


async def test_a_book_in_every_browser(exchange: SimulatedExchange, example: dict[str, Any]) -> None:
    """Browsers are shown the book as it changes, across a drop, on one subscription for all of them."""
    client: Client = example["client"]
    async with served(example["app"]) as url, aiohttp.ClientSession() as session:
        async with session.get(url) as page:
            assert 'EventSource("book")' in await page.text()
        async with session.get(f"{url}/book") as one, session.get(f"{url}/book") as other:
            for browser in (one, other):
                while len((await shown(browser.content)).splitlines()) != 20:
                    pass
            exchange.inject(Drop.rst())
            while "no book" not in await shown(one.content):
                pass
            while "no book" in await shown(one.content):
                pass

            assert client.stats.channels == 1


async def test_slow_browser(example: dict[str, Any], exchange: SimulatedExchange) -> None:
    """A browser that reads nothing holds up neither the book nor the others, and little waits for it."""
    transports: list[Any] = []

    async def note(request: web.Request, _: web.StreamResponse) -> None:
        transports.append(request.transport)

    app: web.Application = example["app"]
    app.on_response_prepare.append(note)
    async with served(app) as url, aiohttp.ClientSession() as session:
        with deaf_browser(url):
            await until(lambda: transports)
            async with session.get(f"{url}/book") as quick:
                waiting, most = transports[0].get_write_buffer_size, 0
                for _ in range(400):
                    exchange.step(10)  # 100 ms of market: each browser has something to be shown
                    await shown(quick.content)
                    most = max(most, waiting())

    assert 0 < most < 128 * 1024


async def test_ends_with_browsers_open(exchange: SimulatedExchange, example: dict[str, Any]) -> None:
    """The application ends at once though browsers are open: closing the client ends what they wait for."""
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(30), served(example["app"]) as url:
            browser = await session.get(f"{url}/book")
            await shown(browser.content)
            began = asyncio.get_running_loop().time()
        took = asyncio.get_running_loop().time() - began
        await browser.read()

    assert took < 5


async def test_the_example_as_a_program(exchange: SimulatedExchange) -> None:
    """`web_book.py` serves the book, and ends with SIGTERM, in order, a browser open or not."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(EXAMPLE)),
        env={
            **os.environ,
            "DERIBIT_URL": exchange.url,
            "PORT": str(port),
            "PYTHONPATH": str(EXAMPLE.parent.parent),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        while "Running on" not in (await process.stdout.readline()).decode():
            pass
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://localhost:{port}/book") as browser,
        ):
            await shown(browser.content)
            process.send_signal(signal.SIGTERM)
            _, errors = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else its pipes outlive the loop

    assert (process.returncode, errors.decode()) == (0, "")
