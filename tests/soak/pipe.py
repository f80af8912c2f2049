"""A process at the other end of a pipe: lines of JSON to it, lines of JSON back.

Knows subprocesses and pipes. Must not know what is said. The far end of a soak lives in a process of its
own, so that what the client uses up is measured alone.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

LINE_BYTES = 16 << 20  # of an answer; one with a whole book is some kilobytes
ANSWER_SECONDS = 60.0  # for an answer of a far end that computes on a busy machine
END_SECONDS = 10.0  # for a far end to leave once its pipe is closed; then it is killed

Answer = Callable[[dict[str, Any]], Awaitable[Any]]


class FarEnd:
    """A child process that answers; `hello` is what it said first."""

    def __init__(self, process: asyncio.subprocess.Process, hello: dict[str, Any]) -> None:
        self._process = process
        self._lock = asyncio.Lock()
        self.hello = hello

    async def ask(self, do: str, **more: Any) -> Any:
        """Have something done, and wait for what came of it."""
        async with self._lock, asyncio.timeout(ANSWER_SECONDS):
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
            return await _heard(self._process)


async def _heard(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the far end left, with {await process.wait()}")
    return json.loads(line)


@asynccontextmanager
async def far_end(module: str, *arguments: str) -> AsyncIterator[FarEnd]:
    """Run a module in a process of its own, until left."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=pipe,
        stdout=pipe,
        limit=LINE_BYTES,
        start_new_session=True,  # a Ctrl-C is for us; it leaves when its pipe is closed
    )
    try:
        yield FarEnd(process, await _heard(process))
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await process.stdin.wait_closed()


async def answer_lines(hello: dict[str, Any], answer: Answer) -> None:
    """Be the far end: say hello, then answer each line until the pipe is closed."""
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        _say(hello)
        while line := await reader.readline():
            _say(await answer(json.loads(line)))
    finally:
        transport.close()


def _say(said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")  # a pipe takes a line at once: nobody else writes
    sys.stdout.flush()
