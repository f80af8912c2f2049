"""Rows 24 and 25: messages that are very large, in very many pieces, or grow when they are unpacked.

Knows: how such frames are made, and the client's bound on a message. Must not know how it keeps to it.
"""

import asyncio
import tracemalloc
import zlib
from functools import cache

import msgspec

from deribit_ws import Client, ConnectFailed, RpcError
from deribit_ws.testing import Say, SimulatedExchange, frames
from deribit_ws.testing.memory import loop_clock
from tests.faults.oddities import QUIET
from tests.faults.row import BOTH, MEMORY, alone, row
from tests.faults.stage import HARD_SECONDS, LOOK_SECONDS, Layer, Stage
from tests.faults.staying import ours, stays

MIB = 1 << 20
MOST = 16 * MIB  # bytes of a message: the client's default
MOST_PACKED = 7 * MIB  # the same where messages are compressed
TOO_BIG = 1009
OUTPUT = {"output_limit": 64 * MIB}  # for the exchange to get rid of these
OPENING, MIDDLE, LAST, PING = (
    0x01,
    0x00,
    0x80,
    0x89,
)  # first bytes of frames: of a text's, and of a control frame
PIECE = 64 * 1024
CHANNEL = "announcements"
SMALL = 64 * 1024  # bytes of a message, where a client is told so
TIMES = 3  # messages beyond the limit in a row that are one too many
BOMB = 64 * MIB  # what it unpacks to
SPARE = 8 * MIB  # bytes beyond the limit that may be taken for a moment
PACKED = 0xC1  # first byte of a compressed text
BROKEN_CODES = (1002, 1006, 1007)
LEVELS = 100_000  # of a snapshot
LEVELS_SECONDS = 5.0  # for it to be decoded and sorted, with a margin for two slow cores


def _text(size: int) -> bytes:
    """Make a notification of so many bytes."""
    head = f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{CHANNEL}","data":{{"body":"'
    tail = '"}}}'
    return (head + "a" * (size - len(head) - len(tail)) + tail).encode()


def _in_pieces(payload: bytes, piece: int, *, pings: int = 0) -> bytes:
    """Frame a message in fragments, with a ping after every so many of them."""
    parts = [payload[at : at + piece] for at in range(0, len(payload), piece)]
    out = []
    for number, part in enumerate(parts):
        opcode = OPENING if number == 0 else LAST if number == len(parts) - 1 else MIDDLE
        out.append(frames.frame(part, opcode))
        if pings and number % pings == 0 and number < len(parts) - 1:
            out.append(frames.frame(b"still there?", PING))
    return b"".join(out)


@row(24, "message beyond the limit, 1-byte fragments, 100,000 levels", BOTH, exchange=OUTPUT)
async def too_large(stage: Stage) -> None:
    """A message beyond the limit ends the link with 1009, whole or in pieces, finished or not."""
    raw = stage.choose(
        frames.frame(_text(MOST + 1)),
        frames.header(1 << 40, frames.TEXT) + b"{",  # announced, and never sent
        frames.header(1 << 62, frames.TEXT) + b"{",
        _in_pieces(_text(MOST + PIECE), PIECE),
        _in_pieces(_text(MOST + PIECE), PIECE)[:-PIECE],
    )
    stage.exchange.inject(Say(raw=raw))
    await stage.recovers(HARD_SECONDS)

    lost = [turn.code for turn in stage.subject.observed.turns if not turn.up]
    assert lost == [TOO_BIG], lost


@row(24, "message beyond the limit, 1-byte fragments, 100,000 levels", BOTH, exchange=OUTPUT)
async def large(stage: Stage) -> None:
    """A message of the most bytes is delivered; so are one-byte fragments with pings in between."""
    raw, size = stage.choose(
        (frames.frame(_text(MOST)), MOST),
        (_in_pieces(_text(MOST), PIECE, pings=1), MOST),
        (_in_pieces(_text(PIECE), 1, pings=100), PIECE),
        (_in_pieces(_text(1000), 1, pings=1), 1000),
    )
    heard: list[int] = []

    def hear(data: bytes) -> None:
        heard.append(len(data))

    registration = ours(stage).client.register(CHANNEL, hear)
    await stage.until(lambda: CHANNEL in stage.exchange.connections[stage.newest].channels)
    stage.exchange.inject(Say(raw=raw))
    errors = await stays(stage, 0.0, seen=lambda: heard)
    registration.cancel()
    await stage.until(lambda: CHANNEL not in stage.exchange.connections[stage.newest].channels)

    assert not errors, errors
    assert size - 200 < heard[0] < size, heard


