"""Real traffic, recorded by others, through the whole client over a real socket."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from deribit_ws import BookChange, Client, Handler, Notification, Ticker, Trade

_RECEIVED = re.compile(r"[\d.]+: (.*)")  # cryptofeed's form of a line: time, then the frame
_END = "announcements"  # said after the recording, so that a test knows it has seen all


@asynccontextmanager
async def replaying(frames: Sequence[str]) -> AsyncIterator[str]:
    """Serve recorded frames, as they are, to who subscribes to their end; give the URL."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            asked = json.loads(message.data)
            channels = asked["params"].get("channels", "ok")
            await websocket.send_json({"jsonrpc": "2.0", "id": asked["id"], "result": channels})
            if asked["method"].endswith("/subscribe") and _END in channels:
                for frame in frames:
                    await websocket.send_str(frame)
                end = {"channel": _END, "data": {"title": "the end"}}
                await websocket.send_json({"jsonrpc": "2.0", "method": "subscription", "params": end})
        return websocket

    app = web.Application()
    app.router.add_get("/ws", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        await runner.cleanup()


class Listener(Handler):
    """Keeps the errors a client tells of."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


@pytest.fixture
def recorded(captures: Path) -> list[str]:
    """The frames of 30 seconds of production, 2021: an answer, 89 tickers, 46 book messages."""
    lines = (captures / "cryptofeed" / "DERIBIT.ws.1.0").read_text().splitlines()
    return [match[1] for line in lines if (match := _RECEIVED.match(line))]


def channels_of(frames: Sequence[str]) -> list[str]:
    """The channels of the notifications among recorded frames, in order."""
    messages = [json.loads(frame) for frame in frames]
    return [m["params"]["channel"] for m in messages if m.get("method") == "subscription"]


async def test_every_recorded_message_reaches_its_typed_callback(recorded: list[str]) -> None:
    """89 tickers and 46 book messages reach typed callbacks, with no error and none unaccounted for."""
    instruments = sorted({channel.split(".")[1] for channel in channels_of(recorded)})
    listener = Listener()
    counts: Counter[str] = Counter()
    books: list[BookChange] = []
    all_tickers = asyncio.Event()
    async with replaying(recorded) as url:
        client = Client(url)
        client.add_handler(listener)

        @client.on("ticker.{instrument}.raw", instrument=instruments)
        async def on_ticker(ticker: Ticker, instrument: str) -> None:
            counts[type(ticker).__name__] += ticker.instrument_name == instrument
            if counts["Ticker"] == 89:
                all_tickers.set()

        @client.on("book.{instrument}.raw", instrument=instruments)
        def on_book(change: BookChange) -> None:
            books.append(change)

        @client.on("trades.{instrument}.raw", instrument=instruments)
        def on_trades(trades: list[Trade]) -> None:
            counts["trades"] += len(trades)

        async with client, client.stream(_END) as end:
            await anext(end)
            await all_tickers.wait()  # a coroutine function runs behind its queue

    assert counts == {"Ticker": 89}
    assert len(books) == 46
    assert sum(book.is_snapshot for book in books) == 10
    assert listener.errors == []


async def test_a_recording_arrives_whole_and_in_order(recorded: list[str]) -> None:
    """A route to everything gets each recorded notification once, in the order it was recorded."""
    async with replaying(recorded) as url:
        client = Client(url)
        listener = Listener()
        client.add_handler(listener)
        seen: list[Notification] = []

        @client.on(">")
        def everything(notification: Notification) -> None:
            seen.append(notification)

        async with client, client.stream(_END) as end:
            await anext(end)

    assert [notification.channel for notification in seen] == [*channels_of(recorded), _END]
    assert listener.errors == []


async def test_newer_messages_decode_to_what_they_say(captures: Path) -> None:
    """Each recorded notification of 2025 and 2026 arrives as its family's type, equal field by field."""
    files = [json.loads(path.read_text()) for path in sorted((captures / "nautilus").glob("ws_*.json"))]
    messages = [message for message in files if message.get("method") == "subscription"]
    said = [message["params"] for message in messages]
    typed: list[Notification] = []
    plain: list[Any] = []
    listener = Listener()
    async with replaying([json.dumps(message) for message in messages]) as url:
        client = Client(url)
        client.add_handler(listener)

        @client.on(">")
        def as_typed(notification: Notification) -> None:
            typed.append(notification)

        @client.on("*.>")
        def as_plain(data: Any) -> None:
            plain.append(data)

        async with client, client.stream(_END) as end:
            await anext(end)

    assert [notification.channel for notification in typed] == [*(params["channel"] for params in said), _END]
    assert plain == [params["data"] for params in said]
    assert listener.errors == []
    for notification, params in zip(typed, said, strict=False):
        assert isinstance(notification.data, msgspec.Struct | list)
        assert json.loads(msgspec.json.encode(notification.data)) == params["data"]
