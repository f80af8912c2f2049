"""Every fault of a live connection: told, and seen by the client."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from deribit_ws.testing import (
    Deaf,
    DelayReply,
    Drop,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Fault,
    Garble,
    IgnoreRequest,
    Maintenance,
    Reorder,
    Say,
    Silence,
    SimulatedExchange,
    SkipChange,
    SkipSnapshot,
)
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Peer

BOOK = "book.BTC-PERPETUAL.100ms"
ENDED = {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSING}


async def test_reset(exchange: SimulatedExchange, peer: Peer) -> None:
    """A reset ends the connection without a close frame, and the client sees ECONNRESET."""
    exchange.inject(Drop.rst())
    message = await peer.ending()

    assert message.type in ENDED
    assert peer.socket.close_code == 1006
    assert exchange.ledger.drops[0].fault == Drop.rst()


async def test_how_tcp_ends(exchange: SimulatedExchange) -> None:
    """A reset is a TCP reset, an end of stream a FIN, inside a frame after half of it."""
    reader, writer = await raw_upgrade(exchange)
    exchange.inject(Drop.rst())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    ends = []
    for inside_frame in (False, True):
        reader, writer = await raw_upgrade(exchange)
        exchange.inject(Drop.fin(inside_frame=inside_frame))
        ends.append(await reader.read())
        writer.close()

    assert ends[0] == b""
    assert ends[1].startswith(b"\x81\x7e")


@pytest.mark.parametrize("inside_frame", [False, True])
async def test_end_of_stream(exchange: SimulatedExchange, peer: Peer, inside_frame: bool) -> None:
    """A FIN ends the connection without a close frame, inside a frame or not; no half message arrives."""
    exchange.inject(Drop.fin(inside_frame=inside_frame))
    message = await peer.ending()

    assert message.type in ENDED
    assert peer.socket.close_code == 1006


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4000])
async def test_close_frames(exchange: SimulatedExchange, peer: Peer, code: int) -> None:
    """A close frame carries its code and reason."""
    exchange.inject(Drop.close(code, "because"))
    message = await peer.ending()

    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, code, "because")


@pytest.mark.parametrize(
    ("code", "frame"),
    [
        (None, b"\x88\x00"),
        (0, b"\x88\x02\x00\x00"),
        (999, b"\x88\x02\x03\xe7"),
        (1006, b"\x88\x02\x03\xee"),
        (5000, b"\x88\x02\x13\x88"),
    ],
)
async def test_illegal_close_frames(exchange: SimulatedExchange, code: int | None, frame: bytes) -> None:
    """Codes no close frame may carry are written all the same, and so is none at all."""
    reader, writer = await raw_upgrade(exchange)
    exchange.inject(Drop.close(code))

    assert await reader.readexactly(len(frame)) == frame
    writer.close()
    await writer.wait_closed()


async def raw_upgrade(exchange: SimulatedExchange) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A websocket by hand, for what no client library would pass on."""
    port = int(exchange.url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /ws/api/v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return reader, writer


async def test_a_close_frame_that_tcp_does_not_follow(exchange: SimulatedExchange) -> None:
    """With finish=False the close frame comes and TCP stays open until the client ends it."""
    reader, writer = await raw_upgrade(exchange)
    exchange.inject(Drop.close(1000, finish=False))
    await reader.readexactly(4)
    writer.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # the client's close frame
    await writer.drain()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)

    assert list(exchange.connections) == [1]
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("say", "kind", "data"),
    [
        (Say(text="{not json"), aiohttp.WSMsgType.TEXT, "{not json"),
        (Say(text=b"plain"), aiohttp.WSMsgType.TEXT, "plain"),
        (Say(binary=b"\x00\x01"), aiohttp.WSMsgType.BINARY, b"\x00\x01"),
        (Say(raw=b"\x01\x01a\x89\x00\x80\x01b"), aiohttp.WSMsgType.TEXT, "ab"),  # fragments around a ping
        (Say(text="x" * 70_000), aiohttp.WSMsgType.TEXT, "x" * 70_000),
    ],
)
async def test_saying_anything(
    exchange: SimulatedExchange, peer: Peer, say: Say, kind: aiohttp.WSMsgType, data: Any
) -> None:
    """Say sends a frame or bytes exactly as given, and the connection goes on."""
    exchange.inject(say)
    message = await peer.socket.receive()

    assert (message.type, message.data) == (kind, data)
    assert await peer.result("public/test")