@row(24, "message beyond the limit, 1-byte fragments, 100,000 levels", BOTH, exchange=OUTPUT, most_seeds=5)
async def deep_snapshot(stage: Stage) -> None:
    """A snapshot of 100,000 levels becomes a book, in the time that decoding takes; other books go on."""
    bids = [("new", 50_000 - 0.25 * n, 1.0 + n) for n in range(LEVELS // 2)]
    asks = [("new", 50_000.5 + 0.25 * n, 1.0 + n) for n in range(LEVELS // 2)]
    data = {
        "timestamp": 1_795_348_800_001,
        "type": "snapshot",
        "change_id": 1,
        "instrument_name": QUIET,
        "bids": bids,
        "asks": asks,
    }
    params = {"channel": f"book.{QUIET}.100ms", "data": data}
    text = msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})
    clock = asyncio.get_running_loop().time
    async with ours(stage).client.order_book(QUIET) as book:
        await book.wait_valid()
        began = clock()
        stage.exchange.inject(Say(text=text))
        await stays(stage, 0.0, seen=lambda: book.bids)

        assert (len(book.bids), len(book.asks)) == (LEVELS // 2, LEVELS // 2)
        assert (book.bids[0], book.bids[-1]) == (bids[0][1:], bids[-1][1:])
        assert clock() - began < LEVELS_SECONDS


async def too_large_for_good(seed: int) -> float:
    """A third message in a row beyond the limit is the end, typed; gives the dials beyond three."""
    exchange = SimulatedExchange(seed=seed, listen=False, wall_clock=loop_clock())
    async with exchange, exchange.memory(seed=seed) as network:
        client = Client(exchange.url, session=network.session, max_message=SMALL)
        async with client:
            for number in range(TIMES):
                await client.wait_connected()
                exchange.inject(Say(text=_text(SMALL + 1)))
                while sum(client.stats.drops.values()) == number:  # noqa: ASYNC110  virtual time
                    await asyncio.sleep(LOOK_SECONDS)
            try:
                await client.wait_closed()
            except ConnectFailed as error:
                assert "max_message" in str(error), error
            else:
                raise AssertionError("it ended without a word")
        return len(network.dials) - TIMES


alone(
    24,
    "message beyond the limit, 1-byte fragments, 100,000 levels",
    Layer.MEMORY,
    too_large_for_good,
    bound=0.0,
)


# --- 25


@cache
def _packed(text: bytes) -> bytes:
    """Compress a message as RFC 7692 has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


@row(25, "deflate bomb, deflate that is broken", MEMORY, compress=True, max_message=MIB)
async def bomb(stage: Stage) -> None:
    """A bomb is given up at the limit, with 1009."""
    await _explode(stage, MIB)


@row(25, "deflate bomb, deflate that is broken", BOTH, compress=True)
async def bomb_at_default(stage: Stage) -> None:
    """The same with the limit that a client has by default, where messages are compressed."""
    await _explode(stage, MOST_PACKED)


async def _explode(stage: Stage, limit: int) -> None:
    raw = frames.frame(_packed(bytes(BOMB)), PACKED)
    tracemalloc.start()
    try:
        stage.exchange.inject(Say(raw=raw))
        await stage.recovers(HARD_SECONDS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    lost = [turn.code for turn in stage.subject.observed.turns if not turn.up]
    assert lost == [TOO_BIG], lost
    assert peak <= limit + SPARE, f"{peak / MIB:.0f} MiB were taken for a limit of {limit / MIB:.0f}"


@row(25, "deflate bomb, deflate that is broken", BOTH, compress=True)
async def broken_packing(stage: Stage) -> None:
    """Deflate that can't be unpacked ends the link; the next begins anew, and one that can be is read."""
    text = b'{"jsonrpc":"2.0","error":{"code":11050,"message":"bad_request"}}'
    broken = stage.choose(b"\xff" * 40, b"\x06" * 9, b"\x00\x01")  # no code, no such block, a wrong length
    stage.exchange.inject(Say(raw=frames.frame(broken, PACKED)))
    await stage.recovers(HARD_SECONDS)
    stage.exchange.inject(Say(raw=frames.frame(_packed(text), PACKED)))
    await stage.until(lambda: stage.subject.observed.errors, 1.0)

    lost = [turn.code for turn in stage.subject.observed.turns if not turn.up]
    assert len(lost) == 1 and lost[0] in BROKEN_CODES, lost
    assert [type(error) for error in stage.subject.observed.errors] == [RpcError]
