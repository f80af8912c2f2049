"""What each frame means, by literal frames: nothing here is written by the code it tests."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deribit_ws.protocol import DeribitProtocol
from deribit_ws.router import Form
from deribit_ws.wire.codec import decoder_of
from tests.core.recording import Ear, Told, agrees, listen, live

HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
TEST_REQUEST = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
INDEX = HEAD + b'deribit_price_index.btc_usd","data":{"timestamp":1,"price":2.5,"index_name":"btc_usd"}}}'


def heard(frame: bytes) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """What a frame makes of itself: notifications as plain values, and the rest."""
    ear = Ear(Form.PLAIN)
    protocol, told = live(listen(ear)[0].notify)
    protocol.receive(frame)
    return ear.heard, told.events


def answered(frame: bytes) -> list[tuple[Any, ...]]:
    """What the call of id 1 hears of a frame."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_time", {})
    protocol.receive(frame)
    return told.events


# --- notifications


@pytest.mark.parametrize(
    "frame",
    [
        HEAD + b'a.b","data":[1,2.2e3]}}',
        b'{"params":{"data":[1,2.2e3],"channel":"a.b"},"method":"subscription","jsonrpc":"2.0"}',
        b'{"method":"subscription","params":{"channel":"a.b","data":[1,2.2e3]},"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","method":"subscription","params":{"data":[1,2.2e3],"channel":"a.b"}}',
        b' {\n"jsonrpc" : "2.0",\t"method":"subscription",'
        b'"params": {"channel": "a.b", "data": [1,2.2E+3 ] } }\r\n',
        HEAD + b'a.b","data": [ 1 , 2200 ] }}',
        HEAD + b'a.b","data":[1,2.2e3]}} ',
        HEAD + b'a.b","data":[1,2.2e3],"label":"mine"}}',
        HEAD + b'a.b","label":"mine","data":[1,2.2e3]}}',
        HEAD + b'a.b","label":"\\"}}\\",\\"data\\":0","data":[1,2.2e3]}}',
        HEAD + b'a.b","data":[1,2.2e3],"label":{"deep":{"er":1}}}}',
        HEAD + b'a.b","data":0,"data":[1,2.2e3]}}',
        HEAD + b'x.y","channel":"a.b","data":[1,2.2e3]}}',
        HEAD + b'x.y","data":0,"channel":"a.b","data":[1,2.2e3]}}',
        HEAD + b'a.b","data":[1,2.2e3]},"testnet":false}',
        HEAD + b'a.b","data":[1,2.2e3]},"usIn":{"x":{}}}',
        HEAD + b'\\u0061.b","data":[1,2.2e3]}}',
        HEAD + b'a\\u002eb","data":[1,2.2e3]}}',
        b'{"jsonrpc":"2.0","meth\\u006fd":"subscription","params":{"channel":"a.b","d\\u0061ta":[1,2.2e3]}}',
        b'{"method":"heartbeat","method":"subscription","params":{"channel":"a.b","data":[1,2.2e3]}}',
        b'{"id":5,"jsonrpc":"2.0","method":"subscription","params":{"channel":"a.b","data":[1,2.2e3]}}',
    ],
)
def test_notification(frame: bytes) -> None:
    """A notification is understood in any order of keys, with any spacing, escapes and unknown fields."""
    assert heard(frame) == ([("a.b", [1, 2200.0])], [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"null", None),
        (b"true", True),
        (b"0", 0),
        (b'""', ""),
        (b"{}", {}),
        (b'"}}"', "}}"),
        (b'"\\"}}"', '"}}'),
        (b'"\\",\\"data\\":"', '","data":'),
        (b'{"channel":"x.y","data":{"a":1}}', {"channel": "x.y", "data": {"a": 1}}),
        (b'"{\\"method\\":\\"heartbeat\\"}"', '{"method":"heartbeat"}'),
        (b'["\\u0042\\n","\xc3\xa9\xf0\x9f\x98\x80"]', ["B\n", "é😀"]),
        (b"[3.2e4,-4.0e-7,1E2,-0.0]", [32000.0, -4e-07, 100.0, -0.0]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_data(text: bytes, value: Any) -> None:
    """Data may be any JSON value, and may look like the envelope around it."""
    assert heard(HEAD + b'a.b","data":' + text + b"}}") == ([("a.b", value)], [])
    assert heard(HEAD + b'a.b","data":' + text + b',"label":"l"}}') == ([("a.b", value)], [])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"42",
        b'"text"',
        b"NaN",
        b"{not json",
        b"\xef\xbb\xbf" + TEST_REQUEST,
        TEST_REQUEST[:-1],
        TEST_REQUEST + b"}",
        b"[" + TEST_REQUEST + b"]",
        b"\x00",
        b"\xff\xfe",
        b"[" * 200_000,
        HEAD,
        HEAD + b'a.b"}}',
        HEAD + b'a.b","data":',
        HEAD + b'a.b","data":}}',
        HEAD + b'a.b","data":123',
        HEAD + b'a.b","data":[1]} ',
        HEAD + b'a.b","data":1}',
        HEAD + b'a.b","data":1}}}',
        HEAD + b'a.b","data":NaN}}',
        HEAD + b'a.b","data":[Infinity]}}',
        HEAD + b'a.b","data":-Infinity}}',
        HEAD + b'a.b","data":1e999}}',
        HEAD + b'a.b","data":"\xff"}}',
        HEAD + b'a.b","data":1 2}}',
        HEAD + b'a.b","data":1},"x":{"y":}}',
        HEAD + b'a.b","data":' + b"[" * 200_000 + b"]" * 200_000 + b"}}",
        HEAD + b'a.b","data":' + b'{"a":' * 200_000 + b"}}",
        HEAD + b'\xff","data":1}}',
        HEAD + b'a\nb","data":1}}',
        HEAD + b'a\\nb","data":1}}',
        HEAD + b'a\\","data":1}}',
        b'{"method":"subscription"}',
        b'{"method":"subscription","params":null}',
        b'{"method":"subscription","params":[]}',
        b'{"method":"subscription","params":{}}',
        b'{"method":"subscription","params":{"channel":"a.b"}}',
        b'{"method":"subscription","params":{"data":1}}',
        b'{"method":"subscription","params":{"channel":null,"data":1}}',
        b'{"method":"subscription","params":{"channel":5,"data":1}}',
        b'{"method":7,"params":{}}',
        b'{"jsonrpc":"2.0","method":"brand_new","params":{"a":1}}',
        b'{"id":{},"result":1}',
        b'{"error":"boom"}',
        b'{"error":{"message":"no code"}}',
    ],
    ids=lambda frame: repr(frame[:90]),
)
def test_garbage(frame: bytes) -> None:
    """What can't be understood is told once, calls nobody, and the next frame is heard."""
    ear = Ear(Form.PLAIN)
    protocol, told = live(listen(ear)[0].notify)
    protocol.receive(frame)
    protocol.receive(HEAD + b'c.d","data":1}}')

    assert [event[0] for event in told.events] == ["garbage"]
    assert ear.heard == [("c.d", 1)]


