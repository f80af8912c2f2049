"""Frames that no exchange should send, to a live client with a book, trades and a callback open."""

import asyncio

import pytest

from deribit_ws import RpcError, WireError
from deribit_ws.errors import RateLimited
from deribit_ws.testing import Say
from tests.bytes.conftest import BOOK, QUOTE, Desk
from tests.client.conftest import until
from tests.peers import frames

HEAD = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
GARBAGE = [
    "{not json",
    "",
    " ",
    "[]",
    "null",
    "42",
    '"text"',
    "NaN",
    "Infinity",
    "[NaN]",
    "{}",
    "[" * 100_000,
    "9" * 5000,
]
STRANGERS = [
    '{"jsonrpc":"2.0","method":"brand_new","params":{"x":1}}',
    '{"id":7777777,"result":{"a":[]}}',
    '{"id":"word","result":null}',
    '{"jsonrpc":"2.0","id":8888888}',
    '{"usIn":1,"usOut":2,"testnet":true}',
    '{"jsonrpc":"2.0","method":"brand_new","params":[1,2]}',
    '{"jsonrpc":"2.0","method":7,"params":{}}',
]


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: text[:12] or "empty")
async def test_garbage_costs_nobody_anything(desk: Desk, text: str) -> None:
    """What can't be a notification is told once; the link, the book and the rest go on, nothing is asked."""
    await desk.say(Say(text=text))
    was_valid = desk.book.valid
    await desk.go_on()

    assert was_valid and desk.book.gaps == 0
    assert [type(error) for error in desk.ears.errors] == [WireError]
    assert (desk.asked, desk.links) == ([], 1)


@pytest.mark.parametrize("text", STRANGERS)
async def test_strangers_cost_nobody_anything(desk: Desk, text: str) -> None:
    """A message of a kind nobody knows, or an answer nobody waits for, changes nothing."""
    await desk.say(Say(text=text))
    await desk.go_on()

    assert desk.book.valid and desk.book.gaps == 0
    assert (desk.asked, desk.links) == ([], 1)


@pytest.mark.parametrize(
    ("code", "kind"), [(11050, RpcError), (10028, RateLimited), (13004, RpcError), (99999, RpcError)]
)
async def test_errors_of_nobody(desk: Desk, code: int, kind: type[RpcError]) -> None:
    """An error that answers no call is told, ends no other, and the link goes on."""
    call = asyncio.create_task(desk.client.public.get_time())
    desk.exchange.inject(Say(text=f'{{"jsonrpc":"2.0","error":{{"code":{code},"message":"said","data":1}}}}'))
    await until(lambda: desk.ears.errors)
    await call
    await desk.go_on()

    (error,) = desk.ears.errors
    assert isinstance(error, kind) and error.code == code
    assert desk.book.gaps == 0 and desk.links == 1


SPOILED = [
    '{"timestamp":1,"type":"change","change_id":2,"instrument_name":"BTC-PERPETUAL","bids":[["new",1]],"asks":[]}',
    '{"timestamp":1,"type":"change","change_id":2,"instrument_name":"BTC-PERPETUAL","bids":[]}',
    '{"timestamp":1,"type":"change","change_id":"x","instrument_name":"BTC-PERPETUAL","bids":[],"asks":[]}',
    '{"timestamp":1,"type":"change","change_id":9e99,"instrument_name":"BTC-PERPETUAL","bids":[],"asks":[]}',
    "[]",
    "null",
]


@pytest.mark.parametrize("data", SPOILED)
async def test_spoiled_book(desk: Desk, data: str) -> None:
    """Data that is not what its channel promises costs that channel alone: its book comes back by itself."""
    before = len(desk.quotes)
    await desk.say(Say(text=HEAD + f'{BOOK}","data":{data}}}}}'))
    was_valid = desk.book.valid
    await desk.book.wait_valid()
    await desk.go_on()

    assert not was_valid and len(desk.quotes) > before
    assert [error.channel for error in desk.ears.errors if isinstance(error, WireError)] == [BOOK]
    assert desk.asked == ["public/unsubscribe", "public/subscribe"]
    assert desk.links == 1


@pytest.mark.parametrize(
    "text", [HEAD + f'{QUOTE}"}}}}', HEAD + f'{QUOTE}","data":{{"tim', HEAD + f'{QUOTE}","data":5}}}}']
)
async def test_spoiled_quote(desk: Desk, text: str) -> None:
    """A spoiled message of a channel of states leaves books and trades as they are."""
    await desk.say(Say(text=text))
    was_valid = desk.book.valid
    await desk.go_on()

    assert was_valid and desk.book.gaps == 0 and desk.asked == []
    assert [error.channel for error in desk.ears.errors if isinstance(error, WireError)] == [QUOTE]


async def test_cut_before_its_channel(desk: Desk) -> None:
    """A notification that breaks off before its channel may be anybody's: book and trades make sure."""
    await desk.say(Say(text=HEAD + "bo"))
    was_valid = desk.book.valid
    await desk.book.wait_valid()
    await until(lambda: len(desk.asked) == 3)

    assert not was_valid
    assert sorted(desk.asked) == [
        "public/get_last_trades_by_instrument",
        "public/subscribe",
        "public/unsubscribe",
    ]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (frames.encode(frames.TEXT, b'{"x":"\xff"}'), 1007),
        (frames.encode(frames.TEXT, b"\xed\xa0\x80"), 1007),  # half of a surrogate pair
        (frames.encode(frames.BINARY, b"{}"), 1003),
        (frames.encode(0x3, b"{}"), 1002),
        (frames.encode(0xB, b""), 1002),
        (frames.encode(frames.TEXT, b"{}", bits=0x40), 1002),
        (frames.encode(frames.TEXT, b"{}", bits=0x10), 1002),
        (frames.encode(frames.PING, b"x" * 126), 1002),
        (b"\x88\x01\x03", 1002),
    ],
    ids=["utf8", "surrogate", "binary", "opcode", "control", "rsv1", "rsv3", "ping", "close"],
)
async def test_broken_frames(desk: Desk, raw: bytes, code: int) -> None:
    """A frame against the protocol ends the link with its code; the next link has all back, soon."""
    desk.exchange.inject(Say(raw=raw))
    await until(
        lambda: "Connected" in desk.ears.names[1:] or desk.ears.names[-2:] == ["Disconnected", "Connected"]
    )
    await desk.book.wait_valid()
    await desk.go_on()

    (lost,) = [mark for mark in desk.ears.marks if type(mark).__name__ == "Disconnected"]
    assert lost.code == code
    assert desk.links == 2 and desk.ears.errors == []
