"""Messages that are too long, in pieces, or packed: rows 24 and 25 of the scoreboard, over real sockets."""

import tracemalloc
import zlib

import pytest

from deribit_ws import ConnectFailed, Disconnected, websocket_generator
from deribit_ws.errors import ConnectionLost, Retry
from deribit_ws.testing import Drop, Say, SimulatedExchange
from tests.bytes.conftest import NAME, QUOTE
from tests.client.conftest import Ears, Make, until
from tests.peers import frames

LIMIT = 256 * 1024
TOO_LONG = Say(text="x" * (LIMIT + 1))
RSV1 = 0x40


def packed(text: bytes) -> bytes:
    """A compressed message's payload (RFC 7692 §7.2.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def losses(ears: Ears) -> list[Disconnected]:
    return [mark for mark in ears.marks if isinstance(mark, Disconnected)]


async def lose(exchange: SimulatedExchange, ears: Ears, say: Say | Drop) -> None:
    """Have the newest link end by something said on it."""
    lost = len(losses(ears))
    await until(lambda: exchange.connections and ears.names[-1] == "Connected")
    exchange.inject(say)
    await until(lambda: len(losses(ears)) > lost)


# --- too long


async def test_too_long(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A message over the limit ends the link with 1009, and the next one has all back."""
    async with make(max_message=LIMIT) as client, client.order_book(NAME) as book:
        await book.wait_valid()
        await lose(exchange, ears, TOO_LONG)
        await book.wait_valid()

    assert [mark.code for mark in losses(ears)] == [1009]
    assert len(exchange.ledger.handshakes) == 2


async def test_too_long_again_and_again(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Where message after message is over the limit, the third in a row is the end: no loop of dials."""
    async with make(max_message=LIMIT) as client:
        for _ in range(3):
            await lose(exchange, ears, TOO_LONG)
        with pytest.raises(ConnectFailed, match="max_message") as caught:
            await client.wait_closed()

    assert caught.value.retry is Retry.NEVER
    assert ears.errors == [caught.value]
    assert len(exchange.ledger.handshakes) == 3


@pytest.mark.parametrize("between", [Drop.rst(), Drop.close(1009, "too big, says the peer")])
async def test_too_long_now_and_then(
    exchange: SimulatedExchange, make: Make, ears: Ears, between: Drop
) -> None:
    """A link that ended otherwise begins a new row; so does a 1009 of the peer's, about what we sent."""
    async with make(max_message=LIMIT) as client:
        for say in (TOO_LONG, TOO_LONG, between, TOO_LONG, TOO_LONG):
            await lose(exchange, ears, say)
        await client.wait_connected()

    assert len(exchange.ledger.handshakes) == 6 and ears.errors == []


async def test_too_long_for_the_generator(exchange: SimulatedExchange) -> None:
    """The generator, too, gives up at the third, and each item tells of its own."""
    codes: list[int] = []
    with pytest.raises(ConnectFailed, match="max_message"):
        async with websocket_generator(exchange.url, 0.01, max_message=LIMIT) as websockets:
            async for websocket in websockets:
                exchange.inject(TOO_LONG)
                try:
                    await websocket.recv()
                except ConnectionLost as lost:
                    codes.append(lost.code)

    assert codes == [1009, 1009, 1009]


# --- in pieces


async def test_in_pieces(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A message in pieces of a byte, with PINGs between them, is one message."""
    head = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"' + QUOTE.encode() + b'","data":'
    text = head + b'{"timestamp":1,"instrument_name":"A","best_ask_price":1,"best_bid_price":null,'
    text += b'"best_ask_amount":2,"best_bid_amount":null}}}'
    pieces = [
        frames.encode(frames.CONTINUATION if at else frames.TEXT, text[at : at + 1], fin=at == len(text) - 1)
        for at in range(len(text))
    ]
    got: list[object] = []
    client = make()
    client.register(QUOTE, got.append)
    async with client:
        await until(lambda: got)
        got.clear()
        exchange.inject(Say(raw=frames.encode(frames.PING, b"between").join(pieces)))
        await until(lambda: got)

    assert getattr(got[0], "instrument_name", None) == "A"
    assert losses(ears) == [] and ears.errors == []


# --- packed


async def test_not_asked_for(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A packed message that nobody asked for is against the protocol: 1002."""
    async with make() as client:
        await lose(exchange, ears, Say(raw=frames.encode(frames.TEXT, packed(b"{}"), bits=RSV1)))
        await client.wait_connected()

    assert [mark.code for mark in losses(ears)] == [1002]


async def test_packed(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A packed message is understood where it was asked for; what is sent goes out as it is."""
    text = b'{"jsonrpc":"2.0","error":{"code":11050,"message":"bad_request"}}'
    async with make(compress=True) as client:
        exchange.inject(Say(raw=frames.encode(frames.TEXT, packed(text), bits=RSV1)))
        await client.public.get_time()
        await client.subscribe(QUOTE)

    assert [getattr(error, "code", None) for error in ears.errors] == [11050]


async def test_broken_packing(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A message that can't be unpacked ends the link, and the next one begins with a clean slate."""
    async with make(compress=True) as client:
        await lose(exchange, ears, Say(raw=frames.encode(frames.TEXT, b"\xff" * 40, bits=RSV1)))
        await client.wait_connected()
        await client.public.get_time()

    assert [mark.code for mark in losses(ears)] in ([1002], [1006], [1007])
    assert len(exchange.ledger.handshakes) == 2


@pytest.mark.parametrize("size", [5, 64])  # MiB unpacked: just over the limit, and a bomb
async def test_bomb(exchange: SimulatedExchange, make: Make, ears: Ears, size: int) -> None:
    """A bomb is given up at the limit: 1009, and for a moment twice the limit of memory at most."""
    limit = 4 << 20
    bomb = frames.encode(frames.TEXT, packed(bytes(size << 20)), bits=RSV1)
    async with make(compress=True, max_message=limit) as client:
        tracemalloc.start()
        try:
            await lose(exchange, ears, Say(raw=bomb))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await client.wait_connected()

    assert [mark.code for mark in losses(ears)] == [1009]
    assert peak <= 2 * limit + (1 << 20)