@pytest.mark.parametrize(("say", "code"), [(Say(text=b"\xff\xfe"), 1007), (Say(raw=b"\xf1\x00"), 1002)])
async def test_saying_what_breaks_the_protocol(
    exchange: SimulatedExchange, peer: Peer, say: Say, code: int
) -> None:
    """Invalid UTF-8 and reserved bits make a client close by the websocket rules, and the ledger hears it."""
    exchange.inject(say)
    await peer.ending()
    await peer.socket.close()
    await exchange.ledger.until(lambda: not exchange.connections)

    assert peer.socket.close_code == code
    assert [farewell.code for farewell in exchange.ledger.farewells] == [code]


async def test_silence_swallows_everything(exchange: SimulatedExchange, peer: Peer) -> None:
    """In silence no data, answer or pong comes while the socket stays, and speech resumes when cleared."""
    await peer.subscribe(BOOK)
    exchange.inject(Silence())
    exchange.step(10)
    await peer.ask("public/test")
    await peer.socket.ping()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await peer.socket.receive()  # the snapshot, sent before
            await peer.socket.receive()
    exchange.clear_faults()

    assert exchange.ledger.requests_of("public/test")
    assert exchange.ledger.frames_sent(BOOK) == 1
    assert await peer.result("public/get_time")


async def test_a_silence_ends_by_itself_and_may_hold_what_it_kept(
    exchange: SimulatedExchange, peer: Peer
) -> None:
    """A held silence gives everything late and loses nothing."""
    await peer.subscribe(BOOK)
    exchange.inject(Silence(0.02, hold=True))
    exchange.step(10)
    answer = await peer.call("public/test")

    assert "result" in answer
    assert len(await peer.said(BOOK)) == 6


async def test_silence_is_not_ended_by_a_rule(build: Build, dial: Dial) -> None:
    """A silent connection is not closed for an unanswered test_request: it is half-open."""
    exchange = await build(heartbeat_scale=0.001)
    peer, idle = await dial(exchange), await dial(exchange)
    await peer.result("public/set_heartbeat", interval=10)
    exchange.inject(Silence(), connection=1)
    await idle.ending()  # sixty heartbeat seconds later

    assert list(exchange.connections) == [1]


async def test_deafness(exchange: SimulatedExchange, peer: Peer) -> None:
    """A deaf exchange sends data and ignores requests, pings and even the close frame."""
    await peer.subscribe(BOOK)
    exchange.inject(Deaf())
    await peer.ask("public/test")
    exchange.step(2)
    assert (await peer.socket.receive_json())["params"]["data"]["type"] == "snapshot"
    assert (await peer.socket.receive_json())["params"]["data"]["type"] == "change"
    await peer.socket.send_str("{")
    closing = asyncio.create_task(peer.socket.close(), name="closing")
    for _ in range(20):
        await asyncio.sleep(0)

    assert not closing.done()
    assert not exchange.ledger.requests_of("public/test")
    exchange.inject(Drop.rst())
    await closing


async def test_deafness_leads_to_the_heartbeat_close(build: Build, dial: Dial) -> None:
    """Who does not hear the answer to its test_request closes with 4000."""
    exchange = await build(heartbeat_scale=0.005)
    peer = await dial(exchange)
    await peer.result("public/set_heartbeat", interval=10)
    exchange.inject(Deaf())

    assert (await peer.ending()).data == 4000