def test_garbage_names_its_channel() -> None:
    """Data that does not fit is told with its channel, whichever way the frame was read."""
    protocol, told = live(listen(Ear(Form.TYPED))[0].notify)
    protocol.receive(HEAD + b'quote.BTC-PERPETUAL","data":{"timestamp":"x"}}}')
    protocol.receive(HEAD + b'quote.BTC-PERPETUAL","data":{"timestamp":"x"},"label":"l"}}')

    assert told.events == [("garbage", "quote.BTC-PERPETUAL")] * 2


# --- heartbeats


@pytest.mark.parametrize(
    "frame",
    [
        TEST_REQUEST,
        b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}',
        b'{"method":"heartbeat","jsonrpc":"2.0","params":{"seq":1,"type":"test_request"}}',
        b'{ "method" : "heartbeat" , "params" : { "type" : "test_request" } }',
        b'{"testnet":true,"method":"heart\\u0062eat","params":{"type":"test\\u005frequest"}}',
    ],
)
def test_test_request(frame: bytes) -> None:
    """A test_request is heard in any order of keys, before the link is live too."""
    told = Told()
    DeribitProtocol(listen()[0].notify, told, itertools.count(1)).receive(frame)

    assert heard(frame) == ([], [("test_request",)])
    assert told.events == [("test_request",)]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"params":{"type":"heartbeat"},"method":"heartbeat","jsonrpc":"2.0"}',
        b'{"params":{"type":"something_new"},"method":"heartbeat","jsonrpc":"2.0"}',
        b'{"method":"heartbeat"}',
    ],
)
def test_plain_heartbeat(frame: bytes) -> None:
    """A heartbeat that asks for nothing needs no answer."""
    assert heard(frame) == ([], [])


