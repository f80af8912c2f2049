"""What holds whatever bytes come: each promise as a function of bytes that raises where it is broken.

Knows: the rooms that take what the peer sends, and words of the wire to begin with. Must not know: who
makes up the bytes. `fuzzing` has them made up by a guided fuzzer, `test_promises` by hypothesis.

A check lives as long as its process and keeps its rooms from one input to the next, as a link does, so
that what one input leaves behind is met by the next.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from deribit_ws.errors import UsageError
from deribit_ws.router import Form
from deribit_ws.wire.channels import Pattern, family_of
from deribit_ws.wire.codec import decoder_of, encode_request
from deribit_ws.wire.patterns import may_be_name
from tests.bytes.link_end import Outcome, read_through
from tests.bytes.made_up import played_book, played_trades
from tests.core.recording import Ear, listen, live
from tests.peers import frames
from tests.wire.answers import ANSWERS
from tests.wire.channel_samples import SAMPLES

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
MAX_MESSAGE = 4096  # bytes; of the link that is fuzzed
CHANNELS = [name for name, _ in SAMPLES.values()]

Check = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Promise:
    """`make` gives a check; `seeds` are the inputs to begin with."""

    make: Callable[[], Check]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()  # that chance would take too long to spell


def notification(channel: str, data: str) -> bytes:
    return HEAD + channel.encode() + b'","data":' + data.encode() + b"}}"


# --- frames: bytes of the socket, after the upgrade


def reads_frames() -> Check:
    """A link takes any bytes: it hands out whole texts within its bound, and ends with `ConnectionLost`."""

    def check(data: bytes) -> Outcome:
        outcome = read_through(data, max_message=MAX_MESSAGE, compress=False)
        for text in outcome.texts:
            text.decode()
            assert len(text) <= MAX_MESSAGE, "longer than it may be"
        assert sum(map(len, outcome.texts)) <= len(data), "more than came"
        assert 1000 <= outcome.code <= 4999 or outcome.code < 65536, outcome.code
        return outcome

    return check


def inflates_frames() -> Check:
    """A link that takes compressed messages promises the same, but for how much may come of how little."""

    def check(data: bytes) -> Outcome:
        outcome = read_through(data, max_message=MAX_MESSAGE, compress=True)
        assert all(len(text) <= MAX_MESSAGE for text in outcome.texts), "longer than it may be"
        return outcome

    return check


# --- envelopes: the text of a frame


def reads_envelopes() -> Check:
    """`receive` raises nothing, and hears the same by its quick way and by a full parse."""
    links = []
    for _ in range(2):
        ears = [Ear(form) for form in Form]
        links.append((*live(listen(*ears)[0].notify), ears))

    def check(data: bytes) -> object:
        if len(data) > 1 << 16:
            return None
        heard = []
        for (protocol, told, ears), frame in zip(links, (data, data + b" "), strict=True):
            if not protocol.pending:
                protocol.call("public/get_time", {}, decoder_of(int))
            protocol.receive(frame)
            kinds = [(event[0], bool(event[1])) if event[0] == "garbage" else event for event in told.events]
            heard.append(([[_comparable(item) for item in ear.heard] for ear in ears], _no_ids(kinds)))
            assert len(told.events) <= 1 and len(protocol.pending) <= 1, told.events
            told.events.clear()
            for ear in ears:
                ear.heard.clear()
        if not HEAD.startswith(data):  # so short a frame is told to be the beginning of one, or not
            assert heard[0] == heard[1], data
        return heard

    return check


def _comparable(heard: tuple[str, Any]) -> tuple[str, str]:
    channel, payload = heard
    return channel, repr(payload.rstrip() if isinstance(payload, bytes) else payload)  # NaN equals itself so


def _no_ids(events: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(event[0], *event[2:]) if event[0] in ("result", "failed") else event for event in events]


# --- payloads: the data of a channel


def reads_payloads() -> Check:
    """Data of any channel is heard by all, or by those who take it as it is, or by nobody."""
    ears = {form: Ear(form) for form in Form}
    router, _ = listen(*ears.values())

    def check(data: bytes) -> object:
        if not data:
            return None
        channel, text = CHANNELS[data[0] % len(CHANNELS)], data[1:]
        misfit: Exception | None = None
        try:
            router.notify(channel.encode(), text)
        except UNREADABLE as error:
            misfit = error
        heard = {form: [payload for _, payload in ear.heard] for form, ear in ears.items()}
        for ear in ears.values():
            ear.heard.clear()
        is_json = misfit is None or isinstance(misfit, msgspec.ValidationError)
        assert len(heard[Form.BYTES]) == is_json, (channel, text, misfit)
        assert misfit is not None or all(heard.values()), (channel, text)
        if heard[Form.PLAIN]:
            _agrees_with_json(text, heard[Form.PLAIN][0])
        for payload in heard[Form.TYPED]:
            msgspec.json.encode(payload)
            repr(payload)
        return heard

    return check


def _agrees_with_json(text: bytes, plain: Any) -> None:
    """Compare with Python's own parser."""
    assert repr(json.loads(text)) == repr(plain) or plain == json.loads(text), text


