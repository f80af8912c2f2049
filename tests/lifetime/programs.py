"""Programs that use a client, in processes of their own, held to end in silence when a signal asks for it.

Knows processes and signals, and three ways to run a client. Must not know in which phase a signal comes
(`signalled`). Nothing in here runs in virtual time: the system's own is what counts.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0  # for a process to come somewhere, or to end; only a hang takes so long
CHANNEL = "ticker.BTC-PERPETUAL.100ms"


class Mode(Enum):
    """How the client is run."""

    RUN = "client.run()"
    ASYNCIO = "asyncio.run()"
    COMMAND = "deribit-ws tail"


_SHARED = """
import asyncio, sys, time
from deribit_ws import Client, Credentials, Handler, Ticker, on

class Desk(Handler):
    @on("ticker.BTC-PERPETUAL.100ms")
    {kind}def tick(self, ticker: Ticker) -> None:
        {tick}

    async def on_connected(self, event) -> None:
        async with client.trades("BTC-PERPETUAL") as trades:
            async for _ in trades:
                pass

client = Client({url!r}, credentials={key}, retry_seconds=0.05)
client.add_handler(Desk())
"""
_RUN = """
client.run()
print("over", client.state.value)
"""
_ASYNCIO = """
async def main():
    async with client:
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("over", client.state.value)
    sys.exit(130)
"""
# What is documented: run() returns and the program goes on; Python's own way is KeyboardInterrupt; a command
# ends as if by the signal, as a shell counts.
STATUS = {Mode.RUN: (0, 0), Mode.ASYNCIO: (130, None), Mode.COMMAND: (130, 143)}  # by SIGINT, by SIGTERM


@dataclass(frozen=True)
class Ended:
    """What is left of a process that has ended."""

    status: int
    out: str
    err: str
    seconds: float  # from the signal on


class Program:
    """A process under way."""

    def __init__(self, process: asyncio.subprocess.Process, mode: Mode) -> None:
        self.process = process
        self.mode = mode

    async def end(self, *numbers: signal.Signals, apart: float = 0.1) -> Ended:
        """Send it signals, if any, so many seconds apart, and wait for its end."""
        began = time.monotonic()
        for number in numbers:
            if self.process.returncode is None:
                self.process.send_signal(number)
            if number is not numbers[-1]:
                await asyncio.sleep(apart)
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await self.process.communicate()
        took = time.monotonic() - began
        assert self.process.returncode is not None
        return Ended(self.process.returncode, out.decode().strip(), err.decode(), took)


@asynccontextmanager
async def running(
    mode: Mode, url: str, *, logs_in: bool = False, tick: str = "pass", plain: bool = False
) -> AsyncIterator[Program]:
    """Start a program; it is killed if it outlives the context.

    Args:
        mode: how it runs the client.
        url: what it dials.
        logs_in: it has credentials.
        tick: the body of its callback, which is a coroutine function unless `plain`.
    """
    key = "Credentials('simulated', 'secret')" if logs_in else "None"
    text = _SHARED.format(url=url, key=key, tick=tick, kind="" if plain else "async ")
    words = ["-c", text + (_RUN if mode is Mode.RUN else _ASYNCIO)]
    if mode is Mode.COMMAND:
        own = ["user.orders.any.any.raw"] if logs_in else []
        words = ["-m", "deribit_ws", "tail", CHANNEL, *own, "--url", url]
    async with started(*words, mode=mode) as program:
        yield program


@asynccontextmanager
async def started(*words: str, mode: Mode) -> AsyncIterator[Program]:
    """Start Python with these words, where every warning is an error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DERIBIT")}
    kept |= {"PYTHONPATH": str(ROOT), "DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=kept,
    )
    try:
        yield Program(process, mode)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