# --- answers


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (
            b'{"jsonrpc":"2.0","id":1,"result":1790133840888,"usIn":1,"usOut":2,"usDiff":1}',
            ("result", 1, 1790133840888),
        ),
        (b'{"usDiff":1.5,"usIn":null,"result":"ok","id":1,"jsonrpc":"2.0"}', ("result", 1, "ok")),
        (b'{"id":1,"result":null}', ("result", 1, None)),
        (b'{"id":1,"result":[],"error":null}', ("result", 1, [])),
        (b'{"id":9,"id":1,"result":{"a":3.2e4}}', ("result", 1, {"a": 32000.0})),
        (
            b'{"id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}',
            ("failed", 1, "RateLimited", 10028),
        ),
        (b'{"error":{"message":"unauthorized","code":13009},"id":1}', ("failed", 1, "AuthError", 13009)),
        (b'{"id":1,"error":{"code":99999}}', ("failed", 1, "RpcError", 99999)),
        (
            b'{"id":1,"error":{"code":-32602,"message":"Invalid params","data":{"param":"a"}}}',
            ("failed", 1, "RpcError", -32602),
        ),
    ],
)
def test_answer(frame: bytes, event: tuple[Any, ...]) -> None:
    """An answer reaches the call of its id, in any order of keys."""
    assert answered(frame) == [event]


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        (
            b'{"jsonrpc":"2.0","error":{"code":11050,"data":"invalid json","message":"bad_request"}}',
            [("stray", "RpcError", 11050)],
        ),
        (b'{"error":{"code":10028,"message":"too_many_requests"}}', [("stray", "RateLimited", 10028)]),
        (
            b'{"id":null,"error":{"code":10028,"message":"too_many_requests"}}',
            [("stray", "RateLimited", 10028)],
        ),
        (b'{"id":2,"error":{"code":13004,"message":"invalid_credentials"}}', [("stray", "AuthError", 13004)]),
        (b'{"id":"1","error":{"code":1}}', [("stray", "RpcError", 1)]),
        (b'{"jsonrpc":"2.0","result":"ok"}', []),
        (b'{"id":2,"result":"ok"}', []),
        (b'{"id":"1","result":"ok"}', []),
        (b'{"id":"abc","result":"ok"}', []),
        (b'{"id":true,"result":"ok"}', [("garbage", "")]),
        (b'{"id":1.5,"result":"ok"}', [("garbage", "")]),
        (b'{"id":1}', [("garbage", "")]),
        (b'{"id":1,"result":"\xff"}', [("garbage", "")]),
    ],
)
def test_answer_to_nobody(frame: bytes, events: list[tuple[Any, ...]]) -> None:
    """What answers no call of ours ends none: an error is told, a late result is not."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_time", {})
    protocol.receive(frame)

    assert told.events == events
    assert [(id, call.method) for id, call in protocol.pending.items()] == [(1, "public/get_time")]


def test_typed_result() -> None:
    """A result is read by what its call was opened with."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_index_price", {}, decoder_of(dict[str, float]))
    protocol.receive(b'{"jsonrpc":"2.0","id":1,"result":{"index_price":1}}')

    ((_, _, result),) = told.events
    assert (result, type(result["index_price"]), protocol.pending) == ({"index_price": 1.0}, float, {})