@pytest.mark.parametrize("before_reply", [True, False])
async def test_drop_on_request(exchange: SimulatedExchange, peer: Peer, before_reply: bool) -> None:
    """A method can end the connection, unexecuted or right after its reply, as often as told."""
    exchange.inject(DropOnRequest("public/subscribe", Drop.close(1011), before_reply=before_reply))
    await peer.ask("public/subscribe", channels=[BOOK])
    first = await peer.socket.receive()

    if before_reply:
        assert first.data == 1011
    else:
        assert first.json()["result"] == [BOOK]
        assert (await peer.socket.receive()).data == 1011  # and no snapshot in between


async def test_request_faults_count_over_all_connections(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """Told to the exchange as a whole, a fault is used up wherever it first applies."""
    exchange.inject(FailRequest("public/test", 10028, times=2))
    other = await dial(exchange)

    assert (await peer.error("public/test"))["message"] == "too_many_requests"
    assert (await other.error("public/test"))["code"] == 10028
    assert await peer.result("public/test")


async def test_request_faults_of_one_connection(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """Told to one connection, a fault spares the others; data goes with the error."""
    other = await dial(exchange)
    exchange.inject(FailRequest("*", 11051, data={"why": "test"}), connection=2)

    assert await peer.result("public/test")
    assert (await other.error("public/get_time"))["data"] == {"why": "test"}


async def test_nothing_is_heard_after_the_end(exchange: SimulatedExchange) -> None:
    """Once the exchange has closed, requests are neither executed nor written down, nor is a second end."""
    _, writer = await raw_upgrade(exchange)
    session = exchange.connections[1]
    exchange.inject(Drop.close(1000, finish=False))
    exchange.inject(Drop.rst())
    request = b'{"method":"public/subscribe","params":{"channels":["platform_state"]}}'
    writer.write(b"\x81" + bytes([0x80 | len(request)]) + b"\0\0\0\0" + request)
    writer.close()
    await writer.wait_closed()
    await exchange.ledger.until(lambda: not exchange.connections)

    assert not session.channels
    assert not exchange.ledger.requests
    assert len(exchange.ledger.drops) == 1


@pytest.mark.parametrize("executed", [False, True])
async def test_ignored_requests(exchange: SimulatedExchange, peer: Peer, executed: bool) -> None:
    """An ignored request is never answered, whether it acted or not."""
    exchange.inject(IgnoreRequest("public/subscribe", executed=executed))
    ignored = await peer.ask("public/subscribe", channels=[BOOK])
    await peer.result("public/test")

    assert [r.id for r in exchange.ledger.requests_of("public/subscribe")] == [ignored]
    assert bool(exchange.connections[1].channels) == executed


async def test_delayed_replies(exchange: SimulatedExchange, peer: Peer) -> None:
    """A delayed reply comes after later ones, and the subscription's data before it."""
    exchange.inject(DelayReply("public/subscribe", 0.02))
    late = await peer.ask("public/subscribe", channels=[BOOK])
    await peer.result("public/test")

    assert [message["params"]["channel"] for message in peer.heard] == [BOOK]
    assert (await peer.answer(late))["result"] == [BOOK]


@pytest.mark.parametrize("connection", [None, 1])
async def test_a_skipped_change_is_a_gap(
    exchange: SimulatedExchange, peer: Peer, connection: int | None
) -> None:
    """One change left out breaks the chain once, and the ledger knows that it was not sent."""
    await peer.subscribe(BOOK)
    exchange.inject(SkipChange(BOOK), connection)
    exchange.step(6)
    snapshot, *changes = await peer.said()

    assert len(changes) == 2
    assert changes[0]["prev_change_id"] != snapshot["change_id"]
    assert changes[1]["prev_change_id"] == changes[0]["change_id"]
    sent = [snapshot["change_id"], *(change["change_id"] for change in changes)]
    assert exchange.ledger.change_ids_sent(BOOK) == sent


async def test_a_fault_of_one_connection_spares_the_other(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """A stream fault of one connection leaves the other's stream whole."""
    other = await dial(exchange)
    for client in (peer, other):
        await client.subscribe(BOOK)
    exchange.inject(SkipChange(BOOK, times=2), connection=1)
    exchange.step(6)

    assert (len(await peer.said()), len(await other.said())) == (2, 4)


async def test_duplicates_and_wrong_order(exchange: SimulatedExchange, peer: Peer) -> None:
    """A notification can come twice, and after the one that follows it."""
    await peer.subscribe(BOOK)
    exchange.inject(Duplicate(BOOK))
    exchange.step(2)
    exchange.inject(Reorder(BOOK))
    exchange.step(4)
    _, one, two, later, sooner = await peer.said()

    assert one == two
    assert sooner["change_id"] == later["prev_change_id"]


async def test_a_snapshot_that_never_comes(exchange: SimulatedExchange, peer: Peer) -> None:
    """A subscription can be acknowledged without its first message."""
    exchange.inject(SkipSnapshot(BOOK))
    await peer.subscribe(BOOK)
    exchange.step(2)

    assert [data["type"] for data in await peer.said()] == ["change"]


@pytest.mark.parametrize("channel", [BOOK, "ticker.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.100ms"])
@pytest.mark.parametrize("kind", ["truncated", "wrong_shape", "no_data"])
async def test_garbled_notifications(
    exchange: SimulatedExchange, peer: Peer, channel: str, kind: Any
) -> None:
    """The next notification of a channel is spoiled as told, and the one after is whole again."""
    await peer.subscribe(channel)
    await peer.said()
    exchange.inject(Garble(channel, kind=kind))
    while exchange.ledger.frames_sent(channel) < 3:
        exchange.step()
    spoiled, whole = await peer.socket.receive(), await peer.socket.receive_json()

    if kind == "truncated":
        with pytest.raises(json.JSONDecodeError):
            spoiled.json()
    elif kind == "no_data":
        assert spoiled.json()["params"] == {"channel": channel}
    else:
        data = spoiled.json()["params"]["data"]
        assert data == [["delete", None]] or all(not isinstance(value, float) for value in data.values())
    assert whole["params"]["data"]


async def test_maintenance(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """Maintenance is announced, closes with 1001, and refuses newcomers until it is over."""
    await peer.subscribe("platform_state")
    exchange.inject(Maintenance(60))
    announced = await peer.socket.receive_json()
    closed = await peer.socket.receive()

    assert announced["params"] == {"channel": "platform_state", "data": {"maintenance": True}}
    assert closed.data == 1001
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await dial(exchange)
    assert refused.value.status == 503
    exchange.clear_faults()
    assert await (await dial(exchange)).result("public/test")


async def test_a_client_that_does_not_read_is_cut(build: Build, dial: Dial) -> None:
    """Who leaves too much unread is closed as too slow, and nobody else is delayed."""
    exchange = await build(output_limit=100_000, credits=None)
    reader, writer = await raw_upgrade(exchange)
    good = await dial(exchange)
    request = b'{"method":"public/get_instruments","params":{"currency":"any"}}'
    masked = b"\x81" + bytes([0x80 | len(request)]) + b"\0\0\0\0" + request
    while not exchange.ledger.drops:
        writer.write(masked)
        assert await good.result("public/test")
    (drop,) = exchange.ledger.drops

    assert (drop.connection, drop.fault) == (1, Drop.close(1008, "connection_too_slow"))
    assert not reader.at_eof()
    writer.transport.abort()


@pytest.mark.parametrize("fault", [Duplicate(BOOK), Silence(), Deaf(), FailRequest("public/test", 10028)])
async def test_faults_can_be_cleared(exchange: SimulatedExchange, peer: Peer, fault: Fault) -> None:
    """Cleared faults never happened."""
    for connection in (None, 1):
        exchange.inject(fault, connection)
    exchange.clear_faults()
    await peer.subscribe(BOOK)
    exchange.step(2)

    assert await peer.result("public/test")
    assert len(await peer.said()) == 2
