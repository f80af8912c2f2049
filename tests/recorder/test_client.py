"""Recording and replay by `Client`: what it knows of secrets, and that it adds no waits of its own."""

import asyncio
from pathlib import Path

import pytest

from deribit_ws import Client, Credentials, Disconnected, Handler, UsageError
from deribit_ws.recorder import read_recording
from deribit_ws.testing import Drop, Say, SimulatedExchange
from tests.client.conftest import until
from tests.recorder.tapes import Tape

TICKER = "ticker.BTC-PERPETUAL.100ms"
SECRET = "a secret that is long enough"


class Ends(Handler):
    """Counts the links that were lost."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def on_disconnected(self, event: Disconnected) -> None:
        self.reasons.append(event.reason)


async def test_replay_adds_no_back_off(tmp_path: Path) -> None:
    """Twelve recorded drops in a row are played at once: the client's own back-off is left out."""
    tape = Tape()
    for number in range(12):
        tape.up(TICKER).lost(60.0, reason=f"reset {number}")
    client = Client.replay(tape.up(TICKER).closed().write(tmp_path / "drops.jsonl"), speed="max")
    ends = Ends()
    client.add_handler(ends)
    client.register(TICKER, lambda payload: None)
    async with asyncio.timeout(10), client:  # twelve waits of the default back-off take a minute
        await client.wait_closed()

    assert ends.reasons == [f"reset {number}" for number in range(12)]


async def test_a_login_before_the_recording_is_known(path: Path) -> None:
    """The key's secret is starred though the login was made before the recording began."""
    async with SimulatedExchange(accounts={"me": SECRET}) as exchange:
        client = Client(exchange.url, credentials=Credentials("me", SECRET))
        async with client:
            client.record(path)
            exchange.inject(Say(text=f'{{"quoted":"{SECRET}"}}'))
            await until(lambda: client.stats.errors > 0)

    text = "".join((record.received or "") + (record.sent or "") for record in read_recording(path))
    assert "quoted" in text
    assert SECRET not in text


async def test_one_recording_at_a_time(path: Path, tmp_path: Path) -> None:
    """A client that is recorded refuses a second recording; after the first is closed it takes one."""
    async with SimulatedExchange() as exchange, Client(exchange.url) as client:
        async with client.record(path):
            with pytest.raises(UsageError, match="recorded already"):
                client.record(tmp_path / "other.jsonl")
        again = client.record(tmp_path / "other.jsonl")
        exchange.inject(Drop.rst())
        await until(lambda: client.stats.connections == 2)

    assert [record.event for record in read_recording(again.path) if record.event] == [
        *("opened", "live", "lost", "opened", "live", "lost", "end")
    ]
