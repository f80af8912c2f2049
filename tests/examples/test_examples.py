"""The examples, run as a user runs them, against the simulated exchange over a real socket."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deribit_ws.testing import Drop, DropOnRequest, SimulatedExchange

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MOST_LINES = 40
KEY = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}


@asynccontextmanager
async def running(name: str, exchange: SimulatedExchange) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example with warnings as errors, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", str(EXAMPLES / name)),
        env={**os.environ, **KEY, "DERIBIT_URL": exchange.url, "PYTHONPATH": str(EXAMPLES.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else its pipes outlive the loop


async def lines_until(process: asyncio.subprocess.Process, *wanted: str) -> list[str]:
    """Read lines until each wanted text has occurred in one, in that order."""
    assert process.stdout is not None
    lines: list[str] = []
    for text in wanted:
        while True:
            line = (await process.stdout.readline()).decode()
            if not line:
                pytest.fail(f"ended before {text!r}: {lines[-5:]}")
            lines.append(line)
            if text in line:
                break
    return lines


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Wait for the end; give the status and what was said on stderr."""
    _, errors = await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode is not None
    return process.returncode, errors.decode()


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(seed=11, step_seconds=0.01) as running:
        yield running


async def test_one_request_prints_the_answer_and_ends(exchange: SimulatedExchange) -> None:
    """`one_request.py` prints one order book and ends by itself, with nothing on stderr."""
    async with running("one_request.py", exchange) as process:
        lines = await lines_until(process, '"best_bid_price"')
        status = await ended(process)

    assert '"jsonrpc": "2.0"' in "".join(lines)
    assert status == (0, "")


async def test_nothing_lost_counts_on(exchange: SimulatedExchange) -> None:
    """`nothing_lost.py` prints each trade once and in order, across three drops, with the marks between."""
    async with running("nothing_lost.py", exchange) as process:
        lines = []
        for drop in (Drop.rst(), Drop.close(1001), Drop.fin()):
            lines += await lines_until(process, "trade ")
            exchange.inject(drop)
            lines += await lines_until(process, "Disconnected", "Connected", "trade ", "trade ")

    seqs = [int(line.split()[1]) for line in lines if line.startswith("trade ")]
    assert seqs == list(range(seqs[0], seqs[-1] + 1))
    assert not any("lost" in line for line in lines)


@pytest.mark.parametrize("before_reply", [True, False])
async def test_an_order_is_not_in_doubt(exchange: SimulatedExchange, before_reply: bool) -> None:
    """`an_order.py` ends well though the link breaks under its order: placed once, or proved not to be."""
    exchange.inject(DropOnRequest("private/buy", Drop.rst(), before_reply=before_reply))
    async with running("an_order.py", exchange) as process:
        lines = await lines_until(process, "there is no order" if before_reply else "ended as cancelled")
        status, _ = await ended(process)

    assert (status, len(exchange.ledger.requests_of("private/buy"))) == (0, 1), lines


async def test_the_ticker_stream_goes_on_through_drops(exchange: SimulatedExchange) -> None:
    """`ticker_stream.py` prints tickers before and after drops by RST and close 4000."""
    async with running("ticker_stream.py", exchange) as process:
        for drop in (Drop.rst(), Drop.close(4000, "heartbeat close"), Drop.fin()):
            await lines_until(process, '"result":["ticker.BTC-PERPETUAL.100ms"]', '"method":"subscription"')
            exchange.inject(drop)
        await lines_until(process, '"result":', '"method":"subscription"')
        process.send_signal(signal.SIGINT)
        status, errors = await ended(process)

    assert status == 0
    assert errors.count("Error in print_btc_ticker: connection lost") == 3


async def test_decorated_callbacks_get_typed_payloads(exchange: SimulatedExchange) -> None:
    """`decorators.py` prints tickers, trades and books across a drop, and ends with Ctrl-C."""
    async with running("decorators.py", exchange) as process:
        await lines_until(process, "BTC-PERPETUAL mark", "ETH-PERPETUAL mark", "book change", " at ")
        exchange.inject(Drop.rst())
        await lines_until(process, "book snapshot", "book change")
        process.send_signal(signal.SIGINT)
        status, errors = await ended(process)

    assert status == 0
    assert "Traceback" not in errors


async def test_a_handler_class_hears_of_the_drop(exchange: SimulatedExchange) -> None:
    """`handler_class.py` prints quotes, the drop, and quotes again; SIGTERM ends it."""
    async with running("handler_class.py", exchange) as process:
        await lines_until(process, "connected with 4 channels", "BTC-PERPETUAL", "ETH-PERPETUAL")
        exchange.inject(Drop.close(1012, "restart"))
        await lines_until(process, "lost after", "connected with 4 channels", "BTC-PERPETUAL")
        process.send_signal(signal.SIGTERM)
        status, errors = await ended(process)

    assert status == 0
    assert "Traceback" not in errors


async def test_calls_and_streams_live_inside_a_program(exchange: SimulatedExchange) -> None:
    """`inside_your_program.py` makes a call, reads two streams, hears a rejection, and ends by itself."""
    async with running("inside_your_program.py", exchange) as process:
        await lines_until(process, "exchange time", "rejected: ticker.NO-SUCH-THING.100ms")
        status = await ended(process)

    assert status == (0, "")


async def test_an_option_chain_follows_what_is_listed(exchange: SimulatedExchange) -> None:
    """`option_chain.py` prints options, those listed later too, and says what is listed and what is gone."""
    async with running("option_chain.py", exchange) as process:
        await lines_until(process, "BTC-27NOV26-90000-C")
        new = exchange.list_option("BTC", strike=91_000, side="call")
        await lines_until(process, f"listed: {new}", f"{new} ")
        exchange.expire(new)
        await lines_until(process, f"gone: {new} ")
        process.send_signal(signal.SIGINT)
        status, errors = await ended(process)

    assert status == 0
    assert "Traceback" not in errors


def test_an_example_is_short() -> None:
    """No example is longer than 40 lines."""
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}

    assert lengths
    assert [name for name, length in lengths.items() if length > MOST_LINES] == []