def reads_answers() -> Check:
    """A result that is not what it should be is refused by one of the three errors meant for that."""
    decoders = [decoder_of(type) for type, _ in ANSWERS]

    def check(data: bytes) -> object:
        if not data:
            return None
        try:
            return msgspec.json.encode(decoders[data[0] % len(decoders)](data[1:]))
        except UNREADABLE:
            return None

    return check


# --- names of channels


def reads_names() -> Check:
    """Any name finds its family, fits the pattern it is itself, and is routed or refused; few are kept."""
    ear = Ear(Form.BYTES)
    router, unknown = listen(ear)

    def check(data: bytes) -> object:
        try:
            router.notify(data, b"1")
        except UNREADABLE:
            assert not ear.heard, data
        else:
            name = data.decode()
            assert [channel for channel, _ in ear.heard] == [name] and may_be_name(name)
            family_of(name)
        ear.heard.clear()
        assert len(unknown) <= 100, "the log is filled"
        try:
            pattern = Pattern(data.decode(errors="replace"))
        except UsageError:
            return None
        if not pattern.names and not pattern.has_wildcard:
            assert pattern.match(pattern.text, {}) == {}, data
        return pattern

    return check


# --- what is made of payloads


def keeps_books() -> Check:
    """A valid book is the one its messages make, and never crossed; nothing but a gap is raised."""
    return played_book


def keeps_trades() -> Check:
    """Each trade comes out once and by its number, or is in a gap; what is asked for can be sent."""

    def check(data: bytes) -> object:
        for method, params in played_trades(data):
            encode_request(1, method, params)
        return None

    return check


PROMISES = {
    "frames": Promise(
        reads_frames,
        (
            frames.encode(frames.TEXT, b"text") + frames.encode(frames.PING, b"ping"),
            frames.split(b"four", 1) + frames.encode_close(4000, "reason"),
            frames.encode(frames.BINARY, b"\x00") + frames.encode(frames.TEXT, b"x" * 5000),
            frames.encode(frames.TEXT, b"\xc3", fin=False) + frames.encode(frames.CONTINUATION, b"\xa9"),
        ),
    ),
    "deflated": Promise(
        inflates_frames,
        (
            frames.encode(frames.TEXT, bytes.fromhex("f248cdc9c90700"), bits=0x40),  # RFC 7692 §7.2.3.1
            frames.encode(frames.TEXT, b"plain") + frames.encode(frames.TEXT, b"\x00" * 9, bits=0x40),
        ),
    ),
    "envelopes": Promise(
        reads_envelopes,
        (
            *(notification(*sample) for sample in SAMPLES.values()),
            b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
            b'{"jsonrpc":"2.0","id":1,"result":1,"usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
            b'{"id":1,"error":{"code":13004,"message":"invalid_credentials","data":{"reason":"x"}}}',
            b'{"error":{"code":11050,"data":"invalid json","message":"bad_request"}}',
            b'{"params":{"data":[1],"channel":"a.b"},"method":"subscription"}',
            HEAD + b'a\\u002eb","data":1}}',
            HEAD + b'a.b","data":{"x":1},"data":{"y":2},"label":"l"}}',
            HEAD + b'a.b","data":1},"params":{"channel":"c.d","data":2}}',
        ),
        (HEAD, b'","data":', b"}}", b'"channel":"', b'"method":"subscription"', b'"result":', b'"error":'),
    ),
    "payloads": Promise(
        reads_payloads,
        tuple(bytes([at]) + data.encode() for at, (_, data) in enumerate(SAMPLES.values())),
        (
            b'"bids":[',
            b'["new",',
            b'"timestamp":',
            b'"instrument_name":"',
            b'"trade_seq":',
            b"null",
            b"1e999",
        ),
    ),
    "answers": Promise(
        reads_answers, tuple(bytes([at % 256]) + text.encode() for at, (_, text) in enumerate(ANSWERS))
    ),
    "names": Promise(
        reads_names,
        tuple(name.encode() for name in CHANNELS),
        (b"{instrument_name}", b"*", b">", b"user.", b".raw", b"any"),
    ),
    "books": Promise(keeps_books, (bytes(range(64)), bytes(200), bytes(range(255, 0, -1)))),
    "trades": Promise(keeps_trades, (bytes(range(64)), bytes(200), bytes(range(255, 0, -1)))),
}
