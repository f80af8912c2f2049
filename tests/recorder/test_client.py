"""Recording and replay by `Client`: what it knows of secrets, and that it adds no waits of its own."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import Client, Credentials, Disconnected, Handler, UsageError
from deribit_ws.connection import Connection
from deribit_ws.recorder import read_recording
from deribit_ws.recorder.files import Files
from deribit_ws.testing import Drop, Say, SimulatedExchange
from tests.client.conftest import until
from tests.recorder.conftest import replay
from tests.recorder.tapes import Tape

TICKER = "ticker.BTC-PERPETUAL.100ms"
SECRET = "a secret that is long enough"


class Ends(Handler):
    """Remembers why links were lost, and errors."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.errors: list[Exception] = []

    def on_disconnected(self, event: Disconnected) -> None:
        self.reasons.append(event.reason)

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


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


async def test_a_drop_has_the_same_cause(path: Path) -> None:
    """A replay counts each drop under the cause that it had when it was recorded."""
    async with SimulatedExchange() as exchange:
        client = Client(exchange.url, retry_seconds=0.01)
        client.record(path)
        client.register(TICKER, lambda payload: None)
        async with client:
            for number, drop in enumerate((Drop.rst(), Drop.fin(), Drop.close(1012)), 1):
                exchange.inject(drop)
                await until(lambda number=number: client.stats.connections > number)  # type: ignore[misc]
    played = replay(path)
    played.register(TICKER, lambda payload: None)
    async with asyncio.timeout(20), played:
        await played.wait_closed()

    assert client.stats.drops == {"reset": 1, "end_of_stream": 1, "close_1012": 1}
    assert played.stats.drops == client.stats.drops


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


async def test_a_client_that_was_never_opened(path: Path) -> None:
    """Closing a client closes its recording, though it was never opened."""
    client = Client("ws://127.0.0.1:1")
    recording = client.record(path)
    await client.aclose()

    assert "closed" in repr(recording)
    assert [record.event for record in read_recording(path)] == ["end"]


@pytest.mark.parametrize("moment", ["public/set_heartbeat", "public/subscribe"])
async def test_a_recording_begun_while_a_link_is_rebuilt(
    path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was subscribed just before the recording began is no unknown channel when it is played."""
    live, again = list[bytes](), list[bytes]()
    async with SimulatedExchange() as exchange:
        client = Client(exchange.url)
        send = Connection._send

        def recorded(self: Connection, method: str, *rest: Any) -> Any:
            answer = send(self, method, *rest)
            if method == moment:
                client.record(path)
            return answer

        monkeypatch.setattr(Connection, "_send", recorded)
        client.register(TICKER, live.append)
        async with client:
            await until(lambda: len(live) > 3)
    monkeypatch.undo()
    client = replay(path)
    client.register(TICKER, again.append)
    async with client:
        await client.subscribe(TICKER)
        await client.wait_closed()

    assert again == live


async def test_another_after_one_that_failed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk ended a recording, the client is told and takes another at once."""

    def full(self: Files, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    ears = Ends()
    async with SimulatedExchange() as exchange, Client(exchange.url) as client:
        client.add_handler(ears)
        first = client.record(path)
        with monkeypatch.context() as patched:
            patched.setattr(Files, "write", full)
            await until(lambda: bool(ears.errors))
        client.record(tmp_path / "other.jsonl")

    assert [first.error] == ears.errors
    assert [record.event for record in read_recording(tmp_path / "other.jsonl") if record.event] == [
        *("opened", "live", "lost", "end")
    ]


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
