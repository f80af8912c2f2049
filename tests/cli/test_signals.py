"""SIGINT and SIGTERM end every command within 2 s, wherever they find it."""

import asyncio
import contextlib
import signal

import pytest

from deribit_ws.testing import Deaf, SimulatedExchange, StallHandshake
from tests.cli.shell import SOON, running, until

BOOK = "book.BTC-PERPETUAL.100ms"
SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
async def test_while_dialling(exchange: SimulatedExchange, number: signal.Signals) -> None:
    """A dial that nobody answers is given up."""
    exchange.inject(StallHandshake())
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await until(lambda: exchange.ledger.handshakes)
        ended = await tail.end(number)

    assert (ended.status, ended.out, ended.err) == (128 + number, "", "")
    assert ended.seconds < SOON


@pytest.mark.parametrize("number", SIGNALS)
async def test_while_waiting_to_dial(number: signal.Signals) -> None:
    """The wait between two dials is given up."""
    async with running("tail", BOOK, "--url", "ws://127.0.0.1:1/") as tail:
        assert tail.process.stderr is not None
        for _ in range(4):  # by then the wait is a second and more
            await tail.process.stderr.readline()
        ended = await tail.end(number)

    assert ended.status == 128 + number and ended.seconds < SOON


@pytest.mark.parametrize("number", SIGNALS)
async def test_while_connected(exchange: SimulatedExchange, number: signal.Signals) -> None:
    """A live link is closed in order: the exchange gets close 1000."""
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await tail.line()
        ended = await tail.end(number)

    assert ended.status == 128 + number and ended.seconds < SOON
    assert [f.code for f in exchange.ledger.farewells] == [1000]


async def test_while_the_peer_is_deaf(exchange: SimulatedExchange) -> None:
    """A peer that answers no close frame does not hold it up."""
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await tail.line()
        exchange.inject(Deaf())
        ended = await tail.end(signal.SIGTERM)

    assert ended.status == 143 and ended.seconds < SOON


async def test_repeated_signals_change_nothing(exchange: SimulatedExchange) -> None:
    """An impatient second and third signal neither speed it up nor make it noisy."""
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await tail.line()
        with contextlib.suppress(ProcessLookupError):  # it may be as quick as that
            for _ in range(50):
                tail.process.send_signal(signal.SIGINT)
                await asyncio.sleep(0.001)  # real time: the other process has to hear each
        ended = await tail.end()

    assert ended.status == 130
    assert len(ended.complaints) == 1  # that it had connected
