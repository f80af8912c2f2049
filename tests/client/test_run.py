"""`run()`: a loop of its own, ended in order by signals, by `aclose` and by what is final."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deribit_ws import Client, Handler, State, UsageError
from deribit_ws.testing import (
    Drop,
    DropOnRequest,
    IgnoreRequest,
    RefuseHandshake,
    SimulatedExchange,
    StallHandshake,
)
from tests.client.conftest import until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, sys
from deribit_ws import Client, Handler, Ticker, on

class Desk(Handler):
    @on("ticker.BTC-PERPETUAL.100ms")
    async def tick(self, ticker: Ticker) -> None:
        {tick}

    async def on_connected(self, event) -> None:
        {connected}

client = Client({url!r}, retry_seconds=0.05)
client.add_handler(Desk())
client.run()
print("over", client.state.value)
"""


class Program:
    """A program that runs a client, in a process of its own, held to silence."""

    def __init__(self, url: str, *, tick: str = "pass", connected: str = "pass") -> None:
        self.text = PROGRAM.format(url=url, tick=tick, connected=connected)

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-X", "dev", "-W", "error", "-c", self.text),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )

    async def end(self, number: int | None = None) -> tuple[int | None, str, str, float]:
        began = time.monotonic()
        if number is not None:
            self.process.send_signal(number)
        out, err = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode, out.decode().strip(), err.decode(), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_it(exchange: SimulatedExchange, number: int) -> None:
    """SIGINT and SIGTERM end it within 2 s, in silence, with a close frame; the program goes on."""
    program = Program(exchange.url, tick="await asyncio.sleep(3600)")
    await program.start()
    await until(lambda: exchange.connections and exchange.connections[1].channels, 20)
    await asyncio.sleep(0.1)
    code, out, err, took = await program.end(number)

    assert (code, out, err) == (0, "over closed", "")
    assert took < 2
    assert [farewell.code for farewell in exchange.ledger.farewells] == [1000]


@pytest.mark.parametrize("phase", ["dial", "restore", "back-off"])
async def test_signal_in_each_phase(exchange: SimulatedExchange, phase: str) -> None:
    """A signal during a dial, a restore or a wait ends it just as soon."""
    match phase:
        case "dial":
            exchange.inject(StallHandshake(times=9))
        case "restore":
            exchange.inject(IgnoreRequest("public/set_heartbeat", times=9))
        case _:
            exchange.inject(RefuseHandshake(503, retry_after=60))
    program = Program(exchange.url)
    await program.start()
    await until(lambda: exchange.ledger.handshakes, 20)
    await asyncio.sleep(0.2)
    code, out, err, took = await program.end(signal.SIGTERM)

    assert (code, out, "Traceback" in err) == (0, "over closed", False)
    assert took < 2


@pytest.mark.parametrize("where", ["tick", "connected"])
async def test_aclose_ends_it(exchange: SimulatedExchange, where: str) -> None:
    """A callback or hook that closes the client ends `run()`, in silence."""
    program = Program(exchange.url, **{where: "await client.aclose()"})
    await program.start()
    code, out, err, _ = await program.end()

    assert (code, out, err) == (0, "over closed", "")


async def test_final_failure_is_raised(exchange: SimulatedExchange) -> None:
    """What is final on the first dial is raised by `run()`."""
    exchange.inject(RefuseHandshake(404))
    program = Program(exchange.url)
    await program.start()
    code, out, err, _ = await program.end()

    assert (code, out) == (1, "")
    assert "ConnectFailed: HTTP 404 instead of a websocket" in err.splitlines()[-1]


async def test_drops_are_outlived(exchange: SimulatedExchange) -> None:
    """`run()` goes on over drops, and needs no first success to be ended."""
    exchange.inject(DropOnRequest("public/set_heartbeat", Drop.rst(), times=3))
    program = Program(exchange.url)
    await program.start()
    await until(lambda: 4 in exchange.connections and exchange.connections[4].channels, 20)
    code, out, _, took = await program.end(signal.SIGINT)

    assert (code, out, took < 2) == (0, "over closed", True)


async def test_run_in_a_thread(exchange: SimulatedExchange) -> None:
    """`run()` works in any thread, where signals can't be handled."""
    client = Client(exchange.url)

    class Stop(Handler):
        async def on_connected(self, event: object) -> None:
            await client.aclose()

    client.add_handler(Stop())
    await asyncio.wait_for(asyncio.to_thread(client.run), 5)

    assert client.state is State.CLOSED


async def test_run_twice(exchange: SimulatedExchange) -> None:
    """A client that was run can't be run again."""
    client = Client(exchange.url)
    await client.aclose()
    with pytest.raises(UsageError, match="once"):
        await asyncio.to_thread(client.run)
