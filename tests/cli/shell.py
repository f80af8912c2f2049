"""Running the real command as a process of its own, against an exchange in the test's loop.

Knows processes and signals. Must not know what any subcommand does.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "deribit_ws")
PATIENCE = 30.0  # seconds for a command to end or to say something; only a hang takes so long
SOON = 2.0  # seconds, as promised for the end by a signal


@dataclass(frozen=True)
class Ended:
    """What is left of a command that has ended."""

    status: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def objects(self) -> list[Any]:
        """Its output, read as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def complaints(self) -> list[str]:
        """What it said on stderr."""
        return self.err.splitlines()


def environment(**more: str) -> dict[str, str]:
    """The environment without anything that steers the command, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DERIBIT", "SSL_CERT"))}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TERM": "xterm"} | more


def unmeasured() -> dict[str, str]:
    """The same without what has coverage measure it, which would write files of its own where none can be."""
    return {name: value for name, value in environment().items() if not name.startswith("COVERAGE")}


class Running:
    """A command under way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """Its next line on stdout."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode()

    async def end(self, number: signal.Signals | None = None) -> Ended:
        """Wait for its end, which `number` may ask for."""
        asked = time.monotonic()
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        ended = Ended(self.process.returncode, out.decode(), (err or b"").decode(), time.monotonic() - asked)

        assert "Traceback" not in ended.err + ended.out
        return ended


@asynccontextmanager
async def running(*words: str, **environ: str) -> AsyncIterator[Running]:
    """Start `deribit-ws` with these words; it is killed if it outlives the context."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment(**environ)
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ran(*words: str, **environ: str) -> Ended:
    """Run it to its end."""
    async with running(*words, **environ) as command:
        return await command.end()


async def until(predicate: Any) -> None:
    """Wait for something in this process to be true."""
    async with asyncio.timeout(PATIENCE):
        while not predicate():  # noqa: ASYNC110 - the other side is another process: no event reaches here
            await asyncio.sleep(0.01)
