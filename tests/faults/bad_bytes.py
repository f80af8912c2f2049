"""Rows 19 to 22: messages that nobody can read, or that nobody knows.

Knows: their bytes, and what each may cost. The odd but legal ones are in `oddities`, the large and the
deflated in `sizes`. Judges only what is special; the invariants are judged by the runner.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from deribit_ws import RpcError, WireError
from deribit_ws.testing import Garble, Say
from tests.faults.row import BOTH, row
from tests.faults.stage import HARD_SECONDS, Stage
from tests.faults.staying import RESYNC_SECONDS, ours, rewriting, stays
from tests.faults.subject import BTC, ETH, OWN, PRINTED, TICKER

BOOK = f"book.{BTC}.100ms"
TRADES = f"trades.{BTC}.100ms"
NOT_UTF8, PROTOCOL_ERROR, BINARY_FRAME = 1007, 1002, 1003  # close codes of RFC 6455

# None of them can have been data of some channel, but for the last two, which name it.
GARBAGE = (
    "{not json",
    "",
    " ",
    "[]",
    "null",
    "true",
    "17",
    '"words"',
    "NaN",
    "-Infinity",
    "[[[[[[[[",
    "{}",
    '{"jsonrpc":"2.0","id":null}',
    f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{TICKER}","data":NaN}}}}',
    f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{TICKER}","data":{{"timestamp":1,'
    f'"instrument_name":"{BTC}","mark_price":Infinity}}}}}}',
)

# Frames as bytes, header and all, and the code that the protocol has for each.
BROKEN_FRAMES = (
    (b'\x81\x05"\xff\xfe\xfd"', NOT_UTF8),
    (b'\x81\x04"\xc3("', NOT_UTF8),
    (b"\x82\x03abc", BINARY_FRAME),
    (b"\x83\x02ab", PROTOCOL_ERROR),  # an opcode that is reserved
    (b"\x8b\x00", PROTOCOL_ERROR),  # one of a control frame
    (b"\xc1\x02{}", PROTOCOL_ERROR),  # RSV1, and no compression was agreed on
    (b"\xa1\x02{}", PROTOCOL_ERROR),  # RSV2
    (b"\x91\x02{}", PROTOCOL_ERROR),  # RSV3
    (b"\x89\x7e\x00\x7e" + b"p" * 126, PROTOCOL_ERROR),  # a ping of more than 125 bytes
    (b"\x09\x01p", PROTOCOL_ERROR),  # a ping in fragments
    (b"\x80\x02{}", PROTOCOL_ERROR),  # the end of a message that never began
    (b"\x01\x01{\x81\x01}", PROTOCOL_ERROR),  # a message begun within another
    (b"\x88\x01\x03", PROTOCOL_ERROR),  # a close frame with half a code
)


@row(19, "garbage text, empty frame, [], null, bare number, NaN", BOTH)
async def garbage(stage: Stage) -> None:
    """What is no message is told, each time, and costs neither the link nor anything on it."""
    texts = stage.choose(GARBAGE, *((text,) for text in GARBAGE))
    for text in texts:
        stage.exchange.inject(Say(text=text))
    heard = stage.subject.observed.counts["stream"]
    errors = await stays(stage, 0.0)

    assert stage.subject.observed.counts["stream"] > heard, "the stream stands still"
    assert len(errors) == len(texts), f"{len(errors)} of {len(texts)} were told: {errors}"
    assert all(isinstance(error, WireError) for error in errors), errors


@row(20, "invalid UTF-8, binary frame, reserved opcode or bit", BOTH)
async def broken_frames(stage: Stage) -> None:
    """A frame that breaks the websocket protocol ends the link with its code, and a new one is made."""
    raw, code = stage.choose(*BROKEN_FRAMES)
    stage.exchange.inject(Say(raw=raw))
    await stage.recovers(HARD_SECONDS)

    lost = [turn.code for turn in stage.subject.observed.turns if not turn.up]
    assert lost == [code], f"{raw[:8]!r}: {lost}, not {code}"


# --- 21: JSON of a wrong shape

Alter = Callable[[dict[str, Any]], None]  # the `params` of a notification


def _data(**changed: Any) -> Alter:
    return lambda params: params["data"].update(changed)


def _without(*names: str) -> Alter:
    def alter(params: dict[str, Any]) -> None:
        for name in names:
            del params["data"][name]

    return alter


def _worded(name: str) -> Alter:
    """Make a number words; one in quotes alone is read for the number it is."""
    return lambda params: params["data"].update({name: f"{params['data'][name]} or so"})


def _replaced(data: Any) -> Alter:
    return lambda params: params.update(data=data)


def _no_data(params: dict[str, Any]) -> None:
    del params["data"]


def _first(name: str, value: Any) -> Alter:
    return lambda params: params["data"][0].update({name: value})


BOOK_SHAPES: tuple[Alter, ...] = (
    _data(bids=[["delete", 1.0]]),  # what stopped others for good
    _data(asks=[["new", "1", "2"]]),
    _data(asks=[[]]),
    _data(bids=[None]),
    _data(bids={"new": 1}),
    _data(bids=None),
    _worded("change_id"),
    _worded("timestamp"),
    _data(timestamp=None),
    _data(prev_change_id=[1]),
    _data(instrument_name=ETH),
    _data(bids=[["new", 1.0, -5.0]]),  # the shape of a message, and no book's content
    _without("asks"),
    _without("change_id"),
    _without("instrument_name"),
    _replaced(None),
    _replaced([]),
    _replaced("text"),
    _no_data,
)
TRADES_SHAPES: tuple[Alter, ...] = (
    _replaced({}),
    _replaced([[]]),
    _replaced(None),
    _no_data,
    _first("trade_seq", "17 or so"),
    _first("trade_seq", 1.5),
    _first("price", "high"),
    _first("instrument_name", 5),
)
TICKER_SHAPES: tuple[Alter, ...] = (
    _worded("mark_price"),
    _without("mark_price"),
    _replaced("text"),
    _no_data,
)


def _altered(alter: Alter) -> Callable[[bytes], bytes]:
    def rewrite(payload: bytes) -> bytes:
        message = msgspec.json.decode(payload)
        alter(message["params"])
        return msgspec.json.encode(message)

    return rewrite


def _halved(payload: bytes) -> bytes:
    return payload[: len(payload) // 2]


@row(21, "truncated JSON, JSON of a wrong shape", BOTH)
async def misshapen_books(stage: Stage) -> None:
    """A book message of a wrong shape puts that book in doubt, and no other; it is soon right again."""
    books = {book.instrument: book for book in ours(stage).books}
    rewrite = stage.choose(_halved, *map(_altered, BOOK_SHAPES))
    with rewriting(stage, BOOK, rewrite) as originals:
        errors = await stays(stage, RESYNC_SECONDS, seen=lambda: originals)

    assert (books[BTC].gaps, books[ETH].gaps) == (1, 0), f"gaps: {books[BTC].gaps}, {books[ETH].gaps}"
    assert all(isinstance(one, WireError) and one.channel == BOOK and one.raw for one in errors), errors


@row(21, "truncated JSON, JSON of a wrong shape", BOTH)
async def misshapen_trades(stage: Stage) -> None:
    """Trades, tickers, quotes and own fills of a wrong shape are told with their channel; no book pays."""
    shapes = [
        *((TRADES, _altered(alter)) for alter in TRADES_SHAPES),
        *((TICKER, _altered(alter)) for alter in TICKER_SHAPES),
        (PRINTED, _altered(_replaced([]))),
        *((channel, _halved) for channel in (TRADES, TICKER, PRINTED, *OWN)),
        *((channel, _altered(_replaced(17))) for channel in OWN),
    ]
    channel, rewrite = shapes[stage.seed * 7 % len(shapes)]  # 7 shares no factor with their number, 20
    with rewriting(stage, channel, rewrite) as originals:
        errors = await stays(stage, RESYNC_SECONDS, seen=lambda: originals)

    assert not any(book.gaps for book in ours(stage).books), "a book was doubted"
    assert [type(error) for error in errors] == [WireError], errors
    assert isinstance(errors[0], WireError)
    assert errors[0].channel == channel, f"told as of {errors[0].channel}"


@row(21, "truncated JSON, JSON of a wrong shape", BOTH)
async def garbled_again(stage: Stage) -> None:
    """Three spoiled messages in a row, the snapshot that was asked for among them, cost three resyncs."""
    kind, observed = stage.choose("truncated", "wrong_shape", "no_data"), stage.subject.observed
    for channel in (BOOK, TRADES):
        stage.exchange.inject(Garble(channel, times=3, kind=kind))
    told = len(observed.errors)
    await stays(stage, 3 * RESYNC_SECONDS, seen=lambda: len(observed.errors) >= told + 6)


def _quoted(payload: bytes) -> bytes:
    """Put the numbers of the data in quotes, and name actions that nobody knows."""
    message = msgspec.json.decode(payload)
    message["params"]["data"] = _in_quotes(message["params"]["data"])
    return msgspec.json.encode(message).replace(b'"change",', b'"renewed",')


def _in_quotes(value: Any) -> Any:
    match value:
        case dict():
            return {key: _in_quotes(inner) for key, inner in value.items()}
        case list():
            return [_in_quotes(inner) for inner in value]
        case int() | float() if not isinstance(value, bool):
            return str(value)
        case _:
            return value


@row(21, "truncated JSON, JSON of a wrong shape", BOTH)
async def odd_but_plain(stage: Stage) -> None:
    """Numbers in quotes and unknown actions have one meaning only, and cost nothing."""
    for channel in (BOOK, TRADES, TICKER):
        with rewriting(stage, channel, _quoted) as originals:
            errors = await stays(stage, 0.0, seen=originals.copy, seconds=0.1)

        assert not errors, errors


# --- 22: what nobody knows

STRANGE = (
    '{"jsonrpc":"2.0","method":"moon","params":{"phase":1}}',
    '{"jsonrpc":"2.0","method":"moon"}',
    '{"jsonrpc":"2.0","method":"moon","params":[1,2]}',
    '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"moon"}}',
    '{"jsonrpc":"2.0","method":"heartbeat"}',
    '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"moon.phase.raw","data":{"phase":1}}}',
    '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.MOON-PERPETUAL.100ms","data":17}}',
    '{"jsonrpc":"3.0","method":"subscription","params":{"channel":"moon","data":null,"label":"x"},"y":[]}',
    '{"jsonrpc":"2.0","id":999999999,"result":"nobody asked","usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
    '{"jsonrpc":"2.0","id":"moon","result":[],"testnet":true}',
    '{"jsonrpc":"2.0","result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1}',
)
STRAYS = (
    '{"jsonrpc":"2.0","error":{"code":11050,"data":"invalid json","message":"bad_request"},"usIn":1,'
    '"usOut":2,"usDiff":1,"testnet":false}',
    '{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"},"testnet":false}',
    '{"jsonrpc":"2.0","error":{"code":-1,"message":""}}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":99999,"message":"moon_phase","data":[{"x":1}]}}',
    '{"jsonrpc":"2.0","id":999999999,"error":{"code":13009,"message":"unauthorized"}}',
    '{"jsonrpc":"2.0","id":"moon","error":{"code":11051,"message":"system_maintenance"}}',
)


def _enriched(payload: bytes) -> bytes:
    """Add members that nobody knows, everywhere."""
    return msgspec.json.encode(_with_more(msgspec.json.decode(payload)))


def _with_more(value: Any) -> Any:
    match value:
        case dict():
            return {key: _with_more(inner) for key, inner in value.items()} | {"zodiac": {"sign": ["leo"]}}
        case [dict(), *_]:
            return [_with_more(inner) for inner in value]
        case _:
            return value


@row(22, "unknown method, channel, fields, error code; an error that nobody asked for", BOTH)
async def unknown(stage: Stage) -> None:
    """What is unknown is passed over, and an error that answers nothing is told; neither costs anything."""
    texts = stage.choose((*STRANGE, *STRAYS), *((text,) for text in (*STRANGE, *STRAYS)))
    for text in texts:
        stage.exchange.inject(Say(text=text))
    errors = await stays(stage, 0.0)

    strays = [error for error in errors if isinstance(error, RpcError)]
    assert len(strays) == len(set(texts) & set(STRAYS)), f"told: {errors}"


@row(22, "unknown method, channel, fields, error code; an error that nobody asked for", BOTH)
async def unknown_fields(stage: Stage) -> None:
    """Unknown members in data of every kind are passed over; an unknown error code ends its call alone."""
    stage.exchange.refuse("public/ticker", 99_999, message="moon_phase")
    for channel in (BOOK, TRADES, TICKER, PRINTED, *OWN):
        with rewriting(stage, channel, _enriched) as originals:
            errors = await stays(stage, 0.0, seen=originals.copy, seconds=0.1)

        assert not errors, errors
    await stage.until(lambda: stage.subject.observed.calls.ended["RpcError"])