@pytest.mark.parametrize(("result", "expected"), [(b'"now"', int), (b"[]", dict), (b"1e999", Any)])
def test_result_of_another_shape(result: bytes, expected: Any) -> None:
    """A result that is not what its call expects, or no number at all, ends that call as an error."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_time", {}, decoder_of(expected))
    protocol.receive(b'{"jsonrpc":"2.0","id":1,"result":' + result + b"}")

    assert told.events == [("failed", 1, "WireError", None)]
    assert protocol.pending == {}


def test_answered_once() -> None:
    """A second answer to the same id reaches nobody."""
    protocol, told = live(listen()[0].notify)
    protocol.call("public/get_time", {})
    protocol.receive(b'{"id":1,"result":1}')
    protocol.receive(b'{"id":1,"result":2}')

    assert told.events == [("result", 1, 1)]
    assert protocol.pending == {}


def test_out_of_order() -> None:
    """Answers may come in another order than their calls."""
    protocol, told = live(listen()[0].notify)
    frames = [protocol.call("public/get_time", {})[1] for _ in range(3)]
    for id in (3, 1, 2):
        protocol.receive(b'{"id":%d,"result":%d}' % (id, id * 10))

    assert frames[2] == b'{"jsonrpc":"2.0","id":3,"method":"public/get_time","params":{}}'
    assert told.events == [("result", 3, 30), ("result", 1, 10), ("result", 2, 20)]


# --- before it is live


def test_held_back() -> None:
    """Until the link is live, notifications wait; then they come out once, in order, ahead of later ones."""
    ear = Ear(Form.PLAIN)
    told = Told()
    protocol = DeribitProtocol(listen(ear)[0].notify, told, itertools.count(1))
    for frame in (
        HEAD + b'a.b","data":1}}',
        b"garbage",
        HEAD + b'a.b","data":2,"label":"l"}}',
        b'{"id":1,"result":1}',
    ):
        protocol.receive(frame)

    assert (ear.heard, told.events) == ([], [("garbage", "")])
    protocol.go_live()
    protocol.go_live()
    protocol.receive(HEAD + b'a.b","data":3}}')
    assert ear.heard == [("a.b", 1), ("a.b", 2), ("a.b", 3)]


def test_held_back_in_slices() -> None:
    """What was held back can be handed out in slices; what arrives between them waits for its turn."""
    ear = Ear(Form.PLAIN)
    protocol = DeribitProtocol(listen(ear)[0].notify, Told(), itertools.count(1))
    for n in range(5):
        protocol.receive(HEAD + b'a.b","data":%d}}' % n)
    more = [protocol.go_live(2)]
    protocol.receive(HEAD + b'a.b","data":5}}')
    more += [protocol.go_live(2), protocol.go_live(2), protocol.go_live(2)]
    protocol.receive(HEAD + b'a.b","data":6}}')

    assert more == [True, True, False, False]
    assert ear.heard == [("a.b", n) for n in range(7)]


def test_held_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held back is bounded: beyond the bound the link is asked to go live, and loses nothing."""
    monkeypatch.setattr("deribit_ws.protocol.HELD_BYTES", 200)
    ear = Ear(Form.PLAIN)
    told = Told()
    told.protocol = protocol = DeribitProtocol(listen(ear)[0].notify, told, itertools.count(1))
    for n in range(5):
        protocol.receive(HEAD + b'a.b","data":%d}}' % n)

    assert told.events == [("held_too_much",)]
    assert ear.heard == [("a.b", n) for n in range(5)]


# --- whatever comes

