"""Signals in each phase, as the system sends them (row 47); and what else befalls a process with a client.

Some of the cases; `python -m tests.lifetime --row 47` has them all, and prints how long each took.
"""

import asyncio
import random
import signal

import pytest

from deribit_ws.testing import IgnoreRequest, SimulatedExchange
from tests.lifetime.programs import CHANNEL, PATIENCE_SECONDS, Mode, running, started
from tests.lifetime.signalled import BY_SEQ, END_SECONDS, MANY, Case, cases, ended, lateness_of

STRIDE = 11  # of the cases: each takes a process, and seconds
NEVER_ENDS = """
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass"""
FORKS = """
import asyncio, multiprocessing, os, sys
from deribit_ws import Client

def child():
    sys.exit(0)

async def main():
    async with Client({url!r}) as client:
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            process = multiprocessing.get_context("fork").Process(target=child)
            process.start()
            await asyncio.to_thread(process.join)
            now = await client.call("public/get_time", timeout=5)
            print(status, process.exitcode, now > 0, flush=True)

asyncio.run(main())
"""


async def _until(seen: object) -> None:
    assert callable(seen)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not seen():  # noqa: ASYNC110  what another process does has no event here
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("case", cases()[::STRIDE], ids=str)
async def test_signal(case: Case) -> None:
    """A signal ends a program within 2 s, with the documented status, a close frame, and no complaint."""
    await ended(case, random.Random(str(case)))


async def test_callback_that_never_ends() -> None:
    """A callback that heeds no cancellation is told of once and left behind: `run()` returns."""
    async with (
        SimulatedExchange() as exchange,
        running(Mode.RUN, exchange.url, tick=NEVER_ENDS) as program,
    ):
        await _until(lambda: exchange.connections and exchange.connections[1].channels)
        await asyncio.sleep(0.3)  # a message, and its callback: the other process knows
        end = await program.end(signal.SIGTERM)

    assert (end.status, end.out) == (0, "over closed")
    assert end.err == "deribit_ws Desk.tick did not end within 0.8 s\n"
    assert end.seconds < END_SECONDS + 1  # of which the machine may take one


async def test_hook_under_way() -> None:
    """A hook that awaits an answer when the signal comes is cancelled, and not told as a failure."""
    async with SimulatedExchange() as exchange:
        exchange.inject(IgnoreRequest(BY_SEQ, MANY))
        async with running(Mode.RUN, exchange.url) as program:
            await _until(lambda: exchange.ledger.requests_of(BY_SEQ))
            end = await program.end(signal.SIGINT)

    assert (end.status, end.out, end.err) == (0, "over closed", "")


async def test_fork() -> None:
    """A child of a connected process ends quietly, and its parent's link is none the worse for it."""
    async with SimulatedExchange() as exchange:
        async with started("-c", FORKS.format(url=exchange.url), mode=Mode.ASYNCIO) as program:
            end = await program.end()
        codes = [farewell.code for farewell in exchange.ledger.farewells]

    assert (end.status, end.err) == (0, "")
    assert end.out.splitlines() == ["0 0 True"] * 3
    assert (len(exchange.ledger.handshakes), codes) == (1, [1000])


@pytest.mark.parametrize("seconds", [0.1, 0.3])
async def test_command_while_importing(seconds: float) -> None:
    """Ctrl-C while Python imports ends the command at once; no line of ours can have run by then.

    How it ends is not ours either: by KeyboardInterrupt, or (msgspec 0.22) by a fault in an import cut short.
    """
    words = ("-m", "deribit_ws", "tail", CHANNEL, "--url", "ws://127.0.0.1:1/")
    async with lateness_of() as lateness, started(*words, mode=Mode.COMMAND) as program:
        await asyncio.sleep(seconds)
        end = await program.end(signal.SIGINT)

    assert end.status != 0
    assert end.seconds < END_SECONDS + sum(lateness)
