"""Loops written by hand over bare libraries: what a framework is measured against.

Each is what its library's documents show: receive, decode, look the channel's callback up in a dict, call it.
None of them survives a drop, answers a heartbeat, or notices a gap. `table` names them.
"""

import importlib
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from benchmarks.counting import Count
from benchmarks.job import Job
from deribit_ws.types import BookChange, Ticker, Trade

Decode = Callable[[Any], Any]


def _orjson() -> Decode:
    """Give what orjson decodes with; imported by those alone who use it."""
    decode: Decode = importlib.import_module("orjson").loads
    return decode


async def _over_aiohttp(job: Job, decode: Decode, decode_text: bool = True) -> Count:
    count: Count = job.count("dict")
    callbacks = job.callbacks(count)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(job.url, max_msg_size=0, decode_text=decode_text) as websocket,
    ):
        await websocket.send_str(job.subscribe())
        await websocket.receive()
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.TEXT:
                params = decode(message.data)["params"]
                callbacks[params["channel"]](params["data"])
                if not count.left:
                    break
    return count


async def aiohttp_json(job: Job) -> Count:
    """Over aiohttp, with the standard library's json."""
    return await _over_aiohttp(job, json.loads)


async def aiohttp_orjson(job: Job) -> Count:
    """Over aiohttp, with orjson; text is decoded by aiohttp, as it does by default."""
    return await _over_aiohttp(job, _orjson())


async def aiohttp_orjson_bytes(job: Job) -> Count:
    """Over aiohttp, with orjson reading the bytes; that nobody then checks as UTF-8 but orjson."""
    return await _over_aiohttp(job, _orjson(), decode_text=False)


class Params(msgspec.Struct):
    """Of a notification."""

    channel: str
    data: msgspec.Raw


class Envelope(msgspec.Struct):
    """Of a notification."""

    params: Params


async def aiohttp_msgspec(job: Job) -> Count:
    """Over aiohttp, typed by msgspec: first the envelope, then the data by its channel."""
    count = job.count("typed")
    envelope = msgspec.json.Decoder(Envelope).decode
    callbacks = _decoding(job, count)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(job.url, max_msg_size=0, decode_text=False) as websocket,
    ):
        await websocket.send_str(job.subscribe())
        await websocket.receive()
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.TEXT:
                params = envelope(message.data).params
                decode, callback = callbacks[params.channel]
                callback(decode(params.data))
                if not count.left:
                    break
    assert isinstance(count, Count)
    return count


def _decoding(job: Job, count: Any) -> dict[str, tuple[Decode, Callable[[Any], None]]]:
    """Give what decodes the data of each channel, and its callback."""
    types = {"ticker": Ticker, "book": BookChange, "trades": list[Trade]}
    decoders: dict[str, Decode] = {
        family: msgspec.json.Decoder(type).decode for family, type in types.items()
    }
    return {name: (decoders[name.partition(".")[0]], call) for name, call in job.callbacks(count).items()}


async def _over_websockets(job: Job, decode: Decode) -> Count:
    from websockets.asyncio.client import connect

    count: Count = job.count("dict")
    callbacks = job.callbacks(count)
    async with connect(job.url, max_size=None, compression=None) as websocket:
        await websocket.send(job.subscribe())
        await websocket.recv()
        async for text in websocket:
            params = decode(text)["params"]
            callbacks[params["channel"]](params["data"])
            if not count.left:
                break
    return count


async def websockets_json(job: Job) -> Count:
    """Over websockets, with the standard library's json."""
    return await _over_websockets(job, json.loads)


async def websockets_orjson(job: Job) -> Count:
    """Over websockets, with orjson."""
    return await _over_websockets(job, _orjson())


async def picows_msgspec(job: Job) -> Count:
    """Over picows, typed by msgspec in two passes."""
    picows: Any = importlib.import_module("picows")
    count = job.count("typed")
    envelope = msgspec.json.Decoder(Envelope).decode
    callbacks = _decoding(job, count)

    class Listener(picows.WSListener):  # type: ignore[misc]  # what it is, is known at run time
        answered = False

        def on_ws_connected(self, transport: Any) -> None:
            transport.send(picows.WSMsgType.TEXT, job.subscribe().encode())

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if not self.answered:
                self.answered = True
                return
            params = envelope(frame.get_payload_as_memoryview()).params
            decode, callback = callbacks[params.channel]
            callback(decode(params.data))

    transport, _ = await picows.ws_connect(Listener, job.url)
    await count.done.wait()
    transport.disconnect()
    assert isinstance(count, Count)
    return count