FORMS = {
    "ticker.BTC-PERPETUAL.100ms": b'{"timestamp":1,"state":"open","stats":{"high":null,"volume":2.5},'
    b'"instrument_name":"BTC-PERPETUAL","last_price":3.2e4,"mark_price":1,"estimated_delivery_price":"expired"}',
    "book.BTC-PERPETUAL.100ms": b'{"timestamp":1,"type":"change","change_id":3,"prev_change_id":2,'
    b'"instrument_name":"BTC-PERPETUAL","bids":[["new",1.5,10.0]],"asks":[["delete",2,0]]}',
    "trades.BTC-PERPETUAL.100ms": b'[{"timestamp":1,"price":1.5,"amount":10,"direction":"buy",'
    b'"instrument_name":"BTC-PERPETUAL","trade_seq":1,"trade_id":"1"}]',
    "announcements": b'{"id":1,"title":"\\"}},\\"data\\":","body":"caf\xc3\xa9"}',
}
REAL = [
    *(HEAD + name.encode() + b'","data":' + data + b"}}" for name, data in FORMS.items()),
    TEST_REQUEST,
    b'{"jsonrpc":"2.0","id":3,"result":["book.ETH-PERPETUAL.100ms"],"usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
    b'{"jsonrpc":"2.0","id":1,"error":{"code":13778,"message":"raw_subscriptions_not_available_for_unauthorized"}}',
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real frame with pieces cut out, doubled, or written over."""
    frame = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(frame)))
        end = draw(st.integers(start, min(len(frame), start + 12)))
        patch = draw(
            st.sampled_from(
                [b"", frame[start:end] * 2, b'"', b"\\", b"}}", b"[", b"NaN", b"\xff", b"null", b","]
            )
        )
        frame = frame[:start] + patch + frame[end:]
    return frame


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=80), damaged(), st.binary(max_size=60).map(HEAD.__add__)), st.booleans())
def test_receive_never_raises(frame: bytes, is_live: bool) -> None:
    """Whatever arrives, receive returns, nobody hears it twice, and the next frame is heard."""
    ears = [Ear(form) for form in Form]
    told = Told()
    protocol = DeribitProtocol(listen(*ears)[0].notify, told, itertools.count(1))
    protocol.call("public/get_time", {})
    if is_live:
        protocol.go_live()
    protocol.receive(frame)
    protocol.go_live()
    protocol.receive(INDEX)

    assert {len(ear.heard) for ear in ears} <= {1, 2}
    assert {ear.heard[-1][0] for ear in ears} == {"deribit_price_index.btc_usd"}


def refuse(word: str) -> float:
    raise ValueError(word)


def plainly(frame: bytes) -> tuple[str, Any] | None:
    """The slow, sure way to read a notification: Python's own parser; None when it is none."""
    try:
        message = json.loads(frame, parse_constant=refuse)
    except ValueError:
        return None
    match message:
        case {"method": "subscription", "params": {"channel": str(channel), "data": data}}:
            return channel, data
        case _:
            return None


TRICKS = ['"}}', '","data":', '"', "\\", "}}", '{"channel":"x"}', '\\","data":', "\\u0042", "é", ".", "}", ""]
tricky = st.lists(st.sampled_from([*TRICKS, "a", "b.c"]), max_size=4).map("".join)
names = st.one_of(st.sampled_from([*FORMS, "a.b"]), tricky)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), tricky
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(tricky, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    """A notification as JSON, in whatever order, spacing and escapes, with strangers before and behind."""
    name = draw(names)
    ascii_only = draw(st.booleans())
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))

    def dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(comma, colon))

    data = FORMS[name].decode() if name in FORMS and draw(st.booleans()) else dumps(draw(values))
    strangers = st.one_of(
        st.tuples(st.sampled_from(["label", "x", "data"]), values.map(dumps)),
        st.tuples(st.just("channel"), names.map(dumps)),  # the last of two counts, as everywhere
    )
    params = [("channel", dumps(name)), ("data", data), *draw(st.lists(strangers, max_size=2))]
    message = [("jsonrpc", '"2.0"'), ("method", '"subscription"')]
    if draw(st.booleans()):
        params = draw(st.permutations(params))
        message = draw(st.permutations(message))

    def joined(pairs: list[tuple[str, str]]) -> str:
        return "{" + comma.join(json.dumps(key) + colon + value for key, value in pairs) + "}"

    return joined([*message, ("params", joined(params))]).encode()


