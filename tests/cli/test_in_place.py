"""The commands' coroutines in the test's own loop: they end when cancelled, and leave nothing behind."""

import asyncio
import json
import logging
from argparse import Namespace
from collections.abc import Iterator

import pytest

from deribit_ws.cli import call, demo, simulate, tail
from deribit_ws.cli.arguments import parser
from deribit_ws.testing import Drop, SimulatedExchange
from tests.cli.shell import until

BOOK = "book.BTC-PERPETUAL.100ms"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """The commands take over the root logger: give it back."""
    root = logging.getLogger()
    logs, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = logs, raising
    root.setLevel(level)
    logging.getLogger("deribit_ws").setLevel(logging.NOTSET)


def options(*words: str) -> Namespace:
    return parser(lambda: "").parse_args(words)


async def cancelled(task: asyncio.Task[int]) -> None:
    """Cancel it, as a signal would."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(2):
            await task


async def test_call(exchange: SimulatedExchange, capfd: pytest.CaptureFixture[str]) -> None:
    """A call prints its result and closes its link."""
    status = await call.run(options("call", "public/get_time", "--url", exchange.url))

    assert status == 0 and isinstance(json.loads(capfd.readouterr().out), int)
    await until(lambda: not exchange.connections)


async def test_tail(exchange: SimulatedExchange, capfd: pytest.CaptureFixture[str]) -> None:
    """A tail goes on over a drop; cancelled, it closes its link with 1000."""
    following = asyncio.create_task(tail.run(options("tail", BOOK, "-v", "--url", exchange.url)))
    await until(lambda: exchange.ledger.frames_sent(BOOK, 1) > 2)
    exchange.inject(Drop.rst())
    await until(lambda: exchange.ledger.frames_sent(BOOK, 2) > 2)
    await cancelled(following)
    await until(lambda: not exchange.connections)
    out, err = capfd.readouterr()

    assert exchange.ledger.farewells[-1].code == 1000
    assert {json.loads(line)["channel"] for line in out.splitlines()} == {BOOK}
    assert [line.split()[1] for line in err.splitlines()] == ["connected:", "disconnected", "connected"]


async def test_simulate(capfd: pytest.CaptureFixture[str]) -> None:
    """A simulation serves until it is cancelled."""
    serving = asyncio.create_task(simulate.run(options("simulate", "--tls", "--drop-every", "0.05")))
    said = []

    def announced() -> bool:
        said.append(capfd.readouterr().out)
        return "\n" in "".join(said)

    await until(announced)
    await asyncio.sleep(0.1)  # one look at whom it might drop
    await cancelled(serving)

    assert json.loads("".join(said))["url"].startswith("wss://127.0.0.1:")


async def test_demo(capfd: pytest.CaptureFixture[str]) -> None:
    """A demo that is cancelled still gives its account, and the status that it deserves."""
    playing = asyncio.create_task(demo.run(options("demo", "--seconds", "6")))
    await asyncio.sleep(3)  # real time: some drops of the demo's own schedule
    playing.cancel()
    status = await playing
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    assert status == 0 and events[-1]["event"] == "summary" and events[-1]["adds_up"]
    assert len(events[-1]["drops"]) >= 1