@settings(max_examples=600, deadline=None)
@given(envelopes())
@example(HEAD + b'book.\\u0042TC.raw","data":1}}')
@example(HEAD + b'a","data":1},"params":{"channel":"b","data":2}}')
@example(HEAD + b'a","data":1},"params":{"channel":"b","data":{"x":2}}}')
@example(HEAD + b'a","data":{"x":1},"data":{"y":2}}}')
@example(HEAD + b'a","data":{"x":1},"label":{"y":2}}}')
@example(HEAD + b'announcements","data":"\\"}},\\"x\\":{\\"y\\":1","z":"\\"}}"}}')
def test_fast_path(frame: bytes) -> None:
    """The way that cuts the channel out of the bytes hears just what a full parse hears, in every form."""
    plain, raw, typed = Ear(Form.PLAIN), Ear(Form.BYTES), Ear(Form.TYPED)
    for ear in (plain, raw, typed):
        protocol, _ = live(listen(ear)[0].notify)
        protocol.receive(frame)
    expected = plainly(frame)
    meant = [] if expected is None or not expected[0].isprintable() else [expected]

    assert plain.heard == meant
    assert [(channel, json.loads(data)) for channel, data in raw.heard] == meant
    if typed.heard:
        channel, payload = typed.heard[0]
        assert [channel] == [name for name, _ in meant]
        assert channel in FORMS or payload == meant[0][1]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", ["head", "label", "permuted"])
def test_typed_in_any_order(name: str, shape: str) -> None:
    """A typed payload is the same one, whichever way its frame was written."""
    data = FORMS[name]
    frame = {
        "head": HEAD + name.encode() + b'","data":' + data + b"}}",
        "label": HEAD + name.encode() + b'","data":' + data + b',"label":"x"}}',
        "permuted": b'{"params":{"data":'
        + data
        + b',"channel":"'
        + name.encode()
        + b'"},"method":"subscription"}',
    }[shape]
    ear = Ear(Form.TYPED)
    protocol, told = live(listen(ear)[0].notify)
    protocol.receive(frame)

    assert told.events == []
    assert [channel for channel, _ in ear.heard] == [name]
    assert not isinstance(ear.heard[0][1], dict)
    assert agrees(ear.heard[0][1], json.loads(data))


@pytest.mark.parametrize(
    ("frame", "channel"),
    [
        (HEAD + b'book.X.raw","data":{"change_id":1', "book.X.raw"),
        (HEAD + b'book.X.raw","da', "book.X.raw"),
        (HEAD + b"book.X.r", None),
        (HEAD + b'","data":', None),
        (HEAD + b'book.\\u0058","data":', None),
        (HEAD + b'book.\xff","data":', None),
        (HEAD + b'book.\x1b","data":', None),
        (b'{"params": {"channel": "book.X.raw", "data": NaN}}', "book.X.raw"),
        (b'{"params":{"name":"book.X.raw"', None),
    ],
)
def test_whose_garbage_it_was(frame: bytes, channel: str | None) -> None:
    """A frame that breaks off is told with its channel where that was said, and with none where not."""
    protocol, told = live(lambda channel, data: None)
    protocol.receive(frame)

    assert told.events == [("garbage", channel)]


@pytest.mark.parametrize("tail", [b"", b"}", b"xx", b"]}", b"} ", b'},"id":1]'])
def test_known_channel_cut_off(tail: bytes) -> None:
    """A frame that begins as its channel does, and does not end so, is garbage, and not handed out."""
    ear = Ear(Form.PLAIN)
    protocol, told = live(listen(ear)[0].notify)
    begun = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.X.raw","data":'
    protocol.receive(begun + b"1}}")
    protocol.receive(begun + b"12345" + tail)

    assert ear.heard == [("ticker.X.raw", 1)]
    assert told.events == [("garbage", "ticker.X.raw")]
